"""Parts shared by several networks: activations, initialisers, a linear layer, noise, inputs and outputs."""

import functools
from collections.abc import Callable
from typing import Annotated, Any

import chex
import jax
import jax.numpy as jnp
from flax import linen

from jaxgan.fields import Field
from jaxgan.networks.normalization import FROM_DATA, WEIGHTS, weight_from_data
from jaxgan.products import product
from jaxgan.tables import Table
from jaxgan.types import Judgement

Keep = Annotated[float, Field(low=2**-16, high=1)]
"""Probability of keeping an input in training: dropout."""
Deviation = Annotated[float, Field(low=0)]
"""Standard deviation of Gaussian noise on a layer's inputs in training."""
Scale = Annotated[float, Field(low=0, open_low=True)]
"""Scale of an initialiser."""
Remat = Annotated[bool, Field(resume=True)]
"""Whether the gradient recomputes the layers' outputs instead of storing them; only rounding changes."""

ACTIVATIONS: dict[str, Callable[[chex.Array], chex.Array]] = Table("activation") | {
    "relu": jax.nn.relu,
    "leaky_relu": functools.partial(jax.nn.leaky_relu, negative_slope=0.2),
    "softplus": jax.nn.softplus,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
}

OUTPUTS: dict[str, Callable[[chex.Array], chex.Array]] = Table("output") | {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "linear": jax.nn.identity,
}

INITIALIZERS: dict[str, Callable[[float], Callable]] = Table("initializer") | {
    "uniform": lambda scale: lambda key, shape, dtype=jnp.float32: jax.random.uniform(key, shape, dtype, -scale, scale),
    "normal": linen.initializers.normal,
    "lecun_normal": functools.partial(
        linen.initializers.variance_scaling, mode="fan_in", distribution="truncated_normal"
    ),
    "he_normal": lambda scale: linen.initializers.variance_scaling(2 * scale, "fan_in", "truncated_normal"),
    "glorot_uniform": functools.partial(linen.initializers.variance_scaling, mode="fan_avg", distribution="uniform"),
    "sparse": lambda scale: sparse_normal(scale),
}

NOISE = 2**16
"""Offset of the layer number in the keys of Gaussian noise. Dropout uses the layer number without it."""


def sparse_normal(count: float) -> Callable:
    """Initialiser: N(0, 1) for `count` inputs of each unit, 0 for the rest. The paper's TFD output layer uses 100."""

    def init(key, shape, dtype=jnp.float32):
        values, order = jax.random.split(key)
        ranks = jax.random.uniform(order, shape).reshape(-1, shape[-1]).argsort(0).argsort(0).reshape(shape)
        return jnp.where(ranks < count, jax.random.normal(values, shape, dtype), 0)

    return init


def output_bias(output: str, means: chex.Array) -> chex.Array:
    """The bias for which an output layer with zero weights returns the data's means.

    Args:
      output: name in `OUTPUTS`: "sigmoid" gives the logit of the means, clipped by 1e-7 as in the paper's code; "tanh"
        the inverse tanh, clipped likewise; "linear" the means.
      means: mean of each output over the data, in the output's range.

    Returns:
      Float32 array with the shape of `means`.
    """
    means = jnp.asarray(means, jnp.float32)
    if output == "sigmoid":
        means = jnp.clip(means, 1e-7, 1 - 1e-7)
        return jnp.log(means) - jnp.log1p(-means)
    if output == "tanh":
        return jnp.arctanh(jnp.clip(means, -1 + 1e-7, 1 - 1e-7))
    return means


def data_bias(output: str, means: chex.Array | None) -> Callable:
    """Initialiser of an output layer's bias: `output_bias` of the means, or zeros for None."""
    if means is None:
        return linen.initializers.zeros
    return lambda key, shape, dtype=jnp.float32: output_bias(output, means).reshape(shape).astype(dtype)


def layer_kernel(module: Any, shape: tuple[int, ...]) -> chex.Array:
    """The kernel that a layer uses, according to its attributes `weights` and `kernel_init`."""
    if module.weights == "plain":
        return module.param("kernel", module.kernel_init, shape)
    return WEIGHTS[module.weights](module, module.kernel_init, shape)


class Dense(linen.Module):
    """`flax.linen.Dense` with the same parameters, optional weight normalisation, and `products.product`.

    Attributes:
      weights: "plain", a name in `WEIGHTS`, or `FROM_DATA`.
      fixed: whether the scales of `FROM_DATA` are not learned.
    """

    features: int
    use_bias: bool = True
    kernel_init: Callable[..., Any] = linen.initializers.lecun_normal()
    bias_init: Callable[..., Any] = linen.initializers.zeros
    weights: str = "plain"
    fixed: bool = False

    @linen.compact
    def __call__(self, inputs):
        if self.weights == FROM_DATA:
            kernel, bias = weight_from_data(self, self.kernel_init, inputs, self.features, fixed=self.fixed)
            return product(inputs, kernel) + (bias[None] if self.use_bias else 0.0)
        outputs = product(inputs, layer_kernel(self, (inputs.shape[-1], self.features)))
        if not self.use_bias:
            return outputs
        bias = self.param("bias", self.bias_init, (self.features,), jnp.float32)
        return outputs + bias.reshape(*(1,) * (outputs.ndim - 1), -1)


def check_features(condition: chex.Array | None) -> None:
    """Raises ValueError for integer labels, which a network that expects features would read as numbers."""
    if condition is not None and condition.ndim == 1 and jnp.issubdtype(condition.dtype, jnp.integer):
        raise ValueError(
            "this network takes a condition's features, and integers [batch] are labels; wrap it in "
            "jaxgan.wrappers.conditions.one_hot(network, classes)"
        )


def flatten(inputs: chex.Array, condition: chex.Array | None) -> chex.Array:
    """[batch, ...] to [batch, features], with the condition's features appended."""
    check_features(condition)
    parts = [inputs] if condition is None else [inputs, condition]
    return jnp.concatenate([part.reshape(part.shape[0], -1) for part in parts], axis=-1)


def dropout(keys: chex.PRNGKey | None, inputs: chex.Array, keep: float, layer: int) -> chex.Array:
    """Keeps each input with probability `keep`, and divides it by `keep`. An example's mask depends only on its key.

    Args:
      keys: [batch] keys, one per example; None turns dropout off.
      inputs: [batch, features].
      keep: probability in [2⁻¹⁶, 1], exact to 2⁻¹⁷.
      layer: number of the layer; different layers draw different masks.

    Source: Srivastava et al. 2014, JMLR 15; the paper's code keeps .8 of the pixels and .5 of the hidden units.
    """
    threshold = round(keep * 2**16)
    if keys is None or threshold >= 2**16:
        return inputs
    features = inputs.shape[-1]

    def bits(key):
        # Drawing 16 random bits per unit takes half as much work as 32 bits.
        words = jax.random.bits(jax.random.fold_in(key, layer), ((features + 1) // 2,), jnp.uint32)
        return jax.lax.bitcast_convert_type(words, jnp.uint16).reshape(-1)[:features]

    return jnp.where(jax.vmap(bits)(keys) < threshold, inputs / keep, 0.0)


def gaussian_noise(keys: chex.PRNGKey | None, inputs: chex.Array, deviation: float, layer: int) -> chex.Array:
    """x + σ·ε with ε ~ N(0, I): noise with deviation σ on a layer's inputs. Arguments as for `dropout`.

    Source: Salimans et al. 2016 (arXiv:1606.03498), section 6, between the discriminator's layers.
    """
    if keys is None or deviation == 0:
        return inputs
    draw = functools.partial(jax.random.normal, shape=inputs.shape[1:])
    noise = jax.vmap(lambda key: draw(jax.random.fold_in(key, NOISE + layer)))(keys)
    return inputs + (deviation * noise).astype(inputs.dtype)


def class_head(count: int, inputs: chex.Array, **options: Any) -> chex.Array | None:
    """A second output layer of a discriminator, [batch, count]; None if count is 0. Call it inside a compact method."""
    return Dense(count, name="class_logits", **options)(inputs) if count else None


def judged(
    logits: chex.Array, hidden: chex.Array, features: bool, class_logits: chex.Array | None = None
) -> chex.Array | Judgement:
    """A discriminator's output: plain logits, or a `Judgement` with the last layer's inputs or class logits too."""
    if not features and class_logits is None:
        return logits
    return Judgement(logits, hidden.reshape(hidden.shape[0], -1) if features else None, class_logits)


def rematerialized(remat: bool, layer: Callable) -> Callable:
    """Wraps a layer `(module, hidden) -> hidden`: with `remat`, only its input is stored for the gradient, and the
    layer is recomputed in the backward pass. Parameter names, and values up to rounding, do not change."""
    return linen.remat(layer) if remat else layer
