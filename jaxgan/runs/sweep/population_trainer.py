"""Trains members of a sweep side by side: one compiled step for all, and the files of a separate run for each."""

import contextlib
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.config import build
from jaxgan.config.build import stacked_hyperparameters
from jaxgan.datasets import order
from jaxgan.errors import DivergedError, PreemptedError
from jaxgan.io.checkpoints import Checkpoints
from jaxgan.io.metric_writers import MultiWriter, Progress
from jaxgan.parallel import distribute_population
from jaxgan.runs.data import CHUNK_STEPS, batching, chunk_factory, chunk_length, data_in_words
from jaxgan.runs.facts import devices_in_words, game_in_words, players_in_words, write_facts
from jaxgan.runs.sweep.members import Group, Member
from jaxgan.runs.train.host_loop import HostLoop, RunLog, check_resumes, chunk_stops, open_metrics, open_writers
from jaxgan.runs.train.start import started
from jaxgan.signals import StopRequest
from jaxgan.training.population import member as member_of
from jaxgan.types import TrainState

PER_DEVICE, PER_CPU = 32, 1
"""Maximum members per device and call: batched, or on a CPU, where more members are not faster."""


class PopulationTrainer:
    """Trains the members of one group, several at a time.

    Args:
      group: the members, whose data has been read.
      stop: says whether to stop early.
      advanced: called with the number of steps done, summed over all members.

    Attributes:
      progress: shows that a chunk is being compiled; None for no output.
    """

    progress: Progress | None = None

    def __init__(self, group: Group, stop: StopRequest, advanced: Callable[[int], None]):
        self.group, self.stop, self.advanced = group, stop, advanced
        first = group[0]
        self.config, self.inputs = first.config, first.inputs
        self.experiment = build(self.config, self.inputs.facts)
        self.step, self.place_members, self.place_shared = distribute_population(self._member_step, shared=1)
        self.devices = jax.local_device_count()
        self.most = self.devices * (PER_CPU if jax.local_devices()[0].platform == "cpu" else PER_DEVICE)
        self.start = jax.jit(self.experiment.state_from)
        self._offsets: dict[int, int] = {}  # where the examples of each distinct dataset begin
        self.data: Any = None

    def _member_step(self, numbers: Any) -> Any:
        run_chunk = chunk_factory(self.experiment, self.inputs)(None)
        return lambda state, batches, data: run_chunk(state, batches, numbers, data)

    def shapes(self) -> TrainState:
        """The shapes of a member's state. JAX reuses the trace for `start`, so this costs nothing."""
        return self.start.eval_shape(jax.random.key(0))

    def chunk(self) -> int:
        """Steps per call: fewer with more members, so that a stop request does not wait longer than in a single run."""
        count = min(len(self.group), self.most)
        return chunk_length(self.config, self.inputs, max(CHUNK_STEPS * self.devices // count, 1))

    def run(self, members: Sequence[Member], until: int) -> None:
        """Trains some of the group's members up to a step, and saves them there. Members at earlier steps come first.

        Raises PreemptedError, after saving all, if a signal arrived.
        """
        behind = [m for m in members if m.diverged is None and m.latest_step() < until]
        for first, same in itertools.groupby(sorted(behind, key=Member.latest_step), Member.latest_step):
            together = list(same)
            count = -(-len(together) // (-(-len(together) // self.most)))  # parts of equal size
            for start in range(0, len(together), count):
                if self.data is None:
                    self._place_data()
                with self.stop, contextlib.ExitStack() as stack:
                    _Population(self, together[start : start + count], stack).run(first, until)
                self.check_stop()
        self.data = None  # other groups need the memory

    def check_stop(self) -> None:
        """Raises PreemptedError if a signal arrived. Call it when all members are saved."""
        if (name := self.stop.signal_name) is not None:
            why = "all members' checkpoints are saved"
            raise PreemptedError(f"stopped by {name}", why, "run the same command again to go on")

    def chunks(self, members: Sequence[Member], stops: list[int]) -> Iterator[dict[str, jax.Array]]:
        """The batches of each chunk, for all members."""
        for start, stop in itertools.pairwise(stops):
            indices: dict[int, np.ndarray] = {}  # members with the same seed see the same examples
            for member in members:
                config, seed = member.config, member.config["seed"]
                if seed not in indices:
                    indices[seed] = order.batch_indices(
                        seed, start, stop, size=member.inputs.epoch_size, **batching(config)
                    )
            rows = [indices[m.config["seed"]] + np.int32(self._offsets[id(m.inputs)]) for m in members]
            yield self.place_members({"index": np.stack(rows)})

    def _place_data(self) -> None:
        """All distinct datasets concatenated, so that a member's indices need only an offset."""
        copies = 1 + self.inputs.mirror
        distinct = {id(m.inputs): m.inputs.resident_data() for m in self.group}
        starts = itertools.accumulate((copies * len(data["examples"]) for data in distinct.values()), initial=0)
        self._offsets = dict(zip(distinct, starts, strict=False))
        self.data = self.place_shared(jax.tree.map(lambda *parts: np.concatenate(parts), *distinct.values()))


class _Population(HostLoop):
    """The loop of members that train together, starting from their newest checkpoints.

    Args:
      trainer: the trainer of their group.
      members: the members, all at the same step.
      stack: closes their files.
    """

    def __init__(self, trainer: PopulationTrainer, members: list[Member], stack: contextlib.ExitStack):
        self.trainer, self.members, self.stop, self.progress = trainer, members, trainer.stop, trainer.progress
        self.stopping = False
        self.logs: list[RunLog] = []
        states = [self._open(member, stack) for member in members]
        # Devices need equal numbers of members. Copies of the first one fill the gaps; their results are dropped.
        places = [*range(len(members)), *[0] * (-len(members) % trainer.devices)]
        self.padded = [members[place] for place in places]
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[states[place] for place in places])
        self.states = trainer.place_members(stacked)
        self.numbers = trainer.place_members(stacked_hyperparameters([member.config for member in self.padded]))

    def _open(self, member: Member, stack: contextlib.ExitStack) -> TrainState:
        """Opens a member's log in its directory, which has the layout of a single run; returns its state."""
        config, directory, window = member.config, member.directory, dict[str, list[float]]()
        stack.callback(directory.close)
        directory.lock()
        keep = config["keep_checkpoints"]
        checkpoints = stack.enter_context(Checkpoints(directory.checkpoints, keep=keep, asynchronous=False))
        if checkpoints.latest_step() is None:
            state = self.trainer.start(jax.random.key(config["seed"]))
            if config["start"]["run"]:
                state = started(state, config, self.trainer.experiment)
            directory.write_config(config)
            facts = [*data_in_words(config, member.inputs)[0], *game_in_words(config), devices_in_words()]
            write_facts(directory, [*facts, *players_in_words(config, self.trainer.shapes())])
        else:
            check_resumes(checkpoints, config, directory, member.inputs)
            state, extra = checkpoints.restore(self.trainer.experiment.abstract_state())
            window = extra["window"]
        file = stack.enter_context(open_metrics(directory, config, int(state.step)))
        sweep = directory.path.parent.parent.name
        trackers = stack.enter_context(open_writers(directory, config, int(state.step), _warn, sweep))
        writer = MultiWriter(file, trackers)
        self.logs.append(RunLog(config, member.inputs, checkpoints, window, writer))
        return state

    def run(self, first: int, until: int) -> None:
        """Trains the members from one step to another."""
        self.until = until
        stops = chunk_stops(first, until, self.trainer.chunk())
        states, self.states = self.states, None  # their buffers are donated
        self.loop(states, stops, self.trainer.chunks(self.padded, stops))

    def advance(self, state: TrainState, batch: Any, start: int) -> tuple[TrainState, dict[str, Any]]:
        """Dispatches a chunk."""
        return self.trainer.step(state, batch, self.numbers, self.trainer.data)

    def record(self, start: int, metrics: dict[str, Any], measured: dict[str, Any]) -> None:
        """Records every member's metrics, up to the step at which it diverges."""
        host = {name: np.asarray(values) for name, values in metrics.items()}
        for place, log in self._alive():
            with contextlib.suppress(DivergedError):
                log.record(start, {name: values[place] for name, values in host.items()})
        self._note_diverged()
        self.trainer.advanced(len(self.members) * next(iter(host.values())).shape[1])

    def is_due(self, stop: int) -> bool:
        """Whether to save or stop after this step."""
        self.stopping = self.stop.signal_name is not None
        every = self.trainer.config["checkpoint_every"]
        return stop == self.until or stop % every == 0 or self.stopping or not list(self._alive())

    def settle(self, stop: int, state: TrainState) -> bool:
        """Saves every member's state. Ends the loop at a signal, or if all members have diverged."""
        key = state.key
        host = jax.device_get(state.replace(key=jax.random.key_data(key)))
        for place, log in self._alive():
            own = jax.tree.map(jnp.asarray, member_of(host, place))
            own = own.replace(key=jax.random.wrap_key_data(own.key, impl=jax.random.key_impl(key)))
            with contextlib.suppress(DivergedError):
                log.save(stop, own, wait=stop == self.until or self.stopping, patience=0.0 if self.stopping else None)
        self._note_diverged()
        if self.stopping:
            return True
        if not list(self._alive()):
            self.trainer.advanced((self.until - stop) * len(self.members))
            return True
        return False

    def _alive(self) -> Iterator[tuple[int, RunLog]]:
        return ((place, log) for place, log in enumerate(self.logs) if log.diverged is None)

    def _note_diverged(self) -> None:
        for member, log in zip(self.members, self.logs, strict=True):
            member.diverged = log.diverged


def _warn(text: str) -> None:
    print(f"jaxgan: warning: {text}", file=sys.stderr, flush=True)
