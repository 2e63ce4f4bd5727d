"""Reparametrised weights by name: a layer computes with a function of its parameter "kernel".

An entry of `WEIGHTS` is `(module, init, shape) -> kernel` and is called inside the module's own compact call.
"""

import math
from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp
from flax import linen

SPECTRAL = "spectral"
"""Collection of the model state that holds the vectors u."""

TINY = 1e-30
"""A weight whose entries are all smaller counts as zero, because its inverse would overflow float32."""

FROM_DATA = "weight_from_data"
"""Name of `weight_from_data`, which is not in `WEIGHTS` because it also reads the layer's inputs."""


def plain(module: linen.Module, init: Callable, shape: tuple[int, ...]) -> chex.Array:
    """The parameter itself."""
    return module.param("kernel", init, shape)


def weight_norm(module: linen.Module, init: Callable, shape: tuple[int, ...]) -> chex.Array:
    """w = g v / ‖v‖ for every feature; g starts at ‖v‖, so w starts at the value of the plain weight.

    Args:
      module: owner of the parameters "kernel" (v) and "scale" (g).
      init: initialiser of v.
      shape: of v, features last.

    Returns:
      w, of that shape.

    Source: Salimans and Kingma 2016 (arXiv:1602.07868), equation 2; without its initialisation from data.
    """
    kernel = module.param("kernel", init, shape)
    vectors = kernel.astype(jnp.float32)
    squares = jnp.square(vectors).sum(tuple(range(len(shape) - 1)), keepdims=True)
    lengths = jnp.sqrt(jnp.where(squares > 0, squares, 1.0))
    scale = module.param("scale", lambda key: lengths.reshape(-1))
    return (vectors / lengths * scale.reshape(lengths.shape)).astype(kernel.dtype)


def weight_from_data(
    module: linen.Module, init: Callable, inputs: chex.Array, features: int, *, fixed: bool
) -> tuple[chex.Array, chex.Array]:
    """w = g v / ‖v‖ and a bias b; g and b start where wᵀx + b has mean 0 and variance 1 over the first inputs.

    Args:
      module: owner of the parameters "kernel" (v), "scale" (g) and "bias" (b).
      init: initialiser of v.
      inputs: x, [batch, n]; during initialisation, the inputs from which g and b start. For a feature that does not
        vary in them (for example zeros, or one example), g starts at 1 and b at 0.
      features: of the layer.
      fixed: the gradient of g is zero. It stays a parameter, so weight decay would still move it.

    Returns:
      w [n, features] and b [features].

    Source: Salimans and Kingma 2016 (arXiv:1602.07868), section 3. The code of Salimans et al. 2016
    (arXiv:1606.03498) fixes the scales of hidden layers, so that they cannot outgrow noise of deviation 1.
    """
    kernel = module.param("kernel", init, (inputs.shape[-1], features))
    vectors = kernel.astype(jnp.float32)
    squares = jnp.square(vectors).sum(0, keepdims=True)
    directions = vectors / jnp.sqrt(jnp.where(squares > 0, squares, 1.0))
    first = inputs @ directions if module.is_initializing() else jnp.zeros((1, features))
    mean, deviation = first.mean(0), first.std(0)
    varies = deviation > 1e-6
    inverse = jnp.where(varies, 1 / jnp.where(varies, deviation, 1.0), 1.0)
    scale = module.param("scale", lambda key: inverse)
    bias = module.param("bias", lambda key: jnp.where(varies, -mean * inverse, 0.0))
    weights = directions * (jax.lax.stop_gradient(scale) if fixed else scale)[None]
    return weights.astype(kernel.dtype), bias


def equalized(module: linen.Module, init: Callable, shape: tuple[int, ...]) -> chex.Array:
    """√(2 / n) w with w ~ N(0, 1) and n inputs per feature, so that all weights learn at one rate under Adam.

    Args:
      module: owner of the parameter "kernel", w.
      init: unused.
      shape: of the kernel, features last.

    Returns:
      The kernel to compute with.

    Source: Karras et al. 2018 (arXiv:1710.10196), section 4.1.
    """
    kernel = module.param("kernel", linen.initializers.normal(1.0), shape)
    return kernel * math.sqrt(2 / math.prod(shape[:-1]))


def spectral(module: linen.Module, init: Callable, shape: tuple[int, ...]) -> chex.Array:
    """A spectrally normalised kernel. Its u advances on every call in training and is constant otherwise.

    Args:
      module: owner of the parameter "kernel" and the variable "u".
      init: initialiser of the kernel.
      shape: of the kernel, features last.

    Returns:
      The kernel to compute with.
    """
    kernel = module.param("kernel", init, shape)
    state = module.variable(SPECTRAL, "u", lambda: _first_vector(module.make_rng("params"), shape[-1]))
    normalized, u = spectrally_normalized(kernel, state.value)
    if module.is_mutable_collection(SPECTRAL) and not module.is_initializing():
        state.value = u
    return normalized


def spectrally_normalized(kernel: chex.Array, u: chex.Array) -> tuple[chex.Array, chex.Array]:
    """W / σ(W) after one power iteration: v ← Wᵀu / ‖Wᵀu‖, u ← Wv / ‖Wv‖, σ = uᵀWv, with u and v constants.

    The true σ is never below the largest entry of W. An estimate below half of that entry is replaced by the entry.
    So no weight, however small, gives an infinite output or gradient, and a zero weight stays finite and can learn.

    Args:
      kernel: [..., features], W with features as its rows.
      u: [features], of length 1, from the previous call.

    Returns:
      The kernel divided by σ, in its own dtype, and the new u.

    Source: Miyato et al. 2018 (arXiv:1802.05957), Algorithm 1.
    """
    matrix = kernel.reshape(-1, kernel.shape[-1]).astype(jnp.float32)
    largest = jax.lax.stop_gradient(jnp.abs(matrix).max())
    scaled = matrix / jnp.where(largest > TINY, largest, 1.0)  # squares of small entries would underflow
    fixed = jax.lax.stop_gradient(scaled)
    # Sums of products instead of matrix products, which a GPU or TPU may compute with fewer bits.
    v = _unit((fixed * u[None]).sum(1), jnp.zeros(len(fixed)))
    u = _unit((fixed * v[:, None]).sum(0), u)
    sigma = ((scaled * v[:, None]).sum(0) * u).sum()
    normalized = scaled / jnp.where(sigma >= 0.5, sigma, 1.0)
    return normalized.reshape(kernel.shape).astype(kernel.dtype), u


def _first_vector(key, features: int):
    return _unit(jax.random.normal(key, (features,)), jnp.ones(features))


def _unit(vector, otherwise):
    length = jnp.sqrt(jnp.square(vector).sum())
    return jnp.where(length > 0, vector / jnp.where(length > 0, length, 1.0), otherwise)


WEIGHTS: dict[str, Callable[..., chex.Array]] = {
    "plain": plain,
    "spectral": spectral,
    "weight": weight_norm,
    "equalized": equalized,
}
