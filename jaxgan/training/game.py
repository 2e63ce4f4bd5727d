"""The fixed parts of a GAN."""

from typing import NamedTuple

import chex
import optax

from jaxgan.training.latent_optimization import LatentOptimization
from jaxgan.types import Latent, Lazy, Loss, Network, Penalty, Term


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
