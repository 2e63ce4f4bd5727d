"""Better samples of a trained GAN with its discriminator: rejection sampling, and Langevin dynamics in latent space.

Both compute log p_d(x)/p_g(x) from the discriminator's logit by `Loss.log_ratio`, which not every loss has. Penalties,
augmentations and a discriminator far from its optimum make this ratio less accurate.
"""

import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from jaxgan.types import DiscriminatorOutput, Latent, Network, TrainState

METHODS = ("plain", "optimized", "rejection", "driven")
"""From the prior; with latents optimized as in training; and the two methods of this file."""

EPSILON = 1e-6
"""ε of `acceptance_logits`."""

Propose = Callable[[chex.PRNGKey], tuple[chex.Array, chex.Array]]
"""`key -> (samples [n, ...], their log p_d/p_g [n])`."""


class Rejection(NamedTuple):
    """The result of rejection sampling.

    Attributes:
      candidates: number of candidates drawn for the samples [count, ...], without the burn-in.
      rate: the acceptance rate; 1/max(p_d/p_g) if γ = 0 and the discriminator is optimal.
      maximum: D̃_M, the largest log-ratio.
    """

    samples: chex.Array
    candidates: int
    rate: float
    maximum: chex.Array


class Round(NamedTuple):
    """One batch of candidates of rejection sampling.

    Attributes:
      samples: the candidates [n, ...].
      kept: which candidates are accepted, [n].
      candidates: number of candidates so far, without the burn-in.
      accepted: number of accepted candidates so far.
      maximum: D̃_M, the largest log-ratio so far.
    """

    samples: chex.Array
    kept: chex.Array
    candidates: int
    accepted: int
    maximum: chex.Array


class TooFewAccepted(ValueError):
    """Rejection sampling accepts so few candidates that it would not finish."""


def discriminate(
    discriminator: Network, state: TrainState, examples: chex.Array, *, condition: chex.ArrayTree | None = None
) -> chex.Array:
    """D's logits [batch] for examples [batch, ...], in evaluation mode; of patches their mean."""
    outputs, _ = discriminator.apply(state.discriminator.variables, examples, condition=condition, train=False)
    return DiscriminatorOutput.of(outputs).example_logits


def acceptance_logits(log_ratios: chex.Array, maximum: chex.Array, gamma: chex.Numeric = 0.0) -> chex.Array:
    """F̂(x) = D̃(x) − D̃_M − log(1 − e^(D̃(x) − D̃_M − ε)) − γ; a sample is accepted with probability sigmoid(F̂).

    With γ = 0 this probability is e^(D̃ − D̃_M), and accepted samples are distributed as p_d. A larger γ accepts fewer
    samples, with larger ratios.

    Args:
      log_ratios: D̃(x) = log p_d(x)/p_g(x), [n], at most `maximum`, which is D̃_M.

    Source: Azadi et al. 2019 (arXiv:1810.06758), section 3.
    """
    below = log_ratios - maximum
    return below - jnp.log(-jnp.expm1(below - EPSILON)) - gamma


def accept(
    key: chex.PRNGKey, log_ratios: chex.Array, maximum: chex.Array, percentile: float = 0.0
) -> tuple[chex.Array, chex.Array]:
    """Which of the candidates [n] are accepted, and D̃_M updated by them.

    Args:
      key, log_ratios, maximum: for the draws, and as for `acceptance_logits`; D̃_M before these candidates.
      percentile: if in (0, 100), γ is this percentile of F over the candidates; 0 means γ = 0.
    """
    maximum = jnp.maximum(maximum, log_ratios.max())
    logits = acceptance_logits(log_ratios, maximum)
    if percentile:
        logits = logits - jnp.percentile(logits, percentile)
    return jax.random.uniform(key, log_ratios.shape) < jax.nn.sigmoid(logits), maximum


def rejection_rounds(
    propose: Propose, key: chex.PRNGKey, *, burn_in: int = 10_000, percentile: float = 0.0
) -> Iterator[Round]:
    """Endless discriminator rejection sampling, one batch of candidates at a time.

    Args:
      propose, key, burn_in, percentile: as for `rejection_sample`.

    Raises:
      TooFewAccepted: fewer than one in a thousand is accepted, or log-ratios are not finite.

    Source: Azadi et al. 2019 (arXiv:1810.06758), section 3.
    """
    first, main = jax.random.split(key)
    maximum, seen = jnp.array(-jnp.inf), 0
    while seen < burn_in:
        _, ratios = propose(jax.random.fold_in(first, seen))
        maximum, seen = jnp.maximum(maximum, ratios.max()), seen + len(ratios)
    if not jnp.isfinite(maximum):
        raise TooFewAccepted(f"the largest log-ratio of {seen:,} candidates is {maximum}")
    candidates, accepted = 0, 0
    while True:
        if accepted < candidates // 1_000 - 100:
            raise TooFewAccepted(f"{accepted:,} of {candidates:,} candidates were accepted")
        draw, choose = jax.random.split(jax.random.fold_in(main, candidates))
        samples, ratios = propose(draw)
        kept, maximum = accept(choose, ratios, maximum, percentile)
        candidates, accepted = candidates + len(samples), accepted + int(kept.sum())
        yield Round(samples, kept, candidates, accepted, maximum)


def rejection_sample(
    propose: Propose, key: chex.PRNGKey, count: int, *, burn_in: int = 10_000, percentile: float = 0.0
) -> Rejection:
    """Discriminator rejection sampling: draws batches of candidates until enough are accepted.

    Args:
      propose: draws a batch of samples with their log-ratios; should be compiled.
      key: for all draws; the first n samples for a key do not depend on the count.
      count: number of samples, ≥ 1.
      burn_in: number of candidates used first to estimate D̃_M, ≥ 1.
      percentile: as for `accept`.

    Raises:
      TooFewAccepted: fewer than one in a thousand is accepted, or log-ratios are not finite.

    Source: Azadi et al. 2019 (arXiv:1810.06758), section 3.
    """
    found, before = None, 0
    for drawn in rejection_rounds(propose, key, burn_in=burn_in, percentile=percentile):
        samples, kept = drawn.samples, drawn.kept
        found = jnp.zeros((count, *samples.shape[1:]), samples.dtype) if found is None else found
        # The arrays have the same shape in every round, to avoid recompilation.
        places = jnp.where(kept, before + jnp.cumsum(kept) - 1, count)
        found, before = found.at[places].set(samples, mode="drop"), drawn.accepted
        if drawn.accepted >= count:
            return Rejection(found, drawn.candidates, drawn.accepted / drawn.candidates, drawn.maximum)
    raise AssertionError("the rounds have no end")


def langevin(
    log_density: Callable[[chex.Array], chex.Array],
    key: chex.PRNGKey,
    start: chex.Array,
    *,
    steps: int,
    step_size: chex.Numeric,
    adjusted: bool = False,
) -> tuple[chex.Array, chex.Array]:
    """Langevin dynamics, one chain per row: u ← u + ε/2·∇log p(u) + √ε·n, n ~ N(0, I).

    Its distribution converges to p, up to an error that vanishes with ε. With `adjusted`, each step is a
    Metropolis-Hastings proposal, which removes this error.

    Args:
      log_density: rows [n, dim] -> log p(u) + const [n]; each value depends only on its own row.
      key: for the noise.
      start: [n, dim].
      steps: ≥ 0.
      step_size: ε > 0.
      adjusted: whether steps can be rejected.

    Returns:
      The rows after the steps, and the fraction of accepted steps (1 if not adjusted).

    Source: Che et al. 2020 (arXiv:2003.06060), Algorithm 1; adjusted: Roberts and Tweedie 1996 (Bernoulli 2), MALA.
    """

    def evaluate(u):
        density, back = jax.vjp(log_density, u)
        return density, back(jnp.ones_like(density))[0]

    def log_transition(end, u, gradient):
        return -jnp.square(end - u - step_size / 2 * gradient).sum(1) / (2 * step_size)

    def step(carry, step_key):
        u, density, gradient = carry
        noise, choose = jax.random.split(step_key)
        end = u + step_size / 2 * gradient + jnp.sqrt(step_size) * jax.random.normal(noise, u.shape, u.dtype)
        after = end, *evaluate(end)
        if not adjusted:
            return after, jnp.ones(())
        back, forth = log_transition(u, end, after[2]), log_transition(end, u, gradient)
        kept = jnp.log(jax.random.uniform(choose, density.shape)) < after[1] - density + back - forth
        return jax.tree.map(functools.partial(jax.vmap(jnp.where), kept), after, carry), kept.mean()

    (end, _, _), rates = jax.lax.scan(step, (start, *evaluate(start)), jax.random.split(key, steps))
    return end, rates.mean() if steps else jnp.ones(())


def driven_latents(
    log_ratio: Callable[[chex.Array], chex.Array],
    latent: Latent,
    key: chex.PRNGKey,
    count: int,
    *,
    steps: int,
    step_size: chex.Numeric,
    adjusted: bool = False,
) -> tuple[chex.Array, chex.Array]:
    """Discriminator-driven latent sampling: draws latents with the energy E(z) = −log p_0(z) − d(G(z)).

    Their examples G(z) are distributed as p_d. The chains run on u ~ N(0, I) with z = T(u), where T maps a normal
    distribution to the prior, so a bounded prior keeps its bounds: log p(u) = −‖u‖²/2 + d(G(T(u))). For a normal prior,
    u = z.

    Args:
      log_ratio: z [n, dim] -> d(G(z)) = log p_d/p_g at G(z), [n].
      latent: the prior p_0, with `from_normal`.
      key, steps, step_size, adjusted: as for `langevin`; the key also draws the initial `count` latents.

    Returns:
      Latents [count, dim], and the fraction of accepted steps.

    Raises:
      ValueError: the prior has no `from_normal`.

    Source: Che et al. 2020 (arXiv:2003.06060), Algorithm 1.
    """
    transform = latent.from_normal
    if transform is None:
        raise ValueError("chains cannot move this latent: it is not a function of a normal one")
    start, noise = jax.random.split(key)
    u = jax.random.normal(start, (count, latent.dim))

    def log_density(u):
        return -jnp.square(u).sum(1) / 2 + log_ratio(transform(u))

    u, rate = langevin(log_density, noise, u, steps=steps, step_size=step_size, adjusted=adjusted)
    return transform(u), rate
