"""The command `jaxgan VERB …`, and `launch.py --mode=…`: one process, from arguments to exit code."""

import contextlib
import difflib
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence

import jaxgan
from jaxgan import config_files, extras, runs
from jaxgan.errors import JaxganError, UsageError
from jaxgan.io.terminal import lenient_output
from jaxgan.signals import end_on_signals, ignore_signals, stopped
from jaxgan.tables import did_you_mean


def main(arguments: Sequence[str] | None = None, *, answers_signals: bool = True) -> None:
    """Runs the command `jaxgan`; None takes the process's arguments.

    Args:
      arguments: a verb and its arguments; or only flags, as for `launch.py`.
      answers_signals: whether SIGTERM and SIGINT end this process with exit code 75.

    Raises:
      SystemExit: always, with 0 or an error's exit code.
    """
    with _process(answers_signals):
        verb, *rest = [*(sys.argv[1:] if arguments is None else arguments)] or [""]
        if verb in ("", "help", "-h", "--help"):
            print(_help())
        elif verb == "--version":
            print(jaxgan.__version__)
        elif verb in runs.MODES:
            mode = runs.MODES[verb]
            several = " [DIR ...]" if "compare" in mode.options else ""
            usage = f"jaxgan {verb} {'CONFIG --workdir=DIR' if mode.trains else f'DIR{several}'} [FLAGS]"
            fields = f"\n\nall fields of a config: {config_files.folder() / 'default.py'}" if mode.trains else ""
            _run([f"jaxgan {verb}", *rest], f"jaxgan {verb}: {mode.summary}\n\nusage: {usage}{fields}", verb)
        elif verb in OTHERS:
            sys.exit(OTHERS[verb][1](rest))
        elif verb.startswith("-"):
            _run(["jaxgan", verb, *rest], _help())
        else:
            known = [*runs.MODES, *OTHERS]
            near = did_you_mean(difflib.get_close_matches(verb, known, n=2))
            raise UsageError("jaxgan", f"{verb!r} is not a verb", near or f"choose one of {', '.join(known)}")


def launch(description: str, *, answers_signals: bool) -> None:
    """Runs `launch.py`, which takes only flags.

    Args:
      description: the first line of the help.
      answers_signals: as for `main`.
    """
    with _process(answers_signals):
        _run(sys.argv, description)


@contextlib.contextmanager
def _process(answers_signals: bool) -> Iterator[None]:
    """Turns an expected failure into a one-line message and an exit code, and handles signals until then."""
    if answers_signals:
        end_on_signals()
    with lenient_output():
        try:
            with extras.named():
                yield
            sys.exit(0)
        except JaxganError as error:
            _fail(error)
        except KeyboardInterrupt:  # in a notebook
            _fail(stopped("SIGINT"))
        finally:
            if answers_signals:
                ignore_signals()


def _fail(error: JaxganError) -> None:
    print(f"{error.announced}{error}", file=sys.stderr)
    sys.exit(error.exit_code)


def _run(arguments: Sequence[str], description: str, verb: str | None = None) -> None:
    """Runs one mode."""
    from absl import app, logging

    from jaxgan.runs import flags

    def run(command: flags.Command) -> None:
        logging.set_verbosity(logging.WARNING)  # JAX reports each kind of device that it does not find
        try:
            runs.run(command.mode, command.location, command.overrides, command.workdir, command.options)
        except JaxganError:
            if command.debug:
                traceback.print_exc()
            raise

    app.run(run, argv=list(arguments), flags_parser=lambda given: flags.read(given, description, verb))


def _prepare(arguments: Sequence[str]) -> int:
    from jaxgan.datasets import prepare

    return prepare.main(arguments)


def _doctor(arguments: Sequence[str]) -> int:
    from jaxgan.runs import doctor

    if arguments:
        raise UsageError("jaxgan doctor", f"it takes no {arguments[0]}", "give it no arguments")
    return doctor.main()


OTHERS: dict[str, tuple[str, Callable[[Sequence[str]], int]]] = {
    "prepare": ("write a tensorflow-datasets directory from IDX files, or an .npz file from pictures", _prepare),
    "doctor": ("print versions, devices, caches and what is missing, for a report of a problem", _doctor),
}
"""Verbs that are not modes: a description, and a function from arguments to exit code."""


def _help() -> str:
    summaries = {verb: mode.summary for verb, mode in runs.MODES.items()} | {v: text for v, (text, _) in OTHERS.items()}
    arguments = {verb: " CONFIG" if mode.trains else " DIR" for verb, mode in runs.MODES.items()}
    usages = [(f"jaxgan {verb}{arguments.get(verb, '')}", text) for verb, text in summaries.items()]
    width = max(len(usage) for usage, _ in usages)
    lines = [f"  {usage.ljust(width)}   {text}" for usage, text in usages]
    return "\n".join(
        [
            "Generative adversarial networks in JAX: train them, sample from them, score them.",
            "",
            *lines,
            "",
            "CONFIG is the name of one that comes with jaxgan (quickstart, pictures, ring ...) or a Python file.",
            "DIR is a run's directory. `jaxgan VERB --help` has a verb's flags. To begin:",
            "",
            "  jaxgan train quickstart --workdir=runs/quickstart",
        ]
    )
