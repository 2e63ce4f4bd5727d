"""Output of a run during training: metrics as JSON lines, for TensorBoard and for Weights & Biases; and progress."""

import contextlib
import importlib.util
import json
import math
import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TextIO

import numpy as np

from jaxgan import extras
from jaxgan.errors import UsageError, WriteError
from jaxgan.io.atomic import atomic_write, reported, write_json
from jaxgan.tables import Table

Values = Mapping[str, Any]
"""Metrics by name: Python numbers, or arrays with one element."""

RETRY_SECONDS = 60.0
"""Time between two attempts to write after a failure."""


class LoggedRun(NamedTuple):
    """The information on a run that metric writers get.

    Attributes:
      directory: directory of the run; a writer creates no files elsewhere.
      step: step at which the run starts or resumes. Anything that an earlier writer logged after it must be hidden.
        None for a writer that is reopened.
      config: the run's config: nested, JSON-serialisable.
      hyperparameters: numbers and texts that distinguish the run from others, by config field.
      group: the sweep to which the run belongs; "" for a single run.
    """

    directory: Path
    step: int | None = None
    config: Mapping[str, Any] = {}
    hyperparameters: Mapping[str, Any] = {}
    group: str = ""


class GoneError(WriteError):
    """A writer failed and is not retried."""


class MetricWriter:
    """Takes the metrics and pictures of a run; this base class ignores them. A context manager that closes it.

    Writers raise WriteError if their file cannot be written, for example because the disk is full. An entry of
    `WRITERS` is a subclass. Its first argument is a `LoggedRun`; the others are config fields named
    `logging.ENTRY_PARAMETER`.

    Attributes:
      requires: the module that it needs besides jaxgan's own dependencies; "" for none.
      of_members: whether members of a sweep get such a writer.
    """

    requires: ClassVar[str] = ""
    of_members: ClassVar[bool] = False

    def __enter__(self):
        return self

    def __exit__(self, error: object, *_: object) -> None:
        try:
            self.close()
        except WriteError:
            if error is None:  # the reader must see the first failure
                raise

    def write_scalars(self, step: int, scalars: Values) -> None:
        """Writes numbers by name; `step` is the number of training steps done."""

    def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        """Writes pictures by name: uint8 [height, width, 1 or 3], or [height, width]."""

    def write_summary(self, scores: Values) -> None:
        """Takes the final scores of a finished run by name; empty if there are none."""

    def sync(self) -> None:
        """Flushes pending numbers to disk, so that they survive a power cut."""

    def close(self) -> None:
        """Writes pending data, and closes the files."""


class MultiWriter(MetricWriter):
    """Combines several writers into one."""

    def __init__(self, *writers: MetricWriter):
        self._writers = writers

    def write_scalars(self, step: int, scalars: Values) -> None:
        for writer in self._writers:
            writer.write_scalars(step, scalars)

    def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        for writer in self._writers:
            writer.write_images(step, images)

    def write_summary(self, scores: Values) -> None:
        for writer in self._writers:
            writer.write_summary(scores)

    def sync(self) -> None:
        for writer in self._writers:
            writer.sync()

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


class Spared(MetricWriter):
    """A writer whose failures do not stop training. The first failure is a warning, and data is dropped while the
    writer cannot write.

    Args:
      make: opens the writer, first now and then again after each failure.
      warn: called with the text of the warning.
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

    def write_summary(self, scores: Values) -> None:
        self._try(lambda writer: writer.write_summary(scores))

    def sync(self) -> None:
        self._try(lambda writer: writer.sync())

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
            self._failed = math.inf if isinstance(error, GoneError) else time.monotonic()
            if self._writer is not None:
                with contextlib.suppress(WriteError):
                    self._writer.close()
            self._writer = None


class MetricsFile(MetricWriter):
    """`metrics.jsonl`: one JSON object per log step, `{"step": n, name: value, ...}`, with names in the given order.

    Its content does not depend on time or machine, so equal runs write equal files. A value that is not finite becomes
    null, since JSON has no NaN.

    Args:
      path: the file. An existing file is appended to; otherwise the file and its directory are created.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        with reported(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._open()

    def write_scalars(self, step: int, scalars: Values) -> None:
        """Appends a line, or keeps it for the next call if it cannot be written; "step" is not a valid name."""
        line = json.dumps({"step": int(step)} | {name: _plain(value) for name, value in scalars.items()})
        self._unwritten += line.encode() + b"\n"
        with contextlib.suppress(OSError):
            self._write()

    def sync(self) -> None:
        """Flushes all lines to disk."""
        with reported(self.path):
            self._write()
            os.fsync(self._stream.fileno())

    def lines(self) -> list[dict[str, Any]]:
        """The lines before the first invalid one."""
        return read_lines(self.path)

    def truncate(self, step: int) -> None:
        """Drops the lines of later steps and an incomplete last line, before a run resumes at `step`.

        Raises:
          UsageError: a line other than the last is not a JSON object with a step.
        """
        before = self.path.read_bytes()
        lines = before.decode("utf-8", "replace").split("\n")  # a last line without a newline is incomplete
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
        if content == before:  # a full disk has no space for a copy
            return
        with reported(self.path):
            self._stream.close()
            atomic_write(self.path, content)
            self._open()

    def close(self) -> None:
        """Closes the file. A second call does nothing."""
        with reported(self.path), contextlib.closing(self._stream):
            self._write()

    def _open(self) -> None:
        self._stream = self.path.open("ab", buffering=0)  # unbuffered, to know how much of a line was written
        self._unwritten = b""

    def _write(self) -> None:
        while self._unwritten:
            self._unwritten = self._unwritten[self._stream.write(self._unwritten) :]


def complete_until(path: Path, every: int) -> float:
    """The last step up to which `metrics.jsonl` has no gaps after its first line; infinity if there is no file.

    Args:
      path: the file.
      every: steps between lines.
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
    """The lines of a `metrics.jsonl` before the first invalid one; empty if the file does not exist."""
    found = []
    for line in path.read_bytes().decode("utf-8", "replace").splitlines() if path.exists() else ():
        try:
            found.append(_parsed(line))
        except ValueError:
            break
    return found


def _parsed(line: str) -> dict[str, Any]:
    """Parses a line of an untrusted file. ValueError unless it is a JSON object with a step and numbers or nulls."""
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


GROUPS = {
    "scores": ("evaluation",),
    "alarms": ("alarm",),
    "loss": ("loss", "terms", "wasserstein"),
    "logits": ("logit", "accuracy"),
    "gradients": ("gradient",),
    "pictures": ("samples",),
    "samples": ("diversity", "modes"),
}
"""Words in metric names, by the group in which trackers show the metric."""


def grouped(name: str) -> str:
    """A metric's name with its group: "loss/d_loss"; "scores/frechet" for "evaluation/frechet"."""
    words = set(name.replace("/", "_").split("_"))
    for group, known in GROUPS.items():
        if words & set(known):
            return f"{group}/{name.rpartition('/')[2]}"
    return name if "/" in name else f"training/{name}"


class TensorBoard(MetricWriter):
    """Writes TensorBoard events to `tensorboard/`, using tensorboardX (which needs no TensorFlow).

    Metrics are grouped. The config is logged as text. Its hyperparameters appear in the tab HPARAMS, beside the last
    value of each metric.

    Args:
      run: the run whose metrics are written.
    """

    requires = "tensorboardX"

    def __init__(self, run: LoggedRun):
        self._directory = run.directory / "tensorboard"
        tensorboardx = _import_tensorboardx()
        self._summary, self._event = tensorboardx.summary, tensorboardx.proto.event_pb2
        with reported(self._directory):
            self._directory.mkdir(parents=True, exist_ok=True)
            # tensorboardX's writer without its thread: disk errors are raised here, where they can be reported.
            self._file = tensorboardx.event_file_writer.EventsWriter(str(self._directory / "events"))
        if run.step is None:
            return
        # TensorBoard hides the purge step itself too, but the step at which the run resumes was logged and must stay.
        start = self._event.SessionLog(status=self._event.SessionLog.START)
        self._write(run.step + 1, session_log=start)
        # Without an experiment, which would name the metrics, TensorBoard shows all metrics and compares all runs.
        _, begin, _ = self._summary.hparams(dict(run.hyperparameters), {})
        text = f"```json\n{json.dumps(run.config, indent=2, sort_keys=True, default=str)}\n```"
        self._write(run.step, begin, self._summary.text("config", text))

    def write_scalars(self, step: int, scalars: Values) -> None:
        """Logs numbers by name, including NaN and infinity."""
        self._write(step, *(self._summary.scalar(grouped(n), np.asarray(value)) for n, value in scalars.items()))

    def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        arrays = {grouped(name): np.asarray(image) for name, image in images.items()}
        layouts = {2: "HW", 3: "HWC"}
        self._write(step, *(self._summary.image(n, a, dataformats=layouts[a.ndim]) for n, a in arrays.items()))

    def write_summary(self, scores: Values) -> None:
        """Completes the run for the tab HPARAMS. Its scores are already logged."""
        _, _, end = self._summary.hparams({}, {})
        self._write(0, end)

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
    # tensorboardX imports torch if installed, which takes seconds and is not needed. None makes that import fail.
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


class WandB(MetricWriter):
    """Logs to a run of Weights & Biases, which a resumed run continues. Its files are in `wandb/`.

    The environment controls where data goes: WANDB_MODE=offline keeps everything in the directory, for a later
    `wandb sync`. Steps that were already logged are skipped, since its step numbers must increase. It receives metrics,
    the config, pictures and scores, but neither code nor console output. A failure is final, for example without a
    login or a network.

    Args:
      run: the run whose metrics are written.
      project: name of the project.
      entity: account or team; "" means the user's own.
    """

    requires = "wandb"
    of_members = True

    def __init__(self, run: LoggedRun, *, project: str = "jaxgan", entity: str = ""):
        self._directory = run.directory / "wandb"
        self._file = self._directory / "run.json"
        with reported(self._directory):
            self._directory.mkdir(parents=True, exist_ok=True)
        saved = _read_wandb_run(self._file)
        # Its service keeps its logs there, and is started once per process.
        os.environ.setdefault("WANDB_CACHE_DIR", str(self._directory / "cache"))
        with _gone_if_it_fails():
            import wandb

            self._wandb = wandb
            settings = wandb.Settings(
                console="off",
                silent=True,
                save_code=False,
                disable_git=True,
                disable_code=True,
                init_timeout=30.0,  # in seconds, for example without a network
                finish_timeout=60.0,
            )
            if wandb.setup().settings.mode == "online" and not wandb.login(prompt=False):
                why = "nobody is logged in (wandb login), and WANDB_MODE is not offline"
                raise GoneError("cannot log to wandb", why, "log in, or set WANDB_MODE=offline")
            self._run = wandb.init(
                project=project,
                entity=entity or None,
                id=saved["id"],
                resume="allow",
                dir=str(run.directory),
                name=run.directory.name,
                group=run.group or None,
                config=json.loads(json.dumps(run.config, default=str)),
                reinit="create_new",
                settings=settings,
            )
        self._id, self._step = saved["id"], max(saved["step"], self._run.step)
        self.sync()

    def write_scalars(self, step: int, scalars: Values) -> None:
        """Logs numbers by name, including NaN and infinity."""
        self._log(step, {grouped(name): np.asarray(value).item() for name, value in scalars.items()})

    def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        from PIL import Image

        # Passed as files; otherwise wandb would create files of its own elsewhere.
        for number, (name, image) in enumerate(images.items()):
            path = self._directory / f"picture_{number}.png"
            with reported(path):
                Image.fromarray(np.ascontiguousarray(image)).save(path)
            with _gone_if_it_fails():
                self._log(step, {grouped(name): self._wandb.Image(str(path))})
            path.unlink(missing_ok=True)

    def write_summary(self, scores: Values) -> None:
        """Sets the scores in the run's summary."""
        with _gone_if_it_fails():
            self._run.summary.update({grouped(name): np.asarray(value).item() for name, value in scores.items()})

    def sync(self) -> None:
        """Records the last step whose metrics were logged, before a checkpoint of that step is saved."""
        write_json(self._file, {"id": self._id, "step": self._step})

    def close(self) -> None:
        with _gone_if_it_fails():
            self._run.finish()
        self.sync()

    def _log(self, step: int, values: dict[str, Any]) -> None:
        if step >= self._step:
            with _gone_if_it_fails():
                self._run.log(values, step=int(step))
            self._step = int(step)


MOST_BYTES = 1_000
"""Maximum size of `wandb/run.json`."""


def _read_wandb_run(path: Path) -> dict[str, Any]:
    """The id and the last step of the run's earlier part, from an untrusted file; or those of a new run."""
    if not path.exists():
        return {"id": secrets.token_hex(8), "step": 0}
    try:
        found = json.loads(path.read_bytes() if path.stat().st_size <= MOST_BYTES else b"")
        if not re.fullmatch(r"[A-Za-z0-9]{1,64}", found["id"]) or type(found["step"]) is not int:
            raise ValueError("it has no id of letters and digits, or no step")
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        what, why = f"cannot read {path}", "it is not an id of letters and digits, and a step"
        raise GoneError(what, why, "delete it, to begin another run of wandb") from error
    return found


@contextlib.contextmanager
def _gone_if_it_fails() -> Iterator[None]:
    """Turns any exception of wandb into a GoneError."""
    try:
        yield
    except WriteError:
        raise
    except Exception as error:
        raise GoneError("cannot log to wandb", str(error) or type(error).__name__, "see its documentation") from error


WRITERS: dict[str, Callable[..., MetricWriter]] = Table("writer") | {"tensorboard": TensorBoard, "wandb": WandB}
"""The writers of metrics and pictures besides `metrics.jsonl`: `(LoggedRun, *, fields) -> MetricWriter`."""


def check_installed(names: Iterable[str]) -> None:
    """Raises UsageError if a package is missing that one of the named entries of `WRITERS` needs."""
    for name in names:
        package = getattr(WRITERS[name], "requires", "")
        if package and importlib.util.find_spec(package) is None:
            remedy = f"{extras.install(extra)}, or leave it out" if (extra := extras.of(package)) else "install it"
            raise UsageError(f"logging.writers={name}", f"the package {package} is not installed", remedy)


class Progress:
    """Shows the progress of a run: a bar on a terminal, otherwise (or with TERM=dumb) a plain line every few seconds.

    Args:
      total: the step at which the run ends.
      start: the step at which it starts or resumes.
      unit: name of a step.
      quiet: initial seconds without any output, for work that may be short.
      stream: where to write.
      interval: minimum seconds between plain lines; the first and the last `update` are always written.
      clock: returns seconds; for tests.
    """

    def __init__(
        self,
        total: int,
        start: int = 0,
        *,
        unit: str = "step",
        quiet: float = 0.0,
        stream: TextIO | None = None,
        interval: float = 10.0,
        clock=time.monotonic,
    ):
        self.total, self.step, self.unit, self.interval = total, start, unit, interval
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._base: tuple[int, float] | None = None  # start of the rate measurement: after compilation
        self._reported: tuple[int, float] | None = None  # the last plain line that reported steps
        self._written = -math.inf  # time of the last plain line
        self._unreported: list[str] | None = None
        self._quiet_until = clock() + quiet if quiet else -math.inf
        self._has_bar = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._bar: Any = None
        if self._has_bar and not quiet:
            self._open_bar()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def note(self, text: str) -> None:
        """Shows the current activity other than steps, such as compilation, until the next `update`.

        Without a bar it prints a line, unless the last line is more recent than the interval.

        Args:
          text: the activity; "" clears it.
        """
        now = self._clock()
        if now < self._quiet_until:
            return
        if self._has_bar:
            (self._bar or self._open_bar()).set_postfix_str(text)
        elif text and now - self._written >= self.interval:
            self._line(text, now)

    def measure(self) -> None:
        """Starts measuring rates at the first call. Otherwise that happens at the first `update`, after compilation."""
        self._base = self._base or (self.step, self._clock())

    def update(
        self, step: int, values: Values | None = None, *, note: str = "", seconds_left: float | None = None
    ) -> None:
        """Reports the number of steps done. At the last step, the rate is that of all steps.

        Args:
          step: number of training steps done.
          values: the latest metrics; d_loss and g_loss are shown.
          note: the current activity, shown in place of metrics and rates.
          seconds_left: an estimate that replaces the one from the rate.
        """
        now = self._clock()
        self.step = step
        details = [note] if note else self._details(values or {}, now)
        if note and seconds_left is not None:
            details.append(f"about {duration(seconds_left)} left")
        self._base = self._base or (step, now)
        if now < self._quiet_until:
            return
        if self._has_bar:
            bar = self._bar or self._open_bar()
            bar.set_postfix_str("  ".join(details), refresh=bool(note))
            bar.update(step - bar.n)
        elif self._reported is None or step >= self.total or now - self._reported[1] >= self.interval:
            self._report(details, now)
        else:
            self._unreported = details

    def _open_bar(self) -> Any:
        import tqdm

        form = "{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt}{postfix}"
        # omits the bar's own rate, which includes compilation
        self._bar = tqdm.tqdm(
            total=self.total,
            initial=self.step,
            file=self._stream,
            dynamic_ncols=True,
            bar_format=form,
            mininterval=0.1,
        )
        return self._bar

    def message(self, line: str) -> None:
        """Prints a line, above the bar if there is one."""
        if self._bar is not None:
            self._bar.write(line, file=self._stream)
        else:
            print(line, file=self._stream, flush=True)

    def close(self) -> None:
        """Prints the last line if it was held back, and leaves the bar on the screen."""
        if self._bar is not None:
            self._bar.close()
        elif self._unreported is not None:
            self._report(self._unreported, self._clock())

    def _report(self, details: list[str], now: float) -> None:
        share = 100 * self.step // max(self.total, 1)
        self._line("  ".join([f"{self.unit} {self.step:,}/{self.total:,} ({share} %)", *details]), now)
        self._reported, self._unreported = (self.step, now), None

    def _line(self, text: str, now: float) -> None:
        print(text, file=self._stream, flush=True)
        self._written = now

    def _details(self, values: Values, now: float) -> list[str]:
        parts = [f"{name} {float(values[name]):.4g}" for name in ("d_loss", "g_loss") if name in values]
        average = _rate(self._base, self.step, now)
        if self.step >= self.total:
            return parts if average is None else [*parts, f"{self._rate_in_words(average)} on average"]
        recent = _rate(self._reported or self._base, self.step, now)
        if recent is not None:
            parts.append(self._rate_in_words(recent))
        if average:
            parts.append(f"{duration((self.total - self.step) / average)} left")
        return parts

    def _rate_in_words(self, rate: float) -> str:
        return f"{rate:,.{0 if rate >= 10 else 2}f} {self.unit}s/s"


def _rate(since: tuple[int, float] | None, step: int, now: float) -> float | None:
    """Steps per second since then; None if no time has passed."""
    if since is None or step <= since[0] or now <= since[1]:
        return None
    return (step - since[0]) / (now - since[1])


def duration(seconds: float) -> str:
    """A duration in words, rounded up to whole seconds: "3 min 29 s"."""
    seconds = math.ceil(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    return f"{seconds // 3600:,} h {seconds % 3600 // 60:02} min"


def _plain(value: Any) -> int | float | None:
    """Converts to a Python number; None (null) if it is not finite."""
    number = np.asarray(value).reshape(()).item()
    if isinstance(number, int):  # includes bool
        return number
    return float(number) if math.isfinite(number) else None
