"""The settings of a sweep, from `config.population`: config fields and their values."""

import itertools
import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgan.config import Problem, command_line, problems_of, schema, values
from jaxgan.tables import nearest

MOST_MEMBERS = 10_000

DRAWS = ("log", "uniform", "choice")
"""Distributions for random values."""

DIGITS = 4
"""Significant digits of random numbers."""

REPORTED = 10
"""Maximum number of a sweep's problems in a message."""


class SearchAxis(NamedTuple):
    """Fields that share a value: grid values as text, or a function `(u in [0, 1)) -> text`."""

    names: tuple[str, ...]
    values: tuple[str, ...] = ()
    draw: Callable[[float], str] | None = None


class Setting(NamedTuple):
    """One point of a sweep.

    Attributes:
      changes: value by field.
      config: the complete config, with the seed of the sweep.
    """

    changes: dict[str, Any]
    config: dict[str, Any]


def read_settings(config: Mapping[str, Any]) -> tuple[list[Setting], list[Problem]]:
    """The settings that a config's section `population` defines.

    Returns:
      The settings (empty if there are problems), and the problems.
    """
    problems: list[Problem] = []
    config = schema.complete(config)
    population, seed = config["population"], config["seed"]
    known = schema.rows(config)
    grid = list(_parse(population["grid"], "grid", _list_values, known, problems))
    drawn = list(_parse(population["random"], "random", _read_draw, known, problems))
    # Fields that occur twice.
    seen = dict[str, str]()
    for where, name in [
        *(("grid", n) for a in grid for n in a.names),
        *(("random", n) for a in drawn for n in a.names),
    ]:
        if name in seen:
            both = f"twice in {where}" if seen[name] == where else "in grid and in random"
            problems.append(_problem(f"population: {name} is {both}"))
        seen[name] = where
    # The numbers of settings and members.
    axes = [axis for axis in grid if axis.values]
    draws = [axis for axis in drawn if axis.draw is not None]
    count = population["draws"] if draws else 1
    members = math.prod(len(axis.values) for axis in axes) * count * population["seeds"]
    if seed + population["seeds"] > 2**32:
        problems.append(_problem(f"population.seeds: seed {seed} + {population['seeds']} is above {2**32 - 1}"))
    if members > MOST_MEMBERS:
        return [], [*problems, _problem(f"population: {members:,} members, and {MOST_MEMBERS:,} is the most")]
    before = frozenset(problems_of(config))  # the sweep's own check reports these
    settings = [_setting(config, texts, before, problems) for texts in _texts(axes, draws, count, seed)]
    if problems:
        problems = list(dict.fromkeys(problems))
        more = [_problem(f"population: and {len(problems) - REPORTED} more like these")]
        return [], problems[:REPORTED] + (more if len(problems) > REPORTED else [])
    # Random draws may repeat.
    unique = {repr(setting.changes): setting for setting in reversed(settings)}
    return [setting for setting in settings if unique[repr(setting.changes)] is setting], []


def _parse(
    text: str, where: str, read: Any, known: Mapping[str, schema.Row], problems: list[Problem]
) -> Iterator[SearchAxis]:
    """Parses the axes of `NAME & NAME=...; NAME=...`."""
    if too_many := values.many(text):
        problems.append(_problem(f"population.{where}: {too_many}"))
        return
    for part in filter(None, (part.strip() for part in text.split(";"))):
        left, equals, right = part.partition("=")
        names = tuple(name.strip() for name in left.split("&"))
        if not equals or not all(names):
            problems.append(_problem(f"population.{where}: {part!r} is not FIELD=..."))
            continue
        for name in names:
            if name in known and not known[name].spec.field.sweep:
                text = f"population.{where}: {name} does not touch the training, so it makes no setting"
                problems.append(_problem(text))
        if "seed" in names:
            problems.append(_problem(f"population.{where}: seed has a field of its own, population.seeds"))
        yield read(names, right.strip(), problems)


def _list_values(names: tuple[str, ...], text: str, problems: list[Problem]) -> SearchAxis:
    values = tuple(split_values(text))
    if not all(values):
        problems.append(_problem(f"population.grid: {names[0]} has an empty value in {text!r}"))
    if len(set(values)) < len(values):
        problems.append(_problem(f"population.grid: {names[0]} has a value twice in {text!r}"))
    return SearchAxis(names, values)


def split_values(text: str) -> list[str]:
    """Splits values at commas, except inside parentheses or brackets."""
    values, depth, start = [], 0, 0
    for place, letter in enumerate(text + ","):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth <= 0:
            values.append(text[start:place].strip())
            start = place + 1
    return values if start > len(text) else [*values, text[start:].strip()]


def _read_draw(names: tuple[str, ...], text: str, problems: list[Problem]) -> SearchAxis:
    """Parses `log(low,high)`, `uniform(low,high)` or `choice(VALUE,VALUE)`."""
    kind, _, rest = text.partition("(")
    kind = kind.strip()
    parts = split_values(rest.rstrip().removesuffix(")"))
    where = f"population.random: {names[0]}={text}"
    if kind not in DRAWS or not rest.rstrip().endswith(")"):
        hint = nearest(kind, DRAWS)
        problems.append(_problem(f"{where}: is none of log(low,high), uniform(low,high), choice(VALUE,VALUE){hint}"))
        return SearchAxis(names)
    if kind == "choice":
        if not all(parts):
            problems.append(_problem(f"{where}: has an empty value"))
        return SearchAxis(names, draw=lambda u: parts[int(u * len(parts))])
    try:
        low, high = (float(value) for value in parts)
    except ValueError:
        problems.append(_problem(f"{where}: takes two numbers"))
        return SearchAxis(names)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        problems.append(_problem(f"{where}: the range is empty"))
    elif kind == "log" and low <= 0:
        problems.append(_problem(f"{where}: a logarithm's range is above 0"))
    else:

        def draw(u: float) -> str:
            value = low * (high / low) ** u if kind == "log" else low + (high - low) * u
            return Drawn(repr(min(max(float(f"{value:.{DIGITS}g}"), low), high)))

        return SearchAxis(names, draw=draw)
    return SearchAxis(names)


class Drawn(str):
    """A random number as text; it is rounded for an integer field."""


def _texts(grid: list[SearchAxis], drawn: list[SearchAxis], count: int, seed: int) -> Iterator[dict[str, str]]:
    """The text of every field of every setting: each draw combined with the whole grid."""
    rows = [[axis.draw(u) for u in _numbers(seed, axis.names, count)] for axis in drawn if axis.draw is not None]
    for point in itertools.product(*(axis.values for axis in grid)):
        for number in range(count):
            pairs = [*zip(grid, point, strict=True), *((a, row[number]) for a, row in zip(drawn, rows, strict=True))]
            yield {name: text for axis, text in pairs for name in axis.names}


def _numbers(seed: int, names: tuple[str, ...], count: int) -> list[float]:
    """Uniform numbers in [0, 1) from a stream per field, so that further axes do not change this axis's draws."""
    key = np.array([seed, zlib.crc32("&".join(names).encode())], np.uint64)
    return [int(word) / 2**64 for word in np.random.Philox(key=key).random_raw(count) >> np.uint64(11) << np.uint64(11)]


def _setting(
    config: Mapping[str, Any], texts: Mapping[str, str], before: frozenset[Problem], problems: list[Problem]
) -> Setting:
    changed = schema.replaced(config, {})
    known = schema.rows(config)
    given = {}
    for name, text in texts.items():
        kind = known[name].spec.kind if name in known else "any"
        # A value that contains commas is put in parentheses.
        bare = text[1:-1] if kind in ("str", "names") and text.startswith("(") and text.endswith(")") else text
        given[name] = str(round(float(text))) if isinstance(text, Drawn) and kind == "int" else bare
    wrong = [_problem(f"population: {problem}") for problem in command_line.override(changed, given)]
    flat = schema.flattened(changed)
    changes = {name: flat[name] for name in texts if name in flat}
    said = ", ".join(f"{name}={value}" for name, value in changes.items())
    for problem in problems_of(changed):
        if problem not in before:
            own = problem.field in changes and problem.text.startswith(f"{problem.field}:")
            wrong.append(problem if own else _problem(f"with {said}: {problem}"))
    problems += wrong
    return Setting(changes, changed)


def _problem(text: str) -> Problem:
    return Problem("population", text)


def draws_choices(config: Mapping[str, Any]) -> bool:
    """Whether a sweep draws values from choices."""
    return "choice(" in config["population"]["random"].replace(" ", "")
