"""What all losses share."""

import chex
import jax
import jax.numpy as jnp

LIMIT = 20.0
"""Above it exponentials go on as straight lines: e²⁰ is 4.9e8."""


def check_logits(real_logits: chex.Array, fake_logits: chex.Array) -> None:
    """Raises ValueError, naming both shapes, unless both are vectors of one length: [n, 1] against [n] would broadcast
    to [n, n] and train on the wrong pairs without a word."""
    real_shape, fake_shape = jax.numpy.shape(real_logits), jax.numpy.shape(fake_logits)
    if len(real_shape) != 1 or real_shape != fake_shape:
        raise ValueError(
            f"real_logits and fake_logits must both be vectors [batch] of one length, got {real_shape} and "
            f"{fake_shape}; have the discriminator return one logit per example, with no trailing axis"
        )


def bounded_exp(x: chex.Array) -> chex.Array:
    """eˣ up to x = `LIMIT`, and its tangent there from then on: convex, with a slope that never overflows.

    Args:
      x: any shape.

    Returns:
      The same shape, finite for |x| up to 1e4 and beyond.
    """
    return jnp.exp(jnp.minimum(x, LIMIT)) * (1 + jnp.maximum(x - LIMIT, 0))
