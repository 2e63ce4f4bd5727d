"""What a run records while it trains: means of its metrics in the writers, and its state in checkpoints."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.config import complete
from jaxgan.datasets import order
from jaxgan.errors import DivergedError
from jaxgan.evaluation.alarms import AlarmMonitor
from jaxgan.io.checkpoints import Checkpoints
from jaxgan.io.metric_writers import MetricsFile, MetricWriter, Progress
from jaxgan.parallel import everywhere, own
from jaxgan.runs.data import Inputs, check_same_data
from jaxgan.runs.directory import RunDirectory, check_same
from jaxgan.types import TrainState

DIVERGED_REMEDY = (
    "lower the optimizers' learning_rate or set their clip_norm, in another --workdir; what was saved before is kept"
)


def check_resumes(
    checkpoints: Checkpoints, config: Mapping[str, Any], directory: RunDirectory, inputs: Inputs | None = None
) -> None:
    """Raises UsageError or DataError if the run in a directory cannot be resumed with this config, and this data."""
    if checkpoints.latest_step() is None:
        return
    saved = checkpoints.extra()
    check_same(complete(saved["config"]), config, directory.path)
    if inputs is not None:
        check_same_data(saved["data"], inputs, directory.path)


def open_metrics(directory: RunDirectory, config: Mapping[str, Any], first: int) -> MetricsFile:
    """The run's `metrics.jsonl`, without the lines after the step at which it starts or resumes."""
    file = MetricsFile(directory.metrics_file)
    # A run that ended between two log steps wrote a line of fewer steps; made longer, it writes the whole line.
    file.truncate(first - first % config["log_every"])
    return file


class RunLog:
    """Records one run: a run alone, or a member of a sweep.

    Lines are means over the steps since the line before. They depend neither on how the steps were cut into chunks nor
    on stops in between, so `metrics.jsonl` of a resumed run equals that of an uninterrupted run byte for byte.

    Args:
      config: a checked config.
      inputs: the run's data.
      checkpoints: of the run.
      window: values of the steps since the last line, as the checkpoint has them that the run resumes from.
      writer: takes a line at every log step and at the last step.
      watch: the alarms, which have seen the lines before; None for none.
      progress: shows the latest metrics and the warnings; None for none.

    Attributes:
      warnings: of the alarms set off since the run started or resumed, by the alarm's name.
      diverged: the step at which a number was not finite, or None.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        inputs: Inputs,
        checkpoints: Checkpoints,
        window: Mapping[str, list[float]],
        writer: MetricWriter,
        watch: AlarmMonitor | None = None,
        progress: Progress | None = None,
    ):
        self.config, self.inputs, self.checkpoints = config, inputs, checkpoints
        self.writer, self.watch, self.progress = writer, watch, progress
        self.warnings: dict[str, str] = {}
        self.diverged: int | None = None
        self._window = {name: list(values) for name, values in window.items()}

    def record(self, start: int, metrics: Mapping[str, Any], health: Mapping[str, Any] = {}) -> None:
        """Takes the metrics [steps] of the steps from `start`.

        Args:
          start: steps done before.
          metrics: [steps] each.
          health: scalars measured after the last of these steps, if that is a log step.

        Raises:
          DivergedError: one is not finite. What was logged before it stays.
        """
        host = {name: np.asarray(values, np.float64) for name, values in metrics.items()}
        count = len(next(iter(host.values())))
        finite = np.all([np.isfinite(values) for values in host.values()], axis=0)
        good = count if finite.all() else int(np.argmin(finite))
        for offset in range(good):
            for name, values in host.items():
                self._window.setdefault(name, []).append(float(values[offset]))
            step = start + offset + 1
            if step % self.config["log_every"] == 0 or step == self.config["steps"]:
                self._write(step, health)
        if good < count:
            self.diverged = start + good + 1
            bad = (f"{name} is {values[good]}" for name, values in host.items() if not np.isfinite(values[good]))
            raise DivergedError(f"the run diverged at step {self.diverged}", ", ".join(bad), DIVERGED_REMEDY)
        if self.progress is not None:
            self.progress.update(start + count, {name: float(values[-1]) for name, values in host.items()})

    def save(self, step: int, state: TrainState) -> None:
        """Saves a state, with the config and what resuming needs.

        Raises:
          DivergedError: a parameter is not finite.
          JaxganError: this or the save before failed.
        """
        if not _all_finite(own(state)):
            self.diverged = step
            raise DivergedError(f"the run diverged before step {step}", "a parameter is not finite", DIVERGED_REMEDY)
        extra = {"config": self.config, "window": self._window, "data": self.inputs.describe()}
        self.checkpoints.save(step, everywhere(state) if jax.process_count() > 1 else state, extra)

    def _write(self, step: int, health: Mapping[str, Any]) -> None:
        means = {name: float(np.mean(values)) for name, values in self._window.items()}
        means |= {name: float(np.asarray(value)) for name, value in health.items()}
        if self.watch is not None:
            warnings = self.watch.observe(means)
            means |= self.watch.metrics()
            for warning in warnings.values():
                if self.progress is not None:
                    self.progress.message(f"jaxgan: warning: step {step:,}: {warning}")
            self.warnings |= warnings
        batch = {"batch_size": self.config["batch_size"], "minibatches": self.config["discriminator_steps"]}
        epoch = order.epoch_of(step, size=self.inputs.size, **batch)
        self.writer.write_scalars(step, {"epoch": round(epoch, 6), **means})
        if step % self.config["log_every"] == 0:
            self._window = {}


@jax.jit
def _all_finite(tree: Any) -> jax.Array:
    floats = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return jnp.all(jnp.array([jnp.isfinite(leaf).all() for leaf in floats]))
