"""DCGAN: strided convolutions without pooling, for images of any size that can be halved once per layer."""

import math
from typing import Annotated, Any

import chex
from flax import linen

from jaxgan.adapters import from_linen
from jaxgan.fields import Size, Widths, check_choice
from jaxgan.networks import layers
from jaxgan.networks.conditioning import CONDITIONINGS, PLAYER_CONDITIONINGS, projection, with_condition
from jaxgan.networks.convolution import Conv, ConvTranspose, check_sides
from jaxgan.networks.minibatch import MINIBATCHES, minibatch_layer
from jaxgan.networks.normalization import (
    FROM_DATA,
    NORMALIZATIONS,
    check_normalization,
    has_bias,
    normalizer,
    weights_for,
    with_reference,
)
from jaxgan.types import Network

SIZE, STRIDE, PADDING = 4, 2, 1
"""Parameters of each kernel, which halves or doubles an image's sides exactly."""

UPSAMPLINGS = ("transposed", "nearest")
"""How a generator doubles an image's sides: a transposed convolution, or copies of pixels and a 3 × 3 convolution."""


class DCGAN(linen.Module):
    """A DCGAN generator or discriminator: 4 × 4 kernels with stride 2 throughout, and batch normalisation.

    The generator takes latents [batch, dim], the discriminator images [batch, height, width, channels].

    Attributes:
      widths: channels of each layer. With n widths, the sides of images must be divisible by 2ⁿ: (128, 64) for 28 × 28,
        (512, 256, 128, 64) for 64 × 64; for a discriminator in the opposite order.
      activation: name in `ACTIVATIONS`; "" means relu in a generator, leaky_relu in a discriminator.
      upsampling: for a generator, one of `UPSAMPLINGS`.
      normalization: "batch" (statistics over all devices' examples), "layer", "instance" or, in a generator, "virtual"
        normalise the outputs of every layer except a generator's last and a discriminator's first; "spectral", "weight"
        or "equalized" normalise every layer's weights; or "none".
      initializer, initial_scale: the source uses "normal" with .02.
      output_shape, output, means, axis_name, remat, features, minibatch, class_logits, conditioning: see
        `jaxgan.networks`.

    Source: Radford et al. 2016 (arXiv:1511.06434); kernels of 4 × 4 instead of 5 × 5, as in most later implementations.
      "nearest" is from Odena et al. 2016, "Deconvolution and Checkerboard Artifacts".
    """

    output_shape: tuple[int, ...] = ()
    widths: Widths = (128, 64)
    activation: Annotated[str, layers.ACTIVATIONS.keys()] = ""
    upsampling: Annotated[str, UPSAMPLINGS] = "transposed"
    output: Annotated[str, layers.OUTPUTS.keys()] = "linear"
    normalization: Annotated[str, NORMALIZATIONS] = "batch"
    initializer: Annotated[str, layers.INITIALIZERS.keys()] = "normal"
    initial_scale: layers.Scale = 0.02
    means: chex.Array | None = None
    axis_name: str | None = None
    remat: layers.Remat = False
    features: bool = False
    minibatch: Annotated[str, MINIBATCHES] = "none"
    class_logits: Size = 0
    conditioning: Annotated[str, CONDITIONINGS] = "concatenation"

    @linen.nowrap
    def as_network(self) -> Network:
        """Checks the attributes and wraps the module."""
        if not self.widths:
            raise ValueError("dcgan needs at least one width")
        player = "generator" if self.output_shape else "discriminator"
        check_normalization("dcgan", player, self.normalization, (FROM_DATA,))
        check_choice(f"dcgan {player}", "upsampling", self.upsampling, UPSAMPLINGS[: 2 if self.output_shape else 1])
        check_choice(f"dcgan {player}", "minibatch", self.minibatch, MINIBATCHES)
        check_choice(f"dcgan {player}", "conditioning", self.conditioning, PLAYER_CONDITIONINGS[player])
        if self.output_shape:
            n = len(self.widths)
            check_sides(f"dcgan with {n} widths makes", self.output_shape, STRIDE**n)
        return from_linen(self)

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        layers.check_features(condition)
        kernel_init = layers.INITIALIZERS[self.initializer](self.initial_scale)
        common: dict[str, Any] = {"kernel_init": kernel_init, "weights": weights_for(self.normalization)}
        play = self._generate if self.output_shape else self._judge
        return play(inputs, condition, train, common)

    def _generate(self, latents, condition, train, common):
        """A linear layer to a small image, then layers that double the image's sides."""
        height, width, channels = self.output_shape
        reference = 0
        if self.normalization == "virtual":
            latents, condition, reference = with_reference(self, latents, condition)
        joined, scales = (condition, None) if self.conditioning == "concatenation" else (None, condition)
        options: dict[str, Any] = {"train": train, "axis_name": self.axis_name, "reference": reference}
        normalize = normalizer(self.normalization, condition=scales, **options)
        activate, plain = layers.ACTIVATIONS[self.activation or "relu"], has_bias(self.normalization)
        scale = STRIDE ** len(self.widths)
        small = (height // scale, width // scale, self.widths[0])
        hidden = layers.Dense(math.prod(small), use_bias=plain, **common)(layers.flatten(latents, joined))
        hidden = activate(normalize(hidden.reshape(-1, *small)))
        for features in self.widths[1:]:

            def layer(module, hidden, features=features):
                return activate(normalize(_double(self.upsampling, hidden, features, use_bias=plain, **common)))

            hidden = layers.rematerialized(self.remat, layer)(self, hidden)
        bias = layers.data_bias(self.output, self.means)
        last = {"bias_init": bias, "untied_bias": self.means is not None}
        return layers.OUTPUTS[self.output](_double(self.upsampling, hidden[reference:], channels, **last, **common))

    def _judge(self, images, condition, train, common):
        """Convolutions that halve the image's sides, then a linear layer to the logit."""
        normalize = normalizer(self.normalization, train=train, axis_name=self.axis_name)
        activate = layers.ACTIVATIONS[self.activation or "leaky_relu"]
        joined, projected = (condition, None) if self.conditioning == "concatenation" else (None, condition)
        hidden = with_condition(images, joined, STRIDE ** len(self.widths))
        for i, features in enumerate(self.widths):

            def layer(module, hidden, i=i, features=features):
                plain = i == 0 or has_bias(self.normalization)
                hidden = Conv(features, SIZE, STRIDE, PADDING, use_bias=plain, **common)(hidden)
                return activate(hidden if i == 0 else normalize(hidden))

            hidden = layers.rematerialized(self.remat, layer)(self, hidden)
        seen = hidden if self.minibatch == "none" else minibatch_layer(self.minibatch, hidden, self.axis_name)
        seen = seen.reshape(seen.shape[0], -1)
        logits = layers.Dense(1, **common)(seen)[:, 0]
        if projected is not None:
            logits = logits + projection(projected, seen, **common)
        classes = layers.class_head(self.class_logits, seen, **common)
        return layers.judged(logits, hidden, self.features, classes)


def _double(upsampling: str, images: chex.Array, features: int, **options: Any) -> chex.Array:
    """Images with doubled sides. Not a method: flax would call it for the module around a rematerialised layer."""
    if upsampling == "transposed":
        return ConvTranspose(features, SIZE, STRIDE, PADDING, **options)(images)
    return Conv(features, 3, 1, 1, **options)(images.repeat(2, axis=1).repeat(2, axis=2))
