"""Parses `--config=FILE[:argument]` and `--config.field=value`, and reports all problems at once."""

from collections.abc import Iterable, Mapping
from typing import Any

from jaxgan import config_files
from jaxgan.config import schema, values
from jaxgan.config.values import Problem
from jaxgan.fields import describe
from jaxgan.tables import did_you_mean, elsewhere, nearest


def load_config(location: str) -> dict[str, Any]:
    """The config that a file's `get_config(argument)` returns. Missing fields get their defaults.

    Args:
      location: a path, or the name of a file in `configs/`, optionally followed by `:argument`
        (`configs/mnist.py:gpu`).

    Raises:
      UsageError: the file is missing or does not return a config.
    """
    return schema.complete(config_files.load(location))


def override(config: dict[str, Any], overrides: Mapping[str, str]) -> list[Problem]:
    """Sets the fields named on the command line.

    Args:
      config: a complete config, changed in place.
      overrides: text by dotted field name.

    Returns:
      The problems found.
    """
    found = []
    # Entries are chosen first, because the choice decides how their own fields are parsed.
    for name in sorted(overrides, key=lambda name: name.count(".") > 0):
        if problem := _override(config, name, overrides[name]):
            found.append(problem)
    return sorted(found, key=lambda problem: list(overrides).index(problem.field))


def changed(before: Mapping[str, Any], after: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Those of the dotted names whose values `override` has changed; names that are not fields are ignored."""
    old, new = schema.flattened(before), schema.flattened(after)
    return [name for name in names if name in new and (name not in old or old[name] != new[name])]


def _override(config: dict[str, Any], name: str, text: str) -> Problem | None:
    known = schema.rows(config)
    sections = schema.sections(known)
    section, _, field = name.rpartition(".")
    if name in sections:
        first = next((other for other in known if other.startswith(f"{name}.")), f"{name}.")
        return Problem(name, f"{name} is a section; set its fields, such as {first}")
    if section and section not in sections:
        return Problem(name, f"{section} is not a section{nearest(section, sections)}")
    if name not in known:
        others = [other for other in known if other.rpartition(".")[2] in (field, *elsewhere(field))]
        beside = [other for other in others if other.rpartition(".")[0] == section]
        hint = "" if others and not beside else schema.nearest_fields(section, field, known)
        hint = hint or f"; {did_you_mean(sorted(others))}".removesuffix("; ")
        return Problem(name, f"{name} is not a field{hint}")
    spec = known[name].spec
    try:
        value = values.parsed(spec, text)
    except values.UNREADABLE:
        return Problem(name, f"{name}: {text!r} is not {describe(spec)}")
    target = config.setdefault(section, {}) if section else config
    target[field] = value
    return None
