"""The precision of networks: float32, bfloat16, or float32 with bfloat16 matrix products."""

import functools
from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp

from jaxgan.products import ALGORITHM, cpu_gains
from jaxgan.tables import Table
from jaxgan.types import Network


def compute_in(network: Network, dtype: Any) -> Network:
    """A network that computes in `dtype`: parameters, inputs and condition are cast before it, outputs after it.

    Parameters, their gradients, the optimizer's state, batch statistics, losses and metrics are float32.

    Args:
      network: any network whose layers compute in the dtype of their parameters and inputs, as flax's do by default.
      dtype: a floating dtype, such as `jnp.bfloat16`; with float32 the result is `network`.

    Returns:
      A `Network` with float32 outputs.

    Raises:
      ValueError: `dtype` is not a floating dtype.

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


def bfloat16_products(network: Network) -> Network:
    """A network whose layers round the operands of their matrix products to bfloat16, and sum in float32.

    Everything else stays float32: activations between the layers, normalisation, parameters and their gradients. On a
    CPU some products stay float32 too: gradients of kernels, convolutions that are faster that way, and all products if
    the processor has no units for bfloat16 (AMX).

    Args:
      network: made of this package's layers. Your own layers are included if they use `jaxgan.products.product`; other
        products follow JAX's setting, `jax.default_matmul_precision("BF16_BF16_F32")`, which XLA ignores on a CPU.
        There are no forward-mode derivatives.

    Returns:
      A `Network` with the same parameters.

    Source: Kalamkar et al. 2019 (arXiv:1905.12322), who train this way, with activations in bfloat16 too.
    """

    def apply(*args, **options):
        with jax.default_matmul_precision(ALGORITHM):
            return network.apply(*args, **options)

    return network._replace(apply=apply)


PRECISIONS: dict[str, Callable[[Network], Network]] = Table("precision") | {
    "float32": functools.partial(compute_in, dtype=jnp.float32),
    "bfloat16": functools.partial(compute_in, dtype=jnp.bfloat16),
    "bfloat16_products": bfloat16_products,
}


def precision_in_words(name: str) -> str:
    """A run's initial description of its precision."""
    without = name == "bfloat16_products" and jax.default_backend() == "cpu" and not cpu_gains()
    why = ", here float32, since this processor has no units for bfloat16 (amx_bf16)"
    return f"{name}{why if without else ''}"


def _cast(tree: chex.ArrayTree, dtype: Any) -> chex.ArrayTree:
    return jax.tree.map(lambda x: x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree)
