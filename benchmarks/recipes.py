"""How long every config of the folder takes: the time of a step, times its steps.

    python -m benchmarks.recipes --out results/benchmarks/recipes.json

Steps are made on synthetic examples of the data's shape, on the device that JAX finds: one in a call, or fifty where
examples are points of the plane, as a run makes them. Input, logging, pictures and checkpoints cost a little more
(docs/speed.md). A config whose steps are not done in `--limit` seconds is left out, and said to be.
"""

import argparse
import importlib
import pathlib
import statistics
import subprocess
import sys
import time

from benchmarks import timing

SHAPES = {
    "ring": (2,),
    "grid": (2,),
    "digits": (28, 28, 1),
    "idx": (28, 28, 1),
    "tfds": (32, 32, 3),
    "npz": (48, 48, 1),
}
"""Of an example, by dataset; tfds: CIFAR-10, npz: the Toronto faces."""


def seconds_of_a_step(name: str, repeats: int) -> list[float]:
    """Seconds of steps of a config, after some that compile."""
    import jax
    import numpy as np

    from jaxgan.configuration import DataFacts, build
    from jaxgan.parallel import distribute
    from jaxgan.step import scan_steps
    from jaxgan.tasks import Labelled

    config = importlib.import_module(f"configs.{name}").get_config().to_dict()
    shape, k = SHAPES[config["dataset"]["name"]], config["discriminator_steps"]
    draw = np.random.default_rng(0)
    labelled = config["condition"] != "none"
    means = draw.uniform(0.1, 0.9, shape).astype(np.float32)
    few = Labelled(draw.uniform(0, 1, (100, *shape)).astype(np.float32), np.arange(100) % 10)
    facts = DataFacts(shape, 50_000, means, classes=10 if labelled else None)
    experiment = build(config, facts._replace(labelled=few) if config["task"] == "semi_supervised" else facts)
    steps = 50 if shape == (2,) else 1
    step, place, place_batch = distribute(
        lambda axis_name: scan_steps(experiment.train_step(axis_name)), mapping="jit", batch_axis=2
    )
    batch = {"real": draw.uniform(0, 1, (steps, k, config["batch_size"], *shape)).astype(np.float32)}
    if labelled:
        batch["condition"] = draw.integers(0, 10, (steps, k, config["batch_size"])).astype(np.int32)
    state, batch = place(experiment.initial_state(0)), place_batch(batch)
    found = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        state, metrics = step(state, batch)
        jax.block_until_ready((state, metrics))
        found.append((time.perf_counter() - started) / steps)
    return found[1:]


def measure(name: str, repeats: int, limit: float) -> dict:
    """The median second of a step in a process of its own, and what all steps take at that rate."""
    command = [sys.executable, "-m", "benchmarks.recipes", "--one", name, "--repeats", str(repeats), "--out", ""]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=True)
    except subprocess.TimeoutExpired:
        return {"left_out": f"not done in {limit:.0f} s"}
    except subprocess.CalledProcessError as error:
        return {"left_out": error.stderr.strip().splitlines()[-1]}
    seconds = [float(word) for word in done.stdout.split()]
    steps = importlib.import_module(f"configs.{name}").get_config().steps
    median = statistics.median(seconds)
    return {"seconds_of_a_step": timing.summary(seconds), "steps": steps, "minutes": median * steps / 60}


def main() -> None:
    """Times all configs, one after another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--limit", type=float, default=120)
    parser.add_argument("--configs", nargs="*")
    parser.add_argument("--one", help="only time this config, and print the seconds of each step")
    arguments = parser.parse_args()
    if arguments.one:
        print(*seconds_of_a_step(arguments.one, arguments.repeats))
        return
    names = arguments.configs or sorted(p.stem for p in pathlib.Path("configs").glob("*.py") if p.stem != "default")
    result: dict = {}
    for name in names:
        result[name] = measure(name, arguments.repeats, arguments.limit)
        print(name, result[name].get("minutes", result[name]), flush=True)
    result["machine"] = timing.machine("jaxgan", "jax", "jaxlib", "flax", "optax")
    timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
