"""The results of a sweep: means over seeds with standard errors, and their files, table and picture.

`sweep.json` also contains what a sweep needs to resume.
"""

import datetime
import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgan import figures
from jaxgan.config import complete
from jaxgan.errors import UsageError
from jaxgan.io.atomic import atomic_path, reported
from jaxgan.runs.directory import RunDirectory, check_same
from jaxgan.runs.evaluate.tables import FEW, Summary, aligned, number, summarise
from jaxgan.runs.facts import versions
from jaxgan.runs.saved import OPTIONAL, misfit
from jaxgan.runs.sweep.members import Member
from jaxgan.runs.sweep.scoring import MemberScores, Ranking, setting_order
from jaxgan.runs.sweep.trials import Setting, read_settings

TABLE = "sweep.txt"

WIDTH = 120
"""Width of the table in characters; scores that do not fit go into a second table below."""

REAL = "real data"

LABEL = 50
"""Maximum length of a setting's label in the picture; a longer label is replaced by the setting's number."""

SHOWN = 40
"""Maximum number of settings in the picture (the best ones)."""


SWEEP = {
    "config": {...: object},
    "finished": bool,
    "rungs": [{"step": int, "scores": {...: [OPTIONAL]}, "kept": [int]}],
    "members": [{"diverged": int | None}],
}
"""The pattern of the part of `sweep.json` that is needed to resume."""

SEEDS = (
    "mean over the seeds ± standard error, of the seeds and the evaluation together; of fewer than "
    f"{FEW} seeds with their range, and no ± where the evaluation has no error; no mean includes members that diverged."
)


class SweepResults(NamedTuple):
    """All members with their scores.

    Attributes:
      settings: the settings of the sweep.
      members: the members of all settings, in order.
      verdicts: one per member.
      ranking: how settings are ranked.
      given_up: the step at which each dropped setting stopped, by its index; without settings that trained to the end.
    """

    settings: list[Setting]
    members: list[Member]
    verdicts: list[MemberScores]
    ranking: Ranking
    given_up: Mapping[int, int]

    def summary(self, setting: int, score: str) -> Summary:
        """A score over a setting's members; None for a member that diverged."""
        pairs = zip(self.members, self.verdicts, strict=True)
        of_setting = [pair for pair in pairs if pair[0].setting == setting]
        scored = [MemberScores(0) if member.diverged is not None else verdict for member, verdict in of_setting]
        return summarise([each.scores.get(score) for each in scored], [each.errors.get(score) for each in scored])

    def order(self) -> list[int]:
        """The settings, best first. Settings dropped later rank higher."""

        def place(setting: int):
            score = setting_order(self.ranking, self.summary(setting, self.ranking.name).values)
            return -self.given_up.get(setting, 2**31), *score, setting

        return sorted(range(len(self.settings)), key=place)

    def best(self) -> Member | None:
        """The best member of the best setting; None if all have diverged."""
        for setting in self.order():
            orders = [self.ranking.order(value) for value in self.summary(setting, self.ranking.name).values]
            if math.isfinite(min(orders)):
                place = orders.index(min(orders))
                return [member for member in self.members if member.setting == setting][place]
        return None

    def scores(self) -> list[str]:
        """The names of all scores, with the ranking score first."""
        names = dict.fromkeys([self.ranking.name])
        for verdict in self.verdicts:
            names |= dict.fromkeys(verdict.scores)
        return list(names)

    def real(self, score: str) -> float | None:
        """Real data's score, averaged over the members' data."""
        return summarise([verdict.real.get(score) for verdict in self.verdicts]).mean


def to_json(
    config: Mapping[str, Any],
    settings: Sequence[Setting],
    members: Sequence[Member],
    rungs: Sequence[Mapping[str, Any]],
    results: SweepResults | None,
) -> dict[str, Any]:
    """A sweep as JSON. Without `results`, only what is needed to resume."""
    lines = [
        {"member": m.name, "setting": m.setting, "seed": m.config["seed"], "step": m.latest_step()}
        | {"diverged": m.diverged}
        for m in members
    ]
    found: dict[str, Any] = {"config": config, "rungs": list(rungs), "members": lines}
    if results is None:
        return found
    best, ranking = results.best(), results.ranking
    for line, verdict in zip(lines, results.verdicts, strict=True):
        line |= {"scores": verdict.scores}
    return found | {
        "score": {"name": ranking.name, "better": ranking.better},
        "best": None if best is None else best.name,
        "settings": [
            {
                "setting": setting,
                "changes": settings[setting].changes,
                "given_up": results.given_up.get(setting),
                "scores": {n: results.summary(setting, n)._asdict() for n in results.scores()},
            }
            for setting in results.order()
        ],
        "real_data": {name: results.real(name) for name in results.scores()},
        "versions": versions(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def read_sweep(directory: RunDirectory, config: Mapping[str, Any]) -> dict[str, Any]:
    """The state written by an earlier call of the same sweep; empty for a new sweep.

    Args:
      directory: directory of the sweep.
      config: current config of the sweep.

    Raises:
      UsageError: the directory contains something else, or a sweep with a different config.
    """
    path = directory.sweep_file
    if directory.checkpoints.exists():
        raise UsageError(
            f"--workdir={directory.path} has a run of its own", "a sweep has its runs in members/", "choose another"
        )
    if not path.exists():
        return {}
    try:
        saved = json.loads(path.read_bytes())
        if wrong := misfit(saved, SWEEP, "it"):
            raise ValueError(wrong)
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read", str(error), "delete it to go on from the checkpoints") from error
    old, new = complete(saved["config"]), complete(config)
    check_same(old, new, directory.path)
    settings = set(map(str, range(len(read_settings(new)[0]))))
    if any(not settings >= {*rung["scores"], *map(str, rung["kept"])} for rung in saved["rungs"]):
        remedy = "delete it to go on from the checkpoints"
        raise UsageError(f"{path} cannot be read", "its rungs name settings that are not there", remedy)
    before, now = old["population"], new["population"]
    halved = now["halvings"] or before["halvings"]
    differing = [name for name in now if before[name] != now[name] and (halved or name != "score")]
    said = [f"population.{name}: {before[name]} there, {now[name]} now" for name in differing]
    if halved and old["steps"] != new["steps"]:  # the rungs depend on the steps
        said.append(f"steps: {old['steps']} there, {new['steps']} now")
    if said:
        raise UsageError(
            f"{directory.path} has another sweep",
            ", ".join(said),
            "use the same config to go on with it, or another --workdir to start anew",
        )
    return saved


def link_best(directory: RunDirectory, member: str) -> None:
    """Makes `best` a symbolic link to a member; it is relative, so the sweep can be moved."""
    path = directory.path / "best"
    with reported(path), atomic_path(path) as temporary:
        temporary.symlink_to(os.path.join("members", member))


# --- The table and the picture


class Columns(NamedTuple):
    """The fields in which settings differ. Fields that change together share a column.

    Attributes:
      fields: the fields of each column.
      headings: shortened if they stay unambiguous.
      values: [settings][columns] as text.
    """

    fields: list[list[str]]
    headings: list[str]
    values: list[list[str]]


def columns_of(settings: Sequence[Setting]) -> Columns:
    """The columns of a table of settings."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name in dict.fromkeys(name for setting in settings for name in setting.changes):
        values = [setting.changes.get(name) for setting in settings]
        texts = tuple(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
        found.setdefault(texts, []).append(name)
    fields = list(found.values())
    tails = [{name.rpartition(".")[2] for name in group} for group in fields]
    short = [tail.pop() if len(tail) == 1 else "" for tail in tails]
    headings = [
        tail if tail and short.count(tail) == 1 else " & ".join(group)
        for tail, group in zip(short, fields, strict=True)
    ]
    return Columns(fields, headings, [[texts[i] for texts in found] for i in range(len(settings))])


def table(results: SweepResults, where: str) -> str:
    """The settings, best first, with as many scores side by side as fit."""
    columns, order, ranking = columns_of(results.settings), results.order(), results.ranking
    rows = [*_setting_rows(results, columns, order), [REAL]]
    rows[-1] += [""] * (len(rows[0]) - 1)
    scores = [_score_column(results, name, order) for name in results.scores()]
    parts = [f"{where}: settings by {ranking.name} ({ranking.better} is better), best first", ""]
    for place, block in enumerate(_blocks(rows, scores)):
        lead = [row[:1] for row in rows] if place else rows
        parts += [*aligned([[*a, *b] for a, b in zip(lead, zip(*block, strict=True), strict=True)]), ""]
    parts.append(SEEDS)
    headed = zip(columns.headings, (" & ".join(group) for group in columns.fields), strict=True)
    parts += [f"{heading}: {names}" for heading, names in headed if heading != names]
    for member in (member for member in results.members if member.diverged is not None):
        which = f"member {member.name} (setting {member.setting}, seed {member.config['seed']})"
        newest = member.latest_step()
        rest = f"its newest checkpoint is of step {newest:,}" if newest else "it has no checkpoint"
        parts.append(f"diverged: {which} at step {member.diverged:,}; {rest}")
    return "\n".join(parts)


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
    """The picture `sweep.png`: the ranking score of each member, by setting."""
    columns, ranking, rows = columns_of(results.settings), results.ranking, []
    for setting in results.order()[:SHOWN]:
        named = [f"{heading} {value}" for heading, value in zip(columns.headings, columns.values[setting], strict=True)]
        step, name = results.given_up.get(setting), ", ".join(named)
        name = name if len(name) <= LABEL else f"setting {setting}"
        label = "\n".join(filter(None, (name, "" if step is None else f"given up at step {step:,}")))
        found = results.summary(setting, ranking.name)
        rows.append(figures.SpreadRow(label or "the config itself", found.mean, found.shown_error, found.values))
    title = f"{ranking.name} ({ranking.better} is better)"
    return figures.spread(rows, title=title, reference=results.real(ranking.name))


def _score_column(results: SweepResults, name: str, order: Sequence[int]) -> list[str]:
    found = [results.summary(setting, name) for setting in order]
    cells = [summary.text() for summary in found]
    real = results.real(name)
    return [name, *cells, "" if real is None else number(real, None)]


def _blocks(rows: Sequence[Sequence[str]], columns: Sequence[list[str]]) -> list[list[list[str]]]:
    """Splits the scores into parts no wider than `WIDTH`. The first part is placed beside the settings."""
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
