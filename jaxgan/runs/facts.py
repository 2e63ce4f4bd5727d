"""Facts about a run in words: on the terminal when it starts, in its `facts.json`, and at the top of its report."""

import functools
import json
import math
import pathlib
import platform
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from typing import Any, NamedTuple

import jax

import jaxgan
from jaxgan.io.atomic import write_json
from jaxgan.losses.penalties import PENALTIES
from jaxgan.losses.terms import TERMS
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.saved import LARGEST_FILE, misfit
from jaxgan.types import TrainState

Fact = tuple[str, str]
"""A name and a text."""

NAME, WIDTH = 13, 100
"""Length of the longest name, and columns of the terminal's lines; longer texts are wrapped."""

FACTS = {"facts": {...: str}, "versions": {...: str}, "commit": str, "seconds": int | float}
"""The pattern that `facts.json` must match."""


def announce(facts: Iterable[Fact], warnings: Sequence[str] = ()) -> None:
    """Prints facts, one per line. Warnings go to stderr."""
    for name, text in facts:
        indent = " " * (NAME + 2)
        print(
            textwrap.fill(
                text,
                WIDTH,
                initial_indent=f"{name:<{NAME}}  ",
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
    sys.stdout.flush()
    for warning in warnings:
        print(f"jaxgan: warning: {warning}", file=sys.stderr, flush=True)


def game_in_words(config: Mapping[str, Any]) -> list[Fact]:
    """The loss, any additions to it and to Algorithm 1, and the length of training."""
    parts, usual = [config["loss"]], {"task": "none", "condition": "none", "updates": "alternating"}
    for section, table in (("penalties", PENALTIES), ("terms", TERMS)):
        parts += [f"{section}.{name} {config[section][name]:g}" for name in table if config[section][name]]
    if names := config["augmentation"]["names"]:
        parts.append(f"augmentation {' '.join(names)}")
    if levels := config["guidance"]["levels"]:
        parts.append(f"guidance of {levels} levels")
    averages = ("generator_batches", "average_decay", "average_half_life")
    parts += [f"{name} {config[name]}" for name in (*usual, *averages) if config[name] != usual.get(name, 0)]
    if config["schedules"]:
        parts.append(f"schedules {config['schedules']}")
    k, batch = config["discriminator_steps"], config["batch_size"]
    each = f"{k} x {batch}" if k > 1 else f"{batch}"
    training = f"{config['steps']:,} steps of {each} examples, seed {config['seed']}"
    return [("loss", ", ".join(parts)), ("training", training)]


def players_in_words(config: Mapping[str, Any], state: TrainState) -> list[Fact]:
    """The networks of a state (or of its shapes), and their optimizers."""
    facts = []
    for player in ("generator", "discriminator"):
        count = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(getattr(state, player).params))
        optimizer = config[f"{player}_optimizer"]
        rate = f"{optimizer['name']} at {optimizer['learning_rate']:g}"
        facts.append((player, f"{config[player]['network']}, {count:,} parameters, {rate}"))
    return facts


def devices_in_words(mapping: str = "") -> Fact:
    """The devices, and how a step is mapped over several of them; "" if each member of a sweep has its own device."""
    count, kind = jax.device_count(), jax.devices()[0].device_kind
    return "device", f"{count} x {kind}" + (f", mapping {mapping}" if count > 1 and mapping else "")


def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that affect the numbers."""
    names = ("jaxgan", "jax", "jaxlib", "flax", "numpy")
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in names}}


@functools.cache
def commit() -> str:
    """The commit of the clone that contains this package, with "-dirty" if files differ; "" if unknown."""
    folder = pathlib.Path(jaxgan.__file__).parent.parent
    if not (folder / ".git").exists():
        return ""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()


class RunFacts(NamedTuple):
    """The content of a run's `facts.json`.

    Attributes:
      facts: texts by name.
      versions: library versions of the last program that trained the run.
      commit: commit of that program; "" if unknown.
      seconds: total training time, including compilation, pictures and scores; 0 if unknown.
    """

    facts: Mapping[str, str] = {}
    versions: Mapping[str, str] = {}
    commit: str = ""
    seconds: float = 0.0


def write_facts(directory: RunDirectory, facts: Iterable[Fact], seconds: float = 0.0) -> None:
    """Writes a run's `facts.json`; raises WriteError on failure."""
    texts: dict[str, str] = {}
    for name, text in facts:  # some, such as notes, may occur several times
        texts[name] = f"{texts[name]}; {text}" if name in texts else text
    found = RunFacts(texts, versions(), commit(), round(seconds, 1))
    write_json(directory.facts_file, found._asdict())


def read_facts(directory: RunDirectory) -> RunFacts:
    """The content of an untrusted `facts.json`; empty if it is missing or does not match the pattern."""
    path = directory.facts_file
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_FILE:
            return RunFacts()
        found = json.loads(path.read_bytes())
        return RunFacts() if misfit(found, FACTS, "it") else RunFacts(**{name: found[name] for name in FACTS})
    except (OSError, ValueError, RecursionError):
        return RunFacts()
