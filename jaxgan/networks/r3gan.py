"""R3GAN: residual blocks of grouped convolutions, without normalisation."""

from collections.abc import Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp
from flax import linen

from jaxgan.networks.convolution import Conv
from jaxgan.networks.labels import as_features
from jaxgan.networks.layers import ACTIVATIONS, OUTPUTS, judged, output_bias, rematerialized
from jaxgan.networks.linen import from_linen
from jaxgan.types import Network

SIDE = 4
"""Of the smallest image, which a learnt basis turns into a vector and back."""

EXPANSION, GROUP = 2, 16
"""A block's inner channels are so many times its own, in groups of 16 where they divide by it."""

GAIN = 2 / (1 + 0.2**2)
"""Of the variance, before a leaky ReLU of slope .2."""

EMBEDDING = 64
"""Dimensions of a condition's embedding."""


class Block(linen.Module):
    """x + W₃ a(W₂ a(W₁ x)): 1 × 1, 3 × 3 in groups, and 1 × 1, which starts at 0; a adds a bias before its leaky ReLU.

    Attributes:
      blocks: of the network, L: the other two kernels start at a variance smaller by √L, as fix-up has it.
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


class Generator(linen.Module):
    """A basis of 4 × 4 images, weighed by a linear function of the latents; blocks; and again at every doubling.

    Attributes:
      widths: channels at 4 × 4 pixels and after every doubling.
      blocks: of each of these.
      output_shape: [height, width, channels].
      output: name in `OUTPUTS`.
      classes: of conditions that are whole numbers.
      means: mean of each pixel over the data, where the outputs start; None: no bias, as in the source.
      remat: keep only the blocks' inputs for the gradient.
    """

    widths: Sequence[int]
    blocks: int
    output_shape: tuple[int, ...]
    output: str
    classes: int | None = None
    means: chex.Array | None = None
    remat: bool = False

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        labels = as_features(condition, self.classes, inputs.dtype)
        vector = inputs.reshape(len(inputs), -1)
        if labels is not None:
            vector = jnp.concatenate([vector, _linear(EMBEDDING)(labels)], axis=-1)
        basis = self.param("basis", linen.initializers.normal(1.0), (SIDE, SIDE, self.widths[0]))
        hidden = basis[None] * _linear(self.widths[0])(vector)[:, None, None]
        for i, features in enumerate(self.widths):
            if i > 0:
                hidden = hidden if features == hidden.shape[-1] else _pointwise(features)(hidden)
                hidden = _resized(hidden, 2 * hidden.shape[1])
            hidden = _blocks(self, hidden)
        bias = linen.initializers.zeros if self.means is None else self._data_bias
        options: dict[str, Any] = {"use_bias": self.means is not None, "untied_bias": True, "bias_init": bias}
        return OUTPUTS[self.output](_pointwise(self.output_shape[-1], **options)(hidden))

    def _data_bias(self, key, shape, dtype=jnp.float32):
        return output_bias(self.output, self.means).reshape(shape).astype(dtype)


class Discriminator(linen.Module):
    """The generator's mirror image: blocks before every halving, down to 4 × 4, its products with a basis, the logit.

    Attributes:
      widths: channels at the images' own sides and after every halving.
      blocks: of each of these.
      classes: of conditions that are whole numbers.
      remat: keep only the blocks' inputs for the gradient.
      features: return the last layer's inputs beside the logits.
    """

    widths: Sequence[int]
    blocks: int
    classes: int | None = None
    remat: bool = False
    features: bool = False

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        _check_images(inputs.shape[1:], len(self.widths))
        labels = as_features(condition, self.classes, inputs.dtype)
        hidden = _pointwise(self.widths[0])(inputs)
        for i, features in enumerate(self.widths):
            if i > 0:
                hidden = _resized(hidden, hidden.shape[1] // 2)
                hidden = hidden if features == hidden.shape[-1] else _pointwise(features)(hidden)
            hidden = _blocks(self, hidden)
        basis = self.param("basis", linen.initializers.normal(1 / SIDE), (SIDE, SIDE, self.widths[-1]))
        hidden = (hidden * basis[None]).sum((1, 2))
        if labels is None:
            logits = _linear(1)(hidden)[:, 0]
        else:
            logits = (_linear(EMBEDDING)(hidden) * _linear(EMBEDDING, 1 / EMBEDDING)(labels)).sum(-1)
        return judged(logits, hidden, self.features)


def r3gan(
    *,
    output_shape: tuple[int, ...] = (),
    widths: Sequence[int] = (768, 768, 768, 768),
    blocks: int = 2,
    output: str = "linear",
    classes: int | None = None,
    means: chex.Array | None = None,
    remat: bool = False,
    features: bool = False,
) -> Network:
    """R3GAN's generator or discriminator, for its relativistic loss with both gradient penalties.

    Args:
      output_shape: [height, width, channels] for a generator; () for a discriminator, of images like that.
      widths: a generator's: channels at 4 × 4 pixels and after every doubling, so n + 1 of them for images of 4 · 2ⁿ
        pixels a side; a discriminator's the other way round. The source has (768, 768, 768, 768) for 32 pixels.
      blocks: residual blocks of each width, ≥ 1.
      output: a generator's: "sigmoid" ([0, 1]), "tanh" ([−1, 1]) or "linear", as in the source.
      classes: how many there are, for conditions that are whole numbers [batch].
      means: mean of each output over the data, where a generator's bias starts; None: no bias.
      remat: keep only the blocks' inputs for the gradient, and compute the rest again: less memory, more time.
      features: a discriminator returns its last layer's inputs too, in a `Judgement`, for feature matching.

    Returns:
      A `Network`: of latents [batch, dim], or of images [batch, side, side, channels]. A condition, of floats
      [batch, features] or whole numbers, is embedded in 64 dimensions: behind the latents, and in an inner product with
      the discriminator's.

    Raises:
      ValueError: the sides are not 4 · 2ⁿ with n + 1 widths.

    Source: Huang et al. 2024 (arXiv:2501.05441), section 4 and its code; kernels of 3 × 3 in groups of 16 channels.
    Images are resized as `jax.image.resize` does, bilinear and symmetric, where the code has a filter of three pixels.
    """
    if not widths:
        raise ValueError("r3gan needs at least one width")
    common: dict[str, Any] = {"widths": tuple(widths), "blocks": blocks, "classes": classes, "remat": remat}
    if not output_shape:
        return from_linen(Discriminator(features=features, **common))
    _check_images(output_shape, len(widths))
    return from_linen(Generator(output=output, output_shape=tuple(output_shape), means=means, **common))


def _blocks(network: Generator | Discriminator, hidden):
    def block(module, hidden):
        return Block(network.blocks * len(network.widths))(hidden)

    for _ in range(network.blocks):
        hidden = rematerialized(network.remat, block)(network, hidden)
    return hidden


def _check_images(shape: tuple[int, ...], widths: int) -> None:
    side = SIDE * 2 ** (widths - 1)
    if len(shape) != 3 or tuple(shape[:2]) != (side, side):
        raise ValueError(
            f"r3gan with {widths} widths needs images [{side}, {side}, channels], not {list(shape)}; "
            f"a width for each of {SIDE}, {2 * SIDE}, {4 * SIDE}, ... pixels"
        )


def _init(variance: float):
    return linen.initializers.variance_scaling(variance, "fan_in", "normal")


def _linear(features: int, variance: float = 1.0) -> linen.Dense:
    return linen.Dense(features, use_bias=False, kernel_init=_init(variance))


def _pointwise(features: int, **options: Any) -> Conv:
    return Conv(features, 1, kernel_init=_init(1.0), **({"use_bias": False} | options))


def _resized(images, side: int):
    n, _, _, channels = images.shape
    return jax.image.resize(images, (n, side, side, channels), "bilinear")
