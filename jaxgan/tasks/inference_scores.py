"""Scores of encoders, and of simpler methods on the same examples."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.evaluation.base import Score, compare
from jaxgan.tasks.base import PlainGenerator, ScoreInputs, Scores, mean_and_error
from jaxgan.tasks.completions import Known, latent_searcher, nearest_indices
from jaxgan.types import Latent, Network, example_keys

BATCH, RATE = 128, 1e-3
"""For a fitted regressor: latents per step, and Adam's initial learning rate, with cosine decay to 0."""

NOISE = 1
"""Folded into a step's key to draw corruptions; the latents use the key itself."""

PART = 1_000
"""Number of examples encoded or compared at once."""

COMPONENTS, ITERATIONS = 40, 6
"""Number of principal components for a nearest-neighbour baseline, and number of iterations that compute them."""

Encode = Callable[[np.ndarray], np.ndarray]
"""`examples [n, ...] -> codes [n, dim]`, computed in parts."""

Encoders = dict[str, tuple[Encode, PlainGenerator]]
"""Encoders with the generators that they invert, by method."""

MEANING = (
    "1-NN accuracy: test examples whose nearest training example, by Euclidean distance of the codes E(x), has their "
    "label; pca: of the images' first {components} principal components. reconstruction rmse: of G(E(x)), images in "
    "[0, 1]. latent rmse: of E(G(z)) to z ~ p_z, over all coordinates; prior mean: a guess that sees no image. Means "
    "over examples ± standard errors."
)
REGRESSOR = "regressor: E fitted in {steps:,} steps to E(G(z)) ≈ z for this run's G; latent search: z by gradients."
OTHER = "other: the same of the generator of {name}, a GAN without an encoder."
NO_REGRESSOR = "latent search: z by gradients. Left out: regressor; --config.inference.fit_steps is 0."
NO_LABELS = "Left out: 1-NN accuracy, as the data has no labels, or is not read completely."


class Encoded(NamedTuple):
    """The condition that requests E(x) of examples [n, ...] from a trained generator with an encoder."""

    examples: chex.Array


def corrupted(keys: chex.PRNGKey, examples: chex.Array, *, noise: float = 0.0, masking: float = 0.0) -> chex.Array:
    """m·(x + σ·ε), ε ~ N(0, I). Corrupted inputs make E robust to real examples, which G cannot reproduce exactly.

    Args:
      keys: [n].
      examples: x [n, ...].
      noise: ≥ 0, in units of the networks' range: σ ~ U(0, noise) per example.
      masking: in [0, 1]: each value of m is 0 with probability p, else 1, where p ~ U(0, masking) per example.

    Source: the corruptions of denoising autoencoders, Vincent et al. 2010, JMLR 11, for a regressor's inputs.
    """

    def one(key, example):
        size, each, share, value = jax.random.split(key, 4)
        if noise:
            example += noise * jax.random.uniform(size) * jax.random.normal(each, example.shape)
        if masking:
            dropped = jax.random.bernoulli(value, masking * jax.random.uniform(share), example.shape)
            example = jnp.where(dropped, 0.0, example)
        return example

    return jax.vmap(one)(keys, examples) if noise or masking else examples


def fit_encoder(
    generate: Callable[[chex.Array], chex.Array],
    latent: Latent,
    encoder: Network,
    key: chex.PRNGKey,
    *,
    steps: int,
    batch: int = BATCH,
    rate: float = RATE,
    corruption: Mapping[str, float] = {},
) -> Encode:
    """Fits the latent regressor of a fixed generator: argmin_E E ‖E(c(G(z))) − z‖², z ~ p_z, by Adam.

    Args:
      generate: G: `latents [n, dim] -> examples [n, ...]`, traceable.
      latent: the prior p_z(z).
      encoder: E, maps examples to [n, dim], without state and noise.
      key: initialises E, and draws the latents.
      steps: number of steps, ≥ 1.
      batch: latents per step, ≥ 1.
      rate: initial learning rate of Adam, with cosine decay to 0.
      corruption: arguments of c = `corrupted`.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), section 7, item 2; the latent regressor of Donahue et al. 2017
    (arXiv:1605.09782).
    """
    tx = optax.adam(optax.cosine_decay_schedule(rate, steps))

    def loss(params, latents, key):
        seen = corrupted(example_keys(key, batch), generate(latents), **corruption)
        return jnp.square(encoder.apply({"params": params}, seen)[0] - latents).sum(-1).mean()

    def step(carry, key):
        params, state = carry
        gradient = jax.grad(loss)(params, latent.sample(key, batch), jax.random.fold_in(key, NOISE))
        updates, state = tx.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), None

    def fit(key):
        init_key, draw_key = jax.random.split(key)
        params = encoder.init(init_key, generate(latent.sample(draw_key, 2)))["params"]
        return jax.lax.scan(step, (params, tx.init(params)), jax.random.split(draw_key, steps))[0][0]

    params = jax.jit(fit)(key)
    encode = jax.jit(lambda params, examples: encoder.apply({"params": params}, examples)[0])
    return lambda examples: _in_parts(lambda part: encode(params, part), examples)


def principal_components(training: np.ndarray, count: int) -> Encode:
    """Projection onto the first principal components of training examples, `examples [n, ...] -> [n, count]`.

    Args:
      training: [n, ...].
      count: ≥ 1; at most the number of values of an example.

    Source: subspace iteration with twice as many directions, Halko et al. 2011 (arXiv:0909.4061), algorithm 4.4. It
    needs no [dim, dim] matrix, which would not fit in memory for large images.
    """
    rows = training.reshape(len(training), -1)
    mean = rows.mean(0, dtype=np.float64).astype(np.float32)
    draws = np.random.default_rng(0).normal(size=(rows.shape[1], min(2 * count, *rows.shape)))
    basis = np.linalg.qr(draws.astype(np.float32))[0]
    for _ in range(ITERATIONS):
        inner = rows @ basis - mean @ basis
        basis = np.linalg.qr(rows.T @ inner - np.outer(mean, inner.sum(0)))[0]
    directions = basis @ np.linalg.svd(rows @ basis - mean @ basis, full_matrices=False)[2][:count].T
    return lambda examples: (examples.reshape(len(examples), -1) - mean) @ directions


def _in_parts(function: Callable[[np.ndarray], chex.Array], values: np.ndarray) -> np.ndarray:
    return np.concatenate([np.asarray(function(values[i : i + PART])) for i in range(0, len(values), PART)])


def measure(
    trained: ScoreInputs,
    *,
    encodes: bool,
    fits: Callable[[Latent], Network],
    steps: int,
    count: int,
    corruption: Mapping[str, float] = {},
) -> Scores:
    """Scores of encoders: "1-NN accuracy" of the codes, with labels, "reconstruction rmse" and "latent rmse".

    Args:
      trained: the generator and the data.
      encodes: whether the generator accepts the condition `Encoded`.
      fits: `prior -> network` of a regressor to fit, with `steps` (0: none) and `corruption` as in `fit_encoder`.
      count: maximum number of test examples to reconstruct, and of latents to infer.
    """
    example_key, fit_key, latent_key, search_key = jax.random.split(trained.key, 4)
    chosen = np.sort(np.asarray(jax.random.permutation(example_key, len(trained.test)))[:count])
    assert trained.own is not None
    generators = {"": trained.own} | ({} if trained.other is None else {"other ": trained.other})
    encoders: Encoders = {}
    if encodes:
        encoders["this run"] = (
            lambda x: trained.generate(np.zeros((len(x), trained.latent.dim), np.float32), Encoded(x)),
            trained.own,
        )
    for name, own in generators.items() if steps else ():
        fit = fit_encoder(own.generate, own.latent, fits(own.latent), fit_key, steps=steps, corruption=corruption)
        encoders[f"{name}regressor"] = fit, own
    notes = [MEANING.format(components=COMPONENTS), REGRESSOR.format(steps=steps) if steps else NO_REGRESSOR]
    notes += [] if trained.other is None else [OTHER.format(name=trained.other.name)]
    found = [_reconstructions(trained, encoders, generators, trained.test[chosen], search_key)]
    found += [_latents(trained, encoders, latent_key, count)] if encoders else []
    if trained.train_labels is None or trained.test_labels is None:
        return Scores(tuple(found), (*notes, NO_LABELS))
    return Scores((_neighbours(trained, encoders), *found), tuple(notes))


def _neighbours(trained: ScoreInputs, encoders: Encoders) -> Score:
    assert trained.train_labels is not None
    ways: dict[str, Encode] = {name: encode for name, (encode, _) in encoders.items()}
    ways["pixels"] = lambda x: x.reshape(len(x), -1)
    ways["pca"] = principal_components(trained.train, COMPONENTS)
    values = {}
    for name, way in ways.items():
        training, tested = way(trained.train), way(trained.test)
        parts = [Known(x, np.ones_like(x)) for x in np.split(tested, range(PART, len(tested), PART))]
        nearest = np.concatenate([nearest_indices(part, training)[0] for part in parts])
        values[name] = mean_and_error(trained.train_labels[nearest] == trained.test_labels)
    return compare("1-NN accuracy", values, "higher", len(trained.test))


def _reconstructions(
    trained: ScoreInputs,
    encoders: Encoders,
    generators: dict[str, PlainGenerator],
    examples: np.ndarray,
    key: chex.PRNGKey,
) -> Score:
    generate = {own.name: jax.jit(own.generate) for own in generators.values()}
    made = {name: _in_parts(generate[own.name], encode(examples)) for name, (encode, own) in encoders.items()}
    everything = Known(examples, np.ones_like(examples))
    for name, own in generators.items():
        found = latent_searcher(own.generate, own.latent)(everything, key)
        made[f"{name}latent search"] = _in_parts(generate[own.name], found)
    made["mean image"] = np.broadcast_to(trained.train.mean(0, dtype=np.float64), examples.shape).astype(np.float32)
    unit = trained.unit
    values = {name: mean_and_error(_rmse(unit(each), unit(examples))) for name, each in made.items()}
    return compare("reconstruction rmse", values, "lower", len(examples))


def _latents(trained: ScoreInputs, encoders: Encoders, key: chex.PRNGKey, count: int) -> Score:
    """The error of E(G(z)) as an estimate of z. The baseline, the prior's mean, is a blind guess."""
    values = {}
    for name, (encode, own) in encoders.items():
        latents = np.asarray(own.latent.sample(key, count))
        values[name] = mean_and_error(_rmse(encode(_in_parts(jax.jit(own.generate), latents)), latents))
    latents = np.asarray(trained.latent.sample(key, count))
    values["prior mean"] = mean_and_error(_rmse(latents.mean(0, keepdims=True), latents))
    return compare("latent rmse", values, "lower", count)


def _rmse(values: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """√(mean of squared differences) per example, [n] float64."""
    squares = np.square(np.asarray(values, np.float64) - truth)
    return np.sqrt(squares.reshape(len(squares), -1).mean(1))
