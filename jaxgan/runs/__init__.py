"""One host loop per mode of `launch.py`; each is imported only when it runs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxgan.errors import UsageError
from jaxgan.runs import devices


class Mode(NamedTuple):
    """A mode of the program, which is also a verb of the command `jaxgan`.

    Attributes:
      summary: what the mode does, for `jaxgan --help`.
      options: its flags, besides those of all modes.
      trains: whether it starts from a config; other modes use a trained run, which has its own config.
    """

    summary: str
    options: tuple[str, ...] = ()
    trains: bool = False


MODES = {
    "train": Mode(
        "train a GAN into --workdir, or resume the run there",
        ("profile", "coordinator_address", "num_processes", "process_id"),
        trains=True,
    ),
    "sweep": Mode("train many, of a grid or of random draws, each with several seeds, and rank them", trains=True),
    "sample": Mode(
        "draw examples from a run's generator: pictures, files of data, videos",
        (
            *("count", "condition", "plain", "seed", "step", "format", "grid", "output"),
            *("along", "stops", "seconds", "frames_per_second"),
        ),
    ),
    "evaluate": Mode("score a run's generator beside real data", ("seed", "step", "output")),
    "export": Mode(
        "write a run's generator for other programs: StableHLO, ONNX, safetensors, a page",
        ("output", "forms", "step", "onnxruntime_web", "license"),
    ),
    "report": Mode("write a run's report.html again, or a page that compares several runs", ("output", "compare")),
}
"""The modes of `launch.py`, and the verbs of `jaxgan`."""

FLAGS = tuple(dict.fromkeys(name for mode in MODES.values() for name in mode.options))
"""All flags that only some modes take."""

_INSTEAD = {
    "count": "pictures in training have --config.sample_count, evaluations --config.evaluation.samples",
    "condition": "pictures have all of them, evaluations those of the data",
    "plain": "pictures in training are of the task, and evaluations have plain samples beside it",
    "seed": "a run's own seed is --config.seed, and its pictures' size --config.sample_count",
    "format": "training writes pictures, and evaluations their own",
    "grid": "pictures in training have --config.sample_count, evaluations their own sizes",
    "output": "training writes into --workdir",
    **dict.fromkeys(("along", "stops", "seconds", "frames_per_second"), "a video is one of --mode=sample"),
    "step": "a run goes on from its newest checkpoint",
    **dict.fromkeys(("forms", "onnxruntime_web", "license"), "it is of --mode=export"),
    "profile": "a trace is of training steps",
    "compare": "it is of --mode=report",
    **dict.fromkeys(("coordinator_address", "num_processes", "process_id"), "several processes only train"),
}


def run(
    mode: str, location: str | None, overrides: Mapping[str, str], workdir: str, options: Mapping[str, Any]
) -> None:
    """Runs one mode.

    Args:
      mode: one of `MODES`.
      location: the config's file, optionally with `:argument`. For modes that use a trained run, which has its own
        config, this is None or a trusted file: it adds entries to tables such as `LOSSES` that the run's config names.
      overrides: config fields to set, as text.
      workdir: the run's directory.
      options: the mode's flags that were set; see `MODES`.

    Raises:
      JaxganError: any expected failure, as a single line.
    """
    for name in options:
        if name not in MODES[mode].options:
            raise UsageError("the command line", f"--{name} does not go with --mode={mode}", _INSTEAD[name])
    if mode == "report":
        from jaxgan.runs.report import report

        report(workdir, options.get("compare") or (), output=options.get("output"), overrides=overrides)
        return
    if mode == "sweep":
        devices.use_all_cores()
    devices.cache_compiled_code()
    from jaxgan.config import check, command_line, problems_of, schema, unread
    from jaxgan.runs.directory import RunDirectory

    # Modes that use a trained run.
    if not MODES[mode].trains:
        devices.check()
        # For the entries that its file adds to tables, and for the code that it names.
        given = {} if location is None else command_line.load_config(location)
        if mode == "sample":
            from jaxgan.runs.sample import sample

            sample(workdir, overrides=overrides, **options)
        elif mode == "export":
            from jaxgan.runs.export import export

            export(workdir, overrides=overrides, **options)
        else:
            from jaxgan.runs.evaluate.run import evaluate

            evaluate(workdir, overrides=overrides, given=given, **options)
        return
    # Modes that train.
    if location is None:
        raise UsageError("the command line", "--config is missing", "name one, such as --config=configs/quickstart.py")
    directory = RunDirectory(workdir, create=False)
    config = command_line.load_config(location)
    before = schema.replaced(config, {})
    problems = command_line.override(config, overrides)
    # Sampling settings take effect later, when other ones may be chosen.
    changed = command_line.changed(before, config, [name for name in overrides if not name.startswith("sampling.")])
    if mode == "train":
        if not directory.config_file.exists():  # a run resumes with its original command
            problems += unread(changed, config)
        check(config, problems)
        from jaxgan.runs.train import hosts
        from jaxgan.runs.train.loop import train

        flags = {name: options[name] for name in hosts.FLAGS if name in options}
        hosts.join(**flags, timeout=config["peer_timeout"])
        devices.check(config["platform"], location)
        train(config, workdir, profile=options.get("profile", False))
        return
    from jaxgan.runs.sweep.loop import problems_of_sweep, sweep, unread_by_sweep

    if not any(problem.field.startswith("population") for problem in problems_of(config)):
        problems += problems_of_sweep(config)
        if not directory.sweep_file.exists() and not (directory.path / "members").exists():
            problems += unread_by_sweep(config, changed)
    check(config, problems)
    devices.check(config["platform"], location)
    sweep(config, workdir)
