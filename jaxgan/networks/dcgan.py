"""DCGAN: strided convolutions without pooling, for images of any size that halves as often as there are layers."""

import math
from typing import Annotated, Any

import chex
from flax import linen

from jaxgan.fields import Size, Widths
from jaxgan.networks.conditioning import (
    CONDITIONINGS,
    check_conditioning,
    check_features,
    flatten,
    modulated,
    with_condition,
    with_projection,
)
from jaxgan.networks.convolution import Conv, ConvTranspose
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
    has_bias,
    normalizer,
    weights_for,
    with_reference,
)
from jaxgan.networks.weights import FROM_DATA
from jaxgan.types import Network

SIZE, STRIDE, PADDING = 4, 2, 1
"""Of every kernel: it halves or doubles an image's sides exactly."""


class DCGAN(linen.Module):
    """A DCGAN generator or discriminator: kernels of 4 × 4 and stride 2 throughout, batch normalisation.

    The generator takes latents [batch, dim], the discriminator images [batch, height, width, channels].

    Attributes:
      output_shape: [height, width, channels] for a generator; () for a discriminator of such images.
      widths: channels of each layer, so n widths make images whose sides divide by 2ⁿ: (128, 64) for 28 × 28,
        (512, 256, 128, 64) for 64 × 64; a discriminator's in the opposite order.
      activation: name in `ACTIVATIONS`; "" for relu in a generator, leaky_relu in a discriminator.
      output: a generator's: "sigmoid" ([0, 1]), "tanh" ([−1, 1]) or "linear".
      normalization: "batch" (statistics over all devices' examples), "layer", "instance" or, in a generator, "virtual",
        of the outputs of every layer but a generator's last and a discriminator's first; "spectral", "weight" or
        "equalized", of every layer's weights; or "none".
      initializer: name in `INITIALIZERS`, for all kernels.
      initial_scale: its scale; the source has "normal" of .02.
      means: mean of each output over the data. A generator's last bias, one per pixel then, starts at the value that
        gives them; None for 0.
      axis_name: name of the device axis, for a step under pmap or shard_map.
      remat: store only the layers' inputs for the gradient and compute the rest again: less memory, more time.
      features: a discriminator also returns its last layer's inputs, in a `Judgement`, for feature matching.
      minibatch: a discriminator's layer before the last: "discrimination", "deviation" or "none".
      class_logits: number of outputs of a discriminator's second last layer, for `jaxgan.TERMS`; 0 for none.
      conditioning: how a condition enters: "concatenation" to the latents, or to the images as further channels;
        "normalization" (generator) or "projection" (discriminator); see
        `jaxgan.networks.conditioning.CONDITIONINGS`.

    Raises:
      ValueError: the sides do not divide by 2ⁿ, or a name is unknown.

    Source: Radford et al. 2016 (arXiv:1511.06434); kernels of 4 × 4 instead of 5 × 5, as in most later implementations.
    """

    output_shape: tuple[int, ...] = ()
    widths: Widths = (128, 64)
    activation: Annotated[str, ACTIVATIONS.keys()] = ""
    output: Annotated[str, OUTPUTS.keys()] = "linear"
    normalization: Annotated[str, NORMALIZATIONS] = "batch"
    initializer: Annotated[str, INITIALIZERS.keys()] = "normal"
    initial_scale: Scale = 0.02
    means: chex.Array | None = None
    axis_name: str | None = None
    remat: Remat = False
    features: bool = False
    minibatch: Annotated[str, MINIBATCHES] = "none"
    class_logits: Size = 0
    conditioning: Annotated[str, CONDITIONINGS] = "concatenation"

    @linen.nowrap
    def as_network(self) -> Network:
        """Checks the attributes and wraps the module."""
        if not self.widths:
            raise ValueError("dcgan needs at least one width")
        generator, scale = bool(self.output_shape), STRIDE ** len(self.widths)
        check_normalization("dcgan", self.normalization, generator=generator, leave_out=(FROM_DATA,))
        check_minibatch(self.minibatch)
        check_conditioning("dcgan", self.conditioning, generator=generator)
        if generator and (len(self.output_shape) != 3 or any(side % scale for side in self.output_shape[:2])):
            raise ValueError(
                f"dcgan with {len(self.widths)} widths makes images [height, width, channels] whose sides divide by "
                f"{scale}, not {list(self.output_shape)}"
            )
        return from_linen(self)

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        check_features(condition)
        kernel_init = INITIALIZERS[self.initializer](self.initial_scale)
        common: dict[str, Any] = {"kernel_init": kernel_init, "weights": weights_for(self.normalization)}
        play = self._generate if self.output_shape else self._judge
        return play(inputs, condition, train, common)

    def _generate(self, latents, condition, train, common):
        """A linear layer to a small image, then transposed convolutions that double its sides."""
        height, width, channels = self.output_shape
        reference = 0
        if self.normalization == "virtual":
            latents, condition, reference = with_reference(self, latents, condition)
        joined, scales = (condition, None) if self.conditioning == "concatenation" else (None, condition)
        options: dict[str, Any] = {"train": train, "axis_name": self.axis_name, "reference": reference}
        normalize = normalizer(self.normalization, affine=scales is None, **options)
        activate, plain = ACTIVATIONS[self.activation or "relu"], has_bias(self.normalization)
        scale = STRIDE ** len(self.widths)
        small = (height // scale, width // scale, self.widths[0])
        hidden = Dense(math.prod(small), use_bias=plain, **common)(flatten(latents, joined))
        hidden = activate(modulated(normalize(hidden.reshape(-1, *small)), scales))
        for features in self.widths[1:]:

            def layer(module, hidden, features=features):
                convolution = ConvTranspose(features, SIZE, STRIDE, PADDING, use_bias=plain, **common)
                return activate(modulated(normalize(convolution(hidden)), scales))

            hidden = rematerialized(self.remat, layer)(self, hidden)
        bias: dict[str, Any] = {"bias_init": data_bias(self.output, self.means), "untied_bias": self.means is not None}
        last = ConvTranspose(channels, SIZE, STRIDE, PADDING, **bias, **common)
        return OUTPUTS[self.output](last(hidden[reference:]))

    def _judge(self, images, condition, train, common):
        """Convolutions that halve an image's sides, then a linear layer to the logit."""
        normalize = normalizer(self.normalization, train=train, axis_name=self.axis_name)
        activate = ACTIVATIONS[self.activation or "leaky_relu"]
        joined, projected = (condition, None) if self.conditioning == "concatenation" else (None, condition)
        hidden = with_condition(images, joined, STRIDE ** len(self.widths))
        for i, features in enumerate(self.widths):

            def layer(module, hidden, i=i, features=features):
                plain = i == 0 or has_bias(self.normalization)
                hidden = Conv(features, SIZE, STRIDE, PADDING, use_bias=plain, **common)(hidden)
                return activate(hidden if i == 0 else normalize(hidden))

            hidden = rematerialized(self.remat, layer)(self, hidden)
        seen = minibatch_layer(self.minibatch, hidden, self.axis_name)
        seen = seen.reshape(len(seen), -1)
        logits = with_projection(Dense(1, **common)(seen)[:, 0], projected, seen, **common)
        classes = class_head(self.class_logits, seen, **common)
        return judged(logits, hidden, self.features, classes)
