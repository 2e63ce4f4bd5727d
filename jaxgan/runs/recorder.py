"""What becomes of a run's metrics: means over the logged steps, in a file, in TensorBoard and on the terminal."""

from collections.abc import Callable
from typing import Any

import numpy as np

from jaxgan.errors import DivergedError
from jaxgan.writers import MetricsFile, Progress, TensorBoard

DIVERGED_REMEDY = (
    "lower the optimizers' learning_rate or set their clip_norm, in another --workdir; good checkpoints are kept"
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
      file, board, progress: where the lines go.
    """

    def __init__(
        self,
        *,
        log_every: int,
        total: int,
        window: Window,
        epoch_of: Callable[[int], float],
        file: MetricsFile,
        board: TensorBoard,
        progress: Progress,
    ):
        self.log_every, self.total, self.epoch_of = log_every, total, epoch_of
        self.file, self.board, self.progress = file, board, progress
        self.window: Window = {name: list(values) for name, values in window.items()}

    def record(self, start: int, metrics: dict[str, Any]) -> None:
        """Takes the metrics [steps] of the steps from `start`.

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
                self._write(step)
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

    def _write(self, step: int) -> None:
        means = {name: float(np.mean(values)) for name, values in self.window.items()}
        self.file.write(step, {"epoch": round(self.epoch_of(step), 6), **means})
        self.board.scalars(step, means)
        if step % self.log_every == 0:
            self.window = {}
