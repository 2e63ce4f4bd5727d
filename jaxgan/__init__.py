"""jaxgan: generative adversarial networks as pure JAX functions.

The public names are listed in `__init__.pyi` and imported on first use, so `import jaxgan` is cheap.
"""

import ast
import importlib
import pathlib
import sys
import types
from typing import Any

__version__ = "0.1.0"

_PLACES = {
    alias.name: ".".join(filter(None, (__name__, node.module, "" if node.module else alias.name)))
    for node in ast.parse(pathlib.Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")).body
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
}
"""The module of each public name."""

__all__ = list(_PLACES)

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
    """A module at its earlier path. Its names are those of the module at its new path, imported on first use."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":
            raise AttributeError(name)
        return getattr(importlib.import_module(f"jaxgan.{_MOVED[self.__name__.partition('.')[2]]}"), name)


sys.modules.update({path: _MovedModule(path) for path in (f"{__name__}.{name}" for name in _MOVED)})


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name in _MOVED:
        return importlib.import_module(f"{__name__}.{_MOVED[name]}")
    if name not in _PLACES:
        from jaxgan.tables import nearest

        near = nearest(name, [*_PLACES, *_MOVED]) or "; dir(jaxgan) lists its names"
        raise AttributeError(f"module 'jaxgan' has no attribute {name!r}{near}")
    try:
        module = importlib.import_module(_PLACES[name])
    except ModuleNotFoundError as error:
        from jaxgan import extras

        if (explained := extras.missing(error)) is None:
            raise
        raise ModuleNotFoundError(str(explained), name=error.name) from error
    value = module if _PLACES[name] == f"{__name__}.{name}" else getattr(module, name)
    globals()[name] = value
    return value
