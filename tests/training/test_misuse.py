"""Mistakes with the arguments of the step, of the first state and of samples: one sentence that says what to pass."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES
from jaxgan.losses.penalties import PENALTIES
from jaxgan.losses.terms import TERMS
from jaxgan.training.coordination import Coordination
from jaxgan.types import Loss, Network, Term, TrainState
from tests.selected import slow_but

KEY = jax.random.key(0)


def dense(*sizes):
    """A multilayer perceptron by hand; of size 1 at the end it returns logits."""

    def init(key, inputs, condition=None):
        features = inputs.shape[-1] + (0 if condition is None else condition.shape[-1])
        fans = zip(jax.random.split(key, len(sizes)), (features, *sizes), sizes, strict=False)
        return {"params": [jax.random.normal(k, (m, n)) / m**0.5 for k, m, n in fans]}

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        inputs = inputs if condition is None else jnp.concatenate([inputs, condition], 1)
        *hidden, last = variables["params"]
        for weights, size in zip(hidden, sizes[:-1], strict=True):
            inputs = jnp.tanh(inputs @ weights.reshape(inputs.shape[1], size))
        outputs = inputs @ last.reshape(inputs.shape[1], sizes[-1])
        return outputs[:, 0] if sizes[-1] == 1 else outputs, {}

    return Network(init, apply)


PARTS = {
    "generator": dense(8, 4),
    "discriminator": dense(8, 1),
    "generator_tx": optax.adam(1e-3),
    "discriminator_tx": optax.adam(1e-3),
    "latent": LATENTS["normal"](16),
}
BATCH = {"real": jnp.zeros((1, 6, 4))}


def begin(key=KEY, **changes):
    return jaxgan.init_state(key, **{**PARTS, "example": jnp.zeros((2, 4)), **changes})


@functools.cache
def state():
    return begin()


def build(**changes):
    return jaxgan.make_train_step(**{**PARTS, "loss": LOSSES["hinge"], **changes})


def step(batch=BATCH, before=None, **changes):
    return jax.jit(build(**changes))(before or state(), batch)


def sample(generator=PARTS["generator"], before=None, key=KEY, count=3, latent=PARTS["latent"], **condition):
    return jaxgan.sample(generator, before or state(), key, count, latent=latent, **condition)


OPTIMIZER = r"_tx must be an optax gradient transformation, such as optax.adam\(2e-4, b1=0.5\), got "
MISTAKES = [
    # The loss.
    (lambda: build(loss="wgan"), "unknown loss 'wgan'; did you mean wasserstein"),
    (lambda: build(loss="hinge"), r'pass LOSSES\["hinge"\]'),
    (lambda: build(loss=LOSSES), "loss must be one of LOSSES, such as .* got a Table"),
    (lambda: build(loss=LOSSES["hinge"][:2]), "got a tuple"),
    (lambda: build(loss=lambda real, fake: fake), "got the function <lambda>; one of LOSSES that is a function makes"),
    (
        lambda: step(loss=Loss(lambda a, b: a, lambda a, b: b.mean())),
        r"loss.discriminator must return a scalar, got .*6",
    ),
    (lambda: step(loss=Loss(lambda a, b: a.mean(), lambda a, b: b)), "loss.generator must return .*; take the mean"),
    # Penalties and terms.
    (lambda: build(penalties=["r1"]), r'made with its weight: pass PENALTIES\["r1"\]\(weight\)'),
    (lambda: build(penalties=["gp"]), "unknown penalty 'gp'; did you mean gradient_penalty"),
    (lambda: build(penalties="r1"), r"must be a list or tuple of penalties, such as \[PENALTIES.*, got 'r1'"),
    (lambda: build(penalties={"r1": 1.0}), "got a dict"),
    (lambda: build(penalties=PENALTIES["r1"](1.0)), "got one function; put it in a list"),
    (lambda: build(penalties=10.0), "got 10.0"),
    (lambda: build(penalties=[10.0]), r"a penalty must be a function \(critic, real, fake, key\) -> scalar, got 10.0"),
    (lambda: build(penalties=[lambda critic, real: 0.0]), "must take .* and the function <lambda> has too many"),
    (
        lambda: step(penalties=[lambda critic, real, fake, key: critic(real)]),
        r"the penalty .* a scalar, got shape \(6,\)",
    ),
    (lambda: PENALTIES["r1"]("10"), "gamma must be a number of at least 0, got '10'"),
    (lambda: build(terms=["feature_matching"]), r'pass TERMS\["feature_matching"\]\(weight\)'),
    (lambda: build(terms=TERMS["feature_matching"](1.0)), "got one; put it in a list"),
    (lambda: build(terms=[1.0]), r"a term must be a jaxgan.Term\(discriminator, generator\), got 1.0"),
    (
        lambda: step(terms=[Term(lambda i: i.real_output.logits)]),
        "the discriminator's part of a term must return a scalar",
    ),
    # Batches.
    (lambda: step(BATCH["real"]), r'batch must be a dict \{"real": .*, got an array of shape \(1, 6, 4\)'),
    (lambda: step((BATCH["real"],)), "got a tuple"),
    (lambda: step(None), "got None"),
    (lambda: step({"real": jnp.zeros((1, 0, 4))}), r"has no examples, got shape \(1, 0, 4\)"),
    (lambda: step({"real": jnp.zeros((1, 6, 5))}), r'makes examples \(4,\), and batch\["real"\] has examples \(5,\)'),
    (lambda: step({"real": jnp.zeros((1, 6, 2, 2))}), r"has examples \(2, 2\)"),
    # The first state.
    (lambda: begin(0), r"one typed key from jax.random.key\(seed\), got 0"),
    (lambda: begin(None), "got None"),
    (lambda: begin(jax.random.PRNGKey(0)), r"not an array from jax.random.PRNGKey"),
    (lambda: begin(jax.random.split(KEY)), r"got an array of them, \(2,\)"),
    (
        lambda: begin(example=jnp.zeros((0, 4))),
        r"a few examples of the data, \[batch, ...\], got an array of shape \(0, 4\)",
    ),
    (lambda: begin(example=1.0), r"got an array of shape \(\)"),
    (lambda: begin(example=jnp.zeros(4)), r"the data's are \(\); example is \[batch, ...\], and has the shape \(4,\)"),
    # Networks, optimizers and latents.
    (lambda: begin(generator="mlp"), "generator must be a jaxgan.Network.* got 'mlp'; .* jaxgan.from_linen, from_nnx"),
    (lambda: build(discriminator=dense), "discriminator must be a .* got the function dense"),
    (lambda: begin(generator_tx=1e-3), f"generator{OPTIMIZER}0.001"),
    (lambda: build(discriminator_tx="adam"), f"discriminator{OPTIMIZER}'adam'"),
    (lambda: build(generator_tx=optax.adam), f"generator{OPTIMIZER}the function adam; call it with its learning rate"),
    (lambda: begin(latent=16), r'latent must be a Latent, such as LATENTS\["normal"\]\(dim\).* got 16'),
    (lambda: build(latent=LATENTS["normal"]), "got the function normal"),
    (lambda: LATENTS["normal"](16.0), "dim must be a whole number of at least 1, got 16.0"),
    # Numbers and options.
    (lambda: build(discriminator_steps=1.0), "discriminator_steps must be a whole number of at least 1, got 1.0"),
    (lambda: build(generator_steps=None), "generator_steps must be a whole number of at least 1, got None"),
    (lambda: build(average_decay="0.99"), "average_decay must be a number, got '0.99'"),
    (lambda: build(coordination=0.8), r"coordination must be a jaxgan.coordination.Coordination\(...\).* got 0.8"),
    (lambda: build(latent_optimization=Coordination(1, 2)), "latent_optimization must be a .* got a Coordination"),
    (
        lambda: jaxgan.distribute(build()),
        r"makes the step itself, and wants a function of axis_name.* got one of state, b",
    ),
    # Samples.
    (lambda: sample(state(), PARTS["generator"]), "generator must be a jaxgan.Network.* got a TrainState"),
    (lambda: sample(before=state().generator), "state must be a TrainState.* got a PlayerState"),
    (lambda: sample(key=3), r"key must be a key, such as jax.random.key\(0\), got 3"),
    (lambda: sample(count=3.5), "count must be a whole number of at least 0, got 3.5"),
    (lambda: sample(latent=16), "latent must be a Latent"),
    (lambda: step(before=state().generator), "state must be a TrainState"),
]


@pytest.mark.parametrize(("mistake", "said"), MISTAKES, ids=[said[:40] for _, said in MISTAKES])
def test_a_mistake_is_answered_in_one_sentence(mistake, said):
    with pytest.raises((ValueError, TypeError), match=said) as caught:
        mistake()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


ANOTHER = dense(6, 4), dense(6, 1), LATENTS["normal"](20), jnp.zeros((1, 6, 3))


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (
            lambda: step(generator=ANOTHER[0]),
            "the generator .* params/0 is (16, 8) .* (16, 6) .* (2, 16) with no condition",
        ),
        (
            lambda: step(discriminator=ANOTHER[1]),
            "the discriminator .* params/0 is (4, 8) in the state, and (4, 6) in the",
        ),
        (lambda: step(latent=ANOTHER[2]), "the generator .* (16, 8) in the state, and (20, 8) .* for inputs (2, 20)"),
        (
            lambda: step(BATCH | {"condition": ANOTHER[3]}),
            "the generator .* (19, 8) .* with a condition (2, 3); use the",
        ),
        (
            lambda: sample(ANOTHER[0]),
            "the generator .* (16, 8) in the state, and (16, 6) in the network for inputs (3, 16)",
        ),
        (
            lambda: sample(latent=ANOTHER[2]),
            "the generator .* (20, 8) in the network for inputs (3, 20) with no condition",
        ),
        (
            lambda: sample(condition=ANOTHER[3][0, :3]),
            "(19, 8) .* with a condition (3, 3); use the network, latent and",
        ),
        (lambda: sample(dense(8, 8, 4)), "params/1 is (8, 4) in the state, and (8, 8) in the network"),
        (
            lambda: step(generator_tx=optax.sgd(1e-3)),
            "state.generator.opt_state is not of generator_tx; give init_state and",
        ),
    ],
)
def test_a_state_of_other_parts_names_the_player_and_the_first_difference(mistake, said):
    said = said.replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=said):
        mistake()


def test_an_error_of_a_network_itself_stays_what_it_is():
    def broken(variables, inputs, **options):
        return jnp.zeros(3) + jnp.zeros(len(inputs) + 5), {}

    with pytest.raises(TypeError, match=r"incompatible shapes"):
        sample(PARTS["generator"]._replace(apply=broken))
    with pytest.raises(TypeError, match=r"incompatible shapes"):
        step(generator=PARTS["generator"]._replace(apply=broken))


def test_a_list_of_examples_and_numpys_whole_numbers_are_accepted():
    assert isinstance(begin(example=[[0.0, 0, 0, 0]]), TrainState)
    build(discriminator_steps=np.int32(2), average_decay=np.float32(0.9))
    assert sample(count=np.int64(2)).shape == (2, 4)


NEEDS_THE_LOSS = {
    "reduce_on_plateau": lambda: optax.chain(optax.adam(1e-3), optax.contrib.reduce_on_plateau()),
    "backtracking": lambda: optax.chain(optax.sgd(1.0), optax.scale_by_backtracking_linesearch(5)),
    "lbfgs": optax.lbfgs,
    "polyak": optax.polyak_sgd,
    "momo": optax.contrib.momo,
    "sam": lambda: optax.contrib.sam(optax.sgd(1e-3), optax.sgd(1e-2), opaque_mode=True),
}


@pytest.mark.parametrize("name", NEEDS_THE_LOSS)
def test_an_optimizer_that_needs_the_loss_is_refused(name):
    said = r"generator_tx needs the loss itself in each update \(value, value_fn or grad_fn\).* use a transformation"
    with pytest.raises(ValueError, match=said):
        build(generator_tx=NEEDS_THE_LOSS[name]())
    with pytest.raises(ValueError, match=said.replace("generator", "discriminator")):
        begin(discriminator_tx=NEEDS_THE_LOSS[name]())


def labelled(params):
    return jax.tree.map(lambda leaf: "wide" if leaf.shape[1] > 1 else "narrow", params)


NEEDS_NO_LOSS = {
    "schedule_free": lambda: optax.contrib.schedule_free_adamw(1e-3, warmup_steps=2),
    "sam": lambda: optax.contrib.sam(optax.sgd(1e-3), optax.contrib.normalize()),
    "prodigy": optax.contrib.prodigy,
    "multi_steps": lambda: optax.MultiSteps(optax.adam(1e-3), 2),
    "masked": lambda: optax.masked(optax.adam(1e-3), lambda params: jax.tree.map(lambda leaf: leaf.ndim > 1, params)),
    "multi_transform": lambda: optax.multi_transform({"wide": optax.adam(1e-3), "narrow": optax.sgd(0.1)}, labelled),
    "inject": lambda: optax.inject_hyperparams(optax.adam)(learning_rate=1e-3),
    "named": lambda: optax.named_chain(("clip", optax.clip(1.0)), ("adam", optax.adam(1e-3))),
}


@pytest.mark.medium
@pytest.mark.parametrize("name", slow_but(["sam", "masked", "inject"], NEEDS_NO_LOSS))
def test_other_transformations_with_extra_arguments_train(name):
    tx = {"discriminator_tx": NEEDS_NO_LOSS[name]()}
    state, batch = begin(**tx), {"real": jax.random.normal(KEY, (1, 6, 4))}
    train = jax.jit(build(**tx))
    for _ in range(2):
        after, metrics = train(state, batch)
        moved = [(a != b).any() for a, b in zip(after.discriminator.params, state.discriminator.params, strict=True)]
        state = after
    assert all(moved) and np.isfinite(metrics["d_loss"])


def test_one_that_is_for_the_parameters_alone_is_tried_on_them():
    # Its labels are of the players' own trees, and it needs the loss.
    chain = optax.chain(NEEDS_NO_LOSS["multi_transform"](), optax.contrib.reduce_on_plateau())
    build(generator_tx=chain)  # a step knows no parameters
    with pytest.raises(ValueError, match="generator_tx needs the loss itself"):
        begin(generator_tx=chain)
