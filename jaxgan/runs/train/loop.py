"""`--mode=train`: the host loop around the compiled steps, with checkpoints, metrics and pictures.

With several processes all of them run this loop, call for call, and the first one writes.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.config import Experiment, build, complete
from jaxgan.datasets import order
from jaxgan.errors import DivergedError, JaxganError, PreemptedError, UsageError
from jaxgan.io.checkpoints import Checkpoints
from jaxgan.io.metric_writers import MetricsFile, Progress, TensorBoard
from jaxgan.parallel import any_process, distribute, everywhere, own, share
from jaxgan.runs.data import Inputs, check_devices, check_same_data, chunk_factory, chunk_length, chunks, read_inputs
from jaxgan.runs.directory import RunDirectory, check_same
from jaxgan.runs.hyperparameters import hyperparameters
from jaxgan.runs.train import hosts
from jaxgan.runs.train.alarms import Health, stopped_by
from jaxgan.runs.train.output import Output
from jaxgan.runs.train.recorder import DIVERGED_REMEDY, Recorder, Silence
from jaxgan.runs.train.stopping import StopRequest
from jaxgan.types import TrainState

LONG_CALL = 2.0
"""Seconds of a call from which on none is dispatched before it has ended: a signal then ends the run there."""

PROFILED_STEPS = 5
"""At most so many steps are in a trace."""

SIGNAL, ALARM = 1, 2
"""What ends a run early, as the processes tell each other."""


def train(config: Mapping[str, Any], workdir: str, *, profile: bool = False) -> None:
    """Trains a GAN, or goes on with the run that is in `workdir`.

    Args:
      config: a checked ConfigDict.
      workdir: the run's directory; with several processes, on a file system that all of them see.
      profile: write a trace of a few steps, with chunks cut so short that they all are slower, to `profile/` there.

    Raises:
      JaxganError: any expected failure; what was saved before it stays.
    """
    plain = complete(config)
    with contextlib.ExitStack() as stack:
        check_devices(plain)
        directory = stack.enter_context(RunDirectory(workdir, create=jax.process_index() == 0))
        if (directory.path / "sweep.json").exists():
            first = directory.path / "members" / "000"
            raise UsageError(f"--workdir={directory.path} is a sweep", "its runs are in members/", f"name one: {first}")
        stop = stack.enter_context(StopRequest())
        checkpoints = stack.enter_context(Checkpoints(directory.checkpoints, keep=plain["keep_checkpoints"]))
        latest = checkpoints.latest_step()
        if latest is not None:
            check_same(complete(checkpoints.extra()["config"]), plain, directory.path)
        if latest is not None and latest >= plain["steps"]:
            if jax.process_index() == 0:
                print(f"{directory.path} has {latest:,} steps already; raise --config.steps={plain['steps']} to go on.")
            return
        inputs = read_inputs(plain)
        if latest is not None:
            check_same_data(checkpoints.extra()["data"], inputs, directory.path)
        experiment = build(plain, inputs.facts)
        if jax.process_index() == 0:
            directory.write_config(plain)
        run = Run(plain, directory, checkpoints, inputs, experiment, stop, profile)
        try:
            run.run()
        except Exception as error:
            if jax.process_count() == 1 or isinstance(error, PreemptedError | DivergedError):
                raise  # of all processes alike
            if hosts.peer_lost(error):
                hosts.abandon(hosts.lost())
            if isinstance(error, JaxganError):
                hosts.abandon(error)
            raise


class Run:
    """One run's loop and what it holds on to; `benchmarks.overhead` takes it apart."""

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
            chunk_factory(experiment, inputs), mapping=config["mapping"], batch_axis=2, shared=1 + int(inputs.resident)
        )
        self.all_finite = jax.jit(lambda tree: jnp.all(jnp.array([jnp.isfinite(x).all() for x in _floats(tree)])))
        self.several = jax.process_count() > 1
        # Computations that talk to each other must not overtake each other, which JAX on a CPU does not see to.
        self.in_turn = self.several and jax.local_devices()[0].platform == "cpu"
        self.agree = any_process() if self.several else None
        self.agreed = 0
        self.told: Any = 0
        self.output, self.health = None, None
        if jax.process_index() == 0:
            self.output = Output(config, directory, inputs, experiment)
            self.health = Health(config, inputs, experiment)

    def run(self) -> None:
        """From the last checkpoint, or the beginning, to the last step."""
        state, extra = self.first_state()
        first = int(own(state).step)
        with contextlib.ExitStack() as stack:
            recorder, board = self.recorder(first, extra["window"], stack)
            if self.output is not None and first == 0:
                self.output.draw(0, self.output.samples(own(state)), board)
            elif self.output is not None:
                recorder.progress.message(f"going on from step {first:,} in {self.directory.path}")
                if self._due_evaluation(first) and not self.output.has_evaluation(first):
                    self.output.evaluate(own(state), recorder.progress, board)
            self.loop(first, self.total, state, recorder, board)
        self.checkpoints.wait()
        if self.output is not None:
            self.output.report()
            self.output.summarise(first, self.total, time.monotonic() - self.started)

    def recorder(self, first: int, window: dict[str, Any], stack: contextlib.ExitStack) -> tuple[Recorder, Any]:
        """What takes the metrics, and the TensorBoard it writes to; the stack closes them."""
        config = self.config
        file: Any = Silence()
        board: Any = Silence()
        progress: Any = Silence()
        watch: Any = Silence()
        if self.output is not None:
            file = MetricsFile(self.directory.metrics_file)
            # A run that ended between two log steps wrote a line of fewer steps; made longer, it writes it in full.
            file.truncate(first - first % config["log_every"])
            board = stack.enter_context(contextlib.closing(TensorBoard(self.directory.tensorboard, purge_step=first)))
            progress = stack.enter_context(contextlib.closing(Progress(self.total, first)))
        if self.health is not None:
            watch = self.health.watch(file.lines())
        batch = {"size": self.inputs.size, "batch_size": config["batch_size"]}
        recorder = Recorder(
            log_every=config["log_every"],
            total=self.total,
            window=window,
            epoch_of=lambda step: order.epoch_of(step, minibatches=config["discriminator_steps"], **batch),
            watch=watch,
            file=file,
            board=board,
            progress=progress,
        )
        return recorder, board

    def first_state(self) -> tuple[TrainState, dict[str, Any]]:
        """The state to begin with, and what was saved beside it."""
        if self.checkpoints.latest_step() is None:
            return self.place_state(self.experiment.initial_state(self.config["seed"])), {"window": {}}
        state, extra = self.checkpoints.restore(self.experiment.abstract_state())
        return self.place_state(state), extra

    def shared(self) -> tuple[Any, ...]:
        """What every chunk takes beside its batches: the numbers, and the data where it lives on the device."""
        numbers = self.place_state(hyperparameters(self.config))
        if not self.inputs.resident:
            return (numbers,)
        return numbers, self.place_state(self.inputs.resident_data())

    def loop(self, first: int, last: int, state: TrainState, recorder: Recorder, board: Any) -> TrainState:
        """Dispatches chunk after chunk; the metrics of one are read while the next is computed, if that saves time."""
        config, shared = self.config, self.shared()
        stops = _stops(first, last, chunk_length(config, self.inputs, PROFILED_STEPS if self.profile else None))
        rows = share(config["batch_size"]) if self.several else slice(None)
        waiting: tuple[int, dict[str, Any], dict[str, Any]] | None = None
        long = False
        for start, step, batches in zip(stops, stops[1:], chunks(config, self.inputs, stops, rows), strict=False):
            begun = time.monotonic()
            with self._trace(start, stops, recorder.progress):
                state, metrics = self.advance(state, self.place_batch(batches), *shared)
                if self.profile or self.in_turn or long:
                    jax.block_until_ready(state)
            if waiting is not None:
                recorder.record(*waiting)
            measures = self.health is not None and (_due(step, config["log_every"]) or step == self.total)
            waiting = (start, metrics, self.health.measure(own(state)) if measures and self.health else {})
            draws, saves = _due(step, config["sample_every"]), _due(step, config["checkpoint_every"])
            evaluates, long = self._due_evaluation(step), time.monotonic() - begun > LONG_CALL
            self._confer(recorder)
            ends = step == self.total or self._early_end(step, recorder) is not None
            if not (draws or saves or evaluates or ends):
                continue
            recorder.record(*waiting)
            waiting = None
            self._confer(recorder, wait=True)
            end = self._early_end(step, recorder)  # once: a signal may come at any moment
            if self.output is not None and (draws or step == self.total):
                self.output.draw(step, self.output.samples(own(state)), board)
            if saves or step == self.total or end is not None:
                self._save(step, state, recorder)
            # When the run ends here, it begins with the evaluation when it goes on.
            if self.output is not None and evaluates and (end is None or step == self.total):
                self.output.evaluate(own(state), recorder.progress, board)
            if end is not None:
                self.checkpoints.wait()
                if self.output is not None and not isinstance(end, PreemptedError):  # which may have seconds left
                    self.output.report()
                raise end
        return state

    @contextlib.contextmanager
    def _trace(self, start: int, stops: list[int], progress: Progress) -> Iterator[None]:
        """A trace of the second chunk of a run that is profiled: the first one is compiled."""
        if not self.profile or self.output is None or start != stops[min(1, len(stops) - 2)]:
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

    def _confer(self, recorder: Recorder, *, wait: bool = False) -> None:
        """Several processes: tells the others whether this one is to end, and hears what was told a chunk before."""
        if self.agree is None:
            return
        code = SIGNAL if self.stop.signal_name is not None else 0
        code = ALARM if stopped_by(self.config, recorder.warnings) is not None else code
        before, self.told = self.told, self.agree(code)
        if wait or self.in_turn:
            before = self.told
        self.agreed = max(self.agreed, int(before))

    def _early_end(self, step: int, recorder: Recorder) -> JaxganError | None:
        """Why the run is to end before its last step: a signal, or an alarm."""
        signalled = self.stop.signal_name if self.agree is None else self.agreed == SIGNAL and "a signal to a process"
        if signalled and step < self.total:
            return PreemptedError(
                f"stopped by {self.stop.signal_name or signalled} at step {step:,} of {self.total:,}",
                "a checkpoint is saved",
                "run the same command again to go on",
            )
        alarm = stopped_by(self.config, recorder.warnings)
        if alarm is not None if self.agree is None else self.agreed == ALARM:
            after = "or run the same command again to go on all the same; a checkpoint is saved"
            return DivergedError(
                f"an alarm of alarms.stop ended the run at step {step:,} of {self.total:,}",
                recorder.warnings[alarm] if alarm is not None else "process 0 says which",
                after if step < self.total else "all steps are done; a checkpoint is saved",
            )
        return None

    def _save(self, step: int, state: TrainState, recorder: Recorder) -> None:
        if not self.all_finite(own(state)):
            raise DivergedError(
                f"the run diverged before step {step}",
                "a parameter is not finite",
                DIVERGED_REMEDY,
            )
        extra = {"config": self.config, "window": recorder.window, "data": self.inputs.describe()}
        self.checkpoints.save(step, everywhere(state) if self.several else state, extra)


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _stops(first: int, total: int, chunk: int) -> list[int]:
    """The steps at which chunks end: multiples of `chunk`, so that a resumed run cuts them as the first one did."""
    inner = range((first // chunk + 1) * chunk, total, chunk)
    return [first, *inner, total]


def _floats(tree: Any) -> list[jax.Array]:
    return [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)]
