"""The results of a sweep to look at: a table, and a picture of the spread over the seeds."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgan import figures
from jaxgan.runs.evaluate.tables import aligned, number
from jaxgan.runs.sweep.members import Member
from jaxgan.runs.sweep.results import SweepResults, summarise
from jaxgan.runs.sweep.trials import Setting

WIDTH = 120
"""Width of the table in letters; scores that do not fit go into a second table below."""

REAL = "real data"

LABEL = 50
"""Most letters of a setting's fields in the picture; a longer label is the setting's number."""

SHOWN = 40
"""Most settings in the picture, the best ones."""


class Columns(NamedTuple):
    """The fields in which settings differ; fields that change together are one column.

    Attributes:
      fields: of each column.
      headings: short where that is clear.
      values: [settings][columns] as text.
    """

    fields: list[list[str]]
    headings: list[str]
    values: list[list[str]]


def columns_of(settings: Sequence[Setting]) -> Columns:
    """The columns of a table of settings."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name in dict.fromkeys(name for setting in settings for name in setting.changes):
        found.setdefault(tuple(_text(setting.changes.get(name)) for setting in settings), []).append(name)
    fields = list(found.values())
    tails = [{name.rpartition(".")[2] for name in group} for group in fields]
    short = [next(iter(tail)) if len(tail) == 1 else "" for tail in tails]
    headings = [
        tail if tail and short.count(tail) == 1 else " & ".join(group)
        for tail, group in zip(short, fields, strict=True)
    ]
    return Columns(fields, headings, [[values[i] for values in found] for i in range(len(settings))])


def table(results: SweepResults, where: str) -> str:
    """The settings, best first, with as many scores beside each other as fit."""
    columns, order, ranking = columns_of(results.settings), results.order(), results.ranking
    rows = [*_setting_rows(results, columns, order), [REAL]]
    rows[-1] += [""] * (len(rows[0]) - 1)
    scores = [_score_column(results, name, order) for name in results.scores()]
    parts = [f"{where}: settings by {ranking.name} ({ranking.better} is better), best first", ""]
    for place, block in enumerate(_blocks(rows, scores)):
        lead = [row[:1] for row in rows] if place else rows
        parts += [*aligned([[*a, *b] for a, b in zip(lead, zip(*block, strict=True), strict=True)]), ""]
    parts.append("mean over the seeds ± its standard error; members that diverged are in no mean.")
    headed = zip(columns.headings, (" & ".join(group) for group in columns.fields), strict=True)
    parts += [f"{heading}: {names}" for heading, names in headed if heading != names]
    parts += [_diverged(member) for member in results.members if member.diverged is not None]
    return "\n".join(parts)


def _diverged(member: Member) -> str:
    newest = member.latest_step()
    rest = f"its newest checkpoint is of step {newest:,}" if newest else "it has no checkpoint"
    seed = member.config["seed"]
    return f"diverged: member {member.name} (setting {member.setting}, seed {seed}) at step {member.diverged:,}; {rest}"


def _setting_rows(results: SweepResults, columns: Columns, order: Sequence[int]) -> list[list[str]]:
    halved = bool(results.given_up)
    rows = [["setting", *columns.headings, "seeds", *(["steps"] if halved else [])]]
    for setting in order:
        members = [member for member in results.members if member.setting == setting]
        good = sum(member.diverged is None for member in members)
        seeds = str(good) if good == len(members) else f"{good} of {len(members)}"
        steps = results.given_up.get(setting, members[0].config["steps"])
        rows.append([str(setting), *columns.values[setting], seeds, *([f"{steps:,}"] if halved else [])])
    return rows


def spread_of(results: SweepResults) -> np.ndarray:
    """The picture `sweep.png`: the ranking score of every member, by setting."""
    columns, rows = columns_of(results.settings), []
    for setting in results.order()[:SHOWN]:
        named = [f"{heading} {value}" for heading, value in zip(columns.headings, columns.values[setting], strict=True)]
        step, name = results.given_up.get(setting), ", ".join(named)
        name = name if len(name) <= LABEL else f"setting {setting}"
        label = "\n".join(filter(None, (name, "" if step is None else f"given up at step {step:,}")))
        found = summarise(results.values(setting, results.ranking.name))
        rows.append(figures.SpreadRow(label or "the config itself", *found))
    ranking = results.ranking
    title = f"{ranking.name} ({ranking.better} is better)"
    return figures.spread(rows, title=title, reference=results.real(ranking.name))


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _score_column(results: SweepResults, name: str, order: Sequence[int]) -> list[str]:
    found = [summarise(results.values(setting, name)) for setting in order]
    cells = ["-" if s.mean is None else number(s.mean, s.standard_error) for s in found]
    real = results.real(name)
    return [name, *cells, "" if real is None else number(real, None)]


def _blocks(rows: Sequence[Sequence[str]], columns: Sequence[list[str]]) -> list[list[list[str]]]:
    """The scores in parts no wider than `WIDTH`; the first part stands beside the settings."""
    lead = sum(max(len(row[i]) for row in rows) + 2 for i in range(len(rows[0])))
    blocks: list[list[list[str]]] = [[]]
    width = lead
    for column in columns:
        wide = max(map(len, column)) + 2
        if blocks[-1] and width + wide > WIDTH:
            blocks.append([])
            width = len(REAL) + 2
        blocks[-1].append(column)
        width += wide
    return blocks
