"""Methods that complete partly known examples, and the error of completions."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.types import Latent

BLOCK = 5_000
"""Training examples that are compared at once."""

STEPS, STARTS, RATE, RANGE = 200, 2, 0.05, 1_000
"""Of a latent search: steps of Adam, starts, learning rate, and draws that estimate the prior's range."""


class Known(NamedTuple):
    """The known values x·m of examples [n, ...] and the mask m, 1 where a value is known: both players' condition."""

    values: chex.Array
    mask: chex.Array


def known(examples: chex.Array, mask: chex.Array) -> Known:
    """`Known` with the examples' values where the mask is 1, and 0 elsewhere."""
    return Known(jnp.where(mask > 0, examples, 0.0), mask)


def completed(given: Known, made: chex.Array) -> chex.Array:
    """m·x + (1 − m)·x̃: the known values, and x̃ [n, ...] elsewhere."""
    return jnp.where(given.mask > 0, given.values, made)


def mean_fill(given: Known, training: np.ndarray) -> np.ndarray:
    """The examples completed with the means of the training examples [n, ...]."""
    means = np.asarray(training.mean(0, dtype=np.float64), np.float32)
    return np.asarray(completed(given, jnp.broadcast_to(means[None], given.values.shape)))


def nearest_known(given: Known, training: np.ndarray) -> np.ndarray:
    """The examples completed with the training example that is nearest in the known values: argmin_t ‖m·(x − t)‖².

    Of several equally near examples it is the first.
    """
    return np.asarray(completed(given, training[nearest_index(given, training)]))


def nearest_index(given: Known, training: np.ndarray) -> np.ndarray:
    """The index [n] of the training example that is nearest in the known values; see `nearest_known`."""
    values, mask = (np.asarray(x).reshape(len(x), -1) for x in given)
    best, found = np.full(len(values), np.inf, np.float32), np.zeros(len(values), np.int64)
    for start in range(0, len(training), BLOCK):
        part = training[start : start + BLOCK].reshape(-1, mask.shape[1])
        distances, index = (np.asarray(x) for x in _nearest(values, mask, part))
        closer = distances < best
        best, found = np.where(closer, distances, best), np.where(closer, start + index, found)
    return found


@jax.jit
def _nearest(values, mask, training):
    # ‖m·(x − t)‖² without ‖m·x‖², which is equal for all t; m² = m.
    exact = functools.partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)
    distances = exact(mask, jnp.square(training).T) - 2 * exact(values, training.T)
    return distances.min(1), distances.argmin(1)


def latent_search(
    generate: Callable[[chex.Array], chex.Array], latent: Latent, given: Known, key: chex.PRNGKey, **options: Any
) -> np.ndarray:
    """The examples completed by an unconditional generator at their `searched_latents`, with the same arguments."""
    found = searched_latents(generate, latent, given, key, **options)
    return np.asarray(jax.jit(lambda z, given: completed(given, generate(z)))(found, given))


def searched_latents(
    generate: Callable[[chex.Array], chex.Array],
    latent: Latent,
    given: Known,
    key: chex.PRNGKey,
    *,
    steps: int = STEPS,
    starts: int = STARTS,
    rate: float = RATE,
) -> np.ndarray:
    """The latents [n, dim] at which an unconditional generator fits the known values best.

    argmin_z ‖m·(x − G(z))‖² is searched by Adam from draws of the prior. The latents stay in the range of many draws,
    and keep the prior's norm if it has one.

    Args:
      generate: G: `latents [n, dim] -> examples [n, ...]`, row by row; differentiable.
      latent: its prior.
      given: of n examples.
      key: draws the starts.
      steps: of Adam, ≥ 1.
      starts: searches for each example, ≥ 1; the best latent of all their steps is kept.
      rate: learning rate of Adam, in the latents' units.

    Source: Yeh et al. 2017 (arXiv:1607.07539), with squared distances and without its prior loss.
    """
    count = len(given.values)
    draws = latent.sample(jax.random.fold_in(key, starts), RANGE)
    low, high = draws.min(0, keepdims=True), draws.max(0, keepdims=True)
    search = _search(generate, optax.adam(rate), steps, lambda z: latent.nearest(jnp.clip(z, low, high)))
    best, found = np.full(count, np.inf, np.float32), np.zeros((count, latent.dim), np.float32)
    for start in range(starts):
        first = latent.sample(jax.random.fold_in(key, start), count)
        distances, latents = (np.asarray(x) for x in search(first, given))
        closer = distances < best
        best, found = np.where(closer, distances, best), np.where(closer[:, None], latents, found)
    return found


def _search(generate, tx, steps: int, allowed) -> Callable[[chex.Array, Known], Any]:
    """`(latents, given) -> (distances [n], latents [n, dim])`, the best of each example's steps."""

    def distances(latents, given):
        missed = jnp.where(given.mask > 0, generate(latents) - given.values, 0.0)
        return jnp.square(missed).reshape(len(latents), -1).sum(1)

    def search(latents, given):
        def step(carry, _):
            z, state, best, found = carry
            # Adam updates every coordinate by its own gradient only, so one sum serves all examples.
            (_, far), gradient = jax.value_and_grad(lambda z: ((d := distances(z, given)).sum(), d), has_aux=True)(z)
            closer = far < best
            best, found = jnp.where(closer, far, best), jnp.where(closer[:, None], z, found)
            updates, state = tx.update(gradient, state, z)
            return (allowed(optax.apply_updates(z, updates)), state, best, found), None

        start = latents, tx.init(latents), jnp.full(len(latents), jnp.inf), latents
        (last, _, best, found), _ = jax.lax.scan(step, start, length=steps)
        far = distances(last, given)
        return jnp.minimum(far, best), jnp.where((far < best)[:, None], last, found)

    return jax.jit(search)


def masked_rmse(completions: np.ndarray, examples: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """√(mean of (x̂ − x)² over the unknown values) of each example; NaN without unknown values.

    Args:
      completions: x̂, [..., n, *example].
      examples, mask: x and m, [n, *example].

    Returns:
      [..., n] float64.
    """
    unknown = (np.asarray(mask) == 0).reshape(len(examples), -1)
    squares = np.square(np.asarray(completions, np.float64) - examples)
    squares = squares.reshape(*squares.shape[: -examples.ndim + 1], -1)
    counts = unknown.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt((squares * unknown).sum(-1) / np.where(counts, counts, np.nan))
