"""A trained generator as a single function of arrays, from which all portable forms are made."""

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
"""Format version of `PortableGenerator.description`."""

LATENTS, CONDITION, SAMPLES = "latents", "condition", "samples"
"""Names of the arrays. If a condition is a NamedTuple, its parts are named like its fields."""


class NotPortable(UsageError):
    """A generator cannot be converted to the requested form."""


class Array(NamedTuple):
    """An input or the output.

    Attributes:
      name: name of the array.
      shape: shape of one example; the array is [batch, *shape] with a free batch size.
      dtype: "float32" or "int32".
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclasses.dataclass(frozen=True)
class PortableGenerator:
    """A generator with its parameters.

    Attributes:
      name: name of the network in messages.
      function: `(*inputs) -> samples`, with arrays [batch, ...]; deterministic, with the parameters as constants.
      inputs: the latents, then the parts of the condition that the generator reads.
      output: the samples.
      latent: the prior of the latents.
      classes: number of classes, if the condition is a class; else None.
      low, high: the samples' values of black and white.
      variables: variables of the network: `{"params": ..., other collections}`.
      facts: further entries of the description, such as the training step.
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
        """The information that a program needs to call the generator; JSON-serialisable."""

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
        """The description as JSON text."""
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
    """Prepares a generator for the portable forms.

    Args:
      network: the generator, from any library.
      variables: its parameters and other collections, such as `state.generator.variables`.
      latent: the prior of its latents.
      condition: an example of its condition, a pytree of [1, ...]; None without a condition. Parts that the generator
        does not read at inference are not inputs.
      classes: number of classes, if the condition is integers [batch].
      low, high: the samples' values of black and white.
      name, facts: see `PortableGenerator`.

    Raises:
      NotPortable: the generator cannot be traced with a free batch size.
    """
    paths, tree = jax.tree_util.tree_flatten_with_path(condition)
    given = [Array(LATENTS, (latent.dim,), "float32")]
    for path, leaf in paths:
        label = jax.tree_util.keystr(path, simple=True, separator="_") or CONDITION
        given.append(Array(label, tuple(leaf.shape[1:]), str(leaf.dtype)))

    def function(latents, *leaves):
        return network.apply(variables, latents, condition=jax.tree.unflatten(tree, leaves), train=False)[0]

    # Inputs that the program does not read are dropped.
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
    """Shapes and dtypes of inputs, with a free batch size."""
    (batch,) = jax.export.symbolic_shape("batch")
    return [jax.ShapeDtypeStruct((batch, *array.shape), array.dtype) for array in inputs]


def trace(function: Callable[..., chex.Array], inputs: Any, name: str) -> Any:
    """The jaxpr of a function with a free batch size. If tracing fails, raises NotPortable, which mentions `name`."""
    try:
        return jax.make_jaxpr(function)(*specs(inputs))
    except Exception as error:  # a network's use of the batch may fail in any way
        why = f"{type(error).__name__} with a batch of any size: {str(error).strip().splitlines()[0]}"
        remedy = "write x.shape[0] for len(x), and jax.numpy functions for those of numpy, in the network"
        raise NotPortable(f"cannot export the generator ({name})", why, remedy) from error
