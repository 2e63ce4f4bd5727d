"""The configs of older runs, which do not have every field."""

from collections.abc import Mapping
from typing import Any

from jaxgan.losses.penalties import PENALTIES
from jaxgan.losses.terms import TERMS

_NETWORK_LATER = {"normalization": "auto", "remat": False, "blocks": 2, "halvings": 0, "attention": 0}
_NETWORK_LATER |= {"minibatch": "none", "features": False, "layer_scales": "", "layer_biases": ""}
_NETWORK_LATER |= {"class_logits": 0, "conditional": True, "conditioning": "auto"}
_NETWORK_LATER |= {"noise_input": 0.0, "noise_hidden": 0.0}
LATER: dict[str, dict[str, Any]] = {
    "evaluation": {
        "metrics": "auto",
        "samples": 10_000,
        "features": "auto",
        "inception_weights": "",
        "inception_style": "auto",
        "other_run": "",
        "every": 0,
    },
    "alarms": {"patience": 0, "stop": "", "d_accuracy": 0.99, "gradient": 1e-2}
    | {"diversity": 0.2, "modes": 0.8, "samples": 256},
    "generator": _NETWORK_LATER,
    "discriminator": _NETWORK_LATER,
    "": {"precision": "float32", "accumulation_steps": 1, "packing": 1, "real_label": 1.0}
    | {"unrolled_steps": 0, "consensus": 0.0, "extragradient": False, "condition": "none", "task": "none"},
    "inpainting": {"masks": "all", "encoder": (), "draws": 10, "examples": 500},
    "semi_supervised": {"labelled": 100, "seed": 0, "unsupervised": 0.5, "entropy": 0.0, "average_decay": 0.0},
    "inference": {"method": "bigan", "widths": (1024, 1024), "activation": "leaky_relu", "normalization": "none"}
    | {"noise": 0.0, "masking": 0.0, "generator_weight": 0.0, "fit_widths": (), "fit_steps": 10_000, "examples": 500},
    "coordination": {"initial_steps": 0, "final_steps": 0, "over": 1, "accuracy_limit": 1.0},
    "augmentation": {"names": "", "probability": 1.0, "adaptive_target": 0.0, "adaptive_speed": 1e-3},
    "latent": {"components": 50, "spread": 1.0, "deviation": 0.2, "deviation_penalty": 0.1} | {"learn_deviation": True},
    "latent_optimization": {"step": 0.0, "damping": 5.0, "cost": 0.0},
    "sampling": {"method": "plain", "burn_in": 10_000, "percentile": 0.0}
    | {"steps": 200, "step_size": 0.05, "adjusted": True},
    "penalties": {"interval": 1},
    "terms": {"adversarial": 1.0},
    "generator_optimizer": {"historical_averaging": 0.0, "clip_weights": 0.0, "max_column_norm": 0.0},
    "discriminator_optimizer": {"historical_averaging": 0.0, "clip_weights": 0.0, "max_column_norm": 0.0},
    "population": {"seeds": 4, "grid": "", "random": "", "draws": 8, "score": "auto", "halvings": 0},
}
"""Fields that the configs of older runs do not have, by section, as they were without them; "" is the config itself."""


def complete(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a run, with the fields that there were not yet when it was trained."""
    later = {**LATER, "penalties": dict.fromkeys(PENALTIES, 0.0) | LATER["penalties"]}
    later["terms"] = dict.fromkeys(TERMS, 0.0) | LATER["terms"]
    sections = {name: {**fields, **config.get(name, {})} for name, fields in later.items() if name}
    for player in ("generator", "discriminator"):
        if "features" not in config.get(player, {}) and sections[player]["normalization"] == "batch":
            sections[player]["normalization"] = "auto"  # it was the default, and no network but dcgan read it
    return {**LATER[""], **config, **sections}
