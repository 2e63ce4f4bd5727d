"""The convolutional pair of the paper's CIFAR-10 experiment."""

import math
from collections.abc import Sequence

import chex
import jax
from flax import linen

from jaxgan.networks.convolution import Conv, ConvTranspose, max_pool
from jaxgan.networks.dcgan import with_condition
from jaxgan.networks.layers import INITIALIZERS, OUTPUTS, dropout, flatten, judged, output_bias, rematerialized
from jaxgan.networks.linen import from_linen
from jaxgan.types import Network

GRID, CHANNELS = 10, 80
"""The generator's hidden layer of sigmoids as an image."""

KERNEL, STRIDE = 5, 3
"""Of its transposed convolution: 32 = 9·3 + 5 pixels a side."""

LAYERS = ((32, 8, 4, 4, 2), (32, 8, 3, 4, 2), (192, 5, 3, 2, 2))
"""The discriminator's: units, kernel, padding, and the size and stride of the maximum that follows."""
SMALLEST = 8
"""Pixels a side of which these layers leave one."""


class Generator(linen.Module):
    """ReLU, sigmoids seen as a 10 × 10 image of 80 channels, and one transposed convolution with a bias per pixel."""

    width: int
    output: str
    initializer: str
    initial_scale: float
    means: chex.Array | None = None

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        weights = INITIALIZERS[self.initializer](self.initial_scale)
        hidden = jax.nn.relu(linen.Dense(self.width, kernel_init=weights)(flatten(inputs, condition)))
        hidden = jax.nn.sigmoid(linen.Dense(GRID * GRID * CHANNELS, kernel_init=weights)(hidden))
        hidden = hidden.reshape(-1, GRID, GRID, CHANNELS)
        bias = linen.initializers.zeros if self.means is None else self._data_bias
        last = ConvTranspose(3, KERNEL, STRIDE, kernel_init=weights, bias_init=bias, untied_bias=True)
        return OUTPUTS[self.output](last(hidden))

    def _data_bias(self, key, shape, dtype=None):
        return output_bias(self.output, self.means).reshape(shape)


class Discriminator(linen.Module):
    """Three layers of maxout units that are convolutions, each with a spatial maximum behind it, one of maxout units,
    and a linear one; dropout on the inputs of all."""

    width: int
    pieces: int
    initializer: str
    initial_scale: float
    keep: tuple[float, float]
    remat: bool = False
    features: bool = False

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False, keys=None):
        keys = keys if train else None
        weights = INITIALIZERS[self.initializer](self.initial_scale)
        hidden = with_condition(inputs, condition, SMALLEST)
        for i, (units, kernel, padding, pool, stride) in enumerate(LAYERS):

            def layer(module, hidden, i=i, units=units, kernel=kernel, padding=padding, pool=pool, stride=stride):
                hidden = self._dropout(keys, hidden, i)
                hidden = Conv(2 * units, kernel, padding=padding, kernel_init=weights)(hidden)
                # Two pieces a unit, pieces before units as in `Maxout`.
                return max_pool(hidden.reshape(*hidden.shape[:3], 2, units).max(3), pool, stride)

            hidden = rematerialized(self.remat, layer)(self, hidden)
        hidden = self._dropout(keys, hidden.reshape(len(hidden), -1), len(LAYERS))
        hidden = linen.Dense(self.pieces * self.width, kernel_init=weights)(hidden)
        hidden = hidden.reshape(-1, self.pieces, self.width).max(1)
        kept = self._dropout(keys, hidden, len(LAYERS) + 1)
        return judged(linen.Dense(1, kernel_init=weights)(kept)[:, 0], hidden, self.features)

    def _dropout(self, keys, hidden, layer):
        flat = hidden.reshape(len(hidden), math.prod(hidden.shape[1:]))
        return dropout(keys, flat, self.keep[layer > 0], layer).reshape(hidden.shape)


def cifar10(
    *,
    output_shape: tuple[int, ...] = (),
    widths: Sequence[int] = (),
    output: str = "linear",
    pieces: int = 5,
    initializer: str = "uniform",
    initial_scale: float = 0.05,
    keep_input: float = 0.8,
    keep_hidden: float = 0.5,
    means: chex.Array | None = None,
    remat: bool = False,
    features: bool = False,
) -> Network:
    """The paper's CIFAR-10 convolutional generator (output_shape (32, 32, 3)) or discriminator (()).

    Generator: ReLU 8000, sigmoid 8000 as 10 × 10 × 80, transposed convolution 5 × 5 of stride 3 with a bias for every
    pixel and channel. Discriminator: maxout convolutions of 32, 32 and 192 units of 2 pieces (8 × 8, 8 × 8, 5 × 5;
    padding 4, 3, 3), after each a maximum of 4 × 4, 4 × 4 and 2 × 2 windows of stride 2; 500 maxout units; one logit.

    Args:
      output_shape: (32, 32, 3), or () for the discriminator.
      widths: one width: of the generator's first layer (8000), or of the discriminator's last maxout layer (500); ()
        for these.
      output: the generator's; the paper's data is contrast-normalised, and its output linear.
      pieces: of the discriminator's last maxout layer.
      initializer, initial_scale: name in `INITIALIZERS` and its scale; the paper has U(−.05, .05) and U(−.005, .005).
      keep_input, keep_hidden: the discriminator's probability of keeping an input in training.
      means: mean of each output over the data, where a generator starts; None: at 0.
      remat: keep only the inputs of the discriminator's convolutions for the gradient: less memory, more time.
      features: the discriminator returns its last layer's inputs too, in a `Judgement`, for feature matching.

    Returns:
      A `Network`.

    Raises:
      ValueError: another shape, or more than one width.

    Source: Goodfellow et al. 2014, goodfeli/adversarial, cifar10_convolutional.yaml; the limits that its code sets on
    the norms of kernels are not there.
    """
    if len(widths) > 1:
        raise ValueError(f"cifar10 has one width, got {tuple(widths)}")
    if not output_shape:
        width = widths[0] if widths else 500
        module = Discriminator(width, pieces, initializer, initial_scale, (keep_input, keep_hidden), remat, features)
        return from_linen(module, per_example=True)
    if tuple(output_shape) != (32, 32, 3):
        raise ValueError(f"cifar10 makes images of shape (32, 32, 3), not {tuple(output_shape)}")
    return from_linen(Generator(widths[0] if widths else 8000, output, initializer, initial_scale, means))
