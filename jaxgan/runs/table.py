"""An evaluation's scores as text."""

import numpy as np

from jaxgan.evaluation import Score
from jaxgan.runs.evaluation import Evaluation, Report, notes


def table(report: Report, evaluation: Evaluation, run: str) -> str:
    """The scores beside those of real data, as text."""
    features = evaluation.features
    described = ", ".join(
        f"{name} {value:.4f}" if isinstance(value, float) else f"{name} {value}"
        for name, value in features.description.items()
    )
    lines: list[tuple[str, ...]] = [("score", "samples", "real data", "better", "in", "samples : against")]
    for score, real in report.rows:
        spread = f"{score.samples:,} : {score.against:,} {score.split}"
        unit = f" ({score.unit})" if score.unit else ""
        lines.append(
            (score.name + unit, _number(score), _number(real), score.better or "as real", score.features, spread)
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    body = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    body.insert(1, "-" * max(map(len, body)))
    head = [
        f"{run}, step {report.step:,}: {len(report.samples):,} samples of seed {report.seed}; "
        f"dataset {evaluation.inputs.dataset.name}",
        f"features: {features.name}" + (f" ({described})" if described else ""),
    ]
    left_out = [f"left out: {name}: {reason}" for name, reason in report.left_out.items()]
    meaning = (
        "real data: training examples in the samples' place (nearest: test examples), as many as there are samples, or "
        "all there are; ±: standard error."
    )
    return "\n".join([*head, "", *body, "", meaning, *notes(evaluation), *left_out])


def _number(score: Score) -> str:
    error = score.standard_error
    if error is None or not np.isfinite(error):
        return f"{score.value:.4g}"
    digits = 0 if error <= 0 else max(0, min(8, 1 - int(np.floor(np.log10(error)))))
    return f"{score.value:.{digits}f} ± {error:.{digits}f}" if error > 0 else f"{score.value:.4g} ± 0"
