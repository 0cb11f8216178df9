"""Damages that `fuzz.py` does to files: bytes that change, and structures that are valid and mean something else.

Each takes a file's content and a random generator, and returns the damaged content.
"""

import csv
import io
import json
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

Damage = Callable[[bytes, np.random.Generator], bytes]


# --- damages of bytes


def flip_bits(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for place in rng.integers(len(content), size=rng.integers(1, 9)):
        changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def flip_footer(content: bytes, rng: np.random.Generator) -> bytes:
    """Change bytes where parquet, Arrow and zip say what the file holds."""
    changed = bytearray(content)
    end = max(len(content) - int(min(len(content), 10 ** rng.uniform(1, 5))), 0)
    for place in rng.integers(end, len(content), size=rng.integers(1, 9)):
        changed[place] = int(rng.integers(256))
    return bytes(changed)


def cut_off(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: rng.integers(len(content))]


def take_out(content: bytes, rng: np.random.Generator) -> bytes:
    start, stop = sorted(rng.integers(len(content) + 1, size=2))
    return content[:start] + content[stop:]


def hole(content: bytes, rng: np.random.Generator) -> bytes:
    start, stop = sorted(rng.integers(len(content) + 1, size=2))
    return content[:start] + bytes(stop - start) + content[stop:]


def put_in(content: bytes, rng: np.random.Generator) -> bytes:
    place = rng.integers(len(content) + 1)
    return content[:place] + rng.bytes(rng.integers(1, 200)) + content[place:]


def noise(content: bytes, rng: np.random.Generator) -> bytes:
    return rng.bytes(rng.integers(3000))


BYTES: tuple[Damage, ...] = (flip_bits, flip_footer, cut_off, take_out, hole, put_in, noise)


# --- damages of structure

VALUES: list[Any] = [
    None,
    -1,
    0,
    1.5,
    1e308,
    float("nan"),
    10**30,
    "",
    "x",
    "\0",
    "../..",
    "/etc/passwd",
    [],
    {},
    [[]],
    True,
]


def change_json(content: bytes, rng: np.random.Generator) -> bytes:
    """Replace, rename or remove something somewhere in a JSON document; flip bits in other files."""
    try:
        document = json.loads(content)
    except ValueError:
        return flip_bits(content, rng)
    node = document
    while isinstance(node, dict | list) and node:
        key = list(node)[rng.integers(len(node))] if isinstance(node, dict) else int(rng.integers(len(node)))
        if not isinstance(node[key], dict | list) or not node[key] or rng.random() < 0.3:
            how = rng.integers(3)
            if how == 0:
                node[key] = VALUES[rng.integers(len(VALUES))]
            elif how == 1:
                del node[key]
            elif isinstance(node, dict):
                node[str(VALUES[rng.integers(len(VALUES))])] = node.pop(key)
            break
        node = node[key]
    return json.dumps(document).encode()


def nest(content: bytes, rng: np.random.Generator) -> bytes:
    depth = int(10 ** rng.uniform(1, 5))
    return b"[" * depth + b"]" * depth


FIELDS = [
    *VALUES[6:],
    "9" * 30,
    "-5",
    "1e5",
    "1.0",
    "0x10",
    "x" * 40_000,
    "a\0b",
    "a\nb",
    '"',
    "\ufeff",
    "$_$",
    "\U0001f600",
]


def change_csv(content: bytes, rng: np.random.Generator) -> bytes:
    """Change fields, rows or the header of a table."""
    rows = list(csv.reader(io.StringIO(content.decode())))
    for _ in range(rng.integers(1, 4)):
        row = rows[rng.integers(len(rows))]
        how = rng.integers(6)
        if how <= 2 and row:
            row[rng.integers(len(row))] = str(FIELDS[rng.integers(len(FIELDS))])
        elif how == 3 and row:
            del row[rng.integers(len(row))]
        elif how == 4:
            rows.append(list(row))
        else:
            row.append("more")
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "surrogatepass")


SCALARS = [
    *map(str, FIELDS),
    *(
        "yes",
        "010",
        "0o17",
        "1:30",
        "1_000",
        "1e-3",
        ".inf",
        "- 1",
        "~",
        "~nobody/x",
        "null",
        "'",
        "!!int 010",
        "[1, 2]",
    ),
    *("*a", "&a [1]", "{a: 1}", "!!python/object/apply:os.getcwd []", "training.epochs=3", "[a='b]", "[model.x=[[1]"),
]


def change_yaml(content: bytes, rng: np.random.Generator) -> bytes:
    """Change values, names and the order of lines of a file of parameters."""
    lines = content.decode().splitlines()
    for _ in range(rng.integers(1, 4)):
        place, how = rng.integers(len(lines)), rng.integers(6)
        name, colon, _ = lines[place].partition(":")
        scalar = SCALARS[rng.integers(len(SCALARS))]
        if how <= 2 and colon:
            lines[place] = f"{name}: {scalar}"
        elif how == 3:
            lines.insert(place, lines[rng.integers(len(lines))])
        elif how == 4:
            lines[place] = " " * int(rng.integers(5)) + lines[place].strip()
        else:
            names = [line.partition(":")[0] for line in lines] + ["overrides", "params", "data_dir", "extraction"]
            lines.insert(place, f"{names[rng.integers(len(names))]}: {scalar}")
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def change_zip(content: bytes, rng: np.random.Generator) -> bytes:
    """Write an archive anew: members packed otherwise, renamed, doubled, missing or filled with other bytes."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [[name, archive.read(name)] for name in archive.namelist()]
    member, how = members[rng.integers(len(members))], rng.integers(6)
    packing = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)[rng.integers(4)]
    if how == 0:
        member[0] = str(FIELDS[rng.integers(len(FIELDS))]).replace("\0", "_") or "_"  # zipfile writes no empty name
    elif how == 1:
        member[1] = bytes(int(10 ** rng.uniform(0, 9)))  # little when packed
    elif how == 2:
        members.append([member[0], BYTES[rng.integers(len(BYTES))](member[1], rng)])
    elif how == 3:
        members.remove(member)
    else:
        member[1] = BYTES[rng.integers(len(BYTES))](member[1], rng)
    changed = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(changed, "w", packing) as archive:
        for name, filling in members:
            archive.writestr(name, filling)
    return changed.getvalue()


def change_table(content: bytes, rng: np.random.Generator) -> bytes:
    """Write a parquet file anew with a column of another type, doubled, gone, or with other rows."""
    table = pq.read_table(io.BytesIO(content))
    place = int(rng.integers(table.num_columns))
    if rng.random() < 0.4:
        place = table.schema.names.index(("sequence_id", "frame")[rng.integers(2)])
    name, n = table.schema.names[place], table.num_rows
    how = rng.integers(8)
    kinds = [
        pa.array(["text"] * n),
        pa.array([{"a": 1.0}] * n),
        pa.array([[1.0]] * n),
        pa.array(np.full(n, 2**63, np.uint64)),
        pa.array([None] * n),
        pa.array(rng.random(n)),
        pa.array([b"\\xff"] * n),
        pa.array(rng.integers(-(2**62), 2**62, n)),
        pa.array(np.full(n, np.inf)),
    ]
    if how <= 3:
        table = table.set_column(place, name, kinds[rng.integers(len(kinds))])
    elif how == 4:
        table = table.remove_column(place)
    elif how == 5:
        table = table.append_column(name, table[place])
    elif how == 6:
        table = table.take(pa.array(rng.integers(n, size=rng.integers(0, 2 * n))))
    else:
        table = table.slice(0, int(rng.integers(n)))
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()
