"""`--mode=train`: a single run, from its config to its last checkpoint.

Several processes run this code in lockstep. Only process 0 writes metrics, pictures and reports.
"""

import contextlib
import functools
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax

from jaxgan.config import Experiment, build, complete
from jaxgan.config.build import stacked_hyperparameters
from jaxgan.errors import DivergedError, JaxganError, PreemptedError, UsageError, WriteError
from jaxgan.io.atomic import write_json
from jaxgan.io.checkpoints import Checkpoints, set_aside
from jaxgan.io.metric_writers import MetricWriter, MultiWriter, Progress, check_installed, duration
from jaxgan.parallel import any_process, distribute, own, share
from jaxgan.runs.data import Inputs, chunk_factory, chunk_length, chunks, data_in_words, read_inputs
from jaxgan.runs.directory import RunDirectory, sampling_name
from jaxgan.runs.evaluate.evaluation import Evaluation, Parts, to_json
from jaxgan.runs.evaluate.report import write_report
from jaxgan.runs.facts import (
    Fact,
    announce,
    devices_in_words,
    game_in_words,
    players_in_words,
    read_facts,
    write_facts,
)
from jaxgan.runs.load import TrainedRun
from jaxgan.runs.sampling import NoSamplesError, SampleGrid
from jaxgan.runs.saved import best_step, read_divergences, read_run
from jaxgan.runs.train import hosts
from jaxgan.runs.train.alarms import Health
from jaxgan.runs.train.host_loop import (
    COMPILING,
    HostLoop,
    RunLog,
    before_trouble,
    check_resumes,
    chunk_stops,
    go_back,
    open_metrics,
    open_writers,
    select_devices,
)
from jaxgan.runs.train.start import started
from jaxgan.signals import StopRequest, abandon
from jaxgan.types import TrainState, stream
from jaxgan.wrappers.precision import precision_in_words

LONG_CALL = 2.0
"""In seconds. After a longer call, the loop waits for the next one, so that a signal ends the run right after it."""

PROFILED_STEPS = 5
"""Maximum number of steps in a trace."""

SIGNAL, ALARM = 1, 2
"""Codes with which processes tell each other why a run ends early."""


def train(config: Mapping[str, Any], workdir: str, *, profile: bool = False) -> None:
    """Trains a GAN, or resumes the run in `workdir`.

    Args:
      config: a checked ConfigDict.
      workdir: the run's directory; for several processes, on a shared file system.
      profile: write a trace of a few steps to `profile/` there. This shortens the chunks, which makes all steps slower.

    Raises:
      JaxganError: any expected failure; anything saved before it is kept.
    """
    plain = complete(config)
    while not _train(plain, workdir, profile):
        pass


def _train(plain: dict[str, Any], workdir: str, profile: bool) -> bool:
    """Trains as `train` does. True when the run has ended; False if it diverged and must continue from a checkpoint."""
    every = _save_every(plain)
    with contextlib.ExitStack() as stack:
        # The directory and its checkpoints; mistakes are reported before the data is read.
        select_devices(plain)
        check_installed(plain["logging"]["writers"])
        directory = stack.enter_context(RunDirectory(workdir, create=jax.process_index() == 0))
        if directory.sweep_file.exists():
            first = directory.path / "members" / "000"
            raise UsageError(f"--workdir={directory.path} is a sweep", "its runs are in members/", f"name one: {first}")
        stop = stack.enter_context(StopRequest())
        if jax.process_count() > 1:
            stop.hold()  # a signal to only this process must not leave the others waiting
        if jax.process_index() == 0:
            go_back(directory, plain)
        if jax.process_count() > 1:
            int(any_process()(0))  # the others wait for this process
        evaluates, way = plain["evaluation"]["every"] > 0, sampling_name(plain["sampling"])
        best = functools.partial(best_step, directory, way) if evaluates else None
        keep = plain["keep_checkpoints"]
        checkpoints = Checkpoints(directory.checkpoints, keep=keep, best=best, every=every)
        stack.enter_context(checkpoints)
        latest = checkpoints.latest_step()
        if latest is not None:
            check_resumes(checkpoints, plain, directory)
        if latest is not None and latest >= plain["steps"] and not lacks_files(plain, directory, latest):
            if jax.process_index() == 0:
                print(
                    f"{directory.path} has {latest:,} steps already; raise --config.steps={plain['steps']} to train on."
                )
            return True
        # The data, and the parts of the run that depend on it.
        inputs = read_inputs(plain)
        facts, warnings = data_in_words(plain, inputs)
        facts += [*game_in_words(plain), devices_in_words(plain["mapping"])]
        if plain["precision"] != "float32":
            facts.append(("precision", precision_in_words(plain["precision"])))
        if jax.process_index() == 0:
            announce([*facts, ("written to", str(directory.path))], warnings)
        if latest is not None:
            check_resumes(checkpoints, plain, directory, inputs)
        experiment = build(plain, inputs.facts)
        if jax.process_index() == 0:
            directory.write_config(plain)
        run = Run(plain, directory, checkpoints, inputs, experiment, stop, profile)
        run.facts = facts
        setbacks = len(run.divergences)
        # The loop. An error that ends only this process must end the others too.
        try:
            run.run()
        except DivergedError as error:  # raised by all processes alike
            if run.log.diverged is None or setbacks >= plain["divergence"]["attempts"]:  # None: an alarm ended it
                raise
            run.go_back(error)
            return False
        except Exception as error:
            if jax.process_count() == 1 or isinstance(error, PreemptedError):
                raise  # raised by all processes alike
            if hosts.peer_lost(error):
                abandon(hosts.lost())
            if isinstance(error, JaxganError):
                abandon(error)
            raise
        return True


class Run(HostLoop):
    """A single run and its resources; `benchmarks.overhead` uses its parts.

    Attributes:
      facts: the content of its `facts.json`; facts about its players are added.
    """

    facts: Sequence[Fact] = ()

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
        self.divergences = read_divergences(directory)
        self.started = time.monotonic()
        self.total = config["steps"]
        self.step, self.place_state, self.place_batch = distribute(
            chunk_factory(experiment, inputs), mapping=config["mapping"], batch_axis=2, shared=1 + int(inputs.resident)
        )
        # For several processes: a function with which they agree to end at the same step.
        self.several = jax.process_count() > 1
        # Computations that communicate must not overlap, which JAX does not ensure on CPUs.
        self.in_turn = self.several and jax.local_devices()[0].platform == "cpu"
        self.agree = any_process() if self.several else None
        self.agreed = 0
        self.sent: Any = 0
        self._long = False
        self._began = self._seconds = 0.0
        # Pictures, scores and alarms, only in the process that writes.
        writes = jax.process_index() == 0
        self.output = Output(config, directory, inputs, experiment) if writes else None
        self.health = Health(config, inputs, experiment) if writes and config["alarms"]["patience"] else None

    def run(self) -> None:
        """Trains from the newest checkpoint, or the beginning, to the last step."""
        state, window = self.first_state()
        first = int(own(state).step)
        with contextlib.ExitStack() as stack:
            self.open_log(state, first, window, stack)
            if self.output is not None:
                if first > 0:
                    self.output.progress.message(f"going on from step {first:,} in {self.directory.path}")
                if first < self.total:
                    self.output.progress.note(COMPILING)  # pictures and alarms are compiled too
                # The first picture, or files that are missing because the run was interrupted here.
                if first == 0 or lacks_picture(self.config, self.directory, first):
                    self.output.draw(first, own(state))
                if lacks_evaluation(self.config, self.directory, first):
                    self.output.evaluate(own(state))
            if first < self.total:
                state = self.train(first, self.total, state)
                self._note_facts()
            if self.output is not None:
                self.output.board.write_summary(self.output.scores)
        self.checkpoints.wait()
        self.stop.release()
        if self.stop.signal_name is not None:
            raise self._preempted(self.stop.signal_name, self.total)
        if self.output is not None:
            write_report(self.directory, run=self.trained(state))
            self.output.summarise(first, self.total, time.monotonic() - self.started, self.config["logging"]["writers"])

    def first_state(self) -> tuple[TrainState, dict[str, Any]]:
        """The state to start from, and the values of the steps since the last line of metrics."""
        window, setbacks = dict[str, Any](), 0
        if self.checkpoints.latest_step() is None:
            state = self.experiment.initial_state(self.config["seed"])
            if self.config["start"]["run"]:
                state = started(state, self.config, self.experiment)
        else:
            state, _ = self.checkpoints.restore(self.experiment.abstract_state())
            saved = read_run(self.checkpoints)
            window, setbacks = dict(saved.window), saved.setbacks
        if setbacks < len(self.divergences):  # a new key, to avoid repeating the divergence
            state = state.replace(key=jax.random.fold_in(state.key, len(self.divergences)))
        return self.place_state(state), window

    def open_log(self, state: TrainState, first: int, window: dict[str, Any], stack: contextlib.ExitStack) -> None:
        """Opens the writers of metrics, pictures and messages; the stack closes them. Other processes write nothing."""
        writer, monitor, progress = MetricWriter(), None, None
        if self.output is not None:
            players = players_in_words(self.config, state)
            if self.divergences:
                players.append(("rates", f"both times {self._rate_factor():g}, because the run diverged"))
            announce(players)
            self.facts, self._seconds = [*self.facts, *players], read_facts(self.directory).seconds if first else 0.0
            if first < self.total or not self.directory.facts_file.exists():
                self._note_facts()
            file = stack.enter_context(open_metrics(self.directory, self.config, first))
            self.progress = progress = stack.enter_context(Progress(self.total, first))
            self.output.progress = progress
            board = stack.enter_context(open_writers(self.directory, self.config, first, self.output.warn))
            self.output.board = board
            writer = MultiWriter(file, board)
            if self.health is not None:
                monitor = self.health.monitor
                for line in file.lines():
                    monitor.observe(line)
        setbacks = len(self.divergences)
        self.log = RunLog(self.config, self.inputs, self.checkpoints, window, writer, monitor, progress, setbacks)

    def train(self, first: int, last: int, state: TrainState) -> TrainState:
        """Runs the steps from `first` to `last`."""
        limit = PROFILED_STEPS if self.profile else None
        stops = chunk_stops(first, last, chunk_length(self.config, self.inputs, limit))
        rows = share(self.config["batch_size"]) if self.several else slice(None)
        self._shared = self.shared()
        # The first chunk includes compilation, so the second one is traced.
        self._traced = stops[min(1, len(stops) - 2)] if self.profile and self.output is not None else None
        return self.loop(state, stops, chunks(self.config, self.inputs, stops, rows))

    def shared(self) -> tuple[Any, ...]:
        """The arguments shared by all chunks: the hyperparameters, and the data if it lives on the device."""
        numbers = {name: values[0] for name, values in stacked_hyperparameters([self.config]).items()}
        for name in (name for name in numbers if name.endswith("_optimizer.learning_rate")):
            numbers[name] *= self._rate_factor()
        numbers = self.place_state(numbers)
        return (numbers, self.place_state(self.inputs.resident_data())) if self.inputs.resident else (numbers,)

    def _rate_factor(self) -> float:
        return self.config["divergence"]["factor"] ** len(self.divergences)

    def advance(self, state: TrainState, batch: Any, start: int) -> tuple[TrainState, dict[str, Any]]:
        """Dispatches a chunk, and waits for it if chunks must not overlap."""
        self._began = time.monotonic()
        folder, traced = self.directory.path / "profile", start == self._traced
        with jax.profiler.trace(str(folder), create_perfetto_trace=True) if traced else contextlib.nullcontext():
            state, metrics = self.step(state, self.place_batch(batch), *self._shared)
            if self.profile or self.in_turn or self._long:
                jax.block_until_ready(state)
        if traced and self.output is not None:
            perfetto = f"a trace from step {start:,} on is in {folder}: open its perfetto_trace.json.gz with Perfetto"
            self.output.progress.message(perfetto)
        return state, metrics

    def measure(self, stop: int, state: TrainState) -> dict[str, Any]:
        """The alarms' metrics, at log steps."""
        logs = _is_multiple(stop, self.config["log_every"]) or stop == self.total
        return self.health.measure(own(state)) if self.health is not None and logs else {}

    def record(self, start: int, metrics: dict[str, Any], measured: dict[str, Any]) -> None:
        """Records the metrics of a chunk."""
        self.log.record(start, metrics, measured)

    def is_due(self, stop: int) -> bool:
        """Whether to draw, save, evaluate or end after this step."""
        self._long = time.monotonic() - self._began > LONG_CALL
        self._confer()
        due = _draws(self.config, stop) or _saves(self.config, stop)
        return due or self._early_end(stop) is not None or self.log.must_save_again()

    def settle(self, stop: int, state: TrainState) -> bool:
        """Draws, saves and evaluates as due, and raises if the run ends early here."""
        self._confer(wait=True)
        end = self._early_end(stop)  # evaluated only once, since a signal may arrive at any moment
        last, saves = stop == self.total, _saves(self.config, stop)
        if self.output is not None and _draws(self.config, stop):
            self.output.draw(stop, own(state))
        if last and self.output is not None:
            # Removes the report of fewer steps, so that it is missing if the run ends before writing the next one.
            for path in (self.directory.curves, self.directory.report):
                with contextlib.suppress(OSError):
                    path.unlink()
        if saves or end is not None or self.log.must_save_again():
            # Whoever asked the run to end does not wait for a disk.
            patience = 0.0 if isinstance(end, PreemptedError) else None
            self.log.save(stop, state, wait=last or end is not None, patience=patience)
            self._note_facts()
        # A run that ends early here evaluates after resuming.
        goes_on = end is None or (last and not isinstance(end, PreemptedError))
        evaluates = goes_on and _is_multiple(stop, self.config["evaluation"]["every"])
        if self.output is not None and evaluates:
            self.output.evaluate(own(state))
        if end is not None:
            self.checkpoints.wait()
            if self.output is not None and not isinstance(end, PreemptedError):  # it may have only seconds left
                write_report(self.directory, run=self.trained(state))
            raise end
        return False

    def go_back(self, error: DivergedError) -> None:
        """Prepares the run's directory to continue from a checkpoint before a divergence."""
        if jax.process_index() == 0:
            last = self.divergences[-1]["back_to"] if self.divergences else None
            back_to = before_trouble(self.checkpoints, but=last) or 0
            later = [step for step in self.checkpoints.steps() if step > back_to]
            set_aside(self.directory.checkpoints, dict.fromkeys(later, "the run diverged after it"))
            self.directory.forget_after(back_to)
            noted = {"step": self.log.diverged, "back_to": back_to, "why": error.why}
            write_json(self.directory.divergences, [*self.divergences, noted])
            tries = f"{len(self.divergences) + 1} of {self.config['divergence']['attempts']}"
            how = f"goes back to step {back_to:,} with a new key and lower rates ({tries})"
            print(f"jaxgan: warning: {error.what}; {error.why}; it {how}", file=sys.stderr, flush=True)
        if self.several:
            int(any_process()(0))  # the others wait for this process

    def trained(self, state: TrainState) -> TrainedRun:
        """The run with this state, for its report."""
        return TrainedRun(self.directory, self.config, self.inputs.describe(), self.experiment, own(state))

    def _note_facts(self) -> None:
        """Writes the run's facts, and the training time so far."""
        if self.output is not None:
            self.output.describe(self.facts, self._seconds + time.monotonic() - self.started)

    def _confer(self, *, wait: bool = False) -> None:
        """With several processes: tells the others whether this one must end, and reads what they sent a chunk ago."""
        if self.agree is None:
            return
        code = ALARM if self._alarm() is not None else SIGNAL if self.stop.signal_name is not None else 0
        before, self.sent = self.sent, self.agree(code)
        if wait or self.in_turn:
            before = self.sent
        self.agreed = max(self.agreed, int(before))

    def _alarm(self) -> str | None:
        """The first alarm that has turned on and, according to `alarms.stop`, ends the run."""
        return next((name for name in self.log.warnings if name in self.config["alarms"]["stop"]), None)

    def _early_end(self, step: int) -> JaxganError | None:
        """Why the run must end before its last step: a signal or an alarm."""
        alarm = self._alarm()  # checked before signals, so that the alarm does not end the resumed run again
        if alarm is not None if self.agree is None else self.agreed == ALARM:
            after = "or run the same command again to go on all the same; a checkpoint is saved"
            return DivergedError(
                f"an alarm of alarms.stop ended the run at step {step:,} of {self.total:,}",
                self.log.warnings[alarm] if alarm is not None else "process 0 says which",
                after if step < self.total else "all steps are done; a checkpoint is saved",
            )
        signalled = self.stop.signal_name if self.agree is None else self.agreed == SIGNAL and "a signal to a process"
        return self._preempted(self.stop.signal_name or signalled, step) if signalled else None

    def _preempted(self, name: str, step: int) -> PreemptedError:
        what = f"stopped by {name} at step {step:,} of {self.total:,}"
        use = "or use what it has: jaxgan sample, export or report"
        return PreemptedError(what, "a checkpoint is saved", f"run the same command again to go on, {use}")


class Output:
    """Pictures and scores of a run's generator, for its directory and, once `board` is set, its trackers.

    Exists only in the process that writes. `scores` are those of its last evaluation, by name.
    """

    board: MetricWriter
    progress: Progress

    def __init__(self, config: Mapping[str, Any], directory: RunDirectory, inputs: Inputs, experiment: Experiment):
        self.directory, self._warned = directory, False
        self.scores: dict[str, float] = {}
        key = stream(jax.random.key(config["seed"]), "sample_pictures")
        self._grid = SampleGrid(experiment, inputs, key, config["sample_count"])
        # Created before the first step, so that a run that cannot be evaluated fails at once.
        self._evaluation = None
        if config["evaluation"]["every"]:
            log = functools.partial(print, file=sys.stderr, flush=True)
            self._evaluation = Evaluation(config, inputs, experiment, 0, log, Parts(self._show_part))

    def draw(self, step: int, state: TrainState) -> None:
        """Writes a picture of samples."""
        values = self._grid.samples(state)
        with self._spared():
            self._grid.save(self.directory.picture(step), values)
        if (image := self._grid.image(values)) is not None:
            self.board.write_images(step, {"samples": image})

    def evaluate(self, state: TrainState) -> None:
        """Scores the current generator, like `--mode=evaluate`."""
        assert self._evaluation is not None
        try:
            report = self._evaluation.run(state)
        except (NoSamplesError, DivergedError) as error:  # training continues, and detects divergence itself
            self.progress.message(f"not evaluated: {error}")
            return
        path = self.directory.evaluation_file(report.step, report.seed, report.way)
        with self._spared():
            write_json(path, to_json(report, self._evaluation, self.directory.path.name))
        every = (*report.scores, *report.task.scores)
        self.scores = {f"evaluation/{score.name}": score.value for score in every}
        self.board.write_scalars(report.step, self.scores)
        scores = "  ".join(
            f"{score.name} {score.value:.4g} (real {score.baselines['real data'].value:.4g})" for score in report.scores
        )
        self.progress.message(f"step {report.step:,}: {scores}")

    def describe(self, facts: Sequence[Fact], seconds: float) -> None:
        """Writes the run's facts, and its training time in seconds."""
        with self._spared():
            write_facts(self.directory, facts, seconds)

    def _show_part(self, done: int, total: int, name: str, seconds_left: float | None) -> None:
        left = "" if seconds_left is None else f", about {duration(seconds_left)} left"
        self.progress.note(f"evaluating, part {done + 1} of {total}: {name}{left}" if done < total else "")

    def warn(self, text: str) -> None:
        """Prints a warning above the progress display."""
        self.progress.message(f"jaxgan: warning: {text}")

    @contextlib.contextmanager
    def _spared(self) -> Iterator[None]:
        """Turns the first failure to write a file into a warning, and ignores further ones."""
        try:
            yield
        except WriteError as error:
            if not self._warned:
                self.warn(f"{error.what}; {error.why}; the training goes on without such files")
            self._warned = True

    def summarise(self, first: int, total: int, seconds: float, writers: Sequence[str]) -> None:
        """Prints which files to look at, and what to do next."""
        losses = " and ".join(["metrics.jsonl", *(f"{name}/" for name in writers)])
        print(f"Done: steps {first:,} to {total:,} in {duration(seconds)}, compiling included.")
        announce(
            [
                ("look at", str(self.directory.report)),
                ("beside it", f"{self.directory.samples.name}/ (pictures), {losses} (losses), checkpoints/"),
                ("go on with", f"jaxgan evaluate {self.directory.path}      (or sample, or export)"),
                ("train longer", "the same command with more steps, --config.steps=NUMBER"),
            ]
        )


def _is_multiple(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _save_every(config: Mapping[str, Any]) -> tuple[int, ...]:
    """An uninterrupted run saves at multiples of these. Evaluated steps are included, since one of them may be best."""
    every = config["checkpoint_every"], config["evaluation"]["every"], config["steps"]
    return tuple(filter(None, every))


def _saves(config: Mapping[str, Any], step: int) -> bool:
    return any(_is_multiple(step, each) for each in _save_every(config))


def _draws(config: Mapping[str, Any], step: int) -> bool:
    return step == config["steps"] or _is_multiple(step, config["sample_every"])


def lacks_picture(config: Mapping[str, Any], directory: RunDirectory, step: int) -> bool:
    """Whether the picture of a step is due but missing."""
    return _draws(config, step) and not directory.picture(step).exists()


def lacks_evaluation(config: Mapping[str, Any], directory: RunDirectory, step: int) -> bool:
    """Whether the scores of a step are due but missing."""
    due = step > 0 and _is_multiple(step, config["evaluation"]["every"])
    return due and not directory.evaluation_file(step, 0, sampling_name(config["sampling"])).exists()


def lacks_files(config: Mapping[str, Any], directory: RunDirectory, step: int) -> bool:
    """Whether a run with its last checkpoint lacks final files; the report is the last of them."""
    if step != config["steps"]:
        return False
    lacks = not directory.curves.exists() or not directory.report.exists()
    lacks = lacks or lacks_picture(config, directory, step) or lacks_evaluation(config, directory, step)
    # Process 0 writes the files, so it decides for all.
    return bool(any_process()(int(lacks and jax.process_index() == 0))) if jax.process_count() > 1 else lacks
