"""Proposition 2 without networks: p_g is a free probability vector, and the discriminator is optimal at every step."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxgan.losses import named_loss
from jaxgan.theory.distributions import data_and_generator, expectation, known
from jaxgan.theory.game import criterion
from jaxgan.theory.solutions import SOLUTIONS


class Descent(NamedTuple):
    """The sequence of a generator's distributions."""

    p_generator: jax.Array  # [steps + 1, n], from the first p_g to the last
    criterion: jax.Array  # [steps + 1], C(G) of each in nats; −log 4 at p_g = p_d
    divergence: jax.Array  # [steps + 1], the divergence that the loss minimises: `SOLUTIONS[loss].divergence`


def descend(
    p_data: ArrayLike,
    p_generator: ArrayLike,
    *,
    loss: str = "minimax",
    steps: int,
    learning_rate: float | Callable[[jax.Array], ArrayLike] = 1.0,
    cell_width: float = 1.0,
) -> Descent:
    """Alternates D ← D* with p_g ← p_g·exp(−η·∂L_G/∂p_g)/Z, D held fixed: exponentiated-gradient descent.

    The step keeps p_g on the simplex. With the minimax loss and η = 1 it is p_g ← ½(p_d + p_g): the distance to p_d
    halves in every step.

    Args:
      p_data: [n], probabilities, or a density on a grid.
      p_generator: [n], the initial distribution; positive wherever p_data is, since no step restores mass from 0.
      loss: a name in `LOSSES`; p_g descends the generator's half.
      steps: number of steps.
      learning_rate: η > 0, or a function of the step number; losses whose gradient jumps (hinge, Wasserstein) need one
        that decays to 0.
      cell_width: cell width of the grid, for densities.

    Raises:
      ValueError: an argument is not a distribution, the shapes differ, the name is unknown, the rate or the number of
        steps is too small, or p_generator is 0 where p_data is not.

    Source: Goodfellow et al. 2014 (arXiv:1406.2661), Proposition 2; Kivinen and Warmuth 1997 for the step.
    """
    if not isinstance(loss, str) or loss not in SOLUTIONS:
        raise ValueError(f"unknown loss {loss!s:.30}; a name is needed, one of {', '.join(SOLUTIONS)}")
    p_data, p_generator = data_and_generator(p_data, p_generator, cell_width)
    if p_data.ndim != 1:
        raise ValueError(f"p_data and p_generator must be vectors [n], got shape {p_data.shape}")
    if steps < 0:
        raise ValueError(f"steps must be at least 0, got {steps}")
    if not callable(learning_rate) and known(jnp.asarray(learning_rate) <= 0):
        raise ValueError(f"learning_rate must be above 0, got {learning_rate}")
    lost = ((p_data > 0) & (p_generator == 0)).any()
    if known(lost):
        raise ValueError("p_generator is 0 at a point that p_data can reach; start from one that is above 0 there")
    p_generator = jnp.where(lost, jnp.nan, p_generator)  # under jit, where values are unknown
    run = functools.partial(_descend, loss=loss, steps=steps, learning_rate=learning_rate, cell_width=cell_width)
    return jax.jit(run)(p_data, p_generator)


def _descend(p_data, p_generator, *, loss, steps, learning_rate, cell_width) -> Descent:
    solution, generator = SOLUTIONS[loss], named_loss(loss).generator

    def cost(fake_logit, logits):
        """∂L_G/∂p_g at one point: the cost of a generated example there, averaged over the data."""
        paired = jax.vmap(lambda real_logit: generator(real_logit[None], fake_logit[None]))(logits)
        return expectation(p_data, paired, cell_width)

    def step(p_generator, i):
        logits = solution.optimal_logits(p_data, p_generator)
        costs = jax.vmap(cost, (0, None))(logits, logits)
        rate = learning_rate(i) if callable(learning_rate) else learning_rate
        # A point with p_g = 0 stays at 0, whatever its cost.
        exponents = jnp.where(p_generator != 0, jnp.log(p_generator) - rate * costs, -jnp.inf)
        moved = jax.nn.softmax(exponents) / cell_width
        return moved, moved

    _, rest = jax.lax.scan(step, p_generator, jnp.arange(steps))
    points = jnp.concatenate([p_generator[None], rest])
    return Descent(
        points,
        jax.vmap(lambda p: criterion(p_data, p, cell_width=cell_width))(points),
        jax.vmap(lambda p: solution.divergence(p_data, p, cell_width=cell_width))(points),
    )
