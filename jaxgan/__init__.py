"""jaxgan: generative adversarial networks as pure JAX functions.

The public names are listed in `__init__.pyi` and imported on first use, so `import jaxgan` is cheap.
"""

import difflib
import importlib.abc
import importlib.machinery
import sys
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


class _MovedModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports `jaxgan.OLD` as the module that it has become."""

    def find_spec(self, fullname, path, target=None):
        package, _, name = fullname.partition(".")
        if package == __name__ and name in _MOVED:
            return importlib.machinery.ModuleSpec(fullname, self)
        return None

    def create_module(self, spec):
        module = importlib.import_module(f"{__name__}.{_MOVED[spec.name.partition('.')[2]]}")
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module):
        module.__spec__ = module.__spec__.loader_state  # the import system has replaced it by that of the old path


sys.meta_path.append(_MovedModules())


def __getattr__(name: str) -> Any:
    if name in _MOVED:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in __all__:
        near = difflib.get_close_matches(name, [*__all__, *_MOVED], n=2) or sorted(__all__)
        raise AttributeError(f"module 'jaxgan' has no attribute {name!r}; did you mean {' or '.join(near)}?")
    return _load(name)
