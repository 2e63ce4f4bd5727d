"""The command line's `--config=FILE[:argument]` and `--config.field=value`, with every problem named at once."""

import ast
import importlib.util
import operator
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ml_collections import ConfigDict

from jaxgan.config import fields
from jaxgan.errors import UsageError

PREFIX = "config."


def split_overrides(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Parts `--config.field=value` (or `--config.field value`) from the other arguments.

    Returns:
      The other arguments, and the overrides by field.

    Raises:
      UsageError: if an override has no value.
    """
    others, overrides = [], {}
    waiting = iter(arguments)
    for argument in waiting:
        name, equals, value = argument.lstrip("-").partition("=")
        if not argument.startswith("-") or not name.startswith(PREFIX):
            others.append(argument)
            continue
        if not equals:
            following = next(waiting, None)
            if following is None or following.startswith("--"):
                raise UsageError(f"--{name}", "has no value", f"write --{name}=VALUE")
            value = following
        overrides[name.removeprefix(PREFIX)] = value
    return others, overrides


def load_config(location: str) -> ConfigDict:
    """The config that a file's `get_config(argument)` makes.

    Args:
      location: a path, with `:argument` behind it if wanted (`configs/mnist.py:gpu`).

    Raises:
      UsageError: if the file is missing or does not give a config.
    """
    name, _, argument = location.partition(":")
    path = pathlib.Path(name)
    if not path.is_file():
        there = {other.stem: other for other in sorted(path.parent.glob("*.py"))} if path.parent.is_dir() else {}
        near = fields.did_you_mean(there[stem] for stem in fields.alike(path.stem, there))
        remedy = f"choose one of {', '.join(map(str, there.values()))}" if there else "give the path of a config file"
        raise UsageError(f"--config={location}", f"there is no file {name}", near or remedy)
    if argument not in ("", "cpu", "gpu", "tpu"):
        raise UsageError(f"--config={location}", f"{argument!r} is no platform", "write :cpu, :gpu, :tpu or nothing")
    spec = importlib.util.spec_from_file_location("jaxgan_config_file", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"--config={location}", "it is not a Python file", "give the path of a config file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        config = module.get_config(argument) if argument else module.get_config()
    except Exception as error:
        raise UsageError(f"--config={location}", f"{type(error).__name__}: {error}", "mend the file") from error
    if not isinstance(config, ConfigDict):
        raise UsageError(f"--config={location}", "get_config() does not return a ConfigDict", "mend the file")
    return config


def override(config: ConfigDict, overrides: dict[str, str]) -> list[str]:
    """Sets the fields named on the command line to values of the type they have.

    Args:
      config: changed in place.
      overrides: field with dots to its text.

    Returns:
      The problems found, one line each.
    """
    return [problem for name, text in overrides.items() for problem in _override(config, name, text)]


def changed(before: ConfigDict, after: ConfigDict, names: Iterable[str]) -> list[str]:
    """Those of the fields, with dots, that `override` has given another value; others may be no fields."""
    known = set(_paths(before))
    values = {name: operator.attrgetter(name) for name in names if name in known}
    return [name for name, value in values.items() if value(before) != value(after)]


def _override(config: ConfigDict, name: str, text: str) -> Iterator[str]:
    section: Any = config
    *parents, field = name.split(".")
    for depth, parent in enumerate(parents):
        if parent not in section or not isinstance(section[parent], ConfigDict):
            known = [key for key in section if isinstance(section[key], ConfigDict)]
            yield f"{'.'.join(parents[: depth + 1])} is no section{fields.nearest(parent, known)}"
            return
        section = section[parent]
    if field not in section:
        prefix = "".join(f"{parent}." for parent in parents)
        wanted = fields.ELSEWHERE.get(field, field)
        elsewhere = [path for path in _paths(config) if path.rpartition(".")[2] in (field, wanted)]
        near = fields.nearest(field, section) if wanted in (field, *section) else ""
        hint = near or f"; {fields.did_you_mean(elsewhere)}".removesuffix("; ")
        yield f"{prefix}{field} is no field{hint}"
    elif isinstance(section[field], ConfigDict):
        yield f"{name} is a section; set its fields, such as {name}.{next(iter(section[field]), '')}"
    else:
        try:
            section[field] = _convert(text, section[field])
        except (ValueError, SyntaxError, TypeError, KeyError):
            yield f"{name}: {text!r} is not {_describe(section[field])}"


def _convert(text: str, current: Any) -> Any:
    """The text as a value of the type of the field's current one."""
    if isinstance(current, str):
        return text
    if isinstance(current, bool):
        return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
    value = ast.literal_eval(text.replace("_", "") if not isinstance(current, tuple) else text)
    if isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(current, int) and isinstance(value, float) and value.is_integer():
        return int(value)  # 1e5 steps
    if isinstance(current, tuple) and isinstance(value, list | int):
        value = tuple(value) if isinstance(value, list) else (value,)
    if type(value) is not type(current):
        raise TypeError
    return value


def _describe(value: Any) -> str:
    known = {bool: "true or false", int: "a whole number", float: "a number", tuple: 'a tuple such as "(256, 256)"'}
    return known.get(type(value), f"a {type(value).__name__}")


def _paths(config: ConfigDict, prefix: str = "") -> Iterator[str]:
    for name in config:
        if isinstance(config[name], ConfigDict):
            yield from _paths(config[name], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
