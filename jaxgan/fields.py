"""Annotations that say which values a parameter takes.

The fields of a config are read off the signatures of the functions that use them, so a field is described once:

    def adam(learning_rate, *, b1: Momentum = 0.5, b2: Decay = 0.999, eps: Positive = 1e-8): ...

The type gives the kind of value (`int`, `float`, `bool`, `str`, `tuple[int, ...]`, `tuple[float, ...]`,
`tuple[str, ...]`, a `Literal`); `chex.Numeric` is a float that the compiled step may take as an argument. `Field` adds
the range and whatever else a config has to know, and a collection of names in its place their choice. Without one, any
value of the type is allowed.
"""

import dataclasses
import inspect
import math
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any

import chex
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
      hint: a sentence for those who chose none of them.
      files: `FILE.py:FUNCTION` is allowed too.
      entries: `choices` is a table whose chosen entry brings fields of its own into the same section.
      provided: parameters of these entries that the program passes, so they are no fields.
      off: value that leaves the parameter's part out, beside its default: such a field is never reported as unused,
        and is a constant of the compiled step.
      limit: `off` is no limit, so a schedule that leads to it is a mistake.
      needs: the sibling fields that must not be off, or must have one of some values, for this one to be read; of a
        tuple of them, one.
      scheduled: the parameter is a momentum and may be a schedule.
      resume: a resumed run may have another value.
      varies: it may have a schedule (`config.schedules`) although it is no argument of the compiled step without one.
      sweep: a sweep may vary it.
      modes: the other modes that may set it for a trained run: "sample", "evaluate".
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
"""A whole number of at least 1."""
Size = Annotated[int, Field(low=0)]
"""A whole number of at least 0."""
Positive = Annotated[chex.Numeric, Field(low=0, open_low=True)]
"""A number above 0."""
Weight = Annotated[chex.Numeric, Field(low=0, off=0.0)]
"""A number of at least 0; 0 leaves its part out."""
Limit = Annotated[chex.Numeric, Field(low=0, off=0.0, limit=True)]
"""A number of at least 0 that bounds something; 0 is no bound."""
Decay = Annotated[chex.Numeric, Field(low=0, high=1, open_high=True, off=0.0)]
"""The decay of a moving average, in [0, 1)."""
Momentum = Annotated[chex.Numeric | optax.Schedule, Field(low=0, high=1, open_high=True, off=0.0, scheduled=True)]
"""A momentum in [0, 1), or a schedule of one."""
Widths = Annotated[tuple[int, ...], Field(low=1)]
"""Whole numbers of at least 1, one for each layer."""
