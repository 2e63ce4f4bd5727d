"""DCGAN: strided convolutions without pooling, for images of any size that halves as often as there are layers."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import chex
import jax.numpy as jnp
from flax import linen

from jaxgan.networks.convolution import Conv, ConvTranspose
from jaxgan.networks.layers import ACTIVATIONS, INITIALIZERS, OUTPUTS, flatten, output_bias, rematerialized
from jaxgan.networks.linen import from_linen
from jaxgan.state import Network

SIZE, STRIDE, PADDING = 4, 2, 1
"""Of every kernel: it halves or doubles an image's sides exactly."""

NORMALIZATIONS = ("batch", "none")


class Generator(linen.Module):
    """A linear layer to a small image, then transposed convolutions that double its sides.

    Attributes:
      widths: channels of the small image and after every doubling but the last, whose channels are the output's.
      output_shape: [height, width, channels].
      activation, output: names in `ACTIVATIONS` and `OUTPUTS`.
      normalization: "batch", of every layer but the last, or "none".
      initializer, initial_scale: name in `INITIALIZERS` and its scale, for all kernels.
      means: mean of each pixel over the data, at which the last bias, one for every pixel then, starts; None: 0.
      axis_name: devices over which batch statistics are taken.
      remat: keep only the layers' inputs for the gradient.
    """

    widths: Sequence[int]
    output_shape: tuple[int, ...]
    activation: str
    output: str
    normalization: str
    initializer: str
    initial_scale: float
    means: chex.Array | None = None
    axis_name: str | None = None
    remat: bool = False

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        height, width, channels = self.output_shape
        weights = INITIALIZERS[self.initializer](self.initial_scale)
        normalize, activate = _normalizer(self.normalization, self.axis_name, train), ACTIVATIONS[self.activation]
        plain = self.normalization == "none"  # a normalisation has a bias of its own
        scale = STRIDE ** len(self.widths)
        small = (height // scale, width // scale, self.widths[0])
        hidden = linen.Dense(math.prod(small), kernel_init=weights, use_bias=plain)(flatten(inputs, condition))
        hidden = activate(normalize(hidden.reshape(-1, *small)))
        for features in self.widths[1:]:

            def layer(module, hidden, features=features):
                make = functools.partial(ConvTranspose, use_bias=plain, kernel_init=weights)
                return activate(normalize(make(features, SIZE, STRIDE, PADDING)(hidden)))

            hidden = rematerialized(self.remat, layer)(self, hidden)
        bias = linen.initializers.zeros if self.means is None else self._data_bias
        last = ConvTranspose(
            channels, SIZE, STRIDE, PADDING, kernel_init=weights, bias_init=bias, untied_bias=self.means is not None
        )
        return OUTPUTS[self.output](last(hidden))

    def _data_bias(self, key, shape, dtype=jnp.float32):
        return output_bias(self.output, self.means).reshape(shape).astype(dtype)


class Discriminator(linen.Module):
    """Convolutions that halve an image's sides, then a linear layer to the logit.

    Attributes:
      widths: channels after every halving.
      activation: name in `ACTIVATIONS`.
      normalization: "batch", of every layer but the first, or "none".
      initializer, initial_scale: name in `INITIALIZERS` and its scale, for all kernels.
      axis_name: devices over which batch statistics are taken.
      remat: keep only the layers' inputs for the gradient.
    """

    widths: Sequence[int]
    activation: str
    normalization: str
    initializer: str
    initial_scale: float
    axis_name: str | None = None
    remat: bool = False

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        weights = INITIALIZERS[self.initializer](self.initial_scale)
        normalize, activate = _normalizer(self.normalization, self.axis_name, train), ACTIVATIONS[self.activation]
        hidden = with_condition(inputs, condition)
        for i, features in enumerate(self.widths):

            def layer(module, hidden, i=i, features=features):
                plain = i == 0 or self.normalization == "none"
                hidden = Conv(features, SIZE, STRIDE, PADDING, use_bias=plain, kernel_init=weights)(hidden)
                return activate(hidden if i == 0 else normalize(hidden))

            hidden = rematerialized(self.remat, layer)(self, hidden)
        return linen.Dense(1, kernel_init=weights)(hidden.reshape(len(hidden), -1))[:, 0]


def with_condition(images: chex.Array, condition: chex.ArrayTree | None) -> chex.Array:
    """Images [n, height, width, channels] with the condition's features as further channels, the same everywhere.

    Raises:
      ValueError: they are no such images.
    """
    if images.ndim != 4:
        raise ValueError(f"a convolution needs images [height, width, channels], and examples are {images.shape[1:]}")
    if condition is None:
        return images
    features = condition.reshape(len(condition), 1, 1, -1).astype(images.dtype)
    return jnp.concatenate([images, jnp.broadcast_to(features, (*images.shape[:3], features.shape[-1]))], axis=-1)


def dcgan(
    *,
    output_shape: tuple[int, ...] = (),
    widths: Sequence[int] = (128, 64),
    activation: str = "",
    output: str = "linear",
    normalization: str = "batch",
    initializer: str = "normal",
    initial_scale: float = 0.02,
    means: chex.Array | None = None,
    axis_name: str | None = None,
    remat: bool = False,
) -> Network:
    """A DCGAN's generator or discriminator: kernels of 4 × 4 and stride 2 throughout, batch normalisation.

    Args:
      output_shape: [height, width, channels] for a generator; () for a discriminator, of images like that.
      widths: channels of each layer, so n of them make images whose sides divide by 2ⁿ: (128, 64) for 28 × 28,
        (512, 256, 128, 64) for 64 × 64; a discriminator's the other way round.
      activation: a name in `ACTIVATIONS`; "" for relu in a generator, leaky_relu in a discriminator.
      output: a generator's: "sigmoid" ([0, 1]), "tanh" ([−1, 1]) or "linear".
      normalization: "batch" (statistics over all devices' examples), or "none"; a generator's last layer and a
        discriminator's first have none.
      initializer: name in `INITIALIZERS`.
      initial_scale: its scale; the source has "normal" of .02.
      means: mean of each output over the data, where a generator starts; None: at 0.
      axis_name: name of the device axis, when the network runs in a step under pmap or shard_map.
      remat: keep only the layers' inputs for the gradient, and compute the rest again: less memory, more time.

    Returns:
      A `Network`: of latents [batch, dim], or of images [batch, height, width, channels]. A condition joins the
      latents, or the images as further channels.

    Raises:
      ValueError: the sides do not divide by 2ⁿ, or a name is unknown.

    Source: Radford et al. 2016 (arXiv:1511.06434); kernels of 4 × 4, as in most implementations since, for 5 × 5.
    """
    if not widths:
        raise ValueError("dcgan needs at least one width")
    if normalization not in NORMALIZATIONS:
        raise ValueError(f"unknown normalization {normalization!r}; one of {', '.join(NORMALIZATIONS)}")
    common: dict[str, Any] = {
        "widths": tuple(widths),
        "normalization": normalization,
        "initializer": initializer,
        "initial_scale": initial_scale,
        "axis_name": axis_name,
        "remat": remat,
    }
    if not output_shape:
        return from_linen(Discriminator(activation=activation or "leaky_relu", **common))
    _check_size(output_shape, len(widths))
    shape = tuple(output_shape)
    return from_linen(
        Generator(activation=activation or "relu", output=output, output_shape=shape, means=means, **common)
    )


def _check_size(shape: tuple[int, ...], layers: int) -> None:
    if len(shape) != 3 or any(extent % STRIDE**layers for extent in shape[:2]):
        raise ValueError(
            f"dcgan with {layers} widths makes images [height, width, channels] whose sides divide by "
            f"{STRIDE**layers}, not {list(shape)}"
        )


def _normalizer(name: str, axis_name: str | None, train: bool):
    if name == "none":
        return lambda hidden: hidden
    return lambda hidden: linen.BatchNorm(use_running_average=not train, momentum=0.9, axis_name=axis_name)(hidden)
