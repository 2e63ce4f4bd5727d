"""Tasks: the few places where a run differs from a plain GAN."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import chex
import numpy as np
import optax

from jaxgan.evaluation.base import Score
from jaxgan.training.step import TrainStep
from jaxgan.types import Batch, DiscriminatorOutput, Latent, Loss, Network, PlayerState, Term, minibatch_keys

Wrap = Callable[[Network, str | None], Network]
"""`(network, axis_name) -> network`."""

NO_CLASSIFIER = "Left out: accuracy, for which evaluation.features must be a classifier of the data's own labels."


class Labelled(NamedTuple):
    """Examples [n, ...] in the networks' range whose labels [n], integers from 0, a task may see."""

    examples: chex.Array
    labels: chex.Array


class Sheet(NamedTuple):
    """The examples to generate for a picture, and their layout.

    Attributes:
      latents: [n, dim].
      condition: pytree of [n, ...].
      arrange: maps generated examples [n, ...] to images [rows·columns, ...], row by row, in the networks' range.
      columns: images per row.
      arrays: arrays that `--mode=sample` writes with the generated examples, by name.
    """

    latents: chex.Array
    condition: Any
    arrange: Callable[[np.ndarray], np.ndarray]
    columns: int
    arrays: Mapping[str, np.ndarray] = {}


class PlainGenerator(NamedTuple):
    """A generator without a condition, for example from another run on the same data; `generate` can be traced."""

    generate: Callable[[chex.Array], chex.Array]
    latent: Latent
    name: str


class ScoreInputs(NamedTuple):
    """The inputs of a task's scores: a trained generator and the data. All examples are in the networks' range.

    Attributes:
      generate: `(latents [n, dim], condition) -> examples [n, ...]`, compiled.
      train, test: examples [n, ...].
      train_labels, test_labels: [n], or None.
      classify: `examples -> labels [n]`, using a classifier trained on the data's labels; or None.
      features: `examples -> features [n, dim]` in which samples and data are compared; None if these are raw values.
      unit: converts examples to the range of the scores: images in [0, 1].
      other: the run of `evaluation.other_run`, or None.
      discriminator: the other player, if `Task.judges`.
      discriminate: `(variables, examples [n, ...]) -> DiscriminatorOutput` of numpy arrays, compiled.
      labelled: the training examples whose labels the task has seen, or None.
      own: the run's generator without a condition, for tasks whose generators do not need one.
      train_conditions, test_conditions: [n, ...], the vectors or pictures that come with the examples, if these are
        the condition.
    """

    generate: Callable[[chex.Array, Any], np.ndarray]
    latent: Latent
    train: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray | None
    classify: Callable[[np.ndarray], np.ndarray] | None
    unit: Callable[[np.ndarray], np.ndarray]
    key: chex.PRNGKey
    other: PlainGenerator | None = None
    step: int = 0
    discriminator: PlayerState | None = None
    discriminate: Callable[[Any, np.ndarray], DiscriminatorOutput] | None = None
    labelled: Labelled | None = None
    train_labels: np.ndarray | None = None
    own: PlainGenerator | None = None
    features: Callable[[np.ndarray], np.ndarray] | None = None
    train_conditions: np.ndarray | None = None
    test_conditions: np.ndarray | None = None


def mean_and_error(values: np.ndarray) -> tuple[float, float | None]:
    """The mean of numbers [n] and its standard error; None for a single number."""
    values = np.asarray(values, np.float64)
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None


class Scores(NamedTuple):
    """A task's scores, and notes: what they mean, what was omitted, and how to include it."""

    scores: tuple[Score, ...] = ()
    notes: tuple[str, ...] = ()


class Task(NamedTuple):
    """The places where a task changes a run. The defaults are those of a plain GAN.

    Attributes:
      generator, discriminator: wrap each player's network, before packing, augmentation and labels. In training, a
        generator that also prepares the discriminator's view of the data may return `DiscriminatorInputs`.
      prepare: `(keys [k, batch], batch) -> batch`, inside the compiled step, for batches [k, batch, ...]; for example,
        it may draw a condition. Each key belongs to one example of the global batch at one step.
      condition: `count -> condition` of samples that are requested without one; None for labels, or no condition.
      condition_of: `examples [n, ...] -> condition`, if a condition is made from an example: then samples that are
        scored, or watched by alarms, have the conditions of training examples.
      terms: additional terms of the losses.
      loss, discriminator_tx: wrap the loss and the discriminator's optimizer.
      sheet: `(key, count, examples, latent) -> Sheet` for `count` test examples, for pictures and `--mode=sample`; None
        for plain samples. If it takes `conditions`, these come with the examples, [n, ...].
      measure: `ScoreInputs -> Scores`, for `--mode=evaluate`.
      judges: whether `measure` reads the discriminator and its optimizer state.
    """

    generator: Wrap = lambda network, axis_name: network
    discriminator: Wrap = lambda network, axis_name: network
    prepare: Callable[[chex.PRNGKey, Batch], Batch] | None = None
    condition: Callable[[int], Any] | None = None
    condition_of: Callable[[chex.Array], chex.Array] | None = None
    terms: tuple[Term, ...] = ()
    loss: Callable[[Loss], Loss] = lambda loss: loss
    discriminator_tx: Callable[[optax.GradientTransformation], optax.GradientTransformation] = lambda tx: tx
    sheet: Callable[[chex.PRNGKey, int, np.ndarray, Latent], Sheet] | None = None
    measure: Callable[[ScoreInputs], Scores] | None = None
    judges: bool = False


def joined(**parts: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of several networks as those of one: each collection has a part for each network that uses it."""
    names = {name: None for variables in parts.values() for name in variables}
    return {name: {part: own[name] for part, own in parts.items() if name in own} for name in names}


def part_of(variables: Mapping[str, Any], part: str) -> dict[str, Any]:
    """The variables of one of the networks that `joined` has joined."""
    return {name: parts[part] for name, parts in variables.items() if part in parts}


def none(*, example_shape, latent) -> Task:
    """A plain GAN."""
    return Task()


def prepared(train_step: TrainStep, task: Task, axis_name: str | None) -> TrainStep:
    """A step whose batches the task prepares, independently of the number of devices."""
    prepare = task.prepare
    if prepare is None:
        return train_step

    @functools.wraps(train_step)
    def step(state, batch):
        minibatches, count = batch["real"].shape[:2]
        keys = minibatch_keys(state, "task", minibatches, count, axis_name)
        return train_step(state, prepare(keys, batch))

    return step
