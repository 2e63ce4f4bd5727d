"""jaxgan: generative adversarial networks as pure JAX functions.

The names below are loaded when they are first used, so `import jaxgan` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:  # what a type checker and an editor see; the table below is what runs
    from jaxgan import evaluation, theory
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
    from jaxgan.state import Judgement, Network, PerExample, PlayerState, TrainState
    from jaxgan.step import generate, init_state, make_train_step, sample, scan_steps
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
    "TrainState": "state",
    "generate": "step",
    "init_state": "step",
    "make_train_step": "step",
    "sample": "step",
    "scan_steps": "step",
    "TERMS": "terms",
}

_MODULES = ("evaluation", "theory")

__all__ = [
    "DATASETS",
    "LATENTS",
    "LOSSES",
    "NETWORKS",
    "OPTIMIZERS",
    "PENALTIES",
    "TERMS",
    "Judgement",
    "Latent",
    "Loss",
    "Network",
    "PerExample",
    "PlayerState",
    "Seen",
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
