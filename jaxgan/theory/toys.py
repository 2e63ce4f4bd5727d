"""Small games whose training can be worked out: the Dirac-GAN and the bilinear game.

A toy game is a `GANSpec` like any other, made of the library's losses, penalties and optax optimizers. A point of it is
one vector x = (ψ, θ), the discriminator's parameters before the generator's.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from jaxgan.losses import LOSSES
from jaxgan.theory.distributions import floating
from jaxgan.training.init import init_state
from jaxgan.training.objectives import GANSpec
from jaxgan.types import Latent, Loss, Network, Penalty, TrainState

PARTS = ("generator", "discriminator", "generator_tx", "discriminator_tx", "latent")
"""The fields of a `GANSpec` that `init_state` takes."""


class ToyGame(NamedTuple):
    """A game with no randomness in it.

    Attributes:
      game: networks, loss, optimizers and penalties.
      real: [1, n], the data: one point.
      discriminator_size: m, how many of a point's coordinates are the discriminator's.
    """

    game: GANSpec
    real: jax.Array
    discriminator_size: int


def bilinear_game(
    matrix: ArrayLike,
    *,
    loss: Loss | str,
    penalties: tuple[Penalty, ...] = (),
    consensus: float | None = None,
    discriminator_tx: optax.GradientTransformation | None = None,
    generator_tx: optax.GradientTransformation | None = None,
) -> ToyGame:
    """l(x) = ψᵀAx against G(z) = θ, with all data at 0; with the Wasserstein loss the players' game is ± ψᵀAθ.

    Args:
      matrix: A [m, n]; ψ has m coordinates, θ and the data n.
      loss: a name in `LOSSES`, or a `Loss`.
      penalties: of `PENALTIES`.
      consensus: weight γ of the joint field's ½‖v‖² in both players' losses, as for `make_train_step`.
      discriminator_tx, generator_tx: what discrete steps are taken with; plain gradient descent of rate 0.1 if None.

    Returns:
      The game. x = 0 is an equilibrium, and the only one if A is square and of full rank; else nothing moves along
      the null spaces of A and Aᵀ, and the eigenvalues there are 0.

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
        if loss not in LOSSES:
            raise ValueError(f"unknown loss {loss!r}; one of {', '.join(LOSSES)}")
        loss = LOSSES[loss]
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
    """l(x) = ψx, G(z) = θ, all data at 0: the smallest GAN there is, and one that unpenalised training circles in.

    Args:
      loss: a name in `LOSSES`, or a `Loss`.
      **options: `penalties`, `consensus`, `discriminator_tx` and `generator_tx`, as for `bilinear_game`.

    Returns:
      The game; a point is (ψ, θ), its equilibrium (0, 0).

    Source: Mescheder et al. 2018 (arXiv:1801.04406), definition 2.1.
    """
    return bilinear_game(jnp.ones((1, 1)), loss=loss, **options)


def toy_state(toy: ToyGame, point: ArrayLike) -> TrainState:
    """The `TrainState` at a point, with fresh optimizer states.

    Args:
      toy: the game.
      point: [m + n], (ψ, θ).

    Returns:
      A state that `make_train_step` and both updates take.

    Raises:
      ValueError: the point has another length.
    """
    psi, theta = _split(toy, point)
    parts = {name: getattr(toy.game, name) for name in PARTS}
    state = init_state(jax.random.key(0), **parts, example=toy.real)
    return state.replace(
        discriminator=state.discriminator.replace(params=psi, opt_state=toy.game.discriminator_tx.init(psi)),
        generator=state.generator.replace(params=theta, opt_state=toy.game.generator_tx.init(theta)),
    )


def _split(toy: ToyGame, point: ArrayLike) -> tuple[jax.Array, jax.Array]:
    point = floating(point)
    length = toy.discriminator_size + toy.real.shape[1]
    if point.shape != (length,):
        raise ValueError(f"a point of this game is a vector of {length} numbers, (ψ, θ), got shape {point.shape}")
    return point[: toy.discriminator_size], point[toy.discriminator_size :]
