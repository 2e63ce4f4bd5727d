"""The extragradient step: both players look ahead at once, then move from where they were by what they find there."""

import chex
import jax

from jaxgan.training.game import Game
from jaxgan.training.gradients import Gradient, move
from jaxgan.training.updates import discriminator_gradient, generator_gradient
from jaxgan.types import Metrics, PlayerState, TrainState


def extragradient_updates(
    game: Game, state: TrainState, key: chex.PRNGKey, real: chex.Array, condition: chex.ArrayTree | None = None
) -> tuple[PlayerState, PlayerState, Metrics]:
    """ω′ = ω − η·v(ω), then ω ← ω − η·v(ω′), with ω = (ψ, θ) and v = (∇_ψ L_D, ∇_θ L_G): one step of both players.

    −η·v is what a player's optimizer makes of its gradient. It sees both gradients, one after the other: its moments
    and schedules go on at both, but its updates both start from ω. The states of the players' layers go on at both too.

    Args:
      game: the networks, loss, penalties and optimizers.
      state: both players as they are.
      key: draws latents and noise, others for each of the four gradients.
      real: [batch, ...], this device's share of a minibatch of data, which all four gradients see.
      condition: [batch, ...], or None.

    Returns:
      The discriminator's and the generator's new states, and scalar metrics at ω′: losses, accuracy, mean logits and
      the gradients' norms.

    Source: Korpelevich 1976; Gidel et al. 2019 (arXiv:1802.10551), section 3.2, and Algorithm 4, option 1, for Adam,
    where the second gradients have a minibatch of their own.
    """
    names = ("discriminator", "generator")
    keys = {name: jax.random.split(k) for name, k in zip(names, jax.random.split(key), strict=True)}

    def go_by_the_gradients_at(point: TrainState, keys):
        found = (
            discriminator_gradient(game, point, keys["discriminator"], real, condition),
            generator_gradient(game, point, keys["generator"], real, condition),
        )
        discriminator = _from(state.discriminator, point.discriminator, found[0], game.discriminator_tx)
        generator = _from(state.generator, point.generator, found[1], game.generator_tx)
        return point.replace(discriminator=discriminator, generator=generator), found[0].metrics | found[1].metrics

    # A loop compiles the gradients once. It also keeps XLA from working out ω′ anew, and with other rounding, where it
    # is used: the gradient of a maximum, which looks for the value that was largest, may then find none, and is NaN.
    end, metrics = jax.lax.scan(go_by_the_gradients_at, state, keys)
    return end.discriminator, end.generator, jax.tree.map(lambda values: values[-1], metrics)


def _from(origin: PlayerState, point: PlayerState, found: Gradient, tx) -> PlayerState:
    return move(point.replace(params=origin.params), found, tx)
