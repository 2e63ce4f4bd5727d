"""How long each config in the folder takes: the time per step, times the number of steps.

    python -m benchmarks.recipes --out results/benchmarks/recipes.json

Steps are made on synthetic examples with the data's shape, on JAX's default device: one per call, or fifty if examples
are points of the plane, as in a run. Input, logging, pictures and checkpoints cost a little more (docs/speed.md). A
config whose steps are not finished within `--limit` seconds is left out, with a note.
"""

import argparse
import importlib
import json
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
    "avatars": (32, 32, 3),
    "images": (32, 32, 3),
}
"""Shapes of an example, by dataset; tfds: CIFAR-10, npz: the Toronto faces."""
OTHERS = {"gat": (32, 32, 4)}
"""Shapes of an example, by config; gat: latents of an autoencoder."""


NETWORKS = "other networks and features: arXiv:1711.10337"
PUBLISHED = {
    "mnist": "Parzen 225 ± 2 nats (arXiv:1406.2661)",
    "tfd": "Parzen 2057 ± 26 nats (arXiv:1406.2661)",
    "dcgan": f"MNIST, FID 6.8 ({NETWORKS})",
    "lsgan": f"MNIST, FID 7.8 ({NETWORKS})",
    "wgan": f"MNIST, FID 6.7 ({NETWORKS})",
    "wgan_gp": f"MNIST, FID 20.3 ({NETWORKS})",
    "dragan": f"MNIST, FID 7.6 ({NETWORKS})",
    "pacgan": "7.9 ± 0.1 modes of 8, 95.6 % (arXiv:1712.04086)",
    "mixture": "24.8 ± 0.2 modes of 25, 93.6 % (arXiv:1712.04086)",
    "conditional_mnist": "Parzen 132 ± 1.8 nats (arXiv:1411.1784)",
    "bigan_mnist": "97.39 % by one neighbour (arXiv:1605.09782)",
    "inference_mnist": "97.44 % by one neighbour, G fixed; joint: 97.13 % (arXiv:1605.09782)",
    "semi_supervised_mnist": "93 ± 6.5 errors of 10,000 (arXiv:1606.03498)",
}
"""The expected score according to the literature, by config; other configs have no known score on this data."""


def seconds_of_a_step(name: str, repeats: int) -> list[float]:
    """Seconds of a config's steps, after some that compile."""
    import jax
    import numpy as np

    from jaxgan.config import DataFacts, build, minibatches_per_step
    from jaxgan.parallel import distribute
    from jaxgan.tasks import Labelled
    from jaxgan.training.step import scan_steps

    config = importlib.import_module(f"configs.{name}").get_config(jax.default_backend()).to_dict()
    shape, count = OTHERS.get(name) or SHAPES[config["dataset"]["name"]], minibatches_per_step(config)
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
    batch = {"real": draw.uniform(0, 1, (steps, count, config["batch_size"], *shape)).astype(np.float32)}
    if labelled:
        batch["condition"] = draw.integers(0, 10, (steps, count, config["batch_size"])).astype(np.int32)
    state, batch = place(experiment.initial_state(0)), place_batch(batch)
    found = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        state, metrics = step(state, batch)
        jax.block_until_ready((state, metrics))
        found.append((time.perf_counter() - started) / steps)
    return found[1:]


def measure(name: str, repeats: int, limit: float) -> dict:
    """The median time per step in a separate process, and the time of all steps at that rate."""
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


def table_of(result: dict) -> str:
    """The result as a Markdown table."""
    lines = ["| config | steps | seconds of a step | the run | published score |", "|---|---|---|---|---|"]
    for name in sorted(set(result) - {"machine"}):
        found = result[name]
        if "left_out" in found:
            lines.append(f"| `{name}` | | {found['left_out'].split(': ')[-1]} | | {PUBLISHED.get(name, '')} |")
            continue
        second, minutes = found["seconds_of_a_step"]["median"], found["minutes"]
        whole = f"{minutes:.2g} min" if minutes < 99.5 else f"{minutes / 60:.{0 if minutes > 600 else 1}f} h"
        lines.append(f"| `{name}` | {found['steps']:,} | {second:.2g} | {whole} | {PUBLISHED.get(name, '')} |")
    return "\n".join(lines)


def main() -> None:
    """Times all configs, one after another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--limit", type=float, default=120)
    parser.add_argument("--configs", nargs="*", help="only time these; --out keeps what it has of others")
    parser.add_argument("--one", help="only time this config, and print the seconds of each step")
    arguments = parser.parse_args()
    if arguments.one:
        print(*seconds_of_a_step(arguments.one, arguments.repeats))
        return
    names = arguments.configs or sorted(p.stem for p in pathlib.Path("configs").glob("*.py") if p.stem != "default")
    before = pathlib.Path(arguments.out)
    result: dict = json.loads(before.read_text()) if arguments.configs and before.exists() else {}
    here = timing.machine("jaxgan", "jax", "jaxlib", "flax", "optax")
    elsewhere = {} if result.setdefault("machine", here)["cpu"] == here["cpu"] else {"machine": here}
    for name in names:
        result[name] = measure(name, arguments.repeats, arguments.limit) | elsewhere
        print(name, result[name].get("minutes", result[name]), flush=True)
    print(table_of(result))
    timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
