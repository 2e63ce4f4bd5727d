"""Multilayer perceptrons, for either player."""

import math
from collections.abc import Sequence

import chex
import jax
from flax import linen

from jaxgan.networks.dense import Dense, class_head, with_projection
from jaxgan.networks.labels import CONDITIONINGS, check_conditioning, check_features
from jaxgan.networks.layers import (
    ACTIVATIONS,
    INITIALIZERS,
    OUTPUTS,
    dropout,
    flatten,
    gaussian_noise,
    judged,
    output_bias,
)
from jaxgan.networks.linen import from_linen
from jaxgan.networks.minibatch import check_minibatch, minibatch_layer
from jaxgan.networks.normalization import check_normalization, has_bias, modulated, normalizer, weights_for
from jaxgan.networks.weights import FROM_DATA
from jaxgan.types import Network


class MLP(linen.Module):
    """Dense layers with an activation after each but the last, which has an output function.

    Attributes:
      widths: units of each hidden layer.
      activations: name in `ACTIVATIONS` for each hidden layer.
      output: name in `OUTPUTS`.
      output_shape: shape of one output; () for a discriminator's logit.
      initializers: (name in `INITIALIZERS`, its scale) for each layer's weights.
      biases: where each hidden layer's biases start.
      keep: probability of keeping an input of the first layer, and of the others, in training.
      noise: deviation of the noise in the first layer's inputs, and in the others', in training.
      means: mean of each output over the data, at which the last bias starts; None starts it at 0.
      normalization: of hidden layers' outputs, or of all weights; see `NORMALIZATIONS`.
      axis_name: devices over which a batch's statistics are taken.
      features, minibatch, class_logits: a discriminator's: return the last layer's inputs; name in `MINIBATCHES`;
        outputs of a second last layer.
      conditioning: name in `CONDITIONINGS`.
    """

    widths: Sequence[int]
    activations: Sequence[str]
    output: str
    output_shape: tuple[int, ...]
    initializers: Sequence[tuple[str, float]]
    biases: Sequence[float]
    keep: tuple[float, float]
    noise: tuple[float, float] = (0.0, 0.0)
    means: chex.Array | None = None
    normalization: str = "none"
    axis_name: str | None = None
    features: bool = False
    minibatch: str = "none"
    class_logits: int = 0
    conditioning: str = "concatenation"

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False, keys=None):
        weights, plain = weights_for(self.normalization), has_bias(self.normalization)
        if weights == FROM_DATA and self.is_initializing():
            keys = jax.random.split(self.make_rng("params"), len(inputs))  # layers start from what they see in training
        elif not train:
            keys = None
        check_features(condition)
        given = {name: condition if name == self.conditioning else None for name in CONDITIONINGS}
        hidden = flatten(inputs, given["concatenation"])
        *kernels, last = [INITIALIZERS[name](scale) for name, scale in self.initializers]
        scales = given["normalization"]
        normalize = normalizer(self.normalization, train=train, axis_name=self.axis_name, affine=scales is None)
        for i, (width, activation, kernel) in enumerate(zip(self.widths, self.activations, kernels, strict=True)):
            hidden = self._disturbed(keys, hidden, i)
            start = linen.initializers.constant(self.biases[i])
            dense = Dense(width, use_bias=plain, kernel_init=kernel, bias_init=start, weights=weights, fixed=True)
            hidden = ACTIVATIONS[activation](modulated(normalize(dense(hidden)), scales))
        seen = minibatch_layer(self.minibatch, hidden, self.axis_name)
        seen = self._disturbed(keys, seen, len(self.widths))
        bias = linen.initializers.zeros if self.means is None else self._data_bias
        dense = Dense(math.prod(self.output_shape), kernel_init=last, bias_init=bias, weights=weights)
        outputs = OUTPUTS[self.output](dense(seen)).reshape(-1, *self.output_shape)
        outputs = with_projection(outputs, given["projection"], seen, kernel_init=last, weights=weights)
        classes = class_head(self.class_logits, seen, kernel_init=last, weights=weights)
        return judged(outputs, hidden, self.features, classes)

    def _disturbed(self, keys, inputs, layer):
        kept = dropout(keys, inputs, self.keep[layer > 0], layer)
        return gaussian_noise(keys, kept, self.noise[layer > 0], layer)

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
    layer_scales: Sequence[float] = (),
    layer_biases: Sequence[float] = (),
    keep_input: float = 1.0,
    keep_hidden: float = 1.0,
    noise_input: float = 0.0,
    noise_hidden: float = 0.0,
    means: chex.Array | None = None,
    normalization: str = "none",
    axis_name: str | None = None,
    features: bool = False,
    minibatch: str = "none",
    class_logits: int = 0,
    conditioning: str = "concatenation",
) -> Network:
    """A multilayer perceptron of any widths.

    Args:
      output_shape: shape of one output: that of an example for a generator, () for a discriminator's logit.
      widths: units of each hidden layer; () for a linear model.
      activation: a name in `ACTIVATIONS` for all hidden layers, or one for each, separated by commas.
      output: "sigmoid" (outputs in [0, 1]), "tanh" ([−1, 1]) or "linear".
      initializer: a name in `INITIALIZERS` for all layers, or one for each and the last, separated by commas.
      initial_scale: its scale: half-width of "uniform", standard deviation of "normal", factor of the variance of
        the others.
      layer_scales: a scale for each layer, the last included, in place of `initial_scale`; () for that.
      layer_biases: where each hidden layer's biases start; () for 0.
      keep_input, keep_hidden: probability of keeping an input of the first layer, and of later layers, in training.
      noise_input, noise_hidden: deviation of the Gaussian noise in the first layer's inputs, and in those of later
        layers, the last included, in training; behind dropout.
      means: mean of each output over the data; the last bias starts where it gives them. None: at 0.
      normalization: "batch" (statistics over all devices' examples) or "layer", of hidden layers before their
        activation; "spectral", "weight" or "equalized", of all layers' weights; "weight_from_data",
        of all weights, with scales and biases that start from the examples that init sees, and hidden layers' scales
        that stay there (no layer_biases then, nor means); or "none".
      axis_name: name of the device axis, when the network runs in a step under pmap or shard_map.
      features: a discriminator returns its last layer's inputs too, in a `Judgement`, for feature matching.
      minibatch: a discriminator's layer before the last: "discrimination", "deviation" or "none".
      class_logits: outputs of a second last layer that a discriminator returns too, for `jaxgan.TERMS`; 0 for none.
      conditioning: how a condition is taken: "concatenation", or "normalization" in a generator, "projection" in a
        discriminator; see `jaxgan.networks.labels.CONDITIONINGS`.

    Returns:
      A `Network` on inputs [batch, ...], flattened.

    Raises:
      ValueError: if a name is unknown, or one for each layer is given and there are not as many.

    Source: Goodfellow et al. 2014, the authors' MNIST generator: widths (1200, 1200), relu, sigmoid, uniform .05.
    """
    check_normalization("mlp", normalization, generator=bool(output_shape), leave_out=("instance", "virtual"))
    check_minibatch(minibatch)
    check_conditioning("mlp", conditioning, generator=bool(output_shape))
    layers = len(widths) + 1
    scales = _for_each("layer_scales", list(layer_scales) or [initial_scale], layers, "scales", "layers")
    module = MLP(
        widths=tuple(widths),
        activations=_names("activation", activation, len(widths), "activations", "hidden layers"),
        output=output,
        output_shape=tuple(output_shape),
        initializers=tuple(
            zip(_names("initializer", initializer, layers, "initializers", "layers"), scales, strict=True)
        ),
        biases=_for_each("layer_biases", list(layer_biases) or [0.0], len(widths), "biases", "hidden layers"),
        keep=(keep_input, keep_hidden),
        noise=(noise_input, noise_hidden),
        means=means,
        normalization=normalization,
        axis_name=axis_name,
        features=features and not output_shape,
        minibatch="none" if output_shape else minibatch,
        class_logits=0 if output_shape else class_logits,
        conditioning=conditioning,
    )
    independent = normalization != "batch" and module.minibatch == "none"
    return from_linen(module, per_example=True, independent=independent)


def _names(field: str, text: str, layers: int, what: str, of: str) -> tuple[str, ...]:
    return _for_each(field, [name.strip() for name in text.split(",")], layers, what, of)


def _for_each(field: str, given: list, layers: int, what: str, of: str) -> tuple:
    """One value for every layer, of which there may be given one for all."""
    values = given * layers if len(given) == 1 else given
    if len(values) != layers:
        raise ValueError(f"{field} names {len(values)} {what} for {layers} {of}: {given}")
    return tuple(values)
