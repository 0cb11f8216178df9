"""The command line.

    fingerspelling run --params X.yaml                      all chapters, one after another
    fingerspelling train --params X.yaml                    a run's models alone; torchrun -m fingerspelling train ...
    fingerspelling predict clip.parquet                     the text of a clip; --sample for one to try
    fingerspelling score submission.zip clips train.csv     what Kaggle's scorer would say
    fingerspelling status outputs/demo                      which stages of a run are done, and which no longer fit
    fingerspelling kaggle push 03 --follow                  a notebook on Kaggle's machines; status, fetch, submit ...
    fingerspelling sweep X.yaml training.epochs=3,6         many runs, and a table of them
    fingerspelling compare outputs/*                        runs side by side, and which differences are chance
    fingerspelling read video.mp4                           what a video spells; --camera 0 for a webcam

Predicting needs NumPy, PyArrow and a TensorFlow Lite runtime; what the others need is imported there.
"""

import sys

try:
    import argparse
    import importlib
    import mimetypes
    from pathlib import Path

    import fingerspelling
    from fingerspelling.data.parquet import read_clip, read_clips, unit_and_mark
    from fingerspelling.files import DataError, InputError, path_ending, to_path, visible_files
    from fingerspelling.processes import exit_status
    from fingerspelling.scoring.runtime import ModelError
    from fingerspelling.scoring.submission import Submission, shipped
    from fingerspelling.video import command
except KeyboardInterrupt:  # before exit_status can say so
    print("interrupted", file=sys.stderr)
    sys.exit(130)

MODULES = {  # with the function that runs a command, all but predict
    "run": "workbook.notebooks",
    "train": "workbook.train",
    "score": "scoring.scorer",
    "status": "runs.status",
    "kaggle": "kaggle.commands",
    "sweep": "runs.sweep",
    "compare": "runs.compare",
    "read": "video.command",
}
RESUMED = {"run", "train", "sweep"}  # go on where they were interrupted


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, another where something failed, as the commands say."""
    parser = argparse.ArgumentParser(prog="fingerspelling", description="Fingerspelled phrases from landmarks.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {fingerspelling.__version__}")
    commands = parser.add_subparsers(required=True, dest="command")

    running = commands.add_parser("run", help="run all chapters, or go on where they were")
    _add_parameters(running)
    running.add_argument("--notebooks", nargs="+", metavar="NAME", help="only these, such as 03")
    training = commands.add_parser("train", help="train a run's models, or go on where they were")
    _add_parameters(training)

    predicting = commands.add_parser("predict", help="print the text of clips", epilog=command.STATUS)
    predicting.add_argument(
        "paths", nargs="*", type=to_path, metavar="path", help="a parquet file, or a folder of them"
    )
    predicting.add_argument(
        "--submission", type=to_path, metavar="FILE", help="another model than the one that is shipped"
    )
    predicting.add_argument("--sequence", type=int, metavar="ID", help="only this clip of files that hold many")
    predicting.add_argument("--sample", action="store_true", help="read a clip that is shipped, and draw its hands")
    picture = path_ending(".png", ".html")
    predicting.add_argument("--picture", type=picture, metavar="FILE", help="of the sample, a page (.html) or a PNG")

    scoring = commands.add_parser("score", help="score a submission as the competition does")
    scoring.add_argument("submission", type=to_path, help="submission.zip, or a folder with its files")
    scoring.add_argument("folder", type=to_path, help="parquet files of a clip each, named after their sequence_id")
    scoring.add_argument("phrases", type=to_path, help="a CSV table with sequence_id and phrase, such as train.csv")
    scoring.add_argument("--threads", type=int, help="for the model (default: the runtime's own choice, as on Kaggle)")
    scoring.add_argument(
        "--table", type=to_path, metavar="CSV", help="write a row per clip: prediction, score, time, error"
    )

    stating = commands.add_parser("status", help="print which stages of a run are done, partly done or out of date")
    stating.add_argument("run_dir", type=to_path, nargs="+", help="a run's folder, such as outputs/demo")
    _add_kaggle(commands.add_parser("kaggle", help="push, watch, fetch and submit the notebooks' kernels"))
    _add_sweep(commands.add_parser("sweep", help="run a file of parameters with all combinations of other values"))
    comparing = commands.add_parser("compare", help="set runs side by side")
    comparing.add_argument("folders", nargs="+", type=to_path, metavar="folder", help="of a run, such as outputs/demo")
    comparing.add_argument(
        "--figure", type=to_path, default="compare.png", help="for the curves (default: %(default)s)"
    )
    reading = commands.add_parser("read", help="print what a video or a webcam's picture spells", epilog=command.STATUS)
    command.add_arguments(reading)

    options = parser.parse_args(arguments)
    command_run = predict if options.command == "predict" else _run
    return exit_status(lambda: command_run(options), resumes=options.command in RESUMED)


def _run(options: argparse.Namespace) -> int:
    """Import a command and run it; a DataError says which extras bring a package that is missing."""
    module = MODULES[options.command]
    if options.command == "sweep" and options.kaggle:
        module = "kaggle.sweep"
    try:
        imported = importlib.import_module(f"fingerspelling.{module}")
    except ImportError as error:
        needs = f"fingerspelling {options.command} needs the package {error.name}"
        extras = "workbook,kaggle" if module.startswith("kaggle") else "workbook"
        raise DataError(f"{needs}; install fingerspelling[{extras}]") from error
    return imported.run(options)


def _add_parameters(parser: argparse.ArgumentParser) -> None:
    demo = "notebooks/params/demo.yaml"
    parser.add_argument("--params", type=to_path, default=demo, help="a YAML file (default: %(default)s)")
    parser.add_argument("--data", type=to_path, help="the competition's data folder; without it, signers are simulated")


def _add_kaggle(parser: argparse.ArgumentParser) -> None:
    """Describe `fingerspelling kaggle`; see `kaggle.commands`."""
    actions = parser.add_subparsers(required=True, dest="action", metavar="action")
    parameters = argparse.ArgumentParser(add_help=False)
    parameters.add_argument("--params", type=to_path, help="the run's YAML file (default: that of a trial)")
    version = argparse.ArgumentParser(add_help=False)
    version.add_argument("--version", type=int, help="of the kernel (default: the newest)")

    pushing = actions.add_parser("push", parents=[parameters], help="build a notebook's kernel and run it on Kaggle")
    pushing.add_argument("numbers", nargs="+", metavar="number", help="of notebooks: 03; or 02 03, one after another")
    pushing.add_argument("--follow", action="store_true", help="print what it prints until it ends; train to the end")
    pushing.add_argument("--simulated", action="store_true", help="on simulated signers, without the competition")
    pushing.add_argument("--uncommitted", action="store_true", help="even what the last commit does not hold")
    following = actions.add_parser("follow", parents=[parameters, version], help="print what a kernel prints")
    following.add_argument("number", help="of the notebook, such as 03")
    actions.add_parser("status", parents=[parameters], help="say how far the run's kernels and submissions are")
    fetching = actions.add_parser("fetch", parents=[parameters, version], help="bring kernels' output into the run")
    fetching.add_argument("numbers", nargs="+", metavar="number", help="of the notebooks, such as 03")
    fetching.add_argument("--into", type=to_path, metavar="FOLDER", help="instead of the run's folder")
    submitting = actions.add_parser("submit", parents=[parameters, version], help="submit what a kernel has written")
    submitting.add_argument("number", nargs="?", default="05", help="of the notebook (default: %(default)s)")
    submitting.add_argument("--message", help="beside the submission (default: the kernel)")
    submitting.add_argument("--follow", action="store_true", help="wait for the score")
    weights = actions.add_parser("weights", help="upload a run's trained models as a dataset")
    weights.add_argument("run_dir", type=to_path, help="the run's folder")
    actions.add_parser("wheels", help="upload the packages that Kaggle's image lacks as a dataset")


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    """Describe `fingerspelling sweep`; see `runs.sweep`, `kaggle.sweep`."""
    parser.add_argument("params", type=to_path, help="a YAML file of parameters")
    parser.add_argument("values", nargs="+", metavar="name=value,value", help="such as training.epochs=3,6")
    parser.add_argument("--folder", type=to_path, help="for the runs (default: outputs/sweep_<name of the file>)")
    parser.add_argument("--notebooks", nargs="+", default=["03_training"], help="what is run (default: %(default)s)")
    parser.add_argument("--data", type=to_path, help="the competition's data folder; without it, signers are simulated")
    parser.add_argument("-n", "--parallel", type=int, help="runs at a time (default: 1; on Kaggle, 2)")
    parser.add_argument("--kaggle", action="store_true", help="run 03_training on Kaggle's machines instead")
    parser.add_argument("--uncommitted", action="store_true", help="with --kaggle: even what the last commit lacks")


def predict(options: argparse.Namespace) -> int:
    """Print the text of clips: alone for a file of one clip, else one line per clip, after its file and sequence.

    The shipped model, like any that is calibrated, also says how sure it is. Returns the exit status, as grep's: 1
    where nothing at all was readable, 2 where a clip failed, even if others were read.
    """
    if options.picture and not options.sample:
        yours = (
            f"fingerspelling read {options.paths[0] if options.paths else 'clip.parquet'} --picture {options.picture}"
        )
        raise InputError(f"--picture goes with --sample; for a clip of yours: {yours}")
    if options.sample == bool(options.paths):
        raise InputError("--sample takes no path" if options.sample else "name clips to read, or --sample")
    if options.sample:
        return command.read_sample(options.submission, options.picture)
    submission = Submission(options.submission or shipped())
    # Where a folder has none, its own path stands in.
    files = [file for path in options.paths for file in visible_files(path, "*.parquet") or [path]]
    failed = readable = False
    for file in files:
        try:
            if reason := _no_clip(file):
                raise DataError(f"{file}: {reason}")
            pixels, mark = unit_and_mark(file)
            if pixels:
                raise DataError(
                    f"{file}: its coordinates are pixels; divide x and z by the picture's width, y by its height"
                )
            if mark is not None:
                print(f"{file}: points at {mark:g}, {mark:g} count as undetected", file=sys.stderr)
            if options.sequence is None:
                clips = read_clips(file, submission.columns, mark)
            else:
                clips = {options.sequence: read_clip(file, submission.columns, options.sequence, mark)}
        except DataError as error:
            failed = True
            print(error, file=sys.stderr)
            continue
        for sequence_id, frames in clips.items():
            name = f"{file}:{sequence_id}" if len(clips) > 1 else file
            try:
                answer = submission.read(frames)
            except ModelError as error:
                failed = True
                print(f"{name}: the model failed ({error})", file=sys.stderr)
                continue
            readable |= bool(answer.text)
            print(answer if [file] == options.paths and len(clips) == 1 else f"{name}\t{answer}", flush=True)
    return 2 if failed else int(not readable)


def _no_clip(path: Path) -> str:
    """Say why a path cannot be a file of clips, "" where it may be one."""
    if path.is_dir():
        return "holds no parquet files"
    if not path.exists():
        return "no such file or folder"
    film = (mimetypes.guess_type(path.name)[0] or "").startswith("video/")
    return "is a video, which `fingerspelling read` reads" if film else ""


if __name__ == "__main__":
    sys.exit(main())
