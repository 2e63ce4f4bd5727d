"""From a ConfigDict to checked values, and from them to the parts of a run. Nothing below this file sees a config."""

import contextlib
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan import fields
from jaxgan.augment import AUGMENTATIONS, augmented
from jaxgan.coordination import Coordination, linear_steps
from jaxgan.datasets import DATASETS
from jaxgan.datasets.base import DatasetOptions
from jaxgan.errors import UsageError
from jaxgan.evaluation import EVALUATORS
from jaxgan.evaluation.alarms import ALARMS
from jaxgan.latents import LATENTS, Latent
from jaxgan.losses import LOSSES, Loss, smooth_real_labels
from jaxgan.networks import NETWORKS
from jaxgan.networks.layers import ACTIVATIONS, INITIALIZERS, OUTPUTS
from jaxgan.networks.minibatch import MINIBATCHES
from jaxgan.networks.normalization import NORMALIZATIONS
from jaxgan.optimizers import (
    OPTIMIZERS,
    RATE_SCHEDULES,
    Settings,
    clip_weights,
    historical_averaging,
    momentum_by_epoch,
)
from jaxgan.packing import pack
from jaxgan.parallel import MAPPINGS, compiled
from jaxgan.penalties import PENALTIES, lazy
from jaxgan.precision import PRECISIONS, compute_in
from jaxgan.state import Network, TrainState
from jaxgan.step import Lazy, Penalty, TrainStep, init_state, make_train_step

RANGES: dict[str, tuple[float, float]] = {"unit": (0.0, 1.0), "symmetric": (-1.0, 1.0)}
_RANGE_OF_OUTPUT = {"sigmoid": "unit", "tanh": "symmetric"}

_NETWORK = {
    "network": fields.choice(NETWORKS),
    "widths": fields.widths,
    "activation": fields.names(ACTIVATIONS),
    "output": fields.choice(OUTPUTS),
    "output_bias": fields.choice(("zero", "data")),
    "pieces": fields.integer(1),
    "normalization": fields.choice(("auto", *NORMALIZATIONS)),
    "blocks": fields.integer(1),
    "halvings": fields.integer(0),
    "attention": fields.integer(0),
    "minibatch": fields.choice(MINIBATCHES),
    "features": fields.boolean,
    "remat": fields.boolean,
    "keep_input": fields.number(2**-16, 1),
    "keep_hidden": fields.number(2**-16, 1),
    "initializer": fields.names(INITIALIZERS),
    "initial_scale": fields.number(0, above=True),
    "layer_scales": fields.numbers,
    "layer_biases": fields.numbers,
}
_LISTS = ("layer_scales", "layer_biases")
_OPTIMIZER = {
    "name": fields.choice(OPTIMIZERS),
    "learning_rate": fields.number(0, above=True),
    "b1": fields.number(0, 1, below=True),
    "b2": fields.number(0, 1, below=True),
    "eps": fields.number(0, above=True),
    "weight_decay": fields.number(0),
    "momentum": fields.number(0, 1, below=True),
    "clip_norm": fields.number(0),
    "rate_schedule": fields.choice(RATE_SCHEDULES),
    "rate_decay": fields.number(1),
    "rate_floor": fields.number(0),
    "momentum_schedule": fields.choice(("constant", "linear")),
    "momentum_final": fields.number(0, 1, below=True),
    "momentum_epochs": fields.integer(1),
    "historical_averaging": fields.number(0),
    "clip_weights": fields.number(0),
}
RULES: dict[str, Any] = {
    "platform": fields.choice(("", "cpu", "gpu", "tpu")),
    "mapping": fields.choice(MAPPINGS),
    "precision": fields.choice(PRECISIONS),
    "seed": fields.integer(0, 2**32 - 1),
    "loss": fields.choice(LOSSES),
    "discriminator_steps": fields.integer(1),
    "generator_steps": fields.integer(1),
    "steps": fields.integer(1, 2**31 - 1),
    "batch_size": fields.integer(1),
    "accumulation_steps": fields.integer(1),
    "average_decay": fields.number(0, 1, below=True),
    "packing": fields.integer(1),
    "augmentation": {
        "names": fields.optional(fields.names(AUGMENTATIONS)),
        "probability": fields.number(0, 1),
        "adaptive_target": fields.number(0, 1, below=True),
        "adaptive_speed": fields.number(0),
    },
    "unrolled_steps": fields.integer(0),
    "coordination": {
        "initial_steps": fields.integer(0),
        "final_steps": fields.integer(0),
        "over": fields.integer(1),
        "accuracy_limit": fields.number(0.5, 1),
    },
    "real_label": fields.number(0, 1, above=True),
    "penalties": fields.EachOf(PENALTIES, fields.number(0), interval=fields.integer(1)),
    "latent": {"name": fields.choice(LATENTS), "dim": fields.integer(1)},
    "dataset": {
        "name": fields.choice(DATASETS),
        "path": fields.text,
        "tfds_name": fields.text,
        "examples": fields.integer(1),
        "validation_examples": fields.integer(-1),
        "range": fields.choice(RANGES),
        "placement": fields.choice(("auto", "device", "stream")),
    },
    "generator": _NETWORK,
    "discriminator": _NETWORK,
    "generator_optimizer": _OPTIMIZER,
    "discriminator_optimizer": _OPTIMIZER,
    "evaluation": {
        "metrics": fields.names(("auto", *EVALUATORS)),
        "samples": fields.integer(1),
        "features": fields.choice_or_function(("auto", "classifier", "inception", "raw")),
        "inception_weights": fields.text,
        "inception_style": fields.choice(("auto", "torch", "tensorflow")),
        "every": fields.integer(0),
    },
    "alarms": {
        "patience": fields.integer(0),
        "stop": fields.optional(fields.names(ALARMS)),
        "d_accuracy": fields.number(0.5, 1),
        "gradient": fields.number(0, 1),
        "diversity": fields.number(0),
        "modes": fields.number(0, 1),
        "samples": fields.integer(2),
    },
    "population": {
        "seeds": fields.integer(1),
        "grid": fields.text,
        "random": fields.text,
        "draws": fields.integer(1),
        "score": fields.text,
        "halvings": fields.integer(0),
    },
    "log_every": fields.integer(1),
    "sample_every": fields.integer(1),
    "sample_count": fields.integer(1),
    "checkpoint_every": fields.integer(1),
    "keep_checkpoints": fields.integer(1),
}


def check(config: Mapping[str, Any], problems: tuple[str, ...] = ()) -> None:
    """Raises UsageError with all problems of a config in one message; touches no data.

    Args:
      config: a ConfigDict, or a nested mapping like it.
      problems: what is known to be wrong already, such as overrides of fields that do not exist.
    """
    found = [*problems, *problems_of(config)]
    if found:
        listed = found[0] if len(found) == 1 else " ".join(f"({i}) {p}" for i, p in enumerate(found, 1))
        count = "a problem" if len(found) == 1 else f"{len(found)} problems"
        raise UsageError(f"{count} in the config", listed, "mend it; configs/default.py explains every field")


def problems_of(config: Mapping[str, Any]) -> list[str]:
    """All problems of a config, one line each."""
    found = list(fields.problems(config, RULES))
    for question in _CROSS_CHECKS:
        with contextlib.suppress(KeyError, TypeError, AttributeError, ValueError):  # of fields that are wrong already
            found += question(config)
    return found


_NETWORK_LATER = {"normalization": "auto", "remat": False, "blocks": 2, "halvings": 0, "attention": 0}
_NETWORK_LATER |= {"minibatch": "none", "features": False, "layer_scales": "", "layer_biases": ""}
LATER: dict[str, dict[str, Any]] = {
    "evaluation": {
        "metrics": "auto",
        "samples": 10_000,
        "features": "auto",
        "inception_weights": "",
        "inception_style": "auto",
        "every": 0,
    },
    "alarms": {"patience": 0, "stop": "", "d_accuracy": 0.99, "gradient": 1e-2}
    | {"diversity": 0.2, "modes": 0.8, "samples": 256},
    "generator": _NETWORK_LATER,
    "discriminator": _NETWORK_LATER,
    "": {"precision": "float32", "accumulation_steps": 1, "packing": 1, "real_label": 1.0} | {"unrolled_steps": 0},
    "coordination": {"initial_steps": 0, "final_steps": 0, "over": 1, "accuracy_limit": 1.0},
    "augmentation": {"names": "", "probability": 1.0, "adaptive_target": 0.0, "adaptive_speed": 1e-3},
    "penalties": {"interval": 1},
    "generator_optimizer": {"historical_averaging": 0.0, "clip_weights": 0.0},
    "discriminator_optimizer": {"historical_averaging": 0.0, "clip_weights": 0.0},
    "population": {"seeds": 4, "grid": "", "random": "", "draws": 8, "score": "auto", "halvings": 0},
}
"""Fields that the configs of older runs do not have, by section, as they were without them; "" is the config itself."""


def complete(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a run, with the fields that there were not yet when it was trained."""
    later = {**LATER, "penalties": dict.fromkeys(PENALTIES, 0.0) | LATER["penalties"]}
    sections = {name: {**fields, **config.get(name, {})} for name, fields in later.items() if name}
    for player in ("generator", "discriminator"):
        if "features" not in config.get(player, {}) and sections[player]["normalization"] == "batch":
            sections[player]["normalization"] = "auto"  # it was the default, and no network but dcgan read it
    return {**LATER[""], **config, **sections}


def _outputs(config: Mapping[str, Any]) -> list[str]:
    """Each player's output, and the range of the data."""
    found = []
    generator, discriminator = config["generator"], config["discriminator"]
    if discriminator["output"] != "linear":
        found.append("discriminator.output must be linear: its output is a logit")
    if discriminator["output_bias"] == "data":
        found.append("discriminator.output_bias: only a generator's output has the data's means")
    taken = inspect.signature(NETWORKS[generator["network"]]).parameters
    if "output" not in taken and (generator["output"], generator["output_bias"]) != ("linear", "zero"):
        found.append(
            f"generator.network {generator['network']} has a linear output and a zero output_bias; set them so"
        )
    wanted = _RANGE_OF_OUTPUT.get(generator["output"])
    if wanted not in (None, config["dataset"]["range"]):
        found.append(
            f"generator.output {generator['output']} goes with dataset.range {wanted}, not {config['dataset']['range']}"
        )
    return found


def _paths(config: Mapping[str, Any]) -> list[str]:
    """Datasets that are read from somewhere."""
    kind = {"idx": "a directory of IDX files", "npz": "an .npz file"}.get(config["dataset"]["name"])
    if kind and not config["dataset"]["path"]:
        return [f"dataset.path is empty: dataset {config['dataset']['name']} reads {kind}"]
    return []


def _activations(config: Mapping[str, Any]) -> list[str]:
    """As many activations as hidden layers."""
    found = []
    for player in ("generator", "discriminator"):
        named, layers = config[player]["activation"].split(","), config[player]["widths"]
        if config[player]["network"] == "mlp" and len(named) not in (1, len(layers)):
            found.append(f"{player}.activation names {len(named)} activations for {len(layers)} hidden layers")
    return found


def _layers(config: Mapping[str, Any]) -> list[str]:
    """Values for each layer where a network has layers of its own choice, and as many as it has."""
    found = []
    for player in ("generator", "discriminator"):
        section, names = config[player], config[player]["initializer"].split(",")
        hidden = len(section["widths"])
        scales, biases = (fields.as_numbers(section[name]) for name in _LISTS)
        given = {"initializer": (names, 1, hidden + 1), "layer_scales": (scales, 0, hidden + 1)}
        given["layer_biases"] = (biases, 0, hidden)
        for field, (values, usual, wanted) in given.items():
            if section["network"] != "mlp" and len(values) != usual:
                found.append(f"{player}.{field}: only mlp takes one for each layer")
            elif section["network"] == "mlp" and len(values) not in (usual, 1, wanted):
                found.append(f"{player}.{field} names {len(values)} for {wanted} layers")
    return found


def _normalizations(config: Mapping[str, Any]) -> list[str]:
    """Fields that say what a network has not got."""
    found = []
    for player in ("generator", "discriminator"):
        section = config[player]
        taken = inspect.signature(NETWORKS[section["network"]]).parameters
        for field, usual in (("normalization", "auto"), ("minibatch", "none")):
            if section[field] != usual and field not in taken:
                found.append(f"{player}.{field}: {section['network']} has none; set it to {usual}")
    return found


def _rates(config: Mapping[str, Any]) -> list[str]:
    """Rates that can fall to their floors."""
    return [
        f"{player}_optimizer.rate_floor is above its learning_rate"
        for player in ("generator", "discriminator")
        if config[f"{player}_optimizer"]["rate_floor"] > config[f"{player}_optimizer"]["learning_rate"]
    ]


def _evaluation(config: Mapping[str, Any]) -> list[str]:
    """Inception needs its weights."""
    section = config["evaluation"]
    if section["features"] == "inception" and not section["inception_weights"]:
        return ["evaluation.inception_weights is empty: evaluation.features inception reads a file of weights"]
    return []


def _alarms(config: Mapping[str, Any]) -> list[str]:
    """An alarm that is to end the run must be able to go on."""
    section = config["alarms"]
    if section["stop"] and not section["patience"]:
        return ["alarms.stop names alarms, and alarms.patience 0 turns all alarms off"]
    return []


def _coordinated(config: Mapping[str, Any]) -> list[str]:
    """No more updates than there are minibatches for."""
    k = config["discriminator_steps"]
    return [
        f"coordination.{name} {config['coordination'][name]} is above discriminator_steps {k}"
        for name in ("initial_steps", "final_steps")
        if config["coordination"][name] > k
    ]


def _labels(config: Mapping[str, Any]) -> list[str]:
    """Labels that can be smoothed."""
    if config["real_label"] == 1:
        return []
    try:
        smooth_real_labels(LOSSES[config["loss"]], config["real_label"])
    except ValueError as error:
        return [f"real_label: loss {config['loss']}: {error}"]
    return []


_CROSS_CHECKS = (_labels, _coordinated, _outputs, _paths, _activations, _layers, _normalizations)
_CROSS_CHECKS += (_rates, _evaluation, _alarms)
"""Problems between fields that are each allowed."""


class DataFacts(NamedTuple):
    """What a run's parts need to know of its data.

    Attributes:
      example_shape: shape of one example.
      train_examples: how many training examples there are.
      means: mean of each pixel over the training examples, in the range the networks see; None where not needed.
    """

    example_shape: tuple[int, ...]
    train_examples: int
    means: np.ndarray | None = None


_NOT_OF_THE_STEP = ("example_shape", "packing", "networks", "first_examples")


class Experiment(NamedTuple):
    """The parts of a GAN as pure functions and values, made from a config by `build`."""

    generator: Network
    discriminator: Network
    loss: Loss
    generator_tx: optax.GradientTransformation
    discriminator_tx: optax.GradientTransformation
    latent: Latent
    discriminator_steps: int
    generator_steps: int
    average_decay: float | None
    accumulation_steps: int
    penalties: tuple[Penalty | Lazy, ...]
    unrolled_steps: int
    coordination: Coordination | None
    example_shape: tuple[int, ...]
    packing: int
    networks: Callable[[str | None], tuple[Network, Network]]
    first_examples: int = 2

    def train_step(self, axis_name: str | None = None) -> TrainStep:
        """One iteration of Algorithm 1, see `jaxgan.step.make_train_step`; batch statistics are over the axis."""
        parts = {name: value for name, value in self._asdict().items() if name not in _NOT_OF_THE_STEP}
        parts["generator"], parts["discriminator"] = self.networks(axis_name)
        return make_train_step(**parts, axis_name=axis_name)

    def initial_state(self, seed: int) -> TrainState:
        """The state before the first step, a pure function of the seed."""
        return compiled(self.state_from)(jax.random.key(seed))

    def abstract_state(self) -> TrainState:
        """Shapes and types of the state, without the work of making it."""
        return jax.eval_shape(self.state_from, jax.random.key(0))

    def state_from(self, key: jax.Array) -> TrainState:
        """The state before the first step from the seed's key, not compiled."""
        try:
            return init_state(
                key,
                generator=self.generator,
                discriminator=self.discriminator,
                generator_tx=self.generator_tx,
                discriminator_tx=self.discriminator_tx,
                latent=self.latent,
                example=jnp.zeros((self.first_examples * self.packing, *self.example_shape)),
                average=self.average_decay is not None,
            )
        except ValueError as error:
            raise UsageError("a network does not suit the data", str(error), "choose another network") from error


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
    networks = functools.partial(_build_networks, config, facts)
    generator, discriminator = networks(None)
    k, m = config["discriminator_steps"], config["generator_steps"]
    batches = max(facts.train_examples // config["batch_size"], 1)
    make_tx = functools.partial(_build_optimizer, steps=config["steps"])
    return Experiment(
        generator=generator,
        discriminator=discriminator,
        loss=_loss(config),
        generator_tx=make_tx(config["generator_optimizer"], updates_per_step=m, updates_per_epoch=batches * m / k),
        discriminator_tx=make_tx(config["discriminator_optimizer"], updates_per_step=k, updates_per_epoch=batches),
        latent=LATENTS[config["latent"]["name"]](config["latent"]["dim"]),
        discriminator_steps=k,
        generator_steps=m,
        average_decay=config["average_decay"] or None,
        accumulation_steps=config["accumulation_steps"],
        penalties=_penalties(config["penalties"]),
        unrolled_steps=config["unrolled_steps"],
        coordination=_coordination(config["coordination"], k),
        example_shape=facts.example_shape,
        packing=config["packing"],
        networks=networks,
        # A virtual batch norm keeps the latents that the generator is initialised with.
        first_examples=config["batch_size"] if config["generator"]["normalization"] == "virtual" else 2,
    )


def _loss(config: Mapping[str, Any]) -> Loss:
    loss = LOSSES[config["loss"]]
    return loss if config["real_label"] == 1 else smooth_real_labels(loss, config["real_label"])


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


def dataset_options(config: Mapping[str, Any], memory_limit: int) -> DatasetOptions:
    """What the dataset's loader needs of the config."""
    section = config["dataset"]
    return DatasetOptions(
        path=section["path"],
        tfds_name=section["tfds_name"],
        examples=section["examples"],
        validation_examples=section["validation_examples"],
        seed=config["seed"],
        memory_limit=memory_limit,
    )


def _build_networks(config: Mapping[str, Any], facts: DataFacts, axis_name: str | None) -> tuple[Network, Network]:
    """Hands each player's network those fields of its section that it takes."""
    found = []
    for player, shape in (("generator", facts.example_shape), ("discriminator", ())):
        section = config[player]
        builder, means = NETWORKS[section["network"]], facts.means if section["output_bias"] == "data" else None
        values = {**section, "output_shape": shape, "means": means, "axis_name": axis_name}
        values |= {name: fields.as_numbers(section[name]) for name in _LISTS}
        taken = set(inspect.signature(builder).parameters)
        taken -= {"normalization"} if section["normalization"] == "auto" else set()
        try:
            network = builder(**{name: value for name, value in values.items() if name in taken})
        except ValueError as error:
            raise UsageError(
                f"{player}.network={section['network']} does not suit the data", str(error), "change the section"
            ) from error
        network = compute_in(network, PRECISIONS[config["precision"]])
        found.append(
            network if player == "generator" else _seen_through(config, pack(network, config["packing"]), facts)
        )
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


def _build_optimizer(
    section: Mapping[str, Any], *, steps: int, updates_per_step: int, updates_per_epoch: float
) -> optax.GradientTransformation:
    rate = RATE_SCHEDULES[section["rate_schedule"]](
        section["learning_rate"],
        decay=section["rate_decay"],
        floor=section["rate_floor"],
        updates=steps * updates_per_step,
    )
    momentum = section["momentum" if section["name"] in ("sgd", "rmsprop") else "b1"]
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
    return parts[0] if len(parts) == 1 else optax.chain(*parts)
