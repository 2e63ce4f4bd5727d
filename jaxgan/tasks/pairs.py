"""Pairs (x, z) as examples, and a discriminator of them."""

import chex
import jax.numpy as jnp
import numpy as np

from jaxgan.types import Network, inner_apply, wrapped


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
