"""DCGAN: strided convolutions without pooling, for images of any size that halves as often as there are layers."""

import math
from collections.abc import Sequence
from typing import Any

import chex
import jax.numpy as jnp
from flax import linen

from jaxgan.networks.convolution import Conv, ConvTranspose
from jaxgan.networks.dense import Dense, class_head, with_projection
from jaxgan.networks.labels import check_conditioning, check_features
from jaxgan.networks.layers import ACTIVATIONS, INITIALIZERS, OUTPUTS, flatten, judged, output_bias, rematerialized
from jaxgan.networks.linen import from_linen
from jaxgan.networks.minibatch import check_minibatch, minibatch_layer
from jaxgan.networks.normalization import check_normalization, has_bias, modulated, normalizer, weights_for
from jaxgan.networks.virtual_batch_norm import with_reference
from jaxgan.networks.weights import FROM_DATA
from jaxgan.types import Network

SIZE, STRIDE, PADDING = 4, 2, 1
"""Of every kernel: it halves or doubles an image's sides exactly."""


class Generator(linen.Module):
    """A linear layer to a small image, then transposed convolutions that double its sides.

    Attributes:
      widths: channels of the small image and after every doubling but the last, whose channels are the output's.
      output_shape: [height, width, channels].
      activation, output: names in `ACTIVATIONS` and `OUTPUTS`.
      normalization: one of `NORMALIZATIONS`; of outputs: of every layer but the last.
      initializer, initial_scale: name in `INITIALIZERS` and its scale, for all kernels.
      means: mean of each pixel over the data, at which the last bias, one for every pixel then, starts; None: 0.
      axis_name: devices over which batch statistics are taken.
      remat: keep only the layers' inputs for the gradient.
      conditioning: "concatenation" or "normalization".
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
    conditioning: str = "concatenation"

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        check_features(condition)
        height, width, channels = self.output_shape
        weights = INITIALIZERS[self.initializer](self.initial_scale)
        reference = 0
        if self.normalization == "virtual":
            inputs, condition, reference = with_reference(self, inputs, condition)
        joined, scales = (condition, None) if self.conditioning == "concatenation" else (None, condition)
        options: dict[str, Any] = {"train": train, "axis_name": self.axis_name, "reference": reference}
        normalize = normalizer(self.normalization, affine=scales is None, **options)
        activate = ACTIVATIONS[self.activation]
        common: dict[str, Any] = {"kernel_init": weights, "weights": weights_for(self.normalization)}
        plain = has_bias(self.normalization)
        scale = STRIDE ** len(self.widths)
        small = (height // scale, width // scale, self.widths[0])
        hidden = Dense(math.prod(small), use_bias=plain, **common)(flatten(inputs, joined))
        hidden = activate(modulated(normalize(hidden.reshape(-1, *small)), scales))
        for features in self.widths[1:]:

            def layer(module, hidden, features=features):
                convolution = ConvTranspose(features, SIZE, STRIDE, PADDING, use_bias=plain, **common)
                return activate(modulated(normalize(convolution(hidden)), scales))

            hidden = rematerialized(self.remat, layer)(self, hidden)
        bias = linen.initializers.zeros if self.means is None else self._data_bias
        last = ConvTranspose(
            channels, SIZE, STRIDE, PADDING, bias_init=bias, untied_bias=self.means is not None, **common
        )
        return OUTPUTS[self.output](last(hidden[reference:]))

    def _data_bias(self, key, shape, dtype=jnp.float32):
        return output_bias(self.output, self.means).reshape(shape).astype(dtype)


class Discriminator(linen.Module):
    """Convolutions that halve an image's sides, then a linear layer to the logit.

    Attributes:
      widths: channels after every halving.
      activation: name in `ACTIVATIONS`.
      normalization: one of `NORMALIZATIONS` but "virtual"; of outputs: of every layer but the first.
      initializer, initial_scale: name in `INITIALIZERS` and its scale, for all kernels.
      axis_name: devices over which batch statistics are taken.
      remat: keep only the layers' inputs for the gradient.
      features: return the last layer's inputs beside the logits.
      minibatch: name in `MINIBATCHES`, of a layer before the last.
      class_logits: outputs of a second last layer; 0 for none.
      conditioning: "concatenation" or "projection".
    """

    widths: Sequence[int]
    activation: str
    normalization: str
    initializer: str
    initial_scale: float
    axis_name: str | None = None
    remat: bool = False
    features: bool = False
    minibatch: str = "none"
    class_logits: int = 0
    conditioning: str = "concatenation"

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        weights = INITIALIZERS[self.initializer](self.initial_scale)
        normalize = normalizer(self.normalization, train=train, axis_name=self.axis_name)
        activate = ACTIVATIONS[self.activation]
        common: dict[str, Any] = {"kernel_init": weights, "weights": weights_for(self.normalization)}
        joined, beside = (condition, None) if self.conditioning == "concatenation" else (None, condition)
        hidden = with_condition(inputs, joined, STRIDE ** len(self.widths))
        for i, features in enumerate(self.widths):

            def layer(module, hidden, i=i, features=features):
                plain = i == 0 or has_bias(self.normalization)
                hidden = Conv(features, SIZE, STRIDE, PADDING, use_bias=plain, **common)(hidden)
                return activate(hidden if i == 0 else normalize(hidden))

            hidden = rematerialized(self.remat, layer)(self, hidden)
        seen = minibatch_layer(self.minibatch, hidden, self.axis_name)
        seen = seen.reshape(len(seen), -1)
        logits = with_projection(Dense(1, **common)(seen)[:, 0], beside, seen, **common)
        classes = class_head(self.class_logits, seen, **common)
        return judged(logits, hidden, self.features, classes)


def with_condition(images: chex.Array, condition: chex.ArrayTree | None, smallest: int = 1) -> chex.Array:
    """Images [n, height, width, channels] with the condition's features as further channels, the same everywhere.

    Raises:
      ValueError: they are no such images, a side has fewer pixels than `smallest`, or the condition is labels.
    """
    check_features(condition)
    if images.ndim != 4:
        raise ValueError(f"a convolution needs images [height, width, channels], and examples are {images.shape[1:]}")
    if min(images.shape[1:3]) < smallest:
        raise ValueError(f"these layers need images of {smallest} × {smallest} and more, not {list(images.shape[1:])}")
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
    features: bool = False,
    minibatch: str = "none",
    class_logits: int = 0,
    conditioning: str = "concatenation",
) -> Network:
    """A DCGAN's generator or discriminator: kernels of 4 × 4 and stride 2 throughout, batch normalisation.

    Args:
      output_shape: [height, width, channels] for a generator; () for a discriminator, of images like that.
      widths: channels of each layer, so n of them make images whose sides divide by 2ⁿ: (128, 64) for 28 × 28,
        (512, 256, 128, 64) for 64 × 64; a discriminator's the other way round.
      activation: a name in `ACTIVATIONS`; "" for relu in a generator, leaky_relu in a discriminator.
      output: a generator's: "sigmoid" ([0, 1]), "tanh" ([−1, 1]) or "linear".
      normalization: "batch" (statistics over all devices' examples), "layer", "instance" or, in a generator, "virtual",
        of the outputs of every layer but a generator's last and a discriminator's first; "spectral", "weight" or
        "equalized", of every layer's weights; or "none".
      initializer: name in `INITIALIZERS`.
      initial_scale: its scale; the source has "normal" of .02.
      means: mean of each output over the data, where a generator starts; None: at 0.
      axis_name: name of the device axis, when the network runs in a step under pmap or shard_map.
      remat: keep only the layers' inputs for the gradient, and compute the rest again: less memory, more time.
      features: a discriminator returns its last layer's inputs too, in a `Judgement`, for feature matching.
      minibatch: a discriminator's layer before the last: "discrimination", "deviation" or "none".
      class_logits: outputs of a second last layer that a discriminator returns too, for `jaxgan.TERMS`; 0 for none.
      conditioning: how a condition is taken: "concatenation", to the latents, or to the images as further channels; or
        "normalization" in a generator, "projection" in a discriminator; see `jaxgan.networks.labels.CONDITIONINGS`.

    Returns:
      A `Network`: of latents [batch, dim], or of images [batch, height, width, channels].

    Raises:
      ValueError: the sides do not divide by 2ⁿ, or a name is unknown.

    Source: Radford et al. 2016 (arXiv:1511.06434); kernels of 4 × 4, as in most implementations since, for 5 × 5.
    """
    if not widths:
        raise ValueError("dcgan needs at least one width")
    check_normalization("dcgan", normalization, generator=bool(output_shape), leave_out=(FROM_DATA,))
    check_minibatch(minibatch)
    check_conditioning("dcgan", conditioning, generator=bool(output_shape))
    common: dict[str, Any] = {
        "widths": tuple(widths),
        "normalization": normalization,
        "initializer": initializer,
        "initial_scale": initial_scale,
        "axis_name": axis_name,
        "remat": remat,
        "conditioning": conditioning,
    }
    if not output_shape:
        options: dict[str, Any] = {
            "activation": activation or "leaky_relu",
            "features": features,
            "minibatch": minibatch,
            "class_logits": class_logits,
        }
        return from_linen(Discriminator(**options, **common))
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
