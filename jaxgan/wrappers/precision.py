"""Computation in another type than that of the parameters: bfloat16, for the matrix units of GPUs and TPUs."""

from typing import Any

import chex
import jax
import jax.numpy as jnp

from jaxgan.types import Network

PRECISIONS: dict[str, jnp.dtype] = {"float32": jnp.dtype("float32"), "bfloat16": jnp.dtype("bfloat16")}


def compute_in(network: Network, dtype: Any) -> Network:
    """A network that computes in `dtype`: parameters, inputs and condition are cast before it, outputs after it.

    Parameters, their gradients, the optimizer's state, batch statistics, losses and metrics are float32.

    Args:
      network: any network whose layers compute in the type of their parameters and inputs, as flax's do by default.
      dtype: a floating type, such as `jnp.bfloat16`; with float32 the result is `network`.

    Returns:
      A `Network` of float32 outputs.

    Raises:
      ValueError: `dtype` is not a floating type.

    Source: Micikevicius et al. 2018 (arXiv:1710.03740), a float32 copy of the weights; bfloat16 has float32's range, so
    the loss needs no scale (Kalamkar et al. 2019, arXiv:1905.12322).
    """
    dtype = jnp.dtype(dtype)
    if not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(f"a network cannot compute in {dtype}; choose a floating type such as bfloat16")
    if dtype == jnp.float32:
        return network

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        given = {**variables, "params": _cast(variables["params"], dtype)}
        outputs, model_state = network.apply(
            given, _cast(inputs, dtype), condition=_cast(condition, dtype), key=key, train=train
        )  # fmt: skip
        return _cast(outputs, jnp.float32), _cast(model_state, jnp.float32)

    return network._replace(apply=apply)


def _cast(tree: chex.ArrayTree, dtype: Any) -> chex.ArrayTree:
    return jax.tree.map(lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree)
