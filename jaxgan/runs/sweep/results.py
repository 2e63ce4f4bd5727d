"""The results of a sweep: means over the seeds with their standard errors, and the files that hold them.

`sweep.json` also holds what a sweep needs to resume.
"""

import datetime
import json
import math
import os
import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxgan.config import complete
from jaxgan.errors import UsageError
from jaxgan.io.atomic import atomic_path, atomic_write
from jaxgan.runs.directory import RunDirectory, check_same
from jaxgan.runs.evaluate.evaluation import versions
from jaxgan.runs.sweep.members import Member
from jaxgan.runs.sweep.ranking import Ranking, setting_order
from jaxgan.runs.sweep.scoring import MemberScores
from jaxgan.runs.sweep.trials import Setting

NAME, TABLE = "sweep.json", "sweep.txt"


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
    """Mean and standard error of the values that are not None."""
    known = [value for value in values if value is not None]
    error = statistics.stdev(known) / math.sqrt(len(known)) if len(known) > 1 else None
    return Summary(statistics.fmean(known) if known else None, error, list(values))


class SweepResults(NamedTuple):
    """All members with their scores.

    Attributes:
      settings: of the sweep.
      members: of all settings, in order.
      verdicts: one for each member.
      ranking: what ranks the settings.
      given_up: the step at which a setting was given up, by its place; settings that trained to the end are absent.
    """

    settings: list[Setting]
    members: list[Member]
    verdicts: list[MemberScores]
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
        """The settings, best first; the later a setting was given up, the better it is."""

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
        """The score of real data, averaged over the members' data."""
        return summarise([verdict.real.get(score) for verdict in self.verdicts]).mean


def to_json(
    config: Mapping[str, Any],
    settings: Sequence[Setting],
    members: Sequence[Member],
    rungs: Sequence[Mapping[str, Any]],
    results: SweepResults | None,
) -> dict[str, Any]:
    """A sweep as JSON; without `results` only what it needs to resume."""
    lines = [
        {"member": m.name, "setting": m.setting, "seed": m.config["seed"], "step": m.latest_step()}
        | {"diverged": m.diverged}
        for m in members
    ]
    found: dict[str, Any] = {"config": config, "rungs": list(rungs), "members": lines}
    if results is None:
        return found
    best = results.best()
    ranking = results.ranking
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
                "scores": {n: summarise(results.values(setting, n))._asdict() for n in results.scores()},
            }
            for setting in results.order()
        ],
        "real_data": {name: results.real(name) for name in results.scores()},
        "versions": versions(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def has_sweep(path: str) -> bool:
    """Whether a directory holds a sweep."""
    directory = RunDirectory(path, create=False).path
    return (directory / NAME).exists() or (directory / "members").exists()


def read_sweep(directory: RunDirectory, config: Mapping[str, Any]) -> dict[str, Any]:
    """What an earlier call of the same sweep wrote; empty if it is new.

    Args:
      directory: of the sweep.
      config: of the sweep now.

    Raises:
      UsageError: the directory has something else, or a sweep with another config.
    """
    path = directory.path / NAME
    if directory.checkpoints.exists():
        raise UsageError(
            f"--workdir={directory.path} has a run of its own", "a sweep has its runs in members/", "choose another"
        )
    if not path.exists():
        return {}
    try:
        saved = json.loads(path.read_text())
        old, new = complete(saved["config"]), complete(config)
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} cannot be read", repr(error), "delete it to go on from the checkpoints") from error
    check_same(old, new, directory.path)
    before, now = old["population"], new["population"]
    halved = now["halvings"] or before["halvings"]
    differing = [name for name in now if before[name] != now[name] and (halved or name != "score")]
    said = [f"population.{name}: {before[name]} there, {now[name]} now" for name in differing]
    if halved and old["steps"] != new["steps"]:  # the rungs depend on them
        said.append(f"steps: {old['steps']} there, {new['steps']} now")
    if said:
        raise UsageError(
            f"{directory.path} has another sweep",
            ", ".join(said),
            "use the same config to go on with it, or another --workdir to start anew",
        )
    return saved


def write_sweep(directory: RunDirectory, content: Mapping[str, Any]) -> None:
    """Writes `sweep.json`, whole or not at all."""
    _write(directory.path / NAME, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_table(directory: RunDirectory, text: str) -> None:
    """Writes `sweep.txt`, whole or not at all."""
    _write(directory.path / TABLE, text + "\n")


def _write(path: pathlib.Path, text: str) -> None:
    try:
        atomic_write(path, text.encode())
    except OSError as error:
        raise UsageError(f"cannot write {path}", error.strerror or str(error), "make room") from error


def link_best(directory: RunDirectory, member: str) -> None:
    """Makes `best` a symbolic link to a member, relative so that the sweep can be moved."""
    path = directory.path / "best"
    try:
        with atomic_path(path) as temporary:
            temporary.symlink_to(os.path.join("members", member))
    except OSError as error:
        raise UsageError(f"cannot write {path}", error.strerror or str(error), "remove what is in its way") from error
