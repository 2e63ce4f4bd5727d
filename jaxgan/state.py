"""What a training run is made of: networks as pairs of functions, and the state they train.

Everything here is a `NamedTuple` or a frozen dataclass registered as a pytree, and holds arrays only, so it goes
through `jax.jit`, `jax.vmap`, `jax.pmap` and a checkpoint unchanged.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import chex
import jax

Batch = Mapping[str, chex.ArrayTree]
"""`{"real": [k, batch, ...]}`, and `"condition": [k, batch, ...]` for a conditional GAN; k = discriminator_steps."""


class Network(NamedTuple):
    """A network as two functions; any library, or none, can provide them.

    Attributes:
      init: `(key, inputs, condition=None) -> variables`, a dict with `"params"` and any other collections
        (batch statistics, say), which together are the network's model state.
      apply: `(variables, inputs, *, condition=None, key=None, train=False) -> (outputs, model_state)`, where
        `model_state` is the dict of the other collections after this call (`{}` if there are none). With
        `train=True` the network gets a `key` for its noise, another one on every device; wrap `apply` in
        `PerExample` to get a key for every example instead.
    """

    init: Callable[..., Any]
    apply: Callable[..., Any]


class Judgement(NamedTuple):
    """What a discriminator may return instead of bare logits.

    Attributes:
      logits: [batch]; sigmoid(logits) is the probability that an example came from the data.
      features: [batch, features], for feature matching, or None.
      class_logits: [batch, classes], for auxiliary classifiers, or None.
    """

    logits: chex.Array
    features: chex.Array | None = None
    class_logits: chex.Array | None = None


class Sides(NamedTuple):
    """What a generator may return in training instead of bare examples: both sides, as the discriminator sees them.

    The batch of data is then judged as `real` has it, which the generator may have made with parameters of its own, and
    its gradient goes through both sides: BiGAN's pairs (x, E(x)) and (G(z), z), say.

    Attributes:
      real: pytree of [batch, ...], made of the data, which the generator's network has seen as a part of its condition;
        None for the data as they are.
      fake: pytree like it.
      extra: what else was made, pytree of [batch, ...], which terms find in `Seen.extra`; or None.
    """

    real: chex.ArrayTree | None
    fake: chex.ArrayTree
    extra: Any = None


@dataclasses.dataclass(frozen=True)
class PerExample:
    """Marks the `apply` of a network that draws its noise from one key per example.

    The training step then passes `key` as an array of [batch] keys made from each example's index in the *global*
    batch, so that dropout (say) is the same on one device as on many. With one scalar key, as anywhere outside a
    step, the examples' keys are made from it in the same way.

    Attributes:
      function: the network's `apply`, of [batch] keys.
      independent: an example's output depends on that example alone, and not on others in its batch. A discriminator
        of this kind without model state judges real and fake examples in one batch, which is faster.
    """

    function: Callable[..., Any]
    independent: bool = False

    def __call__(self, variables, inputs, *, condition=None, key=None, train=False):
        if key is not None and key.ndim == 0:
            key = example_keys(key, inputs.shape[0])
        return self.function(variables, inputs, condition=condition, key=key, train=train)


def wrapped(network: Network, init: Callable[..., Any], apply: Callable[..., Any]) -> Network:
    """A network around another, with its noise drawn as that one's; `apply` calls `inner_apply(network)`."""
    inner = network.apply
    return Network(init, PerExample(apply, inner.independent) if isinstance(inner, PerExample) else apply)


def inner_apply(network: Network) -> Callable[..., Any]:
    """The network's `apply`, of [batch] keys if it draws its noise per example."""
    return network.apply.function if isinstance(network.apply, PerExample) else network.apply


def example_keys(key: chex.PRNGKey, count: int, offset: chex.Numeric = 0) -> chex.PRNGKey:
    """One key per example, `fold_in(key, offset + i)`, for examples offset to offset + count - 1 of the global batch.

    Args:
      key: one typed key.
      count: how many examples.
      offset: index of the first of them in the global batch.

    Returns:
      [count] keys.
    """
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, offset + jax.numpy.arange(count))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PlayerState:
    """One player: its parameters, the state of its layers (batch statistics, ...) and its optimizer's state."""

    params: chex.ArrayTree
    model_state: chex.ArrayTree
    opt_state: chex.ArrayTree

    @property
    def variables(self) -> dict[str, Any]:
        """The dict that `Network.apply` takes."""
        return {"params": self.params, **self.model_state}

    def replace(self, **changes: Any) -> "PlayerState":
        """A copy with the named fields changed."""
        return dataclasses.replace(self, **changes)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """All that a run needs to go on.

    Attributes:
      step: int32 scalar, training steps done.
      key: one typed key, fixed for the run; step t draws from `fold_in(key, t)`.
      generator: the generator's `PlayerState`.
      discriminator: the discriminator's `PlayerState`.
      average_params: exponential moving average of the generator's parameters, or None.
    """

    step: chex.Array
    key: chex.PRNGKey
    generator: PlayerState
    discriminator: PlayerState
    average_params: chex.ArrayTree | None = None

    def replace(self, **changes: Any) -> "TrainState":
        """A copy with the named fields changed."""
        return dataclasses.replace(self, **changes)
