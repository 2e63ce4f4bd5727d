"""The parts of a run, as pure functions and values."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.errors import UsageError
from jaxgan.tasks import Labelled, Task
from jaxgan.tasks.base import prepared
from jaxgan.training.step import TrainStep, init_state, make_train_step
from jaxgan.types import Latent, Network, TrainState

Hyperparameters = Mapping[str, chex.Numeric]
"""Numbers that the compiled step takes as arguments, by the names of their fields, with dots."""


class DataFacts(NamedTuple):
    """What a run's parts need to know of its data.

    Attributes:
      example_shape: shape of one example.
      train_examples: number of training examples.
      means: mean of each pixel over the training examples, in the range the networks see; None where not needed.
      classes: number of classes, where labels are the condition; else None.
      vectors: [m, dim] float32, where vectors are the condition: those that samples have, in turn; else None.
      labelled: the examples whose labels a task sees; None for none, and where nothing is trained.
      first: examples that networks start from, in the range they see; None where none does, and nothing is trained.
    """

    example_shape: tuple[int, ...]
    train_examples: int
    means: np.ndarray | None = None
    classes: int | None = None
    vectors: np.ndarray | None = None
    labelled: Labelled | None = None
    first: np.ndarray | None = None


class Sampling(NamedTuple):
    """How samples of a trained generator are drawn, see `jaxgan.sampling`.

    Attributes:
      method: one of `jaxgan.sampling.METHODS`.
      burn_in, percentile: of "rejection".
      steps, step_size, adjusted: of "driven".
      log_ratio: log p_d/p_g of the discriminator's logits, which "rejection" and "driven" need.
    """

    method: str
    burn_in: int
    percentile: float
    steps: int
    step_size: float
    adjusted: bool
    log_ratio: Callable[[jax.Array], jax.Array] | None

    @property
    def by_discriminator(self) -> bool:
        """Whether it needs the discriminator."""
        return self.method != "plain"


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The parts of a GAN as pure functions and values, made from a config by `build`.

    Attributes:
      networks: `axis_name -> (generator, discriminator)`.
      latent: the prior.
      task: the places at which the run differs from that of a plain GAN.
      step_options: `hyperparameters -> arguments of make_train_step`, all but the networks, the prior and the axis.
      hyperparameters: the numbers that the config has for them.
      sampling: how samples are drawn.
      example_shape: of one example.
      packing: examples that the discriminator judges at once.
      first: [n, ...], examples that the networks are initialised with; None for zeros.
      first_examples: how many zeros.
      classes: number of labels, or None.
      conditions: [m, ...], those that samples have in turn; None without a condition.
    """

    networks: Callable[[str | None], tuple[Network, Network]]
    latent: Latent
    task: Task
    step_options: Callable[[Hyperparameters], dict[str, Any]]
    hyperparameters: dict[str, float]
    sampling: Sampling
    example_shape: tuple[int, ...]
    packing: int = 1
    first: np.ndarray | None = None
    first_examples: int = 2
    classes: int | None = None
    conditions: np.ndarray | None = None

    @functools.cached_property
    def generator(self) -> Network:
        """The generator on one device."""
        return self.networks(None)[0]

    @functools.cached_property
    def discriminator(self) -> Network:
        """The discriminator on one device."""
        return self.networks(None)[1]

    @functools.cached_property
    def options(self) -> dict[str, Any]:
        """The arguments of `make_train_step` by the config's own numbers."""
        return self.step_options(self.hyperparameters)

    def replace(self, **changes: Any) -> "Experiment":
        """A copy with the named fields changed."""
        return dataclasses.replace(self, **changes)

    def condition(self, count: int, first: int = 0) -> Any:
        """The condition of samples number first to first + count − 1: the task's, or `conditions` in turn; None without
        a condition."""
        if self.task.condition is not None:
            return self.task.condition(count)
        if self.conditions is None:
            return None
        return jnp.asarray(self.conditions[np.arange(first, first + count) % len(self.conditions)])

    def train_step(self, axis_name: str | None = None, hyperparameters: Hyperparameters | None = None) -> TrainStep:
        """One iteration of Algorithm 1, see `make_train_step`.

        Args:
          axis_name: of the mapped device axis, over which batch statistics are taken; None on one device.
          hyperparameters: numbers in the place of the config's, which may be traced; None for the config's.
        """
        generator, discriminator = self.networks(axis_name)
        options = self.options if hyperparameters is None else self.step_options(hyperparameters)
        step = make_train_step(
            generator=generator, discriminator=discriminator, latent=self.latent, axis_name=axis_name, **options
        )
        return prepared(step, self.task, axis_name)

    def initial_state(self, seed: int) -> TrainState:
        """The state before the first step, a pure function of the seed."""
        return jax.jit(self.state_from)(jax.random.key(seed))

    def abstract_state(self) -> TrainState:
        """Shapes and types of the state, without the work of making it."""
        return jax.eval_shape(self.state_from, jax.random.key(0))

    def state_from(self, key: jax.Array) -> TrainState:
        """The state before the first step from the seed's key, not compiled."""
        if self.first is None:
            count = self.first_examples * self.packing
            example = jnp.zeros((count, *self.example_shape))
        else:
            count = len(self.first) // self.packing * self.packing
            example = jnp.asarray(self.first[:count])
        try:
            return init_state(
                key,
                generator=self.generator,
                discriminator=self.discriminator,
                generator_tx=self.options["generator_tx"],
                discriminator_tx=self.options["discriminator_tx"],
                latent=self.latent,
                example=example,
                condition=self.condition(count),
                average=self.options["average_decay"] is not None,
            )
        except ValueError as error:
            raise UsageError("a network does not suit the data", str(error), "choose another network") from error
