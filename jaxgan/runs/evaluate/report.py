"""`report.html` describes a run in one file: its facts, samples, scores, curves and settings."""

import base64
import html
import json
import os
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax

from jaxgan import figures
from jaxgan.config import complete, problems_of, schema
from jaxgan.config.values import shown as as_text
from jaxgan.errors import JaxganError, in_one_line
from jaxgan.figures import Curve
from jaxgan.io.atomic import write_text
from jaxgan.io.metric_writers import duration, read_lines
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.evaluate import pages
from jaxgan.runs.evaluate.tables import as_html
from jaxgan.runs.facts import game_in_words, read_facts
from jaxgan.runs.load import TrainedRun, load_run
from jaxgan.runs.saved import read_evaluation

METRICS = {
    "losses": (
        ("d_loss", "g_loss"),
        "What each network minimises. They pull against each other, so neither has to fall.",
    ),
    "discriminator's accuracy": (
        ("d_accuracy",),
        "The share of real and generated examples that it tells apart; 0.5 is guessing.",
    ),
    "Wasserstein estimate, of a Lipschitz critic": (
        ("d_wasserstein",),
        "How far the samples are from the data, as the critic sees it; lower is better.",
    ),
    "terms of the losses": (("d_terms", "g_terms"), "The penalties and terms that are added to the two losses."),
    "gradient norms": (
        ("d_gradient_norm", "g_gradient_norm"),
        "How strongly a step pulls at each network; near 0 it learns nothing.",
    ),
    "diversity of the samples, relative to the data's": (
        ("diversity",),
        "How much samples differ from each other; 1 is as much as the data do, and near 0 they are all alike.",
    ),
    "modes hit": (("modes",), "How many of the data's modes some sample is nearest to, however far it is away."),
}
"""The metrics in each panel of curves, with their meaning."""

OF_SCORES = "A score of the evaluations in training, with its standard errors."
"""The description of curves that are not metrics."""

DRAWN = {
    "nearest": (
        "Samples and their nearest training images",
        "At the end of each row stands the training image nearest to the sample beside it. A generator that has "
        "learned its data by heart would show the same image twice.",
    ),
    "interpolation": (
        "From one latent to another",
        "Each row goes from one latent to another, in a line above the gap and on an arc below it. Where the images "
        "change smoothly, the generator has learned more than single examples.",
    ),
    "classes": ("Samples by class", "Each row has samples of one class, as the condition or a classifier says."),
    "samples": ("The samples that were scored", "Over the true density in grey, where it is known."),
}
"""Titles and descriptions of an evaluation's pictures, by the end of their file names."""

PICTURE, REPORT = re.compile(r"step_\d{1,18}\.png"), re.compile(r"step_\d+_seed_\d+(_\w+)?\.json")
"""File names of the pictures of samples, and of evaluations."""

FRAMES, FILM_BYTES = 40, 2**22
"""Maximum number of pictures in a film, and maximum total size of their files."""

LIVE_NUMBERS = 1_500_000
"""Maximum number of numbers of a generator that a report includes: 4 MB."""

SCORES = 50
"""Maximum number of scores with curves."""

CONFIG_BYTES, METRICS_BYTES = 2**20, 2**28
"""Maximum size of `config.json` and `metrics.jsonl`; larger files are left out."""

Panels = dict[str, dict[str, Curve]]


def write_report(
    directory: RunDirectory,
    shown: pathlib.Path | None = None,
    folder: pathlib.Path | None = None,
    run: TrainedRun | None = None,
) -> pathlib.Path:
    """Writes `curves.png` and `report.html`, and returns the path of the latter.

    Args:
      directory: the run's directory.
      shown: the evaluation whose scores it contains; None for the last step's.
      folder: where to write the files; None for the run's directory.
      run: the run whose generator the page includes, if it is small and runs in plain JavaScript; None for none.

    Raises:
      WriteError: a file cannot be written.
    """
    folder = folder or directory.path
    reports, config = read_evaluations(directory, shown), read_config(directory)
    panels = panels_of(directory, reports)
    if panels:
        figures.save_png(folder / directory.curves.name, figures.curves(panels))
    name = in_one_line(directory.path.name)
    film, film_scripts = _film(directory, reports[-1]["step"] if reports else None)
    live, live_scripts = _live(run)
    body = [
        pages.header(name, f"A generative adversarial network, trained with jaxgan.{_unfinished(config, panels)}"),
        pages.section("The run", pages.listed(facts_of(directory, config))),
        film,
        live,
        *_evaluation(directory.evaluation if shown is None else shown.parent, reports),
        _curves(panels),
        _settings(config),
    ]
    path = folder / directory.report.name
    write_text(path, pages.page(name, filter(None, body), [*film_scripts, *live_scripts]))
    return path


def _unfinished(config: Mapping[str, Any], panels: Panels) -> str:
    """A sentence about a run whose log ends before its last step."""
    steps, ends = config.get("steps"), [curve.steps[-1] for lines in panels.values() for curve in lines.values()]
    if not ends or not isinstance(steps, int) or steps <= (last := max(ends)):
        return ""
    return f" Its log ends at step {last:,} of {steps:,}."


def facts_of(directory: RunDirectory, config: Mapping[str, Any]) -> dict[str, str]:
    """A run's facts: those printed at its start, the duration of its training, and the software and hardware used."""
    known = read_facts(directory)
    # Runs of earlier versions have no facts file.
    facts = dict(known.facts) or dict(game_in_words(config) if config and not problems_of(config) else ())
    names, texts = (list(map(in_one_line, part)) for part in (list(facts)[:50], list(facts.values())[:50]))
    found = {name.capitalize(): text for name, text in zip(names, texts, strict=True)}
    if known.seconds > 0:
        found["Time taken"] = duration(known.seconds)
    found["Versions"] = in_one_line(", ".join([f"{name} {text}" for name, text in known.versions.items()]))
    return found | {"Commit": in_one_line(known.commit)}


def read_config(directory: RunDirectory) -> dict[str, Any]:
    """A run's complete config, whose values may be invalid; {} if it cannot be read."""
    try:
        found = json.loads(pages.read_file(directory.path, directory.config_file.name, CONFIG_BYTES))
    except (ValueError, RecursionError):
        return {}
    return complete(found) if isinstance(found, dict) else {}


def trained(directory: RunDirectory, step: int | None = None) -> TrainedRun | None:
    """Loads the run of a directory in float32, for its report; None if there is none, or it cannot be used.

    Args:
      directory: the run's directory.
      step: step of the checkpoint; None for the newest.
    """
    try:
        return load_run(str(directory.path), step, {"precision": "float32"}, "export")
    except JaxganError:
        return None


# --- Samples, and the generator itself


def pictures_of(directory: RunDirectory) -> dict[int, str]:
    """The file names of a run's pictures of samples, sorted by step."""
    return {int(name[5:-4]): name for name in sorted(filter(PICTURE.fullmatch, _names(directory.samples)))}


def _film(directory: RunDirectory, step: int | None) -> tuple[str, list[str]]:
    """The pictures of the training, with a slider that starts at `step`, or at the last picture if it has none."""
    known, folder = pictures_of(directory), directory.samples
    sizes = {each: os.path.getsize(folder / name) for each, name in known.items() if os.path.isfile(folder / name)}
    contents = {each: pages.read_picture(folder, known[each]) for each in evenly(sizes, FRAMES, FILM_BYTES)}
    frames = {each: content for each, content in contents.items() if content}
    if not frames:
        return "", []
    start = list(frames).index(step) if step in frames else len(frames) - 1
    text = f"step {list(frames)[start]:,}"
    image = pages.picture(list(frames.values())[start], f"Samples of the generator at {text}", id="frame")
    said = "Drawn by the generator from random numbers that are the same at every step."
    if len(frames) == 1:
        return pages.section(f"Samples at {text}", pages.note(said), image, id="samples"), []
    left_out = f" {len(known) - len(frames):,} further pictures are in samples/." if len(known) > len(frames) else ""
    said += f" The slider goes through the training; the arrow keys move it, too.{left_out}"
    controls = (
        '<div id="film" hidden><div class="row"><button id="play" type="button" aria-pressed="false">Play</button>'
        f'<output id="step-text" for="step">{text}</output></div><input id="step" type="range" min="0" '
        f'max="{len(frames) - 1}" value="{start}" aria-label="Training step"></div>'
    )
    stored = [{"step": each, "png": base64.b64encode(content).decode()} for each, content in frames.items()]
    scripts = [pages.data("frames", json.dumps(stored, separators=(",", ":"))), pages.source("film.js")]
    return pages.section("Samples during the training", pages.note(said), controls, image, id="samples"), scripts


def evenly(sizes: Mapping[int, int], most: int, limit: int) -> list[int]:
    """At most `most` steps, including the first and the last, with at most `limit` bytes, but always the last step.

    Args:
      sizes: bytes by step, in order.
      most: maximum number of steps.
      limit: maximum number of bytes.
    """
    steps = list(sizes)
    for count in range(min(len(steps), most), 1, -1):
        chosen = [steps[round(i * (len(steps) - 1) / (count - 1))] for i in range(count)]
        if sum(sizes[step] for step in chosen) <= limit:
            return chosen
    return steps[-1:]


def _live(run: TrainedRun | None) -> tuple[str, list[str]]:
    """The generator itself, if it makes images, is small and needs no library."""
    if run is not None and run.config["precision"] != "float32":
        run = trained(run.directory, int(run.state.step))
    if run is None or not figures.is_image(run.experiment.example_shape):
        return "", []
    from jaxgan.portable.page import plain_generator
    from jaxgan.runs.export import portable_of

    size = sum(leaf.size for leaf in jax.tree.leaves(run.state.generator.params))
    generator, why = None, ""
    if size > LIVE_NUMBERS:
        why = f"its {size:,} parameters are too many"
    elif run.experiment.condition_shape:
        why = "it needs a condition"
    else:
        try:
            generator = plain_generator(portable_of(run))
        except Exception:  # user-defined networks may fail in any way, but the report must still be written
            why = "its layers need a library, or cannot be exported"
    if generator is None:
        sentence = (
            f"It does not run in this page: {why}. <code>jaxgan export DIR</code>, with this run's directory, makes a "
            "page of its own for it."
        )
        return pages.section("The generator itself", f'<p class="note">{sentence}</p>', id="generator"), []
    said = (
        f"It runs in this page: {generator.numbers:,} numbers of half precision, of step {int(run.state.step):,}. "
        "The slider goes from these samples to others."
    )
    controls = (
        '<div class="row"><button id="new" type="button">New samples</button>'
        '<label id="labels" hidden>Class <select id="label"><option value="">each in turn</option></select></label>'
        '</div><input id="share" type="range" min="0" max="1" step="0.02" value="0" '
        'aria-label="From these samples to others">'
        '<div id="live" role="img" aria-label="Samples of the generator, drawn by this page"></div>'
    )
    scripts = [pages.data("model", generator.model), pages.program(generator.program), pages.source("live.js")]
    # Without JavaScript there is nothing to show.
    return pages.section("The generator itself", pages.note(said), controls, id="generator", hidden=True), scripts


# --- Scores and their pictures


def _evaluation(folder: pathlib.Path, reports: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not reports:
        yield pages.section("Scores", "<p>Not evaluated yet: <code>jaxgan evaluate DIR</code></p>")
        return
    report = reports[-1]
    yield pages.section(f"Scores at step {report['step']:,}", *as_html(report))
    drawn = []
    for name in report.get("pictures", ()):
        if content := pages.read_picture(folder, name):
            kind = name.removesuffix(".png").rpartition("_")[2]
            title, sentence = DRAWN.get(kind, (in_one_line(kind), "A picture of the evaluation."))
            image = pages.picture(content, f"{title}, at step {report['step']:,}")
            drawn.append(pages.figure(title, sentence, image))
    if drawn:
        yield pages.section(f"Pictures of the scored samples, step {report['step']:,}", pages.side_by_side(drawn))


def read_evaluations(directory: RunDirectory, last: pathlib.Path | None = None) -> list[dict[str, Any]]:
    """The reports of a run's evaluations, sorted by step, with `last` at the end; unreadable files are left out."""
    paths = {directory.evaluation / name for name in _names(directory.evaluation) if REPORT.fullmatch(name)}
    paths |= set() if last is None else {last}
    found = {path: report for path in sorted(paths) if (report := read_evaluation(path)) is not None}
    return [found[path] for path in sorted(found, key=lambda path: (path == last, found[path]["step"]))]


def _names(folder: pathlib.Path) -> list[str]:
    return os.listdir(folder) if folder.is_dir() else []


# --- Curves


def _curves(panels: Panels) -> str:
    if not panels:
        return ""
    charts = []
    for title, lines in panels.items():
        if max(len(curve.steps) for curve in lines.values()) < 2:
            continue
        if title in METRICS:
            charts.append(pages.chart(f"{title[0].upper()}{title[1:]}", METRICS[title][1], lines))
        else:
            charts.append(pages.chart(title, OF_SCORES, lines))
    said = "Over the training steps. Each point is a mean over the steps since the point before."
    if not charts:
        said = "Metrics were logged at one step only; see metrics.jsonl, and log_every."
    return pages.section("Curves", pages.note(said), pages.side_by_side(charts))


def panels_of(directory: RunDirectory, reports: Sequence[Mapping[str, Any]]) -> Panels:
    """Panels for `jaxgan.figures.curves`: the logged metrics, and each score of the newest evaluation that comparable
    evaluations of other steps also have."""
    file = directory.metrics_file
    lines = read_lines(file) if file.is_file() and file.stat().st_size <= METRICS_BYTES else []
    panels = {title: {name: _curve(lines, name) for name in names} for title, (names, _) in METRICS.items()}
    panels = {title: {name: c for name, c in found.items() if len(c.steps)} for title, found in panels.items()}
    if reports:
        # Only scores computed in the same way form a curve.
        keys = ("seed", "samples", "sampling", "features")
        alike = [r for r in reports if all(r[key] == reports[-1][key] for key in keys)]
        for score in reports[-1]["scores"][:SCORES]:
            title = score["name"].replace("$", r"\$")  # otherwise matplotlib would begin a formula
            if (curve := _score_curve(alike, score["name"])) is not None:
                panels[title] = {title: curve}
    return {title: found for title, found in panels.items() if found}


def _score_curve(reports: Sequence[Mapping[str, Any]], name: str) -> Curve | None:
    """One score over the steps; None if there are fewer than two values."""
    found = [(report["step"], score) for report in reports for score in report["scores"] if score["name"] == name]
    last = found[-1][1]
    # With the same parts, neighbours and split. Earlier versions did not name the unit of some scores.
    by_step = {step: score for step, score in found if all(score[fact] == last[fact] for fact in ("unit", "split"))}
    steps = [step for step in sorted(by_step) if by_step[step]["value"] is not None]
    if len(steps) < 2:
        return None
    errors = [by_step[step]["standard_error"] or 0.0 for step in steps]
    reference = by_step[steps[-1]]["real_data"]["value"]
    return Curve(steps, [by_step[step]["value"] for step in steps], errors, reference)


def _curve(lines: list[dict[str, Any]], name: str) -> Curve:
    logged = [(line["step"], line[name]) for line in lines if line.get(name) is not None]
    return Curve([step for step, _ in logged], [value for _, value in logged])


# --- Settings


def settings_of(config: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The fields that a run reads, each with its value and default as text; {} without a config."""
    read = schema.read_by(config) if config else {}
    read = {name: read[name] for name in sorted(read, key=lambda name: "." in name)}  # those without a section first
    given, usual = zip(*read.values(), strict=True) if read else ((), ())
    texts = map(in_one_line, list(map(as_text, given)))
    defaults = map(as_text, ["" if value is schema.REQUIRED else value for value in usual])
    return dict(zip(read, zip(texts, list(defaults), strict=True), strict=True))


def _settings(config: Mapping[str, Any]) -> str:
    settings = settings_of(config)
    if not settings:
        return pages.section("Settings", pages.note("config.json is missing, or cannot be read."))
    escaped = {pages.field(name): tuple(map(html.escape, texts)) for name, texts in settings.items()}
    changed = [[name, value, usual] for name, (value, usual) in escaped.items() if value != usual]
    others = [[name, value] for name, (value, usual) in escaped.items() if value == usual]
    said = "Those that the run reads and that differ from the defaults of configs/default.py. config.json has all."
    summary = f"The {len(others)} others that it reads, which have their defaults"
    return pages.section(
        "Settings",
        pages.note(said),
        pages.table([["Field", "Value", "Default"], *changed]) if changed else "",
        f"<details><summary>{summary}</summary>{pages.table([['Field', 'Value'], *others])}</details>",
    )
