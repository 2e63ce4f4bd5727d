"""The paper's discriminator: maxout layers with dropout on their inputs."""

import math
from typing import Annotated

from flax import linen

from jaxgan.adapters import from_linen
from jaxgan.fields import Count, Widths
from jaxgan.networks.layers import INITIALIZERS, Dense, Keep, Scale, dropout, flatten, judged
from jaxgan.types import Network


class Maxout(linen.Module):
    """Layers of h_i = max_j (xᵀW_ij + b_ij), then a linear layer. The defaults are the paper's MNIST discriminator.

    Inputs [batch, ...] are flattened, and the condition's features are appended. Dropout is drawn per example of the
    global batch, so it does not depend on the number of devices.

    Attributes:
      widths: units of each maxout layer.
      pieces: linear pieces j of each unit, ≥ 1.
      keep_input: probability of keeping a pixel in training.
      keep_hidden: probability of keeping an input of each later layer, including the last.
      output_shape, initializer, initial_scale, features: see `jaxgan.networks`; features are those before dropout.

    Source: Goodfellow et al. 2013 (arXiv:1302.4389), equation 1; the settings are from goodfeli/adversarial.
    """

    output_shape: tuple[int, ...] = ()
    widths: Widths = (240, 240)
    pieces: Count = 5
    initializer: Annotated[str, INITIALIZERS.keys()] = "uniform"
    initial_scale: Scale = 0.005
    keep_input: Keep = 0.8
    keep_hidden: Keep = 0.5
    features: bool = False

    @linen.nowrap
    def as_network(self) -> Network:
        """Wraps the module."""
        return from_linen(self, per_example=True, independent=True)

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False, keys=None):
        keys = keys if train else None
        hidden = flatten(inputs, condition)
        weights = INITIALIZERS[self.initializer](self.initial_scale)
        for i, width in enumerate(self.widths):
            hidden = dropout(keys, hidden, self.keep_hidden if i else self.keep_input, i)
            hidden = Dense(self.pieces * width, kernel_init=weights)(hidden)
            # Pieces precede units: the gradient of a maximum over the last axis is several times slower on CPUs.
            hidden = hidden.reshape(-1, self.pieces, width).max(1)
        kept = dropout(keys, hidden, self.keep_hidden if self.widths else self.keep_input, len(self.widths))
        outputs = Dense(math.prod(self.output_shape), kernel_init=weights)(kept)
        return judged(outputs.reshape(-1, *self.output_shape), hidden, self.features and not self.output_shape)
