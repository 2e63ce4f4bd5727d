"""What a training run shows of its generator: pictures, scores, the report and a last message."""

import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jaxgan.config import Experiment
from jaxgan.io.metric_writers import MetricWriter
from jaxgan.runs.data import Inputs
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.evaluate.evaluation import Evaluation, path_of, to_json, write
from jaxgan.runs.report import write_report
from jaxgan.runs.sample_grid import SampleGrid, compile_generator
from jaxgan.runs.sampling import NoSamplesError
from jaxgan.types import TrainState, stream


class Output:
    """Pictures and scores of a run's generator, in its directory. Only the process that writes has one.

    Args:
      config: a checked config.
      directory: of the run.
      inputs: its data.
      experiment: its parts.
    """

    def __init__(self, config: Mapping[str, Any], directory: RunDirectory, inputs: Inputs, experiment: Experiment):
        self.directory, self.inputs = directory, inputs
        key = stream(jax.random.key(config["seed"]), "sample_pictures")
        self._shown = SampleGrid(experiment, inputs, key, config["sample_count"], compile_generator(experiment))
        # Made before the first step, so that a run that cannot be evaluated fails at once.
        self.evaluation = None
        if config["evaluation"]["every"]:
            say = functools.partial(print, file=sys.stderr, flush=True)
            self.evaluation = Evaluation(config, inputs, experiment, 0, say)

    def samples(self, state: TrainState) -> jax.Array:
        """The samples of a picture, on the device."""
        return self._shown.samples(state)

    def draw(self, step: int, samples: jax.Array, board: MetricWriter) -> None:
        """Writes the picture of some samples."""
        values = np.asarray(samples, np.float32)
        path = self.directory.samples / f"step_{step:08d}.png"
        self._shown.save(path, values)
        if (image := self._shown.image(values)) is not None:
            board.write_images(step, {"samples": image})

    def has_evaluation(self, step: int) -> bool:
        """Whether a step has been evaluated."""
        assert self.evaluation is not None
        return path_of(self.directory.evaluation, step, 0, self.evaluation.method).exists()

    def evaluate(self, state: TrainState, say: Callable[[str], None], board: MetricWriter) -> None:
        """Scores the generator as it is now, as `--mode=evaluate` would."""
        assert self.evaluation is not None
        try:
            report = self.evaluation.run(state)
        except NoSamplesError as error:  # no reason to end the training
            say(f"not evaluated: {error}")
            return
        path = path_of(self.directory.evaluation, report.step, report.seed, report.method)
        write(path, to_json(report, self.evaluation, self.directory.path.name))
        every = (*report.scores, *report.task.scores)
        board.write_scalars(report.step, {f"evaluation/{score.name}": score.value for score in every})
        scores = "  ".join(
            f"{score.name} {score.value:.4g} (real {score.baselines['real data'].value:.4g})" for score in report.scores
        )
        say(f"step {report.step:,}: {scores}")

    def report(self) -> None:
        """Writes `report.html`."""
        write_report(self.directory)

    def summarise(self, first: int, total: int, seconds: float) -> None:
        """Prints what to look at."""
        last = sorted(self.directory.samples.glob("step_*.png"))[-1]
        print(
            f"Done: steps {first:,} to {total:,} in {seconds:.0f} s. Look at {last} first (the other pictures in "
            f"{self.directory.samples} show how it got there); the losses are in {self.directory.metrics_file} and in "
            f"TensorBoard (tensorboard --logdir={self.directory.path}); the checkpoints in "
            f"{self.directory.checkpoints}; all of it to look at in {self.directory.report}. For more samples, or for "
            f"scores: python launch.py --mode=sample, or --mode=evaluate, --workdir={self.directory.path}"
        )
