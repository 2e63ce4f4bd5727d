"""`comparison.html` shows several runs side by side: their differences, scores, curves and last pictures."""

import html
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jaxgan import figures
from jaxgan.errors import in_one_line
from jaxgan.io.atomic import write_text
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.evaluate import pages
from jaxgan.runs.evaluate.report import (
    METRICS,
    OF_SCORES,
    facts_of,
    panels_of,
    pictures_of,
    read_config,
    read_evaluations,
    settings_of,
)
from jaxgan.runs.evaluate.tables import mark, number

MOST = 24
"""Maximum number of runs that a page compares."""

FILE = "comparison.html"

SETTINGS = ("Loss", "Training")
"""Facts that only repeat settings."""


class _Run(NamedTuple):
    """The content of a page about one run; `report` is its last evaluation, or None."""

    name: str
    directory: RunDirectory
    facts: Mapping[str, str]
    settings: Mapping[str, tuple[str, str]]
    report: Mapping[str, Any] | None
    panels: Mapping[str, Mapping[str, figures.Curve]]


def write_comparison(directories: Sequence[RunDirectory], folder: pathlib.Path) -> pathlib.Path:
    """Writes the page that compares runs, in the given order, and returns its path.

    Args:
      directories: directories of at least two runs.
      folder: where to write the page.

    Raises:
      WriteError: it cannot be written.
    """
    runs = []
    for name, directory in zip(_names(directories), directories, strict=True):
        config, reports = read_config(directory), read_evaluations(directory)
        facts, settings, panels = facts_of(directory, config), settings_of(config), panels_of(directory, reports)
        runs.append(_Run(name, directory, facts, settings, reports[-1] if reports else None, panels))
    title = f"{len(runs)} runs compared"
    keys = pages.legend(run.name for run in runs)
    body = [
        pages.header(title, "Generative adversarial networks, trained with jaxgan.", keys),
        _differences(runs),
        _pictures(runs),
        _scores(runs),
        _curves(runs, keys),
    ]
    path = folder / FILE
    write_text(path, pages.page(title, filter(None, body)))
    return path


def _names(directories: Sequence[RunDirectory]) -> list[str]:
    """The shortest endings of the paths that distinguish the runs."""
    paths = [directory.path.parts for directory in directories]
    for length in range(1, max(map(len, paths)) + 1):
        names = [os.path.join(*parts[-length:]) for parts in paths]
        if len(set(names)) == len(names):
            break
    return [in_one_line(f"{name} ({i})" if names.count(name) > 1 else name) for i, name in enumerate(names, 1)]


def _differences(runs: Sequence[_Run]) -> str:
    """The facts and settings in which the runs differ, and those that they share."""
    rows, same = [["", *(html.escape(run.name) for run in runs)]], {}
    told = SETTINGS if all(run.settings for run in runs) else ()
    for name in dict.fromkeys(name for run in runs for name in run.facts if name not in told):
        values = [run.facts.get(name) or "–" for run in runs]
        if len(set(values)) > 1:
            rows.append([html.escape(name), *map(html.escape, values)])
        else:
            same[name] = values[0]
    usual = rows[:1]
    for name in dict.fromkeys(name for run in runs for name in run.settings):
        found = [run.settings.get(name) for run in runs]
        values = ["–" if each is None else each[0] for each in found]
        if len(set(values)) > 1:
            changed = any(each is not None and each[0] != each[1] for each in found)
            (rows if changed else usual).append([pages.field(name), *map(html.escape, values)])
    differ = pages.table(rows) if len(rows) > 1 else pages.note("They do not differ in what they say of themselves.")
    shared = f"<details><summary>What they share</summary>{pages.listed(same)}</details>"
    if len(usual) > 1:
        summary = f"{len(usual) - 1} settings that only some read, at their defaults"
        shared += f"<details><summary>{summary}</summary>{pages.table(usual)}</details>"
    return pages.section(
        "What differs", pages.note("A dash stands where a run does not read the setting."), differ, shared
    )


def _pictures(runs: Sequence[_Run]) -> str:
    """The last picture of each run."""
    drawn = []
    for run in runs:
        known = pictures_of(run.directory)
        step = max(known, default=0)
        if known and (content := pages.read_picture(run.directory.samples, known[step])):
            image = pages.picture(content, f"Samples of {run.name} at step {step:,}")
            drawn.append(pages.figure(run.name, f"Samples at step {step:,}.", image))
    return pages.section("The last samples", pages.side_by_side(drawn)) if drawn else ""


def _scores(runs: Sequence[_Run]) -> str:
    """The scores of each run's last evaluation, with the best one marked."""
    known = {i: run.report for i, run in enumerate(runs) if run.report is not None}
    if not known:
        return pages.section("Scores", "<p>None is evaluated yet: <code>jaxgan evaluate DIR</code></p>")
    scores = {i: {score["name"]: score for score in report["scores"]} for i, report in known.items()}
    rows = [["Score", *(html.escape(run.name) for run in runs), "Real data"]]
    rows.append(["step", *(f"{known[i]['step']:,}" if i in known else "–" for i in range(len(runs))), ""])
    for name in dict.fromkeys(name for each in scores.values() for name in each):
        of_name = {i: each[name] for i, each in scores.items() if name in each}
        first = next(iter(of_name.values()))
        alike = all(score["better"] == first["better"] for score in of_name.values())
        best = _best(of_name) if alike else None
        cells = []
        for i in range(len(runs)):
            if (score := of_name.get(i)) is None:
                cells.append("–")
                continue
            text = pages.number(number(score["value"], score["standard_error"]))
            text = f"<strong>{text}</strong> (best)" if i == best else text
            cells.append(text + mark(score))
        real = first["real_data"]
        better = f"{first['better']} is better" if first["better"] else "as real data"
        label = f'{html.escape(name)}<span class="small">{html.escape(better)}</span>'
        rows.append([label, *cells, pages.number(number(real["value"], real["standard_error"]))])
    said = "Of each run's last evaluation, with standard errors. Real data is that of the first run that has the score."
    ways = {(r["seed"], r["samples"], str(r["sampling"]), r["features"]["name"], r["dataset"]) for r in known.values()}
    if len(ways) > 1:
        said += " They differ in their data, features, samples or seeds, so the comparison is not fair."
    return pages.section("Scores", pages.note(said), pages.table(rows, range(1, len(rows[0]))))


def _best(scores: Mapping[int, Mapping[str, Any]]) -> int | None:
    """The index of the best score; None if fewer than two have a value, or if the best is not unique."""
    sign = {"higher": -1, "lower": 1}
    orders = {
        i: sign[score["better"]] * score["value"]
        for i, score in scores.items()
        if score["better"] in sign and score["value"] is not None
    }
    ranked = sorted(orders, key=lambda i: orders[i])
    return ranked[0] if len(ranked) > 1 and orders[ranked[0]] < orders[ranked[1]] else None


def _curves(runs: Sequence[_Run], keys: str) -> str:
    """A chart per metric and score, with a curve per run."""
    sentences = {name: sentence for names, sentence in METRICS.values() for name in names}
    charts = []
    for name in dict.fromkeys(name for run in runs for lines in run.panels.values() for name in lines):
        found = {run.name: lines[name] for run in runs for lines in run.panels.values() if name in lines}
        # A run without the metric still reserves its colour, so that the others' colours do not change.
        lines = {run.name: found.get(run.name, figures.Curve([], [])) for run in runs}
        lines = {i: curve._replace(reference=None) for i, curve in lines.items()}
        if max(len(curve.steps) for curve in lines.values()) < 2:
            continue
        sentence = sentences.get(name, OF_SCORES)
        charts.append(pages.chart(name, sentence, lines, keys=False))
    if not charts:
        return ""
    return pages.section("Curves", pages.note("Over the training steps."), keys, pages.side_by_side(charts))
