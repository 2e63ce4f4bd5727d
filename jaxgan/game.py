"""The fixed parts of a GAN, and the types of what it is made of."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import chex
import optax

from jaxgan.latents import Latent
from jaxgan.losses import Loss
from jaxgan.state import Network

Metrics = dict[str, chex.Array]
Penalty = Callable[..., chex.Array]
"""`(critic, real, fake, key) -> scalar` added to the discriminator's loss; `critic(examples) -> logits [batch]`."""


@dataclasses.dataclass(frozen=True)
class Lazy:
    """A penalty in every `interval`-th step alone, multiplied by `interval`; see `jaxgan.penalties.lazy`."""

    penalty: Penalty
    interval: int


class Game(NamedTuple):
    """The fixed parts of a GAN: everything a step needs beside the state and the data.

    Attributes:
      generator, discriminator: the two `Network`s.
      loss: the two players' objectives.
      generator_tx, discriminator_tx: optax gradient transformations.
      latent: the prior p_z(z).
      penalties: terms added to the discriminator's loss, or some of them `Lazy`.
      axis_name: name of the mapped device axis over which gradients are averaged; None on one device.
      accumulation_steps: parts in which a device computes its batch, one after another; their gradients are averaged.
      unrolled_steps: updates of the discriminator that the generator looks ahead through.
      consensus: weight of the joint gradient field's squared length in what each player descends, or None.
    """

    generator: Network
    discriminator: Network
    loss: Loss
    generator_tx: optax.GradientTransformation
    discriminator_tx: optax.GradientTransformation
    latent: Latent
    penalties: tuple[Penalty | Lazy, ...] = ()
    axis_name: str | None = None
    accumulation_steps: int = 1
    unrolled_steps: int = 0
    consensus: chex.Numeric | None = None
