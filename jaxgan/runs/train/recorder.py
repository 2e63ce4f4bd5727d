"""What becomes of a run's metrics: means over the logged steps, in a file, in TensorBoard and on the terminal."""

from collections.abc import Callable
from typing import Any

import numpy as np

from jaxgan.errors import DivergedError
from jaxgan.evaluation.alarms import Watch
from jaxgan.io.metric_writers import MetricsFile, Progress, TensorBoard

DIVERGED_REMEDY = (
    "lower the optimizers' learning_rate or set their clip_norm, in another --workdir; what was saved before is kept"
)

Window = dict[str, list[float]]


class Recorder:
    """Collects the metrics of every step and writes their means each time a log step is reached.

    The means do not depend on how the steps were cut into chunks, nor on stops in between, so `metrics.jsonl` of a
    resumed run equals that of an uninterrupted one byte for byte.

    Args:
      log_every: steps per line.
      total: steps of the run; the last line is written there.
      window: values of the steps since the last line, as a checkpoint kept them.
      epoch_of: `step -> epochs done`.
      watch: the alarms; it has seen the lines that are in the file already.
      file, board, progress: where the lines go.

    Attributes:
      warnings: of the alarms that were set off since the run started or resumed, by the alarm's name.
    """

    def __init__(
        self,
        *,
        log_every: int,
        total: int,
        window: Window,
        epoch_of: Callable[[int], float],
        watch: Watch,
        file: MetricsFile,
        board: TensorBoard,
        progress: Progress,
    ):
        self.log_every, self.total, self.epoch_of = log_every, total, epoch_of
        self.file, self.board, self.progress = file, board, progress
        self.watch = watch
        self.warnings: dict[str, str] = {}
        self.window: Window = {name: list(values) for name, values in window.items()}

    def record(self, start: int, metrics: dict[str, Any], health: dict[str, Any] | None = None) -> None:
        """Takes the metrics [steps] of the steps from `start`.

        Args:
          start: steps done before.
          metrics: [steps] each.
          health: scalars measured after the last of these steps, where that one is logged.

        Raises:
          DivergedError: if one is not finite; what was logged before it stays.
        """
        host = {name: np.asarray(values, np.float64) for name, values in metrics.items()}
        count = len(next(iter(host.values())))
        finite = np.all([np.isfinite(values) for values in host.values()], axis=0)
        good = count if finite.all() else int(np.argmin(finite))
        for offset in range(good):
            for name, values in host.items():
                self.window.setdefault(name, []).append(float(values[offset]))
            step = start + offset + 1
            if step % self.log_every == 0 or step == self.total:
                self._write(step, health or {})
        if good < count:
            bad = ", ".join(
                f"{name} is {values[good]}" for name, values in host.items() if not np.isfinite(values[good])
            )
            raise DivergedError(
                f"the run diverged at step {start + good + 1}",
                bad,
                DIVERGED_REMEDY,
            )
        self.progress.update(start + count, {name: float(values[-1]) for name, values in host.items()})

    def _write(self, step: int, health: dict[str, Any]) -> None:
        means = {name: float(np.mean(values)) for name, values in self.window.items()}
        means |= {name: float(np.asarray(value)) for name, value in health.items()}
        warnings = self.watch.observe(means) or {}
        means |= self.watch.metrics() or {}
        for warning in warnings.values():
            self.progress.message(f"jaxgan: warning: step {step:,}: {warning}")
        self.warnings |= warnings
        self.file.write(step, {"epoch": round(self.epoch_of(step), 6), **means})
        self.board.scalars(step, means)
        if step % self.log_every == 0:
            self.window = {}


class Silence:
    """Stands for whatever writes, in a process that writes nothing: every method of it does nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None
