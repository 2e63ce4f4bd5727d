"""What each field of a config may hold: one rule per field, and the problems a config has with them."""

import difflib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Rule = Callable[[Any], str | None]
"""`value -> what is wrong with it`, or None."""


ELSEWHERE = {
    "lr": "learning_rate",
    "beta1": "b1",
    "beta2": "b2",
    "epochs": "steps",
    "iterations": "steps",
    "ema": "average_decay",
    "ema_decay": "average_decay",
    "n_critic": "discriminator_steps",
    "z_dim": "dim",
    "latent_dim": "dim",
    "fid": "frechet",
    "kid": "kernel",
    "vanilla": "minimax",
    "bce": "non_saturating",
    "lsgan": "least_squares",
    "wgan": "wasserstein",
}
"""What other libraries call a field or an entry of a table, with its name here."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean x?` with the known name that others call so, or those most like it, or an empty string."""
    known, here = list(known), ELSEWHERE.get(name.lower())
    return f"; {did_you_mean([here] if here in known else alike(name, known))}".removesuffix("; ")


def alike(name: str, known: Iterable[str]) -> list[str]:
    """The known names most like `name`, two at most."""
    return difflib.get_close_matches(name, list(known), n=2, cutoff=0.6)


def did_you_mean(names: Iterable[object]) -> str:
    """`did you mean x or y?`, or an empty string without names."""
    listed = " or ".join(map(str, names))
    return listed and f"did you mean {listed}?"


def choice(names: Iterable[str]) -> Rule:
    """One of the names, a table's at the time of asking: a config's file may have added one of its own."""

    def rule(value):
        known = sorted(names)
        if isinstance(value, str) and value in known:
            return None
        hint = nearest(value, known) if isinstance(value, str) else ""
        return f"{value!r} is none of {', '.join(known)}{hint}"

    return rule


def names_or(word: str, known: Iterable[str]) -> Rule:
    """The word, or one or more of the names, a table's at the time of asking, separated by commas."""
    listed = names(known)
    return lambda value: None if value == word else (problem := listed(value)) and f"{problem}, or {word}"


def choice_or_function(names: Iterable[str]) -> Rule:
    """One of the names, or FILE.py:FUNCTION."""
    single = choice(names)

    def rule(value):
        if isinstance(value, str) and ".py:" in value:
            return None
        problem = single(value)
        return problem and f"{problem}, and not FILE.py:FUNCTION"

    return rule


def integer(low: int, high: int | None = None) -> Rule:
    """A whole number in [low, high]."""

    def rule(value):
        if isinstance(value, bool) or not isinstance(value, int):
            return f"{value!r} is not a whole number"
        if value < low or (high is not None and value > high):
            return f"{value} is {f'below {low}' if value < low else f'above {high}'}"
        return None

    return rule


def number(low: float, high: float = float("inf"), *, above: bool = False, below: bool = False) -> Rule:
    """A number in [low, high]; `above` and `below` leave out the ends."""

    def rule(value):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{value!r} is not a number"
        inside = (value > low if above else value >= low) and (value < high if below else value <= high)
        if inside and value != float("inf"):
            return None
        interval = f"{'(' if above else '['}{low:g}, {high:g}{')' if below or high == float('inf') else ']'}"
        return f"{value} does not lie in {interval}"

    return rule


def text(value: Any) -> str | None:
    """Any string."""
    return None if isinstance(value, str) else f"{value!r} is not a string"


def boolean(value: Any) -> str | None:
    """True or False."""
    return None if isinstance(value, bool) else f"{value!r} is not true or false"


def widths(value: Any) -> str | None:
    """A tuple of whole numbers of at least 1."""
    if isinstance(value, tuple) and all(integer(1)(width) is None for width in value):
        return None
    return f'{value!r} is not a tuple of whole numbers of at least 1, such as "(256, 256)"'


class EachOf(Mapping[str, Rule]):
    """A section with a field for every entry of a table, at the time of asking, which may be missing, and some more.

    Args:
      table: its names are fields.
      rule: of each of them.
      others: further fields.
    """

    def __init__(self, table: Mapping[str, Any], rule: Rule, **others: Rule):
        self.table, self.rule, self.others = table, rule, others

    def __getitem__(self, name: str) -> Rule:
        return self.others[name] if name in self.others else self.rule if name in self.table else self.others[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*self.table, *self.others))

    def __len__(self) -> int:
        return len(self.table) + len(self.others)


def numbers(value: Any) -> str | None:
    """Numbers separated by commas, or the empty string."""
    try:
        if isinstance(value, str) and all(math.isfinite(part) for part in as_numbers(value)):
            return None
    except ValueError:
        pass
    return f'{value!r} is not numbers with commas between them, such as "0.05,0.5"'


def as_numbers(text: str) -> tuple[float, ...]:
    """The numbers that a text names, separated by commas."""
    return tuple(float(part) for part in text.split(",")) if text else ()


def names(known: Iterable[str]) -> Rule:
    """One or more of the names, separated by commas."""
    single = choice(known)

    def rule(value):
        if not isinstance(value, str):
            return single(value)
        return next((problem for part in value.split(",") if (problem := single(part.strip()))), None)

    return rule


def optional(rule: Rule) -> Rule:
    """The empty string, or what another rule allows."""
    return lambda value: None if value == "" else rule(value)


def problems(config: Mapping[str, Any], rules: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """All problems of a nested config: fields that are unknown, missing, or against their rule.

    Args:
      config: nested mapping of values.
      rules: nested mapping of the same shape, with a `Rule` for each value.
      prefix: name of the section, with a dot behind it.

    Yields:
      One line per problem.
    """
    for name in config:
        if name not in rules:
            yield f"{prefix}{name} is no field{nearest(name, rules)}"
    for name, rule in rules.items():
        if name not in config:
            if not (isinstance(rules, EachOf) and name in rules.table):
                yield f"{prefix}{name} is missing"
        elif isinstance(rule, Mapping):
            section = config[name]
            if hasattr(section, "items"):
                yield from problems(section, rule, f"{prefix}{name}.")
            else:
                yield f"{prefix}{name} is a section, not {section!r}; set its fields"
        elif problem := rule(config[name]):
            yield f"{prefix}{name}: {problem}"
