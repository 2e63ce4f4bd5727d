"""What a network must be, said in one sentence where one is not: before XLA, or a broadcast, says it in another way."""

import chex
import jax

from jaxgan.state import Judgement, Network, TrainState

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
    if made is not None and made.shape != example.shape:
        raise ValueError(f"the generator makes examples {made.shape[1:]}, and the data's are {example.shape[1:]}")
    judged = outputs(discriminator, state.discriminator, example)
    logits = judged.logits if isinstance(judged, Judgement) else judged
    if judged is not None and getattr(logits, "ndim", None) != 1:
        raise ValueError(f"the discriminator must return logits [batch], got {getattr(logits, 'shape', logits)}")
