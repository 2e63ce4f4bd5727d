"""How the time per step grows with batch size, width, number of members of a population, and number of devices.

    python -m benchmarks.scaling --out results/benchmarks/scaling.json

The sizes of each axis take turns. Devices are a CPU's, in a separate process: one device with all cores, or one per
core, with single-threaded products. They share one machine, so this shows the cost of splitting, not the gain from more
machines. A picture with the same name is written beside the JSON file.
"""

import argparse
import functools
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from benchmarks import population, timing

BATCHES = (25, 100, 400, 1600)
WIDTHS = (64, 256, 1024)
MEMBERS = (2, 8, 32, 128)
DEVICES = (1, 2)
STEPS = 20
"""Number of steps per call with the ring's networks."""


def by_batch(repeats: int) -> dict[int, list[float]]:
    """Seconds per step of the paper's MNIST pair, by batch size."""
    from benchmarks.step import GAMES, Ours

    functions = {batch: Ours(GAMES["mnist"]._replace(batch=batch, steps=2)).chunk for batch in BATCHES}
    return _per(timing.in_turn(functions, repeats), dict.fromkeys(BATCHES, 2))  # type: ignore[arg-type, type-var]


def by_width(repeats: int) -> dict[int, list[float]]:
    """Seconds per step of two MLPs with two hidden layers on the ring, batch 256, by width."""
    from benchmarks.step import GAMES, Ours
    from jaxgan.networks import mlp

    def game(width):
        players = mlp(output_shape=(2,), widths=(width,) * 2), mlp(output_shape=(), widths=(width,) * 2)
        return GAMES["ring"]._replace(players=lambda: players, steps=STEPS)

    functions = {width: Ours(game(width)).chunk for width in WIDTHS}
    return _per(timing.in_turn(functions, repeats), dict.fromkeys(WIDTHS, STEPS))  # type: ignore[arg-type, type-var]


def by_members(repeats: int) -> dict[int, list[float]]:
    """Seconds per step of one of a population's ring GANs, by number of members."""
    started = {members: population.population(members) for members in MEMBERS}
    try:
        functions = {members: chunk for members, (chunk, _) in started.items()}
        seconds = timing.in_turn(functions, repeats)  # type: ignore[arg-type]
    finally:
        for _, process in started.values():
            process.kill()
    return _per(seconds, {members: members * population.STEPS for members in MEMBERS})


def by_devices(repeats: int) -> dict[int, list[float]]:
    """Seconds per step of the paper's MNIST pair, batch 100, by number of devices that share the batch."""
    started = {count: _worker(count) for count in DEVICES}
    try:
        functions = {count: functools.partial(_ask, process) for count, process in started.items()}
        seconds = timing.in_turn(functions, repeats)  # type: ignore[arg-type]
    finally:
        for process in started.values():
            process.kill()
    return _per(seconds, dict.fromkeys(DEVICES, 1))


AXES: dict[str, tuple[Callable[[int], dict[int, list[float]]], str]] = {
    "batch": (by_batch, "the paper's MNIST pair"),
    "width": (by_width, "MLPs of two hidden layers, batch 256"),
    "members": (by_members, "ring GANs, a step of one of them"),
    "devices": (by_devices, "the paper's MNIST pair, batch 100"),
}


def worker(devices: int) -> None:
    """Makes a step for each line read, on this number of devices, and answers."""
    import jax
    import jax.numpy as jnp

    from benchmarks.step import GAMES, transformation
    from jaxgan.latents import LATENTS
    from jaxgan.losses import LOSSES
    from jaxgan.parallel import distribute
    from jaxgan.training.step import init_state, make_train_step

    game = GAMES["mnist"]
    generator, discriminator = game.players()
    tx, latent = transformation(game.optimizer), LATENTS["uniform"](game.latent)
    parts = {"generator": generator, "discriminator": discriminator, "generator_tx": tx, "discriminator_tx": tx}
    make = functools.partial(make_train_step, loss=LOSSES["non_saturating"], latent=latent, **parts)
    step, place_state, place_batch = distribute(make)
    example = jnp.zeros((2, *game.shape))
    state = place_state(init_state(jax.random.key(0), latent=latent, example=example, **parts))
    batch = place_batch({"real": jax.random.uniform(jax.random.key(1), (1, game.batch, *game.shape))})
    for _ in sys.stdin:
        state, metrics = step(state, batch)
        jax.block_until_ready((state, metrics))
        print(len(jax.devices()), flush=True)


def _worker(devices: int) -> subprocess.Popen:
    single = " --xla_cpu_multi_thread_eigen=false" if devices > 1 else ""
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.scaling", "--worker", str(devices)],
        **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True},  # type: ignore[arg-type]
        env=os.environ | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}{single}"},
    )


def _ask(process: subprocess.Popen) -> None:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    if not process.stdout.readline():
        raise RuntimeError("the worker ended")


def _per(seconds: Any, counts: dict[int, int]) -> dict[int, list[float]]:
    return {size: [s / counts[size] for s in values] for size, values in seconds.items()}


def picture(result: dict[str, Any], path: pathlib.Path) -> None:
    """Times over sizes, one panel per axis, with the line of a time that grows, or falls, in proportion to the size."""
    from jaxgan.figures import blank_figure, pixels, save_png

    canvas, axes = blank_figure(10, 7, 2, 2)
    for panel, name in zip(axes.ravel(), AXES, strict=True):
        found = result[name]["milliseconds"]
        sizes, medians = [int(size) for size in found], [summary["median"] for summary in found.values()]
        below = [m - summary["least"] for m, summary in zip(medians, found.values(), strict=True)]
        above = [summary["largest"] - m for m, summary in zip(medians, found.values(), strict=True)]
        panel.errorbar(sizes, medians, (below, above), marker="o", color="#08519c", capsize=3, label="median and range")
        grows = {"batch": 1, "width": 2, "members": 0, "devices": 0}[name]
        last, exponent = medians[-1] / sizes[-1] ** grows, {0: "constant", 1: "∝ batch", 2: "∝ width²"}[grows]
        panel.plot(sizes, [last * size**grows for size in sizes], "--", color="black", linewidth=1, label=exponent)
        panel.set(xscale="log", xlabel=name, ylabel="ms a step", title=result[name]["what"])
        panel.set_xticks(sizes, [str(size) for size in sizes])
        panel.minorticks_off()
        if grows:
            panel.set(yscale="log", ylim=(min(medians) / 1.6, max(medians) * 1.6))
        else:
            panel.set_ylim(0, 1.5 * max(medians))
        panel.grid(alpha=0.3)
        panel.legend(fontsize=8)
    save_png(path, pixels(canvas))


def main() -> None:
    """Times all axes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="results/benchmarks/scaling.json")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--worker", type=int, default=0, help="only make steps on so many devices, one for every line")
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker)
        return
    result: dict[str, Any] = {}
    for name, (measure, what) in AXES.items():
        seconds = measure(arguments.repeats)
        found = {str(size): timing.summary([1e3 * s for s in values]) for size, values in seconds.items()}
        first = next(iter(seconds.values()))
        ratios = {str(size): timing.ratio(values, first) for size, values in seconds.items()}
        result[name] = {"what": what, "milliseconds": found, "times_the_first": ratios}
        print(name, {size: round(summary["median"], 3) for size, summary in found.items()}, flush=True)
    result["machine"] = timing.machine("jaxgan", "jax", "jaxlib", "optax")
    timing.write(arguments.out, result)
    picture(result, pathlib.Path(arguments.out).with_suffix(".png"))


if __name__ == "__main__":
    main()
