"""Checkpoints of a run: the whole state and a JSON dict, written in the background by Orbax.

A manifest lists each checkpoint's files with their sizes and checksums, so damage is detected before restoring: Orbax
does not detect a flipped bit, and for a truncated file its background threads print pages of output.
"""

import contextlib
import dataclasses
import errno
import functools
import itertools
import json
import logging
import os
import re
import shutil
import stat
import sys
import traceback
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax.tree_util import keystr

from jaxgan.errors import DataError, JaxganError, UsageError, WriteError
from jaxgan.types import PlayerState, TrainState

Leaves = dict[str, Any]
"""The leaves and empty containers of a pytree by path, such as "generator.params.dense.kernel", as Orbax names them."""

UNRELATED = (MemoryError, RuntimeError)
"""Errors not caused by a file (JAX's own errors are RuntimeErrors). A damaged file may raise any other error."""

MANIFEST = "manifest.json"
"""{file: [bytes, CRC-32]}; one per checkpoint."""

_ADDED = "average_state"
"""The field of `TrainState` that is missing from checkpoints of earlier versions."""

PLAYERS = ("generator", "discriminator")

ITEMS = ("state", "run")
"""The directories of a checkpoint that the manifest lists."""


class Checkpoints:
    """The checkpoints of one run. A context manager that waits for the last save when it closes.

    Methods that read take `step`; None means the newest undamaged checkpoint, with a warning about newer damaged ones.
    They raise UsageError if the checkpoint does not exist or fit the template, and DataError if it is damaged.

    Args:
      directory: created if it does not exist.
      keep: number of newest checkpoints to keep, at least 1.
      best: selects one more of the saved steps to keep, if any.
      every: an uninterrupted run saves multiples of these. Other steps are kept only while they are the newest, so the
        number of interruptions does not change which checkpoints are kept.
      asynchronous: `save` returns once the state is copied, and writes in the background.

    Raises:
      UsageError: `keep` < 1, or the directory cannot be created.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        keep: int,
        best: Callable[[list[int]], int | None] | None = None,
        every: Sequence[int] = (1,),
        asynchronous: bool = True,
    ):
        if keep < 1:
            raise UsageError("cannot keep checkpoints", f"keep is {keep}", "keep at least 1")
        self.directory = Path(directory).absolute()
        self._every = every
        self._saving: int | None = None
        self._damage: dict[int, str | None] = {}
        self._asynchronous = asynchronous
        _quiet_orbax()
        import orbax.checkpoint as ocp

        self._ocp = ocp
        options = ocp.CheckpointManagerOptions(
            preservation_policy=_Preserved(keep, best, every),
            enable_async_checkpointing=asynchronous,
            async_options=ocp.AsyncOptions(post_finalization_callback=self._finish) if asynchronous else None,
        )
        # With named handlers, Orbax can read a checkpoint's metadata before anything is saved or restored.
        handlers = {"state": ocp.StandardCheckpointHandler(), "run": ocp.JsonCheckpointHandler()}
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._manager = ocp.CheckpointManager(self.directory, options=options, item_handlers=handlers)
        except OSError as error:
            remedy = "choose a directory that can be written"
            kind = WriteError if error.errno in (errno.ENOSPC, errno.EDQUOT) else UsageError
            raise kind(f"cannot open {self.directory} for checkpoints", _reason(error), remedy) from error

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind, error, trace) -> None:
        try:
            self.close()
        except JaxganError as failure:
            if error is None:
                raise
            error.add_note(str(failure))  # the reader must see the first failure

    def save(self, step: int, state: TrainState, extra: dict[str, Any]) -> None:
        """Starts saving a state; does nothing if that step is already saved.

        Args:
          step: number of training steps done.
          state: its buffers may be donated as soon as this returns.
          extra: a JSON-serialisable dict, for example with the config.

        Raises:
          UsageError: a newer checkpoint exists.
          WriteError: this save, or the one before it, failed.
          TypeError: `extra` is not JSON-serialisable.
        """
        step, latest = int(step), self.latest_step()
        run = json.loads(json.dumps(extra))  # a copy, since the caller may change its dict
        if step in self._manager.all_steps():
            return
        if latest is not None and step < latest:
            remedy = f"delete {self.directory / str(latest)} and any other newer one, or use another directory"
            raise UsageError(f"cannot save step {step}", f"{self.directory} has step {latest}, which is newer", remedy)
        args = self._ocp.args
        with self._writing():
            self._manager.wait_until_finished()
            self._saving = step
            self._manager.save(step, args=args.Composite(state=args.StandardSave(state), run=args.JsonSave(run)))
            if not self._asynchronous:
                self._finish()

    def wait(self) -> None:
        """Waits until the last save is on disk; raises WriteError if it failed."""
        with self._writing():
            self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits like `wait`, and stops the background threads."""
        try:
            self.wait()
        finally:
            self._manager.close()

    def latest_step(self) -> int | None:
        """The newest step saved, or being saved by this object; None if there is none. Unfinished ones do not count."""
        return self._manager.latest_step()

    def steps(self) -> list[int]:
        """All saved steps, sorted."""
        return sorted(self._manager.all_steps())

    def planned_steps(self) -> list[int]:
        """The saved steps that an uninterrupted run would save too, sorted."""
        return _planned(self.steps(), self._every)

    def extra(self, step: int | None = None) -> dict[str, Any]:
        """Reads the dict saved with a state, without the state."""
        step = self._existing(step)
        with self._reading(step):
            return self._manager.restore(step, args=self._ocp.args.Composite(run=self._ocp.args.JsonRestore()))["run"]

    def restore(self, template: TrainState, step: int | None = None) -> tuple[TrainState, dict[str, Any]]:
        """Reads a state, bit for bit as it was saved, and the dict saved with it.

        Args:
          template: a state, or one of `jax.ShapeDtypeStruct`s, with the structure, shapes and dtypes of the saved
            state. Each leaf is placed where the template's leaf is, or else on the default device.
          step: step of the checkpoint.
        """
        step = self._existing(step)
        target, saved = jax.tree.map(_abstract, template), self._saved_leaves(step)
        earlier = not any(path.startswith(_ADDED) for path in saved)
        if earlier:
            target = {field.name: getattr(target, field.name) for field in dataclasses.fields(target)}
            target.pop(_ADDED)
        self._check(step, _leaves(target), saved)
        with self._reading(step):
            args = self._ocp.args.Composite(state=self._ocp.args.StandardRestore(target))
            state, extra = self._manager.restore(step, args=args)["state"], self.extra(step)
        if earlier:  # the averaged generator's model state starts as the generator's
            state = TrainState(**state)
            if template.average_state is not None:
                state = state.replace(average_state=jax.tree.map(jnp.copy, state.generator.model_state))
        return state, extra

    def restore_generator(
        self, template: TrainState, step: int | None = None, *, discriminator: bool = False
    ) -> TrainState:
        """Reads only what sampling needs, into a state whose other parts are empty.

        Args:
          template: as for `restore`; its optimizer states, and a discriminator that is not read, are ignored.
          step: step of the checkpoint.
          discriminator: whether to read the params and model_state of the discriminator too.
        """
        step = self._existing(step)
        names = ("generator", "discriminator") if discriminator else ("generator",)
        templates = {name: getattr(template, name) for name in names}
        players = {n: {"params": p.params, "model_state": p.model_state} for n, p in templates.items()}
        others = {"step": template.step, "key": template.key, "average_params": template.average_params}
        saved = self._saved_leaves(step)
        if any(path.startswith(_ADDED) for path in saved):
            others[_ADDED] = template.average_state
        target = jax.tree.map(_abstract, others | players)
        wanted = (*others, *(f"{name}.{part}" for name in players for part in ("params", "model_state")))
        self._check(step, _leaves(target), {path: leaf for path, leaf in saved.items() if path.startswith(wanted)})
        target |= {name: _with_leaves(target[name]) for name in players}
        found = self._read(step, _with_leaves(target))
        read = {"discriminator": PlayerState({}, {}, ())} | {
            name: PlayerState(found[name]["params"], found[name].get("model_state", player.model_state), ())
            for name, player in templates.items()
        }
        averages = (found.get(name) for name in ("average_params", _ADDED))
        return TrainState(found["step"], found["key"], read["generator"], read["discriminator"], *averages)

    def players(self, step: int | None = None) -> dict[str, dict[str, Any]]:
        """Reads `{player: {"params", "model_state"}}` for any networks, as nested dicts of arrays."""
        step = self._existing(step)
        with self._reading(step):
            _verify_manifest(self.directory / str(step))
            saved = self._metadata(step)
            parts = {name: {part: saved[name][part] for part in ("params", "model_state")} for name in PLAYERS}
            parts = {name: _with_leaves(player) for name, player in parts.items()}
        found = self._read(step, jax.tree.map(_abstract, parts))
        return {name: {"model_state": {}} | player for name, player in found.items()}

    def _read(self, step: int, target: dict[str, Any]) -> dict[str, Any]:
        """Reads parts of a state. Orbax cannot restore a part without leaves."""
        ocp = self._ocp
        with self._reading(step):
            args = ocp.args.PyTreeRestore(
                target, restore_args=ocp.checkpoint_utils.construct_restore_args(target), partial_restore=True
            )
            with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as reader:
                return reader.restore(self.directory / str(step) / "state", args=args)

    def _finish(self) -> None:
        # In the background, Orbax calls this just before it gives the step its final name, so both appear together.
        for name in (f"{self._saving}.orbax-checkpoint-tmp", str(self._saving)):
            if (self.directory / name).is_dir() and jax.process_index() == 0:
                _write_manifest(self.directory / name)
                return

    def _existing(self, step: int | None) -> int:
        steps = self.steps()
        if step is None and steps:
            step = self._newest(steps)
        if step is None or step not in steps:
            what = "no checkpoint" if step is None else f"no checkpoint of step {step}"
            why = f"{self.directory} has " + (f"steps {', '.join(map(str, steps))}" if steps else "none")
            raise UsageError(what, why, "train first, or name another directory or step")
        if step == self._saving:
            self.wait()
        with self._reading(step):
            _check_files(self.directory / str(step))
        return step

    def _newest(self, steps: list[int]) -> int:
        """The newest undamaged step; if all are damaged, the newest."""
        for step in reversed(steps):
            path = self.directory / str(step)
            if step != self._saving and step not in self._damage:
                self._damage[step] = damage = damage_of(path)
                if damage and step > steps[0]:
                    text = f"checkpoint {path} is damaged ({damage}), so the one before is taken"
                    print(f"jaxgan: warning: {text}", file=sys.stderr, flush=True)
            if self._damage.get(step) is None:
                return step
        return steps[-1]

    def _saved_leaves(self, step: int) -> Leaves:
        with self._reading(step):
            _verify_manifest(self.directory / str(step))
            return _leaves(self._metadata(step))

    def _metadata(self, step: int) -> dict[str, Any]:
        """Shapes and dtypes of a saved state, as nested dicts."""
        # Read from the files, because the manager returns None for a checkpoint whose metadata it cannot read.
        with self._ocp.StandardCheckpointer() as reader:
            return reader.metadata(self.directory / str(step) / "state").item_metadata.tree

    def _check(self, step: int, wanted: Leaves, saved: Leaves) -> None:
        for path in [*_with_leaves(wanted), *_with_leaves(saved), *wanted, *saved]:  # empty containers come last
            here, there = (_describe(leaves[path]) if path in leaves else "absent" for leaves in (wanted, saved))
            if here != there:
                raise UsageError(
                    f"checkpoint {step} in {self.directory} does not fit the networks and optimizers asked for",
                    f"{path} is {there} there and {here} here",
                    "use the config the run was started with, or another directory",
                )

    @contextlib.contextmanager
    def _reading(self, step: int) -> Iterator[None]:
        try:
            yield
        except UNRELATED:
            raise
        except Exception as error:
            path = self.directory / str(step)
            older = [other for other in self._manager.all_steps() if other < step]
            remedy = f"if it is damaged, delete {path} to " + (
                f"resume from step {max(older)}" if older else "start again"
            )
            raise DataError(f"cannot read checkpoint {path}", _reason(error), remedy) from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except UNRELATED:
            raise
        except Exception as error:
            what = f"cannot save checkpoint {self._saving} in {self.directory}"
            if jax.process_count() == 1:  # the partial checkpoint takes up needed space
                shutil.rmtree(self.directory / f"{self._saving}.orbax-checkpoint-tmp", ignore_errors=True)
            raise WriteError(what, _reason(error), "make room or repair it, and run again to resume") from error


@dataclasses.dataclass
class _Preserved:
    """The checkpoints that Orbax must not delete. Its own policies require a score when a checkpoint is saved."""

    keep: int
    best: Callable[[list[int]], int | None] | None
    every: Sequence[int]

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> list[bool]:
        steps = [checkpoint.step for checkpoint in checkpoints]
        kept = {
            *_planned(steps, self.every)[-self.keep :],
            *steps[-1:],
            None if self.best is None else self.best(steps),
        }
        return [step in kept for step in steps]


def _planned(steps: Sequence[int], every: Sequence[int]) -> list[int]:
    return [step for step in steps if any(step % each == 0 for each in every)]


def _abstract(leaf: Any) -> jax.ShapeDtypeStruct:
    sharding = getattr(leaf, "sharding", None)
    if not isinstance(sharding, jax.sharding.Sharding):  # Orbax's description of where a leaf was does not help here
        sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)


def _leaves(tree: Any) -> Leaves:
    pairs = jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda part: not jax.tree.leaves(part))[0]
    return {keystr(path, simple=True, separator="."): leaf for path, leaf in pairs}


def _with_leaves(parts: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in parts.items() if jax.tree.leaves(part)}


def _describe(leaf: Any) -> str:
    if not jax.tree.leaves(leaf):  # Orbax restores () and {}; other containers without leaves become None
        return str(leaf) if type(leaf) in (tuple, dict) and not leaf else "empty"
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):  # a typed key is stored as its integers
        leaf = jax.eval_shape(jax.random.key_data, leaf)
    return f"{leaf.dtype}[{', '.join(map(str, leaf.shape))}]"


def _reason(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    text = getattr(error, "strerror", None) or str(error).strip().split("\n")[0] or type(error).__name__
    if code := re.search(r"os_error_code='(\d+)'", text):  # TensorStore: a long line that ends with this
        text = os.strerror(int(code[1]))
    return text if len(text) <= 160 else text[:157] + "..."


def _check_files(path: Path) -> None:
    """Raises ValueError if a checkpoint, which may be untrusted, contains links or pipes."""
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            mode = os.lstat(os.path.join(folder, name)).st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise ValueError(f"{name} is neither a file nor a directory")


def _write_manifest(path: Path) -> None:
    (path / MANIFEST).write_text(json.dumps(_checksums(path)))


def saved_steps(directory: Path) -> list[int]:
    """The steps of a run's checkpoints, sorted; does not open them."""
    return sorted(int(path.name) for path in directory.iterdir() if path.name.isdigit()) if directory.is_dir() else []


def set_aside(directory: Path, unusable: Mapping[int, str]) -> None:
    """Renames checkpoints of a run to STEP.unusable, each with a warning. No process may be training the run.

    Args:
      directory: directory of the checkpoints.
      unusable: the reasons, by step.
    """
    for step, why in unusable.items():
        names = (f"{step}.unusable{number or ''}" for number in itertools.count())
        name = next(name for name in names if not (directory / name).exists())
        (directory / str(step)).rename(directory / name)
        text = f"checkpoint {directory / str(step)} is not used ({why}); it is now {name}"
        print(f"jaxgan: warning: {text}", file=sys.stderr, flush=True)


def damage_of(path: Path) -> str | None:
    """Describes the damage to a checkpoint's files; None if there is none."""
    try:
        _check_files(path)
        _verify_manifest(path)
    except (OSError, ValueError) as error:
        return _reason(error)
    return None


def _verify_manifest(path: Path) -> None:
    """Raises ValueError or OSError if a file is missing, changed or unreadable.

    A missing manifest is accepted if no checkpoint beside it has one: other software wrote them.
    """
    for item in ITEMS:
        if not (path / item).is_dir():
            raise ValueError(f"{item} is missing")
    if not (path / MANIFEST).exists() and not any(path.parent.glob(f"[0-9]*/{MANIFEST}")):
        return
    expected = json.loads((path / MANIFEST).read_text())
    if not isinstance(expected, dict) or not expected:
        raise ValueError(f"{MANIFEST} is not what was written")
    actual = _checksums(path)
    for name, facts in expected.items():
        if name not in actual:
            raise ValueError(f"{name} is missing")
        if actual[name] != facts:
            raise ValueError(f"{name} is not what was written")


def _checksums(path: Path) -> dict[str, list[int]]:
    files = sorted(file for item in ITEMS for file in (path / item).rglob("*") if file.is_file())
    return {
        file.relative_to(path).as_posix(): [file.stat().st_size, _checksum(file)]
        for file in files
        if file.name != "commit_success.txt"  # Orbax's own marker, which it may write later
    }


def _checksum(file: Path) -> int:
    value = 0
    with file.open("rb") as stream:
        while block := stream.read(2**22):
            value = zlib.crc32(block, value)
    return value


@functools.cache
def _quiet_orbax() -> None:
    """Hides Orbax's logs about errors that it also raises: dozens of lines per save, hundreds when a disk is full."""
    # Other software uses these loggers too, so records are filtered by source, not by level.
    for name in ("absl", "asyncio"):
        logging.getLogger(name).addFilter(_worth_showing)
    hook = sys.unraisablehook

    def show(unraisable):
        # After a failed write, TensorStore's threads call the event loop that Orbax has closed.
        error = unraisable.exc_value
        if not (isinstance(error, RuntimeError) and str(error) == "Event loop is closed"):
            hook(unraisable)

    sys.unraisablehook = show


def _worth_showing(record: logging.LogRecord) -> bool:
    """Whether a log record is from other software, or an Orbax error that is not raised as well."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return "orbax" not in Path(record.pathname).parts or record.levelno >= logging.ERROR
    files = [record.pathname, *(frame.filename for frame in traceback.extract_tb(error.__traceback__))]
    # TensorStore's own errors have no traceback.
    return not (any("orbax" in Path(file).parts for file in files) or "Error writing" in str(error))
