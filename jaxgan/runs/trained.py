"""A trained run, as the modes that use one load it: its config, its parts and the generator of a checkpoint."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from jaxgan.checkpoints import Checkpoints
from jaxgan.configuration import DataFacts, Experiment, build, check, complete
from jaxgan.errors import UsageError
from jaxgan.runs import command_line
from jaxgan.runs.directory import RunDirectory
from jaxgan.state import TrainState


class TrainedRun(NamedTuple):
    """What a run left.

    Attributes:
      directory: of the run.
      config: as used, with changes that were asked for.
      data: what its checkpoint says of the data.
      experiment: its parts.
      state: of the checkpoint; with the discriminator if samples are drawn by it.
    """

    directory: RunDirectory
    config: dict[str, Any]
    data: Mapping[str, Any]
    experiment: Experiment
    state: TrainState


def load_run(
    workdir: str, step: int | None = None, overrides: Mapping[str, str] = {}, may_set: tuple[str, ...] = ()
) -> TrainedRun:
    """Loads the generator of one of a run's checkpoints.

    Args:
      workdir: the run's directory.
      step: of the checkpoint; None for the newest.
      overrides: fields of its config to set, as text.
      may_set: names of fields, or of sections with a dot behind, that may be set.

    Raises:
      UsageError: there is no run, or no such checkpoint, or the config is not right.
      DataError: the checkpoint is damaged.
    """
    directory = RunDirectory(workdir, create=False)
    if not directory.checkpoints.is_dir() and (directory.path / "sweep.json").exists():
        raise UsageError(
            f"--workdir={directory.path} is a sweep", "it has many runs", f"name one, such as {directory.path / 'best'}"
        )
    if not directory.checkpoints.is_dir():
        raise UsageError(
            f"--workdir={directory.path} has no checkpoints", "nothing was trained there", "run --mode=train first"
        )
    with Checkpoints(directory.checkpoints, keep=1) as checkpoints:
        extra = checkpoints.extra(step)
        config, data = complete(extra["config"]), extra["data"]
        for player in ("generator", "discriminator"):
            config[player]["widths"] = tuple(config[player]["widths"])  # JSON has no tuples
        config["inpainting"]["encoder"] = tuple(config["inpainting"]["encoder"])
        config["inference"]["widths"] = tuple(config["inference"]["widths"])
        check(config, tuple(_override(config, overrides, may_set)))
        facts = DataFacts(tuple(data["example_shape"]), config["batch_size"], classes=data.get("classes"))
        experiment = build(config, facts)
        by_discriminator = experiment.sampling.by_discriminator
        state = checkpoints.restore_generator(experiment.abstract_state(), step, discriminator=by_discriminator)
    return TrainedRun(directory, config, data, experiment, state)


def _override(config: dict[str, Any], overrides: Mapping[str, str], may_set: tuple[str, ...]) -> list[str]:
    """Sets fields of the config in place; the problems with that."""
    allowed = {name: text for name, text in overrides.items() if may_set and name.startswith(may_set)}
    fields = ", ".join(f"{name}…" if name.endswith(".") else name for name in may_set)
    problems = [
        f"{name} cannot be changed of a run that is trained; what may be set is {fields}"
        for name in overrides
        if name not in allowed
    ]
    wrapped = ConfigDict(config)
    problems += command_line.override(wrapped, allowed)
    for section in {name.partition(".")[0] for name in may_set}:
        config[section] = wrapped[section].to_dict()
    return problems
