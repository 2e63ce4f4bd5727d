"""Loads a trained run for the modes that use one: its config, its parts and the generator of a checkpoint."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgan.config import DataFacts, Experiment, Problem, build, check, command_line, complete, problems_of, schema
from jaxgan.errors import DataError, UsageError
from jaxgan.io.checkpoints import Checkpoints
from jaxgan.runs.data import PICTURES, VECTORS, check_same_data, conditions_of_data, parse_condition, read_inputs
from jaxgan.runs.directory import NAMED, PLAIN, RunDirectory, sampling_name
from jaxgan.runs.saved import best_step, read_run
from jaxgan.types import TrainState


class TrainedRun(NamedTuple):
    """A trained run, as loaded from its directory.

    Attributes:
      directory: the run's directory.
      config: the config as used, with the requested changes.
      data: the checkpoint's record of the data.
      experiment: the run's parts.
      state: the checkpoint's state: with the discriminator if sampling uses it, and whole if the task's scores need it.
    """

    directory: RunDirectory
    config: dict[str, Any]
    data: Mapping[str, Any]
    experiment: Experiment
    state: TrainState


def load_run(
    workdir: str,
    step: int | str | None = None,
    overrides: Mapping[str, str] = {},
    mode: str = "",
    given: Mapping[str, Any] = {},
    whole: bool = False,
) -> TrainedRun:
    """Loads the generator of one of a run's checkpoints.

    Args:
      workdir: the run's directory.
      step: step of the checkpoint, also as text; "best" for the best by the first score evaluated in training; None for
        the newest.
      overrides: config fields to set, as text; only those that the schema allows for the mode.
      mode: "sample", "evaluate", "export", or "", which cannot set any fields.
      given: the caller's config. Code named by the run's own config is trusted only if this config names it too.
      whole: whether to restore the whole state, with the discriminator and the optimizer states.

    Raises:
      UsageError: there is no such run or checkpoint, or the config is invalid or names code.
      DataError: the checkpoint is damaged.
    """
    directory = RunDirectory(workdir, create=False)
    if not directory.checkpoints.is_dir():
        if directory.sweep_file.exists():
            best = directory.path / "best"
            raise UsageError(f"--workdir={directory.path} is a sweep", "it has many runs", f"name one, such as {best}")
        within = sorted(path.parent for path in directory.path.glob("*/checkpoints"))
        why = "nothing was trained there" if directory.path.is_dir() else "there is no such directory"
        first = f"name a run, such as {within[0]}" if within else "run jaxgan train first"
        raise UsageError(f"{directory.path} has no checkpoints", why, first)
    with Checkpoints(directory.checkpoints, keep=1) as checkpoints:
        step = _step(step, directory, checkpoints)
        saved = read_run(checkpoints, step)
        config, data = complete(saved.config), saved.data
        code = set(schema.code(config).items()) - set(schema.code(given).items())
        check_known(config)
        check(config, _override(config, overrides, mode))
        config = _without_code(config, {name: value for name, value in code if name not in overrides}, mode)
        experiment = experiment_of(config, data)
        state = restore_players(checkpoints, experiment, step, whole)
    return TrainedRun(directory, config, data, experiment, state)


def check_known(config: Mapping[str, Any]) -> None:
    """Raises UsageError if a run's config does not belong to this program."""
    if found := problems_of(config):
        known = schema.rows(config)
        found.sort(key=lambda problem: problem.field not in known)  # an unknown choice is the most informative
        why = " ".join(f"({i}) {problem}" for i, problem in enumerate(found[:NAMED], 1))
        remedy = "if a config's file adds that to jaxgan's tables, give the file, as --config=FILE"
        raise UsageError("the run's config is not of this program", why, remedy)


def experiment_of(config: Mapping[str, Any], data: Mapping[str, Any]) -> Experiment:
    """The parts of a run, from its config and its checkpoint's record of the data."""
    # Of vectors and pictures, only the shape is known here.
    vectors = np.zeros((1, *data["condition_shape"]), np.float32) if "condition_shape" in data else None
    shape, size = tuple(data["example_shape"]), config["batch_size"]
    return build(config, DataFacts(shape, size, classes=data.get("classes"), vectors=vectors))


def asked_for(run: TrainedRun, condition: str | None) -> TrainedRun:
    """The run with the requested conditions, which its samples cycle through.

    Args:
      run: any trained run.
      condition: in the format of `--condition`; None means all classes, or vectors of the training data, or what the
        run's task makes from its examples.

    Raises:
      UsageError: the run has no condition, or one of another kind.
      DataError: the data is needed, but cannot be read.
    """
    experiment = run.experiment
    if condition is not None:
        return run._replace(experiment=experiment.replace(conditions=parse_condition(condition, experiment)))
    if experiment.task.condition_of is None and (experiment.conditions is None or experiment.classes is not None):
        return run
    try:
        inputs = read_inputs(run.config)
        check_same_data(run.data, inputs, run.directory.path)
    except DataError as error:
        ways = "" if len(experiment.condition_shape or ()) > 1 else "--condition, or "
        raise DataError(error.what, error.why, f"give {ways}the data's place by --config.dataset.path") from error
    count = VECTORS if experiment.task.condition_of is None else PICTURES
    return run._replace(experiment=experiment.replace(conditions=conditions_of_data(experiment, inputs, count)))


def restore_players(
    checkpoints: Checkpoints, experiment: Experiment, step: int | None = None, whole: bool = False
) -> TrainState:
    """Restores what samples and scores need: the generator; the discriminator if sampling uses it; the whole state if
    the task's scores need it, or on request."""
    template = experiment.abstract_state()
    if whole or experiment.task.judges:
        return checkpoints.restore(template, step)[0]
    by_discriminator = experiment.sampling.by_discriminator
    return checkpoints.restore_generator(template, step, discriminator=by_discriminator)


def _step(step: int | str | None, directory: RunDirectory, checkpoints: Checkpoints) -> int | None:
    """The step as a number, given a number, a text or "best"."""
    if step == "best":
        config = complete(read_run(checkpoints).config)
        way = PLAIN if problems_of(config) else sampling_name(config["sampling"])
        if (best := best_step(directory, way, checkpoints.steps())) is None:
            why = "no checkpoint was evaluated in training"
            raise UsageError(
                "cannot take --step=best", why, "train with --config.evaluation.every=STEPS, or name a step"
            )
        return best
    try:
        return step if step is None else int(step)
    except ValueError as error:
        raise UsageError("the command line", f"--step={step} is not a step", "give a number, or best") from error


def _without_code(config: dict[str, Any], code: Mapping[str, str], mode: str) -> dict[str, Any]:
    """Resets fields that name code to their defaults if the mode does not read them; otherwise raises UsageError."""
    known = schema.rows(config)
    for name, value in code.items():
        if mode in known[name].spec.field.modes:
            raise UsageError(
                f"the run's config names code, {name}={value}",
                "code that a run's directory names is not run, since it may be a stranger's",
                f"give it as --config.{name} if it is yours, or choose another {name}",
            )
    return schema.replaced(config, {name: known[name].spec.default for name in code})


def _override(config: dict[str, Any], overrides: Mapping[str, str], mode: str) -> list[Problem]:
    """Sets config fields in place; returns the problems found."""
    may_set = schema.allowed(config, mode) if mode else []
    before = schema.replaced(config, {})
    problems = command_line.override(config, {name: text for name, text in overrides.items() if name in may_set})
    problems += schema.unread(command_line.changed(before, config, may_set), config)
    known, flat = schema.rows(config), schema.flattened(config)
    read = [name for name in may_set if schema.unread_because(flat, name, known) is None]
    sections = sorted({name.partition(".")[0] for name in read})
    for name in (name for name in overrides if name not in may_set):
        if name in known:
            text = f"{name} cannot be changed of a run that is trained; --mode={mode} may set fields of "
            problems.append(Problem(name, text + ", ".join(sections)))
        else:
            problems += command_line.override(schema.replaced(config, {}), {name: overrides[name]})
    return problems
