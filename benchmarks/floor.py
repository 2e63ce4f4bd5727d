"""The floor of a compiled function: only its matrix products, one after another, with nothing in between."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

_INSTRUCTION = re.compile(r"^\s*(?:ROOT )?%?([\w.\-]+) = (\w+)\[([\d,]*)\]")
_OPERANDS = re.compile(r" dot\((.*?)\), (.*)")
_DIMENSIONS = ["lhs_batch_dims", "rhs_batch_dims", "lhs_contracting_dims", "rhs_contracting_dims"]


class Product(NamedTuple):
    """One `dot` of a compiled program: the operands' shapes, and which of their axes are batch axes or contracted."""

    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    batch: tuple[tuple[int, ...], tuple[int, ...]]
    contracting: tuple[tuple[int, ...], tuple[int, ...]]

    @property
    def flops(self) -> int:
        """Two per multiplication."""
        left, right = self.shapes
        total = 2
        for size in left:
            total *= size
        for axis, size in enumerate(right):
            total *= 1 if axis in (*self.batch[1], *self.contracting[1]) else size
        return total


def products(compiled: Any) -> list[Product]:
    """The matrix products of a compiled function; bodies of loops count once.

    Args:
      compiled: the result of `jax.jit(...).lower(...).compile()`.
    """
    text = compiled.as_text()
    shapes = {}
    for line in text.splitlines():
        if found := _INSTRUCTION.match(line):
            shapes[found[1]] = tuple(int(size) for size in found[3].split(",") if size)
    result = []
    for line in text.splitlines():
        if not (found := _OPERANDS.search(line)):
            continue
        names = [part.split()[-1].lstrip("%") for part in re.sub(r"\{[^}]*\}", "", found[1]).split(", ")]
        axes = {}
        for name in _DIMENSIONS:
            given = re.search(rf"{name}={{([\d,]*)}}", found[2])
            axes[name] = tuple(int(axis) for axis in given[1].split(",") if axis) if given else ()
        left, right = (shapes[name] for name in names)
        result.append(
            Product(
                (left, right),
                (axes["lhs_batch_dims"], axes["rhs_batch_dims"]),
                (axes["lhs_contracting_dims"], axes["rhs_contracting_dims"]),
            )
        )
    return result


def floor(found: list[Product]) -> Callable[[], None]:
    """A function that makes these products one after another, and returns when they are finished."""
    keys = jax.random.split(jax.random.key(0), 2 * len(found))
    operands = [
        tuple(jax.random.normal(keys[2 * i + j], shape) for j, shape in enumerate(product.shapes))
        for i, product in enumerate(found)
    ]

    @jax.jit
    def run(operands):
        results, before = [], jnp.zeros(())
        for product, (left, right) in zip(found, operands, strict=True):
            left, right, _ = jax.lax.optimization_barrier((left, right, before))
            before = jax.lax.dot_general(left, right, (product.contracting, product.batch))
            results.append(before)
        return results

    return lambda: jax.block_until_ready(run(operands))
