"""A run's directory: its files, and the lock that keeps two processes from writing to it at once."""

import contextlib
import errno
import fcntl
import json
import pathlib
from collections.abc import Mapping
from typing import IO, Any

from jaxgan.config import schema
from jaxgan.errors import UsageError, WriteError
from jaxgan.io.atomic import local_path, write_text

NAMED = 10
"""Most differing fields in a message."""


class RunDirectory:
    """A directory that holds one run; a context manager that unlocks it.

    Args:
      path: its path.
      create: create it if it does not exist, and lock it until `close` or the end of the process.

    Raises:
      UsageError: it is a URL, it cannot be written, or another process trains in it.
      WriteError: the disk is full.
    """

    def __init__(self, path: str, *, create: bool = True):
        self.path = local_path(path, "--workdir=") if ":" in path else pathlib.Path(path).expanduser().absolute()
        self.config_file = self.path / "config.json"
        self.checkpoints = self.path / "checkpoints"
        self.samples = self.path / "samples"
        self.evaluation = self.path / "evaluation"
        self.curves = self.path / "curves.png"
        self.report = self.path / "report.html"
        self.metrics_file = self.path / "metrics.jsonl"
        self.tensorboard = self.path / "tensorboard"
        self.sweep_file = self.path / "sweep.json"
        self._lock: IO[str] | None = None
        self._made = create and not self.path.exists()
        if create:
            self._open()

    def __enter__(self) -> "RunDirectory":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Unlocks the directory. Removes it if it was created for a run that could not begin."""
        if self._lock is None:
            return
        if self._made and not self.config_file.exists() and not self.sweep_file.exists():
            with contextlib.suppress(OSError):  # something is in it
                for empty in (self.samples, self.checkpoints):
                    if empty.exists():
                        empty.rmdir()
                (self.path / ".lock").unlink()
                self.path.rmdir()
        self._lock.close()

    def picture(self, step: int) -> pathlib.Path:
        """The picture of samples that training draws at a step."""
        return self.samples / f"step_{step:08d}.png"

    def evaluation_file(self, step: int, seed: int, method: str) -> pathlib.Path:
        """The JSON of an evaluation of samples drawn by a method."""
        return self.evaluation / f"step_{step:08d}_seed_{seed}{'' if method == 'plain' else f'_{method}'}.json"

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Writes the config as used; raises WriteError if that fails."""
        write_text(self.config_file, json.dumps(config, indent=2, sort_keys=True) + "\n")

    def _open(self) -> None:
        try:
            self.samples.mkdir(parents=True, exist_ok=True)
            self._lock = open(self.path / ".lock", "w")  # noqa: SIM115  (held until the process ends)
        except OSError as error:
            kind = WriteError if error.errno in (errno.ENOSPC, errno.EDQUOT) else UsageError
            raise kind(
                f"--workdir={self.path} cannot be written",
                error.strerror or str(error),
                "choose a directory you may write to",
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"--workdir={self.path} is in use", "another process trains in it", "stop it, or choose another workdir"
            ) from error
        except OSError:
            pass  # a file system without locks


def check_same(old: Mapping[str, Any], new: Mapping[str, Any], where: pathlib.Path) -> None:
    """Raises UsageError, which names the fields that differ, if a run cannot be resumed with a config.

    Args:
      old: the config that the run's checkpoints were made with, as JSON has it.
      new: the config wanted.
      where: the run's directory.
    """
    before, now = (schema.flattened(json.loads(json.dumps(config))) for config in (old, new))
    allowed = set(schema.allowed(new, "resume"))
    schedules = (now.get(f"{player}_optimizer.rate_schedule") for player in ("generator", "discriminator"))
    if {"linear", "cosine"} & set(schedules):
        allowed.remove("steps")  # these schedules end with the run, so its length is part of them
    rows, missing = schema.rows(new), "(not there)"

    def rank(name: str) -> tuple[bool, str]:
        # Choices such as the loss come first, as they tell what the run is.
        return name not in rows or rows[name].spec.field.choices is None, name

    differing = [
        f"{name}: {before.get(name, missing)} there, {now.get(name, missing)} now"
        for name in sorted({*before, *now}, key=rank)
        if before.get(name, missing) != now.get(name, missing) and name not in allowed
    ]
    if differing:
        more = [f"and {len(differing) - NAMED} more fields"] if len(differing) > NAMED else []
        raise UsageError(
            f"{where} has a run with another config",
            ", ".join([*differing[:NAMED], *more]),
            "use the same config to go on with it, or another --workdir to start anew",
        )
