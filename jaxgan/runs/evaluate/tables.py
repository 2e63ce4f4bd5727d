"""Scores as text and as HTML: the same rows for both, from the JSON of an evaluation."""

import html
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from jaxgan.runs.evaluate import pages
from jaxgan.runs.sampling import in_words

Report = Mapping[str, Any]
"""The content of an `evaluation/*.json`."""

MEANING = (
    "real data: training examples in place of the samples, as many or all there are (test examples for scores that "
    "compare with the training split, and for conditional); ±: standard error."
)


def finite(value: Any) -> Any:
    """The value; None for a float that is not finite, since JSON has no such numbers."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def number(value: float | None, error: float | None, digits: int | None = None) -> str:
    """A score with its standard error: to `digits`, else to two digits of the error, or to four without an error."""
    if value is None or not math.isfinite(value):
        return "not finite"
    if error is not None and not math.isfinite(error):
        error = None
    form = ".4g" if digits is None else f",.{digits}f"
    if digits is None and error is not None and error > 0:
        form = f".{max(0, min(8, 1 - math.floor(math.log10(error))))}f"
    return f"{value:{form}}" + ("" if error is None else f" ± {error:{form}}" if error > 0 else " ± 0")


# --- Scores over seeds

FEW = 4
"""With fewer seeds the range is printed too, since their standard deviation is not informative."""


class Summary(NamedTuple):
    """One score over several seeds.

    Attributes:
      mean: over the seeds with a value; None if there are none.
      standard_error: √(s²/n + e²), with s² = Σ(x − mean)²/(n − 1), and e² the mean square of the evaluations' own
        standard errors. All seeds are scored on the same test set, so e does not shrink with their number; for
        independent evaluations this is too large. e is 0 if no evaluation has a standard error; s²/n is 0 for one seed.
        None if both are missing.
      values: one per seed, in order; None for a seed without a value.
      errors: the evaluations' own standard errors; empty if unknown.
    """

    mean: float | None
    standard_error: float | None
    values: Sequence[float | None]
    errors: Sequence[float | None] = ()

    @property
    def few(self) -> bool:
        """Whether fewer than `FEW` seeds have the score."""
        return sum(value is not None for value in self.values) < FEW

    @property
    def shown_error(self) -> float | None:
        """The standard error to print; None for few seeds if the evaluations' errors are unknown."""
        return None if self.few and not self.errors else self.standard_error

    def text(self, digits: int | None = None, scale: float = 1) -> str:
        """`mean ± standard error`; for fewer than `FEW` seeds also range and number, `(least to largest, n = 2)`.

        With so few seeds, the ± is omitted unless the evaluations' errors are known. n also shows missing values.

        Args:
          digits: number of decimals; None as for `number`.
          scale: a factor, such as 100 for percents.
        """
        if self.mean is None:
            return "-"
        known = [scale * value for value in self.values if value is not None]
        error = None if self.shown_error is None else scale * self.shown_error
        text = number(scale * self.mean, error, digits)
        if not self.few and len(known) == len(self.values):
            return text
        if digits is None and error:
            digits = len(text.split()[-1].partition(".")[2])
        low, high = (number(bound(known), None, digits) for bound in (min, max))
        spread = f"{low} to {high}, " if self.few and min(known) < max(known) else ""
        of = "" if len(known) == len(self.values) else f" of {len(self.values)}"
        return f"{text} ({spread}n = {len(known)}{of})"


def summarise(values: Sequence[float | None], errors: Sequence[float | None] = ()) -> Summary:
    """Summarises one value per seed, and the standard errors of their evaluations."""
    known = [value for value in values if value is not None]
    own = [error for error in errors if error is not None]
    if not known:
        return Summary(None, None, list(values))
    squares = [statistics.variance(known) / len(known)] if len(known) > 1 else []
    if len(own) == len(known):
        squares.append(statistics.fmean(error**2 for error in own))
    else:
        errors = ()
    error = math.sqrt(sum(squares)) if squares else None
    return Summary(statistics.fmean(known), error, list(values), list(errors))


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines of text in aligned columns, with a rule below the first."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def score_rows(scores: Sequence[Report]) -> list[list[str]]:
    """The heading and the rows of the evaluators' scores; empty without scores."""
    rows = [["score", "samples", "real data", "better", "features", "samples (real) : against"]] if scores else []
    for score in scores:
        real, unit = score["real_data"], f" ({score['unit']})" if score["unit"] else ""
        values = [number(each["value"], each["standard_error"]) for each in (score, real)]
        used = f"{score['samples']:,}" + (f" ({real['samples']:,})" if real["samples"] != score["samples"] else "")
        used += f" : {score['against']:,} {score['split']}" if score["split"] else ""
        rows.append([score["name"] + unit, *values, score["better"] or "as real", score["features"], used])
    return rows


def task_rows(scores: Sequence[Report]) -> list[list[str]]:
    """The heading and the rows of the task's scores, with a column per method; empty without scores."""
    methods = list(dict.fromkeys(name for score in scores for name in score["values"]))
    rows = [["of the task", *methods, "better", "examples"]] if methods else []
    for score in scores if methods else ():
        cells = [score["values"].get(name) for name in methods]
        values = [number(cell["value"], cell["standard_error"]) if cell else "" for cell in cells]
        rows.append([score["name"], *values, score["better"], f"{score['examples']:,}"])
    return rows


def _features(report: Report) -> str:
    """The name of the features, with what is known about them."""
    facts = {name: value for name, value in report["features"].items() if name != "name"}
    listed = [f"{name} {value:.4f}" if isinstance(value, float) else f"{name} {value}" for name, value in facts.items()]
    return report["features"]["name"] + (f" ({', '.join(listed)})" if listed else "")


def as_text(report: Report, run: str, remarks: Sequence[str] = ()) -> str:
    """An evaluation as text, with the run's path and further lines on how the evaluation was made."""
    how = in_words(report["sampling"], report["sampled"])
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


def beside_real(score: Report) -> str:
    """A score compared with real data's: "better", "worse", "differs" if real data is the target, or "equal".

    Scores within two standard errors of their difference count as equal, which large errors make of any two. "" if one
    of them is not finite.
    """
    real = score["real_data"]
    if score["value"] is None or real["value"] is None:
        return ""
    gap = score["value"] - real["value"]
    if abs(gap) <= 2 * math.hypot(score["standard_error"] or 0.0, real["standard_error"] or 0.0):
        return "equal"
    if score["better"] not in ("higher", "lower"):
        return "differs"
    return "better" if (gap > 0) == (score["better"] == "higher") else "worse"


_MARKS = {
    "better": '<span class="small better">✓ better</span>',
    "worse": '<span class="small worse">✗ worse</span>',
    "differs": '<span class="small worse">✗ differs</span>',
    "equal": '<span class="small">≈ no difference seen</span>',
    "": "",
}


def mark(score: Report) -> str:
    """The result of `beside_real`, as HTML."""
    return _MARKS[beside_real(score)]


def html_rows(scores: Sequence[Report]) -> list[list[str]]:
    """The heading and the rows of the evaluators' scores as HTML; empty without scores."""
    rows = [["Score", "Samples", "Real data"]] if scores else []
    for score, cells in zip(scores, score_rows(scores)[1:], strict=True):
        name, value, real = html.escape(cells[0]), *map(pages.number, cells[1:3])
        against = f" against {score['against']:,} {html.escape(score['split'])}" if score["split"] else ""
        better = f"{html.escape(score['better'])} is better" if score["better"] else "best as real data"
        how = f"{better}; features {html.escape(score['features'])}; {score['samples']:,} samples{against}"
        rows.append([f'{name}<span class="small">{how}</span>', value + mark(score), real])
    return rows


def as_html(report: Report) -> Iterator[str]:
    """An evaluation as HTML; the task's table comes first. Reports of earlier versions have no task."""
    how = in_words(report["sampling"], report["sampled"])
    yield pages.note(
        f"{report['samples']:,} samples of step {report['step']:,} and seed {report['seed']}; dataset "
        f"{report['dataset']}; features: {_features(report)}" + (f"; {how}." if how else ".")
    )
    task = report.get("task", {"scores": (), "notes": ()})
    rows = [[html.escape(text) for text in row] for row in task_rows(task["scores"])]
    yield pages.table(rows, range(1, len(rows[0]) - 2) if rows else ())
    yield from (pages.note(note) for note in (task["notes"] if rows else ()))
    yield pages.table(html_rows(report["scores"]), (1, 2))
    if report["scores"]:
        yield pages.note(
            f"{MEANING} No difference is seen within two standard errors of it, which says little where they are large."
        )
    yield from (pages.note(note) for note in report["notes"])
