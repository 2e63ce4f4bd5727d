"""Reads the JSON files of a run's directory. They may be untrusted, so they are checked before use."""

import json
import math
import reprlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxgan.errors import DataError, in_one_line
from jaxgan.io.checkpoints import Checkpoints
from jaxgan.runs.directory import RunDirectory

LARGEST_FILE = 2**25
"""Maximum file size in bytes. No evaluation's JSON is larger."""

LONGEST = 10_000
"""Maximum length of a text."""

LARGEST = 2**31
"""Maximum number of values in an example, and of classes."""

NUMBER = int | float
OPTIONAL = int | float | None

RUN = {
    "config": {...: object},
    "window": {...: [NUMBER]},
    "data": {
        "example_shape": [int],
        "low": NUMBER,
        "high": NUMBER,
        "train_examples?": int,
        "fingerprint?": int,
        "labelled?": int,
        "classes?": int,
        "condition_shape?": [int],
        "mixture?": {"centers": [[NUMBER]], "sigma": NUMBER},
    },
    "format?": int,
    "setbacks?": int,
    "largest?": NUMBER,
}
"""The pattern of a checkpoint's JSON, stored beside the arrays; see `misfit`."""

_MEASURED = {"value": OPTIONAL, "standard_error": OPTIONAL}
EVALUATION = {
    "step": int,
    "seed": int,
    "samples": int,
    "dataset": str,
    "sampling": {"method": str, "truncation?": NUMBER},
    "sampled": {...: NUMBER},
    "features": {"name": str, ...: str | int | float | None},
    "scores": [
        _MEASURED
        | dict.fromkeys(("name", "unit", "better", "features", "split"), str)
        | {"samples": int, "against": int, "real_data": _MEASURED | {"samples": int}}
    ],
    "task?": {
        "scores": [{"name": str, "better": str, "examples": int, "values": {...: _MEASURED}}],
        "notes": [str],
    },
    "notes": [str],
    "pictures?": [str],
}
"""The pattern of an `evaluation/*.json`."""


FORMAT = 1
"""Format version of a checkpoint's JSON. Earlier checkpoints have none; programs with a later version read this one."""


class SavedRun(NamedTuple):
    """The JSON of a checkpoint, stored beside its arrays.

    Attributes:
      config: the run's config; its fields are not checked.
      data: the result of `Inputs.describe`.
      window: metric values of the steps since the last line of metrics, by name.
      setbacks: how often the run had gone back to a checkpoint because it diverged.
      largest: largest magnitude of any parameter of the players.
    """

    config: Mapping[str, Any]
    data: Mapping[str, Any]
    window: Mapping[str, list[float]]
    setbacks: int
    largest: float


def misfit(value: Any, pattern: Any, name: str) -> str:
    """Describes where a JSON value does not match a pattern; "" if it matches.

    Args:
      value: any value.
      pattern: a type or union of types (numbers must be finite and below 2^63, texts not too long); `[pattern]` for a
        list; `{name: pattern}` for a mapping with these names, where `name?` is optional and ... means all other names.
      name: name of the value.
    """
    if isinstance(pattern, list):
        if not isinstance(value, list):
            return f"{name} is {reprlib.repr(value)}, and no list"
        return next(filter(None, (misfit(part, pattern[0], f"{name}[{i}]") for i, part in enumerate(value))), "")
    if isinstance(pattern, dict):
        if not isinstance(value, dict):
            return f"{name} is {reprlib.repr(value)}, and no object"
        known = {key.removesuffix("?"): part for key, part in pattern.items() if key is not ...}
        if missing := [key for key in known if key in pattern and key not in value]:
            return f"{name} has no {missing[0]}"
        parts = ((f"{name}.{key[:40]}", part, known.get(key, pattern.get(..., object))) for key, part in value.items())
        return next(filter(None, (misfit(part, wanted, path) for path, part, wanted in parts)), "")
    if pattern is object:
        return ""
    fits = isinstance(value, pattern) and (not isinstance(value, bool) or pattern is bool)
    if fits and isinstance(value, int | float):
        fits = math.isfinite(value) if isinstance(value, float) else abs(value) < 2**63
    if fits and isinstance(value, str):
        fits = len(value) <= LONGEST
    return "" if fits else f"{name} is {reprlib.repr(value)}"


def read_run(checkpoints: Checkpoints, step: int | None = None) -> SavedRun:
    """Reads the JSON of a checkpoint.

    Raises:
      UsageError: there is no such checkpoint.
      DataError: it is damaged, or does not belong to a run.
    """
    extra = checkpoints.extra(step)
    if wrong := misfit(extra, RUN, "it") or wrong_data(extra["data"]):
        which = checkpoints.latest_step() if step is None else step
        raise DataError(
            f"checkpoint {checkpoints.directory / str(which)} is not one of a run", wrong, "use a whole copy of the run"
        )
    if extra.get("format", FORMAT) > FORMAT:
        why = f"its format is {extra['format']}, and this program knows {FORMAT}"
        raise DataError(f"cannot read the checkpoints in {checkpoints.directory}", why, "install a newer jaxgan")
    beside = extra.get("setbacks", 0), extra.get("largest", 0.0)
    return SavedRun(extra["config"], extra["data"], extra["window"], *beside)


def wrong_data(data: Mapping[str, Any]) -> str:
    """Describes the problem with a result of `Inputs.describe`; "" if there is none."""
    for name, most in (("example_shape", LARGEST), ("condition_shape", 2**24)):
        shape = data.get(name, [1])
        if not 1 <= len(shape) <= 4 or min(shape) < 1 or math.prod(shape) > most:
            return f"data.{name} is {reprlib.repr(shape)}"
    shape, centers = data["example_shape"], data.get("mixture", {}).get("centers", [])
    if not 1 <= data.get("classes", 1) <= LARGEST:
        return f"data.classes is {data['classes']}"
    if data["low"] > data["high"]:
        return f"data.low is {data['low']}, and data.high {data['high']}"
    if any(len(center) != shape[0] for center in centers) or data.get("mixture", {}).get("sigma", 1) <= 0:
        return f"data.mixture is {reprlib.repr(data['mixture'])}"
    return ""


DIVERGENCES = [{"step": int, "back_to": int, "why": str}]
"""The pattern of `divergences.json`: the steps at which a run diverged, and went back to (0 for its beginning)."""


def read_divergences(directory: RunDirectory) -> list[dict[str, Any]]:
    """The run's divergences, at each of which it went back; DataError if the file does not match the pattern."""
    if not directory.divergences.exists():
        return []
    try:
        found = json.loads(directory.divergences.read_bytes())
        if wrong := misfit(found, DIVERGENCES, "it"):
            raise ValueError(wrong)
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"cannot read {directory.divergences}", in_one_line(error), "use a whole copy of the run"
        ) from error
    return found


def best_step(directory: RunDirectory, way: str, steps: Sequence[int]) -> int | None:
    """The step with the best evaluation by the first of its scores; None if no step has a score.

    Args:
      directory: directory of a run.
      way: how samples were drawn; see `sampling_name`.
      steps: the steps to choose from.
    """
    paths = {step: directory.evaluation_file(step, 0, way) for step in steps}
    found = {step: report for step, path in paths.items() if path.exists() and (report := read_evaluation(path))}
    first = {step: report["scores"][0] for step, report in found.items() if report["scores"]}
    name = first[max(first)]["name"] if first else ""  # the first score may have changed
    orders = {
        step: -score["value"] if score["better"] == "higher" else score["value"]
        for step, score in first.items()
        if score["name"] == name and score["value"] is not None
    }
    return min(orders, key=lambda step: (orders[step], step), default=None)


def read_evaluation(path: Path) -> dict[str, Any] | None:
    """Reads an `evaluation/*.json`; None, with a warning that says why, if it is invalid.

    Reports of earlier versions do not say how samples were drawn: always plainly.
    """
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_FILE:
            raise ValueError(f"it is not a file of at most {LARGEST_FILE:,} bytes")
        report = json.loads(path.read_bytes())
        if isinstance(report, dict):
            report = {"sampling": {"method": "plain"}, "sampled": {}} | report
        if wrong := misfit(report, EVALUATION, "it"):
            raise ValueError(wrong)
    except (OSError, ValueError, RecursionError) as error:
        print(f"jaxgan: warning: {path} is left out; {in_one_line(error)}", file=sys.stderr, flush=True)
        return None
    return report
