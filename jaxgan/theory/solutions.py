"""The solution of each loss: optimal discriminator, values at equilibrium, and the divergence the generator minimises.

The losses are the library's own. With p_d and p_g known, the loss of a minibatch becomes an expectation over the points
(`expected_loss`), and the discriminator becomes a table with one logit per point.

The divergence of a loss is the one whose gradient the generator follows if the discriminator is optimal and, as in
training, held fixed while the generator moves. For a loss E_{p_g}[g(l)] with optimal logits l*(r), r = p_g/p_d, this is
the f-divergence E_{p_d}[φ(p_g/p_d)] with φ′(r) = g(l*(r)), φ(1) = 0.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxgan.tables import Table
from jaxgan.theory.distributions import data_and_generator, expectation, floating
from jaxgan.theory.game import LOG4, optimal_discriminator, optimal_logits
from jaxgan.theory.information import f_divergence, kl_divergence


class Solution(NamedTuple):
    """The theoretical results for one loss.

    Attributes:
      optimal_logits: `(p_data, p_generator) -> logits [..., n]` that minimise the discriminator's loss; if several do,
        the one nearest to 0.
      discriminator_loss, generator_loss: the losses at equilibrium: p_g = p_d and optimal logits.
      divergence: `(p_data, p_generator, *, cell_width) -> [...]`: ≥ 0, 0 for equal distributions. Its gradient with
        respect to p_g, along the simplex, is that of the generator's loss with the optimal discriminator held fixed.
      statement: the divergence as a formula.
      equilibrium_logit: the optimal logit at p_g = p_d; the same everywhere.
      bound: the largest |logit| that the discriminator may have; None if the loss has a minimum without a bound.
    """

    optimal_logits: Callable[[ArrayLike, ArrayLike], jax.Array]
    discriminator_loss: float
    generator_loss: float
    divergence: Callable[..., jax.Array]
    statement: str
    equilibrium_logit: float = 0.0
    bound: float | None = None


def expected_loss(
    loss: Callable[[jax.Array, jax.Array], jax.Array],
    logits: ArrayLike,
    p_data: ArrayLike,
    p_generator: ArrayLike,
    *,
    cell_width: float = 1.0,
) -> jax.Array:
    """Σ_ij p_d(x_i) p_g(x_j) loss(l_i, l_j): the exact expectation of a minibatch loss.

    Args:
      loss: `(real_logits [batch], fake_logits [batch]) -> scalar`, a mean over the batch; either half of a `Loss`.
      logits: [n], the discriminator's logit at each point; may be infinite if the loss is finite there.
      p_data, p_generator, cell_width: as in `jaxgan.theory.game`, but [n].

    Returns:
      Scalar. For a loss that compares a logit with others of its own batch, the value for batches of one example.
    """
    p_data, p_generator = data_and_generator(p_data, p_generator, cell_width)
    logits = floating(logits)
    if p_data.ndim != 1 or logits.shape != p_data.shape:
        raise ValueError(f"logits and distributions must be vectors of one length, got {logits.shape}, {p_data.shape}")

    def of_pair(real_logit, fake_logit):
        return loss(real_logit[None], fake_logit[None])

    def of_real(real_logit):
        return expectation(p_generator, jax.vmap(of_pair, (None, 0))(real_logit, logits), cell_width)

    return expectation(p_data, jax.vmap(of_real)(logits), cell_width)


def _sign(p_data: ArrayLike, p_generator: ArrayLike) -> jax.Array:
    """+1 where data are more likely, −1 where generated examples are, 0 where they are equally likely."""
    p_data, p_generator = data_and_generator(p_data, p_generator, None)
    return jnp.sign(p_data - p_generator)


def _softened_reverse_kl(p_data, p_generator, *, cell_width=1.0):
    # KL(p_g‖p_d) − 2·JSD(p_d‖p_g), in a form that avoids the difference of two large numbers.
    p_data, p_generator = data_and_generator(p_data, p_generator, cell_width)
    return 2 * kl_divergence((p_data + p_generator) / 2, p_data, cell_width=cell_width)


def _kl_less_triangular(p_data, p_generator, *, cell_width=1.0):
    # φ′(r) = ½(r/(1 + r))², integrated. The triangular discrimination Σ (p − q)²/(p + q) is twice the Pearson χ² of one
    # of them against the mean of both, up to linear terms.
    p_data, p_generator = data_and_generator(p_data, p_generator, cell_width)
    middle = (p_data + p_generator) / 2
    triangular = 2 * f_divergence(p_data, middle, "pearson", cell_width=cell_width)
    return kl_divergence(p_data, middle, cell_width=cell_width) - triangular / 8


def _twice(name: str) -> Callable[..., jax.Array]:
    return lambda p_data, p_generator, **options: 2 * f_divergence(p_data, p_generator, name, **options)


SOLUTIONS: dict[str, Solution] = Table("solution of the loss") | {
    # Goodfellow et al. 2014 (arXiv:1406.2661), Proposition 1 and Theorem 1.
    "minimax": Solution(optimal_logits, LOG4, -LOG4 / 2, _twice("jensen_shannon"), "2 JSD(p_d‖p_g)"),
    # Arjovsky and Bottou 2017 (arXiv:1701.04862), Theorem 2.5; as one f-divergence: Shannon et al. 2020
    # (arXiv:2010.08029).
    "non_saturating": Solution(
        optimal_logits, LOG4, LOG4 / 2, _softened_reverse_kl, "KL(p_g‖p_d) − 2 JSD(p_d‖p_g) = 2 KL(½(p_d + p_g)‖p_d)"
    ),
    # Goodfellow 2014 (arXiv:1412.6515), section 4.
    "maximum_likelihood": Solution(optimal_logits, LOG4, -1.0, kl_divergence, "KL(p_d‖p_g)"),
    # Mao et al. 2017 (arXiv:1611.04076), equation 5, for the optimum; its Pearson χ² needs targets that differ by 2.
    "least_squares": Solution(
        optimal_discriminator,
        0.25,
        0.125,
        _kl_less_triangular,
        "KL(p_d‖½(p_d + p_g)) − ⅛ Σ (p_d − p_g)²/(p_d + p_g)",
        equilibrium_logit=0.5,
    ),
    # Nowozin et al. 2016 (arXiv:1606.00709): T = f′(p_d/p_g), and v such that g(v) = T.
    "f_kl": Solution(
        lambda p_data, p_generator: 1 + optimal_logits(p_data, p_generator),
        0.0,
        -1.0,
        kl_divergence,
        "KL(p_d‖p_g)",
        equilibrium_logit=1.0,
    ),
    "f_reverse_kl": Solution(optimal_logits, 0.0, 1.0, functools.partial(f_divergence, f="reverse_kl"), "KL(p_g‖p_d)"),
    "f_pearson": Solution(
        lambda p_data, p_generator: 2 * jnp.expm1(optimal_logits(p_data, p_generator)),  # 2(p_d/p_g − 1)
        0.0,
        0.0,
        functools.partial(f_divergence, f="pearson"),
        "χ²(p_d‖p_g) = Σ (p_d − p_g)²/p_g",
    ),
    "f_squared_hellinger": Solution(
        lambda p_data, p_generator: optimal_logits(p_data, p_generator) / 2,
        0.0,
        0.0,
        functools.partial(f_divergence, f="squared_hellinger"),
        "Σ (√p_d − √p_g)²",
    ),
    "f_jensen_shannon": Solution(optimal_logits, 0.0, 0.0, _twice("jensen_shannon"), "2 JSD(p_d‖p_g)"),
    # Lim and Ye 2017 (arXiv:1705.02894).
    "hinge": Solution(_sign, 2.0, 0.0, _twice("total_variation"), "2 TV(p_d, p_g)"),
    # There is no optimum without a bound. |l| ≤ 1 is the natural bound for points without a distance between them. For
    # 1-Lipschitz critics on a metric space, the divergence is the Wasserstein-1 distance instead.
    "wasserstein": Solution(_sign, 0.0, 0.0, _twice("total_variation"), "2 TV(p_d, p_g), for |l| ≤ 1", bound=1.0),
}

UNSOLVED: dict[str, str] = dict.fromkeys(
    ("relativistic_paired", "relativistic_average"),
    "its optimal discriminator compares each point with all others, and has no closed form",
)
"""Losses that are not in `SOLUTIONS`, with the reasons."""
