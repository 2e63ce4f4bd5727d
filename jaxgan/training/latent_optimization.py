"""Latent optimisation: a step of z that raises the discriminator's logit of G(z), before both players see it."""

import dataclasses
from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp

from jaxgan.types import Latent


@dataclasses.dataclass(frozen=True)
class LatentOptimization:
    """One step up the discriminator's logit: z' = z + Δz with Δz = α·g, or α/(β + ‖g‖²)·g, and g = ∂D(G(z))/∂z.

    Both players' losses are those of G(z'). No gradient is stopped: it passes through Δz too, in each player's own
    parameters. The generator's loss contains w·E‖Δz‖² in addition. Samples G(z) of latents as they are drawn differ
    from what the players saw.

    Attributes:
      step: α > 0.
      damping: β > 0 of the natural gradient, whose Fisher matrix is g·gᵀ + β·I; None for the plain gradient.
      cost: w ≥ 0.

    Raises:
      ValueError: a number is out of range.

    Source: Wu et al. 2019 (arXiv:1912.00953), whose step is α/(β + ‖g‖²)·g; Wu et al. 2019 (arXiv:1905.06723), whose
    authors' code adds the cost to the generator's loss, stops no gradient, and evaluates samples that were moved.
    """

    step: chex.Numeric
    damping: chex.Numeric | None = None
    cost: chex.Numeric = 0.0

    def __post_init__(self):
        for name, value in (("step", self.step), ("damping", self.damping)):
            if isinstance(value, int | float) and not value > 0:  # a traced number has no value to check
                raise ValueError(f"latent optimisation needs a {name} above 0, got {value}")
        if isinstance(self.cost, int | float) and not self.cost >= 0:
            raise ValueError(f"latent optimisation needs a cost of at least 0, got {self.cost}")

    def move(self, latents: chex.Array, logits_of: Callable[[chex.Array], chex.Array], latent: Latent) -> chex.Array:
        """z' [batch, dim], within the prior's bound and radius; the entries of categories do not change.

        `logits_of` is `latents -> logits`, D(G(z)). The gradient is that of their sum; for networks that mix their
        batch it is not that of each logit by itself.
        """
        gradient = jax.grad(lambda z: logits_of(z).sum())(latents)
        if latent.categories:
            gradient = gradient.at[:, : latent.categories].set(0.0)
        if self.damping is None:
            moved = latents + self.step * gradient
        else:
            squared = jnp.square(gradient).sum(1, keepdims=True)
            moved = latents + self.step * gradient / (self.damping + squared)
        return latent.nearest(moved)


def squared_distance(moved: chex.Array, latents: chex.Array) -> chex.Array:
    """E‖Δz‖², the mean over the batch."""
    return jnp.square(moved - latents).sum(1).mean()
