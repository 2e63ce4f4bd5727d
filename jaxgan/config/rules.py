"""What each field of a config may hold."""

from typing import Any

from jaxgan.config import fields
from jaxgan.datasets import DATASETS
from jaxgan.evaluation import EVALUATORS
from jaxgan.evaluation.alarms import ALARMS
from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES
from jaxgan.losses.penalties import PENALTIES
from jaxgan.losses.terms import TERMS
from jaxgan.networks import NETWORKS
from jaxgan.networks.conditioning import CONDITIONINGS
from jaxgan.networks.layers import ACTIVATIONS, INITIALIZERS, OUTPUTS
from jaxgan.networks.minibatch import MINIBATCHES
from jaxgan.networks.normalization import NORMALIZATIONS
from jaxgan.optimizers import (
    OPTIMIZERS,
    RATE_SCHEDULES,
)
from jaxgan.parallel import MAPPINGS
from jaxgan.sampling import METHODS
from jaxgan.tasks import INFERENCES, MASKS, TASKS
from jaxgan.wrappers.augmentation import AUGMENTATIONS
from jaxgan.wrappers.precision import PRECISIONS

RANGES: dict[str, tuple[float, float]] = {"unit": (0.0, 1.0), "symmetric": (-1.0, 1.0)}

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
    "class_logits": fields.integer(0),
    "conditional": fields.boolean,
    "conditioning": fields.choice(("auto", *CONDITIONINGS)),
    "remat": fields.boolean,
    "keep_input": fields.number(2**-16, 1),
    "keep_hidden": fields.number(2**-16, 1),
    "noise_input": fields.number(0),
    "noise_hidden": fields.number(0),
    "initializer": fields.names(INITIALIZERS),
    "initial_scale": fields.number(0, above=True),
    "layer_scales": fields.numbers,
    "layer_biases": fields.numbers,
}
LISTS = ("layer_scales", "layer_biases")
"""Fields of a network that hold numbers as text, one for each layer."""

ABSENT: dict[str, Any] = {
    "output": "linear", "normalization": "auto", "minibatch": "none", "features": False, "class_logits": 0,
    "conditioning": "auto", "remat": False, "attention": 0, "halvings": 0, "keep_input": 1.0, "keep_hidden": 1.0,
    "noise_input": 0.0, "noise_hidden": 0.0, "layer_scales": "", "layer_biases": "", "weight_decay": 0.0,
    "momentum": 0.0, "rate_decay": 1.0, "rate_floor": 0.0, "generator_weight": 0.0,
    "noise": 0.0, "masking": 0.0, "entropy": 0.0, "average_decay": 0.0, "deviation_penalty": 0.0,
    "cost": 0.0, "adaptive_target": 0.0, "percentile": 0.0,
}  # fmt: skip
"""Fields of sections to the value that says that something is not there."""

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
    "max_column_norm": fields.number(0),
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
    "task": fields.choice(TASKS),
    "inpainting": {
        "masks": fields.names_or("all", MASKS),
        "encoder": fields.widths,
        "draws": fields.integer(1),
        "examples": fields.integer(2),
    },
    "semi_supervised": {
        "labelled": fields.integer(1),
        "seed": fields.integer(0, 2**32 - 1),
        "unsupervised": fields.number(0),
        "entropy": fields.number(0),
        "average_decay": fields.number(0, 1, below=True),
    },
    "inference": {
        "method": fields.choice(INFERENCES),
        "widths": fields.widths,
        "activation": fields.names(ACTIVATIONS),
        "normalization": fields.choice(("none", "batch", "layer")),
        "noise": fields.number(0),
        "masking": fields.number(0, 1),
        "generator_weight": fields.number(0),
        "fit_widths": fields.widths,
        "fit_steps": fields.integer(0),
        "examples": fields.integer(2),
    },
    "condition": fields.choice(("none", "labels", "vectors")),
    "packing": fields.integer(1),
    "augmentation": {
        "names": fields.optional(fields.names(AUGMENTATIONS)),
        "probability": fields.number(0, 1),
        "adaptive_target": fields.number(0, 1, below=True),
        "adaptive_speed": fields.number(0),
    },
    "unrolled_steps": fields.integer(0),
    "consensus": fields.number(0),
    "extragradient": fields.boolean,
    "coordination": {
        "initial_steps": fields.integer(0),
        "final_steps": fields.integer(0),
        "over": fields.integer(1),
        "accuracy_limit": fields.number(0.5, 1),
    },
    "real_label": fields.number(0, 1, above=True),
    "penalties": fields.EachOf(PENALTIES, fields.number(0), interval=fields.integer(1)),
    "terms": fields.EachOf(TERMS, fields.number(0), adversarial=fields.number(0)),
    "latent": {
        "name": fields.choice(LATENTS),
        "dim": fields.integer(1),
        "components": fields.integer(1),
        "spread": fields.number(0, above=True),
        "deviation": fields.number(0, above=True),
        "learn_deviation": fields.boolean,
        "deviation_penalty": fields.number(0),
    },
    "latent_optimization": {"step": fields.number(0), "damping": fields.number(0), "cost": fields.number(0)},
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
        "metrics": fields.names(("auto", "task", *EVALUATORS)),
        "samples": fields.integer(1),
        "features": fields.choice_or_function(("auto", "classifier", "inception", "raw")),
        "inception_weights": fields.text,
        "inception_style": fields.choice(("auto", "torch", "tensorflow")),
        "other_run": fields.text,
        "every": fields.integer(0),
    },
    "sampling": {
        "method": fields.choice(METHODS),
        "burn_in": fields.integer(1),
        "percentile": fields.number(0, 100, below=True),
        "steps": fields.integer(0),
        "step_size": fields.number(0, above=True),
        "adjusted": fields.boolean,
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
