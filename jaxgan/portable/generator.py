"""A trained generator as one function of arrays, which every portable form is made from."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import chex
import jax
import numpy as np

from jaxgan.errors import UsageError
from jaxgan.types import Latent, Network

FORMAT = 1
"""Of `PortableGenerator.description`."""

LATENTS, CONDITION, SAMPLES = "latents", "condition", "samples"
"""Names of the arrays. The parts of a condition that is a NamedTuple have its fields' names."""


class NotPortable(UsageError):
    """A generator has no such form."""


class Array(NamedTuple):
    """An input or the output.

    Attributes:
      name: of the array.
      shape: of one example; the array is [batch, *shape], and the batch is free.
      dtype: "float32" or "int32".
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclasses.dataclass(frozen=True)
class PortableGenerator:
    """A generator with its parameters.

    Attributes:
      name: of the network, as messages have it.
      function: `(*inputs) -> samples`, arrays [batch, ...], deterministic. Its parameters are constants in it.
      inputs: the latents, then what the generator reads of a condition.
      output: the samples.
      latent: the prior of the latents.
      classes: number of classes, where the condition is a class; else None.
      low, high: the samples' values of black and white.
      variables: of the network: `{"params": ..., other collections}`.
      facts: what the description says besides, such as the training step.
    """

    name: str
    function: Callable[..., chex.Array]
    inputs: tuple[Array, ...]
    output: Array
    latent: Latent
    classes: int | None
    low: float
    high: float
    variables: Mapping[str, Any]
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def description(self) -> dict[str, Any]:
        """What a program that calls the generator has to know, of what JSON can hold."""

        def described(array: Array) -> dict[str, Any]:
            return {"name": array.name, "shape": ["batch", *array.shape], "dtype": array.dtype}

        inputs = [described(array) for array in self.inputs]
        for entry in inputs:
            if entry["name"] == CONDITION and self.classes is not None:
                entry["classes"] = self.classes
        output = described(self.output) | {"low": self.low, "high": self.high}
        recipe = None if self.latent.recipe is None else list(self.latent.recipe())
        return {"format": FORMAT, **self.facts, "inputs": inputs, "output": output, "latents": recipe}

    def description_json(self) -> str:
        """The description as text."""
        return json.dumps(self.description(), indent=2) + "\n"


def portable(
    network: Network,
    variables: Mapping[str, Any],
    latent: Latent,
    *,
    condition: Any = None,
    classes: int | None = None,
    low: float = 0.0,
    high: float = 1.0,
    name: str = "generator",
    facts: Mapping[str, Any] = {},
) -> PortableGenerator:
    """A generator ready for the portable forms.

    Args:
      network: the generator, from any library.
      variables: its parameters and other collections, such as `state.generator.variables`.
      latent: the prior of its latents.
      condition: an example of its condition, a pytree of [1, ...]; None for none. What the generator does not read of
        it outside of training is not an input.
      classes: number of classes, where the condition is integers [batch].
      low, high: the samples' values of black and white.
      name, facts: see `PortableGenerator`.

    Raises:
      NotPortable: the generator cannot be traced with a free batch.
    """
    paths, tree = jax.tree_util.tree_flatten_with_path(condition)
    given = [Array(LATENTS, (latent.dim,), "float32")]
    for path, leaf in paths:
        label = jax.tree_util.keystr(path, simple=True, separator="_") or CONDITION
        given.append(Array(label, tuple(leaf.shape[1:]), str(leaf.dtype)))

    def function(latents, *leaves):
        return network.apply(variables, latents, condition=jax.tree.unflatten(tree, leaves), train=False)[0]

    # What the program does not read is left out.
    closed = trace(function, given, name)
    read = {id(variable) for equation in closed.jaxpr.eqns for variable in equation.invars}
    read |= {id(variable) for variable in closed.jaxpr.outvars}
    used = [i == 0 or id(variable) in read for i, variable in enumerate(closed.jaxpr.invars)]
    unread = [np.zeros((1, *array.shape), array.dtype) for array in given]

    def of_inputs(*inputs):
        values = iter(inputs)
        return function(*(next(values) if kept else zeros for kept, zeros in zip(used, unread, strict=True)))

    output = Array(SAMPLES, tuple(closed.out_avals[0].shape[1:]), "float32")
    inputs = tuple(array for array, kept in zip(given, used, strict=True) if kept)
    return PortableGenerator(name, of_inputs, inputs, output, latent, classes, low, high, variables, facts)


def specs(inputs: tuple[Array, ...] | list[Array]) -> list[jax.ShapeDtypeStruct]:
    """Shapes and types of inputs, with a free batch."""
    (batch,) = jax.export.symbolic_shape("batch")
    return [jax.ShapeDtypeStruct((batch, *array.shape), array.dtype) for array in inputs]


def trace(function: Callable[..., chex.Array], inputs: Any, name: str) -> Any:
    """The jaxpr of a function of inputs with a free batch; NotPortable, which names `name`, if it has none."""
    try:
        return jax.make_jaxpr(function)(*specs(inputs))
    except Exception as error:  # what a network does with a batch may fail in any way
        why = f"{type(error).__name__} with a batch of any size: {str(error).strip().splitlines()[0]}"
        remedy = "write x.shape[0] for len(x), and jax.numpy functions for those of numpy, in the network"
        raise NotPortable(f"cannot export the generator ({name})", why, remedy) from error
