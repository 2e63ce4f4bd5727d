"""Scores of a config over several seeds: trains and evaluates each, and writes means with their errors.

    python -m benchmarks.scores --config configs/quickstart.py --out results/scores/quickstart.json
    python -m benchmarks.scores --config configs/bigan_mnist.py --out results/tasks/bigan.json \
        --set dataset.path=DIRECTORY --evaluate evaluation.metrics=task

In the value of a field, {seed} stands for the seed, for example in `evaluation.other_run` or `semi_supervised.seed`.
Runs that already exist in `--workdir` are resumed, or only evaluated. Seeds that `--out` already has are kept, if it is
of the same config and fields; the file is written after every seed.
"""

import argparse
import hashlib
import json
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import timing
from jaxgan import runs
from jaxgan.config import command_line, schema
from jaxgan.evaluation import EVALUATORS
from jaxgan.evaluation.base import share_error
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.evaluate.tables import number, summarise
from jaxgan.runs.facts import read_facts


def one_seed(
    config: str, seed: int, workdir: pathlib.Path, overrides: dict[str, str], evaluation: dict[str, str]
) -> dict:
    """Trains and evaluates one seed. Returns the evaluation's results, the alarms that ever turned on, and the time."""
    trained, evaluated = (
        {name: value.replace("{seed}", str(seed)) for name, value in fields.items()}
        for fields in (overrides | {"seed": str(seed)}, evaluation)
    )
    runs.run("train", config, trained, str(workdir), {})
    runs.run("evaluate", None, evaluated, str(workdir), {"seed": seed})
    of_this_seed = re.compile(rf"step_\d+_seed_{seed}(_[a-z]+)*\.json")  # followed by the sampling method
    written = [path for path in (workdir / "evaluation").iterdir() if of_this_seed.fullmatch(path.name)]
    newest = max(written, key=lambda path: path.stat().st_mtime_ns)
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    alarms = sorted({name for line in lines for name, value in line.items() if name.startswith("alarm_") and value})
    report = json.loads(newest.read_text())
    return {
        **{name: report.get(name) for name in ("step", "samples", "features", "scores", "task")},
        "alarms": alarms,
        "seconds": read_facts(RunDirectory(str(workdir), create=False)).seconds,
        "machine": timing.machine("jaxgan", "jax", "jaxlib", "flax", "numpy"),
    }


def digest(config: str) -> str:
    """A digest of the fields in which a config differs from the default one."""
    own, default = (schema.flattened(command_line.load_config(location)) for location in (config, "default"))
    fields = {name: value for name, value in own.items() if name not in default or value != default[name]}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


def runs_of(path: pathlib.Path, about: Mapping[str, Any]) -> dict[int, dict]:
    """The reports by seed in an earlier result; none if it was of another config or of other fields."""
    found = json.loads(path.read_text()) if path.exists() else {}
    if {name: found.get(name) for name in about} != about:
        return {}
    return {int(seed): report for seed, report in found.get("runs", {}).items()}


def result_of(about: Mapping[str, Any], reports: Mapping[int, dict]) -> dict[str, Any]:
    """The result of these seeds' reports, with the reports. `machine` is that of the first; each report has its own."""
    first = next(iter(reports.values()))
    return {
        **about,
        "step": first["step"],
        "seeds": list(reports),
        "samples": first["samples"],
        "features": first["features"],
        "scores": summary(list(reports.values())),
        "task": task_summary(list(reports.values())),
        "alarms": {str(seed): report["alarms"] for seed, report in reports.items()},
        "seconds": [report["seconds"] for report in reports.values()],  # with compiling, pictures and checkpoints
        "machine": first["machine"],
        "runs": {str(seed): report for seed, report in reports.items()},
    }


def summary(reports: list[dict]) -> dict[str, dict]:
    """Each score over the seeds, with real data's mean."""
    found = {}
    for scores in zip(*(report["scores"] for report in reports), strict=True):
        own = over_seeds(*([score[of] for score in scores] for of in ("value", "standard_error")))
        real = over_seeds([score["real_data"]["value"] for score in scores])["mean"]
        found[scores[0]["name"]] = {**own, "real_data": real}
    return found


def over_seeds(values: Sequence[float | None], errors: Sequence[float | None] = ()) -> dict[str, Any]:
    """`summarise` over seeds, as JSON; no mean if a seed has no value."""
    found = summarise(values, errors)
    return (found._replace(mean=None, standard_error=None) if None in values else found)._asdict()


def task_summary(reports: list[dict]) -> dict[str, dict]:
    """The same for the task's scores, by score and method."""
    found: dict[str, dict] = {}
    for scores in zip(*(report["task"]["scores"] for report in reports), strict=True):
        of_seeds = {method: [score["values"][method] for score in scores] for method in scores[0]["values"]}
        found[scores[0]["name"]] = {
            method: over_seeds(*([each.get(of) for each in values] for of in ("value", "standard_error")))
            for method, values in of_seeds.items()
        }
    return found


SHARES = {"label_accuracy": "samples", "precision": "samples", "high_quality": "samples", "recall": "test"}
SHARES |= {"coverage": "test"}
"""Scores that are fractions, and their denominators: their errors follow from these even if they were not saved."""


def cell(found: dict[str, Any], digits: int | None, scale: float = 1, share_of: int | None = None) -> str:
    """A score over seeds, as shown in tables; see `Summary.text`.

    Args:
      found: from `over_seeds`; results of an earlier version lack the evaluations' errors.
      digits, scale: of the numbers.
      share_of: number of examples of which the score is a fraction: if the file has no error, it is √(p(1 − p)/n).
    """
    errors = found.get("errors", ())
    if not errors and share_of is not None:
        errors = [None if value is None else share_error(value, share_of) for value in found["values"]]
    return summarise(found["values"], errors).text(digits, scale)


def errors_cell(found: dict[str, Any], of: int = 10_000) -> str:
    """The same for a number of errors among `of` test examples, whose error includes √(n p (1 − p))."""
    return cell({"values": [value / of for value in found["values"]]}, 0, of, share_of=of)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows, the heading first, as a Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


def table_of(result: dict[str, Any]) -> str:
    """The scores of a result of this benchmark as a Markdown table."""
    counts = {"samples": result["samples"], "test": result["features"].get("test_examples")}
    better = {name: way for evaluator in EVALUATORS.values() for name, way in evaluator.scores.items()}
    seeds = f"{len(result['seeds'])} seeds" if len(result["seeds"]) > 1 else "one seed"
    rows = [["score", seeds, "real data", "better"]]
    for name, found in result["scores"].items():
        text, real = cell(found, None, share_of=counts.get(SHARES.get(name, ""))), number(found["real_data"], None)
        rows.append([f"`{name}`", text, real, better.get(name, "as real")])
    return markdown(rows)


def task_rows(task: dict[str, dict], methods: Sequence[str], examples: int, digits: int = 3) -> list[list[str]]:
    """The heading and one row per score of a task, with a column per method.

    Args:
      task: from `task_summary`.
      methods: the columns.
      examples: number of examples of which an accuracy is a fraction.
      digits: number of decimals; accuracies over 10,000 examples have four.
    """
    rows = [["", *(f"`{method}`" for method in methods)]]
    for score, found in task.items():
        share_of = examples if score.endswith("accuracy") else None
        shown = 4 if share_of == 10_000 else digits
        rows.append([score, *(cell(found[m], shown, 1, share_of) if m in found else "" for m in methods)])
    return rows


TRANSLATIONS = {
    "pix2pix": ("pix2pix", "pix2pix_l1"),
    "super_resolution": ("super_resolution", "super_resolution_l1"),
    "colourise": ("colourise", "colourise_l1", "cyclegan"),
}
"""Files of results/tasks by what is made: the config's own, the same by L1 alone, and without pairs."""


def translation_table(of_file: Mapping[str, dict[str, Any]]) -> str:
    """The scores of pictures from pictures as a Markdown table, from the results in `TRANSLATIONS` by file."""
    digits = {"rmse_best": 3, "rmse_mean": 3, "frechet": 2, "accuracy": 3}
    rows = [["made", "by", *(f"`{score}`" for score in digits)]]
    for made, files in TRANSLATIONS.items():
        task = of_file[files[0]]["task"]
        methods = {f"`{made}`": task, "L1 alone": of_file[files[1]]["task"]}
        methods |= {f"`{name}`, without pairs": of_file[name]["task"] for name in files[2:]}
        named = [(name, found, "this run") for name, found in methods.items()]
        named += [(name, task, name) for name in ("bicubic", "nearest", "k nearest", "real data")]
        for name, found, method in named:
            cells = [
                cell(found[score][method], places) if method in found[score] else "" for score, places in digits.items()
            ]
            if any(cells):
                rows.append([made, name, *cells])
    return markdown(rows)


def _without_paths(fields: dict[str, str]) -> dict[str, str]:
    """Drops the fields that hold paths on this machine."""
    return {name: value for name, value in fields.items() if name not in ("dataset.path", "evaluation.other_run")}


def main() -> None:
    """Runs all seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--workdir", default="runs/scores")
    parser.add_argument("--name", default="", help="of the runs' directories; the config's, unless it is given")
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE", help="fields of the config")
    parser.add_argument("--evaluate", nargs="*", default=[], metavar="FIELD=VALUE", help="fields of the evaluation")
    arguments = parser.parse_args()
    overrides, evaluation = (dict(t.split("=", 1) for t in of) for of in (arguments.set, arguments.evaluate))
    name, workdir = arguments.name or pathlib.Path(arguments.config).stem, pathlib.Path(arguments.workdir)
    about = {
        "config": arguments.config,
        "config_sha256": digest(arguments.config),
        "set": _without_paths(overrides),
        "evaluation": _without_paths(evaluation),
    }
    reports = runs_of(pathlib.Path(arguments.out), about)
    for seed in arguments.seeds:
        if seed not in reports:
            reports[seed] = one_seed(arguments.config, seed, workdir / f"{name}_{seed}", overrides, evaluation)
            timing.write(arguments.out, result_of(about, dict(sorted(reports.items()))))
    result = result_of(about, reports)
    print(json.dumps({name: result[name] for name in ("scores", "task")}, indent=2))


if __name__ == "__main__":
    main()
