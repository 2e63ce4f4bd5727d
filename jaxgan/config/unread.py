"""Fields that were set, and that a run's networks, optimizers, latents or task do not read."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jaxgan.config.optimizing import BLIND, BY_MOMENTUM
from jaxgan.config.rules import ABSENT
from jaxgan.latents import LATENTS
from jaxgan.networks import NETWORKS
from jaxgan.optimizers import OPTIMIZERS
from jaxgan.sampling import METHODS
from jaxgan.tasks import TASKS

SWITCHES: dict[str, dict[str, tuple[str, set[Any]]]] = {
    "latent_optimization": {"damping": ("step", {0}), "cost": ("step", {0})},
    "augmentation": {
        "probability": ("names", {""}),
        "adaptive_target": ("names", {""}),
        "adaptive_speed": ("adaptive_target", {0}),
    },
    "sampling": {
        "burn_in": ("method", {*METHODS} - {"rejection"}),
        "percentile": ("method", {*METHODS} - {"rejection"}),
        "steps": ("method", {*METHODS} - {"driven"}),
        "step_size": ("method", {*METHODS} - {"driven"}),
        "adjusted": ("method", {*METHODS} - {"driven"}),
    },
}
"""Section to fields that only some values of another of its fields, a switch, let be read: the switch, and its values
that do not."""


def unread(names: Iterable[str], *configs: Mapping[str, Any]) -> list[str]:
    """What of the fields that were set has no effect, and so not the one that was meant.

    Args:
      names: of the fields, with dots. A config's file may well set more than it reads; a command has a reason.
      configs: a config in which they are set, or all of a sweep's, one of which has to read a field.

    Returns:
      One line for each that is not read, with the choice that does not read it. A value that says that something is
      not there, `ABSENT`, is always as it should be, and so is what depends on a choice that there is not.
    """
    found = []
    for name in names:
        section, _, field = name.rpartition(".")
        reasons: dict[str, None] = {}
        for config in configs:
            if _is_there(config, section, field):
                why = _why(config, section, field)
                if not why:
                    break
                reasons[why] = None
        else:
            if reasons:
                found.append(f"{name} has no effect with {' or '.join(reasons)}")
    return found


def _is_there(config: Mapping[str, Any], section: str, field: str) -> bool:
    """Whether a config has the field, with a value that does not say that something is not there."""
    values = config.get(section, {})
    return field in values and (field not in ABSENT or values[field] != ABSENT[field])


def _why(config: Mapping[str, Any], section: str, field: str) -> str:
    """The choice by which the field is not read; "" if it is read."""
    values = config[section]
    if section in TASKS:
        return f"task={config['task']}" if config.get("task") in TASKS.keys() - {section} else ""
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
    elif field in SWITCHES.get(section, ()):
        choice, blind = SWITCHES[section][field]
        if values.get(choice) not in blind:
            return _why(config, section, choice)  # which may be behind a switch itself
    if not choice or values.get(choice) not in blind:
        return ""
    return f"{section}.{choice}={'nothing' if values[choice] == '' else values[choice]}"


def _without(field: str, table: Mapping[str, Callable[..., Any]]) -> set[str]:
    """Entries that do not take the field, if any does: else it is read elsewhere."""
    takes = {name for name, entry in table.items() if field in inspect.signature(entry).parameters}
    return table.keys() - takes if takes else set()
