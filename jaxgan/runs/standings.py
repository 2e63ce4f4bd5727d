"""How the settings of a sweep stand: means over the seeds with their standard errors, as text, JSON and a picture."""

import datetime
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgan import figures
from jaxgan.runs.evaluation import versions
from jaxgan.runs.judge import Verdict
from jaxgan.runs.members import Member
from jaxgan.runs.ranking import Ranking, setting_order
from jaxgan.runs.report import number
from jaxgan.runs.settings import Setting

WIDTH = 120
"""Of the table, in letters; more scores go into a further one below."""

SHOWN = 40
"""At most so many settings are in the picture, the best ones."""


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


def labels(settings: Sequence[Setting]) -> tuple[list[str], list[list[str]]]:
    """Headings of the varied fields, and each setting's values; fields that move together are one column."""
    names = list(dict.fromkeys(name for setting in settings for name in setting.changes))
    columns: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        columns.setdefault(tuple(_text(setting.changes.get(name)) for setting in settings), []).append(name)
    last = [{name.rpartition(".")[2] for name in group} for group in columns.values()]
    short = [tails.pop() if len(tails) == 1 else "" for tails in map(set, last)]
    headings = [
        tail if tail and short.count(tail) == 1 else " & ".join(group)
        for tail, group in zip(short, columns.values(), strict=True)
    ]
    return headings, [[values[i] for values in columns] for i in range(len(settings))]


def table(standings: Standings, where: str) -> str:
    """The settings, best first, with as many scores beside each other as fit."""
    headings, values = labels(standings.settings)
    order, steps = standings.order(), bool(standings.given_up)
    rows = [["#", *headings, "seeds", *(["steps"] if steps else [])]]
    for setting in order:
        there = [member for member in standings.members if member.setting == setting]
        good = sum(member.diverged is None for member in there)
        seeds = str(good) if good == len(there) else f"{good} of {len(there)}"
        done = [f"{standings.given_up.get(setting, there[0].config['steps']):,}"] if steps else []
        rows.append([str(setting), *values[setting], seeds, *done])
    rows.append(["", "real data", *[""] * (len(rows[0]) - 2)] if headings else ["real data", *[""] * len(rows[0][1:])])
    columns = [_score_column(standings, name, order) for name in standings.scores()]
    parts = [f"{where}: settings by {standings.ranking.name} ({standings.ranking.better} is better), best first", ""]
    for number_, block in enumerate(_blocks(rows, columns)):
        lead = rows if not number_ else [[row[0] or "real data"] for row in rows[:-1]] + [["real data"]]
        parts += [*_format([[*a, *b] for a, b in zip(lead, zip(*block, strict=True), strict=True)]), ""]
    parts.append("mean over the seeds ± its standard error; members that diverged are in no mean.")
    names = [h for h, g in zip(headings, _fields(standings.settings), strict=True) if h != " & ".join(g)]
    parts += [f"{h}: {' & '.join(g)}" for h, g in zip(headings, _fields(standings.settings), strict=True) if h in names]
    parts += [
        f"diverged: member {member.name} (setting {member.setting}, seed {member.config['seed']}) at step "
        f"{member.diverged:,}; its newest checkpoint is of step {member.latest_step():,}"
        for member in standings.members
        if member.diverged is not None
    ]
    return "\n".join(parts)


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


def spread_of(standings: Standings) -> np.ndarray:
    """The picture `sweep.png`: the ranking score of every member, by setting."""
    headings, values = labels(standings.settings)
    rows = []
    for setting in standings.order()[:SHOWN]:
        named = [f"{heading} {value}" for heading, value in zip(headings, values[setting], strict=True)]
        step = standings.given_up.get(setting)
        label = "\n".join(filter(None, (", ".join(named), "" if step is None else f"given up at step {step:,}")))
        found = summarise(standings.values(setting, standings.ranking.name))
        rows.append(figures.SpreadRow(label or "the config itself", *found))
    ranking = standings.ranking
    title = f"{ranking.name} ({ranking.better} is better)"
    return figures.spread(rows, title=title, reference=standings.real(ranking.name))


def _fields(settings: Sequence[Setting]) -> list[list[str]]:
    columns: dict[tuple[str, ...], list[str]] = {}
    for name in dict.fromkeys(name for setting in settings for name in setting.changes):
        columns.setdefault(tuple(_text(s.changes.get(name)) for s in settings), []).append(name)
    return list(columns.values())


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _score_column(standings: Standings, name: str, order: Sequence[int]) -> list[str]:
    found = [summarise(standings.values(setting, name)) for setting in order]
    cells = ["-" if s.mean is None else number(s.mean, s.standard_error) for s in found]
    real = standings.real(name)
    return [name, *cells, "" if real is None else number(real, None)]


def _blocks(rows: Sequence[Sequence[str]], columns: Sequence[list[str]]) -> list[list[list[str]]]:
    """The scores in parts that are no wider than `WIDTH`; the first one stands beside the settings."""
    lead = sum(max(len(row[i]) for row in rows) + 2 for i in range(len(rows[0])))
    blocks: list[list[list[str]]] = [[]]
    width = lead
    for column in columns:
        wide = max(map(len, column)) + 2
        if blocks[-1] and width + wide > WIDTH:
            blocks.append([])
            width = len("real data") + 2
        blocks[-1].append(column)
        width += wide
    return blocks


def _format(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]
