"""How the settings of a sweep stand: means over the seeds with their standard errors, and as JSON."""

import datetime
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxgan.runs.evaluate.evaluation import versions
from jaxgan.runs.sweep.members import Member
from jaxgan.runs.sweep.ranking import Ranking, setting_order
from jaxgan.runs.sweep.scoring import Verdict
from jaxgan.runs.sweep.trials import Setting


class Summary(NamedTuple):
    """One score over the seeds of a setting.

    Attributes:
      mean: over the members that have it; None if none has.
      standard_error: s/√n with s² = Σ(x − mean)²/(n − 1); None for fewer than two members.
      values: of each member in the order of the seeds; None for one that has none.
    """

    mean: float | None
    standard_error: float | None
    values: list[float | None]


def summarise(values: Sequence[float | None]) -> Summary:
    """Mean and standard error of the numbers that are there."""
    known = [value for value in values if value is not None]
    error = statistics.stdev(known) / math.sqrt(len(known)) if len(known) > 1 else None
    return Summary(statistics.fmean(known) if known else None, error, list(values))


class Standings(NamedTuple):
    """All members with their scores.

    Attributes:
      settings: of the sweep.
      members: of all settings, in order.
      verdicts: one for each member.
      ranking: what ranks the settings.
      given_up: the step at which a setting was, by its place; without those that went on to the end.
    """

    settings: list[Setting]
    members: list[Member]
    verdicts: list[Verdict]
    ranking: Ranking
    given_up: Mapping[int, int]

    def values(self, setting: int, score: str) -> list[float | None]:
        """A score of a setting's members; None for one that diverged."""
        pairs = zip(self.members, self.verdicts, strict=True)
        return [
            None if member.diverged is not None else verdict.scores.get(score)
            for member, verdict in pairs
            if member.setting == setting
        ]

    def order(self) -> list[int]:
        """The settings, best first: those that were given up later or not at all come before the others."""

        def place(setting: int):
            score = setting_order(self.ranking, self.values(setting, self.ranking.name))
            return -self.given_up.get(setting, 2**31), *score, setting

        return sorted(range(len(self.settings)), key=place)

    def best(self) -> Member | None:
        """The best member of the best setting; None if all have diverged."""
        for setting in self.order():
            values = self.values(setting, self.ranking.name)
            orders = [self.ranking.order(value) for value in values]
            if math.isfinite(min(orders)):
                place = orders.index(min(orders))
                return [member for member in self.members if member.setting == setting][place]
        return None

    def scores(self) -> list[str]:
        """The names of all scores, the one that ranks first."""
        names = dict.fromkeys([self.ranking.name])
        for verdict in self.verdicts:
            names |= dict.fromkeys(verdict.scores)
        return list(names)

    def real(self, score: str) -> float | None:
        """What real data scores, on average over the members' data."""
        return summarise([verdict.real.get(score) for verdict in self.verdicts]).mean


def to_json(
    config: Mapping[str, Any],
    settings: Sequence[Setting],
    members: Sequence[Member],
    rungs: Sequence[Mapping[str, Any]],
    standings: Standings | None,
) -> dict[str, Any]:
    """All that is known of a sweep, for `sweep.json`; without standings, what a sweep that goes on must know."""
    lines = [
        {"member": m.name, "setting": m.setting, "seed": m.config["seed"], "step": m.latest_step()}
        | {"diverged": m.diverged}
        for m in members
    ]
    found: dict[str, Any] = {"config": config, "rungs": list(rungs), "members": lines}
    if standings is None:
        return found
    best = standings.best()
    ranking = standings.ranking
    for line, verdict in zip(lines, standings.verdicts, strict=True):
        line |= {"scores": verdict.scores}
    return found | {
        "score": {"name": ranking.name, "better": ranking.better},
        "best": None if best is None else best.name,
        "settings": [
            {
                "setting": setting,
                "changes": settings[setting].changes,
                "given_up": standings.given_up.get(setting),
                "scores": {n: summarise(standings.values(setting, n))._asdict() for n in standings.scores()},
            }
            for setting in standings.order()
        ],
        "real_data": {name: standings.real(name) for name in standings.scores()},
        "versions": versions(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
