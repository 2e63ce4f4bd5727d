"""Pairs (x, z) as examples: what becomes of a discriminator and of a loss in a game of them."""

import chex
import jax.numpy as jnp
import numpy as np

from jaxgan.losses import LOSSES
from jaxgan.types import Loss, Network, inner_apply, wrapped


def as_pairs(examples: chex.Array, latents: chex.Array) -> chex.Array:
    """(x, z) as vectors [n, features + dim], so that penalties take them for examples."""
    return jnp.concatenate([examples.reshape(len(examples), -1), latents], -1)


def judging_pairs(discriminator: Network, example_shape: tuple[int, ...], dim: int) -> Network:
    """The discriminator of pairs (x, z), to which z is a condition of features.

    Args:
      discriminator: of examples [n, ...] and a condition [n, dim].
      example_shape: of one example.
      dim: of z.

    Returns:
      A `Network` of vectors [n, features + dim], see `as_pairs`.

    Raises:
      ValueError: on use, the inputs are no pairs.
    """
    inner, features = inner_apply(discriminator), int(np.prod(example_shape))

    def init(key, inputs, condition=None):
        return discriminator.init(key, inputs, condition=jnp.zeros((len(inputs), dim)))

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        if inputs.shape[1:] != (features + dim,):
            raise ValueError(f"pairs (x, z) are [n, {features + dim}], not {list(inputs.shape)}; see as_pairs")
        x, z = inputs[:, :features].reshape(-1, *example_shape), inputs[:, features:]
        return inner(variables, x, condition=z, key=key, train=train)

    return wrapped(discriminator, init, apply)


def both_sides(loss: Loss) -> Loss:
    """The loss for a generator that makes both sides: G and E descend what D descends, with its labels swapped.

    Of the cross-entropy this is −E log(1 − D(x, E(x))) − E log D(G(z), z). Of minimax it is V itself.

    Args:
      loss: any whose two halves are alike: not `maximum_likelihood`, nor an f-divergence.

    Source: Donahue et al. 2017 (arXiv:1605.09782), section 3, and its "inverse" objective.
    """

    def swapped(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
        return loss.discriminator(fake_logits, real_logits)

    def negative(real_logits: chex.Array, fake_logits: chex.Array) -> chex.Array:
        return -loss.discriminator(real_logits, fake_logits)

    return loss._replace(generator=negative if loss is LOSSES["minimax"] else swapped)
