"""Fields that were set, and that a run's networks, optimizers, latents or task do not read."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jaxgan.configuration.rules import ABSENT
from jaxgan.latents import LATENTS
from jaxgan.networks import NETWORKS
from jaxgan.optimizers import OPTIMIZERS
from jaxgan.tasks import TASKS

BY_MOMENTUM = {"sgd", "rmsprop"}

BLIND = {
    "b1": ("name", BY_MOMENTUM),
    "b2": ("name", {"sgd"}),
    "eps": ("name", {"sgd"}),
    "weight_decay": ("name", {"sgd", "adam", "rmsprop", "optimistic_adam"}),
    "rate_decay": ("rate_schedule", {"constant", "linear", "cosine"}),
    "rate_floor": ("rate_schedule", {"constant"}),
    "momentum_final": ("momentum_schedule", {"constant"}),
    "momentum_epochs": ("momentum_schedule", {"constant"}),
}
"""Field of an optimizer to the choice it depends on, and the values of that which do not read it."""


def unread(config: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """What of the fields that were set has no effect, and so not the one that was meant.

    Args:
      config: a config in which they are set.
      names: of the fields, with dots. A config's file may well set more than it reads; a command has a reason.

    Returns:
      One line for each that is not read, with what does not read it. A value that says that something is not there,
      `ABSENT`, is always as it should be, and so is what depends on a choice that there is not.
    """
    found = []
    for name in names:
        section, _, field = name.rpartition(".")
        values = config.get(section, {})
        if field in values and (field not in ABSENT or values[field] != ABSENT[field]):
            why = _why(config, section, field)
            if why:
                found.append(f"{name} has no effect, as {why} does not read it; change that, or leave the field out")
    return found


def _why(config: Mapping[str, Any], section: str, field: str) -> str:
    """The choice by which the field is not read; "" if it is read."""
    values = config[section]
    if section in TASKS:
        return f"task={config['task']}" if config["task"] in TASKS.keys() - {section} else ""
    choice, blind = "", set[str]()
    if section in ("generator", "discriminator"):
        choice, blind = "network", _without(field, NETWORKS)
    elif section == "latent" and field in ("components", "spread", "deviation"):
        choice, blind = "name", _without(field, LATENTS) - {"mixture"}
    elif section == "latent" and field in ("learn_deviation", "deviation_penalty"):
        choice, blind = "name", LATENTS.keys() - {"mixture"}
    elif section.endswith("_optimizer") and field == "momentum":
        choice, blind = "name", OPTIMIZERS.keys() - BY_MOMENTUM
    elif section.endswith("_optimizer") and field in BLIND:
        choice, blind = BLIND[field]
    return f"{section}.{choice}={values[choice]}" if choice and values[choice] in blind else ""


def _without(field: str, table: Mapping[str, Callable[..., Any]]) -> set[str]:
    """Entries that do not take the field, if any does: else it is read elsewhere."""
    takes = {name for name, entry in table.items() if field in inspect.signature(entry).parameters}
    return table.keys() - takes if takes else set()
