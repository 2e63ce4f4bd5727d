"""Layers that show a discriminator how the examples of a batch differ. Real and fake examples are separate batches."""

import math

import chex
import jax
import jax.numpy as jnp
from flax import linen

MINIBATCHES = ("none", "discrimination", "deviation")
"""Names for `minibatch_layer`; "none" for no such layer."""


class MinibatchDiscrimination(linen.Module):
    """o_b(x_i) = Σ_{j≠i} exp(−‖M_ib − M_jb‖₁) with M_i = f(x_i) T ∈ R^{B×C}, appended to f(x_i).

    Attributes:
      kernels: B, the number of new features.
      dims: C, the dimension of the space in which each distance is measured.
      axis_name: device axis over whose examples j runs; None for the device's own examples.

    Source: Salimans et al. 2016 (arXiv:1606.03498), section 3.2; B = 100 and C = 5 as in its code.
    """

    kernels: int = 100
    dims: int = 5
    axis_name: str | None = None

    @linen.compact
    def __call__(self, features):
        """Maps [batch, A] to [batch, A + B]."""
        init = linen.initializers.lecun_normal()
        kernel = self.param("kernel", init, (features.shape[-1], self.kernels * self.dims))
        own = (features @ kernel).reshape(-1, self.kernels, self.dims).astype(jnp.float32)
        every = _gathered(own, self.axis_name)
        distances = jnp.abs(own[:, None] - every[None]).sum(-1)
        closeness = jnp.exp(-distances).sum(1) - 1  # minus exp(0), the closeness of an example to itself
        return jnp.concatenate([features, closeness.astype(features.dtype)], axis=-1)


class MinibatchDeviation(linen.Module):
    """The standard deviation within a group of examples, averaged over features and pixels, as a further channel.

    Attributes:
      group: examples per group, taken at intervals of batch / group. A batch that `group` does not divide is one group.
      axis_name: device axis over which the batch extends; None for the device's own examples.

    Source: Karras et al. 2018 (arXiv:1710.10196), section 3; groups of 4 as in their code.
    """

    group: int = 4
    axis_name: str | None = None

    @linen.compact
    def __call__(self, hidden):
        """Maps [batch, ..., channels] to [batch, ..., channels + 1]."""
        batch, every = hidden.shape[0], _gathered(hidden, self.axis_name)
        count = every.shape[0]
        size = self.group if count % self.group == 0 else count
        groups = every.reshape(size, count // size, -1).astype(jnp.float32)
        deviation = jnp.sqrt(jnp.square(groups - groups.mean(0, keepdims=True)).mean(0) + 1e-8).mean(-1)
        deviations = jnp.tile(deviation, size)
        if self.axis_name is not None:
            first = jax.lax.axis_index(self.axis_name) * batch
            deviations = jax.lax.dynamic_slice_in_dim(deviations, first, batch)
        shape = (*hidden.shape[:-1], 1)
        channel = jnp.broadcast_to(deviations.reshape(-1, *(1,) * (len(shape) - 1)), shape)
        return jnp.concatenate([hidden, channel.astype(hidden.dtype)], axis=-1)


def minibatch_layer(name: str, hidden: chex.Array, axis_name: str | None) -> chex.Array:
    """Hidden units [batch, ..., channels] with the named layer's appended. Call it inside a module's compact method.

    Returns:
      [batch, ..., channels + 1] for "deviation", [batch, features + 100] for "discrimination".
    """
    if name == "deviation":
        return MinibatchDeviation(axis_name=axis_name)(hidden)
    flat = hidden.reshape(hidden.shape[0], math.prod(hidden.shape[1:]))
    return MinibatchDiscrimination(axis_name=axis_name)(flat)


def _gathered(rows, axis_name: str | None):
    return rows if axis_name is None else jax.lax.all_gather(rows, axis_name, tiled=True)
