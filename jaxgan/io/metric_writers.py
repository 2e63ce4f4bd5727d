"""What a run writes while it trains: metrics as JSON lines, TensorBoard events, and progress on the terminal."""

import json
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from jaxgan.errors import UsageError
from jaxgan.io.atomic import write_whole

Values = Mapping[str, Any]
"""Metrics by name: python numbers, or arrays of one element."""


class MetricsFile:
    """`metrics.jsonl`: one JSON object per log step, `{"step": n, name: value, ...}`, names in the order given.

    Nothing in it depends on the time or the machine, so two equal runs write equal files. A value that is not finite
    is written as null, since JSON has no NaN.

    Args:
      path: the file; made, with its directory, if it is not there, and appended to if it is.

    Raises:
      UsageError: it cannot be written.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def __enter__(self) -> "MetricsFile":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def write(self, step: int, values: Values) -> None:
        """Appends a line, and flushes it.

        Args:
          step: training steps done.
          values: numbers by name; "step" is no name for one.

        Raises:
          UsageError: the file cannot be written; the disk is full, say.
        """
        line = json.dumps({"step": int(step)} | {name: _plain(value) for name, value in values.items()})
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def lines(self) -> list[dict[str, Any]]:
        """The lines that are there; one that is no JSON object ends them."""
        return read_lines(self.path)

    def truncate(self, step: int) -> None:
        """Drops all lines of later steps, and a half-written last line, as a run that resumes at `step` must.

        Args:
          step: the last step to keep.

        Raises:
          UsageError: a line before the last is not a JSON object with a step.
        """
        lines = self.path.read_bytes().decode("utf-8", "replace").split("\n")  # the last ends in no newline: half
        kept = []
        for number, line in enumerate(lines[:-1], 1):
            try:
                written = json.loads(line)["step"]
                late = written > step
            except (ValueError, TypeError, KeyError) as error:
                why = f"line {number} is {line[:40]!r}, and not a JSON object with a step"
                raise UsageError(f"cannot resume {self.path}", why, "delete that line, or the file") from error
            if not late:
                kept.append(line + "\n")
        try:
            self._stream.close()
            write_whole(self.path, "".join(kept).encode())
            self._stream = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def close(self) -> None:
        """Closes the file; twice does no harm.

        Raises:
          UsageError: what was left could not be written.
        """
        try:
            self._stream.close()
        except OSError as error:
            raise _unwritable(self.path, error) from error


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a `metrics.jsonl`, none if it is not there; one that is no JSON object ends them."""
    found = []
    for line in path.read_bytes().decode("utf-8", "replace").splitlines() if path.exists() else ():
        try:
            found.append(dict(json.loads(line)))
        except (ValueError, TypeError):
            break
    return found


class TensorBoard:
    """Events for TensorBoard, written by tensorboardX (which needs no TensorFlow).

    Args:
      directory: of the event files.
      purge_step: on resuming, the step resumed at: TensorBoard then hides what an earlier run logged after it.

    Raises:
      UsageError: the directory cannot be written.
    """

    def __init__(self, directory: str | Path, *, purge_step: int | None = None):
        tensorboardX = _import_tensorboardx()
        self._directory = directory
        try:
            # TensorBoard hides the purge step itself too, but the step resumed at was logged and stays.
            purge = None if purge_step is None else purge_step + 1
            self._writer = tensorboardX.SummaryWriter(str(directory), purge_step=purge, max_queue=1000)
        except OSError as error:
            raise _unwritable(directory, error) from error

    def __enter__(self) -> "TensorBoard":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def scalars(self, step: int, values: Values) -> None:
        """Logs numbers by name, those that are not finite too, at a training step."""
        self._check_alive()
        for name, value in values.items():
            self._writer.add_scalar(name, float(np.asarray(value).reshape(())), int(step))

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        """Logs a picture at a training step.

        Args:
          step: training steps done.
          name: of the series it belongs to.
          image: uint8 [height, width, 1 or 3], or [height, width].
        """
        self._check_alive()
        image = np.asarray(image)
        self._writer.add_image(name, image, int(step), dataformats="HW" if image.ndim == 2 else "HWC")

    def close(self) -> None:
        """Writes what is left, and closes the file."""
        if self._worker_is_alive():
            self._writer.close()

    def _worker_is_alive(self) -> bool:
        return self._writer.file_writer.event_writer._worker.is_alive()

    def _check_alive(self) -> None:
        # tensorboardX writes in a thread, which ends when the disk is full: its queue would then fill, and block.
        if not self._worker_is_alive():
            reason = OSError(0, "tensorboardX could not write its events")
            raise _unwritable(self._directory, reason)


def _import_tensorboardx() -> Any:
    """tensorboardX, which imports torch where that is installed: seconds, for what is not used here."""
    if "torch" in sys.modules:
        import tensorboardX

        return tensorboardX
    sys.modules["torch"] = None  # type: ignore[assignment]  # an import of it now fails as if it were not there
    try:
        import tensorboardX
    finally:
        del sys.modules["torch"]
    return tensorboardX


class Progress:
    """How far the run is: a bar on a terminal, else a plain line now and then.

    Args:
      total: the step at which the run ends.
      start: the step it starts, or resumes, at.
      stream: where to write.
      interval: seconds between plain lines, at least; the first and the last `update` are always written.
      clock: seconds; for tests.
    """

    def __init__(
        self, total: int, start: int = 0, *, stream: TextIO | None = None, interval: float = 10.0, clock=time.monotonic
    ):
        self.total, self.step, self.interval = total, start, interval
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._base: tuple[int, float] | None = None  # where the rate is measured from: after the compilation
        self._reported: tuple[int, float] | None = None  # the last plain line
        self._unreported: Values | None = None
        self._bar = None
        if self._stream.isatty():
            import tqdm

            form = "{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt}{postfix}"
            # leave the bar's own rate out, as it counts the compilation
            self._bar = tqdm.tqdm(
                total=total, initial=start, file=self._stream, dynamic_ncols=True, bar_format=form, mininterval=0.1
            )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def update(self, step: int, values: Values | None = None) -> None:
        """Tells how many steps are done; the first call ends the first chunk, whose time (compilation) is not counted.

        Args:
          step: training steps done.
          values: the latest metrics; d_loss and g_loss are shown.
        """
        now, values = self._clock(), values or {}
        self.step = step
        if self._bar is not None:
            self._bar.set_postfix_str("  ".join(self._details(values, now)), refresh=False)
            self._bar.update(step - self._bar.n)
        elif self._reported is None or step >= self.total or now - self._reported[1] >= self.interval:
            self._report(values, now)
        else:
            self._unreported = values
        self._base = self._base or (step, now)

    def message(self, line: str) -> None:
        """Writes a line, above the bar if there is one."""
        if self._bar is not None:
            self._bar.write(line, file=self._stream)
        else:
            print(line, file=self._stream, flush=True)

    def close(self) -> None:
        """Writes the last line if it was held back, and leaves the bar where it is."""
        if self._bar is not None:
            self._bar.close()
        elif self._unreported is not None:
            self._report(self._unreported, self._clock())

    def _report(self, values: Values, now: float) -> None:
        share = 100 * self.step // max(self.total, 1)
        head = f"step {self.step:,}/{self.total:,} ({share} %)"
        print("  ".join([head, *self._details(values, now)]), file=self._stream, flush=True)
        self._reported, self._unreported = (self.step, now), None

    def _details(self, values: Values, now: float) -> list[str]:
        parts = [f"{name} {float(values[name]):.4g}" for name in ("d_loss", "g_loss") if name in values]
        recent = _rate(self._reported or self._base, self.step, now)
        average = _rate(self._base, self.step, now)
        if recent is not None:
            parts.append(f"{recent:,.{0 if recent >= 10 else 2}f} steps/s")
        if average:
            parts.append(f"{_duration((self.total - self.step) / average)} left")
        return parts


def _rate(since: tuple[int, float] | None, step: int, now: float) -> float | None:
    """Steps per second since then; None where that cannot be told."""
    if since is None or step <= since[0] or now <= since[1]:
        return None
    return (step - since[0]) / (now - since[1])


def _duration(seconds: float) -> str:
    seconds = math.ceil(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    return f"{seconds // 3600:,} h {seconds % 3600 // 60:02} min"


def _plain(value: Any) -> int | float | None:
    """A python number; None (null) for one that is not finite."""
    number = np.asarray(value).reshape(()).item()
    if isinstance(number, int):  # a bool is one too
        return number
    return float(number) if math.isfinite(number) else None


def _unwritable(path: str | Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write {path}", error.strerror or str(error), "make room, or choose another directory")
