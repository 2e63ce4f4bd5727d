"""Values of fields: checks them against a field's description, and parses them from text."""

import ast
import functools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxgan.fields import Spec
from jaxgan.tables import nearest
from jaxgan.training.schedules import SCHEDULES

UNREADABLE = (ValueError, SyntaxError, TypeError, OverflowError, MemoryError, RecursionError)
"""Exceptions of `parsed` for a text that is not a value of the field's kind."""

MOST_PLANS = 100
"""Maximum number of fields with schedules, or on an axis of a sweep."""


class Problem(NamedTuple):
    """A problem of a config.

    Attributes:
      field: its dotted name; the section, or "", if no single field is wrong.
      text: one sentence, for the user.
    """

    field: str
    text: str

    def __str__(self) -> str:
        return self.text


def shown(value: Any) -> str:
    """A value as written on the command line."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "nothing"
    return str(value) or "nothing"


def normalised(spec: Spec, value: Any) -> Any:
    """Converts a list, or a text with several values, to a tuple; returns other values unchanged."""
    if isinstance(value, list):
        return tuple(value)
    try:
        return parsed(spec, value) if isinstance(value, str) and spec.kind != "ints" else value
    except UNREADABLE:
        return value


def parsed(spec: Spec, text: str) -> Any:
    """Parses a text as a value of a field's kind. Its range is not checked.

    Raises:
      `UNREADABLE`: the text is not such a value.
    """
    if spec.kind == "str":
        return text
    if spec.kind == "bool":
        if text.lower() not in ("true", "1", "false", "0"):
            raise ValueError(text)
        return text.lower() in ("true", "1")
    if spec.kind == "names":
        text = text.strip()
        if text.startswith(("(", "[")):
            return tuple(map(str, ast.literal_eval(text)))
        return tuple(part.strip() for part in text.split(",")) if text else ()
    if spec.kind in ("ints", "floats"):
        value = ast.literal_eval(text) if text.strip() else ()
        value = tuple(value) if isinstance(value, list | tuple) else (value,)
        return tuple(_number(spec.kind.removesuffix("s"), number) for number in value)
    if spec.kind in ("int", "float"):
        return _number(spec.kind, ast.literal_eval(text.replace("_", "")))
    return ast.literal_eval(text)


def _number(kind: str, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(value)
    if kind == "float":
        return float(value)
    if not float(value).is_integer():
        raise TypeError(value)
    return int(value)  # 1e5 steps


class Plan(NamedTuple):
    """The schedule of one field.

    Attributes:
      shape: name in `SCHEDULES`.
      last: the field's value at the end. It starts at the field's own value.
      examples: number of examples that the discriminator has seen by then: step · discriminator_steps · batch_size.
    """

    shape: str
    last: float
    examples: float


class Plans(NamedTuple):
    """The schedules by field, and one sentence per problem of the text."""

    by_field: Mapping[str, Plan]
    wrong: tuple[str, ...]


def many(text: str) -> str:
    """The problem of a text `FIELD & FIELD=...; FIELD=...` with too many fields; "" if there is none."""
    count = text.count("&") + text.count(";")
    return f"it names {count:,} fields, and {MOST_PLANS} are the most" if count > MOST_PLANS else ""


@functools.lru_cache(maxsize=64)
def read_schedules(text: str) -> Plans:
    """Parses the schedules of `FIELD & FIELD=SHAPE(LAST, EXAMPLES); FIELD=...`. Does not check fields and ranges."""
    plans: dict[str, Plan] = {}
    wrong = []
    if too_many := many(text):
        return Plans(plans, (too_many,))
    for part in filter(None, (part.strip() for part in text.split(";"))):
        left, _, right = part.partition("=")
        names = [name.strip() for name in left.split("&")]
        shape, _, rest = right.strip().partition("(")
        numbers = rest.removesuffix(")").split(",")
        if not all(names) or not rest.endswith(")"):
            wrong.append(f"{part!r} is not FIELD=SHAPE(LAST, EXAMPLES)")
        elif shape not in SCHEDULES:
            wrong.append(f"{shape!r} is none of {', '.join(sorted(SCHEDULES))}{nearest(shape, SCHEDULES)}")
        else:
            try:
                last, examples = (float(number.replace("_", "")) for number in numbers)
            except ValueError:
                wrong.append(f"{part!r} needs two numbers, the last value and after how many examples it is reached")
                continue
            if not (math.isfinite(examples) and examples > 0):
                wrong.append(f"{part!r} ends after {examples:g} examples, and needs a number above 0")
            wrong += [f"{name} has two schedules" for name in names if name in plans]
            plans |= dict.fromkeys(names, Plan(shape, last, examples))
    return Plans(plans, tuple(wrong))
