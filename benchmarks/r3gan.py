"""Memory and time of a training step with R3GAN's networks for 32 x 32 images, whole and in parts.

    python -m benchmarks.r3gan --out results/benchmarks/r3gan.json

The memory is what the compiled program needs besides its arguments, according to XLA, so programs that do not fit in
the machine can be measured too. Only the last program is run: batch 64 in 8 parts.
"""

import argparse
import resource
import time
from typing import Any

import jax
import numpy as np
from jax.stages import Compiled

from benchmarks import timing
from configs import r3gan
from jaxgan.config import DataFacts, Experiment, build, minibatches_per_step

PROGRAMS = ((512, 1), (64, 1), (64, 8))
"""Batch size and number of parts."""


def experiment_of(batch_size: int, parts: int) -> tuple[Experiment, tuple[int, ...]]:
    """The config's experiment at another batch size, and the shape of a step's batch."""
    config = r3gan.get_config()
    config.batch_size, config.accumulation_steps = batch_size, parts
    shape = (minibatches_per_step(config.to_dict()), batch_size, 32, 32, 3)
    return build(config, DataFacts((32, 32, 3), 50_000, classes=10)), shape


def compiled_step(experiment: Experiment, shape: tuple[int, ...]) -> Compiled:
    """The step, compiled for the shapes of a state and a batch."""
    batch = {"real": jax.ShapeDtypeStruct(shape, np.float32), "condition": jax.ShapeDtypeStruct(shape[:2], np.int32)}
    step = jax.jit(experiment.train_step(), donate_argnums=0)
    return step.lower(experiment.abstract_state(), batch).compile()


def main() -> None:
    """Measures all programs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=2)
    arguments = parser.parse_args()
    result: dict[str, Any] = {}
    for batch_size, parts in PROGRAMS:
        experiment, shape = experiment_of(batch_size, parts)
        step = compiled_step(experiment, shape)
        memory = step.memory_analysis()
        name = f"batch {batch_size}" + (f" in {parts} parts" if parts > 1 else "")
        result[name] = {
            "gigabytes": memory.temp_size_in_bytes / 1e9,
            "of_arguments": memory.argument_size_in_bytes / 1e9,
        }
        print(name, result[name], flush=True)
    draw = np.random.default_rng(0)
    batch = {
        "real": draw.uniform(-1, 1, shape).astype(np.float32),
        "condition": draw.integers(0, 10, shape[:2]).astype(np.int32),
    }
    state, wall, cpu = experiment.initial_state(0), [], []
    for _ in range(arguments.steps):
        started = time.perf_counter(), time.process_time()
        state, metrics = jax.block_until_ready(step(state, batch))
        wall.append(time.perf_counter() - started[0])
        cpu.append(time.process_time() - started[1])
        print(wall[-1], cpu[-1], {name: float(value) for name, value in metrics.items()}, flush=True)
    result[name] |= {"seconds_of_a_step": timing.summary(wall), "cpu_seconds_of_a_step": timing.summary(cpu)}
    result[name]["peak_gigabytes_of_the_process"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    result["machine"] = timing.machine("jaxgan", "jax", "jaxlib", "flax", "optax")
    timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
