"""Virtual batch normalisation: statistics of a fixed batch and of the example itself."""

import chex
import jax
import jax.numpy as jnp
from flax import linen

COLLECTION = "reference"
"""Of the model state: the fixed batch."""

EPSILON = 1e-5


class VirtualBatchNorm(linen.Module):
    """Normalises every example by a fixed batch of n examples and itself, whose weight is 1 / (n + 1).

    The first `reference` rows of what it is given are the fixed batch, which is normalised by itself alone.

    Attributes:
      reference: n.
      affine: multiply by a learnt scale and add a learnt bias, for every channel.

    Source: Salimans et al. 2016 (arXiv:1606.03498), section 3.5.
    """

    reference: int
    affine: bool = True

    @linen.compact
    def __call__(self, hidden):
        n, channels = self.reference, hidden.shape[-1]
        examples = hidden.astype(jnp.float32).reshape(len(hidden), -1, channels)
        moments = jnp.stack([examples.mean(1), jnp.square(examples).mean(1)])  # of each example: [2, batch, channels]
        fixed = moments[:, :n].mean(1, keepdims=True)
        theirs = (n * fixed + moments[:, n:]) / (n + 1)
        mean, square = jnp.concatenate([jnp.broadcast_to(fixed, (2, n, channels)), theirs], axis=1)[:, :, None]
        outputs = (examples - mean) * jax.lax.rsqrt(jnp.maximum(square - jnp.square(mean), 0) + EPSILON)
        if self.affine:
            scale = self.param("scale", linen.initializers.ones, (channels,))
            bias = self.param("bias", linen.initializers.zeros, (channels,))
            outputs = outputs * scale[None, None] + bias[None, None]
        return outputs.reshape(hidden.shape).astype(hidden.dtype)


def with_reference(
    module: linen.Module, inputs: chex.Array, condition: chex.Array | None
) -> tuple[chex.Array, chex.Array | None, int]:
    """Inputs with the fixed batch in front of them: the inputs, and conditions, that the network was initialised with.

    Args:
      module: the network, which keeps the fixed batch in its model state.
      inputs: [batch, ...].
      condition: [batch, ...], or None.

    Returns:
      [n + batch, ...], the conditions likewise, and n; the network's outputs for the first n are to be cut off.
    """
    fixed = module.variable(COLLECTION, "inputs", lambda: inputs).value
    both = jnp.concatenate([fixed.astype(inputs.dtype), inputs])
    if condition is None:
        return both, None, len(fixed)
    conditions = module.variable(COLLECTION, "condition", lambda: condition).value
    return both, jnp.concatenate([conditions.astype(condition.dtype), condition]), len(fixed)
