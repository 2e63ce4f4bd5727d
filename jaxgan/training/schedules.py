"""Schedules for any hyperparameter of a training step, by a wrapper around the step.

    def step_of(values):
        return make_train_step(..., penalties=[r1_r2(values["gamma"])], average_decay=values["decay"])

    decays = {"gamma": Schedule(SCHEDULES["cosine"], last=0.005, steps=40_000)}
    train_step = scheduled(step_of, {"gamma": 0.05, "decay": 0.999}, decays)

A value depends only on the number of steps done, which is part of the state: a run resumes bit for bit, and values do
not depend on the number of devices. Schedules of the learning rate and the momentum, by an optimizer's own update
count, are in `jaxgan.optimizers`.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import chex
import jax.numpy as jnp

from jaxgan.tables import Table
from jaxgan.training.step import TrainStep
from jaxgan.types import Batch, Metrics, TrainState

Shape = Callable[[chex.Numeric, chex.Numeric, chex.Numeric], chex.Numeric]
"""`(first, last, progress in [0, 1]) -> value`: `first` at progress 0, `last` at 1."""


def linear(first: chex.Numeric, last: chex.Numeric, progress: chex.Numeric) -> chex.Numeric:
    """Linear interpolation."""
    return first + (last - first) * progress


def cosine(first: chex.Numeric, last: chex.Numeric, progress: chex.Numeric) -> chex.Numeric:
    """Half a cosine: first + (last − first)·(1 − cos π·progress)/2."""
    return first + (last - first) * (1 - jnp.cos(jnp.pi * progress)) / 2


def exponential(first: chex.Numeric, last: chex.Numeric, progress: chex.Numeric) -> chex.Numeric:
    """first·(last/first)^progress: linear on a log scale; both ends must be positive."""
    return first * (last / first) ** progress


SCHEDULES: dict[str, Shape] = Table("schedule") | {"linear": linear, "cosine": cosine, "exponential": exponential}


class Schedule(NamedTuple):
    """A number that moves from its first value to its last value, and stays there.

    Attributes:
      shape: one of `SCHEDULES`, or any `Shape`.
      last: the value from step `steps` on.
      steps: training steps from the first value to the last, > 0; not necessarily an integer.
    """

    shape: Shape
    last: float
    steps: float

    def at(self, first: chex.Numeric, step: chex.Array) -> chex.Array:
        """The value after `step` steps, starting from `first`."""
        return self.shape(first, self.last, jnp.clip(step.astype(jnp.float32) / self.steps, 0.0, 1.0))


def scheduled(
    step_of: Callable[[Mapping[str, chex.Numeric]], TrainStep],
    values: Mapping[str, chex.Numeric],
    schedules: Mapping[str, Schedule],
) -> TrainStep:
    """A training step whose hyperparameters follow schedules.

    Args:
      step_of: `values -> train_step`, for example a call of `make_train_step`. The structure must not depend on the
        values, which are traced.
      values: numbers by name, at step 0.
      schedules: schedules of some or all of them, by name.

    Returns:
      `train_step(state, batch)`, which uses the values at `state.step`.

    Raises:
      KeyError: a schedule's name is not among the values.
    """
    if unknown := [name for name in schedules if name not in values]:
        raise KeyError(f"there are schedules of unknown numbers: {', '.join(unknown)}")

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        moved = {name: schedule.at(values[name], state.step) for name, schedule in schedules.items()}
        return step_of({**values, **moved})(state, batch)

    return train_step
