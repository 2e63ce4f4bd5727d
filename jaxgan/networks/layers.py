"""Parts that several networks share: activations, initialisers, dropout."""

import functools
from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp
from flax import linen

from jaxgan.networks.labels import check_features
from jaxgan.types import Judgement

ACTIVATIONS: dict[str, Callable[[chex.Array], chex.Array]] = {
    "relu": jax.nn.relu,
    "leaky_relu": lambda x: jax.nn.leaky_relu(x, 0.2),
    "softplus": jax.nn.softplus,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
}

OUTPUTS: dict[str, Callable[[chex.Array], chex.Array]] = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "linear": lambda x: x,
}

INITIALIZERS: dict[str, Callable[[float], Callable]] = {
    "uniform": lambda scale: symmetric_uniform(scale),
    "normal": lambda scale: linen.initializers.normal(scale),
    "lecun_normal": lambda scale: linen.initializers.variance_scaling(scale, "fan_in", "truncated_normal"),
    "he_normal": lambda scale: linen.initializers.variance_scaling(2 * scale, "fan_in", "truncated_normal"),
    "glorot_uniform": lambda scale: linen.initializers.variance_scaling(scale, "fan_avg", "uniform"),
    "sparse": lambda scale: sparse_normal(scale),
}


NOISE = 2**16
"""Added to a layer's number in the keys of its noise, which dropout has without."""


def symmetric_uniform(scale: float) -> Callable:
    """Initialiser U(−scale, scale); the paper's generator has .05 and its discriminator .005."""
    return lambda key, shape, dtype=jnp.float32: jax.random.uniform(key, shape, dtype, -scale, scale)


def sparse_normal(count: float) -> Callable:
    """Initialiser N(0, 1) of `count` of a unit's inputs, and 0 of the others; the paper's TFD output has 100."""

    def init(key, shape, dtype=jnp.float32):
        values, order = jax.random.split(key)
        ranks = jax.random.uniform(order, shape).reshape(-1, shape[-1]).argsort(0).argsort(0).reshape(shape)
        return jnp.where(ranks < count, jax.random.normal(values, shape, dtype), 0)

    return init


def output_bias(output: str, means: chex.Array) -> chex.Array:
    """The bias at which an output layer of zero weights gives the data's means.

    Args:
      output: name of the output function: "sigmoid" (the logit of the means, clipped by 1e-7 as in the paper's code),
        "tanh" (the inverse of tanh, clipped alike) or "linear" (the means).
      means: mean of each output over the data, in the output's range.

    Returns:
      Float32 array like `means`.
    """
    means = jnp.asarray(means, jnp.float32)
    if output == "sigmoid":
        means = jnp.clip(means, 1e-7, 1 - 1e-7)
        return jnp.log(means) - jnp.log1p(-means)
    if output == "tanh":
        return jnp.arctanh(jnp.clip(means, -1 + 1e-7, 1 - 1e-7))
    return means


def dropout(keys: chex.PRNGKey | None, inputs: chex.Array, keep: float, layer: int) -> chex.Array:
    """Keeps each input with probability `keep` and divides it by `keep`; an example's mask depends on its key only.

    Args:
      keys: [batch] keys, one per example, or None for no dropout.
      inputs: [batch, features].
      keep: probability in [2⁻¹⁶, 1], met to 2⁻¹⁷.
      layer: number of the layer, so that layers draw apart.

    Returns:
      [batch, features].

    Source: Srivastava et al. 2014, JMLR 15; the paper's code keeps .8 of the pixels and .5 of hidden units.
    """
    threshold = round(keep * 2**16)
    if keys is None or threshold >= 2**16:
        return inputs
    features = inputs.shape[-1]

    def bits(key):
        # 16 random bits decide on a unit: half the work of a 32-bit draw for each.
        words = jax.random.bits(jax.random.fold_in(key, layer), ((features + 1) // 2,), jnp.uint32)
        return jax.lax.bitcast_convert_type(words, jnp.uint16).reshape(-1)[:features]

    return jnp.where(jax.vmap(bits)(keys) < threshold, inputs / keep, 0.0)


def gaussian_noise(keys: chex.PRNGKey | None, inputs: chex.Array, deviation: float, layer: int) -> chex.Array:
    """x + σ·ε, ε ~ N(0, I): noise in a layer's inputs; an example's depends on its key only.

    Args:
      keys: [batch] keys, one per example, or None for no noise.
      inputs: [batch, features].
      deviation: σ ≥ 0; 0 for none.
      layer: number of the layer, so that layers draw apart.

    Returns:
      [batch, features].

    Source: Salimans et al. 2016 (arXiv:1606.03498), section 6, between the discriminator's layers.
    """
    if keys is None or deviation == 0:
        return inputs
    draw = functools.partial(jax.random.normal, shape=inputs.shape[1:])
    noise = jax.vmap(lambda key: draw(jax.random.fold_in(key, NOISE + layer)))(keys)
    return inputs + (deviation * noise).astype(inputs.dtype)


def flatten(inputs: chex.Array, condition: chex.Array | None) -> chex.Array:
    """[batch, ...] to [batch, features], with the condition's features behind the input's."""
    check_features(condition)
    parts = [inputs] if condition is None else [inputs, condition]
    return jnp.concatenate([part.reshape(part.shape[0], -1) for part in parts], axis=-1)


def judged(
    logits: chex.Array, hidden: chex.Array, features: bool, class_logits: chex.Array | None = None
) -> chex.Array | Judgement:
    """A discriminator's logits, and with `features` the last layer's inputs beside them, [batch, features], and the
    class logits where there are any."""
    if not features and class_logits is None:
        return logits
    return Judgement(logits, hidden.reshape(len(hidden), -1) if features else None, class_logits)


def rematerialized(remat: bool, layer: Callable) -> Callable:
    """A layer `(module, hidden) -> hidden` of a linen module, of which with `remat` only the input is kept for the
    gradient; what is between is computed again. Names of parameters, and values up to rounding, are the same."""
    return linen.remat(layer) if remat else layer
