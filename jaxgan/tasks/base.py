"""What a task is: the few places at which a run differs from that of a plain GAN."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import chex
import jax
import numpy as np
import optax

from jaxgan.evaluation.base import Score
from jaxgan.rng import stream
from jaxgan.training.step import TrainStep
from jaxgan.types import Batch, Judgement, Latent, Loss, Network, PlayerState, Term, example_keys

Wrap = Callable[[Network, str | None], Network]
"""`(network, axis_name) -> network`."""


class Labelled(NamedTuple):
    """Examples whose labels a task may see.

    Attributes:
      examples: [n, ...], float32 in the networks' range.
      labels: [n], whole numbers from 0.
    """

    examples: chex.Array
    labels: chex.Array


class Sheet(NamedTuple):
    """Examples to be generated for a picture, and how they are laid out.

    Attributes:
      latents: [n, dim].
      condition: pytree of [n, ...].
      arrange: generated examples [n, ...] to images [rows·columns, ...], row by row, in the networks' range.
      columns: images in a row.
      arrays: what `--mode=sample` writes beside the generated examples, by name.
    """

    latents: chex.Array
    condition: Any
    arrange: Callable[[np.ndarray], np.ndarray]
    columns: int
    arrays: Mapping[str, np.ndarray] = {}


class Other(NamedTuple):
    """A generator that needs no condition, of another run on the same data, say: `generate(latents) -> examples` can be
    traced."""

    generate: Callable[[chex.Array], chex.Array]
    latent: Latent
    name: str


class Trained(NamedTuple):
    """A trained generator and the data, as a task's scores see them; all examples are in the networks' range.

    Attributes:
      generate: `(latents [n, dim], condition) -> examples [n, ...]`, compiled.
      latent: the prior p_z(z).
      train, test: examples [n, ...].
      test_labels: [n], or None.
      classify: `examples -> labels [n]` by a classifier of the data's own labels; None where there is none.
      unit: examples as scores take them: images in [0, 1].
      key: for what is drawn.
      other: the run of `evaluation.other_run`, or None.
      step: of the generator.
      discriminator: the other player, if the task `judges`.
      judge: `(variables, examples [n, ...]) -> Judgement` of numpy arrays by a discriminator, compiled.
      labelled: those of the training examples whose labels the task has seen, or None.
      train_labels: [n], or None.
      own: the run's own generator, for tasks whose generators need no condition.
    """

    generate: Callable[[chex.Array, Any], np.ndarray]
    latent: Latent
    train: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray | None
    classify: Callable[[np.ndarray], np.ndarray] | None
    unit: Callable[[np.ndarray], np.ndarray]
    key: chex.PRNGKey
    other: Other | None = None
    step: int = 0
    discriminator: PlayerState | None = None
    judge: Callable[[Any, np.ndarray], Judgement] | None = None
    labelled: Labelled | None = None
    train_labels: np.ndarray | None = None
    own: Other | None = None


def mean_and_error(values: np.ndarray) -> tuple[float, float | None]:
    """The mean of numbers [n] and its standard error, which a single one has not."""
    values = np.asarray(values, np.float64)
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None


class Scores(NamedTuple):
    """A task's scores, and notes: what they mean, what was left out and how to get it."""

    scores: tuple[Score, ...] = ()
    notes: tuple[str, ...] = ()


class Task(NamedTuple):
    """The places at which a task changes a run; what is not given stays that of a plain GAN.

    Attributes:
      generator, discriminator: what becomes of each player's network, before packs, augmentations and labels. A
        generator may return `Sides` in training: then the discriminator judges what it makes of the data, too.
      prepare: `(keys [k, batch], batch) -> batch`, inside the compiled step: batches of [k, batch, ...], such as with a
        condition that is drawn. A key belongs to an example of the global batch, at one step of the run.
      condition: `count -> condition`, of samples that are asked for without one; None for labels, or none.
      terms: further parts of the losses.
      loss: what becomes of the players' losses.
      discriminator_tx: what becomes of the discriminator's optimizer.
      sheet: `(key, count, examples, latent) -> Sheet` of `count` test examples, for pictures and --mode=sample; None
        for plain samples.
      measure: `Trained -> Scores`, for --mode=evaluate.
      judges: `measure` needs the discriminator, with its optimizer's state.
    """

    generator: Wrap = lambda network, axis_name: network
    discriminator: Wrap = lambda network, axis_name: network
    prepare: Callable[[chex.PRNGKey, Batch], Batch] | None = None
    condition: Callable[[int], Any] | None = None
    terms: tuple[Term, ...] = ()
    loss: Callable[[Loss], Loss] = lambda loss: loss
    discriminator_tx: Callable[[optax.GradientTransformation], optax.GradientTransformation] = lambda tx: tx
    sheet: Callable[[chex.PRNGKey, int, np.ndarray, Latent], Sheet] | None = None
    measure: Callable[[Trained], Scores] | None = None
    judges: bool = False


def prepared(train_step: TrainStep, task: Task, axis_name: str | None) -> TrainStep:
    """The step on batches that the task has prepared, with keys of the step and of each example's place in the global
    batch: the same on one device as on many, and in a resumed run."""
    prepare = task.prepare
    if prepare is None:
        return train_step

    @functools.wraps(train_step)
    def step(state, batch):
        minibatches, count = batch["real"].shape[:2]
        first = 0 if axis_name is None else jax.lax.axis_index(axis_name) * count
        key = stream(jax.random.fold_in(state.key, state.step), "task")
        keys = jax.vmap(lambda k: example_keys(k, count, first))(jax.random.split(key, minibatches))
        return train_step(state, prepare(keys, batch))

    return step
