"""Types shared by the library: networks, the training state, latents, losses, penalties and terms.

Everything that holds arrays is a `NamedTuple` or a frozen dataclass registered as a pytree, so it passes through
`jax.jit`, `jax.vmap`, `jax.pmap` and a checkpoint unchanged.
"""

import dataclasses
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax

Batch = Mapping[str, chex.ArrayTree]
"""`{"real": [k, batch, ...]}`, and `"condition": [k, batch, ...]` for a conditional GAN; k = discriminator_steps. If
the generator has minibatches of its own (generator_steps times generator_batches), they follow."""


@dataclasses.dataclass(frozen=True)
class PerExample:
    """An `apply` that takes one key per example: `Network(init, PerExample(f))` = `Network(init, f, per_example=True)`.

    Called with a single scalar key, as is usual outside a training step, it derives the examples' keys from that key.

    `function` takes [batch] keys; for `independent` see `Network`.
    """

    function: Callable[..., Any]
    independent: bool = False

    def __call__(self, variables, inputs, *, condition=None, key=None, train=False):
        if key is not None and key.ndim == 0:
            key = example_keys(key, jax.tree.leaves(inputs)[0].shape[0])
        return self.function(variables, inputs, condition=condition, key=key, train=train)


class _NetworkFields(NamedTuple):
    init: Callable[..., Any]
    apply: Callable[..., Any]
    per_example: bool = False
    independent: bool = False


class Network(_NetworkFields):
    """A network as two pure functions, from any library or written by hand.

    A wrapper of a network returns `network._replace(init=..., apply=...)`, which keeps the other two fields.

    Attributes:
      init: `(key, inputs, condition=None) -> variables`, a dict of `"params"` and any other collections, such as batch
        statistics. The other collections are the network's model state.
      apply: `(variables, inputs, *, condition=None, key=None, train=False) -> (outputs, model_state)`, where
        `model_state` is the dict of the other collections after this call, `{}` if there are none. With `train=True`
        the network receives a `key` for its noise.
      per_example: `apply` takes [batch] keys, one per example. The training step derives them from each example's index
        in the global batch, so noise such as dropout does not depend on the number of devices. Otherwise `apply` takes
        a single key, and every device has its own. `Network.apply` also accepts a single scalar key, and derives the
        examples' keys from it.
      independent: only with `per_example`: the output of an example does not depend on the other examples of its batch.
        If a discriminator is independent and has no model state, it sees real and fake examples in one batch, which is
        faster.
    """

    __slots__ = ()

    def __new__(
        cls, init: Callable[..., Any], apply: Callable[..., Any], per_example: bool = False, independent: bool = False
    ) -> "Network":
        if isinstance(apply, PerExample):
            per_example, independent, apply = True, apply.independent, apply.function
        if per_example:
            apply = PerExample(apply, independent)
        return super().__new__(cls, init, apply, per_example, per_example and independent)

    def _replace(self, **changes: Any) -> "Network":
        """A copy with the named fields changed."""
        function = self.apply.function if isinstance(self.apply, PerExample) else self.apply
        return Network(**{**self._asdict(), "apply": function, **changes})

    def named(self, player: str) -> "Network":
        """A copy whose errors in `apply` have a note with the player that raised them, and the shapes."""
        function = self.apply.function if isinstance(self.apply, PerExample) else self.apply

        def apply(variables, inputs, **options):
            try:
                return function(variables, inputs, **options)
            except Exception as error:
                condition = shapes_of(options.get("condition")) or None
                error.add_note(f"jaxgan: raised by the {player}, for inputs {shapes_of(inputs)}, condition {condition}")
                raise

        return self._replace(apply=apply)


def shapes_of(tree: Any) -> str:
    """The shapes of a tree's leaves, for messages."""
    return ", ".join(str(jnp.shape(leaf)) for leaf in jax.tree.leaves(tree))


def mean_of(values: Sequence[chex.Array]) -> chex.Array:
    """The mean of several arrays; a single one is returned unchanged."""
    return sum(values[1:], values[0]) / len(values) if len(values) > 1 else values[0]


class DiscriminatorOutput(NamedTuple):
    """A discriminator's output if it returns more than plain logits.

    Attributes:
      logits: [batch]; sigmoid(logits) is the probability that an example came from the data. Or [batch, ...], one for
        each patch of an example, or a pytree of such arrays, one for each of several discriminators.
      features: [batch, features], for feature matching, or a pytree of [batch, ...], such as all layers' outputs; or
        None.
      class_logits: [batch, classes], for auxiliary classifiers, or None.
    """

    logits: chex.ArrayTree
    features: chex.ArrayTree | None = None
    class_logits: chex.Array | None = None

    @property
    def example_logits(self) -> chex.Array:
        """[batch]: of each example the mean over its patches, and then over the discriminators."""
        leaves = jax.tree.leaves(self.logits)
        means = [leaf.reshape(leaf.shape[0], -1).mean(1) if leaf.ndim > 1 else leaf for leaf in leaves]
        return mean_of(means)

    @classmethod
    def of(cls, outputs: Any) -> "DiscriminatorOutput":
        """What a discriminator returned, with bare logits in it.

        Raises:
          ValueError: it is a list, tuple or dict, of which nothing says what it holds.
        """
        if isinstance(outputs, cls):
            return outputs
        if not hasattr(outputs, "shape"):
            raise ValueError(
                f"a discriminator must return logits or a jaxgan.DiscriminatorOutput, got a {type(outputs).__name__}; "
                "logits of several discriminators are DiscriminatorOutput(logits=[...])"
            )
        return cls(outputs)


class DiscriminatorInputs(NamedTuple):
    """A generator's output in training if it determines everything that the discriminator sees.

    The discriminator then sees `real` in place of the batch of data. The generator may compute `real` with its own
    parameters; its gradient passes through both sides. BiGAN's pairs (x, E(x)) and (G(z), z) are an example.
    Another is a tuple of pictures of several levels, which `jaxgan.wrappers.guidance` judges beside the unchanged data.

    Attributes:
      real: pytree of [batch, ...], computed from the data, which the generator receives as part of its condition; None
        for the unchanged data.
      fake: pytree with the same structure, or one that the discriminator takes in its place.
      extra: further outputs, pytree of [batch, ...], which terms read as `TermInputs.extra`; or None.
    """

    real: chex.ArrayTree | None
    fake: chex.ArrayTree
    extra: Any = None


STREAMS = {
    "task": 2,  # of a step's key, which the step itself splits into 0 and 1
    "sample_pictures": 4,  # of the run's key, which `init_state` splits into 0 to 3
    "alarms": 5,  # of the run's key
    "condition_grid": 2**31,  # of a key whose numbers from 0 on are for batches of samples
    "interpolations": 2**31,  # likewise
    "task_scores": 2**31,  # of an evaluation's key
}
"""Streams with fixed numbers. Changing one changes the results of published runs. Other names are hashed."""


def stream(key: chex.PRNGKey, name: str) -> chex.PRNGKey:
    """A key for one purpose: `fold_in(key, number)`, with the number from `STREAMS` or the name's CRC-32."""
    return jax.random.fold_in(key, STREAMS.get(name, zlib.crc32(name.encode())))


def example_keys(key: chex.PRNGKey, count: int, offset: chex.Numeric = 0) -> chex.PRNGKey:
    """One key per example: `fold_in(key, i)` for examples i = offset, ..., offset + count - 1 of the global batch.

    Returns [count] keys.
    """
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, offset + jnp.arange(count))


def minibatch_keys(state: "TrainState", name: str, minibatches: int, count: int, axis_name: str | None) -> chex.PRNGKey:
    """Keys [minibatches, count] for one purpose: one per example of this device's `count` in each minibatch.

    A key depends on the example's index in the global batch, so it does not depend on the number of devices.
    """
    first: chex.Numeric = 0 if axis_name is None else jax.lax.axis_index(axis_name) * count
    key = stream(jax.random.fold_in(state.key, state.step), name)
    return jax.vmap(lambda k: example_keys(k, count, first))(jax.random.split(key, minibatches))


def device_varying(tree, axis_name: str | None):
    """Marks replicated values as device-varying; otherwise shard_map would psum the gradient implicitly, and our pmean
    would return the sum."""
    if axis_name is None:
        return tree
    return jax.tree.map(lambda leaf: jax.lax.pcast(leaf, axis_name, to="varying"), tree)


class BatchShard(NamedTuple):
    """The examples of the global batch that a computation sees: part `part` of the `parts` of its device's share.

    Random draws for examples, and statistics of the whole batch, use these methods, so that they do not depend on the
    number of devices. The default is the whole batch on one device.
    """

    axis_name: str | None = None
    parts: int = 1
    part: chex.Numeric = 0

    def example_keys(self, key: chex.PRNGKey, count: int) -> chex.PRNGKey:
        """One key per example of the shard's `count`, by its index in the global batch."""
        offset: chex.Numeric = 0 if self.axis_name is None else jax.lax.axis_index(self.axis_name) * self.parts * count
        return example_keys(key, count, offset if self.parts == 1 else offset + self.part * count)

    def key(self, key: chex.PRNGKey) -> chex.PRNGKey:
        """A key that differs between devices and between parts."""
        key = key if self.axis_name is None else jax.random.fold_in(key, jax.lax.axis_index(self.axis_name))
        return key if self.parts == 1 else jax.random.fold_in(key, self.part)

    def apply(self, network: Network, variables, inputs, key: chex.PRNGKey, condition=None) -> tuple[Any, Any]:
        """Applies the network in training mode, with noise per example of the global batch if it supports that, else
        with a key that differs between devices."""
        if network.per_example:
            key = self.example_keys(key, jax.tree.leaves(inputs)[0].shape[0])
        else:
            key = self.key(key)
        return network.apply(variables, inputs, condition=condition, key=key, train=True)

    def draw(self, sample: Callable[[int], chex.ArrayTree], count: int) -> Any:
        """The shard's `count` rows of `sample(number of examples in the global batch)`, as a pytree."""
        if self.axis_name is None and self.parts == 1:
            return sample(count)
        shards, shard = self.parts, self.part
        if self.axis_name is not None:
            shards, shard = (
                jax.lax.axis_size(self.axis_name) * shards,
                jax.lax.axis_index(self.axis_name) * shards + shard,
            )
        rows = sample(shards * count)
        return jax.tree.map(lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, shard * count, count), rows)

    def mean(self, values: chex.Array, axis: int | None = 0) -> chex.Array:
        """The mean over the examples of this part on all devices, [n, ...] to [...]; with axis=None over all values."""
        means = values.mean(axis)
        if self.axis_name is None:
            return means
        # Device-varying again, so that the mean of the devices' gradients is the gradient of this mean.
        return device_varying(jax.lax.pmean(means, self.axis_name), self.axis_name)

    def gather(self, values: chex.Array) -> chex.Array:
        """The rows of this part from all devices, in the order of the global batch: [n, ...] to [devices · n, ...].

        On every device a loss of gathered rows is the loss over all devices; the mean of its gradients is its gradient.
        """
        return values if self.axis_name is None else jax.lax.all_gather(values, self.axis_name, tiled=True)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PlayerState:
    """One player: its parameters, the state of its layers (such as batch statistics) and its optimizer's state."""

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
    """Everything that a run needs to continue.

    Attributes:
      step: int32 scalar, the number of training steps done.
      key: one typed key, fixed for the run; step t draws from `fold_in(key, t)`.
      average_params: exponential moving average of the generator's parameters, or None.
      average_state: the generator's model state, such as batch statistics, for these parameters; None without an
        average or model state.
    """

    step: chex.Array
    key: chex.PRNGKey
    generator: PlayerState
    discriminator: PlayerState
    average_params: chex.ArrayTree | None = None
    average_state: chex.ArrayTree | None = None

    def replace(self, **changes: Any) -> "TrainState":
        """A copy with the named fields changed."""
        return dataclasses.replace(self, **changes)


def linear(start: chex.Array, end: chex.Array, t: chex.Numeric) -> chex.Array:
    """The point (1 − t)·start + t·end on the straight line between two points [..., dim]; t is [..., 1] or a scalar."""
    return (1 - t) * start + t * end


class Latent(NamedTuple):
    """A prior over latent vectors.

    Attributes:
      sample: `(key, count) -> z [count, dim]`, float32.
      dim: length of z.
      categories: number of entries at the start of z that form a one-hot vector, which no optimization may move.
      continuous: number of following entries that are codes.
      bound: every coordinate lies in [−bound, bound]; None for no bound.
      from_normal: T, a smooth map [count, dim] -> [count, dim] from N(0, I) to the prior; None if there is none.
      radius: the norm of every z; None if norms differ.
      path: `(start [..., dim], end [..., dim], t [..., 1]) -> z`, the path between two latents, t from 0 to 1.
      truncated: `psi in (0, 1) -> Latent`, the most likely part of the prior; None if that is not defined.
      generator: `network -> network`, for a prior that the generator learns: z is computed from its latents; else None.
      generator_tx: `optimizer -> optimizer` for that generator; None to leave it unchanged.
      recipe: `() -> parts`, which lets programs without jaxgan draw z: parts from the first coordinate on, each a
        JSON-serialisable dict with "distribution" and "size" (docs/export.md lists all); None if there is none.
    """

    sample: Callable[[chex.PRNGKey, int], chex.Array]
    dim: int
    categories: int = 0
    continuous: int = 0
    bound: float | None = None
    from_normal: Callable[[chex.Array], chex.Array] | None = None
    radius: float | None = None
    path: Callable[[chex.Array, chex.Array, chex.Numeric], chex.Array] = linear
    truncated: Callable[[float], "Latent"] | None = None
    generator: Callable[[Network], Network] | None = None
    generator_tx: Callable[[optax.GradientTransformation], optax.GradientTransformation] | None = None
    recipe: Callable[[], tuple[dict[str, Any], ...]] | None = None

    @property
    def learned(self) -> bool:
        """Whether the prior is learned with the generator."""
        return self.generator is not None

    def nearest(self, latents: chex.Array) -> chex.Array:
        """Projects latents [..., dim] to the nearest points that the prior's bound and radius allow."""
        if self.bound is not None:
            latents = jnp.clip(latents, -self.bound, self.bound)
        return latents if self.radius is None else of_norm(latents, self.radius)


def of_norm(latents: chex.Array, radius: float) -> chex.Array:
    """Latents [..., dim] scaled to the norm `radius` > 0; those of almost zero norm, without a direction, become 0."""
    squared = jnp.square(latents).sum(-1, keepdims=True)
    directed = squared > 1e-8
    return jnp.where(directed, radius * latents * jax.lax.rsqrt(jnp.where(directed, squared, 1.0)), 0.0)


Metrics = dict[str, chex.Array]
Half = Callable[[chex.Array, chex.Array], chex.Array]
"""One player's loss: `(real_logits [batch], fake_logits [batch]) -> scalar`."""


def swapped(discriminator: Half) -> Half:
    """The discriminator's loss with real and fake swapped: the opposite objective."""
    return lambda real_logits, fake_logits: discriminator(fake_logits, real_logits)


class Loss(NamedTuple):
    """The two players' objectives, both minimised, and facts about the discriminator's logits.

    `_replace` and the functions of `jaxgan.losses.transforms` keep the facts.

    Attributes:
      discriminator, generator: `(real_logits [batch], fake_logits [batch]) -> scalar`; the generator's reads
        real_logits only in relativistic losses.
      log_ratio: `logits -> log p_d/p_g` for the optimal discriminator, for rejection and Langevin sampling; None if the
        logits do not determine the ratio.
      threshold: the discriminator classifies an example as real if its logit is above this. None if no number separates
        real from fake: then there is no metric `d_accuracy`, and nothing may depend on it.
      metrics: `(real_logits, fake_logits) -> {name: scalar}`, additional metrics of the discriminator's updates.
      smoothed: `alpha -> discriminator's half` with the label alpha for data; None if the loss has no labels.
      pair_generator: `discriminator's half -> generator's half` for a generator that makes both the real and the fake
        side, as in BiGAN; None if there is no such half.
      cross_entropy: whether the discriminator's half is the cross-entropy of the classes real and fake, so that K + 1
        classes can replace the two.
      compares: whether a half is more than a mean over the examples, or pairs, of a batch. On several devices such a
        loss is computed from the logits of all devices, and other losses as the mean over devices.
    """

    discriminator: Half
    generator: Half
    log_ratio: Callable[[chex.Array], chex.Array] | None = None
    threshold: chex.Numeric | None = 0.0
    metrics: Callable[[chex.Array, chex.Array], Metrics] | None = None
    smoothed: Callable[[chex.Numeric], Half] | None = None
    pair_generator: Callable[[Half], Half] | None = swapped
    cross_entropy: bool = False
    compares: bool = True


Penalty = Callable[..., chex.Array]
"""`(critic, real, fake, key) -> scalar` added to the discriminator's loss; `critic(examples) -> logits [batch]`.

With a fifth argument `shard`, a `BatchShard`, it draws with `shard.draw` and computes statistics of the whole batch
with `shard.mean`. Without it, the key is the device's own, and the penalty is a mean over the device's examples.
"""


@dataclasses.dataclass(frozen=True)
class Lazy:
    """A penalty in every `interval`-th step only, multiplied by `interval`; see `jaxgan.losses.penalties.lazy`."""

    penalty: Penalty
    interval: int


@dataclasses.dataclass(frozen=True)
class TermInputs:
    """The inputs of a term for one minibatch, on one device.

    Attributes:
      real_output, fake_output: the discriminator's outputs for the real and the fake examples.
      latents: [batch, dim] of the generated examples.
      condition: [batch, ...] of the real examples, or None.
      prior: the `Latent` from which the latents are drawn.
      axis_name: name of the mapped device axis, or None.
      discriminate: `(examples [n, ...], condition=None) -> DiscriminatorOutput` of this discriminator, in training
        mode, for further examples, such as labelled ones in the condition. Its updates of model state are discarded.
      extra: further outputs of the generator, see `DiscriminatorInputs`; or None.
      made_condition: [batch, ...] of the generated examples, if they have their own prior, see
        `make_train_step(condition_prior=...)`; None if they use `condition`.
      real, fake: the examples that the discriminator sees, pytrees of [batch, ...].
    """

    real_output: DiscriminatorOutput
    fake_output: DiscriminatorOutput
    latents: chex.Array
    condition: chex.ArrayTree | None
    prior: Latent
    axis_name: str | None = None
    discriminate: Callable[..., DiscriminatorOutput] | None = None
    extra: Any = None
    made_condition: chex.ArrayTree | None = None
    real: chex.ArrayTree | None = None
    fake: chex.ArrayTree | None = None

    def mean(self, values: chex.Array) -> chex.Array:
        """The mean over the batch of all devices, [batch, ...] to [...]."""
        return BatchShard(self.axis_name).mean(values)


class Term(NamedTuple):
    """A part of the players' losses that reads more than logits; see `jaxgan.losses.terms`.

    `discriminator` and `generator` are `inputs -> scalar`, added to the loss of that player; None for nothing. `pairs`:
    whether it compares each example with the one generated under its condition.
    """

    discriminator: Callable[[TermInputs], chex.Array] | None = None
    generator: Callable[[TermInputs], chex.Array] | None = None
    pairs: bool = False


Judgement = DiscriminatorOutput
"""Earlier name."""
Sides = DiscriminatorInputs
"""Earlier name."""
Seen = TermInputs
"""Earlier name."""
