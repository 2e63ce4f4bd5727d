"""Scores of a config over several seeds: trains each, evaluates each, and writes means with their standard errors.

    python -m benchmarks.scores --config configs/quickstart.py --out results/scores/quickstart.json

Runs that are in `--workdir` already are gone on with, or only evaluated.
"""

import argparse
import json
import math
import pathlib
import statistics

from benchmarks import timing
from jaxgan import runs


def one_seed(config: str, seed: int, workdir: pathlib.Path, overrides: dict[str, str]) -> dict:
    """Trains and evaluates one seed; what the evaluation wrote, and the alarms that ever went on."""
    runs.run("train", config, overrides | {"seed": str(seed)}, str(workdir), {})
    runs.run("evaluate", None, {}, str(workdir), {"seed": seed})
    (newest,) = sorted((workdir / "evaluation").glob(f"step_*_seed_{seed}.json"))[-1:]
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
        found[score["name"]] = {
            "mean": statistics.mean(values),
            "standard_error": statistics.stdev(values) / math.sqrt(len(values)),
            "real_data": statistics.mean(real),
            "values": values,
        }
    return found


def main() -> None:
    """Runs all seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--workdir", default="runs/scores")
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE", help="fields of the config")
    arguments = parser.parse_args()
    overrides = dict(text.split("=", 1) for text in arguments.set)
    name = pathlib.Path(arguments.config).stem
    reports = [
        one_seed(arguments.config, seed, pathlib.Path(arguments.workdir) / f"{name}_{seed}", overrides)
        for seed in arguments.seeds
    ]
    result = {
        "config": arguments.config,
        "set": overrides,
        "step": reports[0]["step"],
        "seeds": arguments.seeds,
        "samples": reports[0]["samples"],
        "features": reports[0]["features"],
        "scores": summary(reports),
        "alarms": {str(seed): report["alarms"] for seed, report in zip(arguments.seeds, reports, strict=True)},
        "machine": timing.machine("jaxgan", "jax", "jaxlib", "flax", "numpy"),
    }
    print(json.dumps(result["scores"], indent=2))
    timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
