"""What a layer computes with in place of its weight: itself, or a function of it."""

import math
from collections.abc import Callable

import chex
import jax
import jax.numpy as jnp
from flax import linen

from jaxgan.networks.spectral_norm import spectral


def plain(module: linen.Module, init: Callable, shape: tuple[int, ...]) -> chex.Array:
    """The weight itself."""
    return module.param("kernel", init, shape)


def weight_norm(module: linen.Module, init: Callable, shape: tuple[int, ...]) -> chex.Array:
    """w = g v / ‖v‖ for every feature; g starts at ‖v‖, so that w starts where the plain weight would.

    Args:
      module: whose parameters "kernel" (v) and "scale" (g) these are.
      init: v's initialiser.
      shape: v's, features last.

    Returns:
      w, of that shape.

    Source: Salimans and Kingma 2016 (arXiv:1602.07868), equation 2; without its start from data.
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
    """w = g v / ‖v‖ and a bias b, of which g and b start where wᵀx + b has mean 0 and variance 1 over the first inputs.

    Args:
      module: whose parameters "kernel" (v), "scale" (g) and "bias" (b) these are.
      init: v's initialiser.
      inputs: x, [batch, n]; where they are initialised, those from which g and b start. Where a feature does not vary
        in them (zeros, say, or one example), g starts at 1 and b at 0.
      features: of the layer.
      fixed: g is not learned. (It is a parameter nonetheless, that a weight decay would move.)

    Returns:
      w [n, features] and b [features].

    Source: Salimans and Kingma 2016 (arXiv:1602.07868), section 3; in the code of Salimans et al. 2016
    (arXiv:1606.03498) the scales of hidden layers are fixed, so that noise of one deviation is not outgrown.
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
    """√(2 / n) w with w ~ N(0, 1) and n inputs to a feature, so that all weights learn at one rate under Adam.

    Args:
      module: whose parameter "kernel", w, this is.
      init: not used.
      shape: the kernel's, features last.

    Returns:
      The kernel to compute with.

    Source: Karras et al. 2018 (arXiv:1710.10196), section 4.1.
    """
    kernel = module.param("kernel", linen.initializers.normal(1.0), shape)
    return kernel * math.sqrt(2 / math.prod(shape[:-1]))


WEIGHTS: dict[str, Callable[..., chex.Array]] = {
    "plain": plain,
    "spectral": spectral,
    "weight": weight_norm,
    "equalized": equalized,
}
"""`(module, init, shape) -> kernel`, called in the module's own call."""

FROM_DATA = "weight_from_data"
"""The name of `weight_from_data`, which sees a layer's inputs, too."""
