"""`report.html`: a run's scores, newest samples, curves and config in one self-contained file."""

import base64
import html
import os
import pathlib
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from jaxgan import figures
from jaxgan.errors import UsageError, in_one_line
from jaxgan.figures import Curve
from jaxgan.io.atomic import write_text
from jaxgan.io.metric_writers import read_lines
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.evaluate.tables import as_html
from jaxgan.runs.saved import read_evaluation

_STYLE = """body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}
table{border-collapse:collapse}td,th{text-align:left;padding:.15em 1.2em .15em 0;border-bottom:1px solid #ddd}
td.n{text-align:right;font-variant-numeric:tabular-nums}img{max-width:100%;image-rendering:pixelated}
pre{background:#f4f4f4;padding:1em;overflow:auto}"""


METRICS = {
    "losses": ("d_loss", "g_loss"),
    "discriminator's accuracy": ("d_accuracy",),
    "Wasserstein estimate, of a Lipschitz critic": ("d_wasserstein",),
    "terms of the losses": ("d_terms", "g_terms"),
    "gradient norms": ("d_gradient_norm", "g_gradient_norm"),
    "diversity of the samples, relative to the data's": ("diversity",),
    "modes hit": ("modes",),
}
"""The metrics in each panel of curves."""

PICTURE, REPORT = re.compile(r"step_\d{1,18}\.png"), re.compile(r"step_\d+_seed_\d+(_\w+)?\.json")
"""Names of the pictures of samples, and of evaluations."""

PNG = b"\x89PNG\r\n"
"""How a PNG begins."""

Panels = dict[str, dict[str, Curve]]


def report(workdir: str, overrides: Mapping[str, str] = {}) -> None:
    """`--mode=report`: writes a run's report and curves again, and prints where they are.

    Args:
      workdir: the run's directory.
      overrides: fields of the config; a report takes none.

    Raises:
      UsageError: there is no run, or a field is given.
      WriteError: a file cannot be written.
    """
    for name in overrides:
        raise UsageError("--mode=report", f"it takes no --config.{name}", "a report has what the run has; leave it out")
    directory = RunDirectory(workdir, create=False)
    if not directory.config_file.is_file():
        what, remedy = f"--workdir={directory.path} has no run", "name the directory of a run"
        if directory.sweep_file.exists():
            what, remedy = f"--workdir={directory.path} is a sweep", f"name one, such as {directory.path / 'best'}"
        raise UsageError(what, f"{directory.config_file.name} is not there", remedy)
    write_report(directory)
    print(f"Written: {directory.report}", flush=True)


def write_report(
    directory: RunDirectory, shown: pathlib.Path | None = None, folder: pathlib.Path | None = None
) -> pathlib.Path:
    """Writes `curves.png` and `report.html`, and returns the path of the latter.

    Args:
      directory: of the run.
      shown: the evaluation whose scores are in it; None for that of the last step.
      folder: where the files are written; None for the run's directory.

    Raises:
      WriteError: one cannot be written.
    """
    config = (_read(directory.path, "config.json") or b"{}").decode("utf-8", "replace")
    folder = folder or directory.path
    name, reports = html.escape(directory.path.name), read_evaluations(directory, shown)
    body = [f"<h1>{name}</h1>", *_evaluation(directory.evaluation if shown is None else shown.parent, reports)]
    if pictures := sorted(filter(PICTURE.fullmatch, _names(directory.samples))):
        step = int(pictures[-1].partition("_")[2].partition(".")[0])
        body.append(f"<h2>Samples at step {step:,}</h2>{_image(directory.samples, pictures[-1])}")
    if panels := panels_of(directory, reports):
        figures.save_png(folder / directory.curves.name, figures.curves(panels))
        body.append(f"<h2>Curves</h2>{_image(folder, directory.curves.name)}")
    body += ["<h2>Config</h2>", f"<pre>{html.escape(config)}</pre>"]
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title><style>{_STYLE}</style>'
    write_text(folder / directory.report.name, page + "\n".join(body) + "</html>\n")
    return folder / directory.report.name


def _evaluation(folder: pathlib.Path, reports: list[dict[str, Any]]) -> Iterator[str]:
    if not reports:
        yield "<p>Not evaluated yet: <code>jaxgan evaluate DIR</code></p>"
        return
    yield from as_html(reports[-1])
    for name in reports[-1].get("pictures", ()):
        if image := _image(folder, name):
            yield f"<h3>{html.escape(name.removesuffix('.png').rpartition('_')[2])}</h3>{image}"


def _image(folder: pathlib.Path, name: str) -> str:
    content = _read(folder, name)
    if not content.startswith(PNG):
        return ""
    return f'<p><img alt="" src="data:image/png;base64,{base64.b64encode(content).decode()}"></p>'


def _read(folder: pathlib.Path, name: str) -> bytes:
    """The content of a file of the run, which may be a stranger's; nothing, with a warning, if it lies elsewhere."""
    try:
        path = os.path.realpath(folder / name)
        if os.path.dirname(path) != os.path.realpath(folder):
            print(
                f"jaxgan: warning: report.html leaves {in_one_line(name)} out; it is not in {folder}", file=sys.stderr
            )
        elif os.path.isfile(path):  # and not a device or a pipe
            return pathlib.Path(path).read_bytes()
    except (OSError, ValueError):  # it cannot be read, or is no name of a file
        pass
    return b""


def _names(folder: pathlib.Path) -> list[str]:
    return os.listdir(folder) if folder.is_dir() else []


def panels_of(directory: RunDirectory, reports: list[dict[str, Any]]) -> Panels:
    """Panels for `jaxgan.figures.curves`: the logged metrics, and each score of the newest evaluation that comparable
    evaluations of other steps have too."""
    lines = read_lines(directory.metrics_file)
    panels = {title: {name: _curve(lines, name) for name in names} for title, names in METRICS.items()}
    panels = {title: {name: c for name, c in found.items() if len(c.steps)} for title, found in panels.items()}
    if reports:
        # Only scores that were computed in the same way form a curve.
        keys = ("seed", "samples", "sampling", "features")
        alike = [r for r in reports if all(r[key] == reports[-1][key] for key in keys)]
        for score in reports[-1]["scores"]:
            title = score["name"].replace("$", r"\$")  # which begins a formula in matplotlib
            if (curve := _score_curve(alike, score["name"])) is not None:
                panels[title] = {title: curve}
    return {title: found for title, found in panels.items() if found}


def read_evaluations(directory: RunDirectory, last: pathlib.Path | None = None) -> list[dict[str, Any]]:
    """The reports of a run's evaluations by their steps, but one `last`; unreadable files are left out."""
    paths = {directory.evaluation / name for name in _names(directory.evaluation) if REPORT.fullmatch(name)}
    paths |= set() if last is None else {last}
    found = {path: report for path in sorted(paths) if (report := read_evaluation(path)) is not None}
    return [found[path] for path in sorted(found, key=lambda path: (path == last, found[path]["step"]))]


def _score_curve(reports: list[dict[str, Any]], name: str) -> Curve | None:
    """One score over the steps; None if there are fewer than two."""
    found = [(report["step"], score) for report in reports for score in report["scores"] if score["name"] == name]
    last = found[-1][1]
    # Of the same parts, neighbours and split. Earlier versions named no unit of some.
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
