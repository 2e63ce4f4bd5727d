"""What each player descends, as a function of its own parameters with the other player fixed."""

from collections.abc import Callable
from typing import Any

import chex
import jax
import jax.numpy as jnp

from jaxgan.training.game import Game
from jaxgan.training.gradients import Rows
from jaxgan.training.latent_optimization import squared_distance
from jaxgan.types import Judgement, Lazy, Metrics, Network, Penalty, PerExample, Seen, Sides, TrainState

Objective = Callable[..., Any]
"""`(params, model_state, batch, rows) -> loss, (model_state, metrics)` of one player."""
Judge = Callable[[Any, Any, Rows], Any]
"""`(generator's params, batch, rows) -> variables` of the discriminator that judges it."""


def discriminator_objective(game: Game, state: TrainState, keys: dict[str, chex.PRNGKey]) -> Objective:
    """What the discriminator descends, as `jaxgan.training.gradients.gradient` takes it.

    Args:
      game: the networks, loss, penalties and terms.
      state: the generator, which is fixed, and the step.
      keys: of the noise: "generator", "real", "fake", "critic", "penalty".
    """

    # No stop_gradient at the fake examples: the gradient is in the discriminator's parameters alone, and without it the
    # whole update can be differentiated in the generator's, as an analysis of the dynamics does.
    def loss_fn(params, model_state, batch, rows):
        real, condition = batch["real"], batch["condition"]
        variables = {"params": params, **model_state}
        generator = game.generator, state.generator.variables
        latents = _latents(game, rows, batch, generator[1], variables, keys)
        made, _ = _apply(rows, *generator, latents, keys["generator"], condition)
        real, fake, extra = _sides(real, made)
        inputs = (real, keys["real"]), (fake, keys["fake"])
        (judged_real, judged_fake), model_state = _judge_both(game, rows, variables, *inputs, condition)
        real_logits, fake_logits = judged_real.logits, judged_fake.logits
        loss = game.loss.discriminator(real_logits, fake_logits)

        def judge(examples, condition=None):
            return _judge(game, rows, variables, examples, keys["critic"], condition)[0]

        def critic(examples):
            return judge(examples, condition).logits

        for i, penalty in enumerate(game.penalties):
            penalty_key = rows.key(jax.random.fold_in(keys["penalty"], i))
            loss = _penalised(loss, penalty, state.step, (critic, real, fake, penalty_key))
        metrics = _metrics(game, real_logits, fake_logits)
        seen = _seen(game, rows, batch, judged_real, judged_fake, judge, extra)
        added = _terms("d_terms", [term.discriminator for term in game.terms], seen)
        if game.latent_optimization is not None:
            metrics["latent_step"] = jnp.linalg.norm(latents - batch["latent"], axis=1).mean()
        return sum(added.values(), loss), (model_state, metrics | added)

    return loss_fn


def generator_objective(game: Game, judge: Judge, keys: dict[str, chex.PRNGKey]) -> Objective:
    """What the generator descends, as `jaxgan.training.gradients.gradient` takes it.

    Args:
      game: the networks, the loss and the terms.
      judge: `(params, batch, rows) -> variables` of the discriminator that judges a generator of these parameters.
      keys: of the noise: "generator", "real", "fake".
    """

    def loss_fn(params, model_state, batch, rows):
        variables, condition = {"params": params, **model_state}, batch["condition"]
        judges = judge(params, batch, rows)
        latents = _latents(game, rows, batch, variables, judges, keys)
        made, model_state = _apply(rows, game.generator, variables, latents, keys["generator"], condition)
        real, fake, extra = _sides(batch["real"], made)
        real_judgement, _ = _judge(game, rows, judges, real, keys["real"], condition)
        fake_judgement, _ = _judge(game, rows, judges, fake, keys["fake"], condition)
        loss = game.loss.generator(real_judgement.logits, fake_judgement.logits)

        def judge_others(examples, condition=None):
            return _judge(game, rows, judges, examples, keys["real"], condition)[0]

        seen = _seen(game, rows, batch, real_judgement, fake_judgement, judge_others, extra)
        added = _terms("g_terms", [term.generator for term in game.terms], seen)
        if game.latent_optimization is not None:
            loss = loss + game.latent_optimization.cost * squared_distance(latents, batch["latent"])
        return sum(added.values(), loss), (model_state, added)

    return loss_fn


def _latents(game: Game, rows: Rows, batch, generator, judge, keys: dict[str, chex.PRNGKey]) -> chex.Array:
    """The batch's latents, moved where the game moves them, by the same noise as in the players' own passes."""
    if game.latent_optimization is None:
        return batch["latent"]

    def logits_of(latents):
        made, _ = _apply(rows, game.generator, generator, latents, keys["generator"], batch["condition"])
        fake = _sides(batch["real"], made).fake
        return _judge(game, rows, judge, fake, keys["fake"], batch["condition"])[0].logits

    return game.latent_optimization.move(batch["latent"], logits_of, game.latent)


def _sides(real: chex.Array, made: Any) -> Sides:
    """What the discriminator judges: of a generator that makes samples alone, these and the data."""
    if not isinstance(made, Sides):
        return Sides(real, made)
    return made if made.real is not None else made._replace(real=real)


def _apply(rows: Rows, network: Network, variables, inputs, key, condition):
    """The network in training, with its noise drawn per example of the global batch or, failing that, per device."""
    per_example = isinstance(network.apply, PerExample)
    key = rows.example_keys(key, _count(inputs)) if per_example else rows.key(key)
    return network.apply(variables, inputs, condition=condition, key=key, train=True)


def _judge_both(
    game: Game, rows: Rows, variables, real: tuple[Any, Any], fake: tuple[Any, Any], condition
) -> tuple[list[Judgement], Any]:
    """Judgements of real and of fake examples, each given with its key; in one batch where that changes nothing."""
    apply = game.discriminator.apply
    if len(variables) > 1 or not (isinstance(apply, PerExample) and apply.independent):
        first, model_state = _judge(game, rows, variables, *real, condition)
        second, model_state = _judge(game, rows, {"params": variables["params"], **model_state}, *fake, condition)
        return [first, second], model_state
    # Half as many products, each twice as large, and one gradient for each parameter where there would be two to add.
    keys = jnp.concatenate([rows.example_keys(key, _count(inputs)) for inputs, key in (real, fake)])
    both = jax.tree.map(lambda x: jnp.concatenate([x, x]), condition)
    inputs = jax.tree.map(lambda *sides: jnp.concatenate(sides), real[0], fake[0])
    outputs, model_state = apply(variables, inputs, condition=both, key=keys, train=True)
    halves = [jax.tree.map(lambda x, i=i: jnp.split(x, 2)[i], _as_judgement(outputs)) for i in range(2)]
    return halves, model_state


def _count(inputs: chex.ArrayTree) -> int:
    return jax.tree.leaves(inputs)[0].shape[0]


def _judge(game: Game, rows: Rows, variables, inputs, key, condition) -> tuple[Judgement, Any]:
    outputs, model_state = _apply(rows, game.discriminator, variables, inputs, key, condition)
    return _as_judgement(outputs), model_state


def _as_judgement(outputs) -> Judgement:
    return outputs if isinstance(outputs, Judgement) else Judgement(outputs)


def _metrics(game: Game, real_logits: chex.Array, fake_logits: chex.Array) -> Metrics:
    threshold = 0 if game.loss.threshold is None else game.loss.threshold
    metrics = {
        "d_accuracy": ((real_logits > threshold).mean() + (fake_logits < threshold).mean()) / 2,
        "d_real_logit": real_logits.mean(),
        "d_fake_logit": fake_logits.mean(),
    }
    return metrics if game.loss.metrics is None else metrics | game.loss.metrics(real_logits, fake_logits)


def _seen(game: Game, rows: Rows, batch, real: Judgement, fake: Judgement, judge, extra) -> Seen:
    return Seen(real, fake, batch["latent"], batch["condition"], game.latent, rows.axis_name, judge, extra)


def _terms(name: str, parts, seen: Seen) -> Metrics:
    """The sum of one player's parts, under a metric's name; nothing if it has none."""
    values = [part(seen) for part in parts if part is not None]
    return {name: sum(values[1:], values[0])} if values else {}


def _penalised(loss: chex.Array, penalty: Penalty | Lazy, step: chex.Array, arguments) -> chex.Array:
    if not isinstance(penalty, Lazy):
        return loss + penalty(*arguments)
    # A step without it does not compute it, except where members of a population are batched.
    due = step % penalty.interval == 0
    return jax.lax.cond(due, lambda: loss + penalty.interval * penalty.penalty(*arguments), lambda: loss)
