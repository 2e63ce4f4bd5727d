"""Shared by the training of single runs and of a sweep's members: the loop around compiled steps, and the log."""

import abc
import itertools
import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.config import complete, schema
from jaxgan.config.build import minibatches_before
from jaxgan.config.schema import parameters
from jaxgan.datasets import order
from jaxgan.errors import DivergedError, UsageError, WriteError
from jaxgan.io.checkpoints import Checkpoints, damage_of, saved_steps, set_aside
from jaxgan.io.metric_writers import (
    WRITERS,
    LoggedRun,
    MetricsFile,
    MetricWriter,
    MultiWriter,
    Progress,
    Spared,
    complete_until,
)
from jaxgan.parallel import everywhere, own
from jaxgan.runs import devices
from jaxgan.runs.data import Inputs, check_same_data
from jaxgan.runs.directory import RunDirectory, check_same
from jaxgan.runs.saved import FORMAT, SavedRun, read_run
from jaxgan.signals import StopRequest
from jaxgan.types import TrainState

LARGE = 1e4
"""Larger parameters indicate that a run is about to diverge."""

COMPILING = "compiling ..."
"""Shown until the first chunk of steps has begun."""

SAVE_AGAIN_SECONDS = 30.0
"""Time between attempts to save a checkpoint after a failure."""


def select_devices(config: Mapping[str, Any]) -> None:
    """Selects the config's platform. Checks, before any data is read, that its devices suit the config.

    Raises:
      UsageError: the platform has no devices, or the mapping or batch size does not suit them.
    """
    devices.check(config["platform"])
    several = jax.process_count() > 1
    if config["mapping"] == "jit" and several:
        raise UsageError(
            "a problem in the config",
            f"mapping=jit is for one device, and there are {jax.process_count()} processes",
            "choose auto or shard_map",
        )
    count = 1 if config["mapping"] == "jit" else jax.device_count()
    factors = {name: config[name] for name in ("accumulation_steps", "packing") if config[name] > 1}
    multiple = count * math.prod(factors.values())
    if config["batch_size"] % multiple:
        times = "".join(f" times {name} {value}" for name, value in factors.items())
        raise UsageError(
            "a problem in the config",
            f"batch_size {config['batch_size']} does not divide by {count} device{'s' if count > 1 else ''}{times}",
            f"choose a multiple of {multiple}" + ("" if several or count == 1 else ", or mapping=jit for one device"),
        )


def check_resumes(
    checkpoints: Checkpoints, config: Mapping[str, Any], directory: RunDirectory, inputs: Inputs | None = None
) -> None:
    """Raises UsageError or DataError if the newest checkpoint cannot be resumed with this config and data."""
    saved = read_run(checkpoints)
    check_same(complete(saved.config), config, directory.path)
    if inputs is not None:
        check_same_data(saved.data, inputs, directory.path)


def go_back(directory: RunDirectory, config: Mapping[str, Any]) -> None:
    """Sets aside a run's newest checkpoints that are damaged, or that follow lost lines of its metrics.

    Raises:
      UsageError: undamaged checkpoints exist, but metrics lines are missing before all of them.
    """
    logged, lost = complete_until(directory.metrics_file, config["log_every"]), False
    unusable: dict[int, str] = {}
    for step in reversed(saved_steps(directory.checkpoints)):
        damage = damage_of(directory.checkpoints / str(step))
        if damage is None and step <= logged:
            set_aside(directory.checkpoints, unusable)
            return
        unusable[step] = damage or f"lines of metrics.jsonl before step {step} are lost"
        lost |= damage is None
    if lost:
        raise UsageError(
            f"cannot resume {directory.path}",
            f"metrics.jsonl lacks lines before step {step}, the oldest checkpoint",
            "delete metrics.jsonl to go on without the lines so far, or start again in another --workdir",
        )


def before_trouble(checkpoints: Checkpoints, *, but: int | None = None) -> int | None:
    """The newest planned step at which the players' parameters are below `LARGE`; None if there is none.

    Steps saved because of a signal do not count, so that an interrupted run goes back to the same step as an
    uninterrupted one.

    Args:
      checkpoints: checkpoints of a run that diverged.
      but: a step to skip if it is the newest one, because the run has already diverged again from there.
    """
    sound = [step for step in checkpoints.planned_steps() if read_run(checkpoints, step).largest < LARGE]
    if sound and sound[-1] == but:
        sound.pop()
    return sound[-1] if sound else None


def open_metrics(directory: RunDirectory, config: Mapping[str, Any], first: int) -> MetricsFile:
    """Opens the run's `metrics.jsonl`, without lines after the step at which it starts or resumes."""
    file = MetricsFile(directory.metrics_file)
    # A run that ended between two log steps wrote a line for fewer steps. If extended, it rewrites the whole line.
    file.truncate(first if first == config["steps"] else first - first % config["log_every"])
    return file


def open_writers(
    directory: RunDirectory, config: Mapping[str, Any], first: int, warn: Callable[[str], None], group: str = ""
) -> MultiWriter:
    """Opens the writers of `config.logging.writers`; their failures are only warnings.

    Args:
      directory, config: of the run.
      first: the step at which it starts or resumes.
      warn: called with the text of a warning.
      group: the sweep to which the run belongs (members of sweeps do not have all writers); "" for a single run.
    """
    run = LoggedRun(directory.path, None, config, _hyperparameters(config), group)
    return MultiWriter(
        *(
            Spared(_opener(name, run, first, config["logging"]), warn)
            for name in config["logging"]["writers"]
            if not group or getattr(WRITERS[name], "of_members", False)
        )
    )


def _opener(name: str, run: LoggedRun, first: int, section: Mapping[str, Any]) -> Callable[[], MetricWriter]:
    """Returns a function that opens a writer: the first time with the run's first step, later with None."""
    steps = iter([first])
    fields = {field: section[f"{name}_{field}"] for field in parameters(WRITERS[name], schema.Logging.provided)}
    return lambda: WRITERS[name](run._replace(step=next(steps, None)), **fields)


def _hyperparameters(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config fields that distinguish a run from others: those outside sections, and those not at their defaults."""
    values, usual, known = schema.flattened(config), schema.flattened(complete({})), schema.rows(config)
    fixed = {name: value for name, value in values.items() if not known[name].spec.field.resume}
    telling = {name: value for name, value in fixed.items() if "." not in name or value != usual.get(name)}
    return {name: v if isinstance(v, bool | int | float | str) else str(v) for name, v in telling.items()}


def chunk_stops(first: int, last: int, chunk: int) -> list[int]:
    """The steps at which chunks end: multiples of `chunk`, so that resuming does not change how steps are divided."""
    return [first, *range((first // chunk + 1) * chunk, last, chunk), last]


class HostLoop(abc.ABC):
    """Runs chunk after chunk of compiled steps, and between them the host's work that is due.

    The metrics of a chunk are read while the next chunk computes, so the device does not wait for the host.

    Attributes:
      stop: held once the first chunk is compiled and dispatched; before that there is nothing to save.
      progress: shows that the first chunk is being compiled; None for no output.
    """

    stop: StopRequest
    progress: Progress | None = None

    def loop(self, state: Any, stops: list[int], batches: Iterable[Any]) -> Any:
        """Runs the chunks from stops[i] to stops[i + 1], one per element of `batches`, and returns the last state.

        The buffers of `state` are donated. Exceptions from `record` and `settle` end the loop.
        """
        waiting: Any = None
        if self.progress is not None:
            self.progress.note(COMPILING)
        for start, stop, batch in zip(stops, stops[1:], batches, strict=False):
            # Dispatch a chunk. This returns at once, except for the first, which is compiled.
            state, metrics = self.advance(state, batch, start)
            self.stop.hold()
            if self.progress is not None and start == stops[0]:
                self.progress.note("")
                self.progress.measure()
            # Read the metrics of the previous chunk, which is done or almost done.
            if waiting is not None:
                self.record(*waiting)
            waiting = start, metrics, self.measure(stop, state)
            if not self.is_due(stop):
                continue
            # Something is due at this step. It needs the metrics so far, so wait for this chunk.
            self.record(*waiting)
            waiting = None
            if self.settle(stop, state):
                break
        return state

    @abc.abstractmethod
    def advance(self, state: Any, batch: Any, start: int) -> tuple[Any, dict[str, Any]]:
        """Dispatches the chunk that begins at step `start`: returns `(state, metrics)`."""

    @abc.abstractmethod
    def record(self, start: int, metrics: dict[str, Any], measured: dict[str, Any]) -> None:
        """Records the metrics of the chunk that began at `start`, and what `measure` returned after it."""

    @abc.abstractmethod
    def is_due(self, stop: int) -> bool:
        """Whether the host needs the state at this step, or the loop must end there."""

    @abc.abstractmethod
    def settle(self, stop: int, state: Any) -> bool:
        """Does the work that is due at a step. Returns True to end the loop."""

    def measure(self, stop: int, state: Any) -> dict[str, Any]:
        """Starts computing further metrics of a state on the device."""
        return {}


class RunLog:
    """Records a single run, or a member of a sweep: means of its metrics to a writer, and its state to checkpoints.

    Lines are means over the steps since the previous line. They do not depend on the chunk length or on interruptions,
    so `metrics.jsonl` of a resumed run equals that of an uninterrupted run byte for byte.

    Args:
      config: a checked config.
      inputs: the run's data.
      checkpoints: checkpoints of the run.
      window: values of the steps since the last line, from the checkpoint at which the run resumes.
      writer: receives a line at every log step and at the last step.
      monitor: the alarms (an `AlarmMonitor`), which have already seen the earlier lines; None for none.
      progress: shows the latest metrics and the warnings; None for none.
      setbacks: how often the run has gone back to a checkpoint because it diverged.

    Attributes:
      warnings: warnings of alarms that turned on since the run started or resumed, by alarm.
      diverged: the step at which a number was not finite; None otherwise.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        inputs: Inputs,
        checkpoints: Checkpoints,
        window: Mapping[str, list[float]],
        writer: MetricWriter,
        monitor: Any = None,
        progress: Progress | None = None,
        setbacks: int = 0,
    ):
        self.config, self.inputs, self.checkpoints = config, inputs, checkpoints
        self.writer, self.monitor, self.progress, self.setbacks = writer, monitor, progress, setbacks
        self.warnings: dict[str, str] = {}
        self.diverged: int | None = None
        self._window = {name: list(values) for name, values in window.items()}
        self._failing_since: float | None = None
        self._tried = 0.0

    def record(self, start: int, metrics: Mapping[str, Any], measured: Mapping[str, Any] = {}) -> None:
        """Records the metrics [steps] of the steps from `start`, and scalars measured after them if they end at a log
        step.

        Raises:
          DivergedError: a metric is not finite. Lines logged before it are kept.
        """
        host = {name: np.asarray(values, np.float64) for name, values in metrics.items()}
        finite = np.all([np.isfinite(values) for values in host.values()], axis=0)
        good = len(finite) if finite.all() else int(np.argmin(finite))
        for offset in range(good):
            for name, values in host.items():
                self._window.setdefault(name, []).append(float(values[offset]))
            step = start + offset + 1
            if step % self.config["log_every"] == 0 or step == self.config["steps"]:
                self._write(step, measured)
        if good < len(finite):
            self.diverged = start + good + 1
            bad = (f"{name} is {values[good]}" for name, values in host.items() if not np.isfinite(values[good]))
            raise DivergedError(f"the run diverged at step {self.diverged}", ", ".join(bad), self._after_divergence())
        if self.progress is not None:
            self.progress.update(start + good, {name: float(values[-1]) for name, values in host.items()})

    def save(self, step: int, state: TrainState, *, wait: bool = False, patience: float | None = None) -> None:
        """Saves a state, with the config and everything that resuming needs, after the lines before it are on disk.

        Args:
          step: number of training steps done.
          state: the state after this step.
          wait: whether to return only when it is saved, instead of writing in the background.
          patience: seconds after the first failure during which failures are only warnings; None:
            `config.save_patience`.

        Raises:
          DivergedError: a parameter is not finite.
          WriteError: this save or the previous one failed, and the patience has run out.
        """
        finite, largest = map(float, _size_of(own(state)))
        if not finite:
            self.diverged = step
            why = "a parameter is not finite"
            raise DivergedError(f"the run diverged before step {step}", why, self._after_divergence())
        run = SavedRun(self.config, self.inputs.describe(), self._window, self.setbacks, largest)
        extra = {"format": FORMAT, **run._asdict()}
        for attempt in itertools.count(1):
            self._tried = time.monotonic()
            try:
                self.writer.sync()
                self.checkpoints.save(step, everywhere(state) if jax.process_count() > 1 else state, extra)
                if wait or self._failing_since is not None:
                    self.checkpoints.wait()
                    self._failing_since = None
                return
            except WriteError as error:
                self._note_failure(error, self.config["save_patience"] if patience is None else patience, attempt)
            if attempt > 1:  # the first failure may belong to the previous save
                if not wait:
                    return
                time.sleep(min(SAVE_AGAIN_SECONDS, self.config["save_patience"]))

    def must_save_again(self) -> bool:
        """Whether the newest checkpoint could not be saved, and it is time to retry."""
        return self._failing_since is not None and time.monotonic() - self._tried > SAVE_AGAIN_SECONDS

    def _note_failure(self, error: WriteError, patience: float, attempt: int) -> None:
        warns = self._failing_since is None
        self._failing_since = self._failing_since or time.monotonic()
        over = time.monotonic() - self._failing_since >= patience
        if jax.process_count() > 1 or (over and attempt > 1):  # several processes save together
            raise error
        if warns and patience:
            self._warn(f"{error.what}; {error.why}; the training goes on, and tries again for {patience:g} s")

    def _warn(self, text: str) -> None:
        line = f"jaxgan: warning: {text}"
        if self.progress is not None:
            self.progress.message(line)
        else:
            print(line, file=sys.stderr, flush=True)

    def _after_divergence(self) -> str:
        step, kept = before_trouble(self.checkpoints), "no checkpoint is from before it"
        if step is not None:
            kept = f"the checkpoint of step {step:,} is from before it (--mode=sample --step={step})"
        return f"lower the optimizers' learning_rate or set their clip_norm, in another --workdir; {kept}"

    def _write(self, step: int, measured: Mapping[str, Any]) -> None:
        means = {name: float(np.mean(values)) for name, values in self._window.items()}
        means |= {name: float(np.asarray(value)) for name, value in measured.items()}
        if self.monitor is not None:
            warnings = self.monitor.observe(means)
            means |= self.monitor.metrics()
            self.warnings |= warnings
            if self.progress is not None:
                for warning in warnings.values():
                    self._warn(f"step {step:,}: {warning}")
        used = int(minibatches_before(self.config, step))
        epoch = order.epoch_of(used, size=self.inputs.epoch_size, batch_size=self.config["batch_size"])
        self.writer.write_scalars(step, {"epoch": round(epoch, 6), **means})
        if step % self.config["log_every"] == 0:
            self._window = {}


@jax.jit
def _size_of(state: TrainState) -> tuple[jax.Array, jax.Array]:
    """Whether a state is finite everywhere, and the largest magnitude of a player's parameter."""
    floats = [leaf for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    params = jax.tree.leaves((state.generator.params, state.discriminator.params))
    finite = jnp.array([jnp.isfinite(leaf).all() for leaf in floats])
    largest = jnp.array([jnp.abs(leaf).max(initial=0) for leaf in params], jnp.float32)
    return jnp.all(finite), jnp.max(largest)
