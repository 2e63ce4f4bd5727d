"""The parts of a run, as pure functions and values."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.errors import UsageError
from jaxgan.tasks import Labelled, Task
from jaxgan.tasks.base import prepared
from jaxgan.training.coordination import Coordination
from jaxgan.training.latent_optimization import LatentOptimization
from jaxgan.training.step import TrainStep, init_state, make_train_step
from jaxgan.types import Latent, Lazy, Loss, Network, Penalty, Term, TrainState


class DataFacts(NamedTuple):
    """What a run's parts need to know of its data.

    Attributes:
      example_shape: shape of one example.
      train_examples: how many training examples there are.
      means: mean of each pixel over the training examples, in the range the networks see; None where not needed.
      classes: how many, where labels are the condition; else None.
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


_NOT_OF_THE_STEP = frozenset(
    ("example_shape", "packing", "sampling", "networks", "first_examples", "first", "classes", "conditions", "task")
)


class Experiment(NamedTuple):
    """The parts of a GAN as pure functions and values, made from a config by `build`.

    Of those that are no arguments of `make_train_step`: `networks` makes both players for a device axis, `classes` is
    how many labels there are, `conditions` [m, ...] are those that samples have in turn (None without a condition), and
    `first` [n, ...] the examples that the networks are initialised with; None for zeros.
    """

    generator: Network
    discriminator: Network
    loss: Loss
    generator_tx: optax.GradientTransformation
    discriminator_tx: optax.GradientTransformation
    latent: Latent
    discriminator_steps: int
    generator_steps: int
    average_decay: float | None
    accumulation_steps: int
    penalties: tuple[Penalty | Lazy, ...]
    unrolled_steps: int
    coordination: Coordination | None
    consensus: float | None
    extragradient: bool
    terms: tuple[Term, ...]
    latent_optimization: LatentOptimization | None
    example_shape: tuple[int, ...]
    packing: int
    sampling: Sampling
    networks: Callable[[str | None], tuple[Network, Network]]
    first_examples: int = 2
    classes: int | None = None
    conditions: np.ndarray | None = None
    task: Task = Task()
    first: np.ndarray | None = None

    def condition(self, count: int, first: int = 0) -> Any:
        """The condition of samples number first to first + count − 1: the task's, or `conditions` in turn; None without
        a condition."""
        if self.task.condition is not None:
            return self.task.condition(count)
        if self.conditions is None:
            return None
        return jnp.asarray(self.conditions[np.arange(first, first + count) % len(self.conditions)])

    def train_step(self, axis_name: str | None = None) -> TrainStep:
        """One iteration of Algorithm 1, see `make_train_step`; batch statistics are over the axis."""
        parts = {name: value for name, value in self._asdict().items() if name not in _NOT_OF_THE_STEP}
        parts["generator"], parts["discriminator"] = self.networks(axis_name)
        return prepared(make_train_step(**parts, axis_name=axis_name), self.task, axis_name)

    def initial_state(self, seed: int) -> TrainState:
        """The state before the first step, a pure function of the seed."""
        return jax.jit(self.state_from)(jax.random.key(seed))

    def abstract_state(self) -> TrainState:
        """Shapes and types of the state, without the work of making it."""
        return jax.eval_shape(self.state_from, jax.random.key(0))

    def state_from(self, key: jax.Array) -> TrainState:
        """The state before the first step from the seed's key, not compiled."""
        examples = self.first_examples * self.packing
        example = jnp.zeros((examples, *self.example_shape))
        if self.first is not None:
            examples = len(self.first) // self.packing * self.packing
            example = jnp.asarray(self.first[:examples])
        try:
            return init_state(
                key,
                generator=self.generator,
                discriminator=self.discriminator,
                generator_tx=self.generator_tx,
                discriminator_tx=self.discriminator_tx,
                latent=self.latent,
                example=example,
                condition=self.condition(examples),
                average=self.average_decay is not None,
            )
        except ValueError as error:
            raise UsageError("a network does not suit the data", str(error), "choose another network") from error
