"""One device equals many: every loss × penalty × term of the tables, with every wrapper and option of the step.

The entries' weights are arguments of the compiled step. One program trains all combinations side by side, which differ
in the weights that are not 0. A new entry of `LOSSES`, `PENALTIES`, `TERMS` or `AUGMENTATIONS` is tested without a line
here. All augmentations have one way to draw; with all losses, penalties and terms four stand for them, since the
programs of those that move pixels compile for minutes.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from games import flax_networks

from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES, Loss, named_loss
from jaxgan.losses.penalties import PENALTIES, lazy
from jaxgan.losses.terms import TERMS
from jaxgan.parallel import distribute
from jaxgan.training.coordination import Coordination
from jaxgan.training.latent_optimization import LatentOptimization
from jaxgan.training.step import init_state, make_train_step, scan_steps
from jaxgan.types import Latent, Network
from jaxgan.wrappers.augmentation import AUGMENTATIONS, augmented
from jaxgan.wrappers.conditions import one_hot
from jaxgan.wrappers.packing import pack

STEPS, BATCH, CLASSES, SHAPE = 20, 16, 4, (4, 4, 1)
CODES = LATENTS["categorical"](6, categories=3, continuous=1)
TABLES = (list(LOSSES), [None, *PENALTIES], [None, *TERMS])
# In parts of a batch, what compares examples sees one part at a time.
OF_A_PART = {"relativistic_average", "dragan", "feature_matching"}


@dataclasses.dataclass(frozen=True)
class Setting:
    """A wrapper or an option of the step, around networks with dropout that see labels.

    Attributes:
      options: of `make_train_step`.
      hidden: of both networks.
      wrap: `(discriminator, axis_name) -> discriminator`, which does not see the labels.
      interval: of lazy penalties.
      without: terms that do not go with it.
    """

    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    hidden: dict[str, Any] = dataclasses.field(default_factory=dict)
    wrap: Callable[[Network, str | None], Network] = lambda network, axis_name: network
    latent: Latent = CODES
    interval: int = 1
    without: tuple[str, ...] = ()

    @property
    def minibatches(self):
        return self.options.get("discriminator_steps", 1)

    def networks(self, axis_name):
        options = {"widths": (6,), "activation": "tanh", "keep_hidden": 0.8, "axis_name": axis_name, **self.hidden}
        mlp = flax_networks().mlp
        generator = mlp(output_shape=SHAPE, output="tanh", **options)
        if self.latent.generator is not None:
            generator = self.latent.generator(generator)
        discriminator = self.wrap(mlp(output_shape=(), features=True, class_logits=CLASSES, **options), axis_name)
        return {"generator": one_hot(generator, CLASSES), "discriminator": one_hot(discriminator, CLASSES)}


def _augmented(network, axis_name, names=("color", "translation", "noise", "brightness"), **options):
    chosen = [AUGMENTATIONS[name] for name in names]
    return augmented(network, chosen, axis_name=axis_name, probability=0.5, **options)


def _packed(network, axis_name):
    return pack(network, 2)


_adaptive = functools.partial(_augmented, adaptive_target=0.1, adaptive_speed=0.02)
SINGLE = ("mutual_information", "auxiliary_classifier")  # of single examples, and a pack has class logits of its own
SETTINGS = {
    "plain": Setting(),
    "several updates": Setting({"discriminator_steps": 2, "generator_steps": 2}),
    "lazy penalties": Setting(interval=3),
    "batch statistics": Setting({"average_decay": 0.9}, hidden={"normalization": "batch"}),
    "augmentation": Setting(wrap=_augmented),
    "adaptive augmentation": Setting(wrap=_adaptive),
    "packing": Setting(wrap=_packed, without=SINGLE),
    "augmented packs": Setting(wrap=lambda network, axis: _adaptive(_packed(network, axis), axis), without=SINGLE),
    "learned mixture": Setting(latent=LATENTS["mixture"](3, components=4), without=("mutual_information",)),
    "latent optimization": Setting({"latent_optimization": LatentOptimization(0.5, damping=0.1, cost=0.1)}),
    "coordination": Setting(
        {"discriminator_steps": 3, "coordination": Coordination(lambda step: 1 + step % 3, accuracy_limit=0.6)}
    ),
    "consensus": Setting({"consensus": 0.1}),
    "extragradient": Setting({"extragradient": True}),
    "unrolled": Setting({"unrolled_steps": 2}),
}


def _mixed(losses, weights):
    """The loss whose halves are weighted sums of those of several losses."""

    def half(player):
        return lambda *logits: sum(w * getattr(loss, player)(*logits) for w, loss in zip(weights, losses, strict=True))

    (compares,) = {loss.compares for loss in losses}
    return Loss(half("discriminator"), half("generator"), compares=compares)


def _data(setting):
    keys, shape = jax.random.split(jax.random.key(0)), (STEPS, setting.minibatches, BATCH)
    labels = jax.random.randint(keys[1], shape, 0, CLASSES)
    return {"real": jax.random.uniform(keys[0], (*shape, *SHAPE), minval=-1), "condition": labels}


def _trained(setting, combinations, mapping, parts=1):
    """Both players, the averages and the metrics after the steps, [combinations, ...]."""
    names = [list(dict.fromkeys(column)) for column in zip(*combinations, strict=True)]
    losses, penalties, terms = ([name for name in column if name is not None] for column in names)
    rows = zip(zip(*combinations, strict=True), (losses, penalties, terms), strict=True)
    weights = tuple(np.array([[name == entry for entry in of] for name in column], np.float32) for column, of in rows)
    tx = optax.sgd(0.05, 0.5)
    common = {"latent": setting.latent, "generator_tx": tx, "discriminator_tx": tx}

    def factory(axis_name):
        def one(state, batch, weights):
            of_penalties = [PENALTIES[name](0.1 * w) for name, w in zip(penalties, weights[1], strict=True)]
            return make_train_step(
                **setting.networks(axis_name),
                **common,
                **setting.options,
                loss=_mixed([named_loss(name) for name in losses], weights[0]),
                penalties=[lazy(p, setting.interval) if setting.interval > 1 else p for p in of_penalties],
                terms=[TERMS[name](0.1 * w) for name, w in zip(terms, weights[2], strict=True)],
                accumulation_steps=parts,
                axis_name=axis_name,
            )(state, batch)

        def all_of_them(states, batches, weights):
            step = jax.vmap(one, (0, None, 0))
            return scan_steps(lambda states, batch: step(states, batch, weights))(states, batches)

        return all_of_them

    batches = _data(setting)
    example = {"example": batches["real"][0, 0], "condition": batches["condition"][0, 0]}
    average = "average_decay" in setting.options
    init = jax.jit(lambda key: init_state(key, **setting.networks(None), **common, **example, average=average))
    states = jax.tree.map(lambda leaf: jnp.repeat(leaf[None], len(combinations), 0), init(jax.random.key(1)))
    train, place_state, place_batch = distribute(factory, mapping=mapping, batch_axis=2, shared=1)
    states, metrics = train(place_state(states), place_batch(batches), place_state(weights))
    last = {name: values[-1] for name, values in metrics.items()}
    averages = states.average_params, states.average_state
    return jax.device_get((states.generator, states.discriminator, averages, last))


def combinations_of(setting, tables=TABLES):
    """All (loss, penalty, term) that go with a setting, in one group for each kind of loss."""
    every = [row for row in itertools.product(*tables) if row[2] not in setting.without]
    kinds = ([row for row in every if named_loss(row[0]).compares == kind] for kind in (False, True))
    return [kind for kind in kinds if kind]


def differences(setting, mapping, *, parts=1, tables=TABLES):
    """By combination, the largest difference of a number after the steps from one device with the whole batch."""
    found = {}
    for combinations in combinations_of(setting, tables):
        many = _trained(setting, combinations, mapping, parts)
        one = _on_one_device(setting, tuple(combinations))
        pairs = list(zip(jax.tree.leaves(one), jax.tree.leaves(many), strict=True))
        gaps = [np.abs(np.float64(a) - b).reshape(len(combinations), -1).max(1) for a, b in pairs]
        found |= dict(zip(combinations, np.max(gaps, axis=0).tolist(), strict=True))
    return found


@functools.lru_cache(maxsize=2)
def _on_one_device(setting, combinations):
    return _trained(setting, combinations, "jit")


Setting.__hash__ = object.__hash__  # type: ignore[method-assign]  # its dicts have no hash, and there is one of each


@pytest.mark.parametrize(
    ("name", "mapping", "combination"),
    [
        pytest.param("unrolled", "shard_map", ("relativistic_average", None, None), marks=pytest.mark.slow),
        pytest.param("packing", "pmap", ("relativistic_average", "dragan", "feature_matching"), marks=pytest.mark.slow),
    ],
)
def test_a_combination_that_compares_on_four_devices(name, mapping, combination):
    found = differences(SETTINGS[name], mapping, tables=[[entry] for entry in combination])
    assert list(found) == [combination] and found[combination] < 1e-5, found


@pytest.mark.slow
@pytest.mark.parametrize("mapping", ["pmap", "shard_map"])
@pytest.mark.parametrize("name", SETTINGS)
def test_every_combination_on_four_devices(name, mapping):
    found = differences(SETTINGS[name], mapping)
    wrong = {combination: gap for combination, gap in found.items() if not gap < 1e-5}
    print(f"\n{name}, {mapping}: {len(found)} combinations, largest difference {max(found.values()):.1e}")
    assert not wrong, wrong


@pytest.mark.slow
@pytest.mark.parametrize("mapping", ["pmap", "shard_map"])
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_every_augmentation_on_four_devices(name, mapping):
    setting = Setting(wrap=functools.partial(_augmented, names=(name,)))
    found = differences(setting, mapping, tables=[["non_saturating"], [None, "r1"], [None]])
    assert len(found) == 2 and max(found.values()) < 1e-5, found


@pytest.mark.slow
@pytest.mark.parametrize("mapping", ["jit", "pmap", "shard_map"])
def test_every_combination_in_parts_of_a_batch(mapping):
    found = differences(SETTINGS["plain"], mapping, parts=2)
    of_a_part = {combination: bool(OF_A_PART & set(combination)) for combination in found}
    wrong = {combination: gap for combination, gap in found.items() if (gap < 1e-5) == of_a_part[combination]}
    assert not wrong, wrong
