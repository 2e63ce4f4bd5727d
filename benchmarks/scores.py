"""Scores of a config over several seeds: trains each, evaluates each, and writes means with their standard errors.

    python -m benchmarks.scores --config configs/quickstart.py --out results/scores/quickstart.json
    python -m benchmarks.scores --config configs/bigan_mnist.py --out results/tasks/bigan.json \
        --set dataset.path=DIRECTORY --evaluate evaluation.metrics=task

In the value of a field, {seed} stands for the seed: of `evaluation.other_run`, say, or `semi_supervised.seed`. Runs in
`--workdir` already are gone on with, or only evaluated.
"""

import argparse
import json
import math
import pathlib
import re
import statistics
from typing import Any

from benchmarks import timing
from jaxgan import runs


def one_seed(
    config: str, seed: int, workdir: pathlib.Path, overrides: dict[str, str], evaluation: dict[str, str]
) -> dict:
    """Trains and evaluates one seed; what the evaluation wrote, and the alarms that ever went on."""
    trained, evaluated = (
        {name: value.replace("{seed}", str(seed)) for name, value in fields.items()}
        for fields in (overrides | {"seed": str(seed)}, evaluation)
    )
    runs.run("train", config, trained, str(workdir), {})
    runs.run("evaluate", None, evaluated, str(workdir), {"seed": seed})
    of_this_seed = re.compile(rf"step_\d+_seed_{seed}(_[a-z]+)*\.json")  # with the way of sampling behind it
    written = [path for path in (workdir / "evaluation").iterdir() if of_this_seed.fullmatch(path.name)]
    newest = max(written, key=lambda path: path.stat().st_mtime_ns)
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    alarms = sorted({name for line in lines for name, value in line.items() if name.startswith("alarm_") and value})
    return {**json.loads(newest.read_text()), "alarms": alarms}


def summary(reports: list[dict]) -> dict[str, dict]:
    """Mean and standard error over the seeds of every score that all have, with real data's beside it."""
    found = {}
    for i, score in enumerate(reports[0]["scores"]):
        values, real = (
            [r["scores"][i]["value"] for r in reports],
            [r["scores"][i]["real_data"]["value"] for r in reports],
        )
        found[score["name"]] = {**over_seeds(values), "real_data": over_seeds(real)["mean"]}
    return found


def over_seeds(values: list[float | None]) -> dict[str, Any]:
    """Mean, its standard error, and the values; None where one seed has none, and no error of a single seed."""
    if None in values:
        return {"mean": None, "standard_error": None, "values": values}
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return {"mean": statistics.mean(values), "standard_error": error, "values": values}


def task_summary(reports: list[dict]) -> dict[str, dict]:
    """The same of what the task measures, by number and method."""
    found: dict[str, dict] = {}
    for i, score in enumerate(reports[0]["task"]["scores"]):
        of_seeds = [report["task"]["scores"][i]["values"] for report in reports]
        found[score["name"]] = {
            method: over_seeds([values[method]["value"] for values in of_seeds]) for method in score["values"]
        }
    return found


def _without_paths(fields: dict[str, str]) -> dict[str, str]:
    """The fields but for where things lie on this machine."""
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
    reports = [
        one_seed(arguments.config, seed, workdir / f"{name}_{seed}", overrides, evaluation) for seed in arguments.seeds
    ]
    result = {
        "config": arguments.config,
        "set": _without_paths(overrides),
        "evaluation": _without_paths(evaluation),
        "step": reports[0]["step"],
        "seeds": arguments.seeds,
        "samples": reports[0]["samples"],
        "features": reports[0]["features"],
        "scores": summary(reports),
        "task": task_summary(reports),
        "alarms": {str(seed): report["alarms"] for seed, report in zip(arguments.seeds, reports, strict=True)},
        "machine": timing.machine("jaxgan", "jax", "jaxlib", "flax", "numpy"),
    }
    print(json.dumps({name: result[name] for name in ("scores", "task")}, indent=2))
    timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
