"""Small games whose training can be analysed exactly, and how their players move, continuously and in steps.

A toy game is a `GANSpec` like any other, made of the library's losses, penalties and optax optimizers. A point of it is
a vector x = (ψ, θ), [m + n]: the discriminator's parameters, then the generator's. Other lengths raise a ValueError.

The vector field comes from `discriminator_update` and `generator_update`, the discrete steps from `make_train_step`. So
the eigenvalues and trajectories computed here belong to the code that trains.

Use double precision (`jax.enable_x64(True)`) if more than six digits matter.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import optax
from jax.experimental.ode import odeint
from jax.flatten_util import ravel_pytree
from jax.typing import ArrayLike

from jaxgan.losses import named_loss
from jaxgan.theory.distributions import floating, known
from jaxgan.training.init import init_state
from jaxgan.training.objectives import GANSpec
from jaxgan.training.step import discriminator_update, generator_update, make_train_step
from jaxgan.types import Latent, Loss, Network, Penalty, TrainState

Order = Literal["alternating", "simultaneous", "extragradient"]


PARTS = ("generator", "discriminator", "generator_tx", "discriminator_tx", "latent")
"""The `GANSpec` fields that `init_state` takes."""


class ToyGame(NamedTuple):
    """A game without randomness."""

    game: GANSpec  # networks, loss, optimizers and penalties
    real: jax.Array  # [1, n], the data: a single point
    discriminator_size: int  # m, how many coordinates of a point belong to the discriminator


def bilinear_game(
    matrix: ArrayLike,
    *,
    loss: Loss | str,
    penalties: tuple[Penalty, ...] = (),
    consensus: float | None = None,
    discriminator_tx: optax.GradientTransformation | None = None,
    generator_tx: optax.GradientTransformation | None = None,
) -> ToyGame:
    """l(x) = ψᵀAx against G(z) = θ, with all data at 0. With the Wasserstein loss the players' game is ± ψᵀAθ.

    Args:
      matrix: A [m, n]; ψ has m coordinates, θ and the data n.
      loss: a name in `LOSSES`, or a `Loss`.
      penalties: of `PENALTIES`.
      consensus: weight γ of the joint field's ½‖v‖² in both players' losses, as for `make_train_step`.
      discriminator_tx, generator_tx: optimizers of the discrete steps; None for plain gradient descent with rate 0.1.

    Returns:
      The game. x = 0 is an equilibrium, and the only one if A is square and of full rank. Otherwise nothing moves along
      the null spaces of A and Aᵀ, where the eigenvalues are 0.

    Raises:
      ValueError: A is not a matrix, or the loss's name is unknown.

    Source: Mescheder et al. 2018 (arXiv:1801.04406), section 2, for A = 1; Gidel et al. 2019
      (arXiv:1807.04740) for any A.
    """
    matrix = floating(matrix)
    if matrix.ndim != 2:
        raise ValueError(f"matrix must be [m, n], got shape {matrix.shape}")
    m, n = matrix.shape
    if isinstance(loss, str):
        loss = named_loss(loss)
    if callable(penalties):
        raise ValueError("penalties must be a list or tuple of penalties, got one function; put it in a list")

    def judge(variables, inputs, *, condition=None, key=None, train=False):
        return inputs @ matrix.T @ variables["params"], {}

    def generate(variables, latents, *, condition=None, key=None, train=False):
        return jnp.broadcast_to(variables["params"], (latents.shape[0], n)), {}

    game = GANSpec(
        generator=Network(lambda key, inputs, condition=None: {"params": jnp.zeros(n, matrix.dtype)}, generate),
        discriminator=Network(lambda key, inputs, condition=None: {"params": jnp.zeros(m, matrix.dtype)}, judge),
        loss=loss,
        generator_tx=optax.sgd(0.1) if generator_tx is None else generator_tx,
        discriminator_tx=optax.sgd(0.1) if discriminator_tx is None else discriminator_tx,
        latent=Latent(lambda key, count: jnp.zeros((count, 1), matrix.dtype), 1),
        penalties=tuple(penalties),
        consensus=consensus,
    )
    return ToyGame(game, jnp.zeros((1, n), matrix.dtype), m)


def dirac_gan(loss: Loss | str, **options: Any) -> ToyGame:
    """l(x) = ψx, G(z) = θ, all data at 0: the smallest possible GAN. Unpenalised training circles in it.

    Args:
      loss: a name in `LOSSES`, or a `Loss`.
      **options: `penalties`, `consensus`, `discriminator_tx` and `generator_tx`, as for `bilinear_game`.

    Returns:
      The game. A point is (ψ, θ); the equilibrium is (0, 0).

    Source: Mescheder et al. 2018 (arXiv:1801.04406), definition 2.1.
    """
    return bilinear_game(jnp.ones((1, 1)), loss=loss, **options)


def toy_state(toy: ToyGame, point: ArrayLike) -> TrainState:
    """The `TrainState` at a point, with fresh optimizer states."""
    point, m = floating(point), toy.discriminator_size
    length = m + toy.real.shape[1]
    if point.shape != (length,):
        raise ValueError(f"a point of this game is a vector of {length} numbers, (ψ, θ), got shape {point.shape}")
    psi, theta = point[:m], point[m:]
    parts = {name: getattr(toy.game, name) for name in PARTS}
    state = init_state(jax.random.key(0), **parts, example=toy.real)
    return state.replace(
        discriminator=state.discriminator.replace(params=psi, opt_state=toy.game.discriminator_tx.init(psi)),
        generator=state.generator.replace(params=theta, opt_state=toy.game.generator_tx.init(theta)),
    )


def loss_gradients(toy: ToyGame, point: ArrayLike) -> jax.Array:
    """(∂L_D/∂ψ, ∂L_G/∂θ) at a point, including penalties and consensus: each player's gradient of its own loss.

    The vector field of training is its negative.
    """
    record = _recorder()
    toy = toy._replace(game=toy.game._replace(discriminator_tx=record, generator_tx=record))
    state = toy_state(toy, point)
    discriminator, _ = discriminator_update(toy.game, state, state.key, toy.real)
    generator, _ = generator_update(toy.game, state, state.key, toy.real)
    return jnp.concatenate([discriminator.opt_state, generator.opt_state])


def jacobian(toy: ToyGame, point: ArrayLike) -> jax.Array:
    """The derivative of the vector field v = −(∂L_D/∂ψ, ∂L_G/∂θ) at a point.

    Near an equilibrium, the continuous dynamics ẋ = v(x) converge if all eigenvalues have a negative real part.
    """
    return -jax.jit(jax.jacfwd(functools.partial(loss_gradients, toy)))(floating(point))


def flow(toy: ToyGame, point: ArrayLike, times: ArrayLike, *, tolerance: float | None = None) -> jax.Array:
    """The solution of ẋ = v(x) from a point: gradient descent in the limit of small steps.

    Args:
      toy, point: the game, and x at the first time.
      times: [t], increasing; a gradient descent step with rate h takes time h.
      tolerance: relative and absolute error per step of the solver (Dormand-Prince, order 5); None for 1e-10 in double
        precision and 1e-6 in single.

    Returns:
      [t, m + n].

    Raises:
      ValueError: the times are not an increasing vector.
    """
    point = floating(point)
    times = jnp.asarray(times, point.dtype)
    if times.ndim != 1 or times.size == 0 or known(~(jnp.diff(times) > 0).all()):
        raise ValueError(f"times must be an increasing vector [t], the first being that of the point, got {times}")
    if tolerance is None:
        tolerance = 1e-10 if point.dtype == jnp.float64 else 1e-6

    def solve(point, times):
        return odeint(lambda x, t: -loss_gradients(toy, x), point, times, rtol=tolerance, atol=tolerance)

    return jax.jit(solve)(point, times)


def make_toy_step(
    toy: ToyGame, *, order: Order = "alternating", discriminator_steps: int = 1
) -> Callable[[TrainState], TrainState]:
    """One training step of a toy game.

    Args:
      toy: the game.
      order: "alternating" and "simultaneous" are `make_train_step(updates=order)`, "extragradient" is
        `make_train_step(extragradient=True)`.
      discriminator_steps: k; 1 for "extragradient".

    Returns:
      `state -> state`.

    Raises:
      ValueError: the order is unknown, k is below 1, or k is above 1 with "extragradient".
    """
    if order not in get_args(Order):
        raise ValueError(f"order must be one of {', '.join(get_args(Order))}, got {order!r}")
    parts = {name: getattr(toy.game, name) for name in (*PARTS, "loss", "penalties", "consensus")}
    parts |= {"extragradient": True} if order == "extragradient" else {"updates": order}
    step = make_train_step(**parts, discriminator_steps=discriminator_steps)
    batch = {"real": jnp.broadcast_to(toy.real, (discriminator_steps, *toy.real.shape))}
    return lambda state: step(state, batch)[0]


def trajectory(
    toy: ToyGame, point: ArrayLike, steps: int, *, order: Order = "alternating", discriminator_steps: int = 1
) -> jax.Array:
    """The points that training visits.

    Args:
      toy, point: the game, and the starting point.
      steps: number of steps, at least 0.
      order, discriminator_steps: as for `make_toy_step`.

    Returns:
      [steps + 1, m + n], beginning with `point`.
    """
    if steps < 0:
        raise ValueError(f"steps must be at least 0, got {steps}")
    step = make_toy_step(toy, order=order, discriminator_steps=discriminator_steps)

    def advance(state, _):
        state = step(state)
        return state, jnp.concatenate([state.discriminator.params, state.generator.params])

    def follow(point):
        _, points = jax.lax.scan(advance, toy_state(toy, point), length=steps)
        return jnp.concatenate([point[None], points])

    return jax.jit(follow)(floating(point))


def step_jacobian(
    toy: ToyGame, point: ArrayLike, *, order: Order = "alternating", discriminator_steps: int = 1
) -> jax.Array:
    """The derivative of one training step at a point, with respect to parameters and optimizer states.

    Near an equilibrium, training converges if all eigenvalues lie inside the unit circle.

    Args:
      toy, point: the optimizers' updates must be differentiable at the point (Adam's is not if a gradient is 0).
      order, discriminator_steps: as for `make_toy_step`.

    Returns:
      [s, s], where s counts ψ, θ and all floating numbers in the optimizer states, such as momentum.
    """
    step = make_toy_step(toy, order=order, discriminator_steps=discriminator_steps)
    moving, rebuild = _ravel(toy_state(toy, point))
    return jax.jit(jax.jacfwd(lambda vector: _ravel(step(rebuild(vector)))[0]))(moving)


def flow_behaviour(eigenvalues: ArrayLike, *, tolerance: float | None = None) -> str:
    """Behaviour of the linearised flow by the largest real part: "converges", "circles" (it is 0) or "diverges".

    "circles" is only a first-order statement: higher-order terms may still make it converge or diverge slowly.

    Args:
      eigenvalues: [n], of `jacobian` at an equilibrium.
      tolerance: values this close to 0 count as 0; None for 1e-7 in double precision and 2e-4 in single.

    Raises:
      ValueError: the eigenvalues are not a vector of finite numbers.
    """
    eigenvalues, tolerance = _checked(eigenvalues, tolerance)
    return _behaviour(eigenvalues.real.max(), tolerance)


def step_behaviour(eigenvalues: ArrayLike, *, tolerance: float | None = None) -> str:
    """Behaviour of the linearised step by the largest modulus: "converges", "circles" (it is 1) or "diverges".

    A double eigenvalue of modulus 1 may belong to a step that diverges linearly in the number of steps.

    Arguments as for `flow_behaviour`, with the eigenvalues of `step_jacobian` and a tolerance around 1.
    """
    eigenvalues, tolerance = _checked(eigenvalues, tolerance)
    return _behaviour(jnp.abs(eigenvalues).max() - 1, tolerance)


def _checked(eigenvalues: ArrayLike, tolerance: float | None) -> tuple[jax.Array, float]:
    eigenvalues = jnp.asarray(eigenvalues)
    if eigenvalues.ndim != 1 or eigenvalues.size == 0:
        raise ValueError(f"eigenvalues must be a vector [n], got shape {eigenvalues.shape}; see jnp.linalg.eigvals")
    if not jnp.isfinite(eigenvalues).all():
        raise ValueError("an eigenvalue is not finite; is every update differentiable at the point?")
    if tolerance is None:
        tolerance = 1e-7 if jnp.finfo(eigenvalues.dtype).eps < 1e-10 else 2e-4
    return eigenvalues, tolerance


def _behaviour(excess: jax.Array, tolerance: float) -> str:
    if excess < -tolerance:
        return "converges"
    return "circles" if excess <= tolerance else "diverges"


def _recorder() -> optax.GradientTransformation:
    """Leaves the parameters unchanged, and stores the gradient in its state."""
    return optax.GradientTransformation(
        lambda params: optax.tree.zeros_like(params),
        lambda grads, state, params=None: (optax.tree.zeros_like(grads), grads),
    )


def _ravel(state: TrainState) -> tuple[jax.Array, Callable[[jax.Array], TrainState]]:
    """All continuous parts of a state as a vector, parameters first, and the inverse function."""
    players = (
        state.discriminator.params,
        state.generator.params,
        state.discriminator.opt_state,
        state.generator.opt_state,
    )
    leaves, structure = jax.tree.flatten(players)
    moves = [jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in leaves]
    vector, unravel = ravel_pytree([leaf for leaf, moving in zip(leaves, moves, strict=True) if moving])

    def rebuild(vector: jax.Array) -> TrainState:
        floats = iter(unravel(vector))
        merged = [next(floats) if moving else leaf for leaf, moving in zip(leaves, moves, strict=True)]
        psi, theta, d_opt_state, g_opt_state = jax.tree.unflatten(structure, merged)
        return state.replace(
            discriminator=state.discriminator.replace(params=psi, opt_state=d_opt_state),
            generator=state.generator.replace(params=theta, opt_state=g_opt_state),
        )

    return vector, rebuild
