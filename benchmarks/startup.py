"""From the command to the first step: seconds to a run's first line of metrics, without and with a compilation cache.

    python -m benchmarks.startup --out results/benchmarks/startup.json

Cold: nothing is cached; warm: the previous run filled the cache. The line comes after the first step
(--config.log_every=1). The imports' times are those of `python -X importtime`, in a separate process.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from benchmarks import timing

COMMAND = [sys.executable, "launch.py", "--config=configs/quickstart.py", "--config.log_every=1"]
PACKAGES = ("jax", "optax", "chex", "flax", "orbax", "tensorboardX", "matplotlib", "PIL", "ml_collections", "numpy")
"""Packages whose imports are listed."""


def first_line(cache: str, directory: str) -> float:
    """Seconds from the command to the first line of metrics.jsonl."""
    workdir = pathlib.Path(tempfile.mkdtemp(dir=directory))
    environment = os.environ | {"JAXGAN_CACHE_DIR": cache}
    started = time.perf_counter()
    process = subprocess.Popen(
        [*COMMAND, f"--workdir={workdir}"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        file = workdir / "metrics.jsonl"
        while not (file.exists() and file.stat().st_size):
            if process.poll() is not None:
                raise RuntimeError(process.stderr.read().decode() if process.stderr else "it ended")
            time.sleep(0.01)
        return time.perf_counter() - started
    finally:
        process.kill()
        process.wait()


def imports() -> dict[str, float]:
    """Seconds of the imports of a whole run, by the outermost package."""
    with tempfile.TemporaryDirectory() as workdir:
        command = [sys.executable, "-X", "importtime", *COMMAND[1:], f"--workdir={workdir}/run", "--config.steps=1"]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    lines = re.findall(r"import time:\s+(\d+) \|\s+\d+ \| +([\w.]+)", text)
    total: dict[str, float] = dict.fromkeys((*PACKAGES, "jaxgan", "others"), 0.0)
    for own, module in lines:
        package = module.partition(".")[0]
        package = {"jaxlib": "jax"}.get(package, package)
        total[package if package in total else "others"] += int(own) / 1e6
    return {name: round(seconds, 3) for name, seconds in sorted(total.items(), key=lambda item: -item[1])}


def main() -> None:
    """Times the start-up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="results/benchmarks/startup.json")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    cold, warm = [], []
    for _ in range(arguments.repeats):
        with tempfile.TemporaryDirectory() as directory:
            cold.append(first_line(f"{directory}/cache", directory))
            warm.append(first_line(f"{directory}/cache", directory))
    result = {
        "command": "launch.py --config=configs/quickstart.py",
        "seconds": {"cold": timing.summary(cold), "warm": timing.summary(warm)},
        "import_seconds": imports(),
        "machine": timing.machine("jaxgan", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "tensorboardX"),
    }
    print(result["seconds"], result["import_seconds"])
    timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
