"""A small convolutional network that encodes an image for a generator."""

from collections.abc import Sequence

import jax
from flax import linen

from jaxgan.adapters import from_linen
from jaxgan.networks.convolution import Conv, check_sides
from jaxgan.networks.layers import Dense
from jaxgan.types import Network

SIZE, STRIDE, PADDING = 4, 2, 1
"""Parameters of every kernel, which halves an image's sides exactly."""

FEATURES = 128
"""About as many as there are latents, which thousands of features would outweigh."""


class Encoder(linen.Module):
    """Convolutions that halve an image's sides, each with a leaky ReLU; then a linear layer and layer norm.

    Attributes:
      widths: channels after every halving.
    """

    widths: Sequence[int]

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        hidden = inputs
        for features in self.widths:
            hidden = jax.nn.leaky_relu(Conv(features, SIZE, STRIDE, PADDING)(hidden), 0.2)
        features = Dense(FEATURES)(hidden.reshape(hidden.shape[0], -1))
        # Without layer norm, the features grow during training and soon outweigh the latents.
        return linen.LayerNorm(use_bias=False, use_scale=False)(features)


def encoder(widths: tuple[int, ...], example_shape: tuple[int, ...]) -> Network:
    """Maps images [n, height, width, channels] to features [n, 128].

    Args:
      widths: channels after every halving of the sides, at least one.
      example_shape: [height, width, channels].

    Raises:
      ValueError: the examples are not images whose sides can be halved that often.
    """
    check_sides(f"an encoder of {len(widths)} convolutions sees", example_shape, STRIDE ** len(widths))
    return from_linen(Encoder(widths))
