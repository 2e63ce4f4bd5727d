"""From a checked config to the parts of a run."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optax

from jaxgan.config.experiment import DataFacts, Experiment, Hyperparameters, Sampling
from jaxgan.config.schema import TASK_PROVIDED, complete, evaluator_parameters, further, traced, value_of
from jaxgan.datasets import DATASETS, Dataset
from jaxgan.errors import UsageError
from jaxgan.evaluation import EVALUATORS, Evaluator
from jaxgan.fields import parameters, taken
from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES, smooth_real_labels
from jaxgan.losses.penalties import PENALTIES, lazy
from jaxgan.losses.terms import TERMS, weigh_generator
from jaxgan.networks import NETWORKS
from jaxgan.optimizers import (
    MOMENTUM_SCHEDULES,
    OPTIMIZERS,
    RATE_SCHEDULES,
    clip_weights,
    historical_averaging,
    limit_column_norms,
)
from jaxgan.tasks import TASKS, Task
from jaxgan.training.coordination import Coordination, linear_steps
from jaxgan.training.latent_optimization import LatentOptimization
from jaxgan.types import Latent, Lazy, Loss, Network, Penalty
from jaxgan.wrappers.augmentation import AUGMENTATIONS, augmented
from jaxgan.wrappers.conditions import one_hot, unconditional
from jaxgan.wrappers.packing import pack
from jaxgan.wrappers.precision import PRECISIONS, compute_in

Number = Callable[[str], Any]
"""`field -> its value`: that of the hyperparameters if it is among them, else the config's."""


def build(config: Any, facts: DataFacts) -> Experiment:
    """The parts of a run.

    Args:
      config: one that `check` has passed: a ConfigDict, or a nested mapping.
      facts: what the data is like.

    Returns:
      An `Experiment`.

    Raises:
      UsageError: a network or the task does not suit the data.
    """
    config = complete(config)
    _check_classes(config, facts)
    number = functools.partial(value_of, config)
    latent = build_latent(config, number)
    task = _task(config, facts, latent, number)
    networks = functools.cache(functools.partial(_networks, config, facts, task, latent))
    networks(None)  # so that what does not suit the data is said now
    loss = build_loss(config, number)
    return Experiment(
        networks=networks,
        latent=latent,
        task=task,
        step_options=functools.partial(_step_options, config, facts),
        hyperparameters={name: value_of(config, name) for name in traced(config)},
        sampling=Sampling(**config["sampling"], log_ratio=loss.log_ratio),
        example_shape=facts.example_shape,
        packing=config["packing"],
        first=facts.first,
        # A virtual batch norm keeps the latents that the generator is initialised with.
        first_examples=config["batch_size"] if config["generator"]["normalization"] == "virtual" else 2,
        classes=facts.classes,
        conditions=facts.vectors if facts.classes is None else np.arange(facts.classes, dtype=np.int32),
    )


def _step_options(config: Mapping[str, Any], facts: DataFacts, hyperparameters: Hyperparameters) -> dict[str, Any]:
    """The arguments of `make_train_step`. Which parts there are depends on the config only."""

    def number(name: str) -> Any:
        return hyperparameters[name] if name in hyperparameters else value_of(config, name)

    latent = build_latent(config, number)
    task = _task(config, facts, latent, number)
    loss = task.loss(build_loss(config, number))
    if config["real_label"] != 1:
        loss = smooth_real_labels(loss, config["real_label"])
    if config["terms"]["adversarial"] != 1:
        loss = weigh_generator(loss, number("terms.adversarial"))

    # How often each optimizer counts: its own updates in a step, and in an epoch of the data.
    k, m = config["discriminator_steps"], config["generator_steps"]
    batches = max(facts.train_examples // config["batch_size"], 1)
    seen = 1 + config["extragradient"]  # gradients that an optimizer sees, and counts, for an update
    generator_tx = _optimizer(config, number, "generator_optimizer", m * seen, batches * m * seen / k)
    discriminator_tx = _optimizer(config, number, "discriminator_optimizer", k * seen, batches * seen)
    return {
        "loss": loss,
        "generator_tx": latent.generator_tx(generator_tx) if latent.generator_tx else generator_tx,
        "discriminator_tx": task.discriminator_tx(discriminator_tx),
        "discriminator_steps": k,
        "generator_steps": m,
        "average_decay": number("average_decay") if config["average_decay"] else None,
        "accumulation_steps": config["accumulation_steps"],
        "penalties": _penalties(config, number),
        "unrolled_steps": config["unrolled_steps"],
        "coordination": _coordination(config["coordination"], k),
        "consensus": number("consensus") if config["consensus"] else None,
        "extragradient": config["extragradient"],
        "terms": (*_weighted(TERMS, "terms", config, number), *task.terms),
        "latent_optimization": _latent_optimization(config, number),
    }


def _arguments(function: Callable[..., Any], section: str, config: Mapping[str, Any], number: Number) -> dict[str, Any]:
    """The fields of a section that a function takes."""
    return {name: number(f"{section}.{name}") for name in taken(function, config.get(section, {}))}


def build_loss(config: Mapping[str, Any], number: Number) -> Loss:
    """The loss that a config names, made with its options if it is a function of some."""
    entry = LOSSES[config["loss"]]
    return entry if isinstance(entry, Loss) else entry(**_arguments(entry, "loss_options", config, number))


def build_latent(config: Mapping[str, Any], number: Number) -> Latent:
    """The prior that a config names.

    Raises:
      ValueError: its dimensions do not suffice.
    """
    entry = LATENTS[config["latent"]["name"]]
    return entry(**_arguments(entry, "latent", config, number))


def _task(config: Mapping[str, Any], facts: DataFacts, latent: Latent, number: Number) -> Task:
    """The task, made with the section of its name and with what it asks of the program."""
    name = config["task"]
    entry = TASKS[name]
    provided = dict(zip(TASK_PROVIDED, (facts.example_shape, latent, facts.labelled), strict=True))
    try:
        return entry(**taken(entry, provided), **_arguments(entry, name, config, number))
    except ValueError as error:
        raise UsageError(
            f"task={name} does not suit the data", str(error), f"change the config's section {name}"
        ) from error


def _optimizer(
    config: Mapping[str, Any], number: Number, name: str, updates_per_step: int, updates_per_epoch: float
) -> optax.GradientTransformation:
    """A player's optimizer, with its schedules and what stands before and behind it."""
    section = config[name]
    values = {field: number(f"{name}.{field}") for field in section}
    rate = RATE_SCHEDULES[section["rate_schedule"]]
    values["learning_rate"] = rate(**taken(rate, {**values, "updates": config["steps"] * updates_per_step}))
    optimizer, momentum = OPTIMIZERS[section["name"]], MOMENTUM_SCHEDULES[section["momentum_schedule"]]
    for field, spec in parameters(optimizer).items():
        if spec.field.scheduled:
            given = {**values, "momentum": values[field], "updates_per_epoch": updates_per_epoch}
            values[field] = momentum(**taken(momentum, given))
    parts = [optimizer(**taken(optimizer, values))]
    if section["clip_norm"]:
        parts.insert(0, optax.clip_by_global_norm(values["clip_norm"]))
    if section["historical_averaging"]:
        parts.insert(0, historical_averaging(values["historical_averaging"]))
    if section["clip_weights"]:
        parts.append(clip_weights(values["clip_weights"]))
    if section["max_column_norm"]:
        parts.append(limit_column_norms(values["max_column_norm"]))
    return parts[0] if len(parts) == 1 else optax.chain(*parts)


def _weighted(table: Mapping[str, Callable[..., Any]], section: str, config: Mapping[str, Any], number: Number) -> list:
    """The entries of a table whose weight in the section is not 0, in the table's order, with their parameters."""
    found = []
    for name, entry in table.items():
        if config[section].get(name):
            weight = next(iter(parameters(entry)))
            given = {other: number(f"{section}.{name}_{other}") for other in further(table, name)}
            found.append(entry(**{weight: number(f"{section}.{name}"), **given}))
    return found


def _penalties(config: Mapping[str, Any], number: Number) -> tuple[Penalty | Lazy, ...]:
    interval = config["penalties"]["interval"]
    found = _weighted(PENALTIES, "penalties", config, number)
    return tuple(found if interval == 1 else (lazy(penalty, interval) for penalty in found))


def _coordination(section: Mapping[str, Any], k: int) -> Coordination | None:
    first, last = section["initial_steps"] or k, section["final_steps"] or k
    if (first, last) == (k, k) and section["accuracy_limit"] == 1:
        return None
    steps = None if (first, last) == (k, k) else linear_steps(first, last, section["over"])
    return Coordination(steps, section["accuracy_limit"])


def _latent_optimization(config: Mapping[str, Any], number: Number) -> LatentOptimization | None:
    section = config["latent_optimization"]
    if not section["step"]:
        return None
    step, damping, cost = (number(f"latent_optimization.{name}") for name in ("step", "damping", "cost"))
    return LatentOptimization(step, damping if section["damping"] else None, cost)


def load_dataset(config: Mapping[str, Any], memory_limit: int) -> Dataset:
    """Reads the dataset that a config names.

    Raises:
      DataError: it is missing or damaged.
    """
    section = config["dataset"]
    loader = DATASETS[section["name"]]
    return loader(**taken(loader, {**section, "seed": config["seed"], "memory_limit": memory_limit}))


def build_evaluators(config: Mapping[str, Any]) -> dict[str, Evaluator]:
    """All evaluators, made with their fields of the section `evaluation`."""
    found = {}
    for name, evaluator in EVALUATORS.items():
        given = {other: config["evaluation"][f"{name}_{other}"] for other in evaluator_parameters(name)}
        found[name] = evaluator._replace(run=functools.partial(evaluator.run, **given)) if given else evaluator
    return found


def _check_classes(config: Mapping[str, Any], facts: DataFacts) -> None:
    outputs = config["discriminator"]["class_logits"]
    if config["terms"].get("auxiliary_classifier") and facts.classes not in (None, outputs):
        raise UsageError(
            f"discriminator.class_logits {outputs} does not suit the data",
            f"it has {facts.classes} classes, and terms.auxiliary_classifier has one output for each",
            f"set --config.discriminator.class_logits={facts.classes}",
        )


def _networks(
    config: Mapping[str, Any], facts: DataFacts, task: Task, latent: Latent, axis_name: str | None
) -> tuple[Network, Network]:
    """Both players' networks with all that is wrapped around them."""
    found = []
    for player, shape in (("generator", facts.example_shape), ("discriminator", ())):
        section = config[player]
        entry = NETWORKS[section["network"]]
        means = facts.means if section["output_bias"] == "data" else None
        values = {**section, "output_shape": shape, "means": means, "axis_name": axis_name}
        single = [name for name, spec in parameters(entry).items() if spec.kind == "str" and name in values]
        values |= {name: values[name][0] for name in single if isinstance(values[name], tuple)}
        automatic = [name for name in ("normalization", "conditioning") if section[name] == "auto"]
        try:
            network = entry(**{name: value for name, value in taken(entry, values).items() if name not in automatic})
        except ValueError as error:
            raise UsageError(
                f"{player}.network={section['network']} does not suit the data",
                str(error),
                f"change the fields of {player} that it names, or choose another {player}.network; mlp takes any data",
            ) from error
        network = compute_in(network, PRECISIONS[config["precision"]])
        network = (task.generator if player == "generator" else task.discriminator)(network, axis_name)
        if player == "discriminator":
            network = _augmented(config, pack(network, config["packing"]), facts)
        elif latent.generator is not None:
            network = latent.generator(network)
        if config["condition"] != "none" and not section["conditional"]:
            network = unconditional(network)
        elif facts.classes is not None:
            network = one_hot(network, facts.classes)
        found.append(network)
    return found[0], found[1]


def _augmented(config: Mapping[str, Any], discriminator: Network, facts: DataFacts) -> Network:
    """The discriminator behind the config's augmentations."""
    section = config["augmentation"]
    if not section["names"]:
        return discriminator
    if len(facts.example_shape) != 3 and set(section["names"]) != {"noise"}:
        raise UsageError(
            f"augmentation.names {','.join(section['names'])} does not suit the data",
            f"its examples are {list(facts.example_shape)}, and no images [height, width, channels]",
            "use noise, or no augmentation",
        )
    return augmented(
        discriminator,
        [AUGMENTATIONS[name] for name in section["names"]],
        probability=section["probability"],
        adaptive_target=section["adaptive_target"] or None,
        adaptive_speed=section["adaptive_speed"],
    )
