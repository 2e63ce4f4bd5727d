"""Methods that complete partially known examples, and the error of completions."""

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
"""Number of training examples compared at once."""

STEPS, STARTS, RATE, RANGE = 200, 2, 0.05, 1_000
"""Settings of a latent search: Adam steps, starts, learning rate, and draws that estimate the prior's range."""


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
    """The examples, completed with the means of the training examples [n, ...]."""
    means = np.asarray(training.mean(0, dtype=np.float64), np.float32)
    return np.asarray(completed(given, jnp.broadcast_to(means[None], given.values.shape)))


def nearest_known(given: Known, training: np.ndarray) -> np.ndarray:
    """The examples, completed with the training example nearest in the known values: argmin_t ‖m·(x − t)‖².

    Ties go to the first example.
    """
    return k_nearest_known(given, training, 1)[0]


def k_nearest_known(given: Known, training: np.ndarray, count: int) -> np.ndarray:
    """The completions [count, n, ...] from the nearest training examples, in order; fewer if there are not enough."""
    indices = nearest_indices(given, training, count)
    return np.stack([np.asarray(completed(given, training[index])) for index in indices])


def nearest_indices(given: Known, training: np.ndarray, count: int = 1) -> np.ndarray:
    """The indices [count, n] of the training examples nearest in the known values; see `nearest_known`."""
    values, mask = (np.asarray(x).reshape(len(x), -1) for x in given)
    best, found = np.empty((len(values), 0), np.float32), np.empty((len(values), 0), np.int64)
    for start in range(0, len(training), BLOCK):
        part = training[start : start + BLOCK].reshape(-1, mask.shape[1])
        distances, index = (np.asarray(x) for x in _nearest(values, mask, part, min(count, len(part))))
        best, found = np.concatenate([best, distances], 1), np.concatenate([found, start + index], 1)
        order = best.argsort(1, kind="stable")[:, :count]
        best, found = np.take_along_axis(best, order, 1), np.take_along_axis(found, order, 1)
    return found.T


@functools.partial(jax.jit, static_argnames="count")
def _nearest(values, mask, training, count):
    # ‖m·(x − t)‖² without ‖m·x‖², which is the same for all t; m² = m.
    exact = functools.partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)
    distances = exact(mask, jnp.square(training).T) - 2 * exact(values, training.T)
    least, index = jax.lax.top_k(-distances, count)  # the first of equals, like argmin
    return -least, index


def latent_search(
    generate: Callable[[chex.Array], chex.Array], latent: Latent, given: Known, key: chex.PRNGKey, **options: Any
) -> np.ndarray:
    """The examples, completed by an unconditional generator at the latents that a `latent_searcher` finds."""
    return latent_completer(generate, latent, **options)(given, key)


def latent_completer(
    generate: Callable[[chex.Array], chex.Array], latent: Latent, **options: Any
) -> Callable[[Known, chex.PRNGKey], np.ndarray]:
    """`(given, key) -> completions` of `latent_search`; compiled once for all examples of the same shape."""
    search = latent_searcher(generate, latent, **options)
    complete = jax.jit(lambda latents, given: completed(given, generate(latents)))
    return lambda given, key: np.asarray(complete(search(given, key), given))


def latent_searcher(
    generate: Callable[[chex.Array], chex.Array],
    latent: Latent,
    *,
    steps: int = STEPS,
    starts: int = STARTS,
    rate: float = RATE,
) -> Callable[[Known, chex.PRNGKey], np.ndarray]:
    """A function `(given, key) -> latents [n, dim]` at which an unconditional generator best fits the known values.

    It searches argmin_z ‖m·(x − G(z))‖² with Adam, starting from draws of the prior. The latents stay in the range of
    many draws, and keep the prior's norm if it has one.

    Args:
      generate: G: `latents [n, dim] -> examples [n, ...]`, row by row; differentiable.
      latent: the prior.
      steps: number of Adam steps, ≥ 1.
      starts: number of searches per example, ≥ 1; the best latent over all of their steps is kept.
      rate: learning rate of Adam, in units of the latents.

    Source: Yeh et al. 2017 (arXiv:1607.07539), with squared distances and without its prior loss.
    """
    tx = optax.adam(rate)

    def distances(latents, given):
        missed = jnp.where(given.mask > 0, generate(latents) - given.values, 0.0)
        return jnp.square(missed).reshape(len(latents), -1).sum(1)

    @jax.jit
    def search(latents, given, low, high):
        """The smallest distances [n], and their latents [n, dim], over all steps from these latents."""

        def step(carry, _):
            z, state, best, found = carry
            # Adam updates each coordinate only by its own gradient, so a single sum serves all examples.
            (_, far), gradient = jax.value_and_grad(lambda z: ((d := distances(z, given)).sum(), d), has_aux=True)(z)
            closer = far < best
            best, found = jnp.where(closer, far, best), jnp.where(closer[:, None], z, found)
            updates, state = tx.update(gradient, state, z)
            z = latent.nearest(jnp.clip(optax.apply_updates(z, updates), low, high))
            return (z, state, best, found), None

        start = latents, tx.init(latents), jnp.full(len(latents), jnp.inf), latents
        (last, _, best, found), _ = jax.lax.scan(step, start, length=steps)
        far = distances(last, given)
        return jnp.minimum(far, best), jnp.where((far < best)[:, None], last, found)

    def search_all(given, key):
        draws = latent.sample(jax.random.fold_in(key, starts), RANGE)
        low, high = draws.min(0, keepdims=True), draws.max(0, keepdims=True)
        firsts = [latent.sample(jax.random.fold_in(key, start), len(given.values)) for start in range(starts)]
        found = [search(first, given, low, high) for first in firsts]
        least, latents = (np.stack([np.asarray(x) for x in part]) for part in zip(*found, strict=True))
        return latents[np.where(np.isnan(least), np.inf, least).argmin(0), np.arange(len(given.values))]

    return search_all


def masked_rmse(completions: np.ndarray, examples: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """√(mean of (x̂ − x)² over the unknown values) of each example; NaN if it has no unknown values.

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
