"""Annotations that describe the values that a parameter takes.

The fields of a config come from the signatures of the functions that use them, so a field is described once:

    def adam(learning_rate, *, b1: Momentum = 0.5, b2: Decay = 0.999, eps: Positive = 1e-8): ...

The type gives the kind of value (`int`, `float`, `bool`, `str`, `tuple[int, ...]`, `tuple[float, ...]`,
`tuple[str, ...]`, a `Literal`). `chex.Numeric` is a float that the compiled step may take as an argument. `Field` adds
the range and other properties of the config field. A collection of names instead of a `Field` gives the choices.
Without either, any value of the type is allowed.
"""

import dataclasses
import functools
import inspect
import math
import numbers
import operator
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import chex
import jax
import optax

from jaxgan.tables import nearest

REQUIRED = inspect.Parameter.empty
"""Marks a parameter without a default."""


class Either(Collection[str]):
    """The names of several collections together, such as a word and the entries of a table."""

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
    """Properties of a config field besides its type and default.

    Attributes:
      low, high: range of a number, or of each number of a tuple.
      open_low, open_high: whether the ends are excluded.
      choices: names allowed for a string, or for each string of a tuple: a table, read when the value is checked.
      hint: a sentence for users who chose none of them.
      files: `FILE.py:FUNCTION` is allowed too.
      entries: `choices` is a table, and the chosen entry adds its own fields to the same section.
      provided: parameters of these entries that the program passes, so they are not fields.
      off: value, besides the default, that turns the parameter's part off. A field with this value is never reported as
        unused, and is a constant of the compiled step.
      limit: `off` means "no limit", so a schedule must not lead to it.
      needs: sibling fields that must not be off, or must have one of some values, for this field to be read; for a
        tuple of fields, one of them suffices.
      scheduled: the parameter is a momentum and may be a schedule.
      resume: a resumed run may change it.
      varies: it may have a schedule (`config.schedules`) even if it is not an argument of the compiled step.
      sweep: a sweep may vary it.
      modes: further modes that may set it for a trained run: "sample", "evaluate", "export".
    """

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    choices: Collection[str] | None = None
    hint: str = ""
    files: bool = False
    entries: bool = False
    provided: tuple[str, ...] = ()
    off: Any = REQUIRED
    limit: bool = False
    needs: Mapping[str | tuple[str, ...], Collection[Any] | None] = dataclasses.field(default_factory=dict)
    scheduled: bool = False
    resume: bool = False
    varies: bool = False
    sweep: bool = True
    modes: tuple[str, ...] = ()


Count = Annotated[int, Field(low=1)]
"""An integer of at least 1."""
Size = Annotated[int, Field(low=0)]
"""An integer of at least 0."""
Positive = Annotated[chex.Numeric, Field(low=0, open_low=True)]
"""A number above 0."""
Weight = Annotated[chex.Numeric, Field(low=0, off=0.0)]
"""A number of at least 0; 0 turns its part off."""
Limit = Annotated[chex.Numeric, Field(low=0, off=0.0, limit=True)]
"""An upper limit of at least 0; 0 means no limit."""
Decay = Annotated[chex.Numeric, Field(low=0, high=1, open_high=True, off=0.0)]
"""The decay of a moving average, in [0, 1)."""
Momentum = Annotated[chex.Numeric | optax.Schedule, Field(low=0, high=1, open_high=True, off=0.0, scheduled=True)]
"""A momentum in [0, 1), or a schedule of one."""
Widths = Annotated[tuple[int, ...], Field(low=1)]
"""Integers of at least 1, one per layer."""


# --- Parameters of a function, and values of them

_KINDS = {bool: "bool", int: "int", float: "float", str: "str"}
_TUPLES = {int: "ints", float: "floats", str: "names"}
MOST_BITS = 63
"""Maximum size of an integer, in bits."""


class Spec(NamedTuple):
    """A parameter as described by its annotation and default.

    Attributes:
      kind: "int", "float", "bool", "str", "ints", "floats", "names", or "any" without an annotation.
      traced: the compiled step may take its value as an argument.
      default: its default, or `REQUIRED`.
      field: its other properties.
    """

    kind: str
    traced: bool
    default: Any
    field: Field

    @property
    def off(self) -> tuple[Any, ...]:
        """Values that turn its part off."""
        return tuple(value for value in (self.default, self.field.off) if value is not REQUIRED)


def spec_of(annotation: Any, default: Any = REQUIRED) -> Spec:
    """The parameter that an annotation and a default describe."""
    field = Field()
    if typing.get_origin(annotation) is Annotated:
        annotation, *extras = typing.get_args(annotation)
        extras = extras[::-1]  # the outermost of nested annotations wins
        names = next((extra for extra in extras if isinstance(extra, Collection)), None)
        field = next((extra for extra in extras if isinstance(extra, Field)), Field(choices=names))
    members = typing.get_args(annotation) if _is_union(annotation) else (annotation,)
    if jax.Array in members:
        return Spec("float", True, default, field)
    for member in sorted(members, key=lambda m: typing.get_origin(m) is None):  # tuples before single values
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
      function: any function.
      provided: names of parameters that the program passes.

    Returns:
      The description of each parameter, by name.
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


def wrong(spec: Spec, value: Any) -> str:
    """The problem with a value of a field; an empty string if there is none."""
    field = spec.field
    if spec.kind == "any":
        return ""
    if spec.kind == "bool":
        return "" if isinstance(value, bool) else f"{value!r} is not true or false"
    if spec.kind in ("int", "float"):
        return _wrong_number(spec, value)
    if spec.kind == "str":
        if field.files and is_code(value):
            return ""
        found = _wrong_name(value, field.choices)
        hint = f"; {field.hint}" if field.hint else ""
        return found and found + (", and not FILE.py:FUNCTION" if field.files else "") + hint
    if not isinstance(value, tuple):
        return f"{value!r} is not {describe(spec)}"
    if spec.kind == "names":
        return next(filter(None, (_wrong_name(name, field.choices) for name in value)), "")
    single = spec._replace(kind=spec.kind.removesuffix("s"))
    if any(_wrong_number(single, number) for number in value):
        return f"{value!r} is not {describe(spec)}"
    return ""


def is_code(value: Any) -> bool:
    """Whether a value has the form FILE.py:FUNCTION."""
    return isinstance(value, str) and ".py:" in value


def _wrong_number(spec: Spec, value: Any) -> str:
    field = spec.field
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        return f"a number of {value.bit_length()} bits, and {MOST_BITS} are the most"
    if isinstance(value, bool) or not isinstance(value, int if spec.kind == "int" else int | float):
        return f"{value!r} is not {describe(spec)}"
    above = value > field.low if field.open_low else value >= field.low
    below = value < field.high if field.open_high else value <= field.high
    if above and below and (spec.kind == "int" or math.isfinite(value)):
        return ""
    if spec.kind == "int":
        return f"{value} is below {field.low}" if not above else f"{value} is above {field.high}"
    left = "(" if field.open_low or field.low == -math.inf else "["
    right = ")" if field.open_high or field.high == math.inf else "]"
    return f"{value} does not lie in {left}{field.low:g}, {field.high:g}{right}"


def _wrong_name(value: Any, choices: Collection[str] | None) -> str:
    if not isinstance(value, str):
        return f"{value!r} is not a string"
    if choices is None or value in choices:
        return ""
    return f"{value!r} is none of {', '.join(sorted(filter(None, choices)))}{nearest(value, choices)}"


def describe(spec: Spec) -> str:
    """The values that a field takes, in words."""
    if spec.kind == "ints":
        least = "" if spec.field.low == -math.inf else f" of at least {spec.field.low:g}"
        return f'a tuple of whole numbers{least}, such as "(256, 256)"'
    example = ",".join(sorted(filter(None, spec.field.choices or ("a", "b")))[:2])
    return {
        "bool": "true or false",
        "int": "a whole number",
        "float": "a number",
        "floats": 'a tuple of numbers, such as "0.05,0.5"',
        "names": f'names with commas between them, such as "{example}"',
    }.get(spec.kind, "a string")


def check_arguments(function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Checks keyword arguments of a function against its annotations, like a config's fields.

    Numbers that the compiled step may take as arguments are not checked.

    Raises:
      TypeError: the function has no such parameter, or a required one is missing.
      ValueError: the parameter does not take this value.
    """
    name, known = function.__name__, parameters(function)
    for argument in arguments:
        if argument not in known:
            raise TypeError(f"{name} has no parameter {argument!r}{nearest(argument, known)}")
    for argument, spec in known.items():
        if argument not in arguments:
            if spec.default is REQUIRED:
                raise TypeError(f"{name} needs the parameter {argument}: {describe(spec)}")
            continue
        value = arguments[argument]
        if spec.traced or value is spec.default:
            continue
        if isinstance(value, str) and spec.kind == "names":
            value = tuple(part.strip() for part in value.split(","))
        value = tuple(map(_plain, value)) if isinstance(value, list | tuple) else _plain(value)
        if text := wrong(spec, value):
            raise ValueError(f"{name}'s {argument}: {text}")


def _plain(value: Any) -> Any:
    """Converts a numpy number to a Python number; returns other values unchanged."""
    if isinstance(value, bool | int | float) or not isinstance(value, numbers.Real):
        return value
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def given(value: Any) -> str:
    """Describes an invalid value in a few words."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"an array of shape {value.shape} and type {value.dtype}"
    if isinstance(value, str | int | float | bool | None):
        return repr(value)
    if callable(value) and hasattr(value, "__name__"):
        return f"the {'class' if isinstance(value, type) else 'function'} {value.__name__}"
    return f"a {type(value).__name__}"


def check_count(name: str, count: Any, least: int) -> None:
    """Raises ValueError unless `count` is an integer of at least `least`."""
    try:
        whole = not isinstance(count, bool) and operator.index(count) is not None
    except TypeError:
        whole = False
    if not whole:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {given(count)}")
    if count < least:
        raise ValueError(f"{name} must be at least {least}, got {count}")


def check_choice(network: str, field: str, name: str, known: Collection[str]) -> None:
    """Raises ValueError if `name` is not one of the `known` values of a network's field."""
    if name not in known:
        raise ValueError(f"no {field} {name!r} in a {network}{nearest(name, known) or '; one of ' + ', '.join(known)}")
