"""A player's optimizer from its section of a config, and which fields of that each choice leaves unread."""

from collections.abc import Mapping
from typing import Any

import optax

from jaxgan.optimizers import (
    OPTIMIZERS,
    RATE_SCHEDULES,
    Settings,
    clip_weights,
    historical_averaging,
    limit_column_norms,
    momentum_by_epoch,
)

BY_MOMENTUM = {"sgd", "rmsprop"}
"""Optimizers whose momentum is the field `momentum`; that of all others is `b1`."""

BLIND: dict[str, tuple[str, set[str]]] = {
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


def build_optimizer(
    section: Mapping[str, Any], updates_per_step: int, updates_per_epoch: float, *, steps: int
) -> optax.GradientTransformation:
    """A player's optimizer, with its schedules and what stands before and behind it.

    Args:
      section: the player's, of a checked config.
      updates_per_step, updates_per_epoch: of the player, as the optimizer counts them.
      steps: of the run.
    """
    rate = RATE_SCHEDULES[section["rate_schedule"]](
        section["learning_rate"],
        decay=section["rate_decay"],
        floor=section["rate_floor"],
        updates=steps * updates_per_step,
    )
    momentum = section["momentum" if section["name"] in BY_MOMENTUM else "b1"]
    if section["momentum_schedule"] == "linear":
        momentum = momentum_by_epoch(
            momentum,
            section["momentum_final"],
            epochs=section["momentum_epochs"],
            updates_per_epoch=updates_per_epoch,
        )
    settings = Settings(section["b2"], section["eps"], section["weight_decay"])
    parts = [OPTIMIZERS[section["name"]](rate, momentum, settings)]
    if section["clip_norm"]:
        parts.insert(0, optax.clip_by_global_norm(section["clip_norm"]))
    if section["historical_averaging"]:
        parts.insert(0, historical_averaging(section["historical_averaging"]))
    if section["clip_weights"]:
        parts.append(clip_weights(section["clip_weights"]))
    if section["max_column_norm"]:
        parts.append(limit_column_norms(section["max_column_norm"]))
    return parts[0] if len(parts) == 1 else optax.chain(*parts)
