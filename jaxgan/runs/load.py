"""A trained run, as the modes that use one load it: its config, its parts and the generator of a checkpoint."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from jaxgan.config import DataFacts, Experiment, build, check, command_line, complete, problems_of, unread
from jaxgan.errors import DataError, UsageError
from jaxgan.io.checkpoints import Checkpoints
from jaxgan.runs.data import check_same_data, parse_condition, read_inputs
from jaxgan.runs.directory import RunDirectory
from jaxgan.types import TrainState


class TrainedRun(NamedTuple):
    """What a run left.

    Attributes:
      directory: of the run.
      config: as used, with changes that were asked for.
      data: what its checkpoint says of the data.
      experiment: its parts.
      state: of the checkpoint; with the discriminator if samples are drawn by it, and whole if the task judges.
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
        for name in ("widths", "fit_widths"):
            config["inference"][name] = tuple(config["inference"][name])
        _check_own(config)
        check(config, tuple(_override(config, overrides, may_set)))
        # Of vectors only the dimension is known here.
        vectors = np.zeros((1, data["condition_dim"]), np.float32) if "condition_dim" in data else None
        shape, size = tuple(data["example_shape"]), config["batch_size"]
        facts = DataFacts(shape, size, classes=data.get("classes"), vectors=vectors)
        experiment = build(config, facts)
        state = restore_players(checkpoints, experiment, step)
    return TrainedRun(directory, config, data, experiment, state)


def asked_for(run: TrainedRun, condition: str | None) -> TrainedRun:
    """The run with the conditions that its samples are to have, in turn.

    Args:
      run: any.
      condition: as `--condition` gives them; None: all classes, or vectors of the training data.

    Raises:
      UsageError: the run has no condition, or another one.
      DataError: there are vectors, none is given, and the data cannot be read.
    """
    experiment = run.experiment
    if condition is not None:
        return run._replace(experiment=experiment._replace(conditions=parse_condition(condition, experiment)))
    if experiment.conditions is None or experiment.classes is not None:
        return run
    try:
        inputs = read_inputs(run.config)
        check_same_data(run.data, inputs, run.directory.path)
    except DataError as error:
        raise DataError(
            error.what, error.why, "give --condition, or the data's place by --config.dataset.path"
        ) from error
    return run._replace(experiment=experiment._replace(conditions=inputs.facts.vectors))


def restore_players(checkpoints: Checkpoints, experiment: Experiment, step: int | None = None) -> TrainState:
    """What samples and scores need of a checkpoint: the generator; the discriminator if samples are drawn by it; the
    whole state if the task judges."""
    template = experiment.abstract_state()
    if experiment.task.judges:
        return checkpoints.restore(template, step)[0]
    by_discriminator = experiment.sampling.by_discriminator
    return checkpoints.restore_generator(template, step, discriminator=by_discriminator)


def _check_own(config: Mapping[str, Any]) -> None:
    if found := problems_of(config):
        why = " ".join(f"({i}) {problem}" for i, problem in enumerate(found, 1))
        remedy = "if a config's file adds that to jaxgan's tables, give the file, as --config=FILE"
        raise UsageError("the run's config is not of this program", why, remedy)


def _override(config: dict[str, Any], overrides: Mapping[str, str], may_set: tuple[str, ...]) -> list[str]:
    """Sets fields of the config in place; the problems with that."""
    allowed = {name: text for name, text in overrides.items() if may_set and name.startswith(may_set)}
    fields = ", ".join(f"{name}…" if name.endswith(".") else name for name in may_set)
    wrapped = ConfigDict(config)
    problems = []
    for name in (name for name in overrides if name not in allowed):
        unknown = command_line.override(ConfigDict(config), {name: overrides[name]})
        why = f"{name} cannot be changed of a run that is trained; what may be set is {fields}"
        problems += unknown if unknown and "is no " in unknown[0] else [why]
    before = wrapped.copy_and_resolve_references()
    problems += command_line.override(wrapped, allowed)
    problems += unread(command_line.changed(before, wrapped, allowed), wrapped)
    for section in {name.partition(".")[0] for name in may_set}:
        config[section] = wrapped[section].to_dict()
    return problems
