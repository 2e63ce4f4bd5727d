"""What every loss, penalty and optimizer keeps to with every other: finite steps that move the players, each by its own
updates alone, that are the same on one device and on four, and the same after a stop.

The whole product runs through one program that is told what to choose, since compiling is most of a test's time. A
sample is compiled by itself beside it, as users do, on one device and on four; the whole product so, and through a
program of each mapping, when the slow tests run.
New entries of the tables are in all of this by themselves.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from games import start

from jaxgan.io.checkpoints import Checkpoints
from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES
from jaxgan.losses.penalties import PENALTIES
from jaxgan.optimizers import OPTIMIZERS, Settings
from jaxgan.parallel import distribute
from jaxgan.training.step import make_train_step, scan_steps
from jaxgan.types import Loss, Network, PerExample

PLAYERS = "generator", "discriminator"
MAPPINGS = "jit", "pmap", "shard_map"
STEPS = 2  # of a call; a run is two calls
AXES = {"loss": list(LOSSES), "penalty": ["none", *PENALTIES], "optimizer": list(OPTIMIZERS)}
PRODUCT = list(itertools.product(*AXES.values()))
SETTINGS = Settings(b2=0.9, eps=1e-3, weight_decay=0.01)  # kind to rounding, where updates divide by a gradient's size
FROZEN = len(OPTIMIZERS)  # the number of an optimizer that does not move its player
# On four devices these see other numbers than on one: the mean logit of a device's share, the deviation of its data,
# draws of its own. Two mappings of four devices still agree.
OF_ITS_DEVICE = {"relativistic_average", "gradient_penalty", "gradient_penalty_one_sided", "dragan"}


def _network(init, forward):
    """A layer on inputs that the bits of each example's key move; its mean output and its calls are the state."""

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        noise = 0.0 if key is None else jax.random.key_data(key) / 2.0**33 - 0.25
        hidden = jnp.tanh((inputs + noise) @ variables["params"]["first"])
        mean = 0.9 * variables["state"]["mean"] + 0.1 * hidden.mean(0)
        state = {"state": {"mean": mean, "calls": variables["state"]["calls"] + 1}}
        return forward(variables["params"], hidden), state if train else {"state": variables["state"]}

    def initialise(key, inputs, condition=None):
        return {"params": init(key), "state": {"mean": jnp.zeros(3), "calls": jnp.int32(0)}}

    return Network(initialise, PerExample(apply))


def _generator_params(key):
    first, last = jax.random.split(key)
    return {"first": jax.random.normal(first, (2, 3)), "last": jax.random.normal(last, (3, 2)), "bias": jnp.zeros(2)}


def _discriminator_params(key):
    return {"first": jax.random.normal(key, (2, 3)), "last": jnp.array([2.0, -1.5, 1.0])}


GENERATOR = _network(_generator_params, lambda params, hidden: hidden @ params["last"] + params["bias"][None])
DISCRIMINATOR = _network(_discriminator_params, lambda params, hidden: hidden @ params["last"])
CALLS = [{"real": jax.random.uniform(jax.random.key(i), (STEPS, 1, 8, 2))} for i in range(2)]


def _penalties():
    """None, and those of the table. What they give varies over devices, and a switch's branches must agree in it."""
    return [lambda critic, real, fake, key: 0 * real.sum(), *(build(0.1) for build in PENALTIES.values())]


def _optimizers():
    return [build(optax.constant_schedule(0.01), 0.5, SETTINGS) for build in OPTIMIZERS.values()]


def _chosen_optimizer(number):
    """The optimizer of a number that is known as the program runs; the state is that of all."""
    txs = [*_optimizers(), optax.set_to_zero()]

    def update(grads, states, params):
        def of(i):
            def one(grads, states, params):
                updates, state = txs[i].update(grads, states[i], params)
                return updates, (*states[:i], state, *states[i + 1 :])

            return one

        return jax.lax.switch(number, [of(i) for i in range(len(txs))], grads, states, params)

    return optax.GradientTransformation(lambda params: tuple(tx.init(params) for tx in txs), update)


def _chosen(choice):
    """The parts of a game, by numbers that are known as the program runs."""

    def half(player):
        halves = [getattr(loss, player) for loss in LOSSES.values()]
        return lambda real_logits, fake_logits: jax.lax.switch(choice["loss"], halves, real_logits, fake_logits)

    def penalty(critic, real, fake, key):
        branches = [functools.partial(one, critic) for one in _penalties()]
        return jax.lax.switch(choice["penalty"], branches, real, fake, key)

    txs = [_chosen_optimizer(choice[player]) for player in PLAYERS]
    return _parts(Loss(half("discriminator"), half("generator")), [penalty], *txs)


def _parts(loss, penalties, generator_tx, discriminator_tx):
    parts = {"generator": GENERATOR, "discriminator": DISCRIMINATOR, "latent": LATENTS["uniform_unit"](2)}
    return parts | dict(loss=loss, penalties=penalties, generator_tx=generator_tx, discriminator_tx=discriminator_tx)


@functools.cache
def _program(mapping):
    """`(state or None for the first, call, choice) -> (state, metrics)` of a mapping, of whatever is chosen."""

    def factory(axis_name):
        def steps(state, batches, choice):
            return scan_steps(make_train_step(**_chosen(choice), axis_name=axis_name))(state, batches)

        return steps

    step, place, place_batch = distribute(factory, mapping=mapping, batch_axis=2, shared=1)
    first, copied = place(_first_state()), jax.jit(lambda state: jax.tree.map(jnp.copy, state))
    batches = [place_batch(batch) for batch in CALLS]
    return lambda state, call, choice: step(copied(first) if state is None else state, batches[call], choice)


@functools.cache
def _first_state():
    return start(_chosen(dict.fromkeys(PLAYERS, 0)), example_shape=(2,))


@functools.cache
def _first_params():
    return jax.device_get([getattr(_first_state(), player).params for player in PLAYERS])


def _choice(loss, penalty, generator, discriminator):
    numbers = AXES["loss"].index(loss), AXES["penalty"].index(penalty), generator, discriminator
    return {name: np.int32(i) for name, i in zip(("loss", "penalty", *PLAYERS), numbers, strict=True)}


def _is_key(leaf):
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _host(tree):
    return jax.device_get(jax.tree.map(lambda leaf: jax.random.key_data(leaf) if _is_key(leaf) else leaf, tree))


def _from_bytes(state):
    """The state as a file of its bytes gives it back."""

    def copied(leaf):
        data = np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
        read = np.frombuffer(data.tobytes(), data.dtype).reshape(data.shape)
        return jax.random.wrap_key_data(read) if _is_key(leaf) else read

    return jax.tree.map(copied, state)


def _same(one, other):
    return all(map(np.array_equal, jax.tree.leaves(one), jax.tree.leaves(other)))


def _apart(one, other):
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return max(float(np.abs(np.float64(a) - b).max()) for a, b in pairs)


def _keeps_the_contract(found):
    """Of `(generator, discriminator, metrics)` after two calls: finite, moved, and each by its own updates alone."""
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
    assert all(_apart(player.params, first) > 1e-4 for player, first in zip(found, _first_params(), strict=False))
    generator, discriminator, _ = found
    # Four steps: the generator is called once in its own update, the discriminator twice in its own.
    assert generator.model_state["state"]["calls"] == 4 and discriminator.model_state["state"]["calls"] == 8


def _chosen_run(mapping, choice):
    """The state after the first call, and the players and metrics after two."""
    first, _ = _program(mapping)(None, 0, choice)
    stopped = _from_bytes(first)
    state, metrics = _program(mapping)(first, 1, choice)
    return stopped, _host((state.generator, state.discriminator, metrics))


@pytest.mark.parametrize(("loss", "penalty", "optimizer"), PRODUCT)
def test_every_combination(loss, penalty, optimizer):
    choice = _choice(loss, penalty, *2 * [AXES["optimizer"].index(optimizer)])
    stopped, found = _chosen_run("jit", choice)
    _keeps_the_contract(found)
    state, metrics = _program("jit")(stopped, 1, choice)
    assert _same(_host((state.generator, state.discriminator, metrics)), found)


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "penalty", "optimizer"), PRODUCT)
def test_every_combination_on_four_devices(loss, penalty, optimizer):
    choice = _choice(loss, penalty, *2 * [AXES["optimizer"].index(optimizer)])
    found = {mapping: _chosen_run(mapping, choice)[1] for mapping in MAPPINGS}
    assert _apart(found["pmap"], found["shard_map"]) < 1e-6
    if not OF_ITS_DEVICE & {loss, penalty}:
        assert _apart(found["jit"], found["pmap"]) < 1e-5


@pytest.mark.parametrize("penalty", AXES["penalty"])
@pytest.mark.parametrize("loss", AXES["loss"])
def test_a_players_update_leaves_the_other_bit_for_bit(loss, penalty):
    for numbers in ((FROZEN, 0), (0, FROZEN)):
        state, _ = _program("jit")(None, 0, _choice(loss, penalty, *numbers))
        players = jax.device_get((state.generator, state.discriminator))
        for player, number, first in zip(players, numbers, _first_params(), strict=True):
            assert _same(player.params, first) == (number == FROZEN)
        assert [int(player.model_state["state"]["calls"]) for player in players] == [STEPS, 2 * STEPS]


def test_a_run_goes_on_from_a_checkpoint(tmp_path):
    choice = _choice("hinge", "r1", 1, 2)
    state, _ = _program("jit")(None, 0, choice)
    with Checkpoints(tmp_path, keep=1, asynchronous=False) as checkpoints:
        checkpoints.save(STEPS, state, {})
        stopped, _ = checkpoints.restore(jax.eval_shape(lambda: _first_state()))
    assert _same(_host(_program("jit")(stopped, 1, choice)), _host(_program("jit")(state, 1, choice)))


def _alone(state, number):
    """A state of all optimizers as one of a single optimizer."""
    of = {name: getattr(state, name).opt_state[number] for name in PLAYERS}
    return state.replace(**{name: getattr(state, name).replace(opt_state=of[name]) for name in PLAYERS})


# Losses, penalties and optimizers from all over their tables; in all, each combination is alone under one mapping.
SAMPLE = list(zip(AXES["loss"][::3], AXES["penalty"], AXES["optimizer"], strict=False))
ALONE = [
    pytest.param(*names, MAPPINGS[i % 7 % 3], marks=() if names in SAMPLE else pytest.mark.slow)
    for i, names in enumerate(PRODUCT)
]


def _run_alone(loss, penalty, optimizer, mapping):
    """State and metrics after two calls of a program of this combination alone."""
    number = AXES["optimizer"].index(optimizer)
    penalties = [] if penalty == "none" else [PENALTIES[penalty](0.1)]
    parts = _parts(LOSSES[loss], penalties, *2 * [_optimizers()[number]])
    step, place, place_batch = distribute(
        lambda axis_name: scan_steps(make_train_step(**parts, axis_name=axis_name)), mapping=mapping, batch_axis=2
    )
    state = place(_alone(_first_state(), number))
    for batches in CALLS:
        state, metrics = step(state, place_batch(batches))
    return state, metrics


@pytest.fixture
def forget_compiled(request):
    """After every 50th test, as the whole product is more programs than one process can hold."""
    yield
    if ALONE_IDS.index(request.node.callspec.id) % 50 == 49:
        jax.clear_caches()


ALONE_IDS = ["-".join(param.values) for param in ALONE]


@pytest.mark.usefixtures("forget_compiled")
@pytest.mark.parametrize(("loss", "penalty", "optimizer", "mapping"), ALONE, ids=ALONE_IDS)
def test_by_itself_it_is_what_it_is_among_the_others(loss, penalty, optimizer, mapping):
    number, chosen = AXES["optimizer"].index(optimizer), None
    alone, metrics = _run_alone(loss, penalty, optimizer, mapping)
    _keeps_the_contract(_host((alone.generator, alone.discriminator, metrics)))
    if mapping != "jit" and OF_ITS_DEVICE & {loss, penalty}:
        other = {"pmap": "shard_map", "shard_map": "pmap"}[mapping]
        its_state, its_metrics = _run_alone(loss, penalty, optimizer, other)
    else:
        for call in range(len(CALLS)):
            chosen, its_metrics = _program("jit")(chosen, call, _choice(loss, penalty, number, number))
        its_state = _alone(chosen, number)
    assert _apart(_host(alone), _host(its_state)) < 1e-5
    assert _apart({name: metrics[name] for name in its_metrics}, its_metrics) < 1e-5  # an estimate is the loss's alone
