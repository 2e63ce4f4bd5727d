"""What every loss, penalty and optimizer of the tables keeps to in a training step.

The steps are finite and move both players, each by its own updates only. They are the same on one device and on four,
and the same after a stop. Each entry of a table is paired with entries of the two others; new entries are included.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.fields import parameters
from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES, named_loss
from jaxgan.losses.penalties import PENALTIES
from jaxgan.optimizers import OPTIMIZERS
from jaxgan.parallel import distribute
from jaxgan.training.step import init_state, make_train_step
from jaxgan.types import Network

BATCHES = [{"real": jax.random.uniform(jax.random.key(i), (1, 8, 2))} for i in range(4)]
RATES = {"generator": np.float32(0.01), "discriminator": np.float32(0.01)}
# Kind to rounding, where updates divide by a gradient's size.
SETTINGS = {"b1": 0.5, "momentum": 0.5, "b2": 0.9, "eps": 1e-3, "weight_decay": 0.01}


def _combinations():
    """Every loss, penalty and optimizer, in turn."""
    tables = list(LOSSES), [*PENALTIES, "none"], list(OPTIMIZERS)
    return [tuple(table[i % len(table)] for table in tables) for i in range(max(map(len, tables)))]


COMBINATIONS = _combinations()


def _network(first_params, forward, noisy):
    """A layer, with noise from the bits of each example's key or none; its mean output and its calls are the state."""

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        noise = jax.random.key_data(key) / 2.0**33 - 0.25 if noisy and train else 0.0
        hidden = jnp.tanh((inputs + noise) @ variables["params"]["first"])
        mean = 0.9 * variables["state"]["mean"] + 0.1 * hidden.mean(0)
        state = {"state": {"mean": mean, "calls": variables["state"]["calls"] + 1}}
        return forward(variables["params"], hidden), state if train else {"state": variables["state"]}

    def init(key, inputs, condition=None):
        return {"params": first_params(key), "state": {"mean": jnp.zeros(3), "calls": jnp.int32(0)}}

    return Network(init, apply, per_example=True)


def _generator_params(key):
    first, last = jax.random.split(key)
    return {"first": jax.random.normal(first, (2, 3)), "last": jax.random.normal(last, (3, 2)), "bias": jnp.zeros(2)}


def _discriminator_params(key):
    return {"first": jax.random.normal(key, (2, 3)), "last": jnp.array([2.0, -1.5, 1.0])}


GENERATOR = _network(_generator_params, lambda params, hidden: hidden @ params["last"] + params["bias"][None], True)
DISCRIMINATOR = _network(_discriminator_params, lambda params, hidden: hidden @ params["last"], False)


def _parts(loss, penalty, optimizer, rates):
    """The arguments of `make_train_step`; rates may be traced."""
    settings = {name: SETTINGS[name] for name in parameters(OPTIMIZERS[optimizer]) if name in SETTINGS}
    txs = {name: OPTIMIZERS[optimizer](lambda count, rate=rate: rate, **settings) for name, rate in rates.items()}
    return {
        "generator": GENERATOR,
        "discriminator": DISCRIMINATOR,
        "latent": LATENTS["uniform_unit"](2),
        "loss": named_loss(loss),
        "penalties": [] if penalty == "none" else [PENALTIES[penalty](0.1)],
        "generator_tx": txs["generator"],
        "discriminator_tx": txs["discriminator"],
    }


@functools.cache
def _first_state():
    parts = _parts("hinge", "none", "sgd", RATES)
    parts = {name: part for name, part in parts.items() if name not in ("loss", "penalties")}
    return jax.jit(lambda key: init_state(key, **parts, example=jnp.zeros((2, 2))))(jax.random.key(0))


def _first_state_of(optimizer):
    state = _first_state()
    tx = _parts("hinge", "none", optimizer, RATES)["generator_tx"]
    players = {name: getattr(state, name) for name in RATES}
    players = {name: player.replace(opt_state=tx.init(player.params)) for name, player in players.items()}
    return jax.device_get(jax.tree.map(_data, state.replace(**players)))


def _data(leaf):
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


def _with_key(state):
    """A new state from one whose leaves, its key's bits too, are NumPy arrays or files' contents."""
    return jax.tree.map(jnp.array, state).replace(key=jax.random.wrap_key_data(jnp.array(state.key)))


class Program:
    """The step of a combination, compiled for a mapping; every leaf of a state is in NumPy, its key's bits too."""

    def __init__(self, combination, mapping):
        def factory(axis_name):
            def step(state, batch, rates):
                return make_train_step(**_parts(*combination, rates), axis_name=axis_name)(state, batch)

            return step

        self.first = _first_state_of(combination[2])
        self.step, self.place, self.place_batch = distribute(factory, mapping=mapping, shared=1)

    def run(self, state, batches, rates=RATES):
        """State and metrics after a step on each of the batches."""
        state, rates = self.place(_with_key(state)), self.place(rates)
        for batch in batches:
            state, metrics = self.step(state, self.place_batch(batch), rates)
        return jax.device_get((jax.tree.map(_data, state), metrics))


def _difference(one, other):
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return max(float(np.abs(np.float64(a) - np.float64(b)).max()) for a, b in pairs)


def _calls(state):
    return [int(player.model_state["state"]["calls"]) for player in (state.generator, state.discriminator)]


@pytest.mark.parametrize(
    "combination",
    [pytest.param(each, marks=[pytest.mark.slow] * (i % 8 > 0)) for i, each in enumerate(COMBINATIONS)],
    ids="-".join,
)
def test_a_combination(combination):
    program = Program(combination, "jit")
    middle, _ = program.run(program.first, BATCHES[:2])
    state, metrics = program.run(middle, BATCHES[2:])

    # Finite, and both players moved. In a step the generator is called once in its own update, the discriminator twice.
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((state, metrics)))
    for name in RATES:
        assert _difference(getattr(state, name).params, getattr(program.first, name).params) > 1e-4
    assert _calls(state) == [4, 8]

    # The state's bytes are all that a run needs to continue, bit for bit.
    stopped = jax.tree.map(lambda leaf: np.frombuffer(leaf.tobytes(), leaf.dtype).reshape(leaf.shape), middle)
    assert _difference(program.run(stopped, BATCHES[2:]), (state, metrics)) == 0
    assert _difference(program.run(program.first, BATCHES), (state, metrics)) == 0

    # A player whose own rate is 0 stays bit for bit, whatever the other does; its layers still see its own updates.
    for name in RATES:
        held, _ = program.run(program.first, BATCHES[:2], RATES | {name: np.float32(0)})
        moved = {
            player: _difference(getattr(held, player).params, getattr(program.first, player).params) for player in RATES
        }
        assert moved.pop(name) == 0 and min(moved.values()) > 1e-4
        assert _calls(held) == [2, 4]

    # On four devices as on one.
    other = ("pmap", "shard_map")[COMBINATIONS.index(combination) % 2]
    assert _difference(Program(combination, other).run(program.first, BATCHES), (state, metrics)) < 1e-5


def test_every_entry_is_in_a_combination_and_no_pair_comes_twice():
    for entries, table in zip(zip(*COMBINATIONS, strict=True), (LOSSES, ["none", *PENALTIES], OPTIMIZERS), strict=True):
        assert set(entries) == set(table)
    assert len({(penalty, optimizer) for _, penalty, optimizer in COMBINATIONS}) == len(COMBINATIONS)


@pytest.mark.medium
def test_a_run_resumes_from_a_checkpoint(tmp_path):
    pytest.importorskip("orbax.checkpoint", reason="needs orbax-checkpoint: pip install 'jaxgan[train]'")
    from jaxgan.io.checkpoints import Checkpoints

    program = Program(COMBINATIONS[-1], "jit")
    middle, _ = program.run(program.first, BATCHES[:2])
    with Checkpoints(tmp_path, keep=1, asynchronous=False) as checkpoints:
        checkpoints.save(2, _with_key(middle), {})
        stopped, _ = checkpoints.restore(jax.eval_shape(lambda: _with_key(program.first)))
    stopped = jax.device_get(jax.tree.map(_data, stopped))
    assert _difference(program.run(stopped, BATCHES[2:]), program.run(middle, BATCHES[2:])) == 0
