"""Multilayer perceptrons, for either player."""

import math
from collections.abc import Sequence

import chex
from flax import linen

from jaxgan.networks.layers import ACTIVATIONS, INITIALIZERS, OUTPUTS, dropout, flatten, output_bias
from jaxgan.networks.linen import from_linen
from jaxgan.state import Network


class MLP(linen.Module):
    """Dense layers with an activation after each but the last, which has an output function.

    Attributes:
      widths: units of each hidden layer.
      activations: name in `ACTIVATIONS` for each hidden layer.
      output: name in `OUTPUTS`.
      output_shape: shape of one output; () for a discriminator's logit.
      initializer, initial_scale: name in `INITIALIZERS` and its scale, for all weights.
      keep: probability of keeping an input of the first layer, and of the others, in training.
      means: mean of each output over the data, at which the last bias starts; None starts it at 0.
    """

    widths: Sequence[int]
    activations: Sequence[str]
    output: str
    output_shape: tuple[int, ...]
    initializer: str
    initial_scale: float
    keep: tuple[float, float]
    means: chex.Array | None = None

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False, keys=None):
        keys = keys if train else None
        hidden = flatten(inputs, condition)
        weights = INITIALIZERS[self.initializer](self.initial_scale)
        for i, (width, activation) in enumerate(zip(self.widths, self.activations, strict=True)):
            hidden = dropout(keys, hidden, self.keep[i > 0], i)
            hidden = ACTIVATIONS[activation](linen.Dense(width, kernel_init=weights)(hidden))
        hidden = dropout(keys, hidden, self.keep[len(self.widths) > 0], len(self.widths))
        bias = linen.initializers.zeros if self.means is None else self._data_bias
        hidden = linen.Dense(math.prod(self.output_shape), kernel_init=weights, bias_init=bias)(hidden)
        return OUTPUTS[self.output](hidden).reshape(-1, *self.output_shape)

    def _data_bias(self, key, shape, dtype):
        return output_bias(self.output, self.means).reshape(shape).astype(dtype)


def mlp(
    *,
    output_shape: tuple[int, ...],
    widths: Sequence[int],
    activation: str = "relu",
    output: str = "linear",
    initializer: str = "lecun_normal",
    initial_scale: float = 1.0,
    keep_input: float = 1.0,
    keep_hidden: float = 1.0,
    means: chex.Array | None = None,
) -> Network:
    """A multilayer perceptron of any widths.

    Args:
      output_shape: shape of one output: that of an example for a generator, () for a discriminator's logit.
      widths: units of each hidden layer; () for a linear model.
      activation: a name in `ACTIVATIONS` for all hidden layers, or one for each, separated by commas.
      output: "sigmoid" (outputs in [0, 1]), "tanh" ([−1, 1]) or "linear".
      initializer: name in `INITIALIZERS`.
      initial_scale: its scale: half-width of "uniform", standard deviation of "normal", factor of the variance of
        the others.
      keep_input, keep_hidden: probability of keeping an input of the first layer, and of later layers, in training.
      means: mean of each output over the data; the last bias starts where it gives them. None: at 0.

    Returns:
      A `Network` on inputs [batch, ...], flattened, with the condition's features behind them if there is one.

    Raises:
      ValueError: if `activation` names neither one activation nor one per hidden layer.

    Source: Goodfellow et al. 2014, the authors' MNIST generator: widths (1200, 1200), relu, sigmoid, uniform .05.
    """
    names = [name.strip() for name in activation.split(",")]
    names = names * len(widths) if len(names) == 1 else names
    if len(names) != len(widths):
        raise ValueError(f"activation names {len(names)} activations for {len(widths)} hidden layers: {activation!r}")
    module = MLP(
        widths=tuple(widths),
        activations=tuple(names),
        output=output,
        output_shape=tuple(output_shape),
        initializer=initializer,
        initial_scale=initial_scale,
        keep=(keep_input, keep_hidden),
        means=means,
    )
    return from_linen(module, per_example=True, independent=True)
