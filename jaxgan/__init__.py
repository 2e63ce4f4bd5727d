"""jaxgan: generative adversarial networks as pure JAX functions.

The public names are listed in `__init__.pyi` and imported on first use, so `import jaxgan` is cheap.
"""

import difflib
import importlib
import sys
import types
from typing import Any

import lazy_loader

__version__ = "0.1.0"

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

_MOVED = {
    "augment": "wrappers.augmentation",
    "checkpoints": "io.checkpoints",
    "conditions": "wrappers.conditions",
    "configuration": "config",
    "consensus": "training.gradients",
    "coordination": "training.coordination",
    "extragradient": "training.step",
    "game": "types",
    "latent_optimization": "training.latent_optimization",
    "mixture": "wrappers.learned_mixture",
    "packing": "wrappers.packing",
    "penalties": "losses.penalties",
    "population": "training.population",
    "precision": "wrappers.precision",
    "state": "types",
    "step": "training.step",
    "terms": "losses.terms",
    "updates": "training.step",
    "writers": "io.metric_writers",
}
"""Earlier paths of public modules, which still work as attributes and as imports."""


class _MovedModule(types.ModuleType):
    """A module at an earlier path: its names are those of the module that it has become, imported on first use."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":
            raise AttributeError(name)
        return getattr(importlib.import_module(f"jaxgan.{_MOVED[self.__name__.partition('.')[2]]}"), name)


sys.modules.update({path: _MovedModule(path) for path in (f"{__name__}.{name}" for name in _MOVED)})


def __getattr__(name: str) -> Any:
    if name in _MOVED:
        return importlib.import_module(f"{__name__}.{_MOVED[name]}")
    if name not in __all__:
        near = difflib.get_close_matches(name, [*__all__, *_MOVED], n=2) or sorted(__all__)
        raise AttributeError(f"module 'jaxgan' has no attribute {name!r}; did you mean {' or '.join(near)}?")
    try:
        return _load(name)
    except ModuleNotFoundError as error:
        from jaxgan import extras

        if (explained := extras.missing(error)) is None:
            raise
        raise ModuleNotFoundError(str(explained), name=error.name) from error
