"""Matrix products of layers: in float32, or with operands rounded to bfloat16 and sums in float32."""

import functools
import pathlib

import chex
import jax
import jax.numpy as jnp

ALGORITHM = "BF16_BF16_F32"
"""JAX's name for bfloat16 products with float32 sums, for `jax.default_matmul_precision` and `jax.lax`."""


def rounds(*operands: chex.Array) -> bool:
    """Whether products of these operands should use bfloat16: for float32 operands, under `ALGORITHM`."""
    wanted = jax.config.jax_default_matmul_precision == ALGORITHM  # type: ignore[attr-defined]
    return wanted and all(operand.dtype == jnp.float32 for operand in operands)


@functools.cache
def cpu_gains() -> bool:
    """Whether this machine's processor has units for bfloat16 products (AMX), which make these faster in XLA."""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return "amx_bf16" in flags.split()


def alike(left: chex.Array, right: chex.Array) -> tuple[chex.Array, chex.Array]:
    """Makes both arrays vary over every shard_map axis over which one of them varies.

    JAX's own functions do this automatically. Functions with custom derivatives need operands that vary alike.
    """
    of_left, of_right = (jax.typeof(array).manual_axis_type.varying for array in (left, right))
    if missing := of_right - of_left:
        left = jax.lax.pcast(left, tuple(missing), to="varying")
    if missing := of_left - of_right:
        right = jax.lax.pcast(right, tuple(missing), to="varying")
    return left, right


def product(inputs: chex.Array, kernel: chex.Array) -> chex.Array:
    """`inputs @ kernel`.

    Under `jax.default_matmul_precision("BF16_BF16_F32")` float32 operands are rounded to bfloat16, and their products
    are summed in float32, also in derivatives of every order. On a CPU this happens only if it is faster: it needs
    `cpu_gains`, and is never used for a kernel's gradient.

    Args:
      inputs: [..., features].
      kernel: [features, outputs].

    Returns:
      [..., outputs].
    """
    if not rounds(inputs, kernel):
        return inputs @ kernel
    rows, kernel = alike(inputs.reshape(-1, inputs.shape[-1]), kernel)
    return _rounded(rows, kernel, 0).reshape(*inputs.shape[:-1], -1)


def contract(rows: chex.Array, kernel: chex.Array, *, axis: int = 0, half: bool = False) -> chex.Array:
    """Products over the last axis of `rows` and one axis of a matrix, avoiding a transpose that is slow in bfloat16.

    Args:
      rows: [..., m].
      kernel: [m, n] for axis 0, [n, m] for axis 1.
      axis: the axis of the kernel.
      half: whether to round the operands to bfloat16 and sum in float32.

    Returns:
      [..., n].
    """
    dimensions = (((rows.ndim - 1,), (axis,)), ((), ()))
    if not half:
        return jax.lax.dot_general(rows, kernel, dimensions)
    halves = rows.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    return jax.lax.dot_general(
        *halves, dimensions, precision=jax.lax.Precision.DEFAULT, preferred_element_type=jnp.float32
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _rounded(rows: chex.Array, kernel: chex.Array, axis: int) -> chex.Array:
    on_cpu, elsewhere = (functools.partial(contract, axis=axis, half=half) for half in (cpu_gains(), True))
    return jax.lax.platform_dependent(rows, kernel, cpu=on_cpu, default=elsewhere)


def _forward(rows, kernel, axis):
    return _rounded(rows, kernel, axis), (rows, kernel)


def _backward(axis, operands, cotangents):
    rows, kernel = operands
    left, right = (rows, cotangents) if axis == 0 else (cotangents, rows)
    elsewhere = functools.partial(_rounded, axis=0)
    of_kernel = jax.lax.platform_dependent(left.T, right, cpu=contract, default=elsewhere)
    return _rounded(cotangents, kernel, 1 - axis), of_kernel


_rounded.defvjp(_forward, _backward)
