"""An evaluation's scores as text."""

from jaxgan.runs.evaluate import task_scores
from jaxgan.runs.evaluate.evaluation import Evaluation, Report, notes
from jaxgan.runs.report import NUMBERS, number, numbers
from jaxgan.runs.sampling import in_words


def table(report: Report, evaluation: Evaluation, run: str) -> str:
    """The scores beside those of real data, as text."""
    features = evaluation.features
    described = ", ".join(
        f"{name} {value:.4f}" if isinstance(value, float) else f"{name} {value}"
        for name, value in features.description.items()
    )
    lines: list[tuple[str, ...]] = [("score", "samples", "real data", "better", "in", NUMBERS)]
    for score, real in report.rows:
        spread = numbers(score._asdict() | {"real_data": real._asdict()})
        unit = f" ({score.unit})" if score.unit else ""
        values = number(score.value, score.standard_error), number(real.value, real.standard_error)
        lines.append((score.name + unit, *values, score.better or "as real", score.features, spread))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    body = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    body.insert(1, "-" * max(map(len, body)))
    head = [
        f"{run}, step {report.step:,}: {len(report.samples):,} samples of seed {report.seed}; "
        f"dataset {evaluation.inputs.dataset.name}",
        f"features: {features.name}" + (f" ({described})" if described else ""),
    ]
    train = evaluation.data.train
    if len(train) < train.of:
        head.append(f"training data: {len(train):,} of {train.of:,} examples were read for this")
    head += [how] if (how := in_words(report.method, report.facts)) else []
    left_out = [f"left out: {name}: {reason}" for name, reason in report.left_out.items()]
    meaning = (
        "real data: training examples in the samples' place (nearest, conditional: test examples), as many as there "
        "are samples, or all there are; ±: standard error."
    )
    parts = [*head, ""]
    if report.rows:
        parts += [*body, "", meaning, *notes(evaluation), *left_out]
    task = task_scores.lines(report.task, number)
    return "\n".join([*parts, *([""] if report.rows and task else []), *task])
