"""The paper's discriminator: maxout layers with dropout on their inputs."""

import math
from collections.abc import Sequence

from flax import linen

from jaxgan.networks.layers import INITIALIZERS, dropout, flatten, judged
from jaxgan.networks.linen import from_linen
from jaxgan.types import Network


class Maxout(linen.Module):
    """Layers of h_i = max_j (xᵀW_ij + b_ij), then one linear layer.

    Attributes:
      widths: units of each maxout layer.
      pieces: linear pieces j of each unit.
      output_shape: shape of one output; () for a discriminator's logit.
      initializer, initial_scale: name in `INITIALIZERS` and its scale, for all weights.
      keep: probability of keeping an input of the first layer, and of the others, in training.
      features: return the last layer's inputs, before dropout, beside the outputs.
    """

    widths: Sequence[int]
    pieces: int
    output_shape: tuple[int, ...]
    initializer: str
    initial_scale: float
    keep: tuple[float, float]
    features: bool = False

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False, keys=None):
        keys = keys if train else None
        hidden = flatten(inputs, condition)
        weights = INITIALIZERS[self.initializer](self.initial_scale)
        for i, width in enumerate(self.widths):
            hidden = dropout(keys, hidden, self.keep[i > 0], i)
            hidden = linen.Dense(self.pieces * width, kernel_init=weights)(hidden)
            # Pieces before units: the gradient of a maximum over the last axis is several times slower on a CPU.
            hidden = hidden.reshape(-1, self.pieces, width).max(1)
        kept = dropout(keys, hidden, self.keep[len(self.widths) > 0], len(self.widths))
        outputs = linen.Dense(math.prod(self.output_shape), kernel_init=weights)(kept)
        return judged(outputs.reshape(-1, *self.output_shape), hidden, self.features)


def maxout(
    *,
    output_shape: tuple[int, ...] = (),
    widths: Sequence[int] = (240, 240),
    pieces: int = 5,
    initializer: str = "uniform",
    initial_scale: float = 0.005,
    keep_input: float = 0.8,
    keep_hidden: float = 0.5,
    features: bool = False,
) -> Network:
    """A maxout network with dropout on the inputs of every layer; the defaults are the paper's MNIST discriminator.

    Args:
      output_shape: shape of one output; () for a discriminator's logit.
      widths: units of each maxout layer.
      pieces: linear pieces of which a unit takes the largest, ≥ 1.
      initializer: name in `INITIALIZERS`.
      initial_scale: its scale; half-width of "uniform".
      keep_input: probability of keeping a pixel in training.
      keep_hidden: probability of keeping an input of every later layer, the last included.
      features: a discriminator returns its last layer's inputs too, in a `Judgement`, for feature matching.

    Returns:
      A `Network` on inputs [batch, ...], flattened, with the condition's features behind them if there is one; its
      dropout is drawn per example of the global batch, so it does not depend on the number of devices.

    Source: Goodfellow et al. 2013 (arXiv:1302.4389), equation 1; the settings are those of goodfeli/adversarial.
    """
    module = Maxout(
        widths=tuple(widths),
        pieces=pieces,
        output_shape=tuple(output_shape),
        initializer=initializer,
        initial_scale=initial_scale,
        keep=(keep_input, keep_hidden),
        features=features and not output_shape,
    )
    return from_linen(module, per_example=True, independent=True)
