"""`--mode=sweep`: many settings of one config, each with several seeds, trained side by side and ranked."""

import contextlib
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jaxgan import figures
from jaxgan.config import Problem, complete, unread
from jaxgan.config.checks import no_accuracy
from jaxgan.config.schema import flattened
from jaxgan.errors import DivergedError, UsageError
from jaxgan.io.atomic import write_json, write_text
from jaxgan.io.metric_writers import Progress, check_installed, duration
from jaxgan.runs.data import data_in_words
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.evaluate.report import trained, write_report
from jaxgan.runs.facts import announce, devices_in_words, game_in_words, players_in_words
from jaxgan.runs.sweep.members import make_groups, make_members, read_data
from jaxgan.runs.sweep.population_trainer import PopulationTrainer
from jaxgan.runs.sweep.results import TABLE, SweepResults, link_best, read_sweep, spread_of, table, to_json
from jaxgan.runs.sweep.scoring import MemberScorer, MemberScores, Ranking, read_ranking, rungs, survivors
from jaxgan.runs.sweep.trials import Setting, draws_choices, read_settings
from jaxgan.runs.train.host_loop import go_back, select_devices
from jaxgan.signals import StopRequest


def problems_of_sweep(config: Any) -> list[Problem]:
    """The problems of a config's section `population`, whose single fields are valid."""
    config = complete(config)
    settings, problems = read_settings(config)
    ranking = read_ranking(config["population"]["score"])
    if isinstance(ranking, str):
        problems.append(Problem("population.score", ranking))
    elif ranking.name == "d_accuracy":
        reasons = dict.fromkeys(filter(None, (no_accuracy(flattened(setting.config)) for setting in settings)))
        for why in reasons:
            problems.append(Problem("population.score", f"population.score d_accuracy: {why}; rank by another score"))
    halvings = config["population"]["halvings"]
    if halvings and settings:
        name = "population.halvings"
        if any("steps" in setting.changes for setting in settings):
            problems.append(Problem(name, f"{name}: settings of different steps cannot be halved"))
        if len(settings) <= 2 ** (halvings - 1):
            problems.append(Problem(name, f"{name}: {len(settings)} settings cannot be halved {halvings} times"))
    return problems


def unread_by_sweep(config: Mapping[str, Any], names: Iterable[str]) -> list[Problem]:
    """The fields, set by the command or varied by the sweep, that no setting reads.

    If choices are drawn at random, nothing is reported, since it depends on chance which ones occur.
    """
    if draws_choices(config):
        return []
    settings = read_settings(config)[0]
    swept = (name for setting in settings[:1] for name in setting.changes)
    configs: list[Mapping[str, Any]] = [setting.config for setting in settings] or [config]
    return unread(dict.fromkeys([*names, *swept]), *configs)


def sweep(config: Mapping[str, Any], workdir: str) -> None:
    """Trains all members, or resumes those in `workdir`. docs/sweeps.md lists the files that it writes.

    Args:
      config: a ConfigDict or a nested mapping, checked by `check` and `problems_of_sweep`.
      workdir: the sweep's directory.

    Raises:
      JaxganError: any expected failure; anything saved before it is kept.
    """
    plain = complete(config)
    check_installed(plain["logging"]["writers"])
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(RunDirectory(workdir))
        with contextlib.suppress(OSError):
            directory.samples.rmdir()  # a sweep has no samples of its own
        for setting in read_settings(plain)[0]:
            select_devices({**setting.config, "mapping": "jit", "platform": plain["platform"]})
        stop = stack.enter_context(StopRequest())
        saved = read_sweep(directory, plain)
        finished = saved.get("finished") and (directory.path / TABLE).exists()
        if finished and complete(saved["config"]) == plain:
            print((directory.path / TABLE).read_text("utf-8", "replace") + f"{directory.path} is finished.")
            return
        _Sweep(plain, directory, stop, saved).run()


class _Sweep:
    """One sweep: its members, and the decisions about them."""

    def __init__(self, config: dict[str, Any], directory: RunDirectory, stop: StopRequest, saved: Mapping[str, Any]):
        self.config, self.directory, self.path, self.stop = config, directory, directory.path, stop
        self.started = time.monotonic()
        self.settings: list[Setting] = read_settings(config)[0]
        ranking = read_ranking(config["population"]["score"])
        assert isinstance(ranking, Ranking)
        self.ranking, self.seeds = ranking, config["population"]["seeds"]
        self.members = make_members(self.settings, self.seeds, self.path / "members")
        self.rungs: list[dict[str, Any]] = list(saved.get("rungs", ()))
        for member, line in zip(self.members, saved.get("members", ()), strict=False):
            member.diverged = line["diverged"]
        for member in self.members:
            go_back(member.directory, member.config)
        read_data(self.members)
        self.groups = make_groups(self.members)
        self.scorer = MemberScorer(config, ranking, self.groups)
        for group in self.groups:
            self.scorer.check(group[0])
        self.trainers = [PopulationTrainer(group, stop, self._advanced) for group in self.groups]
        self.ends = self._rung_ends()
        self.progress: Progress

    def run(self) -> None:
        """Trains the members from their current steps, and writes the results."""
        self._write(finished=False)
        self._announce()
        self.done, total = self._steps()
        with contextlib.closing(Progress(total, self.done)) as self.progress:
            if self.done:
                self.progress.message(f"going on in {self.path}")
            self.progress.message("the progress is in steps of all members together")
            for trainer in self.trainers:
                trainer.progress = self.progress
            for rung in range(len(self.ends)):
                self._run_rung(rung)
        self._finish()

    def _announce(self) -> None:
        """Prints the data, the game, the first member's networks, and the number of members."""
        first = self.members[0]
        facts, warnings = data_in_words(first.config, first.inputs)
        trainer = self.trainers[0]
        facts += [*game_in_words(trainer.config), *players_in_words(trainer.config, trainer.shapes())]
        if len(self.trainers) > 1 or len({id(member.inputs) for member in self.members}) > 1:
            facts.append(("note", "these are the first member's; others have other data, losses or networks"))
        groups = _count(len(self.groups), "compiled program")
        members = f"{_count(len(self.settings), 'setting')} with {_count(self.seeds, 'seed')}, in {groups}"
        facts.append(("members", f"{len(self.members):,}: {members}"))
        announce([*facts, devices_in_words(), ("written to", str(self.path))], warnings)

    def _run_rung(self, rung: int) -> None:
        """Trains the remaining settings to the rung's end, and drops half of them unless it is the last rung."""
        left = list(range(len(self.settings))) if rung == 0 else self.rungs[rung - 1]["kept"]
        last = rung == len(self.ends) - 1
        for trainer in self.trainers:
            end = trainer.config["steps"] if last else self.ends[rung]
            trainer.run([m for m in trainer.group if m.setting in left], end)
        self._write(finished=False)
        if last or rung < len(self.rungs):
            return
        scores: list[list[float | None]] = [[] for _ in left]
        ranked = [member for member in self.members if member.setting in left]
        for number, member in enumerate(ranked, 1):
            self.progress.note(f"evaluating member {number} of {len(ranked)}")
            scores[left.index(member.setting)].append(self.scorer.rank(member))
        kept = [left[place] for place in survivors(self.ranking, scores)]
        named = dict(zip(map(str, left), scores, strict=True))
        self.rungs.append({"step": self.ends[rung], "score": self.ranking.name, "scores": named, "kept": kept})
        self._write(finished=False)  # now, so that a killed sweep decides the same on resuming
        self.progress.message(f"step {self.ends[rung]:,}: {len(kept)} of {len(left)} settings go on")

    def _rung_ends(self) -> list[int]:
        halvings, steps = self.config["population"]["halvings"], self.config["steps"]
        chunk = math.lcm(*(trainer.chunk() for trainer in self.trainers)) if halvings else 1
        ends = rungs(steps, halvings, chunk)
        if sorted(set(ends)) != ends or ends[0] < 1:
            raise UsageError(
                f"{steps} steps cannot be halved {halvings} times",
                f"the rungs would end at {', '.join(map(str, ends))}, in multiples of {chunk}",
                "raise steps, or lower population.halvings, or log_every",
            )
        return ends

    def _steps(self) -> tuple[int, int]:
        """Steps done, and total steps, over all members."""
        total = sum(member.config["steps"] for member in self.members)
        if len(self.ends) > 1:
            total, before, count = 0, 0, len(self.settings)
            for end in self.ends:
                total, before, count = total + (end - before) * count * self.seeds, end, -(-count // 2)
        return sum(min(m.latest_step(), m.config["steps"]) for m in self.members), total

    def _advanced(self, steps: int) -> None:
        self.done += steps
        self.progress.update(min(self.done, self.progress.total))

    def _finish(self) -> None:
        """Scores all members, and writes the results."""
        scores = list(self._scored())
        given_up = {s: r["step"] for r in self.rungs for s in map(int, r["scores"]) if s not in r["kept"]}
        results = SweepResults(self.settings, self.members, scores, self.ranking, given_up)
        figures.save_png(self.path / "sweep.png", spread_of(results))
        best, text = results.best(), table(results, str(self.path))
        write_text(self.path / TABLE, text + "\n")
        if best is not None:
            write_report(best.directory, run=trained(best.directory))
            link_best(self.directory, best.name)
        self._write(finished=True, results=results)  # written last: without it, the same command recreates all files
        print(text)
        if best is None:
            raise DivergedError(
                "all members diverged", "no member has a score", "lower the learning rates, in another --workdir"
            )
        print(f"Done: {_count(len(self.members), 'member')} in {duration(time.monotonic() - self.started)}.")
        announce(
            [
                ("look at", str(self.path / "sweep.png")),
                ("beside it", f"{TABLE} (the table), sweep.json (all numbers), members/, best (a link to {best.name})"),
                ("go on with", f"jaxgan evaluate {self.path / 'best'}      (or sample; each member is a run)"),
            ]
        )

    def _scored(self) -> Iterator[MemberScores]:
        """Yields the scores of each member, and shows progress."""
        began, count = time.monotonic(), len(self.members)
        with Progress(count, unit="member") as progress:
            for done, member in enumerate(self.members):
                left = (time.monotonic() - began) / done * (count - done) if done else None
                progress.update(done, note="evaluating", seconds_left=left)
                yield self.scorer.score(member)
            progress.update(count, note="evaluated")

    def _write(self, *, finished: bool, results: SweepResults | None = None) -> None:
        content = to_json(self.config, self.settings, self.members, self.rungs, results)
        write_json(self.directory.sweep_file, {"finished": finished, **content})


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"
