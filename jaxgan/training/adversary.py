"""A discriminator for a training loop of one's own: what it adds to a model's loss, and its own update.

A model that is trained by another loss, such as an autoencoder or a vocoder, gets an adversarial one beside it:

    adversary = make_adversary(discriminator=..., loss=LOSSES["hinge"], tx=optax.adam(2e-4, b1=0.5))
    judge = adversary.init(key, real)                               # a few examples
    loss = own_loss(model, real) + adversary.loss(judge, model(real), real)  # differentiate with respect to the model
    judge, metrics = adversary.update(judge, model(real), real)

Everything else works as in `make_train_step`, with the same objectives: losses, penalties, terms, logits per patch,
several discriminators, and several devices.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax

from jaxgan.fields import given
from jaxgan.training import init
from jaxgan.training.gradients import apply_gradients, compute_gradient
from jaxgan.training.objectives import GANSpec, discriminator_objective, generator_objective
from jaxgan.types import (
    BatchShard,
    Latent,
    Lazy,
    Loss,
    Metrics,
    Network,
    Penalty,
    PlayerState,
    Term,
    TrainState,
    stream,
)

IDENTITY = Network(lambda key, inputs, condition=None: {"params": {}}, lambda variables, inputs, **_: (inputs, {}))
"""The "generator" that returns the model's outputs, which take the place of latents."""

NO_PLAYER = PlayerState({}, {}, ())
NO_PRIOR = Latent(lambda key, count: jnp.zeros((count, 0)), 0)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class AdversaryState:
    """The discriminator's state.

    Attributes:
      step: int32 scalar, the number of updates done.
      key: one typed key; update t draws from `fold_in(key, t)`.
      player: parameters, model state and optimizer state.
    """

    step: chex.Array
    key: chex.PRNGKey
    player: PlayerState


class Adversary(NamedTuple):
    """A discriminator and its half of a GAN, as pure functions.

    Attributes:
      init: `(key, example [batch, ...], condition=None) -> AdversaryState`, from a few real examples.
      loss: `(state, fake, real, condition=None) -> scalar`, the loss of the model that made `fake`: the generator's
        half, and the generator's parts of the terms. Differentiable in `fake` and `real`; the discriminator is fixed.
      update: `(state, fake, real, condition=None) -> (state, metrics)`, one update of the discriminator. The metrics
        are those of a training step: `d_loss`, `d_accuracy`, mean logits, `d_gradient_norm`.

    In `loss` and `update`, `fake` and `real` are [batch, ...], or pytrees of such arrays if the discriminator takes
    those, and are passed in its order of (samples, data). `condition` is [batch, ...], or None, of both.
    """

    init: Callable[..., AdversaryState]
    loss: Callable[..., chex.Array]
    update: Callable[..., tuple[AdversaryState, Metrics]]


def make_adversary(
    *,
    discriminator: Network,
    loss: Loss,
    tx: optax.GradientTransformation,
    penalties: Sequence[Penalty | Lazy] = (),
    terms: Sequence[Term] = (),
    axis_name: str | None = None,
) -> Adversary:
    """A discriminator for a model that something else trains.

    Args:
      discriminator: judges what the model makes.
      loss: one of `LOSSES`, or any `Loss`. With `jaxgan.losses.transforms.both_sides`, the model also makes `real`:
        domain-adversarial features are an example.
      tx: the discriminator's optax gradient transformation.
      penalties, terms: as in `make_train_step`. Terms get no latents.
      axis_name: name of the device axis under pmap or shard_map. `update` then averages over the devices, and the
        caller averages the gradients of `loss` (`jax.lax.pmean`).

    Raises:
      ValueError: an argument is invalid, as in `make_train_step`.
    """
    init.check_optimizer("tx", tx)
    spec = GANSpec(IDENTITY, discriminator, loss, tx, tx, NO_PRIOR, penalties, axis_name, terms=terms)
    init.check_step(spec, 1, 1, None, None, "alternating", False)
    spec = spec._replace(penalties=tuple(penalties), terms=tuple(terms))
    shard = BatchShard(axis_name)

    def start(key: chex.PRNGKey, example: chex.ArrayTree, condition: chex.ArrayTree | None = None) -> AdversaryState:
        init.check_key(key)
        run_key, player_key = jax.random.split(key)
        player = init.init_player("discriminator", discriminator, player_key, example, condition, tx)
        return AdversaryState(jnp.zeros((), jnp.int32), run_key, player)

    def minibatch(state: Any, fake: chex.ArrayTree, real: chex.ArrayTree, condition: Any) -> dict[str, Any]:
        if not isinstance(state, AdversaryState):
            raise ValueError(f"state must be an AdversaryState, from init or update, got {given(state)}")
        init.check_pair(fake, real)
        init.check_condition(condition, jax.tree.leaves(real)[0].shape[:1], "condition")
        return {"real": real, "latent": fake, "condition": condition, "made_condition": condition}

    def noise(state: AdversaryState, purpose: str, names: Sequence[str]) -> dict[str, chex.PRNGKey]:
        key = stream(jax.random.fold_in(state.key, state.step), purpose)
        return dict(zip(names, jax.random.split(key, len(names)), strict=True))

    def model_loss(
        state: AdversaryState, fake: chex.ArrayTree, real: chex.ArrayTree, condition: chex.ArrayTree | None = None
    ) -> chex.Array:
        batch = minibatch(state, fake, real, condition)
        keys = noise(state, "model", ("generator", "real", "fake"))
        value, _ = generator_objective(spec, lambda *_: state.player.variables, keys)({}, {}, batch, shard)
        return value

    def update(
        state: AdversaryState, fake: chex.ArrayTree, real: chex.ArrayTree, condition: chex.ArrayTree | None = None
    ) -> tuple[AdversaryState, Metrics]:
        batch = jax.lax.stop_gradient(minibatch(state, fake, real, condition))
        keys = noise(state, "discriminator", ("generator", "real", "fake", "critic", "penalty"))
        players = TrainState(state.step, state.key, NO_PLAYER, state.player)
        gradient = compute_gradient(discriminator_objective(spec, players, keys), state.player, batch, shard)
        norm = optax.tree.norm(gradient.grads)
        metrics = {"d_loss": gradient.loss, **gradient.metrics, "d_gradient_norm": norm}
        return AdversaryState(state.step + 1, state.key, apply_gradients(state.player, gradient, tx)), metrics

    return Adversary(start, model_loss, update)


def adaptive_weight(own: chex.ArrayTree, adversarial: chex.ArrayTree, largest: chex.Numeric = 1e4) -> chex.Array:
    """λ = ‖∇ own loss‖ / (‖∇ adversarial loss‖ + 1e-4), at most `largest`: makes both gradients equally large.

    Args:
      own, adversarial: gradients of the two losses with respect to the model's last layer, pytrees.
      largest: bound of λ, which matters where the adversarial gradient vanishes.

    Returns:
      A scalar ≥ 0, without a derivative, for own loss + λ·adversarial loss.

    Source: Esser et al. 2021 (arXiv:2012.09841), equation 7, with the constants of its code.
    """
    ratio = optax.tree.norm(own) / (optax.tree.norm(adversarial) + 1e-4)
    return jax.lax.stop_gradient(jnp.minimum(ratio, largest))
