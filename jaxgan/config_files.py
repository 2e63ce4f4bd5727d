"""Finds and loads config files: those of the repository's folder `configs`, which wheels include, and a user's own."""

import difflib
import importlib.util
import os
import pathlib
import sys
from typing import Any

from jaxgan.errors import UsageError
from jaxgan.tables import did_you_mean

PLATFORMS = ("", "cpu", "gpu", "tpu")

_PACKAGE = pathlib.Path(__file__).parent


def folder() -> pathlib.Path:
    """The folder `configs`: `jaxgan/packaged/configs` in a wheel, beside the package in the repository."""
    packaged = _PACKAGE / "packaged"
    return (packaged if packaged.is_dir() else _PACKAGE.parent) / "configs"


def find(location: str) -> tuple[pathlib.Path, str]:
    """The file and the argument of `FILE[:argument]`. FILE may be the name of a file in `configs/`, without `.py`.

    Raises:
      UsageError: there is no such file (the message lists similar names), or the argument is not a platform.
    """
    name, _, argument = location.partition(":")
    path = pathlib.Path(name)
    if not os.path.isfile(path):  # also False without permission to look at it
        if path.name == name and not path.suffix:
            path = next((f / f"{name}.py" for f in _folders() if os.path.isfile(f / f"{name}.py")), path)
        if path == pathlib.Path(name):
            raise UsageError(f"--config={location}", f"there is no file {name}", _instead(path))
    if argument not in PLATFORMS:
        raise UsageError(f"--config={location}", f"{argument!r} is not a platform", "write :cpu, :gpu, :tpu or nothing")
    return path, argument


def load(location: str) -> Any:
    """The ConfigDict that a file's `get_config(argument)` returns. Exceptions of the file are reported as its problems.

    Args:
      location: as for `find`. The file may import `configs`, and files in its own folder.

    Raises:
      UsageError: there is no such file, or it does not return a config.
    """
    from ml_collections import ConfigDict

    path, argument = find(location)
    _let_import(path)
    spec = importlib.util.spec_from_file_location("jaxgan_config_file", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"--config={location}", "it is not a Python file", "give the path of a config file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        config = module.get_config(argument) if argument else module.get_config()
    except Exception as error:
        raise UsageError(f"--config={location}", f"{type(error).__name__}: {error}", "correct the file") from error
    if not isinstance(config, ConfigDict):
        raise UsageError(f"--config={location}", "get_config() does not return a ConfigDict", "correct the file")
    return config


def _folders() -> tuple[pathlib.Path, ...]:
    """Where names are looked up: first the current directory's `configs`, then the package's."""
    return pathlib.Path("configs"), folder()


def _let_import(path: pathlib.Path) -> None:
    """Lets a file import its neighbours and `configs`. Other paths take precedence, so no module is replaced."""
    beside = path.absolute().parent
    places = [beside.parent if beside.name == "configs" else beside, beside, folder().parent]
    for place in places:
        if place != folder() and str(place) not in sys.path:
            sys.path.append(str(place))


def _instead(path: pathlib.Path) -> str:
    """Suggestions for a file that does not exist."""
    own = path.parent != pathlib.Path() or path.suffix
    places = [path.parent, *_folders()] if own else _folders()
    known: dict[str, str] = {}
    for place in places:
        files = sorted(place.glob("*.py")) if os.path.isdir(place) else []
        for file in files:
            known.setdefault(file.stem, file.stem if place == folder() else str(file))
    if near := did_you_mean(known[stem] for stem in difflib.get_close_matches(path.stem, known, n=2)):
        return near
    beside = sorted(path.parent.glob("*.py")) if own and os.path.isdir(path.parent) else []
    listed = map(str, beside) if beside else sorted(known.values())
    return f"choose one of {', '.join(listed)}"
