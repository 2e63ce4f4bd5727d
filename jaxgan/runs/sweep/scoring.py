"""Scores of a sweep's members. Each dataset is prepared, and its own score computed, once for all members."""

import functools
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan.config import Experiment, build
from jaxgan.errors import DivergedError
from jaxgan.io.checkpoints import Checkpoints
from jaxgan.runs.evaluate.evaluation import Evaluation, path_of, to_json, write
from jaxgan.runs.evaluate.tables import finite
from jaxgan.runs.load import restore_players
from jaxgan.runs.sample_grid import SampleGrid, compile_generator
from jaxgan.runs.sampling import NoSamplesError
from jaxgan.runs.sweep.members import Group, Member
from jaxgan.runs.sweep.ranking import Ranking, metric_at
from jaxgan.types import TrainState, stream


class MemberScores(NamedTuple):
    """The scores of one member.

    Attributes:
      step: of the checkpoint that was scored; 0 without one.
      scores: by name; None where it is not finite.
      real: the same of real data.
    """

    step: int
    scores: Mapping[str, float | None] = {}
    real: Mapping[str, float | None] = {}


class MemberScorer:
    """Scores members by their newest checkpoints.

    Args:
      config: of the sweep.
      ranking: whose evaluator is among those used.
      groups: of all members.
    """

    def __init__(self, config: Mapping[str, Any], ranking: Ranking, groups: list[Group]):
        self.ranking = ranking
        self.metrics = config["evaluation"]["metrics"]
        if ranking.evaluator and ranking.evaluator not in self.metrics:
            self.metrics = (*self.metrics, ranking.evaluator)
        self._group = {member.number: number for number, group in enumerate(groups) for member in group}
        self._parts: dict[int, tuple[Experiment, Any]] = {}
        self._of_data: dict[tuple[int, tuple[str, ...]], Evaluation] = {}
        self._of_group: dict[tuple[int, int, tuple[str, ...]], Evaluation] = {}

    def check(self, member: Member) -> None:
        """Raises UsageError or DataError, before any training, if a member cannot be evaluated as the config asks."""
        self._evaluation(member, self.metrics)

    def rank(self, member: Member) -> float | None:
        """The number that ranks a member at its newest checkpoint; None if it has none."""
        if member.diverged is not None:
            return None
        if not self.ranking.evaluator:
            return metric_at(member.directory, self.ranking.name, member.latest_step())
        state = self._restore(member)
        return self._scores(member, state, (self.ranking.evaluator,)).scores.get(self.ranking.name)

    def score(self, member: Member) -> MemberScores:
        """All scores of a member, which are also written to its `evaluation/`, with its last picture."""
        if not member.latest_step():
            return MemberScores(0)
        state = self._restore(member)
        self._draw(member, state)
        verdict = self._scores(member, state, self.metrics, keep=True)
        if not self.ranking.evaluator:
            value = metric_at(member.directory, self.ranking.name, verdict.step)
            return verdict._replace(scores={self.ranking.name: value, **verdict.scores})
        return verdict

    def _restore(self, member: Member) -> TrainState:
        experiment, _ = self._parts_of(member)
        with Checkpoints(member.directory.checkpoints, keep=member.config["keep_checkpoints"]) as checkpoints:
            return restore_players(checkpoints, experiment)

    def _scores(
        self, member: Member, state: TrainState, metrics: tuple[str, ...], *, keep: bool = False
    ) -> MemberScores:
        evaluation = self._evaluation(member, metrics)
        try:
            report = evaluation.run(state)
        except (DivergedError, NoSamplesError):
            return MemberScores(int(state.step))
        if keep:
            path = path_of(member.directory.evaluation, report.step, report.seed, report.method)
            write(path, to_json(report, evaluation, member.name))
        found = {score.name: finite(score.value) for score in report.scores}
        real = {score.name: finite(score.baselines["real data"].value) for score in report.scores}
        return MemberScores(report.step, found, real)

    def _evaluation(self, member: Member, metrics: tuple[str, ...]) -> Evaluation:
        data, group = id(member.inputs), self._group[member.number]
        experiment, _ = self._parts_of(member)
        config = {**member.config, "evaluation": {**member.config["evaluation"], "metrics": metrics}}
        if (data, metrics) not in self._of_data:
            say = functools.partial(print, file=sys.stderr, flush=True)
            self._of_data[data, metrics] = Evaluation(config, member.inputs, experiment, 0, say)
        if (data, group, metrics) not in self._of_group:
            self._of_group[data, group, metrics] = self._of_data[data, metrics].of(experiment, config)
        return self._of_group[data, group, metrics]

    def _parts_of(self, member: Member) -> tuple[Experiment, Any]:
        group = self._group[member.number]
        if group not in self._parts:
            experiment = build(member.config, member.inputs.facts)
            self._parts[group] = experiment, compile_generator(experiment)
        return self._parts[group]

    def _draw(self, member: Member, state: TrainState) -> None:
        experiment, draw = self._parts_of(member)
        config, inputs = member.config, member.inputs
        key = stream(jax.random.key(config["seed"]), "sample_pictures")
        shown = SampleGrid(experiment, inputs, key, config["sample_count"], draw)
        path = member.directory.samples / f"step_{int(state.step):08d}.png"
        shown.save(path, np.asarray(shown.samples(state), np.float32))
