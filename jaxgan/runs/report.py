"""`report.html`: what a run has to show, in one file that needs no other."""

import base64
import html
import math
from collections.abc import Iterator, Mapping
from typing import Any

from jaxgan import figures
from jaxgan.errors import UsageError
from jaxgan.io.atomic import atomic_write
from jaxgan.runs.curves import panels_of, read_evaluations
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.evaluate.task_scores import as_html
from jaxgan.runs.sampling import in_words

_STYLE = """body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}
table{border-collapse:collapse}td,th{text-align:left;padding:.15em 1.2em .15em 0;border-bottom:1px solid #ddd}
td.n{text-align:right;font-variant-numeric:tabular-nums}img{max-width:100%;image-rendering:pixelated}
pre{background:#f4f4f4;padding:1em;overflow:auto}"""


def write_report(directory: RunDirectory) -> None:
    """Writes `curves.png`, and `report.html`: a run's newest scores with their pictures, samples, curves and config.

    Raises:
      UsageError: it cannot be written.
    """
    config = directory.config_file.read_text() if directory.config_file.exists() else "{}"
    name = html.escape(directory.path.name)
    body = [f"<h1>{name}</h1>", *_evaluation(directory), *_samples(directory), *_curves(directory)]
    body += ["<h2>Config</h2>", f"<pre>{html.escape(config)}</pre>"]
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title><style>{_STYLE}</style>'
    try:
        atomic_write(directory.report, (page + "\n".join(body) + "</html>\n").encode())
    except OSError as error:
        raise UsageError(f"cannot write {directory.report}", error.strerror or str(error), "make room") from error


def _evaluation(directory: RunDirectory) -> Iterator[str]:
    reports = read_evaluations(directory)
    if not reports:
        yield "<p>Not evaluated yet: <code>python launch.py --mode=evaluate --workdir=…</code></p>"
        return
    newest = reports[-1]
    yield f"<h2>Scores at step {newest['step']:,}</h2>"
    features = newest["features"]
    described = ", ".join([features["name"], *(f"{key} {features[key]}" for key in features if key != "name")])
    how = in_words(newest["sampling"]["method"], newest["sampled"])
    yield html.escape(
        f"{newest['samples']:,} samples of seed {newest['seed']}; dataset {newest['dataset']}; features: {described}"
        + (f"; {how}." if how else ".")
    )
    yield from as_html(newest["task"], number) if "task" in newest else ()
    yield from _scores(newest) if newest["scores"] else ()
    yield from (f"<p>{html.escape(note)}</p>" for note in newest["notes"])
    for path in (directory.evaluation / name for name in newest.get("pictures", ())):
        if path.exists():
            yield f"<h3>{path.stem.rpartition('_')[2]}</h3>{_image(path.read_bytes())}"


def _scores(newest: Mapping[str, Any]) -> Iterator[str]:
    yield f"<table><tr><th>score<th>samples<th>real data<th>better<th>features<th>{NUMBERS}</tr>"
    for score in newest["scores"]:
        real = score["real_data"]
        cells = [number(score["value"], score["standard_error"]), number(real["value"], real["standard_error"])]
        yield f"<tr><td>{score['name']} {score['unit'] and '(' + score['unit'] + ')'}" + "".join(
            f'<td class="n">{cell}' for cell in cells
        )
        where = f"<td>{html.escape(score['features'])}<td>{numbers(score)}</tr>"
        yield f"<td>{score['better'] or 'as real'}{where}"
    yield "</table>"


def _samples(directory: RunDirectory) -> Iterator[str]:
    pictures = sorted(directory.samples.glob("step_*.png"))
    if pictures:
        yield f"<h2>Samples at step {int(pictures[-1].stem.partition('_')[2]):,}</h2>"
        yield _image(pictures[-1].read_bytes())


def _curves(directory: RunDirectory) -> Iterator[str]:
    if panels := panels_of(directory):
        figures.save_png(directory.curves, figures.curves(panels))
        yield f"<h2>Curves</h2>{_image(directory.curves.read_bytes())}"


NUMBERS = "samples (real) : against"
"""Heading of what `numbers` gives."""


def numbers(score: Mapping[str, Any]) -> str:
    """How many samples were used, how many real examples in their place if not as many, and against what."""
    real = score["real_data"]["samples"]
    used = f"{score['samples']:,}" + (f" ({real:,})" if real != score["samples"] else "")
    return f"{used} : {score['against']:,} {score['split']}" if score["split"] else used


def number(value: float | None, error: float | None) -> str:
    """A score with its standard error, to two digits of that; without one, to four digits."""
    if value is None or not math.isfinite(value):
        return "not finite"
    if error is None or not math.isfinite(error):
        return f"{value:.4g}"
    if error <= 0:
        return f"{value:.4g} ± 0"
    digits = max(0, min(8, 1 - math.floor(math.log10(error))))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def _image(content: bytes) -> str:
    return f'<p><img alt="" src="data:image/png;base64,{base64.b64encode(content).decode()}"></p>'
