"""`--mode=train`: the host loop around the compiled steps, with checkpoints, metrics and pictures."""

import contextlib
import functools
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import figures
from jaxgan.checkpoints import Checkpoints
from jaxgan.configuration import Experiment, build, complete
from jaxgan.datasets import order
from jaxgan.errors import DivergedError, JaxganError, PreemptedError
from jaxgan.parallel import compiled, distribute
from jaxgan.runs.alarms import Health, stopped_by
from jaxgan.runs.directory import RunDirectory, check_same
from jaxgan.runs.evaluation import Evaluation, path_of, to_json, write
from jaxgan.runs.inputs import Inputs, check_devices, check_same_data, chunk_factory, chunk_length, chunks, read_inputs
from jaxgan.runs.recorder import DIVERGED_REMEDY, Recorder
from jaxgan.runs.report import write_report
from jaxgan.runs.stopping import StopRequest
from jaxgan.state import TrainState
from jaxgan.step import generate
from jaxgan.writers import MetricsFile, Progress, TensorBoard

PROFILED_STEPS = 5
"""At most so many steps are in a trace."""

SAMPLE_LATENTS = 4
"""Folded into the seed's key for the latents of the pictures: `init_state` splits that key into 0 to 3."""


def train(config: Mapping[str, Any], workdir: str, *, profile: bool = False) -> None:
    """Trains a GAN, or goes on with the run that is in `workdir`.

    Args:
      config: a checked ConfigDict.
      workdir: the run's directory.
      profile: write a trace of a few steps, with chunks cut so short that they all are slower, to `profile/` there.

    Raises:
      JaxganError: any expected failure; what was saved before it stays.
    """
    plain = config.to_dict() if hasattr(config, "to_dict") else dict(config)
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(RunDirectory(workdir))
        check_devices(plain)
        stop = stack.enter_context(StopRequest())
        checkpoints = stack.enter_context(Checkpoints(directory.checkpoints, keep=plain["keep_checkpoints"]))
        latest = checkpoints.latest_step()
        if latest is not None:
            check_same(complete(checkpoints.extra()["config"]), plain, directory.path)
        if latest is not None and latest >= plain["steps"]:
            print(f"{directory.path} has all {plain['steps']:,} steps already; raise --config.steps to go on.")
            return
        inputs = read_inputs(plain)
        if latest is not None:
            check_same_data(checkpoints.extra()["data"], inputs, directory.path)
        experiment = build(plain, inputs.facts)
        directory.write_config(plain)
        _Run(plain, directory, checkpoints, inputs, experiment, stop, profile).run()


class _Run:
    """One run's loop and what it holds on to."""

    def __init__(
        self,
        config: dict[str, Any],
        directory: RunDirectory,
        checkpoints: Checkpoints,
        inputs: Inputs,
        experiment: Experiment,
        stop: StopRequest,
        profile: bool,
    ):
        self.config, self.directory, self.checkpoints = config, directory, checkpoints
        self.inputs, self.experiment, self.stop, self.profile = inputs, experiment, stop, profile
        self.started = time.monotonic()
        self.total = config["steps"]
        self.advance, self.place_state, self.place_batch = distribute(
            chunk_factory(experiment, inputs), mapping=config["mapping"], batch_axis=2, shared=int(inputs.resident)
        )
        self.generate = compiled(lambda state, latents: generate(experiment.generator, state, latents))
        self.all_finite = compiled(lambda tree: jnp.all(jnp.array([jnp.isfinite(x).all() for x in _floats(tree)])))
        key = jax.random.fold_in(jax.random.key(config["seed"]), SAMPLE_LATENTS)
        self.latents = experiment.latent.sample(key, config["sample_count"])
        self.health = Health(config, inputs, experiment)
        # Made before the first step, so that what cannot be evaluated is said at once.
        self.evaluation = None
        if config["evaluation"]["every"]:
            say = functools.partial(print, file=sys.stderr, flush=True)
            self.evaluation = Evaluation(config, inputs, experiment, 0, say)

    def run(self) -> None:
        """From the last checkpoint, or the beginning, to the last step."""
        state, extra = self._first_state()
        first = int(state.step)
        config = self.config
        file = MetricsFile(self.directory.metrics_file)
        # A run that ended between two log steps wrote a line of fewer steps; made longer, it writes that line in full.
        file.truncate(first - first % config["log_every"])
        batch = {"size": self.inputs.size, "batch_size": config["batch_size"]}
        with (
            contextlib.closing(TensorBoard(self.directory.tensorboard, purge_step=first)) as board,
            contextlib.closing(Progress(self.total, first)) as progress,
        ):
            recorder = Recorder(
                log_every=config["log_every"],
                total=self.total,
                window=extra["window"],
                epoch_of=lambda step: order.epoch_of(step, minibatches=config["discriminator_steps"], **batch),
                watch=self.health.watch(file.lines()),
                file=file,
                board=board,
                progress=progress,
            )
            if first == 0:
                self._draw(0, state, board)
            else:
                progress.message(f"going on from step {first:,} in {self.directory.path}")
                if self._due_evaluation(first) and not path_of(self.directory.evaluation, first, 0).exists():
                    self._evaluate(state, progress, board)
            self._loop(first, state, recorder, board)
        self._summarise(first)

    def _first_state(self) -> tuple[TrainState, dict[str, Any]]:
        if self.checkpoints.latest_step() is None:
            return self.place_state(self.experiment.initial_state(self.config["seed"])), {"window": {}}
        state, extra = self.checkpoints.restore(self.experiment.abstract_state())
        return self.place_state(state), extra

    def _loop(self, first: int, state: TrainState, recorder: Recorder, board: TensorBoard) -> None:
        """Dispatches chunk after chunk; the metrics of one are read while the next is computed."""
        config = self.config
        stops = _stops(first, self.total, chunk_length(config, self.inputs, PROFILED_STEPS if self.profile else None))
        train = self.inputs.dataset.train
        shared = (self.place_state({"examples": train.examples}),) if self.inputs.resident else ()
        waiting: tuple[int, dict[str, Any], dict[str, Any]] | None = None
        for start, step, batches in zip(stops, stops[1:], chunks(config, self.inputs, stops), strict=False):
            with self._trace(start, stops, recorder.progress):
                state, metrics = self.advance(state, self.place_batch(batches), *shared)
                if self.profile:
                    jax.block_until_ready(state)
            if waiting is not None:
                recorder.record(*waiting)
            logged = _due(step, config["log_every"]) or step == self.total
            waiting = (start, metrics, self.health.measure(state) if logged else {})
            draws, saves = _due(step, config["sample_every"]), _due(step, config["checkpoint_every"])
            evaluates = self._due_evaluation(step)
            ends = step == self.total or self._early_end(step, recorder) is not None
            if not (draws or saves or evaluates or ends):
                continue
            recorder.record(*waiting)
            waiting = None
            end = self._early_end(step, recorder)  # once: a signal may come at any moment
            if draws or step == self.total:
                self._draw(step, state, board)
            if saves or step == self.total or end is not None:
                self._save(step, state, recorder)
            if evaluates and (end is None or step == self.total):  # else the run, when it goes on, begins with it
                self._evaluate(state, recorder.progress, board)
            if end is not None:
                self.checkpoints.wait()
                if not isinstance(end, PreemptedError):  # which may have seconds left
                    write_report(self.directory)
                raise end

    @contextlib.contextmanager
    def _trace(self, start: int, stops: list[int], progress: Progress) -> Iterator[None]:
        """A trace of the second chunk of a run that is profiled: the first one is compiled."""
        if not self.profile or start != stops[min(1, len(stops) - 2)]:
            yield
            return
        directory = self.directory.path / "profile"
        with jax.profiler.trace(str(directory), create_perfetto_trace=True):
            yield
        progress.message(
            f"a trace from step {start:,} on is in {directory}: open its perfetto_trace.json.gz with Perfetto"
        )

    def _due_evaluation(self, step: int) -> bool:
        return _due(step, self.config["evaluation"]["every"])

    def _early_end(self, step: int, recorder: Recorder) -> JaxganError | None:
        """Why the run is to end before its last step: a signal, or an alarm."""
        if self.stop.signal_name is not None and step < self.total:
            return PreemptedError(
                f"stopped by {self.stop.signal_name} at step {step:,} of {self.total:,}",
                "a checkpoint is saved",
                "run the same command again to go on",
            )
        if (alarm := stopped_by(self.config, recorder.warnings)) is not None:
            after = "or run the same command again to go on all the same; a checkpoint is saved"
            return DivergedError(
                f"an alarm of alarms.stop ended the run at step {step:,} of {self.total:,}",
                recorder.warnings[alarm],
                after if step < self.total else "all steps are done; a checkpoint is saved",
            )
        return None

    def _draw(self, step: int, state: TrainState, board: TensorBoard) -> None:
        samples = np.asarray(self.generate(state, self.latents), np.float32)
        path = self.directory.samples / f"step_{step:08d}.png"
        mixture = self.inputs.dataset.mixture
        figures.save_samples(path, samples, low=self.inputs.low, high=self.inputs.high, mixture=mixture)
        if figures.is_image(samples.shape[1:]):
            board.image(step, "samples", figures.image_grid(samples, low=self.inputs.low, high=self.inputs.high))

    def _evaluate(self, state: TrainState, progress: Progress, board: TensorBoard) -> None:
        """Scores the generator as it is now, as `--mode=evaluate` would."""
        assert self.evaluation is not None
        report = self.evaluation.run(state)
        path = path_of(self.directory.evaluation, report.step, report.seed)
        write(path, to_json(report, self.evaluation, self.directory.path.name))
        board.scalars(report.step, {f"evaluation/{row.score.name}": row.score.value for row in report.rows})
        scores = "  ".join(
            f"{row.score.name} {row.score.value:.4g} (real {row.reference.value:.4g})" for row in report.rows
        )
        progress.message(f"step {report.step:,}: {scores}")

    def _save(self, step: int, state: TrainState, recorder: Recorder) -> None:
        if not self.all_finite(state):
            raise DivergedError(
                f"the run diverged before step {step}",
                "a parameter is not finite",
                DIVERGED_REMEDY,
            )
        extra = {"config": self.config, "window": recorder.window, "data": self.inputs.describe()}
        self.checkpoints.save(step, state, extra)

    def _summarise(self, first: int) -> None:
        self.checkpoints.wait()
        write_report(self.directory)
        seconds = time.monotonic() - self.started
        last = sorted(self.directory.samples.glob("step_*.png"))[-1]
        print(
            f"Done: steps {first:,} to {self.total:,} in {seconds:.0f} s. Look at {last} first (the other pictures in "
            f"{self.directory.samples} show how it got there); the losses are in {self.directory.metrics_file} and in "
            f"TensorBoard (tensorboard --logdir={self.directory.path}); the checkpoints in "
            f"{self.directory.checkpoints}; all of it to look at in {self.directory.report}. For more samples, or for "
            f"scores: python launch.py --mode=sample, or --mode=evaluate, --workdir={self.directory.path}"
        )


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _stops(first: int, total: int, chunk: int) -> list[int]:
    """The steps at which chunks end: multiples of `chunk`, so that a resumed run cuts them as the first one did."""
    inner = range((first // chunk + 1) * chunk, total, chunk)
    return [first, *inner, total]


def _floats(tree: Any) -> list[jax.Array]:
    return [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)]
