"""What a training run is made of: networks as pairs of functions, and the state they train.

Everything here is a `NamedTuple` or a frozen dataclass registered as a pytree, and holds arrays only, so it goes
through `jax.jit`, `jax.vmap`, `jax.pmap` and a checkpoint unchanged.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax

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
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, offset + jnp.arange(count))


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


class Latent(NamedTuple):
    """A prior over latent vectors.

    Attributes:
      sample: `(key, count) -> z [count, dim]`, float32.
      dim: length of z.
      categories: how many entries, at the start of z, are a one-hot vector, which nothing may move.
      continuous: how many entries behind them are codes.
      bound: every coordinate lies in [−bound, bound]; None: anywhere.
      from_normal: T, a smooth map [count, dim] -> [count, dim] of N(0, I) to the prior; None if there is none here.
      radius: every z has this norm; None: any.
      generator: `network -> network`, for a prior that the generator learns: z is made of its latents; None for others.
      generator_tx: `optimizer -> optimizer` of that generator; None to leave it as it is.
    """

    sample: Callable[[chex.PRNGKey, int], chex.Array]
    dim: int
    categories: int = 0
    continuous: int = 0
    bound: float | None = None
    from_normal: Callable[[chex.Array], chex.Array] | None = None
    radius: float | None = None
    generator: Callable[[Network], Network] | None = None
    generator_tx: Callable[[optax.GradientTransformation], optax.GradientTransformation] | None = None

    @property
    def learned(self) -> bool:
        """Whether the prior is learned with the generator."""
        return self.generator is not None

    def nearest(self, latents: chex.Array) -> chex.Array:
        """Latents [..., dim] at the nearest points that the prior's bound and radius allow."""
        if self.bound is not None:
            latents = jnp.clip(latents, -self.bound, self.bound)
        return latents if self.radius is None else of_norm(latents, self.radius)


def of_norm(latents: chex.Array, radius: float) -> chex.Array:
    """Latents [..., dim] at the norm `radius` > 0; those that are all but zero have no direction, and are 0."""
    squared = jnp.square(latents).sum(-1, keepdims=True)
    directed = squared > 1e-8
    return jnp.where(directed, radius * latents * jax.lax.rsqrt(jnp.where(directed, squared, 1.0)), 0.0)


Metrics = dict[str, chex.Array]
Half = Callable[[chex.Array, chex.Array], chex.Array]
"""One player's loss: `(real_logits [batch], fake_logits [batch]) -> scalar`."""


def swapped(discriminator: Half) -> Half:
    """The discriminator's loss with real and fake swapped, the opposite goal."""
    return lambda real_logits, fake_logits: discriminator(fake_logits, real_logits)


class Loss(NamedTuple):
    """The two players' objectives, both minimised, and facts about the discriminator's logits.

    `_replace` and the functions of `jaxgan.losses.transforms` keep the facts.

    Attributes:
      discriminator: `(real_logits [batch], fake_logits [batch]) -> scalar`.
      generator: `(real_logits [batch], fake_logits [batch]) -> scalar`; only relativistic losses read real_logits.
      log_ratio: `logits -> log p_d/p_g` of the optimal discriminator, which rejection and Langevin sampling need; None
        if the ratio does not follow from the logits.
      threshold: the discriminator takes an example for real if its logit is above this. None: `d_accuracy` compares
        with 0 but is not an accuracy, and the alarm `discriminator_wins` is off.
      metrics: `(real_logits, fake_logits) -> {name: scalar}`, additional metrics of the discriminator's updates.
      smoothed: `alpha -> discriminator's half` with the label alpha for data; None if the loss has no labels.
      pair_generator: `discriminator's half -> generator's half` for a generator that makes both the real and the fake
        side, as in BiGAN; None if the loss has no such half.
      cross_entropy: whether the discriminator's half is the cross-entropy of the classes real and fake, so that K + 1
        classes can replace the two.
    """

    discriminator: Half
    generator: Half
    log_ratio: Callable[[chex.Array], chex.Array] | None = None
    threshold: chex.Numeric | None = 0.0
    metrics: Callable[[chex.Array, chex.Array], Metrics] | None = None
    smoothed: Callable[[chex.Numeric], Half] | None = None
    pair_generator: Callable[[Half], Half] | None = swapped
    cross_entropy: bool = False


Penalty = Callable[..., chex.Array]
"""`(critic, real, fake, key) -> scalar` added to the discriminator's loss; `critic(examples) -> logits [batch]`."""


@dataclasses.dataclass(frozen=True)
class Lazy:
    """A penalty in every `interval`-th step alone, multiplied by `interval`; see `jaxgan.losses.penalties.lazy`."""

    penalty: Penalty
    interval: int


class Seen(NamedTuple):
    """What a term sees of one minibatch: this device's share of it.

    Attributes:
      real, fake: the discriminator's judgements.
      latents: [batch, dim], of the generated examples.
      condition: [batch, ...] of both, or None.
      prior: which the latents are from.
      axis_name: of the mapped device axis, or None.
      judge: `(examples [n, ...], condition=None) -> Judgement` of this discriminator, in training, of further examples,
        which may be a part of the condition: labelled ones, say. What it does to a network's state is not kept.
      extra: what the generator made beside its examples, see `Sides`; or None.
    """

    real: Judgement
    fake: Judgement
    latents: chex.Array
    condition: chex.ArrayTree | None
    prior: Latent
    axis_name: str | None = None
    judge: Callable[..., Judgement] | None = None
    extra: Any = None

    def mean(self, values: chex.Array) -> chex.Array:
        """The mean over the batch, [batch, ...] to [...], of all devices."""
        means = values.mean(0)
        if self.axis_name is None:
            return means
        # Varying again, so that the mean of the devices' gradients is that of the mean whatever is made of it.
        return varying(jax.lax.pmean(means, self.axis_name), self.axis_name)


class Term(NamedTuple):
    """A part of the players' losses that reads more than logits; see `jaxgan.losses.terms`.

    Attributes:
      discriminator: `seen -> scalar`, added to the discriminator's loss; None for nothing.
      generator: the same of the generator's.
    """

    discriminator: Callable[[Seen], chex.Array] | None = None
    generator: Callable[[Seen], chex.Array] | None = None


def varying(tree, axis_name: str | None):
    """Cast to differ from device to device: else shard_map sums a gradient over the axis by itself, and its mean over
    the devices would be the sum."""
    if axis_name is None:
        return tree
    return jax.tree.map(lambda leaf: jax.lax.pcast(leaf, axis_name, to="varying"), tree)
