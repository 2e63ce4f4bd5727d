"""Self-attention over the pixels of an image."""

import chex
import jax
import jax.numpy as jnp
from flax import linen

from jaxgan.networks.convolution import Conv, max_pool


class SelfAttention(linen.Module):
    """x + γ · o, o_j = Conv(Σ_i β_ji h(x_i)), β_j = softmax_i(f(x_i)ᵀ g(x_j)); γ starts at 0.

    f, g, h and the last are 1 × 1 convolutions, of C/8, C/8, C/2 and C channels; f and h are taken at the maxima of
    2 × 2 pixels, a quarter as many places.

    Attributes:
      weights: name in `WEIGHTS`.
      kernel_init: initialiser of all kernels.

    Source: Zhang et al. 2019 (arXiv:1805.08318), equations 1 to 3, and its code for the pooling and C/2.
    """

    weights: str = "plain"
    kernel_init: chex.ArrayTree = linen.initializers.glorot_uniform()

    @linen.compact
    def __call__(self, images):
        """[n, height, width, channels] to the same."""
        n, height, width, channels = images.shape

        def project(features, inputs):
            return Conv(features, 1, use_bias=False, kernel_init=self.kernel_init, weights=self.weights)(inputs)

        def places(inputs):
            return inputs.reshape(n, -1, inputs.shape[-1])

        queries = places(project(max(channels // 8, 1), images))
        keys = places(max_pool(project(max(channels // 8, 1), images), 2, 2))
        values = places(max_pool(project(max(channels // 2, 1), images), 2, 2))
        scores = jnp.einsum("nqc,nkc->nqk", queries, keys).astype(jnp.float32)
        attended = jax.nn.softmax(scores).astype(images.dtype) @ values
        gamma = self.param("gamma", linen.initializers.zeros, ())
        return images + gamma * project(channels, attended.reshape(n, height, width, -1))
