"""Some members of a sweep that train side by side: one compiled step, and for each what a run of its own writes."""

import contextlib
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.config import build, complete
from jaxgan.datasets import order
from jaxgan.errors import DivergedError, PreemptedError
from jaxgan.evaluation.alarms import Limits, Watch
from jaxgan.io.checkpoints import Checkpoints
from jaxgan.io.metric_writers import MetricsFile
from jaxgan.parallel import distribute_population
from jaxgan.runs.data import CHUNK_STEPS, check_same_data, chunk_factory, chunk_length
from jaxgan.runs.directory import check_same
from jaxgan.runs.hyperparameters import stacked_hyperparameters
from jaxgan.runs.sweep.members import Group, Member
from jaxgan.runs.train.recorder import Recorder
from jaxgan.runs.train.stopping import StopRequest
from jaxgan.training.population import member as member_of
from jaxgan.types import TrainState

PER_DEVICE, PER_CPU = 32, 1
"""Members of one device in one call: where they are batched, and on a CPU, where nothing is gained by more."""


class Trainee:
    """A member that trains now, from its newest checkpoint: a context manager.

    Args:
      member: of the sweep.
      template: shapes and types of its state.
      start: `(seed) -> state` before the first step.
    """

    def __init__(self, member: Member, template: TrainState, start: Callable[[int], TrainState]):
        self.member, config, directory = member, member.config, member.directory
        directory.samples.mkdir(parents=True, exist_ok=True)
        self.checkpoints = Checkpoints(directory.checkpoints, keep=config["keep_checkpoints"], asynchronous=False)
        window: dict[str, list[float]] = {}
        if self.checkpoints.latest_step() is None:
            self.state = start(config["seed"])
            directory.write_config(config)
        else:
            self.state, extra = self.checkpoints.restore(template)
            check_same(complete(extra["config"]), config, directory.path)
            check_same_data(extra["data"], member.inputs, directory.path)
            window = extra["window"]
        self.first = int(self.state.step)
        self.file = MetricsFile(directory.metrics_file)
        self.file.truncate(self.first - self.first % config["log_every"])
        batch = {"size": member.inputs.size, "batch_size": config["batch_size"]}
        self.recorder = Recorder(
            log_every=config["log_every"],
            total=config["steps"],
            window=window,
            epoch_of=lambda step: order.epoch_of(step, minibatches=config["discriminator_steps"], **batch),
            watch=Watch(0, Limits(), 0.0),
            file=self.file,
            board=_Silent(),  # type: ignore[arg-type]
            progress=_Silent(),  # type: ignore[arg-type]
        )

    def __enter__(self) -> "Trainee":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.checkpoints.close()

    def record(self, start: int, metrics: dict[str, np.ndarray]) -> None:
        """Takes the metrics [steps] of the steps from `start`, until one of them is not finite."""
        if self.member.diverged is not None:
            return
        try:
            self.recorder.record(start, metrics)
        except DivergedError:
            finite = np.all([np.isfinite(values) for values in metrics.values()], axis=0)
            self.member.diverged = start + int(np.argmin(finite)) + 1

    def save(self, step: int, state: TrainState) -> None:
        """Saves a state; one that is not finite says that the member has diverged."""
        if self.member.diverged is not None:
            return
        floats = [leaf for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.floating)]
        if not all(np.isfinite(np.asarray(leaf, np.float32)).all() for leaf in floats):
            self.member.diverged = step
            return
        extra = {
            "config": self.member.config,
            "window": self.recorder.window,
            "data": self.member.inputs.describe(),
        }
        self.checkpoints.save(step, state, extra)


class Lockstep:
    """Trains the members of one group, a few at a time.

    Args:
      group: the members, which have their data.
      stop: asked whether to end early.
      advanced: told how many steps of how many members were made.
    """

    def __init__(self, group: Group, stop: StopRequest, advanced: Callable[[int], None]):
        self.group, self.stop, self.advanced = group, stop, advanced
        first = group[0]
        self.config, self.inputs = first.config, first.inputs
        self.experiment = build(self.config, self.inputs.facts)
        self.step, self.place_members, self.place_shared = distribute_population(self._member_step, shared=1)
        self.devices = jax.local_device_count()
        self.most = self.devices * (PER_CPU if jax.local_devices()[0].platform == "cpu" else PER_DEVICE)
        self._start = jax.jit(self.experiment.state_from)
        self._data: dict[int, int] = {}  # where the examples of each distinct dataset begin
        self._shared: Any = None

    def _member_step(self, numbers: Any) -> Any:
        run_chunk = chunk_factory(self.experiment, self.inputs)(None)
        return lambda state, batches, data: run_chunk(state, batches, numbers, data)

    def chunk(self) -> int:
        """Steps in one call: so many that a request to stop waits no longer than it does alone."""
        count = min(len(self.group), self.most)
        return chunk_length(self.config, self.inputs, max(CHUNK_STEPS * self.devices // count, 1))

    def run(self, members: Sequence[Member], until: int) -> None:
        """Trains some of the group's members up to a step, those that are behind first, and saves them there.

        Raises:
          PreemptedError: a signal came; all is saved.
        """
        behind = [m for m in members if m.diverged is None and m.latest_step() < until]
        for step, same in itertools.groupby(sorted(behind, key=Member.latest_step), Member.latest_step):
            together = list(same)
            count = -(-len(together) // (-(-len(together) // self.most)))  # equal parts
            for start in range(0, len(together), count):
                self._run(together[start : start + count], step, until)
        self._shared = None  # other groups need the memory

    def _run(self, members: list[Member], first: int, until: int) -> None:
        if self._shared is None:
            self._place_data()
        with contextlib.ExitStack() as stack:
            template = self.experiment.abstract_state()
            trainees = [stack.enter_context(Trainee(m, template, self._first_state)) for m in members]
            padded = [*trainees, *[trainees[0]] * (-len(trainees) % self.devices)]
            states = self.place_members(jax.tree.map(lambda *leaves: jnp.stack(leaves), *[t.state for t in padded]))
            numbers = stacked_hyperparameters([t.member.config for t in padded])
            self._loop(trainees, padded, states, self.place_members(numbers), first, until)

    def _loop(self, trainees, padded, states, numbers, first: int, until: int) -> None:
        """Dispatches chunk after chunk; the metrics of one are read while the next is computed."""
        chunk, every = self.chunk(), self.config["checkpoint_every"]
        stops = [first, *range((first // chunk + 1) * chunk, until, chunk), until]
        waiting: tuple[int, Any] | None = None
        for start, step in itertools.pairwise(stops):
            batches = self._batches([t.member for t in padded], start, step)
            states, metrics = self.step(states, self.place_members(batches), numbers, self._shared)
            if waiting is not None:
                self._record(trainees, *waiting)
            waiting = (start, metrics)
            signal = self.stop.signal_name
            if step == until or step % every == 0 or signal is not None:
                self._record(trainees, *waiting)
                waiting = None
                self._save(trainees, states, step)
            if signal is not None:
                raise PreemptedError(
                    f"stopped by {signal}", "all members' checkpoints are saved", "run the same command again to go on"
                )
            if all(trainee.member.diverged is not None for trainee in trainees):
                self.advanced((until - step) * len(trainees))
                return

    def _record(self, trainees: list[Trainee], start: int, metrics: dict[str, jax.Array]) -> None:
        host = {name: np.asarray(values) for name, values in metrics.items()}
        for place, trainee in enumerate(trainees):
            trainee.record(start, {name: values[place] for name, values in host.items()})
        self.advanced(len(trainees) * next(iter(host.values())).shape[1])

    def _save(self, trainees: list[Trainee], states: TrainState, step: int) -> None:
        key = states.key
        host = jax.device_get(states.replace(key=jax.random.key_data(key)))
        for place, trainee in enumerate(trainees):
            state = jax.tree.map(jnp.asarray, member_of(host, place))
            trainee.save(step, state.replace(key=jax.random.wrap_key_data(state.key, impl=jax.random.key_impl(key))))

    def _first_state(self, seed: int) -> TrainState:
        return self._start(jax.random.key(seed))

    def _place_data(self) -> None:
        """All distinct datasets one behind the other, so that a member's indices only need an offset."""
        distinct = {id(m.inputs): m.inputs.resident_data() for m in self.group}
        starts = itertools.accumulate((len(data["examples"]) for data in distinct.values()), initial=0)
        self._data = dict(zip(distinct, starts, strict=False))
        self._shared = self.place_shared(jax.tree.map(lambda *parts: np.concatenate(parts), *distinct.values()))

    def _batches(self, members: Sequence[Member], start: int, stop: int) -> dict[str, np.ndarray]:
        known: dict[int, np.ndarray] = {}
        found = []
        for member in members:
            config, seed = member.config, member.config["seed"]
            if seed not in known:
                known[seed] = order.batch_indices(
                    seed,
                    start,
                    stop,
                    size=member.inputs.size,
                    batch_size=config["batch_size"],
                    minibatches=config["discriminator_steps"],
                )
            found.append(known[seed] + np.int32(self._data[id(member.inputs)]))
        return {"index": np.stack(found)}


class _Silent:
    """In the place of what a member does not write: events, and progress of its own."""

    def scalars(self, *_: object) -> None:
        """Nothing."""

    def update(self, *_: object) -> None:
        """Nothing."""

    def message(self, *_: object) -> None:
        """Nothing."""
