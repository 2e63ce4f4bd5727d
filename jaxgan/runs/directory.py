"""A run's directory: its files, and a lock that keeps two processes from writing to it at once."""

import contextlib
import errno
import fcntl
import json
import os
import pathlib
import stat
from collections.abc import Mapping
from typing import IO, Any

from jaxgan.config import schema
from jaxgan.errors import UsageError, WriteError
from jaxgan.io.atomic import local_path, write_text

NAMED = 10
"""Maximum number of differing fields in a message."""

OWN = ("samples", "evaluation", "metrics.jsonl", "tensorboard", "profile", "members", "lost+found")
"""What a run creates besides its config, checkpoints and lock; and what a new disk contains."""

LOGS = (".err", ".log", ".out", ".txt")
"""Suffixes of files that other programs, such as a cluster's scheduler, may write into a run's directory beforehand."""


PLAIN = "plain"
"""The name of samples from the prior; file names omit it."""


def sampling_name(sampling: Mapping[str, Any]) -> str:
    """The name of a config's sampling method in file names: "plain", "rejection", "truncated_0p7"."""
    method, psi = sampling["method"], sampling["truncation"]
    cut = "" if psi == 1 else f"truncated_{psi:g}".replace(".", "p").replace("-", "m")
    return "_".join(filter(None, ["" if cut and method == PLAIN else method, cut]))


class RunDirectory:
    """A directory that holds one run. A context manager that unlocks it.

    It may be untrusted, so paths that jaxgan reads and writes in it must not lead elsewhere.

    Args:
      path: the directory's path.
      create: whether to create it if it does not exist, and lock it until `close` or the end of the process.

    Raises:
      UsageError: the path is a URL, is not accessible or writable, contains a link to another place or something that
        is not a file, or another process is training in it.
      WriteError: the disk is full.
    """

    def __init__(self, path: str, *, create: bool = True):
        plain = ":" not in path and not path.startswith("~")
        self.path = pathlib.Path(path).absolute() if plain else local_path(path, "--workdir=")
        self.config_file = self.path / "config.json"
        self.checkpoints = self.path / "checkpoints"
        self.samples = self.path / "samples"
        self.evaluation = self.path / "evaluation"
        self.curves = self.path / "curves.png"
        self.report = self.path / "report.html"
        self.metrics_file = self.path / "metrics.jsonl"
        self.tensorboard = self.path / "tensorboard"
        self.wandb = self.path / "wandb"
        self.divergences = self.path / "divergences.json"
        self.facts_file = self.path / "facts.json"
        self.sweep_file = self.path / "sweep.json"
        self.members = self.path / "members"
        self._lock_file = self.path / ".lock"
        self._lock: IO[str] | None = None
        self._check()
        self._made = create and not self.path.exists()
        if create:
            self.lock()

    def __enter__(self) -> "RunDirectory":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Unlocks the directory, and removes it if it was created for a run that could not start."""
        if self._lock is None:
            return
        if self._made and not self.config_file.exists() and not self.sweep_file.exists():
            with contextlib.suppress(OSError):  # the directory is not empty
                for empty in (self.samples, self.checkpoints):
                    if empty.exists():
                        empty.rmdir()
                self._lock_file.unlink()
                self.path.rmdir()
        self._lock.close()
        self._lock = None

    def picture(self, step: int) -> pathlib.Path:
        """The path of the picture of samples that training draws at a step."""
        return self.samples / f"step_{step:08d}.png"

    def evaluation_file(self, step: int, seed: int, way: str) -> pathlib.Path:
        """The JSON file of an evaluation; `way` is the `sampling_name` of its samples."""
        return self.evaluation / f"step_{step:08d}_seed_{seed}{'' if way == PLAIN else f'_{way}'}.json"

    def forget_after(self, step: int) -> None:
        """Removes the pictures and scores of later steps."""
        for path in (*self.samples.glob("step_*"), *self.evaluation.glob("step_*")):
            if int(path.stem.split("_")[1]) > step:
                path.unlink()

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Writes the config as used; raises WriteError on failure."""
        write_text(self.config_file, json.dumps(config, indent=2, sort_keys=True) + "\n")

    def lock(self) -> None:
        """Creates the directory if it does not exist, and locks it until `close` or the end of the process.

        Raises:
          UsageError: it cannot be written, or another process is training in it.
        """
        self._refuse_foreign()
        try:
            self.samples.mkdir(parents=True, exist_ok=True)
            self._lock = open(self._lock_file, "a")  # noqa: SIM115  (held until the process ends)
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
            self._lock.close()
            self._lock = None
            raise UsageError(
                f"--workdir={self.path} is in use", "another process trains in it", "stop it, or choose another workdir"
            ) from error
        except OSError:
            pass  # a file system without locks

    def _refuse_foreign(self) -> None:
        """Raises UsageError if a new run would be written among unrelated files. Logs and hidden files are allowed."""
        try:
            names = sorted(os.listdir(self.path))
        except OSError:  # it does not exist, or the next step reports the reason
            return
        if {self.config_file.name, self._lock_file.name, self.checkpoints.name, self.sweep_file.name}.intersection(
            names
        ):
            return
        foreign = [n for n in names if n not in OWN and not n.startswith(".") and pathlib.Path(n).suffix not in LOGS]
        if foreign:
            count = f"{foreign[0]} and {len(foreign) - 1:,} more" if len(foreign) > 1 else foreign[0]
            raise UsageError(
                f"--workdir={self.path} is not empty and has no run",
                f"it has files of something else: {count}",
                f"name a new directory, such as {self.path / 'run'}",
            )

    def _check(self) -> None:
        """Raises UsageError if the directory is not accessible, or something that jaxgan uses in it leads elsewhere."""
        used: tuple[pathlib.Path, ...]
        used = (self.config_file, self.checkpoints, self.samples, self.evaluation, self.curves, self.report)
        used += (self.metrics_file, self.tensorboard, self.path / "profile", self.sweep_file, self.members)
        used += (self.wandb, self.wandb / "run.json", self.wandb / "cache", self.facts_file)
        for path in (*used, self.path / "sweep.txt", self.path / "sweep.png", self._lock_file):
            try:
                if path.is_symlink():
                    root, place = map(os.path.realpath, (self.path, path))
                    if os.path.commonpath((root, place)) != root:
                        raise UsageError(
                            f"{path} leads out of the run's directory",
                            f"it is a link to {place}",
                            "put a directory or file there, or make the whole --workdir a link",
                        )
                mode = path.stat().st_mode
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or str(error)
                raise UsageError(f"--workdir={self.path} cannot be read", why, "name another") from error
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise UsageError(f"{path} cannot be used", "it is neither a file nor a directory", "remove it")


def check_same(old: Mapping[str, Any], new: Mapping[str, Any], where: pathlib.Path) -> None:
    """Raises UsageError, which names the differing fields, if a run cannot be resumed with a config.

    Args:
      old: the config with which the run's checkpoints were made, in JSON form.
      new: the requested config.
      where: the run's directory.
    """
    before, now = (schema.flattened(json.loads(json.dumps(config))) for config in (old, new))
    allowed = set(schema.allowed(new, "resume"))
    schedules = (now.get(f"{player}_optimizer.rate_schedule") for player in ("generator", "discriminator"))
    if {"linear", "cosine"} & set(schedules):
        allowed.remove("steps")  # these schedules end with the run, so they depend on its length
    rows, missing = schema.rows(new), "(not there)"

    def rank(name: str) -> tuple[bool, str]:
        # Choices such as the loss come first, since they say most about the run.
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
