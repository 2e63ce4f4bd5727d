"""The convolutional pair of the paper's CIFAR-10 experiment."""

import math
from typing import Annotated

import chex
import jax
from flax import linen

from jaxgan.adapters import from_linen
from jaxgan.fields import Count, Widths
from jaxgan.networks import layers
from jaxgan.networks.conditioning import with_condition
from jaxgan.networks.convolution import Conv, ConvTranspose, max_pool
from jaxgan.types import Network

GRID, CHANNELS = 10, 80
"""Side and channels of the generator's hidden sigmoid layer, seen as an image."""

KERNEL, STRIDE = 5, 3
"""The generator's transposed convolution: 32 = 9·3 + 5 pixels per side."""

LAYERS = ((32, 8, 4, 4, 2), (32, 8, 3, 4, 2), (192, 5, 3, 2, 2))
"""The discriminator's layers: units, kernel, padding, and the size and stride of the max pooling that follows."""

SMALLEST = 8
"""The side in pixels that these layers reduce to one."""


class CIFAR10(linen.Module):
    """The paper's CIFAR-10 convolutional generator (output_shape (32, 32, 3)) or discriminator (()).

    Generator: ReLU 8000, sigmoid 8000 as 10 × 10 × 80, a transposed 5 × 5 convolution with stride 3 and one bias per
    pixel and channel. Discriminator: maxout convolutions with 32, 32 and 192 units of 2 pieces (8 × 8, 8 × 8, 5 × 5;
    padding 4, 3, 3), each followed by max pooling over windows of 4 × 4, 4 × 4 and 2 × 2 with stride 2; 500 maxout
    units; one logit; dropout on the inputs of every layer.

    Attributes:
      output_shape: (32, 32, 3), or () for the discriminator.
      widths: a single width: of the generator's first layer (8000), or of the discriminator's last maxout layer (500);
        () for these defaults.
      output: "linear" in the paper, whose data is contrast-normalised.
      pieces: linear pieces of the discriminator's last maxout layer.
      initializer, initial_scale: the paper uses U(−.05, .05) for the generator, U(−.005, .005) for the discriminator.
      keep_input, keep_hidden: the discriminator's probability of keeping an input, in training.
      means, remat, features: see `jaxgan.networks`.

    Source: Goodfellow et al. 2014, goodfeli/adversarial, cifar10_convolutional.yaml.
    """

    output_shape: tuple[int, ...] = ()
    widths: Widths = ()
    output: Annotated[str, layers.OUTPUTS.keys()] = "linear"
    pieces: Count = 5
    initializer: Annotated[str, layers.INITIALIZERS.keys()] = "uniform"
    initial_scale: layers.Scale = 0.05
    keep_input: layers.Keep = 0.8
    keep_hidden: layers.Keep = 0.5
    means: chex.Array | None = None
    remat: layers.Remat = False
    features: bool = False

    @linen.nowrap
    def as_network(self) -> Network:
        """Checks the attributes and wraps the module."""
        if len(self.widths) > 1:
            raise ValueError(f"cifar10 has one width, got {self.widths}")
        if self.output_shape not in ((), (32, 32, 3)):
            raise ValueError(f"cifar10 makes images of shape (32, 32, 3), not {self.output_shape}")
        return from_linen(self, per_example=not self.output_shape)

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False, keys=None):
        kernel_init = layers.INITIALIZERS[self.initializer](self.initial_scale)
        if self.output_shape:
            return self._generate(layers.flatten(inputs, condition), kernel_init)
        return self._judge(with_condition(inputs, condition, SMALLEST), kernel_init, keys if train else None)

    def _generate(self, latents, kernel_init):
        width = self.widths[0] if self.widths else 8000
        hidden = jax.nn.relu(layers.Dense(width, kernel_init=kernel_init)(latents))
        hidden = jax.nn.sigmoid(layers.Dense(GRID * GRID * CHANNELS, kernel_init=kernel_init)(hidden))
        hidden = hidden.reshape(-1, GRID, GRID, CHANNELS)
        bias = layers.data_bias(self.output, self.means)
        last = ConvTranspose(3, KERNEL, STRIDE, kernel_init=kernel_init, bias_init=bias, untied_bias=True)
        return layers.OUTPUTS[self.output](last(hidden))

    def _judge(self, hidden, kernel_init, keys):
        for i, (units, kernel, padding, pool, stride) in enumerate(LAYERS):

            def layer(module, hidden, i=i, units=units, kernel=kernel, padding=padding, pool=pool, stride=stride):
                hidden = self._dropout(keys, hidden, i)
                hidden = Conv(2 * units, kernel, padding=padding, kernel_init=kernel_init)(hidden)
                # Two pieces per unit; the pieces precede the units, as in `Maxout`.
                return max_pool(hidden.reshape(*hidden.shape[:3], 2, units).max(3), pool, stride)

            hidden = layers.rematerialized(self.remat, layer)(self, hidden)
        hidden = self._dropout(keys, hidden.reshape(hidden.shape[0], -1), len(LAYERS))
        width = self.widths[0] if self.widths else 500
        hidden = layers.Dense(self.pieces * width, kernel_init=kernel_init)(hidden)
        hidden = hidden.reshape(-1, self.pieces, width).max(1)
        kept = self._dropout(keys, hidden, len(LAYERS) + 1)
        return layers.judged(layers.Dense(1, kernel_init=kernel_init)(kept)[:, 0], hidden, self.features)

    def _dropout(self, keys, hidden, layer):
        flat = hidden.reshape(hidden.shape[0], math.prod(hidden.shape[1:]))
        return layers.dropout(keys, flat, self.keep_hidden if layer else self.keep_input, layer).reshape(hidden.shape)
