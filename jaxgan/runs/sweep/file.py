"""A sweep's own files: `sweep.json`, which also tells a sweep that goes on what was decided; its table; its best."""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from jaxgan.config import complete
from jaxgan.errors import UsageError
from jaxgan.io.atomic import atomic_path, atomic_write
from jaxgan.runs.directory import RunDirectory, check_same

NAME, TABLE = "sweep.json", "sweep.txt"


def has_sweep(path: str) -> bool:
    """Whether a sweep was begun there."""
    directory = RunDirectory(path, create=False).path
    return (directory / NAME).exists() or (directory / "members").exists()


def read_sweep(directory: RunDirectory, config: Mapping[str, Any]) -> dict[str, Any]:
    """What an earlier call of the same sweep wrote; empty if there was none.

    Args:
      directory: of the sweep.
      config: of the sweep now.

    Raises:
      UsageError: the directory has something else, or a sweep with another config.
    """
    path = directory.path / NAME
    if directory.checkpoints.exists():
        raise UsageError(
            f"--workdir={directory.path} has a run of its own", "a sweep has its runs in members/", "choose another"
        )
    if not path.exists():
        return {}
    try:
        saved = json.loads(path.read_text())
        old, new = complete(saved["config"]), json.loads(json.dumps(config))
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} cannot be read", repr(error), "delete it to go on from the checkpoints") from error
    check_same(old, new, directory.path)
    before, now = old["population"], new["population"]
    halved = now["halvings"] or before["halvings"]
    differing = [name for name in now if before[name] != now[name] and (halved or name != "score")]
    said = [f"population.{name}: {before[name]} there, {now[name]} now" for name in differing]
    if halved and old["steps"] != new["steps"]:  # the rungs depend on them
        said.append(f"steps: {old['steps']} there, {new['steps']} now")
    if said:
        raise UsageError(
            f"{directory.path} has another sweep",
            ", ".join(said),
            "use the same config to go on with it, or another --workdir to start anew",
        )
    return saved


def write_sweep(directory: RunDirectory, content: Mapping[str, Any]) -> None:
    """Writes `sweep.json`, whole or not at all.

    Raises:
      UsageError: it cannot be written.
    """
    _write(directory.path / NAME, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_table(directory: RunDirectory, text: str) -> None:
    """Writes `sweep.txt`, likewise."""
    _write(directory.path / TABLE, text + "\n")


def _write(path: pathlib.Path, text: str) -> None:
    try:
        atomic_write(path, text.encode())
    except OSError as error:
        raise UsageError(f"cannot write {path}", error.strerror or str(error), "make room") from error


def link_best(directory: RunDirectory, member: str) -> None:
    """Lets `best` be a symbolic link to a member, relative so that the sweep can be moved.

    Raises:
      UsageError: it cannot be written.
    """
    path = directory.path / "best"
    try:
        with atomic_path(path) as temporary:
            temporary.symlink_to(os.path.join("members", member))
    except OSError as error:
        raise UsageError(f"cannot write {path}", error.strerror or str(error), "mend what is in its way") from error
