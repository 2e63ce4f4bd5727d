"""StyleGAN2: a mapping network, whose styles scale the channels of a generator's convolutions."""

import math
from typing import Annotated

import chex
import jax
import jax.numpy as jnp
from flax import linen

from jaxgan.adapters import from_linen
from jaxgan.fields import Count, Field, Widths, check_choice
from jaxgan.networks.conditioning import as_features
from jaxgan.networks.convolution import convolve
from jaxgan.networks.layers import OUTPUTS, Remat, judged, rematerialized
from jaxgan.networks.minibatch import MINIBATCHES, MinibatchDeviation
from jaxgan.networks.r3gan import check_doublings, doubled
from jaxgan.networks.vit import normalized
from jaxgan.products import product
from jaxgan.types import Network

RATE = 0.01
"""Factor of the learning rate in the mapping network."""

CENTRE = 256
"""Number of fixed latents whose mean style is the centre of a truncation."""

Truncation = Annotated[float, Field(low=0, high=1, modes=("sample", "evaluate", "export"))]
"""ψ: styles are w̄ + ψ(w − w̄)."""


class Linear(linen.Module):
    """A linear layer whose weights are all N(0, 1) at the start and are scaled when they are used.

    Attributes:
      rate: factor of the learning rate: weights and biases are stored 1/rate times as large.
      start: of the biases.
    """

    features: int
    rate: float = 1.0
    start: float = 0.0

    @linen.compact
    def __call__(self, inputs):
        kernel = self.param("kernel", linen.initializers.normal(1 / self.rate), (inputs.shape[-1], self.features))
        bias = self.param("bias", linen.initializers.constant(self.start / self.rate), (self.features,))
        outputs = product(inputs, kernel * (self.rate / math.sqrt(inputs.shape[-1])))
        return outputs + self.rate * bias.reshape(*(1,) * (outputs.ndim - 1), -1)


class Conv(linen.Module):
    """A convolution with the same kind of weights; with `styles`, a modulated one.

    A style w scales the input channels by s = A(w). With `demodulated` each output channel is divided by the deviation
    that it would have for inputs of unit variance, √Σ (s·k)² over the kernel k.
    """

    features: int
    size: int = 3
    stride: int = 1
    padding: int = 1
    demodulated: bool = True

    @linen.compact
    def __call__(self, images, styles=None):
        channels = images.shape[-1]
        kernel = self.param("kernel", linen.initializers.normal(1.0), (self.size, self.size, channels, self.features))
        kernel = kernel / math.sqrt(self.size**2 * channels)
        bias = self.param("bias", linen.initializers.zeros, (self.features,))
        if styles is not None:
            scales = Linear(channels, start=1.0, name="affine")(styles)
            images = images * scales[:, None, None]
        outputs = convolve(images, kernel, stride=self.stride, padding=self.padding)
        if styles is not None and self.demodulated:
            power = jnp.square(scales) @ jnp.square(kernel).sum((0, 1))
            outputs = outputs * jax.lax.rsqrt(power + 1e-8)[:, None, None].astype(outputs.dtype)
        return outputs + bias[None, None, None]


class StyleGAN2(linen.Module):
    """StyleGAN2's generator and discriminator, as in its configuration for CIFAR-10.

    The generator maps latents [batch, dim] to styles [batch, style], and draws an image from 4 × 4 pixels on, whose
    channels are scaled by the styles; the images of all sizes are added up. Latents [batch, sizes, dim] give each size
    a style of its own, from the coarsest to the finest: style mixing. The discriminator takes images
    [batch, side, side, channels]. A condition is of floats [batch, features] or integers [batch].

    Attributes:
      widths: for a generator, the channels at 4 × 4 pixels and after each doubling: n + 1 widths for images of 4 · 2ⁿ
        pixels per side; for a discriminator in the opposite order. The source has (512, 512, 512, 512) for 32 pixels.
      style: dimensions of a style, and a discriminator's of the product of image and condition; the source has 512.
      mapping: layers of the mapping network; 2 for CIFAR-10 and otherwise 8 in the source.
      truncation: a generator's ψ; the source has 1 in training. The centre w̄ is the mean style of fixed latents
        under the example's own condition.
      output: the source has "linear".
      minibatch: the source has "deviation", over groups of 32 examples; here they have 4.
      output_shape, classes, axis_name, remat, features: see `jaxgan.networks`.

    Source: Karras et al. 2020 (arXiv:1912.04958), sections 2 and 4, and the code of Karras et al. 2020
      (arXiv:2006.06676, NVlabs/stylegan2-ada-pytorch, cfg cifar), which has neither style mixing nor path lengths in
      training. Without its noise of each pixel. The centre w̄ is a moving average there, and of all conditions.
    """

    output_shape: tuple[int, ...] = ()
    widths: Widths = (512, 512, 512, 512)
    style: Count = 512
    mapping: Count = 2
    truncation: Truncation = 1.0
    minibatch: Annotated[str, MINIBATCHES] = "none"
    output: Annotated[str, OUTPUTS.keys()] = "linear"
    classes: int | None = None
    axis_name: str | None = None
    remat: Remat = False
    features: bool = False

    @linen.nowrap
    def as_network(self) -> Network:
        """Checks the attributes and wraps the module."""
        if not self.widths:
            raise ValueError("stylegan2 needs at least one width")
        check_choice("stylegan2", "minibatch", self.minibatch, ("none", "deviation"))
        if self.output_shape:
            check_doublings("stylegan2", self.output_shape, len(self.widths))
        return from_linen(self)

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        if not self.output_shape:
            check_doublings("stylegan2", inputs.shape[1:], len(self.widths))
        labels = as_features(condition, self.classes, inputs.dtype)
        return self._generate(inputs, labels) if self.output_shape else self._judge(inputs, labels)

    def _generate(self, latents, labels):
        """Styles of the latents; modulated convolutions, two at each size, and an image that grows with them."""
        mapped = _Mapping(self.style, self.mapping, name="mapping")
        sizes = len(self.widths)
        given = latents if latents.ndim == 3 else latents[:, None]
        if given.shape[1] not in (1, sizes):
            raise ValueError(f"this generator has {sizes} sizes, and the latents are {list(latents.shape)}")
        styles = [mapped(given[:, i], labels) for i in range(given.shape[1])]
        if self.truncation < 1:
            centre = _centre(mapped, latents.shape[0], given.shape[-1], labels, latents.dtype)
            styles = [centre + self.truncation * (style - centre) for style in styles]
        styles = styles * (sizes // len(styles))

        const = self.param("const", linen.initializers.normal(1.0), (4, 4, self.widths[0])).astype(latents.dtype)
        hidden, image = jnp.broadcast_to(const[None], (latents.shape[0], *const.shape)), None
        for i, (features, style) in enumerate(zip(self.widths, styles, strict=True)):

            def layer(module, hidden, style, i=i, features=features):
                if i:
                    hidden = active(Conv(features, name=f"up_{i}")(doubled(hidden), style))
                hidden = active(Conv(features, name=f"conv_{i}")(hidden, style))
                drawn = Conv(self.output_shape[-1], 1, padding=0, demodulated=False, name=f"image_{i}")(hidden, style)
                return hidden, drawn

            hidden, drawn = rematerialized(self.remat, layer)(self, hidden, style)
            image = drawn if image is None else doubled(image) + drawn
        return OUTPUTS[self.output](image)

    def _judge(self, images, labels):
        """Convolutions, two at each size, the deviation within groups of examples, and the logit."""
        hidden = active(Conv(self.widths[0], 1, padding=0, name="image")(images))
        for i, (features, following) in enumerate(zip(self.widths[:-1], self.widths[1:], strict=True)):

            def layer(module, hidden, i=i, features=features, following=following):
                hidden = active(Conv(features, name=f"conv_{i}")(hidden))
                return active(Conv(following, stride=2, padding=0, name=f"down_{i}")(blurred(hidden)))

            hidden = rematerialized(self.remat, layer)(self, hidden)
        if self.minibatch != "none":
            hidden = MinibatchDeviation(axis_name=self.axis_name)(hidden)
        hidden = active(Conv(self.widths[-1], name="last")(hidden))
        hidden = active(Linear(self.widths[-1])(hidden.reshape(hidden.shape[0], -1)))
        if labels is None:
            logits = Linear(1)(hidden)[:, 0]
        else:
            embedded = _Mapping(self.style, self.mapping, name="mapping")(None, labels)
            logits = (Linear(self.style)(hidden) * embedded).sum(-1) / math.sqrt(self.style)
        return judged(logits, hidden, self.features)


class _Mapping(linen.Module):
    """Styles [..., width] of latents [..., dim], of features, or of both: linear layers of the normalised parts."""

    width: int
    layers: int

    @linen.compact
    def __call__(self, latents, labels):
        parts = [] if latents is None else [normalized(latents, 1e-8)]
        if labels is not None:
            parts.append(normalized(Linear(self.width, name="embed")(labels), 1e-8))
        dtype = labels.dtype if latents is None else latents.dtype
        hidden = jnp.concatenate(parts, axis=-1).astype(dtype)
        for i in range(self.layers):
            hidden = active(Linear(self.width, RATE, name=f"layer_{i}")(hidden))
        return hidden


def _centre(mapped: _Mapping, count: int, dim: int, labels: chex.Array | None, dtype) -> chex.Array:
    """The mean style [count or 1, width] of fixed latents, with each example's labels."""
    with jax.ensure_compile_time_eval():
        fixed = jax.random.normal(jax.random.key(0), (CENTRE, dim), dtype)
    if labels is None:
        return mapped(fixed, None).mean(0, keepdims=True)
    of_each = jnp.broadcast_to(fixed[None], (count, *fixed.shape))
    return mapped(of_each, jnp.broadcast_to(labels[:, None], (count, CENTRE, labels.shape[-1]))).mean(1)


def active(hidden: chex.Array) -> chex.Array:
    """√2 · leaky ReLU with slope .2, which keeps the mean square."""
    return math.sqrt(2) * jax.nn.leaky_relu(hidden, 0.2)


def blurred(images: chex.Array) -> chex.Array:
    """[n, height, width, channels] to height + 1 and width + 1 pixels, by the filter [1, 3, 3, 1]/8 along both axes.

    A convolution of 3 × 3 with stride 2 and without padding then halves the sides. Pixels beyond the border are 0.
    """
    for axis in (1, 2):
        padded = jnp.pad(images, [(2, 2) if i == axis else (0, 0) for i in range(images.ndim)])
        size = images.shape[axis] + 1
        taps = [jax.lax.slice_in_dim(padded, start, start + size, axis=axis) for start in range(4)]
        images = (taps[0] + taps[3]) * 0.125 + (taps[1] + taps[2]) * 0.375
    return images
