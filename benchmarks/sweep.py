"""`--mode=sweep` compared with `--mode=train` of its members one at a time, as users run them: the ring, 16 members.

    python -m benchmarks.sweep --out results/benchmarks/sweep.json

A rate is steps of one GAN per second. It is the difference between a longer and a shorter run, so it excludes start-up,
compilation and evaluation. The two modes take turns.
"""

import argparse
import subprocess
import sys
import tempfile
import time

from benchmarks import timing

SHORT, LONG = 1_000, 3_000
"""Steps of the shorter and the longer run."""

GRID = "generator_optimizer.learning_rate=1e-4,3e-4,1e-3,2e-3"
FIELDS = {
    "log_every": "100",
    "checkpoint_every": "1000",
    "sample_every": "1000",
    "alarms.patience": "0",
    "evaluation.metrics": "modes",
    "evaluation.samples": "1000",
    "population.grid": GRID,
}


def seconds(mode: str, steps: int) -> float:
    """Seconds of one run from start to end."""
    fields = [f"--config.{name}={value}" for name, value in (FIELDS | {"steps": str(steps)}).items()]
    with tempfile.TemporaryDirectory() as workdir:
        command = [sys.executable, "launch.py", f"--mode={mode}", "--config=configs/ring.py", f"--workdir={workdir}"]
        started = time.perf_counter()
        subprocess.run([*command, *fields], check=True, capture_output=True)
        return time.perf_counter() - started


def main() -> None:
    """Times both modes in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="results/benchmarks/sweep.json")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    members = {"train": 1, "sweep": 16}
    found: dict[str, list[float]] = {mode: [] for mode in members}
    for mode in members:
        seconds(mode, SHORT)  # fills the compilation cache
    for _ in range(arguments.repeats):
        for mode, count in members.items():
            more = seconds(mode, LONG) - seconds(mode, SHORT)
            found[mode].append(1e6 * more / (count * (LONG - SHORT)))
    result = {
        "members": members["sweep"],
        "microseconds_per_gan_step": {mode: timing.summary(values) for mode, values in found.items()},
        "times_one_at_a_time": timing.ratio(found["train"], found["sweep"]),
        "machine": timing.machine("jaxgan", "jax", "jaxlib", "optax"),
    }
    print(result)
    timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
