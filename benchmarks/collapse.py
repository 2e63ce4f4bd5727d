"""How often the paper's MNIST game collapses: in a run, with the bare step, on other batches, and due to rounding.

    python -m benchmarks.collapse --data DIRECTORY_OF_IDX_FILES --out results/theory/collapse.json

The game is configs/mnist.py, with the discriminator's rate at half of the generator's. It is played with both orders of
updates, on these paths:

    run          the chunks of a run: scanned steps, data on the device, rates as arguments of the program
    step         `make_train_step`, compiled, one call per step, on the run's own batches
    replacement  the same, on batches drawn with replacement
    perturbed    like `run`, from parameters with relative perturbations of 1e-7

A game has collapsed when the mean logit of the data is above 24 and 256 samples are nearly equal, at `STAYS`
consecutive readings; it is then stopped. Each finished game is a line in `--state`, and a second call continues after
them. `--out` is written after every game. It contains the collapse rates, with Clopper-Pearson intervals at 95 %; the
distances between the games of one seed, by path; and which part of a path changes which of its numbers.
"""

import argparse
import functools
import itertools
import json
import pathlib
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from benchmarks import timing
from configs import mnist
from jaxgan.config import Experiment, build, check
from jaxgan.config.build import stacked_hyperparameters
from jaxgan.datasets import order as data_order
from jaxgan.evaluation.alarms import diversity
from jaxgan.parallel import distribute
from jaxgan.runs.data import Inputs, chunk_factory, chunks, read_inputs
from jaxgan.types import TrainState, stream

ORDERS: dict[str, dict[str, Any]] = {"alternating": {}, "simultaneous": {"updates": "simultaneous"}}
"""The config settings of each order of updates."""

READ_EVERY = 100
LOGIT = 24.0
DIVERSITY = 0.1
"""Fraction of the data's diversity below which samples are nearly equal."""

STAYS = 2
PERTURBATION = 1e-7
TRACED = 64
"""Number of pixels, of samples with fixed latents, by which games of one seed are compared."""

COMPARED = 300
"""Number of steps over which the parameters of two paths are compared."""


class Game(NamedTuple):
    """The parts of a run of one order of updates."""

    config: dict[str, Any]
    inputs: Inputs
    experiment: Experiment


def game(data: str, order: str, inputs: Inputs | None = None) -> Game:
    """The game with one order of updates; the data is read only once."""
    config = mnist.get_config("cpu")
    config.dataset.path, config.mapping = data, "jit"
    config.discriminator_optimizer.learning_rate = config.generator_optimizer.learning_rate / 2
    config.update_from_flattened_dict(ORDERS[order])
    check(config)
    plain = config.to_dict()
    inputs = read_inputs(plain) if inputs is None else inputs
    return Game(plain, inputs, build(plain, inputs.facts))


Advance = Callable[[TrainState, int, int], tuple[TrainState, dict[str, Any]]]
"""`(state, seed, start) -> state after READ_EVERY steps, metrics [READ_EVERY]`."""


def run_path(played: Game, chunk: int = READ_EVERY) -> Advance:
    """The compiled chunks of `launch.py`."""
    experiment, inputs = played.experiment, played.inputs
    step, place_state, place_batch = distribute(
        chunk_factory(experiment, inputs), mapping="jit", batch_axis=2, shared=2
    )
    numbers = place_state(jax.tree.map(lambda leaf: leaf[0], stacked_hyperparameters([played.config])))
    shared = numbers, place_state(inputs.resident_data())

    def advance(state, seed, start):
        every, stops = [], list(range(start, start + READ_EVERY + 1, chunk))
        for batch in chunks(played.config | {"seed": seed}, inputs, stops):
            state, metrics = step(state, place_batch(batch), *shared)
            every.append(metrics)
        return state, jax.tree.map(lambda *leaves: np.concatenate(leaves), *every)

    return advance


def step_path(
    played: Game, indices: Callable[[int, int], np.ndarray], scale: Callable[..., Any] = lambda bytes: bytes / 255
) -> Advance:
    """The step on its own: one compiled call per step, rates as constants, batches scaled on the host."""
    step = jax.jit(played.experiment.train_step(), donate_argnums=0)
    examples = played.inputs.dataset.train.examples

    def advance(state, seed, start):
        every = []
        for index in indices(seed, start):
            state, metrics = step(state, {"real": np.asarray(scale(examples[index]), np.float32)})
            every.append(metrics)
        return state, jax.tree.map(lambda *leaves: np.stack(leaves), *every)

    return advance


def own_batches(played: Game, seed: int, start: int) -> np.ndarray:
    """The examples that a run sees, [steps, k, batch]."""
    size, batch = played.inputs.size, played.config["batch_size"]
    return data_order.batch_indices(seed, start, start + READ_EVERY, size=size, batch_size=batch)


def drawn_batches(played: Game, seed: int, start: int) -> np.ndarray:
    """Examples drawn with replacement, [steps, k, batch]."""
    shape = READ_EVERY, 1, played.config["batch_size"]
    return np.random.default_rng([seed, start]).integers(played.inputs.size, size=shape)


def perturbed(state: TrainState, seed: int) -> TrainState:
    """Multiplies both players' parameters by 1 + PERTURBATION·ε, ε ~ N(0, 1)."""

    def perturb(params, name):
        leaves, tree = jax.tree.flatten(params)
        keys = jax.random.split(stream(jax.random.key(seed), name), len(leaves))
        moved = [x * (1 + PERTURBATION * jax.random.normal(k, x.shape)) for k, x in zip(keys, leaves, strict=True)]
        return tree.unflatten(moved)

    generator, discriminator = state.generator, state.discriminator
    return state.replace(
        generator=generator.replace(params=perturb(generator.params, "perturbed generator")),
        discriminator=discriminator.replace(params=perturb(discriminator.params, "perturbed discriminator")),
    )


PATHS: dict[str, Callable[[Game], Advance]] = {
    "run": run_path,
    "step": lambda played: step_path(played, functools.partial(own_batches, played)),
    "replacement": lambda played: step_path(played, functools.partial(drawn_batches, played)),
    "perturbed": run_path,
}


def readings(played: Game, path: str, advance: Advance, seed: int, steps: int) -> Iterator[dict[str, float]]:
    """Measures a game after every READ_EVERY steps."""
    experiment, count = played.experiment, 256
    real = np.asarray(played.inputs.dataset.train.examples[:count], np.float32) / 255
    of_real = float(jax.jit(diversity)(real))
    key = stream(jax.random.key(seed), "alarms")
    # Pixels near the centre, where digits are.
    random = np.random.default_rng(0)
    traced = random.integers(count, size=TRACED), *random.integers(8, 20, size=(2, TRACED))

    @jax.jit
    def of_samples(params):
        made = experiment.generator.apply({"params": params}, experiment.latent.sample(key, count), train=False)[0]
        return diversity(made), made[(*traced, 0)]

    state = experiment.initial_state(seed)
    if path == "perturbed":
        state = perturbed(state, seed)
    for start in range(0, steps, READ_EVERY):
        state, metrics = advance(state, seed, start)
        means = {name: round(float(np.mean(metrics[name])), 4) for name in ("d_loss", "d_real_logit", "d_fake_logit")}
        spread, pixels = of_samples(state.generator.params)
        pixels = [float(f"{pixel:.7g}") for pixel in np.asarray(pixels)]
        yield {"step": start + READ_EVERY, **means, "diversity": round(float(spread) / of_real, 4), "pixels": pixels}


def play(played: Game, path: str, advance: Advance, seed: int, steps: int) -> dict[str, Any]:
    """Plays one game, to its collapse or its last step."""
    started, streak, seen = time.monotonic(), 0, []
    for reading in readings(played, path, advance, seed, steps):
        seen.append(reading)
        streak = streak + 1 if reading["d_real_logit"] > LOGIT and reading["diversity"] < DIVERSITY else 0
        if streak == STAYS:
            break
    collapsed = seen[-STAYS]["step"] if streak == STAYS else None
    return {
        "collapsed": collapsed,
        "steps": seen[-1]["step"],
        "seconds": round(time.monotonic() - started, 1),
        "readings": seen,
    }


def differences(played: Game, seed: int = 0) -> dict[str, Any]:
    """The largest absolute difference between a parameter and the run's, on paths with one more difference each."""
    bytes = np.arange(256, dtype=np.uint8)
    scale = jax.jit(played.inputs.range.scale)
    own = functools.partial(own_batches, played)
    paths = {
        "run": run_path(played),
        "chunks of one step": run_path(played, 1),
        "the step by itself, rates as constants": step_path(played, own, scale),
        "batches scaled on the host": step_path(played, own),
        "perturbed": run_path(played),
    }
    params = {name: list(_first_steps(played, name, advance, seed)) for name, advance in paths.items()}
    apart = {
        name: [_farthest(ours, runs) for ours, runs in zip(each, params["run"], strict=True)]
        for name, each in params.items()
        if name != "run"
    }
    scaled = np.abs(np.asarray(scale(bytes), np.float64) - np.asarray(bytes / 255, np.float32))
    steps = list(range(READ_EVERY, COMPARED + 1, READ_EVERY))
    return {"seed": seed, "steps": steps, "parameters": apart, "scaled bytes": float(scaled.max())}


def _first_steps(played: Game, path: str, advance: Advance, seed: int) -> Iterator[list[np.ndarray]]:
    """The parameters after every READ_EVERY of the first COMPARED steps."""
    state = played.experiment.initial_state(seed)
    state = perturbed(state, seed) if path == "perturbed" else state
    for start in range(0, COMPARED, READ_EVERY):
        state, _ = advance(state, seed, start)
        yield [np.array(leaf) for leaf in jax.tree.leaves((state.generator.params, state.discriminator.params))]


def _farthest(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


def rates(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """By order and path: how many games collapsed, with Clopper-Pearson intervals at 95 %."""
    found: dict[str, Any] = {order: {} for order in ORDERS}
    for order, path in itertools.product(ORDERS, PATHS):
        games = [line for line in lines if (line["order"], line["path"]) == (order, path)]
        ends = {line["seed"]: line["collapsed"] for line in games}
        count = sum(end is not None for end in ends.values())
        if games:
            share = {"games": len(ends), "collapsed": count, "interval": interval(count, len(ends))}
            last = {
                line["seed"]: [line["readings"][-1][name] for name in ("d_real_logit", "diversity")] for line in games
            }
            found[order][path] = share | {"collapsed_at": ends, "last_logit_and_diversity": last}
    return found


def comparisons(found: dict[str, Any]) -> dict[str, float]:
    """Two-sided Fisher's exact tests of equal collapse rates: of a run and each other path, and of both orders."""
    pairs = [((order, "run"), (order, path)) for order in ORDERS for path in PATHS if path != "run"]
    pairs += [tuple((order, path) for order in ORDERS) for path in PATHS]
    probabilities = {}
    for one, other in pairs:
        counts = [found[order].get(path) for order, path in (one, other)]
        if all(counts):
            probabilities[f"{' '.join(one)}, {' '.join(other)}"] = _fisher(*counts)
    return probabilities


def _fisher(*counts: dict[str, Any]) -> float:
    from scipy.stats import fisher_exact

    table = [[count["collapsed"], count["games"] - count["collapsed"]] for count in counts]
    return float(f"{fisher_exact(table).pvalue:.2g}")


def pooled(found: dict[str, Any]) -> dict[str, Any]:
    """The games of all paths together, by order, with the test of equal rates."""
    result: dict[str, Any] = {}
    for order, paths in found.items():
        games, count = (sum(path[name] for path in paths.values()) for name in ("games", "collapsed"))
        result[order] = {"games": games, "collapsed": count}
        if games:
            result[order]["interval"] = interval(count, games)
    return result | {"fisher": _fisher(*(result[order] for order in ORDERS))}


def interval(count: int, games: int, level: float = 0.95) -> list[float]:
    """The Clopper-Pearson (1934) interval for a probability, given `count` of `games`."""
    from scipy.stats import binomtest

    found = binomtest(count, games).proportion_ci(level, method="exact")
    return [round(float(found.low), 4), round(float(found.high), 4)]


def distances(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Root mean squared difference of samples with the same latents, between games of one seed; median over seeds."""
    found: dict[str, Any] = {}
    for order, (one, other) in itertools.product(ORDERS, itertools.combinations(PATHS, 2)):
        pixels = {
            (line["path"], line["seed"], reading["step"]): np.array(reading["pixels"])
            for line in lines
            if line["order"] == order
            for reading in line["readings"]
        }
        by_step: dict[int, list[float]] = {}
        for (path, seed, step), values in pixels.items():
            if path == one and (other, seed, step) in pixels:
                apart = np.sqrt(np.mean((values - pixels[other, seed, step]) ** 2))
                by_step.setdefault(step, []).append(float(apart))
        if by_step:
            medians = {step: float(f"{statistics.median(each):.3g}") for step, each in sorted(by_step.items())}
            found.setdefault(order, {})[f"{one}, {other}"] = medians
    return found


def table_of(result: dict[str, Any]) -> str:
    """The collapse rates as a Markdown table, for the paths with games."""
    lines = [f"| path | {' | '.join(f'{order}: collapsed | 95 %' for order in ORDERS)} |", "|---|---|---|---|---|"]
    for path in (path for path in PATHS if any(path in result["rates"][order] for order in ORDERS)):
        cells = [path]
        for order in ORDERS:
            found = result["rates"][order].get(path)
            low, high = found["interval"] if found else (0, 1)
            cells += [f"{found['collapsed']} of {found['games']}" if found else "0 of 0", f"{low:.2f} to {high:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def result_of(lines: list[dict[str, Any]], steps: int) -> dict[str, Any]:
    """The result of the games in a state that have this number of steps."""
    games = [line for line in lines if line.get("limit") == steps]
    found = rates(games)
    return {
        "config": "configs/mnist.py, discriminator_optimizer.learning_rate=0.05",
        "collapse": {"logit": LOGIT, "diversity": DIVERSITY, "readings": STAYS, "every": READ_EVERY},
        "steps": steps,
        "perturbation": PERTURBATION,
        "rates": found,
        "pooled": pooled(found),
        "fisher": comparisons(found),
        "rms_difference_of_samples": distances(games),
        "differences": {line["order"]: line["differences"] for line in lines if "differences" in line},
        "machine": timing.machine("jaxgan", "jax", "jaxlib", "optax", "numpy", "scipy"),
    }


def main() -> None:
    """Plays the games that are missing from `--state`, and writes the result of all of its games."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="directory of MNIST's IDX files")
    parser.add_argument("--state", default="runs/collapse.jsonl", help="a line for each finished game")
    parser.add_argument("--out", default="results/theory/collapse.json")
    parser.add_argument("--seeds", type=int, default=20, help="0 to this number less 1")
    parser.add_argument("--steps", type=int, default=1_500, help="of a game that does not collapse")
    parser.add_argument("--orders", nargs="+", choices=sorted(ORDERS), default=list(ORDERS))
    parser.add_argument("--paths", nargs="+", choices=sorted(PATHS), default=list(PATHS))
    arguments = parser.parse_args()
    state = pathlib.Path(arguments.state)
    state.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.loads(line) for line in state.read_text().splitlines()] if state.exists() else []

    def keep(line: dict[str, Any]) -> None:
        with state.open("a") as file:
            file.write(json.dumps(line) + "\n")
        lines.append(line)
        timing.write(arguments.out, result_of(lines, arguments.steps))

    games = {name: game(arguments.data, name) for name in arguments.orders}
    for order in games:
        if not any(line["order"] == order for line in lines if "differences" in line):
            keep({"order": order, "differences": differences(games[order])})
    done = {(line["path"], line["order"], line["seed"]) for line in lines if line.get("limit") == arguments.steps}
    advances = {(order, path): PATHS[path](games[order]) for order, path in itertools.product(games, arguments.paths)}
    for seed, order, path in itertools.product(range(arguments.seeds), games, arguments.paths):
        if (path, order, seed) not in done:
            line = {"path": path, "order": order, "seed": seed, "limit": arguments.steps}
            keep(line | play(games[order], path, advances[order, path], seed, arguments.steps))
            print(*(lines[-1][name] for name in ("path", "order", "seed", "collapsed", "seconds")), flush=True)
    timing.write(arguments.out, result_of(lines, arguments.steps))


if __name__ == "__main__":
    main()
