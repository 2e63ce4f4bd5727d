"""The numbers of a config that are arguments of its compiled step, and no constants in it.

With another rate the same program then trains, be it the next run or the next member of a sweep; and a member's program
is that of a run of its own, so that both round alike. XLA would fold a constant into products, which round otherwise.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax

from jaxgan.training.population import Varying

OPTIMIZER_NUMBERS: dict[str, tuple[str, ...]] = {
    "sgd": ("momentum",),
    "adam": ("b1", "b2", "eps"),
    "adamw": ("b1", "b2", "eps", "weight_decay"),
    "rmsprop": ("b2", "eps", "momentum"),
    "optimistic_adam": ("b1", "b2", "eps"),
}
"""Fields of an optimizer's section, by its name, while the momentum is constant."""

SCHEDULE_NUMBERS = {"constant": ("learning_rate",), "exponential": ("learning_rate", "rate_decay", "rate_floor")}
"""The same, by the rate's schedule; the others compute with their numbers in Python."""


def number_fields(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields, with dots, whose numbers are arguments; not those that are 0, which leaves a part of the step out."""
    names = ["average_decay", "consensus"]
    for player in ("generator_optimizer", "discriminator_optimizer"):
        section = config[player]
        taken = ("clip_norm", *SCHEDULE_NUMBERS.get(section["rate_schedule"], ()))
        taken += OPTIMIZER_NUMBERS[section["name"]] if section["momentum_schedule"] == "constant" else ()
        names += [f"{player}.{name}" for name in taken]
        names += [f"{player}.{name}" for name in ("historical_averaging", "clip_weights", "max_column_norm")]
    latent = config["latent"]
    names += ["latent.deviation_penalty"] if latent["name"] == "mixture" and latent["learn_deviation"] else []
    optimization = config["latent_optimization"]
    names += [f"latent_optimization.{name}" for name in optimization] if optimization["step"] else []
    names += [f"penalties.{name}" for name in config["penalties"] if name != "interval"]
    names += [f"terms.{name}" for name, weight in config["terms"].items() if (name, weight) != ("adversarial", 1)]
    if config["task"] == "semi_supervised":
        names += [f"semi_supervised.{name}" for name in ("unsupervised", "entropy", "average_decay")]
    return tuple(name for name in names if value_of(config, name))


def numbers_of(config: Mapping[str, Any]) -> dict[str, Varying]:
    """The numbers of a run, by field."""
    return jax.tree.map(lambda leaf: leaf[0], stacked_numbers([config]))


def stacked_numbers(configs: Sequence[Mapping[str, Any]]) -> dict[str, Varying]:
    """The numbers [members] of runs of one structure, by field."""
    names = number_fields(configs[0])
    return {name: Varying.of([value_of(config, name) for config in configs]) for name in names}


def value_of(config: Mapping[str, Any], name: str) -> Any:
    """A field's value, by its name with dots."""
    value: Any = config
    for part in name.split("."):
        value = value[part]
    return value


def with_values(config: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a config with some fields, named with dots, replaced."""
    copy = dict(config)
    for name, value in values.items():
        section, _, field = name.rpartition(".")
        if section:
            copy[section] = {**copy[section], field: value}
        else:
            copy[field] = value
    return copy
