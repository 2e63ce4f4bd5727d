"""From a checked config to the parts of a run."""

import functools
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import optax

from jaxgan.config import fields
from jaxgan.config.experiment import DataFacts, Experiment, Sampling
from jaxgan.config.optimizing import build_optimizer
from jaxgan.config.rules import LISTS
from jaxgan.config.tasks import build_task
from jaxgan.datasets import DATASETS
from jaxgan.errors import UsageError
from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES, smooth_real_labels
from jaxgan.losses.penalties import PENALTIES, lazy
from jaxgan.losses.terms import TERMS, weigh_generator
from jaxgan.networks import NETWORKS
from jaxgan.sampling import LOG_RATIOS
from jaxgan.tasks import Task
from jaxgan.training.coordination import Coordination, linear_steps
from jaxgan.training.latent_optimization import LatentOptimization
from jaxgan.types import Latent, Lazy, Loss, Network, Penalty, Term
from jaxgan.wrappers.augmentation import AUGMENTATIONS, augmented
from jaxgan.wrappers.conditions import one_hot, unconditional
from jaxgan.wrappers.learned_mixture import deviation_penalty, learned_mixture
from jaxgan.wrappers.packing import pack
from jaxgan.wrappers.precision import PRECISIONS, compute_in


def build(config: Mapping[str, Any], facts: DataFacts) -> Experiment:
    """The parts of a run from a config that `check` has passed.

    Args:
      config: a ConfigDict, or a nested mapping like it.
      facts: what the data is like.

    Returns:
      An `Experiment`.

    Raises:
      UsageError: a network does not suit the data's shape.
    """
    _check_classes(config, facts)
    latent = build_latent(config["latent"])
    task = build_task(config, facts, latent)
    networks = functools.partial(_build_networks, config, facts, task)
    generator, discriminator = networks(None)
    k, m = config["discriminator_steps"], config["generator_steps"]
    batches = max(facts.train_examples // config["batch_size"], 1)
    seen = 1 + config["extragradient"]  # gradients that an optimizer sees, and counts, for an update
    make_tx = functools.partial(build_optimizer, steps=config["steps"])
    generator_tx = make_tx(config["generator_optimizer"], m * seen, batches * m * seen / k)
    return Experiment(
        generator=generator,
        discriminator=discriminator,
        loss=_loss(config, task),
        generator_tx=_with_deviation_penalty(config["latent"], generator_tx),
        discriminator_tx=task.discriminator_tx(make_tx(config["discriminator_optimizer"], k * seen, batches * seen)),
        latent=latent,
        discriminator_steps=k,
        generator_steps=m,
        average_decay=config["average_decay"] or None,
        accumulation_steps=config["accumulation_steps"],
        penalties=_penalties(config["penalties"]),
        unrolled_steps=config["unrolled_steps"],
        coordination=_coordination(config["coordination"], k),
        consensus=config["consensus"] or None,
        extragradient=config["extragradient"],
        terms=(*_terms(config["terms"]), *task.terms),
        latent_optimization=_latent_optimization(config["latent_optimization"]),
        example_shape=facts.example_shape,
        packing=config["packing"],
        sampling=Sampling(**config["sampling"], log_ratio=LOG_RATIOS.get(config["loss"])),
        networks=networks,
        classes=facts.classes,
        task=task,
        conditions=facts.vectors if facts.classes is None else np.arange(facts.classes, dtype=np.int32),
        # A virtual batch norm keeps the latents that the generator is initialised with.
        first=facts.first,
        first_examples=config["batch_size"] if config["generator"]["normalization"] == "virtual" else 2,
    )


def build_latent(section: Mapping[str, Any]) -> Latent:
    """The prior that a config's section names, made with those of its fields that it takes.

    Raises:
      ValueError: its dimensions do not suffice.
    """
    builder = LATENTS[section["name"]]
    taken = set(inspect.signature(builder).parameters) & {"components", "spread", "deviation"}
    return builder(section["dim"], **{name: section[name] for name in taken})


def _with_mixture(section: Mapping[str, Any], generator: Network) -> Network:
    """The generator, which learns its prior if that is a mixture to be learned."""
    if section["name"] != "mixture":
        return generator
    start = {name: section[name] for name in ("spread", "deviation", "learn_deviation")}
    return learned_mixture(generator, section["components"], section["dim"], **start)


def _with_deviation_penalty(
    section: Mapping[str, Any], generator_tx: optax.GradientTransformation
) -> optax.GradientTransformation:
    if section["name"] != "mixture" or not section["learn_deviation"] or not section["deviation_penalty"]:
        return generator_tx
    return optax.chain(deviation_penalty(section["deviation_penalty"]), generator_tx)


def _loss(config: Mapping[str, Any], task: Task) -> Loss:
    loss, weight = task.loss(LOSSES[config["loss"]]), config["terms"]["adversarial"]
    loss = loss if config["real_label"] == 1 else smooth_real_labels(loss, config["real_label"])
    return loss if weight == 1 else weigh_generator(loss, weight)


def _terms(section: Mapping[str, Any]) -> tuple[Term, ...]:
    return tuple(build(section[name]) for name, build in TERMS.items() if section.get(name))


def _check_classes(config: Mapping[str, Any], facts: DataFacts) -> None:
    outputs = config["discriminator"]["class_logits"]
    if config["terms"].get("auxiliary_classifier") and facts.classes not in (None, outputs):
        raise UsageError(
            f"discriminator.class_logits {outputs} does not suit the data",
            f"it has {facts.classes} classes, of which terms.auxiliary_classifier tells",
            f"set --config.discriminator.class_logits={facts.classes}",
        )


def _penalties(section: Mapping[str, Any]) -> tuple[Penalty | Lazy, ...]:
    # In the table's order, whatever the section's is.
    found = [build(section[name]) for name, build in PENALTIES.items() if section.get(name)]
    return tuple(found if section["interval"] == 1 else (lazy(penalty, section["interval"]) for penalty in found))


def _coordination(section: Mapping[str, Any], k: int) -> Coordination | None:
    first, last = section["initial_steps"] or k, section["final_steps"] or k
    if (first, last) == (k, k) and section["accuracy_limit"] == 1:
        return None
    steps = None if (first, last) == (k, k) else linear_steps(first, last, section["over"])
    return Coordination(steps, section["accuracy_limit"])


def _latent_optimization(section: Mapping[str, Any]) -> LatentOptimization | None:
    return LatentOptimization(section["step"], section["damping"] or None, section["cost"]) if section["step"] else None


def dataset_options(config: Mapping[str, Any], memory_limit: int) -> dict[str, Any]:
    """The arguments of the dataset's loader: those of its parameters that the config and the program give."""
    section = config["dataset"]
    values = {**section, "seed": config["seed"], "memory_limit": memory_limit}
    return {name: values[name] for name in inspect.signature(DATASETS[section["name"]]).parameters if name in values}


def _build_networks(
    config: Mapping[str, Any], facts: DataFacts, task: Task, axis_name: str | None
) -> tuple[Network, Network]:
    """Hands each player's network those fields of its section that it takes."""
    found = []
    for player, shape in (("generator", facts.example_shape), ("discriminator", ())):
        section = config[player]
        builder, means = NETWORKS[section["network"]], facts.means if section["output_bias"] == "data" else None
        values = {**section, "output_shape": shape, "means": means, "axis_name": axis_name}
        values |= {name: fields.as_numbers(section[name]) for name in LISTS}
        taken = set(inspect.signature(builder).parameters)
        taken -= {name for name in ("normalization", "conditioning") if section[name] == "auto"}
        try:
            network = builder(**{name: value for name, value in values.items() if name in taken})
        except ValueError as error:
            raise UsageError(
                f"{player}.network={section['network']} does not suit the data",
                str(error),
                f"change the fields of {player} that it names, or choose another {player}.network; mlp takes any data",
            ) from error
        network = compute_in(network, PRECISIONS[config["precision"]])
        network = (task.generator if player == "generator" else task.discriminator)(network, axis_name)
        if player == "discriminator":
            network = _seen_through(config, pack(network, config["packing"]), facts)
        else:
            network = _with_mixture(config["latent"], network)
        if config["condition"] != "none" and not section["conditional"]:
            network = unconditional(network)
        elif facts.classes is not None:
            network = one_hot(network, facts.classes)
        found.append(network)
    return found[0], found[1]


def _seen_through(config: Mapping[str, Any], discriminator: Network, facts: DataFacts) -> Network:
    """The discriminator behind the config's augmentations."""
    section = config["augmentation"]
    if not section["names"]:
        return discriminator
    names = [name.strip() for name in section["names"].split(",")]
    if len(facts.example_shape) != 3 and set(names) != {"noise"}:
        raise UsageError(
            f"augmentation.names {section['names']} does not suit the data",
            f"its examples are {list(facts.example_shape)}, and no images [height, width, channels]",
            "use noise, or no augmentation",
        )
    return augmented(
        discriminator,
        [AUGMENTATIONS[name] for name in names],
        probability=section["probability"],
        adaptive_target=section["adaptive_target"] or None,
        adaptive_speed=section["adaptive_speed"],
    )
