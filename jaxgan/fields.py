"""Annotations that say which values a parameter takes.

The fields of a config are read off the signatures of the functions that use them, so a field is described once:

    def adam(learning_rate, *, b1: Momentum = 0.5, b2: Decay = 0.999, eps: Positive = 1e-8): ...

The type gives the kind of value (`int`, `float`, `bool`, `str`, `tuple[int, ...]`, `tuple[float, ...]`,
`tuple[str, ...]`, a `Literal`); `chex.Numeric` is a float that the compiled step may take as an argument. `Field` adds
the range and whatever else a config has to know, and a collection of names in its place their choice. Without one, any
value of the type is allowed.
"""

import dataclasses
import functools
import inspect
import math
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import chex
import jax
import optax

REQUIRED = inspect.Parameter.empty
"""The default of a parameter that has none."""


class Either(Collection[str]):
    """The names of several collections, such as a word and the entries of a table."""

    def __init__(self, *parts: Collection[str]):
        self.parts = parts

    def __contains__(self, name: object) -> bool:
        return any(name in part for part in self.parts)

    def __iter__(self) -> Iterator[str]:
        return (name for part in self.parts for name in part)

    def __len__(self) -> int:
        return sum(map(len, self.parts))


@dataclasses.dataclass(frozen=True)
class Field:
    """What a config has to know of a parameter beside its type and its default.

    Attributes:
      low, high: range of a number, or of each number of a tuple.
      open_low, open_high: whether the ends are excluded.
      choices: names that a string, or each string of a tuple, may be: a table, read when the value is checked.
      files: `FILE.py:FUNCTION` is allowed too.
      entries: `choices` is a table whose chosen entry brings fields of its own into the same section.
      provided: parameters of these entries that the program passes, so they are no fields.
      off: value that leaves the parameter's part out, beside its default: such a field is never reported as unused,
        and is a constant of the compiled step.
      needs: the sibling fields that must not be off, or must have one of some values, for this one to be read.
      scheduled: the parameter is a momentum and may be a schedule.
      resume: a resumed run may have another value.
      sweep: a sweep may vary it.
      modes: the other modes that may set it for a trained run: "sample", "evaluate".
    """

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    choices: Collection[str] | None = None
    files: bool = False
    entries: bool = False
    provided: tuple[str, ...] = ()
    off: Any = REQUIRED
    needs: Mapping[str, Collection[Any] | None] = dataclasses.field(default_factory=dict)
    scheduled: bool = False
    resume: bool = False
    sweep: bool = True
    modes: tuple[str, ...] = ()


Count = Annotated[int, Field(low=1)]
"""A whole number of at least 1."""
Size = Annotated[int, Field(low=0)]
"""A whole number of at least 0."""
Positive = Annotated[chex.Numeric, Field(low=0, open_low=True)]
"""A number above 0."""
Weight = Annotated[chex.Numeric, Field(low=0, off=0.0)]
"""A number of at least 0; 0 leaves its part out."""
Decay = Annotated[chex.Numeric, Field(low=0, high=1, open_high=True, off=0.0)]
"""The decay of a moving average, in [0, 1)."""
Momentum = Annotated[chex.Numeric | optax.Schedule, Field(low=0, high=1, open_high=True, off=0.0, scheduled=True)]
"""A momentum in [0, 1), or a schedule of one."""
Widths = Annotated[tuple[int, ...], Field(low=1)]
"""Whole numbers of at least 1, one for each layer."""


class Spec(NamedTuple):
    """A parameter, as its annotation and default describe it.

    Attributes:
      kind: "int", "float", "bool", "str", "ints", "floats", "names", or "any" without an annotation.
      traced: the compiled step may take its value as an argument.
      default: its default, or `REQUIRED`.
      field: what else is known of it.
    """

    kind: str
    traced: bool
    default: Any
    field: Field

    @property
    def off(self) -> tuple[Any, ...]:
        """Values that leave its part out."""
        return tuple(value for value in (self.default, self.field.off) if value is not REQUIRED)


_KINDS = {bool: "bool", int: "int", float: "float", str: "str"}
_TUPLES = {int: "ints", float: "floats", str: "names"}


def spec_of(annotation: Any, default: Any = REQUIRED) -> Spec:
    """What an annotation and a default say of a parameter."""
    field = Field()
    if typing.get_origin(annotation) is Annotated:
        annotation, *extras = typing.get_args(annotation)
        extras = extras[::-1]  # of nested annotations, the outermost counts
        names = next((extra for extra in extras if isinstance(extra, Collection)), None)
        field = next((extra for extra in extras if isinstance(extra, Field)), Field(choices=names))
    members = typing.get_args(annotation) if _is_union(annotation) else (annotation,)
    if jax.Array in members:
        return Spec("float", True, default, field)
    for member in sorted(members, key=lambda m: typing.get_origin(m) is None):  # tuples before their single values
        origin, arguments = typing.get_origin(member), typing.get_args(member)
        if origin is typing.Literal:
            return Spec("str", False, default, dataclasses.replace(field, choices=arguments))
        if isinstance(origin, type) and issubclass(origin, Sequence) and arguments[0] in _TUPLES:
            return Spec(_TUPLES[arguments[0]], False, default, field)
        if member in _KINDS:
            return Spec(_KINDS[member], False, default, field)
    kind = _KINDS.get(type(default), "any") if annotation is REQUIRED else "any"
    return Spec(kind, False, default, field)


@functools.cache
def parameters(function: Callable[..., Any], provided: tuple[str, ...] = ()) -> Mapping[str, Spec]:
    """The parameters of a function that are a config's fields.

    Args:
      function: any.
      provided: names of parameters that the program passes itself.

    Returns:
      What is known of each, by name.
    """
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    found = {
        name: spec_of(parameter.annotation, parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in provided and parameter.kind not in variadic
    }
    return types.MappingProxyType(found)


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)
