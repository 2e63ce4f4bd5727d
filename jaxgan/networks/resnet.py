"""Residual networks of the SNGAN kind, with a projection of the condition."""

import math
from typing import Annotated, Any

import chex
import jax.numpy as jnp
from flax import linen

from jaxgan.fields import Size, Widths
from jaxgan.networks.conditioning import as_features, modulated
from jaxgan.networks.convolution import Conv, SelfAttention
from jaxgan.networks.layers import (
    ACTIVATIONS,
    INITIALIZERS,
    OUTPUTS,
    Dense,
    Remat,
    Scale,
    class_head,
    data_bias,
    judged,
    rematerialized,
)
from jaxgan.networks.linen import from_linen
from jaxgan.networks.minibatch import MINIBATCHES, check_minibatch, minibatch_layer
from jaxgan.networks.normalization import (
    NORMALIZATIONS,
    check_normalization,
    normalizer,
    weights_for,
    with_reference,
)
from jaxgan.networks.weights import FROM_DATA
from jaxgan.types import Network


class ResNet(linen.Module):
    """A residual generator or discriminator. In the source, generators have batch and discriminators spectral norm.

    The generator takes latents [batch, dim], the discriminator images [batch, height, width, channels]. A condition, of
    floats [batch, features] or integers [batch], chooses a generator's scales and biases after every normalisation, and
    is projected on a discriminator's φ(x), the sum over pixels of its last block.

    Attributes:
      output_shape: [height, width, channels] for a generator; () for a discriminator of such images.
      widths: a generator's: channels of the smallest image and after every doubling, so n + 1 of them make images
        whose sides divide by 2ⁿ; the source has (256, 256, 256, 256) for 32 pixels, (512, 256, 128, 64) for 48,
        (1024, 1024, 512, 256, 128, 64) for 128. A discriminator's: channels of each block: (128, 128, 128, 128),
        (64, 128, 256, 512, 1024), (64, 128, 256, 512, 1024, 1024).
      activation: name in `ACTIVATIONS`.
      output: a generator's: "sigmoid" ([0, 1]), "tanh" ([−1, 1]) or "linear".
      normalization: "batch", "layer", "instance", "virtual" (generator), "spectral", "weight", "equalized" or "none".
      halvings: number of a discriminator's blocks, from the first, that halve the sides; 0 for all but the last. The
        source has 2 for 32 pixels.
      attention: side of the image that has self-attention; 0 for none.
      initializer: name in `INITIALIZERS`, for all kernels.
      initial_scale: its scale; the source doubles the variance for a block's 3 × 3 kernels.
      classes: number of classes, for conditions that are integers [batch].
      means: mean of each output over the data. A generator's last bias, one per pixel then, starts at the value that
        gives them; None for 0.
      axis_name: name of the device axis, for a step under pmap or shard_map.
      remat: store only the blocks' inputs for the gradient and compute the rest again: less memory, more time.
      features: a discriminator also returns φ(x), in a `Judgement`, for feature matching.
      minibatch: a discriminator's layer after the sum: "discrimination", "deviation" or "none".
      class_logits: number of outputs of a discriminator's second last layer, for `jaxgan.TERMS`; 0 for none.

    Raises:
      ValueError: the sides do not divide as often as they are halved, or a name is unknown.

    Source: Miyato et al. 2018 (arXiv:1802.05957), tables 4 to 6; Miyato and Koyama 2018 (arXiv:1802.05637), equation 3;
    Zhang et al. 2019 (arXiv:1805.08318) for attention.
    """

    output_shape: tuple[int, ...] = ()
    widths: Widths = (256, 256, 256, 256)
    activation: Annotated[str, ACTIVATIONS.keys()] = "relu"
    output: Annotated[str, OUTPUTS.keys()] = "linear"
    normalization: Annotated[str, NORMALIZATIONS] = "batch"
    halvings: Size = 0
    attention: Size = 0
    initializer: Annotated[str, INITIALIZERS.keys()] = "glorot_uniform"
    initial_scale: Scale = 1.0
    classes: int | None = None
    means: chex.Array | None = None
    axis_name: str | None = None
    remat: Remat = False
    features: bool = False
    minibatch: Annotated[str, MINIBATCHES] = "none"
    class_logits: Size = 0

    @linen.nowrap
    def as_network(self) -> Network:
        """Checks the attributes and wraps the module."""
        if not self.widths:
            raise ValueError("resnet needs at least one width")
        generator = bool(self.output_shape)
        check_normalization("resnet", self.normalization, generator=generator, leave_out=(FROM_DATA,))
        check_minibatch(self.minibatch)
        if generator:
            _check_images(self.output_shape, len(self.widths) - 1)
        return from_linen(self)

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        if not self.output_shape:
            _check_images(inputs.shape[1:], self.halvings or len(self.widths) - 1)
        kernel_init = INITIALIZERS[self.initializer](self.initial_scale)
        common: dict[str, Any] = {"kernel_init": kernel_init, "weights": weights_for(self.normalization)}
        labels = as_features(condition, self.classes, inputs.dtype)
        play = self._generate if self.output_shape else self._judge
        return play(inputs, labels, train, common)

    def _generate(self, latents, labels, train, common):
        """A linear layer to a small image, blocks that double its sides, and a convolution to the output."""
        reference = 0
        if self.normalization == "virtual":
            latents, labels, reference = with_reference(self, latents, labels)
        activate = ACTIVATIONS[self.activation]

        def normalize(hidden):
            options: dict[str, Any] = {"train": train, "axis_name": self.axis_name, "reference": reference}
            return modulated(normalizer(self.normalization, affine=labels is None, **options)(hidden), labels)

        height, width, channels = self.output_shape
        scale = 2 ** (len(self.widths) - 1)
        small = (height // scale, width // scale, self.widths[0])
        hidden = Dense(math.prod(small), **common)(latents.reshape(len(latents), -1)).reshape(-1, *small)
        for features in self.widths[1:]:

            def block(module, hidden, features=features):
                inner = _doubled(activate(normalize(hidden)))
                inner = activate(normalize(Conv(features, 3, padding=1, **common)(inner)))
                inner = Conv(features, 3, padding=1, **common)(inner)
                return inner + _doubled(Conv(features, 1, **common)(hidden))  # equal to convolving the doubled image

            hidden = rematerialized(self.remat, block)(self, hidden)
            if hidden.shape[1] == self.attention:
                hidden = SelfAttention(**common)(hidden)
        bias: dict[str, Any] = {"bias_init": data_bias(self.output, self.means), "untied_bias": self.means is not None}
        last = Conv(channels, 3, padding=1, **bias, **common)
        return OUTPUTS[self.output](last(activate(normalize(hidden)))[reference:])

    def _judge(self, images, labels, train, common):
        """Blocks, the first of which halve the sides, φ(x) as a sum over pixels, and wᵀφ(x) + b + (V y)ᵀφ(x)."""
        activate = ACTIVATIONS[self.activation]
        normalize = normalizer(self.normalization, train=train, axis_name=self.axis_name)
        halvings = self.halvings or len(self.widths) - 1
        hidden = images
        for i, features in enumerate(self.widths):

            def block(module, hidden, i=i, features=features):
                pool = _halved if i < halvings else _same
                # Like the input image, the first block is not normalised.
                inner = hidden if i == 0 else activate(normalize(hidden))
                inner = Conv(features if i == 0 else hidden.shape[-1], 3, padding=1, **common)(inner)
                inner = Conv(features, 3, padding=1, **common)(activate(inner if i == 0 else normalize(inner)))
                if i < halvings or features != hidden.shape[-1]:
                    hidden = Conv(features, 1, **common)(pool(hidden))  # equal to pooling the convolved image
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
