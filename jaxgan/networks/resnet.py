"""Residual networks of the SNGAN kind, with a projection of the condition."""

import math
from typing import Annotated, Any

import chex
import jax.numpy as jnp
from flax import linen

from jaxgan.adapters import from_linen
from jaxgan.fields import Size, Widths, check_choice
from jaxgan.networks import layers
from jaxgan.networks.conditioning import as_features
from jaxgan.networks.convolution import Conv, SelfAttention, check_sides
from jaxgan.networks.minibatch import MINIBATCHES, minibatch_layer
from jaxgan.networks.normalization import (
    FROM_DATA,
    NORMALIZATIONS,
    check_normalization,
    normalizer,
    weights_for,
    with_reference,
)
from jaxgan.types import Network


class ResNet(linen.Module):
    """A residual generator or discriminator. In the source, generators use batch norm and discriminators spectral norm.

    The generator takes latents [batch, dim], the discriminator images [batch, height, width, channels]. A condition
    (floats [batch, features] or integers [batch]) determines a generator's scales and biases after each normalisation
    in its blocks. In a discriminator it is projected on φ(x), the sum of the last block's output over pixels.

    Attributes:
      widths: for a generator, the channels of the smallest image and after each doubling. With n + 1 widths, the sides
        of images must be divisible by 2ⁿ. The source uses (256, 256, 256, 256) for 32 pixels, (512, 256, 128, 64) for
        48, (1024, 1024, 512, 256, 128, 64) for 128. For a discriminator, the channels of each block: (128, 128, 128,
        128), (64, 128, 256, 512, 1024), (64, 128, 256, 512, 1024, 1024).
      activation: name in `ACTIVATIONS`.
      normalization: "batch", "layer", "instance", "virtual" (generator), "spectral", "weight", "equalized" or "none".
      halvings: how many of a discriminator's first blocks halve the sides; 0 means all but the last. The source uses 2
        for 32 pixels.
      attention: side of the image that gets self-attention; 0 for none.
      block_scale: factor of `initial_scale` for a block's 3 × 3 kernels. The source doubles their variance: 2 with
        glorot_uniform.
      logit_bias: whether a discriminator's last layer has a bias; it has none in the source for 32 pixels.
      features: a discriminator also returns φ(x), in a `Judgement`, for feature matching.
      initializer, initial_scale, output_shape, output, classes, means, axis_name, remat, minibatch, class_logits: see
        `jaxgan.networks`.

    Source: Miyato et al. 2018 (arXiv:1802.05957), tables 4 to 6; Miyato and Koyama 2018 (arXiv:1802.05637), equation 3;
    Zhang et al. 2019 (arXiv:1805.08318) for attention.
    """

    output_shape: tuple[int, ...] = ()
    widths: Widths = (256, 256, 256, 256)
    activation: Annotated[str, layers.ACTIVATIONS.keys()] = "relu"
    output: Annotated[str, layers.OUTPUTS.keys()] = "linear"
    normalization: Annotated[str, NORMALIZATIONS] = "batch"
    halvings: Size = 0
    attention: Size = 0
    initializer: Annotated[str, layers.INITIALIZERS.keys()] = "glorot_uniform"
    initial_scale: layers.Scale = 1.0
    block_scale: layers.Scale = 1.0
    logit_bias: bool = True
    classes: int | None = None
    means: chex.Array | None = None
    axis_name: str | None = None
    remat: layers.Remat = False
    features: bool = False
    minibatch: Annotated[str, MINIBATCHES] = "none"
    class_logits: Size = 0

    @linen.nowrap
    def as_network(self) -> Network:
        """Checks the attributes and wraps the module."""
        if not self.widths:
            raise ValueError("resnet needs at least one width")
        player = "generator" if self.output_shape else "discriminator"
        check_normalization("resnet", player, self.normalization, (FROM_DATA,))
        check_choice(f"resnet {player}", "minibatch", self.minibatch, MINIBATCHES)
        if self.output_shape:
            self._check_sides(self.output_shape)
        return from_linen(self)

    @linen.nowrap
    def _check_sides(self, shape: tuple[int, ...]) -> None:
        times = len(self.widths) - 1 if self.output_shape else self.halvings or len(self.widths) - 1
        check_sides("resnet with these widths and halvings needs", shape, 2**times)

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        if not self.output_shape:
            self._check_sides(inputs.shape[1:])
        initializer = layers.INITIALIZERS[self.initializer]
        kernel_init = initializer(self.initial_scale)
        common: dict[str, Any] = {"kernel_init": kernel_init, "weights": weights_for(self.normalization)}
        in_block = common | {"kernel_init": initializer(self.initial_scale * self.block_scale)}
        labels = as_features(condition, self.classes, inputs.dtype)
        play = self._generate if self.output_shape else self._judge
        return play(inputs, labels, train, common, in_block)

    def _generate(self, latents, labels, train, common, in_block):
        """A linear layer to a small image, blocks that double its sides, and an output convolution."""
        reference = 0
        if self.normalization == "virtual":
            latents, labels, reference = with_reference(self, latents, labels)
        activate = layers.ACTIVATIONS[self.activation]
        options: dict[str, Any] = {"train": train, "axis_name": self.axis_name, "reference": reference}
        normalize = normalizer(self.normalization, condition=labels, **options)
        height, width, channels = self.output_shape
        scale = 2 ** (len(self.widths) - 1)
        small = (height // scale, width // scale, self.widths[0])
        hidden = layers.Dense(math.prod(small), **common)(latents.reshape(latents.shape[0], -1)).reshape(-1, *small)
        for features in self.widths[1:]:

            def block(module, hidden, features=features):
                inner = _doubled(activate(normalize(hidden)))
                inner = activate(normalize(Conv(features, 3, padding=1, **in_block)(inner)))
                inner = Conv(features, 3, padding=1, **in_block)(inner)
                return inner + _doubled(Conv(features, 1, **common)(hidden))  # equal to convolving the doubled image

            hidden = layers.rematerialized(self.remat, block)(self, hidden)
            if hidden.shape[1] == self.attention:
                hidden = SelfAttention(**common)(hidden)
        normalize = normalizer(self.normalization, **options)  # as in the source, without the condition
        bias = layers.data_bias(self.output, self.means)
        last = Conv(channels, 3, padding=1, bias_init=bias, untied_bias=self.means is not None, **common)
        return layers.OUTPUTS[self.output](last(activate(normalize(hidden)))[reference:])

    def _judge(self, images, labels, train, common, in_block):
        """Blocks, of which the first halve the sides, φ(x) as a sum over pixels, and wᵀφ(x) + b + (V y)ᵀφ(x)."""
        activate = layers.ACTIVATIONS[self.activation]
        normalize = normalizer(self.normalization, train=train, axis_name=self.axis_name)
        halvings = self.halvings or len(self.widths) - 1
        hidden = images
        for i, features in enumerate(self.widths):

            def block(module, hidden, i=i, features=features):
                pool = _halved if i < halvings else lambda images: images
                # The first block, like the input image, is not normalised.
                inner = hidden if i == 0 else activate(normalize(hidden))
                inner = Conv(features if i == 0 else hidden.shape[-1], 3, padding=1, **in_block)(inner)
                inner = Conv(features, 3, padding=1, **in_block)(activate(inner if i == 0 else normalize(inner)))
                if i < halvings or features != hidden.shape[-1]:
                    hidden = Conv(features, 1, **common)(pool(hidden))  # equal to pooling the convolved image
                return pool(inner) + hidden

            hidden = layers.rematerialized(self.remat, block)(self, hidden)
            if hidden.shape[1] == self.attention:
                hidden = SelfAttention(**common)(hidden)
        pooled = activate(normalize(hidden)).sum((1, 2))
        seen = pooled if self.minibatch == "none" else minibatch_layer(self.minibatch, pooled, self.axis_name)
        logits = layers.Dense(1, use_bias=self.logit_bias, **common)(seen)[:, 0]
        if labels is not None:
            logits = logits + (layers.Dense(pooled.shape[-1], use_bias=False, **common)(labels) * pooled).sum(-1)
        classes = layers.class_head(self.class_logits, seen, **common)
        return layers.judged(logits, pooled, self.features, classes)


def _doubled(images):
    return jnp.repeat(jnp.repeat(images, 2, axis=1), 2, axis=2)


def _halved(images):
    n, height, width, channels = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2, channels).mean((2, 4))
