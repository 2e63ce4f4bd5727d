"""Latent optimization: moves z to raise the discriminator's logit of G(z), before both players see it."""

import dataclasses
from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp

from jaxgan.types import Latent


@dataclasses.dataclass(frozen=True)
class LatentOptimization:
    """One step that raises the discriminator's logit: z' = z + Δz with Δz = α·g or α/(β + ‖g‖²)·g, and g = ∂D(G(z))/∂z.

    Both players' losses use G(z'). No gradient is stopped: each player's gradient passes through Δz too. The
    generator's loss has the additional term w·E‖Δz‖². Samples G(z) of unmoved latents are unlike those in training.

    Attributes:
      step: α > 0.
      damping: β > 0 for the natural gradient, whose Fisher matrix is g·gᵀ + β·I; None for the plain gradient.
      cost: w ≥ 0.

    Raises:
      ValueError: a number is out of range.

    Source: Wu et al. 2019 (arXiv:1912.00953), whose step is α/(β + ‖g‖²)·g; Wu et al. 2019 (arXiv:1905.06723), whose
    authors' code adds the cost to the generator's loss, stops no gradient, and evaluates samples from moved latents.
    """

    step: chex.Numeric
    damping: chex.Numeric | None = None
    cost: chex.Numeric = 0.0

    def __post_init__(self):
        for name, value in (("step", self.step), ("damping", self.damping)):
            if isinstance(value, int | float) and not value > 0:  # a traced number cannot be checked
                raise ValueError(f"latent optimisation needs a {name} above 0, got {value}")
        if isinstance(self.cost, int | float) and not self.cost >= 0:
            raise ValueError(f"latent optimisation needs a cost of at least 0, got {self.cost}")

    def move(self, latents: chex.Array, logits_of: Callable[[chex.Array], chex.Array], latent: Latent) -> chex.Array:
        """z' [batch, dim], within the prior's bound and radius. The entries of categories do not change.

        `logits_of` is `latents -> logits`, D(G(z)). The gradient is that of the summed logits. For networks that mix
        the examples of a batch, it differs from the gradients of the single logits.
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
