"""Spectral normalisation: a weight divided by its largest singular value, by power iteration."""

import chex
import jax
import jax.numpy as jnp
from flax import linen

COLLECTION = "spectral"
"""Of the model state: the vectors u."""

TINY = 1e-30
"""A weight whose entries are all below is taken for zero: its inverse would be too large for float32."""


def spectrally_normalized(kernel: chex.Array, u: chex.Array) -> tuple[chex.Array, chex.Array]:
    """W / σ(W) after one power iteration: v ← Wᵀu / ‖Wᵀu‖, u ← Wv / ‖Wv‖, σ = uᵀWv, with u and v constants.

    An estimate below half of W's largest entry, which σ never falls below, is not believed: that entry stands for it.
    So no weight, however small, gives an infinite output or gradient, and a zero weight stays zero and can leave it.

    Args:
      kernel: [..., features], W with features as its rows.
      u: [features], of length 1, from the call before.

    Returns:
      The kernel divided by σ, in its own type, and the new u.

    Source: Miyato et al. 2018 (arXiv:1802.05957), Algorithm 1.
    """
    matrix = kernel.reshape(-1, kernel.shape[-1]).astype(jnp.float32)
    largest = jax.lax.stop_gradient(jnp.abs(matrix).max())
    scaled = matrix / jnp.where(largest > TINY, largest, 1.0)  # squares of small entries would be zero
    fixed = jax.lax.stop_gradient(scaled)
    # Sums of products and no matrix product, which a GPU or TPU may round to fewer bits.
    v = _unit((fixed * u[None]).sum(1), jnp.zeros(len(fixed)))
    u = _unit((fixed * v[:, None]).sum(0), u)
    sigma = ((scaled * v[:, None]).sum(0) * u).sum()
    normalized = scaled / jnp.where(sigma >= 0.5, sigma, 1.0)
    return normalized.reshape(kernel.shape).astype(kernel.dtype), u


def spectral(module: linen.Module, init, shape: tuple[int, ...]) -> chex.Array:
    """A module's kernel, spectrally normalised; its u moves with every call in training and is used as it is else.

    Args:
      module: whose parameter "kernel" and variable "u" these are.
      init: the kernel's initialiser.
      shape: the kernel's, features last.

    Returns:
      The kernel to compute with.
    """
    kernel = module.param("kernel", init, shape)
    state = module.variable(COLLECTION, "u", lambda: _first(module.make_rng("params"), shape[-1]))
    normalized, u = spectrally_normalized(kernel, state.value)
    if module.is_mutable_collection(COLLECTION) and not module.is_initializing():
        state.value = u
    return normalized


def _first(key, features: int):
    return _unit(jax.random.normal(key, (features,)), jnp.ones(features))


def _unit(vector, otherwise):
    length = jnp.sqrt(jnp.square(vector).sum())
    return jnp.where(length > 0, vector / jnp.where(length > 0, length, 1.0), otherwise)
