"""`config.schedules` as text: `FIELD & FIELD=SHAPE(LAST, EXAMPLES); FIELD=...`."""

import functools
import math
from collections.abc import Mapping
from typing import NamedTuple

from jaxgan.config.values import nearest
from jaxgan.training.schedules import SCHEDULES


class Plan(NamedTuple):
    """The schedule of one field.

    Attributes:
      shape: name in `SCHEDULES`.
      last: the field's value in the end; its first value is the field's own.
      examples: of data that the discriminator has seen by then: step · discriminator_steps · batch_size.
    """

    shape: str
    last: float
    examples: float


class Plans(NamedTuple):
    """The schedules by field, and what is wrong with the text, a sentence each."""

    by_field: Mapping[str, Plan]
    wrong: tuple[str, ...]


@functools.lru_cache(maxsize=64)
def read_schedules(text: str) -> Plans:
    """The schedules that a text asks for; fields and the ranges of their values are not checked."""
    plans: dict[str, Plan] = {}
    wrong = []
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
