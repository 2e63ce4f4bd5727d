"""Fields that were set, and that nothing of the config reads."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from jaxgan.networks import NETWORKS
from jaxgan.tasks import TASKS

ADAMS = {"adam", "adamw", "optimistic_adam"}

MIXTURES = {"mixture", "fixed_mixture"}

KNOWN = {
    "name": {"sgd", "rmsprop", *ADAMS, *MIXTURES, "uniform", "uniform_unit", "normal", "truncated_normal", "sphere"},
    "rate_schedule": {"constant", "exponential", "linear", "cosine"},
    "momentum_schedule": {"constant", "linear"},
}
"""Values of the choices; what others read, which users add, is not known here."""

READERS = {
    "b1": ("name", ADAMS),
    "b2": ("name", {"rmsprop", *ADAMS}),
    "eps": ("name", {"rmsprop", *ADAMS}),
    "weight_decay": ("name", {"adamw"}),
    "momentum": ("name", {"sgd", "rmsprop"}),
    "rate_decay": ("rate_schedule", {"exponential"}),
    "rate_floor": ("rate_schedule", {"exponential", "linear", "cosine"}),
    "momentum_final": ("momentum_schedule", {"linear"}),
    "momentum_epochs": ("momentum_schedule", {"linear"}),
    "components": ("name", MIXTURES),
    "spread": ("name", MIXTURES),
    "deviation": ("name", MIXTURES),
    "learn_deviation": ("name", {"mixture"}),
    "deviation_penalty": ("name", {"mixture"}),
}
"""Field of an optimizer, or of the latents, to the choice it depends on, and the values of that which read it."""


def unread(config: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """What of the fields that were set has no effect, and so not the one that was meant.

    Args:
      config: a config in which they are set.
      names: of the fields, with dots. A config's file may well set more than it reads; a command has a reason.

    Returns:
      One line for each that is not read, with what does not read it.
    """
    found = []
    for name in names:
        section, _, field = name.rpartition(".")
        if field in config.get(section, ()) and (why := _why(config, section, field)):
            found.append(f"{name} has no effect, as {why} does not read it; change that, or leave the field out")
    return found


def _why(config: Mapping[str, Any], section: str, field: str) -> str:
    """The choice by which the field is not read; "" if it is read."""
    values, choice = config[section], ""
    if section in TASKS and config["task"] != section:
        return f"task={config['task']}"
    if section in ("generator", "discriminator"):
        readers = {name for name, builder in NETWORKS.items() if field in inspect.signature(builder).parameters}
        if readers and values["network"] not in readers:
            choice = "network"
    elif (section.endswith("_optimizer") or section == "latent") and field in READERS:
        chosen, values_that_read = READERS[field]
        if values[chosen] in KNOWN[chosen] - values_that_read:
            choice = chosen
    return f"{section}.{choice}={values[choice]}" if choice else ""
