"""Penalties on the discriminator, for `make_train_step(penalties=…)`.

A penalty is `(critic, real, fake, key) -> scalar`, added to the discriminator's loss. `critic(examples) -> logits
[batch]` is the discriminator in training mode. A penalty is a mean over examples. If it draws random numbers, or reads
the whole batch, it takes a fifth argument `shard`, a `jaxgan.types.BatchShard`, which makes it independent of the
number of devices. `lazy` applies a penalty in some steps only. To add a penalty, write a function from its weight to
the penalty, and add a line to `PENALTIES`; further parameters are keyword-only. r1 and r2 have the factor ½ of their
source, gradient penalties have none. Norms are over all dimensions of an example, which may be a
tree of arrays, such as the pictures of several levels. All raise ValueError if a weight is negative or not a number.
"""

from collections.abc import Callable
from typing import Annotated

import chex
import jax
import jax.numpy as jnp

from jaxgan.tables import Table, UnknownNameError
from jaxgan.types import BatchShard, Lazy, Penalty

NOISES = ("uniform", "normal")
"""Kinds of noise for `dragan`."""


def r1(gamma: chex.Numeric = 1.0, *, deviation: float = 0.0) -> Penalty:
    """R1 = (γ/2)·E_{p_d}‖∇_x l(x)‖² on data: makes the gradient vanish at the data.

    With a deviation σ it is estimated by a finite difference, (γ/2)·E((l(x + σε) − l(x))/σ)² with ε ~ N(0, I), in two
    passes through the critic and without a second derivative.

    Args:
      gamma: γ ≥ 0, weight of the penalty, in units of the loss per squared gradient.
      deviation: σ ≥ 0, in units of x, .01 in the source; 0 for the gradient itself.

    Source: Mescheder et al. 2018 (arXiv:1801.04406), section 4.1; the finite difference: the code of Hyun et
    al. 2025 (arXiv:2509.24935, hse1032/GAT).
    """
    check_weight(gamma, "gamma")
    check_weight(deviation, "deviation")

    def penalty(critic, real, fake, key, shard=BatchShard()):
        return gamma / 2 * _squared_slopes(critic, real, deviation, key, shard).mean()

    return penalty


def r2(gamma: chex.Numeric = 1.0, *, deviation: float = 0.0) -> Penalty:
    """R2 = (γ/2)·E_{p_g}‖∇_x l(x)‖² on generated examples; γ, σ and the source are as for `r1`."""
    check_weight(gamma, "gamma")
    check_weight(deviation, "deviation")

    def penalty(critic, real, fake, key, shard=BatchShard()):
        return gamma / 2 * _squared_slopes(critic, fake, deviation, key, shard).mean()

    return penalty


def r1_r2(gamma: chex.Numeric = 1.0, *, deviation: float = 0.0) -> Penalty:
    """R1 + R2 = (γ/2)·(E_{p_d}‖∇_x l‖² + E_{p_g}‖∇_x l‖²), with γ and σ as for `r1`.

    Source: Huang et al. 2024 (arXiv:2501.05441), section 2.3, equation 3, with the relativistic paired loss.
    """
    on_data, on_samples = r1(gamma, deviation=deviation), r2(gamma, deviation=deviation)

    def penalty(critic, real, fake, key, shard=BatchShard()):
        keys = jax.random.split(key)
        return on_data(critic, real, fake, keys[0], shard) + on_samples(critic, real, fake, keys[1], shard)

    return penalty


def gradient_penalty(weight: chex.Numeric = 10.0, *, one_sided: bool = False) -> Penalty:
    """λ·E(‖∇_x l(x̂)‖₂ − 1)² at x̂ = ε·x_real + (1 − ε)·x_fake, with one ε ~ U(0, 1) per example.

    Args:
      weight: λ ≥ 0; 10 in the source.
      one_sided: penalises only norms above 1: λ·E max(0, ‖∇_x l(x̂)‖₂ − 1)².

    Source: Gulrajani et al. 2017 (arXiv:1704.00028), equation 3 and Algorithm 1; one-sided: its section 4, and Petzka
    et al. 2018 (arXiv:1709.08894).
    """
    check_weight(weight)

    def penalty(critic, real, fake, key, shard=BatchShard()):
        _check_floating(real)
        ones = (1,) * (real.ndim - 1)
        share = shard.draw(lambda count: jax.random.uniform(key, (count, *ones), real.dtype), len(real))
        points = jax.tree.map(lambda made: share * real + (1 - share) * made, fake)
        return weight * _distance_from_1(critic, points, one_sided)

    return penalty


def gradient_penalty_one_sided(weight: chex.Numeric = 10.0) -> Penalty:
    """`gradient_penalty` that penalises only norms above 1."""
    return gradient_penalty(weight, one_sided=True)


def dragan(
    weight: chex.Numeric = 10.0, *, spread: chex.Numeric = 0.5, noise: Annotated[str, NOISES] = "uniform"
) -> Penalty:
    """λ·E(‖∇_x l(x + δ)‖₂ − 1)² around the data, with one of two kinds of noise δ.

    "uniform" (the authors' code): δ = α·c·σ(x)·u, with u ~ U(0, 1) per value, α ~ U(0, 1) per example, and σ(x) the
    standard deviation of all values of the batch. "normal" (the paper): δ ~ N(0, c·I).

    Args:
      weight: λ ≥ 0; 10 in the source.
      spread: c ≥ 0. For "uniform", in standard deviations of the data; .5 in the code. For "normal", a variance, in
        squared units of the data.
      noise: "uniform" or "normal".

    Source: Kodali et al. 2017 (arXiv:1705.07215), the objective of section 2, with k = 1, and the authors' code
    (kodalinaveen3/DRAGAN).
    """
    check_weight(weight)
    check_weight(spread, "spread")
    if noise not in NOISES:
        raise UnknownNameError("noise", noise, NOISES)

    def penalty(critic, real, fake, key, shard=BatchShard()):
        _check_floating(real)
        count, shape = len(real), real.shape[1:]
        if noise == "normal":
            normal = shard.draw(lambda n: jax.random.normal(key, (n, *shape), real.dtype), count)
            return weight * _distance_from_1(critic, real + jnp.sqrt(spread) * normal, False)
        keys, ones = jax.random.split(key), (1,) * len(shape)
        share = shard.draw(lambda n: jax.random.uniform(keys[0], (n, *ones), real.dtype), count)
        uniform = shard.draw(lambda n: jax.random.uniform(keys[1], (n, *shape), real.dtype), count)
        shift = share * spread * _deviation(real, shard) * uniform
        return weight * _distance_from_1(critic, real + shift, False)

    return penalty


def lazy(penalty: Penalty, interval: int) -> Lazy:
    """Applies the penalty every `interval` steps, from step 0, multiplied by `interval`: cheaper, equal on average.

    With k discriminator updates per step, it applies to all updates of a step or to none, as part of the loss of these
    updates. The source instead makes a separate update for it, so k + 1 updates in place of k, and multiplies the
    learning rate and the exponents of both betas by c = k/(k + 1). Here the number of updates does not change, so no
    correction is needed. Under Adam only gradients are equal on average, not updates: Adam divides by their size.

    Args:
      penalty: any penalty.
      interval: number of steps, ≥ 1; 16 in the source.

    Raises:
      ValueError: the interval is below 1.

    Source: Karras et al. 2020 (arXiv:1912.04958), section 3.1 and appendix B.
    """
    if interval < 1:
        raise ValueError(f"interval must be at least 1, got {interval}")
    return Lazy(penalty, interval)


def squared_gradient_norms(critic: Callable[[chex.ArrayTree], chex.Array], examples: chex.ArrayTree) -> chex.Array:
    """‖∇_x l(x)‖² of each example, over all of its dimensions.

    One backward pass of the summed logits gives the gradients of all examples. If the critic mixes the examples of a
    batch (as batch normalisation does), a row is the gradient of the summed logits with respect to that example. If the
    critic judges packs of m examples, there is one norm per pack.

    Args:
      critic: `examples [batch, ...] -> logits [batch]`, or [batch/m].
      examples: [batch, ...], of a floating dtype, or a tree of such arrays.

    Returns:
      [batch], or [batch/m], ≥ 0.

    Raises:
      ValueError: the examples' dtype is not floating, or the critic's output is not one logit per example or pack.
    """
    _check_floating(examples)

    def total(examples):
        logits = _logits(critic, examples)
        return logits.sum(), logits

    gradients, logits = jax.grad(total, has_aux=True)(examples)
    squares = [jnp.square(leaf.reshape(len(logits), -1)).sum(1) for leaf in jax.tree.leaves(gradients)]
    return sum(squares[1:], squares[0])


def _squared_slopes(critic, examples: chex.ArrayTree, deviation: float, key, shard: BatchShard) -> chex.Array:
    """‖∇_x l(x)‖² of every example or, with a deviation, its estimate ((l(x + σε) − l(x))/σ)²."""
    if not deviation:
        return squared_gradient_norms(critic, examples)
    _check_floating(examples)

    def moved(key, leaf):
        shape, dtype = leaf.shape[1:], leaf.dtype
        return leaf + deviation * shard.draw(lambda count: jax.random.normal(key, (count, *shape), dtype), len(leaf))

    leaves, structure = jax.tree.flatten(examples)
    noisy = jax.tree.unflatten(structure, map(moved, jax.random.split(key, len(leaves)), leaves))
    return jnp.square((_logits(critic, noisy) - _logits(critic, examples)) / deviation)


def _logits(critic, examples: chex.ArrayTree) -> chex.Array:
    """The critic's logits; ValueError unless there is one for each example or pack."""
    logits, count = critic(examples), len(jax.tree.leaves(examples)[0])
    if logits.ndim != 1 or not len(logits) or count % len(logits):
        shapes = jax.tree.map(jnp.shape, examples)
        raise ValueError(f"the critic must return logits [batch], got {logits.shape} for examples {shapes}")
    return logits


def _deviation(examples: chex.Array, shard: BatchShard) -> chex.Array:
    """The standard deviation of all values of the batch, over all devices."""
    return jnp.sqrt(shard.mean(jnp.square(examples - shard.mean(examples, None)), None))


def _distance_from_1(critic, points: chex.ArrayTree, one_sided: bool) -> chex.Array:
    squares = squared_gradient_norms(critic, points)
    # The derivative of the square root at 0 is infinite, so a flat critic gets the penalty 1 and no gradient.
    positive = squares > 0
    norms = jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1.0)), 0.0)
    return jnp.square(jax.nn.relu(norms - 1) if one_sided else norms - 1).mean()


def _check_floating(examples: chex.ArrayTree) -> None:
    for leaf in jax.tree.leaves(examples):
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            raise ValueError(f"there is no gradient at examples of type {leaf.dtype}; scale them to floats")


def check_weight(weight: chex.Numeric, name: str = "weight") -> None:
    """Raises ValueError if a weight is negative or not a number. Traced values are not checked."""
    try:
        valid = bool(weight >= 0)
    except jax.errors.ConcretizationTypeError:  # a traced value cannot be checked
        return
    except TypeError as error:
        raise ValueError(f"{name} must be a number of at least 0, got {weight!r}") from error
    if not valid:
        raise ValueError(f"{name} must be at least 0, got {weight}")


PENALTIES: dict[str, Callable[..., Penalty]] = Table("penalty") | {
    "r1": r1,
    "r2": r2,
    "r1_r2": r1_r2,
    "gradient_penalty": gradient_penalty,
    "gradient_penalty_one_sided": gradient_penalty_one_sided,
    "dragan": dragan,
}
