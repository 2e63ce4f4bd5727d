"""`--mode=evaluate`: a table of scores beside those of real data, the same as JSON, and pictures."""

import functools
import sys
from collections.abc import Mapping

from jaxgan.runs.data import check_same_data, read_inputs
from jaxgan.runs.evaluate.evaluation import Evaluation, path_of, to_json, write
from jaxgan.runs.evaluate.pictures import draw
from jaxgan.runs.evaluate.table import table
from jaxgan.runs.load import load_run
from jaxgan.runs.report import write_report


def evaluate(workdir: str, *, seed: int = 0, step: int | None = None, overrides: Mapping[str, str] = {}) -> None:
    """Writes `evaluation/step_STEP_seed_SEED.json` and pictures beside it, and prints the scores.

    Args:
      workdir: the run's directory.
      seed: seed of the latents, ≥ 0.
      step: of the checkpoint; None for the newest.
      overrides: fields of the run's config to set, as text; those that the schema allows.

    Raises:
      JaxganError: any expected failure.
    """
    run = load_run(workdir, step, overrides, "evaluate")
    inputs = read_inputs(run.config)
    check_same_data(run.data, inputs, run.directory.path)
    if inputs.facts.vectors is not None:
        run = run._replace(experiment=run.experiment.replace(conditions=inputs.facts.vectors))
    say = functools.partial(print, file=sys.stderr, flush=True)
    evaluation = Evaluation(run.config, inputs, run.experiment, seed, say)
    report = evaluation.run(run.state)
    path = path_of(run.directory.evaluation, report.step, report.seed, report.method)
    instead = " in place of the scores that were there" if path.exists() else ""
    pictures = draw(report, evaluation, run, path.with_suffix(""))
    write(path, to_json(report, evaluation, run.directory.path.name, pictures))
    write_report(run.directory)
    print(table(report, evaluation, str(run.directory.path)))
    print(
        f"Written: {', '.join([str(path), *(picture.name for picture in pictures)])}{instead}; {run.directory.report}"
    )
