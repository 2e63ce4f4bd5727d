"""All problems of a config at once: of its fields, and between fields that are each allowed."""

import contextlib
import inspect
from collections.abc import Mapping
from typing import Any

from jaxgan.config import fields
from jaxgan.config.build import build_latent
from jaxgan.config.conditions import conditions
from jaxgan.config.rules import ABSENT, LISTS, RULES
from jaxgan.config.tasks import task_problems
from jaxgan.errors import UsageError
from jaxgan.losses import LOSSES, smooth_real_labels
from jaxgan.networks import NETWORKS
from jaxgan.networks.weights import FROM_DATA
from jaxgan.tasks import TASKS

_RANGE_OF_OUTPUT = {"sigmoid": "unit", "tanh": "symmetric"}


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
    """All problems of a config, one line each; the section of a task of the user's own has no rules."""
    own = [name for name in TASKS if name not in RULES]
    found = list(fields.problems({name: value for name, value in config.items() if name not in own}, RULES))
    for question in _CROSS_CHECKS:
        with contextlib.suppress(KeyError, TypeError, AttributeError, ValueError):  # of fields that are wrong already
            found += question(config)
    return found


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
        scales, biases = (fields.as_numbers(section[name]) for name in LISTS)
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
        for field in ("normalization", "minibatch", "features", "class_logits", "noise_input", "noise_hidden"):
            if section[field] != ABSENT[field] and field not in taken:
                found.append(f"{player}.{field}: {section['network']} has none; set it to {ABSENT[field]}")
        if section["normalization"] == FROM_DATA and (section["output_bias"] != "zero" or section["layer_biases"]):
            found.append(
                f"{player}.normalization {FROM_DATA} starts biases: set output_bias to zero, layer_biases to none"
            )
    normalizations = [config[player]["normalization"] for player in ("generator", "discriminator")]
    if normalizations == ["virtual", FROM_DATA]:
        found.append(
            f"generator.normalization virtual has a fixed batch of batch_size, discriminator.normalization {FROM_DATA} "
            "starts from more examples; change one of them"
        )
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


def _latents(config: Mapping[str, Any]) -> list[str]:
    """Dimensions that suffice for the prior."""
    try:
        build_latent(config["latent"])
    except ValueError as error:
        return [f"latent.dim: {error}"]
    return []


def _sampling(config: Mapping[str, Any]) -> list[str]:
    """Samples that the discriminator chooses: by a logit that is log p_d/p_g, of one example at a time."""
    method = config["sampling"]["method"]
    if method == "plain":
        return []
    said = f"sampling.method {method}"
    found = []
    moved = bool(config["latent_optimization"]["step"])
    if method == "optimized" and not moved:
        found.append(f"{said}: latent_optimization.step is 0, so the run moves no latents; use plain")
    if method != "optimized" and LOSSES[config["loss"]].log_ratio is None:
        known = ", ".join(sorted(name for name, loss in LOSSES.items() if loss.log_ratio is not None))
        found.append(f"{said}: with loss {config['loss']} D's logit is not log p_d/p_g; with {known} it is")
    if method != "optimized" and config["real_label"] != 1:
        found.append(f"{said}: with smoothed labels, real_label {config['real_label']}, D's logit is not log p_d/p_g")
    if config["packing"] > 1 or config["discriminator"]["minibatch"] != "none":
        found.append(f"{said}: D judges several examples at once (packing, discriminator.minibatch), and not each")
    if config["condition"] != "none":
        found.append(f"{said}: not of conditional runs yet; use plain")
    if method == "driven" and build_latent(config["latent"]).from_normal is None:
        found.append(f"{said}: latent.name {config['latent']['name']} is no function of a normal one; use rejection")
    if method == "driven" and moved:
        found.append(f"{said}: D judges what latent_optimization makes of the prior, and not the prior; use rejection")
    return found


def _dynamics(config: Mapping[str, Any]) -> list[str]:
    """Ways to coordinate the players that cannot be together."""
    found = [
        f"{name} and unrolled_steps cannot be together: set one of them to 0 or False"
        for name in ("consensus", "extragradient")
        if config[name] and config["unrolled_steps"]
    ]
    if not config["extragradient"]:
        return found
    counts = config["discriminator_steps"], config["generator_steps"]
    if counts != (1, 1):
        found.append(f"extragradient moves both players once: discriminator_steps and generator_steps are {counts}")
    section = config["coordination"]
    if section["initial_steps"] or section["final_steps"] or section["accuracy_limit"] < 1:
        found.append("extragradient moves both players in every step: leave coordination as it is by default")
    return found


def _labels(config: Mapping[str, Any]) -> list[str]:
    """Labels that can be smoothed."""
    if config["real_label"] == 1:
        return []
    try:
        smooth_real_labels(LOSSES[config["loss"]], config["real_label"])
    except ValueError as error:
        return [f"real_label: loss {config['loss']}: {error}"]
    return []


def _terms(config: Mapping[str, Any]) -> list[str]:
    """What the terms of the losses read must be there."""
    terms, discriminator, found = config["terms"], config["discriminator"], []
    on = [name for name, weight in terms.items() if weight and name != "adversarial"]
    if "feature_matching" in on and not discriminator["features"]:
        found.append("terms.feature_matching needs discriminator.features=True")
    if "auxiliary_classifier" in on:
        if config["condition"] != "labels":
            found.append("terms.auxiliary_classifier needs condition=labels")
        if not discriminator["class_logits"]:
            found.append("terms.auxiliary_classifier needs discriminator.class_logits, as many as there are classes")
        projects = discriminator["network"] == "resnet" or discriminator["conditioning"] == "projection"
        if discriminator["conditional"] and not projects:  # its class logits would see the label
            found.append("terms.auxiliary_classifier needs discriminator.conditional=False, which cannot see the label")
    for name in ("mutual_information", "auxiliary_classifier"):
        if name in on and config["packing"] > 1:
            found.append(f"terms.{name} is of single examples; set packing=1")
    if not on and not terms["adversarial"]:
        found.append("terms.adversarial 0 leaves the generator no loss, as all terms are 0")
    return found


def _codes(config: Mapping[str, Any]) -> list[str]:
    """Codes for the mutual information, and outputs that tell them."""
    section, outputs = config["latent"], config["discriminator"]["class_logits"]
    if not config["terms"]["mutual_information"]:
        return []
    prior = build_latent(section)
    few = prior.categories + prior.continuous
    if not few or section["name"] == "mixture":
        return [f"terms.mutual_information needs codes, and latent.name {section['name']} has none; set categorical"]
    if outputs in (few, few + prior.continuous):
        return []
    return [f"terms.mutual_information needs discriminator.class_logits={few} or {few + prior.continuous}"]


_CROSS_CHECKS = (
    *(_labels, _latents, _sampling, _coordinated, _dynamics, _outputs, _paths, _activations),
    *(_layers, _normalizations, _rates, _evaluation, _alarms, conditions, _terms, _codes, task_problems),
)
"""Problems between fields that are each allowed."""
