"""The cost of a run besides its training steps: input, metrics, TensorBoard, checkpoints, alarms and pictures.

    python -m benchmarks.overhead --out results/benchmarks/overhead.json

A run's own loop alternates with the same chunks of steps on batches that are already on the device, without reading
anything back; both continue the same GAN. A ratio is the loop's time divided by the bare chunks' in the same turn.
"""

import argparse
import contextlib
import tempfile
import time
from collections.abc import Callable
from typing import Any

import jax

from benchmarks import timing
from configs import quickstart, ring
from jaxgan.config import build, check
from jaxgan.io.checkpoints import Checkpoints
from jaxgan.runs.data import chunk_length, chunks, read_inputs
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.train.loop import Run
from jaxgan.signals import StopRequest

NEVER = 10**9
KINDS: dict[str, dict[str, Any]] = {
    "input, logging and checkpoints": {"alarms.patience": 0, "sample_every": NEVER},
    "the same, with streamed input": {"alarms.patience": 0, "sample_every": NEVER, "dataset.placement": "stream"},
    "all that the config asks for": {},
}
CONFIGS = {"quickstart": (quickstart, 2_500), "ring": (ring, 5_000)}
"""Each config with the number of steps per turn, which includes one checkpoint and whatever its intervals require."""


class Contender:
    """A run, and its chunks on their own."""

    def __init__(self, module: Any, changes: dict[str, Any], steps: int, stack: contextlib.ExitStack):
        config = module.get_config()
        config.mapping = "jit"
        config.update_from_flattened_dict(changes)
        config.steps = 2**31 - 1
        check(config)
        self.config, self.steps, self.done = config.to_dict(), steps, 0
        inputs = read_inputs(self.config)
        directory = stack.enter_context(RunDirectory(stack.enter_context(tempfile.TemporaryDirectory())))
        checkpoints = stack.enter_context(Checkpoints(directory.checkpoints, keep=3))
        experiment = build(self.config, inputs.facts)
        self.run = Run(self.config, directory, checkpoints, inputs, experiment, StopRequest(), False)
        self.state, _ = self.run.first_state()
        self.run.open_log(self.state, 0, {}, stack)
        self.shared = self.run.shared()
        self.run.shared = lambda: self.shared  # placed once, as in a run

    def loop(self) -> float:
        """Seconds that the run's own loop takes for the next steps."""
        first = self.done
        self.done = first + self.steps
        started = time.perf_counter()
        self.state = self.run.train(first, self.done, self.state)
        jax.block_until_ready(self.state)
        self.run.checkpoints.wait()
        self.run.stop.release()
        return time.perf_counter() - started

    def bare(self) -> float:
        """Seconds for as many steps in the same chunks, on batches that are already loaded."""
        length = chunk_length(self.config, self.run.inputs)
        stops = list(range(self.done, self.done + self.steps + 1, length))
        placed = [self.run.place_batch(batches) for batches in chunks(self.config, self.run.inputs, stops)]
        jax.block_until_ready(placed)
        self.done += self.steps
        started = time.perf_counter()
        for batches in placed:
            self.state, _ = self.run.step(self.state, batches, *self.shared)
        jax.block_until_ready(self.state)
        return time.perf_counter() - started


def measure(module: Any, changes: dict[str, Any], steps: int, repeats: int) -> dict[str, Any]:
    """Milliseconds per step of both, and ratios of pairs."""
    with contextlib.ExitStack() as stack:
        contender = Contender(module, changes, steps, stack)
        functions: dict[str, Callable[[], float]] = {"run": contender.loop, "chunks alone": contender.bare}
        for function in functions.values():
            function()
        seconds: dict[str, list[float]] = {name: [] for name in functions}
        for _ in range(repeats):
            for name, function in functions.items():
                seconds[name].append(function())
    each = {name: timing.summary([1e3 * s / steps for s in values]) for name, values in seconds.items()}
    return {"steps": steps, "milliseconds": each, "ratio": timing.ratio(seconds["run"], seconds["chunks alone"])}


def main() -> None:
    """Times the configs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="results/benchmarks/overhead.json")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    result: dict[str, Any] = {"machine": timing.machine("jaxgan", "jax", "jaxlib", "orbax-checkpoint", "tensorboardX")}
    for name, (module, steps) in CONFIGS.items():
        result[name] = {}
        for kind, changes in KINDS.items():
            result[name][kind] = measure(module, changes, steps, arguments.repeats)
            print(name, kind, result[name][kind]["ratio"], flush=True)
    timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
