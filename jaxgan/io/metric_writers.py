"""What a run writes while it trains: metrics as JSON lines, TensorBoard events, and progress on the terminal."""

import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from jaxgan.errors import UsageError, WriteError
from jaxgan.io.atomic import atomic_write, reported

Values = Mapping[str, Any]
"""Metrics by name: Python numbers, or arrays of one element."""

RETRY_SECONDS = 60.0
"""Between two tries to write where it failed."""


class MetricWriter:
    """Takes the metrics and the pictures of a run; this one ignores them. A context manager, which closes it.

    Writers raise WriteError if their file cannot be written, for example because the disk is full.
    """

    def __enter__(self):
        return self

    def __exit__(self, error: object, *_: object) -> None:
        try:
            self.close()
        except WriteError:
            if error is None:  # the reader must see the first failure
                raise

    def write_scalars(self, step: int, scalars: Values) -> None:
        """Writes numbers by name, at a number of training steps done."""

    def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        """Writes pictures by name: uint8 [height, width, 1 or 3], or [height, width]."""

    def sync(self) -> None:
        """Writes what is left of the numbers so that a power cut does not take them."""

    def close(self) -> None:
        """Writes what is left, and closes the files."""


class MultiWriter(MetricWriter):
    """Several writers as one."""

    def __init__(self, *writers: MetricWriter):
        self._writers = writers

    def write_scalars(self, step: int, scalars: Values) -> None:
        for writer in self._writers:
            writer.write_scalars(step, scalars)

    def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        for writer in self._writers:
            writer.write_images(step, images)

    def sync(self) -> None:
        for writer in self._writers:
            writer.sync()

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


class Spared(MetricWriter):
    """A writer whose training goes on while it cannot write: the first failure is a warning, and what it was to write
    in the meantime is left out.

    Args:
      make: opens the writer, now and again after a failure.
      warn: takes the text of the warning.
    """

    def __init__(self, make: Callable[[], MetricWriter], warn: Callable[[str], None]):
        self._make, self._warn = make, warn
        self._writer: MetricWriter | None = None
        self._failed: float | None = None
        self._try(lambda writer: None)

    def write_scalars(self, step: int, scalars: Values) -> None:
        self._try(lambda writer: writer.write_scalars(step, scalars))

    def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        self._try(lambda writer: writer.write_images(step, images))

    def close(self) -> None:
        if self._writer is not None:
            self._try(lambda writer: writer.close())

    def _try(self, write: Callable[[MetricWriter], None]) -> None:
        if self._writer is None and self._failed is not None and time.monotonic() - self._failed < RETRY_SECONDS:
            return
        try:
            self._writer = self._writer or self._make()
            write(self._writer)
        except WriteError as error:
            if self._failed is None:
                self._warn(f"{error.what}; {error.why}; the training goes on without it")
            self._failed = time.monotonic()
            if self._writer is not None:
                with contextlib.suppress(WriteError):
                    self._writer.close()
            self._writer = None


class MetricsFile(MetricWriter):
    """`metrics.jsonl`: one JSON object per log step, `{"step": n, name: value, ...}`, names in the order given.

    Nothing in it depends on the time or the machine, so two equal runs write equal files. A value that is not finite
    becomes null, since JSON has no NaN.

    Args:
      path: the file. It is created, with its directory, or appended to if it exists.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        with reported(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._open()

    def write_scalars(self, step: int, scalars: Values) -> None:
        """Appends a line, or keeps it for the next call while it cannot be written; "step" is not a valid name."""
        line = json.dumps({"step": int(step)} | {name: _plain(value) for name, value in scalars.items()})
        self._unwritten += line.encode() + b"\n"
        with contextlib.suppress(OSError):
            self._write()

    def sync(self) -> None:
        """Writes all lines to the disk itself."""
        with reported(self.path):
            self._write()
            os.fsync(self._stream.fileno())

    def lines(self) -> list[dict[str, Any]]:
        """The lines up to the first that is none."""
        return read_lines(self.path)

    def truncate(self, step: int) -> None:
        """Drops all lines of later steps and a half-written last line, before a run resumes at `step`.

        Raises:
          UsageError: a line before the last is not a JSON object with a step.
        """
        before = self.path.read_bytes()
        lines = before.decode("utf-8", "replace").split("\n")  # the last ends in no newline: half
        kept = []
        for number, line in enumerate(lines[:-1], 1):
            try:
                late = _parsed(line)["step"] > step
            except ValueError as error:
                why = f"line {number} is {line[:40]!r}, and not a JSON object with a step"
                raise UsageError(f"cannot resume {self.path}", why, "delete that line, or the file") from error
            if not late:
                kept.append(line + "\n")
        content = "".join(kept).encode()
        if content == before:  # a full disk has no room for a copy
            return
        with reported(self.path):
            self._stream.close()
            atomic_write(self.path, content)
            self._open()

    def close(self) -> None:
        """Closes the file; a second call has no effect."""
        with reported(self.path), contextlib.closing(self._stream):
            self._write()

    def _open(self) -> None:
        self._stream = self.path.open("ab", buffering=0)  # so that it says how much of a line was written
        self._unwritten = b""

    def _write(self) -> None:
        while self._unwritten:
            self._unwritten = self._unwritten[self._stream.write(self._unwritten) :]


def complete_until(path: Path, every: int) -> float:
    """The last step up to which a `metrics.jsonl` lacks no line after its first one; infinity if there is no file.

    Args:
      path: the file.
      every: steps from line to line.
    """
    if not path.exists():
        return math.inf
    last = 0
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            step = int(json.loads(line)["step"])
        except (ValueError, TypeError, KeyError):
            break
        if step % every:  # the last line of a run that ended between two log steps
            continue
        if last and step != last + every:
            break
        last = step
    return last + every - 1


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a `metrics.jsonl` up to the first that is none; none if the file does not exist."""
    found = []
    for line in path.read_bytes().decode("utf-8", "replace").splitlines() if path.exists() else ():
        try:
            found.append(_parsed(line))
        except ValueError:
            break
    return found


def _parsed(line: str) -> dict[str, Any]:
    """A line, whose file may be anyone's; ValueError if it is not a JSON object with a step and numbers or null."""
    try:
        found = json.loads(line)
    except RecursionError as error:
        raise ValueError("it is too deep") from error
    if not isinstance(found, dict) or type(found.get("step")) is not int:
        raise ValueError("it has no step")
    for value in found.values():
        if value is not None and (not isinstance(value, int | float) or not abs(value) < 2**1000):
            raise ValueError("it has other values than numbers")
    return found


class TensorBoard(MetricWriter):
    """Events for TensorBoard, written by tensorboardX (which needs no TensorFlow).

    Args:
      directory: of the event files.
      purge_step: on resuming, the step resumed at: TensorBoard then hides what an earlier run logged after it.
    """

    def __init__(self, directory: str | Path, *, purge_step: int | None = None):
        self._directory = Path(directory)
        tensorboardx = _import_tensorboardx()
        self._summary, self._event = tensorboardx.summary, tensorboardx.proto.event_pb2
        with reported(directory):
            self._directory.mkdir(parents=True, exist_ok=True)
            # Its writer without a thread: an error of the disk is raised here, where it can be reported.
            self._file = tensorboardx.event_file_writer.EventsWriter(str(self._directory / "events"))
        if purge_step is not None:
            # TensorBoard hides the purge step itself too, but the step resumed at was logged and stays.
            start = self._event.SessionLog(status=self._event.SessionLog.START)
            self._write(purge_step + 1, session_log=start)

    def write_scalars(self, step: int, scalars: Values) -> None:
        """Logs numbers by name, NaN and infinity included."""
        self._write(step, *(self._summary.scalar(name, np.asarray(value)) for name, value in scalars.items()))

    def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        arrays = {name: np.asarray(image) for name, image in images.items()}
        layouts = {2: "HW", 3: "HWC"}
        self._write(step, *(self._summary.image(n, a, dataformats=layouts[a.ndim]) for n, a in arrays.items()))

    def close(self) -> None:
        with reported(self._directory):
            self._file.close()

    def _write(self, step: int, *summaries: Any, **event: Any) -> None:
        events = [{"summary": summary} for summary in summaries] or [event]
        with reported(self._directory):
            for content in events:
                self._file.write_event(self._event.Event(wall_time=time.time(), step=int(step), **content))
            self._file.flush()


def _import_tensorboardx() -> Any:
    # tensorboardX imports torch if it is installed, which takes seconds and is not needed. None makes that import fail.
    absent: dict[str, Any] = {} if "torch" in sys.modules else {"torch": None}
    sys.modules.update(absent)
    try:
        import tensorboardX.event_file_writer
        import tensorboardX.proto.event_pb2
        import tensorboardX.summary
    finally:
        for name in absent:
            del sys.modules[name]
    return tensorboardX


class Progress:
    """How far the run is: a bar on a terminal, elsewhere a plain line every few seconds.

    Args:
      total: the step at which the run ends.
      start: the step it starts, or resumes, at.
      unit: what a step is.
      stream: where to write.
      interval: seconds between plain lines, at least; the first and the last `update` are always written.
      clock: seconds; for tests.
    """

    def __init__(
        self,
        total: int,
        start: int = 0,
        *,
        unit: str = "step",
        stream: TextIO | None = None,
        interval: float = 10.0,
        clock=time.monotonic,
    ):
        self.total, self.step, self.unit, self.interval = total, start, unit, interval
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
        """Reports how many steps are done. Rates are measured from the first call on, which excludes the compilation.

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
        """Writes the last line if it was held back, and leaves the bar on the screen."""
        if self._bar is not None:
            self._bar.close()
        elif self._unreported is not None:
            self._report(self._unreported, self._clock())

    def _report(self, values: Values, now: float) -> None:
        share = 100 * self.step // max(self.total, 1)
        head = f"{self.unit} {self.step:,}/{self.total:,} ({share} %)"
        print("  ".join([head, *self._details(values, now)]), file=self._stream, flush=True)
        self._reported, self._unreported = (self.step, now), None

    def _details(self, values: Values, now: float) -> list[str]:
        parts = [f"{name} {float(values[name]):.4g}" for name in ("d_loss", "g_loss") if name in values]
        recent = _rate(self._reported or self._base, self.step, now)
        average = _rate(self._base, self.step, now)
        if recent is not None:
            parts.append(f"{recent:,.{0 if recent >= 10 else 2}f} {self.unit}s/s")
        if average:
            parts.append(f"{_duration((self.total - self.step) / average)} left")
        return parts


def _rate(since: tuple[int, float] | None, step: int, now: float) -> float | None:
    """Steps per second since then; None if no time has passed."""
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
