"""A population of ring GANs in one compiled step, compared with one GAN at a time and with PyTorch.

    python -m benchmarks.population --out results/benchmarks/population.json

The population runs in its own process, with one device per core and single-threaded products, as recommended on a CPU.
The others have all cores. All take turns. A rate is steps of one GAN per second.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable

from benchmarks import timing

MEMBERS, STEPS = 16, 100
"""Number of GANs, and of steps per call."""


def worker(members: int) -> None:
    """Runs a chunk for each line read, and answers with its time in seconds."""
    import jax
    import jax.numpy as jnp
    import optax

    from benchmarks.step import GAMES
    from jaxgan.latents import LATENTS
    from jaxgan.losses import LOSSES
    from jaxgan.parallel import distribute_population
    from jaxgan.training.population import init_population
    from jaxgan.training.step import init_state, make_train_step, scan_steps

    game = GAMES["ring"]
    generator, discriminator = game.players()
    latent = LATENTS["uniform"](game.latent)

    def parts(rate):
        tx = optax.adam(rate, b1=0.5)
        players = {"generator": generator, "discriminator": discriminator}
        return {**players, "generator_tx": tx, "discriminator_tx": tx, "latent": latent}

    def init(keys, rates):
        return init_population(lambda key, rate: init_state(key, example=jnp.zeros((2, 2)), **parts(rate)), keys, rates)

    step, place, _ = distribute_population(
        lambda rate: scan_steps(make_train_step(loss=LOSSES["non_saturating"], **parts(rate)))
    )
    rates = jnp.geomspace(1e-4, 1e-3, members)
    states = place(jax.jit(init)(jax.random.split(jax.random.key(0), members), rates))
    real = jax.random.normal(jax.random.key(1), (members, STEPS, 1, game.batch, 2))
    batches, rates = place({"real": real}), place(rates)
    for _ in sys.stdin:
        started = time.perf_counter()
        states, metrics = step(states, batches, rates)
        jax.block_until_ready((states, metrics))
        print(time.perf_counter() - started, flush=True)


def population(members: int) -> tuple[Callable[[], None], subprocess.Popen]:
    """A function that makes the worker run a chunk, and the worker."""
    cores = len(os.sched_getaffinity(0))
    flags = f"--xla_force_host_platform_device_count={cores} --xla_cpu_multi_thread_eigen=false"
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.population", "--worker", "--members", str(members)],
        **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True},  # type: ignore[arg-type]
        env=os.environ | {"XLA_FLAGS": flags},
    )

    def chunk():
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        if not process.stdout.readline():
            raise RuntimeError("the worker ended")

    return chunk, process


def measure(members: int, repeats: int) -> dict:
    """Seconds per step of one GAN, and ratios of pairs."""
    from benchmarks.step import GAMES, Ours, torch_contenders

    game = GAMES["ring"]._replace(steps=STEPS)
    chunk, process = population(members)
    try:
        functions = {"population": chunk, "one at a time": Ours(game).chunk, **torch_contenders(game)}
        seconds = timing.in_turn(functions, repeats)
    finally:
        process.kill()
    count = {name: STEPS * (members if name == "population" else 1) for name in seconds}
    each = {name: [1e6 * s / count[name] for s in values] for name, values in seconds.items()}
    torch = {name: values for name, values in each.items() if name.startswith("torch")}
    result = {
        "members": members,
        "microseconds_per_gan_step": {name: timing.summary(values) for name, values in each.items()},
        "times_one_at_a_time": timing.ratio(each["one at a time"], each["population"]),
    }
    if torch:
        better = min(torch, key=lambda name: timing.summary(torch[name])["median"])
        result |= {"better_torch": better, "times_the_better_torch": timing.ratio(torch[better], each["population"])}
    return result


def main() -> None:
    """Times populations of one or several sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="results/benchmarks/population.json")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--members", type=int, nargs="+", default=[4, MEMBERS, 64])
    parser.add_argument("--worker", action="store_true", help="only run chunks, one for every line of the input")
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.members[0])
        return
    result: dict = {str(members): measure(members, arguments.repeats) for members in arguments.members}
    for members, found in result.items():
        print(members, {name: found[name]["median"] for name in found if name.startswith("times")})
    result["machine"] = timing.machine("jaxgan", "jax", "jaxlib", "optax")
    timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
