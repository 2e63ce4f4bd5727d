"""What networks and the parts of a step must be, said in one sentence where they are not, before XLA says it."""

from typing import Any

import chex
import jax
import jax.numpy as jnp

from jaxgan.losses.penalties import PENALTIES
from jaxgan.losses.terms import TERMS
from jaxgan.training.game import Game
from jaxgan.types import Judgement, Network, Sides, Term, TrainState

CONTRACT = (
    "a Network is init(key, inputs, condition=None) -> variables and apply(variables, inputs, *, condition=None, "
    "key=None, train=False) -> (outputs, model_state), see help(jaxgan.Network)"
)


def not_a_network(error: Exception, said: str, which: str) -> Exception:
    """An error that says what a network is, where it seems to be of a function that is not one's; else the error."""
    return ValueError(f"a network's {which} could not be called: {error}; {CONTRACT}") if said in str(error) else error


def check_networks(
    generator: Network,
    discriminator: Network,
    state: TrainState,
    latents: chex.Array,
    example: chex.Array,
    condition: chex.ArrayTree | None,
) -> None:
    """Raises ValueError, in one sentence, where the two do not fit the contract, each other or the data."""

    def outputs(network, player, inputs):
        try:
            found = jax.eval_shape(
                lambda v, x, c: network.apply(v, x, condition=c), player.variables, inputs, condition
            )
        except TypeError as error:
            if (told := not_a_network(error, "argument", "apply")) is not error:
                raise told from error
            return None
        except Exception:  # it may need a key, say, or an axis: the step itself will tell
            return None
        if not isinstance(found, tuple) or len(found) != 2 or isinstance(found, Judgement):
            raise ValueError(f"a network's apply must return (outputs, model_state), got {found}; {CONTRACT}")
        return found[0]

    made = outputs(generator, state.generator, latents)
    if isinstance(made, Sides):  # what the two sides look like is between the players
        return
    if made is not None and made.shape != example.shape:
        raise ValueError(f"the generator makes examples {made.shape[1:]}, and the data's are {example.shape[1:]}")
    judged = outputs(discriminator, state.discriminator, example)
    logits = judged.logits if isinstance(judged, Judgement) else judged
    if judged is not None and getattr(logits, "ndim", None) != 1:
        raise ValueError(f"the discriminator must return logits [batch], got {getattr(logits, 'shape', logits)}")


def check_condition(condition: chex.ArrayTree | None, lead: tuple[int, ...], where: str) -> None:
    """Raises ValueError where a condition's leaves are not [*lead, ...], as the examples beside them are.

    Args:
      condition: any tree, or None.
      lead: the examples' leading axes, (k, batch) or (batch,).
      where: what the condition is called.
    """
    for leaf in jax.tree.leaves(condition):
        if jnp.shape(leaf)[: len(lead)] != lead:
            raise ValueError(
                f"{where} must be [{', '.join(map(str, lead))}, ...], one for each example, got {jnp.shape(leaf)}"
            )


def check_counts(discriminator_steps: int, generator_steps: int, accumulation_steps: int, unrolled_steps: int) -> None:
    """Raises ValueError for a count of `make_train_step` that is too small."""
    counts = {"discriminator_steps": discriminator_steps, "generator_steps": generator_steps}
    for name, count in (counts | {"accumulation_steps": accumulation_steps}).items():
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
    if unrolled_steps < 0:
        raise ValueError(f"unrolled_steps must be at least 0, got {unrolled_steps}")


def check_dynamics(
    game: Game, extragradient: bool, discriminator_steps: int, generator_steps: int, coordination: Any
) -> None:
    """Raises ValueError where consensus or extragradient has no meaning with the rest of `make_train_step`."""
    weight, counts = game.consensus, (discriminator_steps, generator_steps)
    if isinstance(weight, int | float) and not 0 < weight < float("inf"):  # a number that is traced has no value
        raise ValueError(f"consensus must be a finite number of at least 0, got {weight}")
    for name, given in (("consensus", weight is not None), ("extragradient", extragradient)):
        if given and game.unrolled_steps:
            raise ValueError(f"{name} and unrolled_steps cannot be together, got {game.unrolled_steps}; leave one out")
    if extragradient and counts != (1, 1):
        raise ValueError(f"extragradient moves both players once: discriminator_steps and generator_steps are {counts}")
    if extragradient and coordination is not None:
        raise ValueError("extragradient moves both players in every step; leave coordination out")


def check_parts(loss: Any, penalties: Any, latent: Any, average_decay: Any) -> None:
    """Raises ValueError where a part of `make_train_step` is a name, or has not got what it is made with."""
    if isinstance(loss, str):
        raise ValueError(f'loss must be a pair of functions, got the name {loss!r}; pass LOSSES["{loss}"]')
    if callable(penalties):
        raise ValueError("penalties must be a list or tuple of penalties, got one function; put it in a list")
    for name, build in PENALTIES.items():
        if build in penalties:
            raise ValueError(f'a penalty is made with its weight: pass PENALTIES["{name}"](weight)')
    if not hasattr(latent, "sample"):
        raise ValueError('latent must be a Latent, such as LATENTS["normal"](dim), which is made with its dimension')
    if isinstance(average_decay, int | float) and not 0 <= average_decay < 1:  # a number that is traced has no value
        raise ValueError(f"average_decay must lie in [0, 1), got {average_decay}")


def check_terms(terms: Any) -> None:
    """Raises ValueError where `terms` of `make_train_step` are no sequence of `Term`s."""
    if isinstance(terms, Term):
        raise ValueError("terms must be a list or tuple of terms, got one; put it in a list")
    for name, build in TERMS.items():
        if build in terms:
            raise ValueError(f'a term is made with its weight: pass TERMS["{name}"](weight)')
    if strange := [term for term in terms if not isinstance(term, Term)]:
        raise ValueError(f"a term must be a jaxgan.Term(discriminator, generator), got {strange[0]!r}")
