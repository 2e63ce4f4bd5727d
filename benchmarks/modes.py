"""Modes of the ring and the grid, by the protocol of PacGAN: every loss, or one of three configs, with ten seeds each.

    python -m benchmarks.modes losses --out results/modes/losses.json
    python -m benchmarks.modes recommended --out results/modes/recommended.json
    python -m benchmarks.modes pacgan --out results/modes/pacgan.json
    python -m benchmarks.modes unrolled --out results/modes/unrolled.json

Each is a sweep (`--mode=sweep`) in `--workdir`, and resumes if it was stopped. Data and metric are the protocol's:
100,000 training points, 2,500 samples; high quality means within three deviations of the nearest mode. Networks and
number of steps are those of configs/ring.py (losses, with `STEPS` steps), configs/mixture.py (recommended), pacgan.py
and unrolled.py.
"""

import argparse
import json
import pathlib
import subprocess
import sys
from typing import Any

from benchmarks import timing
from benchmarks.scores import cell
from jaxgan.losses import LOSSES

DATA = ("ring", "grid")
STEPS = 10_000
"""Number of training steps per run in the table of losses."""

SHARED = {
    "evaluation.metrics": "modes",
    "evaluation.samples": "2500",
    "population.score": "high_quality",
    "alarms.patience": "0",
}
TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "losses": (
        "configs/ring.py",
        {"population.grid": f"loss={','.join(LOSSES)}", "steps": str(STEPS), "log_every": "1000"}
        | {"sample_every": str(STEPS), "checkpoint_every": str(STEPS)},
    ),
    "recommended": ("configs/mixture.py", {}),
    "pacgan": ("configs/pacgan.py", {}),
    "unrolled": ("configs/unrolled.py", {}),
}
"""For each table, a config and the fields that are changed."""

SCORES = ("modes", "high_quality", "reverse_kl")
KEPT = ("steps", "batch_size", "loss", "average_decay", "generator", "discriminator", "latent", "penalties")
KEPT += ("generator_optimizer", "discriminator_optimizer", "sampling")


def sweep(table: str, data: str, seeds: int, workdir: pathlib.Path) -> dict[str, Any]:
    """The content of `sweep.json` after a sweep on one dataset. Members of a finished sweep are not changed."""
    config, fields = TABLES[table]
    path = workdir / f"{table}_{data}"
    values = {**SHARED, **fields, "dataset.name": data, "population.seeds": str(seeds)}
    flags = [f"--config.{name}={value}" for name, value in values.items()]
    command = [sys.executable, "launch.py", "--mode=sweep", f"--config={config}", f"--workdir={path}", *flags]
    done = path / "sweep.json"
    if not (done.exists() and json.loads(done.read_text())["finished"]):
        subprocess.run(command, check=True)
    found: dict[str, Any] = json.loads(done.read_text())
    return found


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """By setting: means, standard errors and values of the scores, and the number of diverged members."""
    diverged: dict[int, int] = {}
    for member in found["members"]:
        diverged[member["setting"]] = diverged.get(member["setting"], 0) + (member["diverged"] is not None)
    settings = {}
    for setting in found["settings"]:
        name = setting["changes"].get("loss", found["config"]["loss"])
        scores = {score: setting["scores"].get(score) for score in SCORES}
        settings[name] = {**scores, "diverged": diverged[setting["setting"]]}
    real = {score: found["real_data"][score] for score in SCORES}
    return {"settings": settings, "real_data": real, "versions": found["versions"], "date": found["date"]}


def table_of(result: dict[str, Any]) -> str:
    """The result as a Markdown table: modes and high quality for both datasets, mean ± standard error.

    The error of a fraction includes √(p(1 − p)/n) for the n samples of an evaluation.
    """
    samples = int(result["set"]["evaluation.samples"])
    lines = [
        "| loss | ring: modes of 8 | high quality | reverse KL | grid: modes of 25 | high quality | reverse KL |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in result["data"][DATA[0]]["settings"]:
        cells = [f"`{name}`"]
        for data in DATA:
            setting = result["data"][data]["settings"][name]
            diverged = f" ({setting['diverged']} diverged)" if setting["diverged"] else ""
            cells += [cell(setting["modes"], 1) + diverged, cell(setting["high_quality"], 1, 100, samples) + " %"]
            cells += [cell(setting["reverse_kl"], 3)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Trains and evaluates one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=sorted(TABLES))
    parser.add_argument("--out", required=True)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workdir", default="runs/modes")
    arguments = parser.parse_args()
    found = {d: sweep(arguments.table, d, arguments.seeds, pathlib.Path(arguments.workdir)) for d in DATA}
    config, fields = TABLES[arguments.table]
    result = {
        "config": config,
        "set": {**SHARED, **fields},
        "seeds": arguments.seeds,
        "of_the_config": {name: found[DATA[0]]["config"][name] for name in KEPT},
        "data": {name: summary(of) for name, of in found.items()},
        "machine": timing.machine("jaxgan", "jax", "jaxlib", "flax", "optax", "numpy"),
    }
    print(table_of(result))
    timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
