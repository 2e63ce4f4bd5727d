"""Numbers of a training step that change from step to step: any hyperparameter, by one wrapper around the step.

    def step_of(values):
        return make_train_step(..., penalties=[r1_r2(values["gamma"])], average_decay=values["decay"])

    decays = {"gamma": Schedule(SCHEDULES["cosine"], last=0.005, steps=40_000)}
    train_step = scheduled(step_of, {"gamma": 0.05, "decay": 0.999}, decays)

A value depends on the number of steps done only, which is in the state: a run resumes bit for bit, and a value is the
same on one device and on many. Schedules of the learning rate and the momentum by an optimizer's own count of updates
are in `jaxgan.optimizers`.
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
    """A straight line."""
    return first + (last - first) * progress


def cosine(first: chex.Numeric, last: chex.Numeric, progress: chex.Numeric) -> chex.Numeric:
    """Half a cosine: first + (last − first)·(1 − cos π·progress)/2."""
    return first + (last - first) * (1 - jnp.cos(jnp.pi * progress)) / 2


def exponential(first: chex.Numeric, last: chex.Numeric, progress: chex.Numeric) -> chex.Numeric:
    """first·(last/first)^progress, a straight line in the logarithm; both ends are above 0."""
    return first * (last / first) ** progress


SCHEDULES: dict[str, Shape] = Table("schedule") | {"linear": linear, "cosine": cosine, "exponential": exponential}


class Schedule(NamedTuple):
    """A number that goes from its first value to its last one, and stays there.

    Attributes:
      shape: one of `SCHEDULES`, or any `Shape`.
      last: the value from step `steps` on.
      steps: training steps from the first value to the last, > 0; not necessarily a whole number.
    """

    shape: Shape
    last: float
    steps: float

    def at(self, first: chex.Numeric, step: chex.Array) -> chex.Array:
        """The value after a number of steps, if it was `first` after 0."""
        return self.shape(first, self.last, jnp.clip(step.astype(jnp.float32) / self.steps, 0.0, 1.0))


def scheduled(
    step_of: Callable[[Mapping[str, chex.Numeric]], TrainStep],
    values: Mapping[str, chex.Numeric],
    schedules: Mapping[str, Schedule],
) -> TrainStep:
    """A training step whose numbers follow schedules.

    Args:
      step_of: `values -> train_step`, such as a call of `make_train_step`. No structure may depend on the values,
        which are traced.
      values: numbers by name, at step 0.
      schedules: by name, of some or all of them.

    Returns:
      `train_step(state, batch)`, which makes the step of the values at `state.step`.

    Raises:
      KeyError: a schedule is of a name that is not among the values.
    """
    if unknown := [name for name in schedules if name not in values]:
        raise KeyError(f"there are schedules of unknown numbers: {', '.join(unknown)}")

    def train_step(state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        moved = {name: schedule.at(values[name], state.step) for name, schedule in schedules.items()}
        return step_of({**values, **moved})(state, batch)

    return train_step
