"""The task of a config, and what does not go with it."""

from collections.abc import Mapping
from typing import Any

from jaxgan.losses import LOSSES


def task_problems(config: Mapping[str, Any]) -> list[str]:
    """What does not go with the task, one line each."""
    questions = {"inpainting": _inpainting, "inference": _inference, "semi_supervised": _semi_supervised}
    return questions[config["task"]](config) if config["task"] in questions else []


def _inpainting(config: Mapping[str, Any]) -> list[str]:
    found, condition = [], config["condition"]
    if condition != "none":
        found.append(f"condition={condition} does not go with task=inpainting, whose condition is what is known")
    moving = {"translation", "cutout"} & set(config["augmentation"]["names"])
    if moving:
        named = " and ".join(sorted(moving))
        found.append(f"augmentation.names: {named} would move what the masks of task=inpainting say is known")
    if config["sampling"]["method"] != "plain":
        found.append(f"sampling.method {config['sampling']['method']}: not of task=inpainting yet; use plain")
    return found


def _semi_supervised(config: Mapping[str, Any]) -> list[str]:
    found, discriminator, terms = [], config["discriminator"], config["terms"]
    if discriminator["class_logits"] < 2:
        found.append("task=semi_supervised needs discriminator.class_logits, as many as there are classes")
    if not LOSSES[config["loss"]].cross_entropy:
        known = ", ".join(name for name, loss in LOSSES.items() if loss.cross_entropy)
        found.append(f"loss {config['loss']}: task=semi_supervised is of K + 1 classes: {known}")
    if config["real_label"] != 1:
        found.append(f"real_label {config['real_label']}: task=semi_supervised has the classes as labels; set 1")
    if (condition := config["condition"]) != "none":
        found.append(f"condition={condition} does not go with task=semi_supervised, which is not to see all labels")
    if config["packing"] > 1 or discriminator["minibatch"] != "none":
        found.append("packing, discriminator.minibatch: task=semi_supervised tells the class of a single example")
    if terms["mutual_information"] or terms["auxiliary_classifier"]:
        found.append("terms.mutual_information, terms.auxiliary_classifier: task=semi_supervised has the class logits")
    return found


def _inference(config: Mapping[str, Any]) -> list[str]:
    method, found = config["inference"]["method"], []
    if config["condition"] != "none":
        found.append(f"condition={config['condition']} does not go with task=inference, which infers z alone")
    if config["latent"]["name"] == "mixture":
        found.append(
            "latent.name=mixture is learned, and task=inference infers z of a prior that stays; choose another"
        )
    if config["inference"]["generator_weight"] and method != "joint_regressor":
        found.append(
            f"inference.generator_weight does not go with inference.method={method}; set 0, or method=joint_regressor"
        )
    if method == "bigan":
        return found + _of_pairs(config)
    if method == "joint_regressor" and config["generator_optimizer"]["clip_norm"]:
        found.append(
            "generator_optimizer.clip_norm would let the encoder of inference.method=joint_regressor slow the "
            "generator; set 0"
        )
    return found


def _of_pairs(config: Mapping[str, Any]) -> list[str]:
    """What does not go with a discriminator of pairs (x, z)."""
    why = "inference.method=bigan, whose discriminator judges pairs (x, z)"
    wrong = {
        f"packing {config['packing']}": config["packing"] > 1,
        f"augmentation.names {config['augmentation']['names']}": config["augmentation"]["names"],
        f"sampling.method {config['sampling']['method']}": config["sampling"]["method"] != "plain",
        "terms.mutual_information": config["terms"]["mutual_information"],
    }
    found = [f"{field} does not go with {why}" for field, is_set in wrong.items() if is_set]
    if LOSSES[config["loss"]].pair_generator is None:
        found.append(
            f"loss={config['loss']} has no half for the encoder of inference.method=bigan; use non_saturating, say"
        )
    return found
