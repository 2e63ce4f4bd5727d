"""Scores as text and as HTML: one set of rows for both, from what an evaluation's JSON holds."""

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jaxgan.runs.sampling import in_words

Report = Mapping[str, Any]
"""The content of an `evaluation/*.json`."""

MEANING = (
    "real data: training examples in the samples' place (of what compares with the training split, and of conditional: "
    "test examples), as many as there are samples, or all there are; ±: standard error."
)


def finite(value: Any) -> Any:
    """The value, or None for a float that is not finite, which JSON has not."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def number(value: float | None, error: float | None) -> str:
    """A score with its standard error, to two digits of the error; without an error, to four digits."""
    if value is None or not math.isfinite(value):
        return "not finite"
    if error is None or not math.isfinite(error):
        return f"{value:.4g}"
    if error <= 0:
        return f"{value:.4g} ± 0"
    digits = max(0, min(8, 1 - math.floor(math.log10(error))))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines of text in columns, with a rule under the first."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def score_rows(scores: Sequence[Report]) -> list[list[str]]:
    """The heading and the rows of the evaluators' scores; none without scores."""
    rows = [["score", "samples", "real data", "better", "features", "samples (real) : against"]] if scores else []
    for score in scores:
        real, unit = score["real_data"], f" ({score['unit']})" if score["unit"] else ""
        values = [number(each["value"], each["standard_error"]) for each in (score, real)]
        used = f"{score['samples']:,}" + (f" ({real['samples']:,})" if real["samples"] != score["samples"] else "")
        used += f" : {score['against']:,} {score['split']}" if score["split"] else ""
        rows.append([score["name"] + unit, *values, score["better"] or "as real", score["features"], used])
    return rows


def task_rows(scores: Sequence[Report]) -> list[list[str]]:
    """The heading and the rows of the task's scores, with a column for each method; none without scores."""
    methods = list(dict.fromkeys(name for score in scores for name in score["values"]))
    rows = [["of the task", *methods, "better", "examples"]] if methods else []
    for score in scores if methods else ():
        cells = [score["values"].get(name) for name in methods]
        values = [number(cell["value"], cell["standard_error"]) if cell else "" for cell in cells]
        rows.append([score["name"], *values, score["better"], f"{score['examples']:,}"])
    return rows


def _features(report: Report) -> str:
    """The name of the features and what is known of them."""
    facts = {name: value for name, value in report["features"].items() if name != "name"}
    listed = [f"{name} {value:.4f}" if isinstance(value, float) else f"{name} {value}" for name, value in facts.items()]
    return report["features"]["name"] + (f" ({', '.join(listed)})" if listed else "")


def as_text(report: Report, run: str, remarks: Sequence[str] = ()) -> str:
    """An evaluation as text, with the path of the run and further lines on how the evaluation was made."""
    how = in_words(report["sampling"]["method"], report["sampled"])
    parts = [
        f"{run}, step {report['step']:,}: {report['samples']:,} samples of seed {report['seed']}; "
        f"dataset {report['dataset']}",
        f"features: {_features(report)}",
        *remarks,
        *([how] if how else []),
        "",
    ]
    if rows := score_rows(report["scores"]):
        left_out = [f"left out: {name}: {reason}" for name, reason in report["left_out"].items()]
        parts += [*aligned(rows), "", MEANING, *report["notes"], *left_out]
    if task := task_rows(report["task"]["scores"]):
        parts += [*([""] if rows else []), *aligned(task), "", *report["task"]["notes"]]
    return "\n".join(parts)


def as_html(report: Report) -> Iterator[str]:
    """An evaluation as HTML, likewise; the task's table comes first. Reports of earlier versions have no task."""
    how = in_words(report["sampling"]["method"], report["sampled"])
    yield f"<h2>Scores at step {report['step']:,}</h2>"
    yield html.escape(
        f"{report['samples']:,} samples of seed {report['seed']}; dataset {report['dataset']}; "
        f"features: {_features(report)}" + (f"; {how}." if how else ".")
    )
    task = report.get("task", {"scores": (), "notes": ()})
    rows = task_rows(task["scores"])
    yield from _html_table(rows, range(1, len(rows[0]) - 2) if rows else ())
    yield from (f"<p>{html.escape(note)}</p>" for note in (task["notes"] if rows else ()))
    yield from _html_table(score_rows(report["scores"]), (1, 2))
    yield from (f"<p>{html.escape(note)}</p>" for note in report["notes"])


def _html_table(rows: Sequence[Sequence[str]], numeric: Sequence[int]) -> Iterator[str]:
    if not rows:
        return
    yield "<table><tr>" + "".join(f"<th>{html.escape(text)}" for text in rows[0]) + "</tr>"
    for row in rows[1:]:
        tags = ('<td class="n">' if i in numeric else "<td>" for i in range(len(row)))
        yield f"<tr>{''.join(tag + html.escape(text) for tag, text in zip(tags, row, strict=True))}</tr>"
    yield "</table>"
