"""The fixed parts of a GAN, and the types of what it is made of."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import optax

from jaxgan.descent import varying
from jaxgan.latent_optimization import LatentOptimization
from jaxgan.latents import Latent
from jaxgan.losses import Loss
from jaxgan.state import Judgement, Network

Metrics = dict[str, chex.Array]
Penalty = Callable[..., chex.Array]
"""`(critic, real, fake, key) -> scalar` added to the discriminator's loss; `critic(examples) -> logits [batch]`."""


@dataclasses.dataclass(frozen=True)
class Lazy:
    """A penalty in every `interval`-th step alone, multiplied by `interval`; see `jaxgan.penalties.lazy`."""

    penalty: Penalty
    interval: int


class Seen(NamedTuple):
    """What a term sees of one minibatch: this device's share of it.

    Attributes:
      real, fake: the discriminator's judgements.
      latents: [batch, dim], of the generated examples.
      condition: [batch, ...] of both, or None.
      prior: which the latents are from.
      axis_name: of the mapped device axis, or None.
      judge: `(examples [n, ...], condition=None) -> Judgement` of this discriminator, in training, of further examples,
        which may be a part of the condition: labelled ones, say. What it does to a network's state is not kept.
      extra: what the generator made beside its examples, see `Sides`; or None.
    """

    real: Judgement
    fake: Judgement
    latents: chex.Array
    condition: chex.ArrayTree | None
    prior: Latent
    axis_name: str | None = None
    judge: Callable[..., Judgement] | None = None
    extra: Any = None

    def mean(self, values: chex.Array) -> chex.Array:
        """The mean over the batch, [batch, ...] to [...], of all devices."""
        means = values.mean(0)
        if self.axis_name is None:
            return means
        # Varying again, so that the mean of the devices' gradients is that of the mean whatever is made of it.
        return varying(jax.lax.pmean(means, self.axis_name), self.axis_name)


class Term(NamedTuple):
    """A part of the players' losses that reads more than logits; see `jaxgan.terms`.

    Attributes:
      discriminator: `seen -> scalar`, added to the discriminator's loss; None for nothing.
      generator: the same of the generator's.
    """

    discriminator: Callable[[Seen], chex.Array] | None = None
    generator: Callable[[Seen], chex.Array] | None = None


class Game(NamedTuple):
    """The fixed parts of a GAN: everything a step needs beside the state and the data.

    Attributes:
      generator, discriminator: the two `Network`s.
      loss: the two players' objectives.
      generator_tx, discriminator_tx: optax gradient transformations.
      latent: the prior p_z(z).
      penalties: added to the discriminator's loss, or some of them `Lazy`.
      axis_name: name of the mapped device axis over which gradients are averaged; None on one device.
      accumulation_steps: parts in which a device computes its batch, one after another; their gradients are averaged.
      unrolled_steps: updates of the discriminator that the generator looks ahead through.
      consensus: weight of the joint gradient field's squared length in what each player descends, or None.
      terms: added to the players' losses.
      latent_optimization: how latents are moved before both players see them; None: they are not.
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
    terms: tuple[Term, ...] = ()
    latent_optimization: LatentOptimization | None = None
