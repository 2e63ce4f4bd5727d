"""Residual networks of the SNGAN kind, with a projection of the condition."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import chex
import jax.numpy as jnp
from flax import linen

from jaxgan.networks.attention import SelfAttention
from jaxgan.networks.convolution import Conv
from jaxgan.networks.dense import Dense, class_head
from jaxgan.networks.labels import as_features
from jaxgan.networks.layers import ACTIVATIONS, INITIALIZERS, OUTPUTS, judged, output_bias, rematerialized
from jaxgan.networks.linen import from_linen
from jaxgan.networks.minibatch import check_minibatch, minibatch_layer
from jaxgan.networks.normalization import check_normalization, modulated, normalizer, weights_for
from jaxgan.networks.virtual_batch_norm import with_reference
from jaxgan.networks.weights import FROM_DATA
from jaxgan.types import Network


class Generator(linen.Module):
    """A linear layer to a small image, blocks that double its sides, and a convolution to the output.

    Attributes:
      widths: channels of the small image, and of each block.
      output_shape: [height, width, channels].
      activation, output: names in `ACTIVATIONS` and `OUTPUTS`.
      normalization: one of `NORMALIZATIONS`; of outputs: before every activation.
      kernel_init: initialiser of all kernels.
      attention: side of the image on which there is self-attention; 0 for none.
      classes: of conditions that are whole numbers.
      means: mean of each pixel over the data, at which the last bias, one for every pixel then, starts; None: 0.
      axis_name: devices over which batch statistics are taken.
      remat: keep only the blocks' inputs for the gradient.
    """

    widths: Sequence[int]
    output_shape: tuple[int, ...]
    activation: str
    output: str
    normalization: str
    kernel_init: Callable[..., Any]
    attention: int = 0
    classes: int | None = None
    means: chex.Array | None = None
    axis_name: str | None = None
    remat: bool = False

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        labels, reference = as_features(condition, self.classes, inputs.dtype), 0
        if self.normalization == "virtual":
            inputs, labels, reference = with_reference(self, inputs, labels)
        common: dict[str, Any] = {"kernel_init": self.kernel_init, "weights": weights_for(self.normalization)}
        activate = ACTIVATIONS[self.activation]

        def normalize(hidden):
            options = {"train": train, "axis_name": self.axis_name, "reference": reference}
            return modulated(normalizer(self.normalization, affine=labels is None, **options)(hidden), labels)

        height, width, channels = self.output_shape
        scale = 2 ** (len(self.widths) - 1)
        small = (height // scale, width // scale, self.widths[0])
        hidden = Dense(math.prod(small), **common)(inputs.reshape(len(inputs), -1)).reshape(-1, *small)
        for features in self.widths[1:]:

            def block(module, hidden, features=features):
                inner = _doubled(activate(normalize(hidden)))
                inner = activate(normalize(Conv(features, 3, padding=1, **common)(inner)))
                inner = Conv(features, 3, padding=1, **common)(inner)
                return inner + _doubled(Conv(features, 1, **common)(hidden))  # either order gives the same

            hidden = rematerialized(self.remat, block)(self, hidden)
            if hidden.shape[1] == self.attention:
                hidden = SelfAttention(**common)(hidden)
        bias = linen.initializers.zeros if self.means is None else self._data_bias
        last = Conv(channels, 3, padding=1, bias_init=bias, untied_bias=self.means is not None, **common)
        return OUTPUTS[self.output](last(activate(normalize(hidden)))[reference:])

    def _data_bias(self, key, shape, dtype=jnp.float32):
        return output_bias(self.output, self.means).reshape(shape).astype(dtype)


class Discriminator(linen.Module):
    """Blocks, of which the first halve the image's sides, a sum over its pixels, and the logit
    wᵀφ(x) + b + (V y)ᵀφ(x) of the sum φ(x) and the condition y.

    Attributes:
      widths: channels of each block.
      halvings: how many blocks halve the sides.
      activation: name in `ACTIVATIONS`.
      normalization: one of `NORMALIZATIONS` but "virtual"; of outputs: before every activation but the first block's.
      kernel_init: initialiser of all kernels.
      attention: side of the image on which there is self-attention; 0 for none.
      classes: of conditions that are whole numbers.
      axis_name: devices over which batch statistics are taken.
      remat: keep only the blocks' inputs for the gradient.
      features: return φ(x) beside the logits.
      minibatch: name in `MINIBATCHES`, of a layer behind the sum.
      class_logits: outputs of a second last layer; 0 for none.
    """

    widths: Sequence[int]
    halvings: int
    activation: str
    normalization: str
    kernel_init: Callable[..., Any]
    attention: int = 0
    classes: int | None = None
    axis_name: str | None = None
    remat: bool = False
    features: bool = False
    minibatch: str = "none"
    class_logits: int = 0

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        _check_images(inputs.shape[1:], self.halvings)
        labels = as_features(condition, self.classes, inputs.dtype)
        common: dict[str, Any] = {"kernel_init": self.kernel_init, "weights": weights_for(self.normalization)}
        activate = ACTIVATIONS[self.activation]
        normalize = normalizer(self.normalization, train=train, axis_name=self.axis_name)
        hidden = inputs
        for i, features in enumerate(self.widths):

            def block(module, hidden, i=i, features=features):
                pool = _halved if i < self.halvings else _same
                inner = hidden if i == 0 else activate(normalize(hidden))
                inner = Conv(features if i == 0 else hidden.shape[-1], 3, padding=1, **common)(inner)
                inner = Conv(features, 3, padding=1, **common)(activate(inner if i == 0 else normalize(inner)))
                if i < self.halvings or features != hidden.shape[-1]:
                    hidden = Conv(features, 1, **common)(pool(hidden))  # either order gives the same
                return pool(inner) + hidden

            hidden = rematerialized(self.remat, block)(self, hidden)
            if hidden.shape[1] == self.attention:
                hidden = SelfAttention(**common)(hidden)
        pooled = activate(normalize(hidden)).sum((1, 2))
        seen = minibatch_layer(self.minibatch, pooled, self.axis_name)
        logits = Dense(1, **common)(seen)[:, 0]
        if labels is not None:
            logits = logits + (Dense(pooled.shape[-1], use_bias=False, **common)(labels) * pooled).sum(-1)
        classes = class_head(self.class_logits, seen, **common)
        return judged(logits, pooled, self.features, classes)


def resnet(
    *,
    output_shape: tuple[int, ...] = (),
    widths: Sequence[int] = (256, 256, 256, 256),
    activation: str = "relu",
    output: str = "linear",
    normalization: str = "batch",
    halvings: int = 0,
    attention: int = 0,
    initializer: str = "glorot_uniform",
    initial_scale: float = 1.0,
    classes: int | None = None,
    means: chex.Array | None = None,
    axis_name: str | None = None,
    remat: bool = False,
    features: bool = False,
    minibatch: str = "none",
    class_logits: int = 0,
) -> Network:
    """A residual generator or discriminator: batch normalisation in the one and spectral in the other, in its source.

    Args:
      output_shape: [height, width, channels] for a generator; () for a discriminator, of images like that.
      widths: a generator's: channels of the smallest image and after every doubling, so n + 1 of them make images
        whose sides divide by 2ⁿ; the source has (256, 256, 256, 256) for 32 pixels, (512, 256, 128, 64) for 48,
        (1024, 1024, 512, 256, 128, 64) for 128. A discriminator's: channels of each block: (128, 128, 128, 128),
        (64, 128, 256, 512, 1024), (64, 128, 256, 512, 1024, 1024).
      activation: name in `ACTIVATIONS`.
      output: a generator's: "sigmoid" ([0, 1]), "tanh" ([−1, 1]) or "linear".
      normalization: "batch", "layer", "instance", "virtual" (generator), "spectral", "weight", "equalized" or "none".
      halvings: a discriminator's blocks that halve the sides: the first so many; 0 for all but the last. The source
        has 2 for 32 pixels.
      attention: side of the image on which there is self-attention; 0 for none.
      initializer, initial_scale: name in `INITIALIZERS` and its scale, for all kernels; in the source, twice the
        variance for a block's 3 × 3 kernels.
      classes: how many there are, for conditions that are whole numbers [batch].
      means: mean of each output over the data, where a generator starts; None: at 0.
      axis_name: name of the device axis, when the network runs in a step under pmap or shard_map.
      remat: keep only the blocks' inputs for the gradient, and compute the rest again: less memory, more time.
      features: a discriminator returns φ(x), the sum over pixels, too, in a `Judgement`, for feature matching.
      minibatch: a discriminator's layer behind that sum: "discrimination", "deviation" or "none".
      class_logits: outputs of a second last layer that a discriminator returns too, for `jaxgan.TERMS`; 0 for none.

    Returns:
      A `Network`: of latents [batch, dim], or of images [batch, height, width, channels]. A condition, of floats
      [batch, features] or whole numbers, chooses a generator's scales and biases behind every normalisation, and is
      projected on a discriminator's φ(x).

    Raises:
      ValueError: the sides do not divide as often as they are halved, or a name is unknown.

    Source: Miyato et al. 2018 (arXiv:1802.05957), tables 4 to 6; Miyato and Koyama 2018 (arXiv:1802.05637), equation 3;
    Zhang et al. 2019 (arXiv:1805.08318) for attention.
    """
    if not widths:
        raise ValueError("resnet needs at least one width")
    check_normalization("resnet", normalization, generator=bool(output_shape), leave_out=(FROM_DATA,))
    check_minibatch(minibatch)
    common: dict[str, Any] = {
        "widths": tuple(widths),
        "activation": activation,
        "normalization": normalization,
        "kernel_init": INITIALIZERS[initializer](initial_scale),
        "attention": attention,
        "classes": classes,
        "axis_name": axis_name,
        "remat": remat,
    }
    if output_shape:
        _check_images(output_shape, len(widths) - 1)
        return from_linen(Generator(output=output, output_shape=tuple(output_shape), means=means, **common))
    halvings = halvings or len(widths) - 1
    common |= {"features": features, "minibatch": minibatch, "class_logits": class_logits}
    return from_linen(Discriminator(halvings=halvings, **common))


def _check_images(shape: tuple[int, ...], halvings: int) -> None:
    if len(shape) != 3 or any(extent % 2**halvings for extent in shape[:2]):
        raise ValueError(
            f"resnet with these widths and halvings needs images [height, width, channels] whose sides divide by "
            f"{2**halvings}, not {list(shape)}"
        )


def _same(images):
    return images


def _doubled(images):
    return jnp.repeat(jnp.repeat(images, 2, axis=1), 2, axis=2)


def _halved(images):
    n, height, width, channels = images.shape
    return images.reshape(n, height // 2, 2, width // 2, 2, channels).mean((2, 4))
