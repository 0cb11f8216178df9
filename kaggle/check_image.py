"""Do the kernels run with exactly the versions of Kaggle's image, and of Colab's?

    python kaggle/check_image.py kaggle colab   # 8 GB of disk each, and some ten minutes

Makes the image's environment where it is not there yet (benchmarks/environments.py has the versions), and runs the
tests of the chain of kernels (tests/test_kaggle_chain.py) with its Python on the emulated machine.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
from environments import ENVIRONMENTS, make  # noqa: E402
from runtimes import RuntimeUnavailableError  # noqa: E402

IMAGES = ["kaggle", "colab"]


def main() -> int:
    """Parse the command line and run the chain in each image; the exit status is 1 where a test fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="+", choices=IMAGES, metavar="IMAGE", help=" or ".join(IMAGES))
    parser.add_argument("--folder", type=Path, default=ROOT / "outputs/environments", help="where they are kept")
    arguments = parser.parse_args()
    failed = False
    for image in arguments.images:
        print(f"=== {image}: Python {ENVIRONMENTS[image].python}", flush=True)
        try:
            python = make(ENVIRONMENTS[image], arguments.folder.resolve() / image)
        except RuntimeUnavailableError as error:
            print(f"{image}: {error}", file=sys.stderr)
            failed = True
            continue
        command = [python, "-m", "pytest", "tests/test_kaggle_chain.py", "--verbose", "--durations=10"]
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
        failed |= bool(subprocess.run(command, cwd=ROOT, env=environment).returncode)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
