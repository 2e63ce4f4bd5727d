"""What a layer computes with in place of its weight: itself, or a function of it."""

import math
from collections.abc import Callable

import chex
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
