"""pix2pix: a U-Net that makes a picture of a picture, and a discriminator with a logit for each patch."""

import math
from typing import Annotated, Any

import chex
import jax
import jax.numpy as jnp
from flax import linen

from jaxgan.adapters import from_linen
from jaxgan.fields import Widths
from jaxgan.networks import layers
from jaxgan.networks.conditioning import as_features, with_condition
from jaxgan.networks.convolution import Conv, ConvTranspose, check_sides
from jaxgan.networks.dcgan import PADDING, SIZE, STRIDE
from jaxgan.networks.normalization import (
    FROM_DATA,
    NORMALIZATIONS,
    check_normalization,
    has_bias,
    normalizer,
    weights_for,
)
from jaxgan.types import Network


class Pix2Pix(linen.Module):
    """A U-Net generator, or a discriminator of patches.

    The generator takes latents [batch, dim] and, as the condition, pictures [batch, height, width, any channels] of the
    size of its output. It halves their sides once for each width, and doubles them again; each doubling also sees the
    halving of its size. A linear function of the latents joins at the smallest size. A condition of features [batch, n]
    or labels is appended to the latents; without a picture only the doublings remain.

    The discriminator takes images, and a picture or features as further channels, and returns logits
    [batch, rows, columns]. Each sees a patch of the image. All widths but the last halve the sides.

    Attributes:
      widths: channels after each layer: (64, 128, 256) for the generator of 32 × 32 pixels. The source has
        (64, 128, 256, 512, 512, 512, 512, 512) for 256 pixels, and (64, 128, 256, 512) for a discriminator, whose
        logits see 70 × 70 pixels each.
      normalization: "batch", "instance", "layer", "spectral", "weight", "equalized" or "none", of every layer but the
        first of either network, the last, and the generator's smallest.
      output_shape, output, initializer, initial_scale, means, classes, axis_name, remat, features: see
        `jaxgan.networks`. The source has "tanh", and "normal" with .02.

    Source: Isola et al. 2017 (arXiv:1611.07004), section 3.2 and appendix 6.1. There the generator's noise is dropout,
      also in use; here it is the latents.
    """

    output_shape: tuple[int, ...] = ()
    widths: Widths = (64, 128, 256)
    output: Annotated[str, layers.OUTPUTS.keys()] = "linear"
    normalization: Annotated[str, NORMALIZATIONS] = "batch"
    initializer: Annotated[str, layers.INITIALIZERS.keys()] = "normal"
    initial_scale: layers.Scale = 0.02
    means: chex.Array | None = None
    classes: int | None = None
    axis_name: str | None = None
    remat: layers.Remat = False
    features: bool = False

    @linen.nowrap
    def as_network(self) -> Network:
        """Checks the attributes and wraps the module."""
        if not self.widths:
            raise ValueError("pix2pix needs at least one width")
        player = "generator" if self.output_shape else "discriminator"
        check_normalization("pix2pix", player, self.normalization, (FROM_DATA, "virtual"))
        if self.output_shape:
            check_sides(f"pix2pix with {len(self.widths)} widths makes", self.output_shape, STRIDE ** len(self.widths))
        return from_linen(self)

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        picture = condition if condition is not None and condition.ndim == 4 else None
        features = as_features(condition, self.classes, inputs.dtype) if picture is None else None
        kernel_init = layers.INITIALIZERS[self.initializer](self.initial_scale)
        common: dict[str, Any] = {"kernel_init": kernel_init, "weights": weights_for(self.normalization)}
        normalize = normalizer(self.normalization, train=train, axis_name=self.axis_name)
        play = self._generate if self.output_shape else self._judge
        return play(inputs, picture, features, normalize, common)

    def _generate(self, latents, picture, features, normalize, common):
        """Halvings of the picture, the latents at the smallest size, doublings that also see the halvings."""
        height, width, channels = self.output_shape
        plain, last = has_bias(self.normalization), len(self.widths) - 1
        halves = []
        if picture is not None:
            if picture.shape[1:3] != (height, width):
                raise ValueError(f"the picture is {list(picture.shape[1:3])}, and the output {[height, width]}")
            hidden = picture.astype(latents.dtype)
            for i, count in enumerate(self.widths):

                def halve(module, hidden, i=i, count=count):
                    hidden = jax.nn.leaky_relu(hidden, 0.2) if i else hidden
                    hidden = Conv(count, SIZE, STRIDE, PADDING, use_bias=plain or i in (0, last), **common)(hidden)
                    # A batch of one would be normalised to nothing at 1 × 1 pixels.
                    return hidden if i in (0, last) else normalize(hidden)

                hidden = layers.rematerialized(self.remat, halve)(self, hidden)
                halves.append(hidden)

        scale = STRIDE ** len(self.widths)
        small = (height // scale, width // scale, self.widths[-1])
        hidden = layers.Dense(math.prod(small), **common)(layers.flatten(latents, features)).reshape(-1, *small)
        for i in reversed(range(len(self.widths))):
            count = self.widths[i - 1] if i else channels
            options: dict[str, Any] = {"use_bias": plain}
            if i == 0:
                bias = layers.data_bias(self.output, self.means)
                options = {"bias_init": bias, "untied_bias": self.means is not None}

            def double(module, hidden, i=i, count=count, options=options):
                doubling = ConvTranspose(count, SIZE, STRIDE, PADDING, **options, **common)
                hidden = doubling(jax.nn.relu(hidden))
                return normalize(hidden) if i else hidden

            hidden = jnp.concatenate([hidden, halves[i]], axis=-1) if halves else hidden
            hidden = layers.rematerialized(self.remat, double)(self, hidden)
        return layers.OUTPUTS[self.output](hidden)

    def _judge(self, images, picture, features, normalize, common):
        """Convolutions that halve an image's sides, one that does not, and one to a logit for each patch."""
        hidden = with_condition(images, features, 3 * STRIDE ** (len(self.widths) - 1))
        if picture is not None:
            hidden = jnp.concatenate([hidden, picture.astype(images.dtype)], axis=-1)
        for i, count in enumerate(self.widths):

            def layer(module, hidden, i=i, count=count):
                stride = STRIDE if i < len(self.widths) - 1 else 1
                plain = i == 0 or has_bias(self.normalization)
                hidden = Conv(count, SIZE, stride, PADDING, use_bias=plain, **common)(hidden)
                return jax.nn.leaky_relu(hidden if i == 0 else normalize(hidden), 0.2)

            hidden = layers.rematerialized(self.remat, layer)(self, hidden)
        logits = Conv(1, SIZE, 1, PADDING, **common)(hidden)[..., 0]
        return layers.judged(logits, hidden, self.features)
