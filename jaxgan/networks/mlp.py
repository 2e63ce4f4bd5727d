"""Multilayer perceptrons, for either player."""

import functools
import math
from collections.abc import Callable
from typing import Annotated, Any

import chex
import jax
from flax import linen

from jaxgan.adapters import from_linen
from jaxgan.fields import Size, Widths, check_choice
from jaxgan.networks import layers
from jaxgan.networks.conditioning import CONDITIONINGS, PLAYER_CONDITIONINGS, projection
from jaxgan.networks.minibatch import MINIBATCHES, minibatch_layer
from jaxgan.networks.normalization import (
    FROM_DATA,
    NORMALIZATIONS,
    check_normalization,
    has_bias,
    normalizer,
    weights_for,
)
from jaxgan.products import ALGORITHM
from jaxgan.types import Network


class MLP(linen.Module):
    """A multilayer perceptron on flattened inputs [batch, ...]: hidden layers with an activation, and an output layer.

    Attributes:
      widths: units of each hidden layer; () for a linear model.
      activation: name in `ACTIVATIONS` for all hidden layers, or one per hidden layer (also as text: "relu,sigmoid").
      initializer: name in `INITIALIZERS` for all layers, or one per layer, including the last.
      layer_scales: one scale per layer, including the last, instead of `initial_scale`; () to use that.
      layer_biases: initial bias of each hidden layer; () for 0.
      keep_input, keep_hidden: probability of keeping an input of the first layer, and of later layers, in training.
      noise_input, noise_hidden: standard deviation of Gaussian noise, in training, on the inputs of the first layer,
        and of later layers including the last; added after dropout.
      normalization: "batch" (statistics over all devices' examples) or "layer" normalise hidden layers before their
        activation; "spectral", "weight" or "equalized" normalise all layers' weights; "weight_from_data" normalises all
        weights, initialises scales and biases from the examples passed to init, and does not learn the scales of hidden
        layers (then set neither layer_biases nor means); or "none".
      output_shape, output, initial_scale, means, axis_name, features, minibatch, class_logits, conditioning: see
        `jaxgan.networks`.

    Source: Goodfellow et al. 2014; the authors' MNIST generator has widths (1200, 1200), relu, sigmoid, uniform .05.
    """

    output_shape: tuple[int, ...]
    widths: Widths
    activation: Annotated[str | tuple[str, ...], layers.ACTIVATIONS.keys()] = "relu"
    output: Annotated[str, layers.OUTPUTS.keys()] = "linear"
    initializer: Annotated[str | tuple[str, ...], layers.INITIALIZERS.keys()] = "lecun_normal"
    initial_scale: layers.Scale = 1.0
    layer_scales: tuple[float, ...] = ()
    layer_biases: tuple[float, ...] = ()
    keep_input: layers.Keep = 1.0
    keep_hidden: layers.Keep = 1.0
    noise_input: layers.Deviation = 0.0
    noise_hidden: layers.Deviation = 0.0
    means: chex.Array | None = None
    normalization: Annotated[str, NORMALIZATIONS] = "none"
    axis_name: str | None = None
    features: bool = False
    minibatch: Annotated[str, MINIBATCHES] = "none"
    class_logits: Size = 0
    conditioning: Annotated[str, CONDITIONINGS] = "concatenation"

    @linen.nowrap
    def as_network(self) -> Network:
        """Checks the attributes and wraps the module."""
        self._layers()
        player = "generator" if self.output_shape else "discriminator"
        if self.normalization != "none":
            check_normalization("mlp", player, self.normalization, ("instance", "virtual"))
        check_choice(f"mlp {player}", "minibatch", self.minibatch, MINIBATCHES)
        check_choice(f"mlp {player}", "conditioning", self.conditioning, PLAYER_CONDITIONINGS[player])
        mixes_batch = self.normalization == "batch" or (self.minibatch != "none" and not self.output_shape)
        return from_linen(self, per_example=True, independent=not mixes_batch)

    @linen.nowrap
    def _layers(self) -> tuple[tuple, tuple, tuple]:
        """The activation and the initial bias of each hidden layer, and the kernel initialiser of each layer."""
        hidden = len(self.widths)
        activations = _per_layer("activation", self.activation, hidden, "activations", "hidden layers")
        biases = _per_layer("layer_biases", self.layer_biases or (0.0,), hidden, "biases", "hidden layers")
        names = _per_layer("initializer", self.initializer, hidden + 1, "initializers", "layers")
        scales = self.layer_scales or (self.initial_scale,)
        scales = _per_layer("layer_scales", scales, hidden + 1, "scales", "layers")
        kernels = tuple(layers.INITIALIZERS[name](scale) for name, scale in zip(names, scales, strict=True))
        return tuple(layers.ACTIVATIONS[name] for name in activations), biases, kernels

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False, keys=None):
        weights, own_bias = "plain", True
        if self.normalization != "none":
            weights, own_bias = weights_for(self.normalization), has_bias(self.normalization)
        if weights == FROM_DATA and self.is_initializing():
            keys = jax.random.split(self.make_rng("params"), len(inputs))  # noisy inputs, as in training
        elif not train:
            keys = None
        if condition is not None:
            layers.check_features(condition)
        joined, scales, projected = (condition if self.conditioning == name else None for name in CONDITIONINGS)
        # Hidden layers.
        hidden = inputs.reshape(inputs.shape[0], -1) if joined is None else layers.flatten(inputs, joined)
        activations, biases, (*kernels, last) = self._layers()
        # flax's own layers, unless weights are normalised or products rounded.
        hidden_layer: Callable[..., Any] = linen.Dense
        last_layer: Callable[..., Any] = linen.Dense
        rounded = jax.config.jax_default_matmul_precision == ALGORITHM  # type: ignore[attr-defined]
        if weights != "plain" or rounded:
            last_layer = functools.partial(layers.Dense, weights=weights)
            hidden_layer = functools.partial(last_layer, fixed=True)
        normalize = None
        if self.normalization != "none" or scales is not None:
            normalize = normalizer(self.normalization, train=train, axis_name=self.axis_name, condition=scales)
        for i, width in enumerate(self.widths):
            hidden = self._disturbed(keys, hidden, i)
            options = {"kernel_init": kernels[i], "bias_init": linen.initializers.constant(biases[i])}
            hidden = hidden_layer(width, use_bias=own_bias, **options)(hidden)
            hidden = activations[i](hidden if normalize is None else normalize(hidden))
        # The last layer, and the discriminator's additions to it.
        discriminator = not self.output_shape
        mixes_batch = discriminator and self.minibatch != "none"
        seen = minibatch_layer(self.minibatch, hidden, self.axis_name) if mixes_batch else hidden
        seen = self._disturbed(keys, seen, len(self.widths))
        bias = linen.initializers.zeros if self.means is None else layers.data_bias(self.output, self.means)
        outputs = last_layer(math.prod(self.output_shape), kernel_init=last, bias_init=bias)(seen)
        outputs = layers.OUTPUTS[self.output](outputs).reshape(-1, *self.output_shape)
        if not discriminator:
            return outputs
        if projected is not None:
            outputs = outputs + projection(projected, seen, kernel_init=last, weights=weights)
        if not self.class_logits and not self.features:
            return outputs
        classes = layers.class_head(self.class_logits, seen, kernel_init=last, weights=weights)
        return layers.judged(outputs, hidden, self.features, classes)

    def _disturbed(self, keys, inputs, layer):
        keep, noise = (self.keep_hidden, self.noise_hidden) if layer else (self.keep_input, self.noise_input)
        if keys is None or (keep == 1 and noise == 0):
            return inputs
        return layers.gaussian_noise(keys, layers.dropout(keys, inputs, keep, layer), noise, layer)


def _per_layer(field: str, given: str | tuple, count: int, what: str, of: str) -> tuple:
    """One value per layer, given one for all, one per layer, or names separated by commas."""
    values = tuple(name.strip() for name in given.split(",")) if isinstance(given, str) else given
    values = values * count if len(values) == 1 else values
    if len(values) != count:
        raise ValueError(f"{field} names {len(values)} {what} for {count} {of}: {list(values)}")
    return values
