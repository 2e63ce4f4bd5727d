"""jaxgan: generative adversarial networks as pure JAX functions.

The names below are loaded when they are first used, so `import jaxgan` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:  # what a type checker and an editor see; the table below is what runs
    from jaxgan import augment as augment
    from jaxgan import checkpoints as checkpoints
    from jaxgan import conditions as conditions
    from jaxgan import consensus as consensus
    from jaxgan import coordination as coordination
    from jaxgan import datasets as datasets
    from jaxgan import errors as errors
    from jaxgan import evaluation, theory
    from jaxgan import extragradient as extragradient
    from jaxgan import game as game
    from jaxgan import latent_optimization as latent_optimization
    from jaxgan import latents as latents
    from jaxgan import losses as losses
    from jaxgan import mixture as mixture
    from jaxgan import networks as networks
    from jaxgan import optimizers as optimizers
    from jaxgan import packing as packing
    from jaxgan import parallel as parallel
    from jaxgan import penalties as penalties
    from jaxgan import population as population
    from jaxgan import precision as precision
    from jaxgan import sampling as sampling
    from jaxgan import state as state
    from jaxgan import step as step
    from jaxgan import tasks as tasks
    from jaxgan import terms as terms
    from jaxgan.datasets import DATASETS
    from jaxgan.game import Seen, Term
    from jaxgan.latents import LATENTS, Latent
    from jaxgan.losses import LOSSES, Loss
    from jaxgan.mixture import learned_mixture
    from jaxgan.networks import NETWORKS
    from jaxgan.optimizers import OPTIMIZERS
    from jaxgan.parallel import distribute, distribute_population
    from jaxgan.penalties import PENALTIES
    from jaxgan.population import init_population, member, population_step
    from jaxgan.state import Judgement, Network, PerExample, PlayerState, Sides, TrainState
    from jaxgan.step import generate, init_state, make_train_step, sample, scan_steps
    from jaxgan.tasks import TASKS
    from jaxgan.terms import TERMS

_HOME = {
    "DATASETS": "datasets",
    "Seen": "game",
    "Term": "game",
    "LATENTS": "latents",
    "Latent": "latents",
    "LOSSES": "losses",
    "Loss": "losses",
    "NETWORKS": "networks",
    "OPTIMIZERS": "optimizers",
    "PENALTIES": "penalties",
    "compute_in": "precision",
    "distribute": "parallel",
    "distribute_population": "parallel",
    "init_population": "population",
    "learned_mixture": "mixture",
    "member": "population",
    "population_step": "population",
    "Judgement": "state",
    "Network": "state",
    "PerExample": "state",
    "PlayerState": "state",
    "Sides": "state",
    "TrainState": "state",
    "generate": "step",
    "init_state": "step",
    "make_train_step": "step",
    "sample": "step",
    "scan_steps": "step",
    "TASKS": "tasks",
    "TERMS": "terms",
}

_MODULES = (
    "augment",
    "checkpoints",
    "conditions",
    "consensus",
    "coordination",
    "datasets",
    "errors",
    "evaluation",
    "extragradient",
    "game",
    "latent_optimization",
    "latents",
    "losses",
    "mixture",
    "networks",
    "optimizers",
    "packing",
    "parallel",
    "penalties",
    "population",
    "precision",
    "sampling",
    "state",
    "step",
    "tasks",
    "terms",
    "theory",
)
"""Loaded when they are first used, too: `import jaxgan` is enough for `jaxgan.conditions.one_hot`, say."""

__all__ = [
    "DATASETS",
    "LATENTS",
    "LOSSES",
    "NETWORKS",
    "OPTIMIZERS",
    "PENALTIES",
    "TASKS",
    "TERMS",
    "Judgement",
    "Latent",
    "Loss",
    "Network",
    "PerExample",
    "PlayerState",
    "Seen",
    "Sides",
    "Term",
    "TrainState",
    "__version__",
    "compute_in",
    "distribute",
    "distribute_population",
    "evaluation",
    "generate",
    "init_population",
    "init_state",
    "learned_mixture",
    "make_train_step",
    "member",
    "population_step",
    "sample",
    "scan_steps",
    "theory",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"jaxgan.{name}")
    if name not in _HOME:
        raise AttributeError(
            f"module 'jaxgan' has no attribute {name!r}; it has {', '.join(sorted((*_HOME, *_MODULES)))}"
        )
    return getattr(importlib.import_module(f"jaxgan.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES})
