"""R3GAN: residual blocks of grouped convolutions, without normalisation."""

import functools
from typing import Annotated, Any

import chex
import jax
import jax.numpy as jnp
from flax import linen

from jaxgan.fields import Count, Widths
from jaxgan.networks.conditioning import as_features
from jaxgan.networks.convolution import Conv
from jaxgan.networks.layers import ACTIVATIONS, OUTPUTS, Remat, data_bias, judged, rematerialized
from jaxgan.networks.linen import from_linen
from jaxgan.types import Network

SIDE = 4
"""Of the smallest image, which a learnt basis turns into a vector and back."""

EXPANSION, GROUP = 2, 16
"""Inner channels of a block per outer channel, and the size of their groups where they divide by it."""

GAIN = 2 / (1 + 0.2**2)
"""Of the variance, before a leaky ReLU of slope .2."""

EMBEDDING = 64
"""Dimensions of a condition's embedding."""


class Block(linen.Module):
    """x + W₃ a(W₂ a(W₁ x)) with 1 × 1, grouped 3 × 3 and 1 × 1 kernels; a adds a bias and applies a leaky ReLU.

    Attributes:
      blocks: L, of the whole network. As in fix-up, W₃ starts at 0 and the variance of the others is divided by √L.
    """

    blocks: int

    @linen.compact
    def __call__(self, hidden):
        channels = hidden.shape[-1]
        inner = EXPANSION * channels
        groups = 1 if inner % GROUP else inner // GROUP
        init, activate = _init(GAIN / self.blocks**0.5), ACTIVATIONS["leaky_relu"]
        outputs = activate(Conv(inner, 1, kernel_init=init)(hidden))
        outputs = activate(Conv(inner, 3, padding=1, groups=groups, kernel_init=init)(outputs))
        return hidden + Conv(channels, 1, use_bias=False, kernel_init=linen.initializers.zeros)(outputs)


class R3GAN(linen.Module):
    """R3GAN's generator or discriminator, for its relativistic loss with both gradient penalties.

    The generator takes latents [batch, dim], the discriminator images [batch, side, side, channels]. A condition, of
    floats [batch, features] or integers [batch], is embedded in 64 dimensions: appended to the latents, and in an inner
    product with the discriminator's embedding.

    Attributes:
      widths: a generator's: channels at 4 × 4 pixels and after every doubling, n + 1 of them for images of 4 · 2ⁿ
        pixels a side; a discriminator's in the opposite order. The source has (768, 768, 768, 768) for 32 pixels.
      blocks: residual blocks of each width, ≥ 1.
      output: the source has "linear".
      means: None, as in the source, for a last layer without a bias.
      output_shape, classes, remat, features: see `jaxgan.networks`.

    Source: Huang et al. 2024 (arXiv:2501.05441), section 4 and its code; kernels of 3 × 3 in groups of 16 channels.
    Images are resized by `jax.image.resize`, bilinear and symmetric; the source's code has a filter of three pixels.
    """

    output_shape: tuple[int, ...] = ()
    widths: Widths = (768, 768, 768, 768)
    blocks: Count = 2
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
            _check_images(self.output_shape, len(self.widths))
        return from_linen(self)

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        if not self.output_shape:
            _check_images(inputs.shape[1:], len(self.widths))
        labels = as_features(condition, self.classes, inputs.dtype)
        return self._generate(inputs, labels) if self.output_shape else self._judge(inputs, labels)

    def _generate(self, latents, labels):
        """A basis of 4 × 4 images, weighted by a linear function of the latents; blocks, again at every doubling."""
        vector = latents.reshape(len(latents), -1)
        if labels is not None:
            vector = jnp.concatenate([vector, _linear(EMBEDDING)(labels)], axis=-1)
        basis = self.param("basis", linen.initializers.normal(1.0), (SIDE, SIDE, self.widths[0]))
        hidden = basis[None] * _linear(self.widths[0])(vector)[:, None, None]
        for i, features in enumerate(self.widths):
            if i > 0:
                hidden = hidden if features == hidden.shape[-1] else _pointwise(features)(hidden)
                hidden = _resized(hidden, 2 * hidden.shape[1])
            hidden = self._blocks(hidden)
        bias = {"bias_init": data_bias(self.output, self.means), "untied_bias": True}
        last = _pointwise(self.output_shape[-1], use_bias=self.means is not None, **bias)
        return OUTPUTS[self.output](last(hidden))

    def _judge(self, images, labels):
        """The generator mirrored: blocks before every halving, down to 4 × 4, products with a basis, the logit."""
        hidden = _pointwise(self.widths[0])(images)
        for i, features in enumerate(self.widths):
            if i > 0:
                hidden = _resized(hidden, hidden.shape[1] // 2)
                hidden = hidden if features == hidden.shape[-1] else _pointwise(features)(hidden)
            hidden = self._blocks(hidden)
        basis = self.param("basis", linen.initializers.normal(1 / SIDE), (SIDE, SIDE, self.widths[-1]))
        hidden = (hidden * basis[None]).sum((1, 2))
        if labels is None:
            logits = _linear(1)(hidden)[:, 0]
        else:
            logits = (_linear(EMBEDDING)(hidden) * _linear(EMBEDDING, 1 / EMBEDDING)(labels)).sum(-1)
        return judged(logits, hidden, self.features)

    def _blocks(self, hidden):
        def block(module, hidden):
            return Block(self.blocks * len(self.widths))(hidden)

        for _ in range(self.blocks):
            hidden = rematerialized(self.remat, block)(self, hidden)
        return hidden


def _check_images(shape: tuple[int, ...], widths: int) -> None:
    side = SIDE * 2 ** (widths - 1)
    if len(shape) != 3 or tuple(shape[:2]) != (side, side):
        raise ValueError(
            f"r3gan with {widths} widths needs images [{side}, {side}, channels], not {list(shape)}; "
            f"a width for each of {SIDE}, {2 * SIDE}, {4 * SIDE}, ... pixels"
        )


_init = functools.partial(linen.initializers.variance_scaling, mode="fan_in", distribution="normal")


def _linear(features: int, variance: float = 1.0) -> linen.Dense:
    return linen.Dense(features, use_bias=False, kernel_init=_init(variance))


def _pointwise(features: int, *, use_bias: bool = False, **options: Any) -> Conv:
    return Conv(features, 1, use_bias=use_bias, kernel_init=_init(1.0), **options)


def _resized(images, side: int):
    n, _, _, channels = images.shape
    return jax.image.resize(images, (n, side, side, channels), "bilinear")
