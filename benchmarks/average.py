"""The moving average of a DCGAN early in training: which batch statistics go with it, and the cost of initial weights.

    python -m benchmarks.average --out results/benchmarks/average.json

`configs/dcgan.py` with a quarter of its widths. Along one run per seed, samples are drawn from the current generator
and from its averages (β = .99). Their score is the Fréchet distance of their pixels, means over 4 × 4, to the training
digits'. With averaged parameters, the batch statistics are those of the current generator ("raw"), their average, or
those of the averaged generator ("its own"), as the library keeps them. Debiased averages, as `average_debias` keeps
them, are (ā_n − βⁿ·ā_0)/(1 − βⁿ); their own statistics are from 50 further batches.
"""

import argparse
import json

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import timing
from benchmarks.scores import over_seeds
from configs import dcgan
from jaxgan.config import build, check
from jaxgan.datasets import feed, order
from jaxgan.evaluation.frechet import frechet_distance
from jaxgan.runs.data import read_inputs

DECAY, WIDTHS, BATCH, SAMPLES = 0.99, (32, 16), 32, 2_000


def features(images: jax.Array) -> np.ndarray:
    """Means over 4 × 4 pixels: [n, 49] of [n, 28, 28, 1]."""
    return np.asarray(images.reshape(len(images), 7, 4, 7, 4).mean((2, 4)).reshape(len(images), 49))


def variants(state, statistics, first, generator, batches):
    """The parameters and statistics from which samples are drawn, by name."""
    weight = DECAY ** state.step.astype(jnp.float32)

    def debiased(average, start):
        return jax.tree.map(lambda a, b: (a - weight * b) / (1 - weight), average, start)

    def own(params):
        def step(found, latents):
            return generator.apply({"params": params, **found}, latents, train=True)[1], None

        return jax.lax.scan(step, state.average_state, batches)[0]

    raw, average = state.generator, state.average_params
    unbiased = debiased(average, first.params), debiased(statistics, first.model_state)
    return {
        "no average": (raw.params, raw.model_state),
        "average, raw statistics": (average, raw.model_state),
        "average, averaged statistics": (average, statistics),
        "average, its own statistics": (average, state.average_state),
        "debiased, raw statistics": (unbiased[0], raw.model_state),
        "debiased, averaged statistics": unbiased,
        "debiased, its own statistics": (unbiased[0], own(unbiased[0])),
    }


def measure(seeds: list[int], stops: list[int]) -> dict:
    """Distances by variant, over the seeds, after the given numbers of steps, which are multiples of the first."""
    config = dcgan.get_config()
    config.generator.widths, config.discriminator.widths = WIDTHS, WIDTHS[::-1]
    config.average_decay, config.batch_size = DECAY, BATCH
    check(config)
    inputs = read_inputs(config)
    experiment = build(config, inputs.facts)
    generator, data = experiment.generator, inputs.resident_data()
    real = features(inputs.range.scale(jnp.asarray(data["examples"])))
    train_step = experiment.train_step()

    @jax.jit
    def train(state, statistics, batches):
        def step(carry, batch):
            state, _ = train_step(carry[0], batch)
            newest = state.generator.model_state
            return (state, jax.tree.map(lambda a, b: DECAY * a + (1 - DECAY) * b, carry[1], newest)), None

        return jax.lax.scan(step, (state, statistics), batches)[0]

    keys = jax.random.split(jax.random.key(0))
    latents = experiment.latent.sample(keys[0], SAMPLES)
    batches = jax.vmap(lambda key: experiment.latent.sample(key, BATCH))(jax.random.split(keys[1], 50))

    @jax.jit
    def samples(state, statistics, first):
        def draw(params, statistics):
            return generator.apply({"params": params, **statistics}, latents)[0]

        return {name: draw(*parts) for name, parts in variants(state, statistics, first, generator, batches).items()}

    found: dict[int, dict[str, list[float]]] = {stop: {} for stop in stops}
    for seed in seeds:
        state, done = experiment.initial_state(seed), 0
        first, statistics = state.generator, state.generator.model_state
        for stop in stops:
            while done < stop:  # chunks of the same length are compiled only once
                indices = order.batch_indices(seed, done, done + stops[0], size=inputs.size, batch_size=BATCH)
                state, statistics = train(state, statistics, feed.gather(data, jnp.asarray(indices), inputs.range))
                done += stops[0]
            for name, images in samples(state, statistics, first).items():
                found[stop].setdefault(name, []).append(frechet_distance(features(images), real))
    return {str(stop): {name: over_seeds(values) for name, values in by.items()} for stop, by in found.items()}


def main() -> None:
    """Measures, prints and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="results/benchmarks/average.json")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--stops", type=int, nargs="+", default=[100, 200, 400])
    arguments = parser.parse_args()
    result = {
        "frechet_distance_by_steps": measure(arguments.seeds, arguments.stops),
        "decay": DECAY,
        "generator_widths": WIDTHS,
        "batch_size": BATCH,
        "samples": SAMPLES,
        "seeds": arguments.seeds,
        "machine": timing.machine("jaxgan", "jax", "jaxlib", "numpy"),
    }
    print(json.dumps(result, indent=2))
    timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
