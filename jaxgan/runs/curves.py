"""The curves of a run: its logged metrics, and the scores of its evaluations."""

import json
from typing import Any

from jaxgan.figures import Curve
from jaxgan.io.metric_writers import read_lines
from jaxgan.runs.directory import RunDirectory

METRICS = {
    "losses": ("d_loss", "g_loss"),
    "discriminator's accuracy": ("d_accuracy",),
    "Wasserstein estimate, of a Lipschitz critic": ("d_wasserstein",),
    "terms of the losses": ("d_terms", "g_terms"),
    "gradient norms": ("d_gradient_norm", "g_gradient_norm"),
    "diversity of the samples, relative to the data's": ("diversity",),
    "modes hit": ("modes",),
}
"""Panels, and the metrics in each."""

ALIKE = ("seed", "samples", "sampling", "features")
"""What evaluations have in common whose scores make a curve."""

Panels = dict[str, dict[str, Curve]]


def panels_of(directory: RunDirectory) -> Panels:
    """Panels for `jaxgan.figures.curves`: of the metrics that were logged, and of every score of the newest evaluation
    that other evaluations, of other steps and in the same way, have too."""
    lines = read_lines(directory.metrics_file)
    panels = {title: {name: _curve(lines, name) for name in names} for title, names in METRICS.items()}
    panels = {title: {name: c for name, c in found.items() if len(c.steps)} for title, found in panels.items()}
    reports = read_evaluations(directory)
    if reports:
        alike = [r for r in reports if all(r[key] == reports[-1][key] for key in ALIKE)]
        for score in reports[-1]["scores"]:
            panels[score["name"]] = _score_curve(alike, score["name"])
    return {title: found for title, found in panels.items() if found}


def read_evaluations(directory: RunDirectory) -> list[dict[str, Any]]:
    """The reports of a run's evaluations, the one made last at the end; what cannot be read is left out.

    Older ones do not say how their samples were drawn: in the plain way.
    """
    found = []
    for path in sorted(directory.evaluation.glob("step_*_seed_*.json"), key=lambda path: path.stat().st_mtime_ns):
        try:
            found.append({"sampling": {"method": "plain"}, "sampled": {}} | json.loads(path.read_text()))
        except ValueError:
            continue
    return found


def _score_curve(reports: list[dict[str, Any]], name: str) -> dict[str, Curve]:
    """Of one score over the steps; empty where there is only one."""
    by_step = {r["step"]: score for r in reports for score in r["scores"] if score["name"] == name}
    steps = [step for step in sorted(by_step) if by_step[step]["value"] is not None]
    if len(steps) < 2:
        return {}
    errors = [by_step[step]["standard_error"] or 0.0 for step in steps]
    reference = by_step[steps[-1]]["real_data"]["value"]
    return {name: Curve(steps, [by_step[step]["value"] for step in steps], errors, reference)}


def _curve(lines: list[dict[str, Any]], name: str) -> Curve:
    there = [(line["step"], line[name]) for line in lines if line.get(name) is not None]
    return Curve([step for step, _ in there], [value for _, value in there])
