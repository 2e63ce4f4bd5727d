"""`--mode=train`: one run, from its config to its last checkpoint.

Several processes all run this code, call for call; only process 0 writes metrics, pictures and reports.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import jax

from jaxgan.config import Experiment, build, complete
from jaxgan.config.build import stacked_hyperparameters
from jaxgan.errors import DivergedError, JaxganError, PreemptedError, UsageError
from jaxgan.io.checkpoints import Checkpoints
from jaxgan.io.metric_writers import MetricWriter, MultiWriter, Progress, TensorBoard
from jaxgan.parallel import any_process, distribute, own, share
from jaxgan.runs.data import Inputs, chunk_factory, chunk_length, chunks, read_inputs
from jaxgan.runs.devices import check_devices, select_platform
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.train import hosts
from jaxgan.runs.train.alarms import Health, stopped_by
from jaxgan.runs.train.host_loop import HostLoop, StopRequest, chunk_stops
from jaxgan.runs.train.output import Output
from jaxgan.runs.train.run_log import RunLog, check_resumes, open_metrics
from jaxgan.types import TrainState

LONG_CALL = 2.0
"""Seconds. After a call that took longer, the next call is waited for, so that a signal ends the run when it ends."""

PROFILED_STEPS = 5
"""Most steps in a trace."""

SIGNAL, ALARM = 1, 2
"""Codes by which the processes tell each other why a run ends early."""


def train(config: Mapping[str, Any], workdir: str, *, profile: bool = False) -> None:
    """Trains a GAN, or resumes the run in `workdir`.

    Args:
      config: a checked ConfigDict.
      workdir: the run's directory; with several processes, on a file system that all of them see.
      profile: write a trace of a few steps to `profile/` there. Chunks are short then, which makes all steps slower.

    Raises:
      JaxganError: any expected failure; what was saved before it stays.
    """
    plain = complete(config)
    with contextlib.ExitStack() as stack:
        # The directory and its checkpoints: mistakes are reported before the data is read.
        select_platform(plain["platform"])
        check_devices(plain)
        directory = stack.enter_context(RunDirectory(workdir, create=jax.process_index() == 0))
        if (directory.path / "sweep.json").exists():
            first = directory.path / "members" / "000"
            raise UsageError(f"--workdir={directory.path} is a sweep", "its runs are in members/", f"name one: {first}")
        stop = stack.enter_context(StopRequest())
        checkpoints = stack.enter_context(Checkpoints(directory.checkpoints, keep=plain["keep_checkpoints"]))
        check_resumes(checkpoints, plain, directory)
        latest = checkpoints.latest_step()
        if latest is not None and latest >= plain["steps"]:
            if jax.process_index() == 0:
                print(
                    f"{directory.path} has {latest:,} steps already; raise --config.steps={plain['steps']} to train on."
                )
            return
        # The data, and the run's parts that depend on it.
        inputs = read_inputs(plain)
        check_resumes(checkpoints, plain, directory, inputs)
        experiment = build(plain, inputs.facts)
        if jax.process_index() == 0:
            directory.write_config(plain)
        run = Run(plain, directory, checkpoints, inputs, experiment, stop, profile)
        # The loop. What ends only this process must end the others too.
        try:
            run.run()
        except Exception as error:
            if jax.process_count() == 1 or isinstance(error, PreemptedError | DivergedError):
                raise  # all processes raise these alike
            if hosts.peer_lost(error):
                hosts.abandon(hosts.lost())
            if isinstance(error, JaxganError):
                hosts.abandon(error)
            raise


class Run(HostLoop):
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
        self.step, self.place_state, self.place_batch = distribute(
            chunk_factory(experiment, inputs), mapping=config["mapping"], batch_axis=2, shared=1 + int(inputs.resident)
        )
        # With several processes: a function by which they agree to end at the same step.
        self.several = jax.process_count() > 1
        # Computations that communicate must not overtake each other, which JAX on a CPU does not ensure.
        self.in_turn = self.several and jax.local_devices()[0].platform == "cpu"
        self.agree = any_process() if self.several else None
        self.agreed = 0
        self.sent: Any = 0
        self._long = False
        self._began = 0.0
        # Pictures, scores and alarms, in the process that writes.
        self.writes = jax.process_index() == 0
        self.output = Output(config, directory, inputs, experiment) if self.writes else None
        self.health = Health(config, inputs, experiment) if self.writes else None

    def run(self) -> None:
        """From the newest checkpoint, or the beginning, to the last step."""
        state, window = self.first_state()
        first = int(own(state).step)
        with contextlib.ExitStack() as stack:
            self.open_log(first, window, stack)
            if self.output is not None and first == 0:
                self.output.draw(0, self.output.samples(own(state)), self.board)
            elif self.output is not None and self.progress is not None:
                self.progress.message(f"going on from step {first:,} in {self.directory.path}")
                if _is_multiple(first, self.config["evaluation"]["every"]) and not self.output.has_evaluation(first):
                    self.output.evaluate(own(state), self.progress.message, self.board)
            self.train(first, self.total, state)
        self.checkpoints.wait()
        if self.output is not None:
            self.output.report()
            self.output.summarise(first, self.total, time.monotonic() - self.started)

    def first_state(self) -> tuple[TrainState, dict[str, Any]]:
        """The state to begin with, and the values of the steps since the last line of metrics."""
        if self.checkpoints.latest_step() is None:
            return self.place_state(self.experiment.initial_state(self.config["seed"])), {}
        state, extra = self.checkpoints.restore(self.experiment.abstract_state())
        return self.place_state(state), extra["window"]

    def open_log(self, first: int, window: dict[str, Any], stack: contextlib.ExitStack) -> None:
        """Opens what takes metrics, pictures and messages; the stack closes it. Other processes write nothing."""
        self.board: MetricWriter = MetricWriter()
        self.progress: Progress | None = None
        writer, watch = self.board, None
        if self.health is not None:
            file = stack.enter_context(open_metrics(self.directory, self.config, first))
            watch = self.health.watch(file.lines())
            self.board = stack.enter_context(TensorBoard(self.directory.tensorboard, purge_step=first))
            writer = MultiWriter(file, self.board)
            self.progress = stack.enter_context(Progress(self.total, first))
        self.log = RunLog(self.config, self.inputs, self.checkpoints, window, writer, watch, self.progress)

    def train(self, first: int, last: int, state: TrainState) -> TrainState:
        """Runs the steps from first to last."""
        limit = PROFILED_STEPS if self.profile else None
        stops = chunk_stops(first, last, chunk_length(self.config, self.inputs, limit))
        rows = share(self.config["batch_size"]) if self.several else slice(None)
        self._shared = self.shared()
        self._traced = stops[min(1, len(stops) - 2)] if self.profile and self.writes else None
        return self.loop(state, stops, chunks(self.config, self.inputs, stops, rows))

    def shared(self) -> tuple[Any, ...]:
        """The arguments that all chunks share: the hyperparameters, and the data if it lives on the device."""
        numbers = self.place_state(jax.tree.map(lambda leaf: leaf[0], stacked_hyperparameters([self.config])))
        return (numbers, self.place_state(self.inputs.resident_data())) if self.inputs.resident else (numbers,)

    def advance(self, state: TrainState, batch: Any, start: int) -> tuple[TrainState, dict[str, Any]]:
        """Dispatches a chunk, and waits for it where chunks must not overlap."""
        self._began = time.monotonic()
        with self._trace(start):
            state, metrics = self.step(state, self.place_batch(batch), *self._shared)
            if self.profile or self.in_turn or self._long:
                jax.block_until_ready(state)
        return state, metrics

    def measure(self, stop: int, state: TrainState) -> dict[str, Any]:
        """What the alarms measure at log steps."""
        logs = _is_multiple(stop, self.config["log_every"]) or stop == self.total
        return self.health.measure(own(state)) if self.health is not None and logs else {}

    def record(self, start: int, metrics: dict[str, Any], measured: dict[str, Any]) -> None:
        """Takes the metrics of a chunk."""
        self.log.record(start, metrics, measured)

    def is_due(self, stop: int) -> bool:
        """Whether to draw, save, evaluate or end after this step."""
        self._long = time.monotonic() - self._began > LONG_CALL
        self._confer()
        every = (self.config["sample_every"], self.config["checkpoint_every"], self.config["evaluation"]["every"])
        due = any(_is_multiple(stop, each) for each in every)
        return due or stop == self.total or self._early_end(stop) is not None

    def settle(self, stop: int, state: TrainState) -> bool:
        """Draws, saves and evaluates what is due, and raises if the run ends early here."""
        self._confer(wait=True)
        end = self._early_end(stop)  # once: a signal may come at any moment
        last = stop == self.total
        if self.output is not None and (last or _is_multiple(stop, self.config["sample_every"])):
            self.output.draw(stop, self.output.samples(own(state)), self.board)
        if last or end is not None or _is_multiple(stop, self.config["checkpoint_every"]):
            self.log.save(stop, state)
        # A run that ends early here evaluates when it resumes.
        evaluates = _is_multiple(stop, self.config["evaluation"]["every"]) and (last or end is None)
        if self.output is not None and self.progress is not None and evaluates:
            self.output.evaluate(own(state), self.progress.message, self.board)
        if end is not None:
            self.checkpoints.wait()
            if self.output is not None and not isinstance(end, PreemptedError):  # which may have seconds left
                self.output.report()
            raise end
        return False

    @contextlib.contextmanager
    def _trace(self, start: int) -> Iterator[None]:
        """A trace of the second chunk of a profiled run: the first one is compiled."""
        if start != self._traced:
            yield
            return
        directory = self.directory.path / "profile"
        with jax.profiler.trace(str(directory), create_perfetto_trace=True):
            yield
        if self.progress is not None:
            self.progress.message(
                f"a trace from step {start:,} on is in {directory}: open its perfetto_trace.json.gz with Perfetto"
            )

    def _confer(self, *, wait: bool = False) -> None:
        """Several processes: sends the others whether this one is to end, and receives what they sent a chunk ago."""
        if self.agree is None:
            return
        code = SIGNAL if self.stop.signal_name is not None else 0
        code = ALARM if stopped_by(self.config, self.log.warnings) is not None else code
        before, self.sent = self.sent, self.agree(code)
        if wait or self.in_turn:
            before = self.sent
        self.agreed = max(self.agreed, int(before))

    def _early_end(self, step: int) -> JaxganError | None:
        """Why the run is to end before its last step: a signal, or an alarm."""
        signalled = self.stop.signal_name if self.agree is None else self.agreed == SIGNAL and "a signal to a process"
        if signalled and step < self.total:
            return PreemptedError(
                f"stopped by {self.stop.signal_name or signalled} at step {step:,} of {self.total:,}",
                "a checkpoint is saved",
                "run the same command again to go on",
            )
        alarm = stopped_by(self.config, self.log.warnings)
        if alarm is not None if self.agree is None else self.agreed == ALARM:
            after = "or run the same command again to go on all the same; a checkpoint is saved"
            return DivergedError(
                f"an alarm of alarms.stop ended the run at step {step:,} of {self.total:,}",
                self.log.warnings[alarm] if alarm is not None else "process 0 says which",
                after if step < self.total else "all steps are done; a checkpoint is saved",
            )
        return None


def _is_multiple(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
