"""R3GAN: residual blocks of grouped convolutions, without normalisation."""

import functools
from typing import Annotated, Any

import chex
import jax
import jax.numpy as jnp
from flax import linen

from jaxgan.adapters import from_linen
from jaxgan.fields import Count, Widths
from jaxgan.networks.conditioning import as_features
from jaxgan.networks.convolution import Conv
from jaxgan.networks.layers import ACTIVATIONS, OUTPUTS, Dense, Remat, data_bias, judged, rematerialized
from jaxgan.types import Network

SIDE = 4
"""Side of the smallest image, which a learned basis converts to a vector and back."""

EXPANSION = 2
"""Inner channels of a block per outer channel."""

GAIN = 2 / (1 + 0.2**2)
"""Gain of the variance, before a leaky ReLU with slope .2."""


class Block(linen.Module):
    """x + W₃ a(W₂ a(W₁ x)) with 1 × 1, grouped 3 × 3 and 1 × 1 kernels; a adds a bias and applies a leaky ReLU.

    Attributes:
      blocks: L, number of blocks of the whole network. As in fix-up, W₃ starts at 0, and the variance of the other
        kernels is divided by √L.
      group_size: channels per group of the 3 × 3 kernels; all channels, if they are not divisible by it.
    """

    blocks: int
    group_size: int = 16

    @linen.compact
    def __call__(self, hidden):
        channels = hidden.shape[-1]
        inner = EXPANSION * channels
        groups = 1 if inner % self.group_size else inner // self.group_size
        init, activate = _init(GAIN / self.blocks**0.5), ACTIVATIONS["leaky_relu"]
        outputs = activate(Conv(inner, 1, kernel_init=init)(hidden))
        outputs = activate(Conv(inner, 3, padding=1, groups=groups, kernel_init=init)(outputs))
        return hidden + Conv(channels, 1, use_bias=False, kernel_init=linen.initializers.zeros)(outputs)


class R3GAN(linen.Module):
    """R3GAN's generator or discriminator, for its relativistic loss with both gradient penalties.

    The generator takes latents [batch, dim], the discriminator images [batch, side, side, channels]. A condition
    (floats [batch, features] or integers [batch]) is embedded. In the generator the embedding has as many dimensions as
    the latents, and is appended to them. In the discriminator it has the last width, for an inner product with the
    embedding of the image.

    Attributes:
      widths: for a generator, the channels at 4 × 4 pixels and after each doubling: n + 1 widths for images of 4 · 2ⁿ
        pixels per side; for a discriminator in the opposite order. The source uses (768, 768, 768, 768) for 32 pixels.
      blocks: residual blocks per width, ≥ 1.
      group_size: channels per group of the 3 × 3 kernels, if twice a width is divisible by it. The source uses 16 with
        768 channels, and 32 with the 1536 of ImageNet.
      output: "linear" in the source.
      means: None, as in the source, for a last layer without a bias.
      output_shape, classes, remat, features: see `jaxgan.networks`.

    Source: Huang et al. 2024 (arXiv:2501.05441), section 3, and its code (brownvc/R3GAN).
    """

    output_shape: tuple[int, ...] = ()
    widths: Widths = (768, 768, 768, 768)
    blocks: Count = 2
    group_size: Count = 16
    output: Annotated[str, OUTPUTS.keys()] = "linear"
    classes: int | None = None
    means: chex.Array | None = None
    remat: Remat = False
    features: bool = False

    @linen.nowrap
    def as_network(self) -> Network:
        """Checks the attributes and wraps the module."""
        if not self.widths:
            raise ValueError("r3gan needs at least one width")
        if self.output_shape:
            check_doublings("r3gan", self.output_shape, len(self.widths))
        return from_linen(self)

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        if not self.output_shape:
            check_doublings("r3gan", inputs.shape[1:], len(self.widths))
        labels = as_features(condition, self.classes, inputs.dtype)
        return self._generate(inputs, labels) if self.output_shape else self._judge(inputs, labels)

    def _generate(self, latents, labels):
        """A basis of 4 × 4 images weighted by a linear function of the latents; blocks, also after each doubling."""
        vector = latents.reshape(latents.shape[0], -1)
        if labels is not None:
            vector = jnp.concatenate([vector, _linear(vector.shape[-1])(labels)], axis=-1)
        basis = self.param("basis", linen.initializers.normal(1.0), (SIDE, SIDE, self.widths[0]))
        hidden = basis[None] * _linear(self.widths[0])(vector)[:, None, None]
        for i, features in enumerate(self.widths):
            if i > 0:
                hidden = hidden if features == hidden.shape[-1] else _pointwise(features)(hidden)
                hidden = doubled(hidden)
            hidden = self._blocks(hidden)
        bias = {"bias_init": data_bias(self.output, self.means), "untied_bias": True}
        last = _pointwise(self.output_shape[-1], use_bias=self.means is not None, **bias)
        return OUTPUTS[self.output](last(hidden))

    def _judge(self, images, labels):
        """The generator mirrored: blocks before each halving down to 4 × 4, products with a basis, and the logit."""
        hidden = _pointwise(self.widths[0])(images)
        for i, features in enumerate(self.widths):
            if i > 0:
                hidden = halved(hidden)
                hidden = hidden if features == hidden.shape[-1] else _pointwise(features)(hidden)
            hidden = self._blocks(hidden)
        basis = self.param("basis", linen.initializers.normal(1 / SIDE), (SIDE, SIDE, self.widths[-1]))
        hidden = (hidden * basis[None]).sum((1, 2))
        if labels is None:
            logits = _linear(1)(hidden)[:, 0]
        else:
            width = hidden.shape[-1]
            logits = (_linear(width)(hidden) * _linear(width, 1 / width)(labels)).sum(-1)
        return judged(logits, hidden, self.features)

    def _blocks(self, hidden):
        def block(module, hidden):
            return Block(self.blocks * len(self.widths), self.group_size)(hidden)

        for _ in range(self.blocks):
            hidden = rematerialized(self.remat, block)(self, hidden)
        return hidden


def check_doublings(network: str, shape: tuple[int, ...], widths: int) -> None:
    """Raises ValueError unless `shape` is a square image of 4 pixels per side, doubled for each further width."""
    side = SIDE * 2 ** (widths - 1)
    if len(shape) != 3 or tuple(shape[:2]) != (side, side):
        raise ValueError(
            f"{network} with {widths} widths needs images [{side}, {side}, channels], not {list(shape)}; "
            f"a width for each of {SIDE}, {2 * SIDE}, {4 * SIDE}, ... pixels"
        )


_init = functools.partial(linen.initializers.variance_scaling, mode="fan_in", distribution="normal")


def _linear(features: int, variance: float = 1.0) -> Dense:
    return Dense(features, use_bias=False, kernel_init=_init(variance))


def _pointwise(features: int, *, use_bias: bool = False, **options: Any) -> Conv:
    return Conv(features, 1, use_bias=use_bias, kernel_init=_init(1.0), **options)


def doubled(images: chex.Array) -> chex.Array:
    """[n, height, width, channels] to doubled sides, by the filter [1, 3, 3, 1]/4 along both axes.

    Each new pixel is ¾ of the nearest pixel and ¼ of the next one. Pixels beyond the border are 0, as in the source.
    """
    for axis in (1, 2):
        before, after = _neighbours(images, axis)
        pixels = jnp.stack([images * 0.75 + before * 0.25, images * 0.75 + after * 0.25], axis + 1)
        images = pixels.reshape(*images.shape[:axis], 2 * images.shape[axis], *images.shape[axis + 1 :])
    return images


def halved(images: chex.Array) -> chex.Array:
    """[n, height, width, channels] to halved sides, by the filter [1, 3, 3, 1]/8 on both axes; 0 beyond the border."""
    for axis in (1, 2):
        pairs = images.reshape(*images.shape[:axis], images.shape[axis] // 2, 2, *images.shape[axis + 1 :])
        first, second = (jax.lax.index_in_dim(pairs, i, axis + 1, keepdims=False) for i in range(2))
        before, after = _neighbours(second, axis)[0], _neighbours(first, axis)[1]
        images = (first + second) * 0.375 + (before + after) * 0.125
    return images


def _neighbours(images, axis: int):
    """The pixels before and after each pixel along an axis; 0 beyond the border."""
    padded = jnp.pad(images, [(1, 1) if i == axis else (0, 0) for i in range(images.ndim)])
    size = images.shape[axis]
    return [jax.lax.slice_in_dim(padded, start, start + size, axis=axis) for start in (0, 2)]
