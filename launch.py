"""Train, sample from and evaluate GANs: absl flags in, a run's directory out. See README.md."""

import signal
import sys

if is_command := __name__ == "__main__" and not hasattr(sys, "ps1"):  # a notebook, which has it, answers signals itself
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))  # until they can be answered

try:
    from jaxgan.errors import JaxganError, UsageError
    from jaxgan.signals import end_on_signals, ignore_signals, stopped

    if is_command:
        end_on_signals()
    from absl import app, flags, logging

    from jaxgan.io.terminal import lenient_output
except ModuleNotFoundError as missing:
    print(
        f"jaxgan: error: {sys.executable} cannot run it; {missing}; install as README.md says, and use that "
        "environment's python, or activate it",
        file=sys.stderr,
    )
    sys.exit(2)

MODES = ("train", "sweep", "sample", "evaluate")

for module in {"launch", sys.argv[0]}:  # a notebook that runs this file again, or has imported it
    for earlier in flags.FLAGS.get_flags_for_module(module):
        delattr(flags.FLAGS, earlier.name)
flags.DEFINE_enum("mode", "train", MODES, "What to do: train a GAN, or many, sample from one, or score it.")
flags.DEFINE_string(
    "config",
    None,
    "--mode=train, sweep: a Python file, with :cpu, :gpu or :tpu behind it if wanted (configs/mnist.py:gpu); set its "
    "fields: --config.FIELD=VALUE (configs/default.py). --mode=sample takes sampling.FIELD, evaluate that, "
    "evaluation.FIELD and what its task's scores need (docs/tasks.md), both dataset.path; their config is the run's, "
    "and a file only adds what it adds to jaxgan's tables.",
)
flags.DEFINE_string("workdir", None, "The run's directory: created if it does not exist, resumed if it has a run.")
flags.DEFINE_integer("count", 100, "--mode=sample: how many examples; a grid's by default.", lower_bound=1)
flags.DEFINE_string("condition", None, "--mode=sample: a class 3, or classes 0,1,2 in turn; a vector 0.5,-1.")
flags.DEFINE_bool("plain", False, "--mode=sample: plain samples, where the task has rows of its own (docs/tasks.md).")
flags.DEFINE_integer("seed", 0, "--mode=sample, evaluate: seed of the latents.", lower_bound=0, upper_bound=2**32 - 1)
flags.DEFINE_string("step", None, "--mode=sample, evaluate: step of the checkpoint, or best; the newest by default.")
flags.DEFINE_enum(
    "format",
    None,
    ("png", "npz", "folder", "webp", "gif"),
    "--mode=sample: a picture; bytes and labels for dataset.name=npz; a PNG for each sample; a video. By default a "
    "picture and an array (docs/sampling.md).",
)
flags.DEFINE_string("grid", None, "--mode=sample: ROWSxCOLUMNS of the picture or video; a row for each condition.")
flags.DEFINE_string("output", None, "--mode=sample, evaluate: a directory for the files; by default in the run's.")
flags.DEFINE_enum("along", "latents", ("latents", "conditions"), "--format=webp, gif: what changes in the video.")
flags.DEFINE_integer("stops", 8, "--format=webp, gif: latents, or conditions, on the video's way.", lower_bound=1)
flags.DEFINE_float("seconds", 8.0, "--format=webp, gif: how long the video is.", lower_bound=0.01, upper_bound=3600)
flags.DEFINE_integer("frames_per_second", 25, "--format=webp, gif.", lower_bound=1, upper_bound=100)
flags.DEFINE_bool("profile", False, "--mode=train: write a trace of a few steps to WORKDIR/profile.")
flags.DEFINE_string("coordinator_address", None, "Several processes: HOST:PORT of process 0; found under SLURM.")
flags.DEFINE_integer("num_processes", None, "Several processes: how many; see docs/scaling.md.", lower_bound=1)
flags.DEFINE_integer("process_id", None, "Several processes: which one this is, from 0.", lower_bound=0)
flags.DEFINE_bool("debug", False, "Show the traceback of an expected failure too.")

OVERRIDES: dict[str, str] = {}


def split_overrides(arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    """Parts `--config.field=value` (or `--config.field value`) from the other arguments.

    Returns:
      The other arguments, and the overrides by field.

    Raises:
      UsageError: if an override has no value.
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


def parse(arguments: list[str]) -> list[str]:
    """absl's parser, with the config's own overrides set apart and every mistake answered in one line."""
    try:
        others, overrides = split_overrides(arguments)
        OVERRIDES.update(overrides)
        if {"-h", "-help", "--help", "--helpshort", "--helpfull"}.intersection(others):  # absl would exit with 1
            print(f"{__doc__}\n{flags.FLAGS.main_module_help()}")
            sys.exit(0)
        rest = flags.FLAGS(others)
        if len(rest) > 1:
            raise UsageError("the command line", f"{rest[1]!r} is no flag", "flags look like --mode=train; see --help")
        if not flags.FLAGS.workdir:
            raise UsageError("the command line", "--workdir is missing", "name a directory: --workdir=runs/NAME")
        return rest
    except flags.Error as error:
        _fail(UsageError("the command line", str(error), "see --help"))
    except JaxganError as error:
        _fail(error)
    raise AssertionError("unreachable")


def main(_: list[str]) -> None:
    """Runs one mode."""
    from jaxgan import runs

    logging.set_verbosity(logging.WARNING)  # JAX tells of every kind of device that it does not find
    try:
        options = {name: flags.FLAGS[name].value for name in runs.FLAGS if flags.FLAGS[name].present}
        runs.run(flags.FLAGS.mode, flags.FLAGS.config, OVERRIDES, flags.FLAGS.workdir, options)
    except JaxganError as error:
        if flags.FLAGS.debug:
            import traceback

            traceback.print_exc()
        _fail(error)
    except KeyboardInterrupt:  # in a notebook
        _fail(stopped("SIGINT"))


def _fail(error: JaxganError) -> None:
    print(f"jaxgan: error: {error}", file=sys.stderr)
    sys.exit(error.exit_code)


if __name__ == "__main__":
    with lenient_output():
        try:
            app.run(main, flags_parser=parse)
        finally:
            if is_command:
                ignore_signals()
