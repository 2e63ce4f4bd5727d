"""The flags of `launch.py` and of the verbs of `jaxgan`, parsed by absl."""

import copy
import re
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from absl import flags

from jaxgan import config_files, runs
from jaxgan.errors import JaxganError, UsageError
from jaxgan.tables import did_you_mean, elsewhere

FLAGS = flags.FLAGS

EVERYWHERE = ("config", "workdir", "debug")
"""The flags that all modes take."""


_CONFIG = {
    True: "a config: the name of one that comes with jaxgan, or a Python file. :cpu, :gpu or :tpu behind it, as in "
    "mnist:gpu, asks for that device. --config.FIELD=VALUE sets a field.",
    False: "a run has its own config. --config.FIELD=VALUE changes how it is sampled (sampling.FIELD) or scored "
    "(evaluation.FIELD), or where its data is (dataset.path). If it uses entries of your own, give their Python file.",
}
_WORKDIR = {
    True: "the run's directory: created if it does not exist, resumed if it has a run.",
    False: "the directory of a run that was trained.",
}
"""What these two flags are for, by whether a mode trains."""


class Command(NamedTuple):
    """A parsed command line; see `jaxgan.runs.run`. `debug`: whether to show the traceback of an expected failure."""

    mode: str
    location: str | None
    overrides: dict[str, str]
    workdir: str
    options: dict[str, Any]
    debug: bool


class _WholeNumber(flags.IntegerParser):
    """An integer, which may also be written like 1e6."""

    def convert(self, argument: Any) -> int:
        try:
            return super().convert(argument)
        except ValueError:
            if not isinstance(argument, str) or "e" not in argument.lower() or not float(argument).is_integer():
                raise
            return int(float(argument))


def _define() -> None:
    """Defines all flags with their defaults, discarding those of earlier commands in this process, as in a notebook."""
    for earlier in FLAGS.get_flags_for_module(__name__):
        delattr(FLAGS, earlier.name)

    def whole(name: str, default: int | None, text: str, **bounds: int) -> None:
        flags.DEFINE(_WholeNumber(**bounds), name, default, text, serializer=flags.ArgumentSerializer())

    flags.DEFINE_enum(
        "mode", "train", list(runs.MODES), "What to do: train a GAN, or many, sample from one, score it, export it."
    )
    flags.DEFINE_string("config", None, f"--mode=train, sweep: {_CONFIG[True]} The other modes: {_CONFIG[False]}")
    flags.DEFINE_string("workdir", None, f"--mode=train, sweep: {_WORKDIR[True]} The other modes: {_WORKDIR[False]}")
    whole("count", 100, "--mode=sample: how many examples; a grid's by default.", lower_bound=1)
    flags.DEFINE_string("condition", None, "--mode=sample: a class 3, or classes 0,1,2 in turn; a vector 0.5,-1.")
    flags.DEFINE_bool(
        "plain", False, "--mode=sample: plain samples, where the task has rows of its own (docs/tasks.md)."
    )
    whole("seed", 0, "--mode=sample, evaluate: seed of the latents.", lower_bound=0, upper_bound=2**32 - 1)
    flags.DEFINE_string(
        "step", None, "--mode=sample, evaluate, export: step of the checkpoint, or best; the newest by default."
    )
    flags.DEFINE_enum(
        "format",
        None,
        ("png", "npz", "folder", "webp", "gif"),
        "--mode=sample: a picture; bytes and labels for dataset.name=npz; a PNG for each sample; a video. By default a "
        "picture and an array (docs/sampling.md).",
    )
    flags.DEFINE_string("grid", None, "--mode=sample: ROWSxCOLUMNS of the picture or video; a row for each condition.")
    flags.DEFINE_string(
        "output", None, "--mode=sample, evaluate, export, report: a directory for the files; in the run's by default."
    )
    flags.DEFINE_list("compare", None, "--mode=report: directories of further runs, or of sweeps, to compare.")
    walks = ("latents", "conditions")
    flags.DEFINE_enum("along", "latents", walks, "--mode=sample: what changes in a video.")
    whole("stops", 8, "--mode=sample: latents, or conditions, on a video's way.", lower_bound=1)
    flags.DEFINE_float("seconds", 8.0, "--mode=sample: a video's length.", lower_bound=0.01, upper_bound=3600)
    whole("frames_per_second", 25, "--mode=sample: of a video.", lower_bound=1, upper_bound=100)
    flags.DEFINE_string(
        "forms", None, "--mode=export: some of jax,onnx,safetensors,html; all that can be made by default."
    )
    flags.DEFINE_string(
        "onnxruntime_web", "", "--mode=export: directory of onnxruntime-web, for html; fetched with npm by default."
    )
    flags.DEFINE_string("license", "", "--mode=export: license in the model card, such as apache-2.0.")
    flags.DEFINE_bool("profile", False, "--mode=train: write a trace of a few steps to WORKDIR/profile.")
    flags.DEFINE_string("coordinator_address", None, "Several processes: HOST:PORT of process 0; found under SLURM.")
    whole("num_processes", None, "Several processes: how many; see docs/scaling.md.", lower_bound=1)
    whole("process_id", None, "Several processes: which one this is, from 0.", lower_bound=0)
    flags.DEFINE_bool("debug", False, "Show the traceback of an expected failure too.")


def read(arguments: Sequence[str], description: str, verb: str | None = None) -> Command:
    """Parses the arguments of `launch.py`, or of a verb of `jaxgan`. On --help, prints it and exits.

    Args:
      arguments: the program's name, then its arguments.
      description: the first lines of the help.
      verb: a mode, whose config or run may be given without a flag; None for `launch.py`, which takes --mode.

    Raises:
      UsageError: the arguments are invalid.
    """
    _define()
    FLAGS.set_gnu_getopt(verb is not None)
    try:
        # A flag file may contain config fields too.
        given = FLAGS.read_flags_from_files(list(arguments[1:]), force_gnu=False)
        others, overrides = split_overrides(given)
        if {"-h", "-help", "--help", "--helpshort", "--helpfull"}.intersection(others):  # absl would exit with 1
            print(f"{description}\n\n{_help(verb)}")
            sys.exit(0)
        rest = FLAGS([arguments[0], *others])[1:]
    except flags.UnrecognizedFlagError as error:
        value = next((a.partition("=")[2] for a in others if a.lstrip("-").partition("=")[0] == error.flagname), "")
        hint = _meant(error.flagname, value)
        why = f"Unknown command line flag {error.flagname!r}" if hint else str(error)
        raise UsageError("the command line", why, hint or "see --help") from error
    except flags.Error as error:
        raise UsageError("the command line", str(error), "see --help") from error
    if verb is not None:
        if FLAGS["mode"].present:
            raise UsageError(f"jaxgan {verb}", f"--mode={FLAGS.mode} is a verb too", f"write jaxgan {FLAGS.mode}")
        FLAGS["mode"].value = verb
        rest = _take_argument(verb, rest)
    if rest:
        name, equals, value = rest[0].partition("=")
        hint = _meant(name, value) if equals else ""
        raise UsageError("the command line", f"{rest[0]!r} is not a flag", hint or _FLAGS_LOOK_LIKE)
    if not FLAGS.workdir:
        raise UsageError("the command line", "--workdir is missing", "name a directory: --workdir=runs/NAME")
    options = {name: FLAGS[name].value for name in runs.FLAGS if FLAGS[name].present}
    return Command(FLAGS.mode, FLAGS.config, overrides, FLAGS.workdir, options, FLAGS.debug)


_FLAGS_LOOK_LIKE = "flags look like --mode=train; see --help"


def split_overrides(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Separates `--config.field=value` (or `--config.field value`) from the other arguments.

    Returns:
      The other arguments, and the overrides by field.

    Raises:
      UsageError: an override has no value.
    """
    others, overrides = [], {}
    waiting = iter(arguments)
    for argument in waiting:
        name, equals, value = argument.lstrip("-").partition("=")
        if not argument.startswith("-") or not name.startswith("config."):
            others.append(argument)
            continue
        if not equals:
            following = next(waiting, None)
            if following is None or following.startswith("--"):
                raise UsageError(f"--{name}", "has no value", f"write --{name}=VALUE")
            value = following
        overrides[name.removeprefix("config.")] = value
    return others, overrides


def argument_of(verb: str) -> str:
    """The flag that a verb's positional argument sets."""
    return "config" if runs.MODES[verb].trains else "workdir"


def _take_argument(verb: str, rest: list[str]) -> list[str]:
    """Sets the flags of positional arguments (`report` takes several); returns the remaining arguments."""
    flag = argument_of(verb)
    if not rest or "=" in rest[0]:
        return rest
    if FLAGS[flag].present:
        why = f"it has two: {rest[0]} and --{flag}={FLAGS[flag].value}"
        raise UsageError(f"jaxgan {verb} takes one {flag}", why, "leave one of them out")
    FLAGS[flag].value = rest[0]
    if "compare" in runs.MODES[verb].options and rest[1:] and not FLAGS["compare"].present:
        FLAGS["compare"].value, FLAGS["compare"].present = rest[1:], 1
        return []
    return rest[1:]


def _help(verb: str | None) -> str:
    """The help: all flags with their texts, or those of a verb."""
    shown = flags.FlagValues()
    for flag in map(copy.deepcopy, FLAGS.get_flags_for_module(__name__)):
        if verb and flag.name in ("config", "workdir"):
            flag.help = {"config": _CONFIG, "workdir": _WORKDIR}[flag.name][runs.MODES[verb].trains]
        if verb and flag.name in runs.MODES[verb].options:
            flag.help = re.sub(r"(^|>: )--mode=[a-z, ]+: ", r"\1", flag.help)
        if not verb or flag.name in (*EVERYWHERE, *runs.MODES[verb].options):
            shown[flag.name] = flag
    return shown.get_help("  ", include_special_flags=False)


def _meant(name: str, value: str) -> str:
    """Suggests `did you mean --config.FIELD=VALUE?` for flags of other programs; "" if no field is similar."""
    try:
        fields = list(_fields(config_files.load("default").to_dict()))
    except JaxganError:
        return ""
    name = name.lstrip("-").removeprefix("config.").replace("-", "_")
    section, _, last = name.rpartition(".")
    wanted = elsewhere(last) or (last,)
    exact = [field for field in fields if field == name]
    alike = [f for f in fields if f.rpartition(".")[2] in wanted and section in ("", f.rpartition(".")[0])]
    found = exact or [field for field in alike if "." not in field] or sorted(alike, key=len)
    # A differently named setting may have a different unit, such as epochs.
    shown = value if value and wanted == (last,) else "VALUE"
    return did_you_mean(f"--config.{field}={shown}" for field in found[:2])


def _fields(config: dict[str, Any], prefix: str = "") -> Any:
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _fields(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
