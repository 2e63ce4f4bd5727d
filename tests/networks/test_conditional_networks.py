"""How networks take a condition, by hand; and the conditional game: the players apart, one device as four."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from games import data, difference, equal, start, step_of

from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES
from jaxgan.losses.penalties import PENALTIES
from jaxgan.networks import dcgan, mlp, resnet
from jaxgan.parallel import distribute
from jaxgan.training.step import init_state, make_train_step, sample
from jaxgan.types import PerExample
from jaxgan.wrappers.conditions import one_hot, unconditional
from tests.networks.variables import filled

KEY = jax.random.key(0)
IMAGES = np.random.default_rng(0).standard_normal((3, 4, 4, 2), np.float32)
VECTORS = np.array([[0.5, -2.0], [0.0, 0.0], [1.0, 3.0]], np.float32)
LATENTS_GIVEN = np.random.default_rng(1).standard_normal((3, 5), np.float32)

JUDGES = {
    "mlp": lambda **options: mlp(output_shape=(), widths=(6,), **options),
    "dcgan": lambda **options: dcgan(widths=(3,), initial_scale=0.5, **options),
}


@pytest.mark.parametrize("name", JUDGES)
def test_a_projection_adds_an_inner_product_with_the_last_layers_inputs(name):
    network, plain = JUDGES[name](conditioning="projection", features=True, class_logits=4), JUDGES[name]()

    variables = filled(network, IMAGES, VECTORS, bias=0.0)
    params = variables["params"]

    @jax.jit
    def run(variables):
        shared = {k: v for k, v in params.items() if k not in ("projection", "class_logits")}
        bare = plain.apply({**variables, "params": shared}, IMAGES)[0]
        return network.apply(variables, IMAGES, condition=VECTORS)[0], bare

    # (V c)ᵀφ(x) on top of the network that sees no condition; the features and the class logits are that one's.
    found, bare = jax.device_get(run(variables))
    matrix, classes = params["projection"]["kernel"], params["class_logits"]["kernel"]
    assert matrix.shape == (found.features.shape[1], 2)
    inner = np.einsum("bd,bf,fd->b", VECTORS, found.features, matrix)
    np.testing.assert_allclose(found.logits, bare + inner, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.logits[1], bare[1], rtol=1e-5)  # c = 0
    np.testing.assert_allclose(found.class_logits, found.features @ classes, rtol=1e-4, atol=1e-5)
    if isinstance(network.apply, PerExample):
        assert network.apply.independent


@pytest.mark.parametrize("normalization", ["batch", "none"])
def test_a_condition_chooses_scales_and_biases_of_dense_layers(normalization):
    network = mlp(output_shape=(2,), widths=(4,), activation="tanh", conditioning="normalization",
                  normalization=normalization)  # fmt: skip

    @jax.jit
    def run(key):
        variables = network.init(key, LATENTS_GIVEN, condition=VECTORS)
        return variables["params"], network.apply(variables, LATENTS_GIVEN, condition=VECTORS, train=True)[0]

    params, found = jax.device_get(run(KEY))
    assert "BatchNorm_0" not in params  # neither scale nor bias of its own
    first, gamma, beta, last = (params[f"Dense_{i}"] for i in range(4))
    hidden = np.asarray(LATENTS_GIVEN @ first["kernel"], np.float64)
    if normalization == "batch":
        hidden = (hidden - hidden.mean(0)) / np.sqrt(hidden.var(0) + 1e-5)
    hidden = np.tanh(hidden * (1 + VECTORS @ gamma["kernel"]) + VECTORS @ beta["kernel"])
    np.testing.assert_allclose(found, hidden @ last["kernel"] + last["bias"][None], rtol=1e-4, atol=1e-5)
    assert 0 < np.abs(gamma["kernel"]).max() < 0.1 > np.abs(beta["kernel"]).max() > 0  # both start near 0


@pytest.mark.parametrize("remat", [False, True])
def test_conditional_batch_norm_in_a_dcgan_is_a_batch_norm_for_each_class(remat):
    labels = np.array([0, 1, 1])
    options = {"output_shape": (4, 4, 1), "widths": (3, 2), "initial_scale": 0.5, "remat": remat}
    network = one_hot(dcgan(**options, conditioning="normalization"), 2)
    plain = dcgan(**options)
    other = {"scale": 3.0, "bias": -0.5}

    @jax.jit
    def run(variables):
        # Γ of a class is its scale − 1, B its bias; the first class has those of a new batch norm, the second others.
        params, norms = dict(variables["params"]), {}
        for i, (gamma, beta) in enumerate((("Dense_1", "Dense_2"), ("Dense_3", "Dense_4"))):
            channels = norms[f"BatchNorm_{i}"] = params[gamma]["kernel"].shape[1]
            params[gamma] = {"kernel": jnp.stack([jnp.zeros(channels), jnp.full(channels, other["scale"] - 1)])}
            params[beta] = {"kernel": jnp.stack([jnp.zeros(channels), jnp.full(channels, other["bias"])])}
        shared = {name: value for name, value in params.items() if name == "Dense_0" or name.startswith("Conv")}

        def of_a_class(scale, bias):
            own = {n: {"scale": jnp.full(c, scale), "bias": jnp.full(c, bias)} for n, c in norms.items()}
            return plain.apply({**variables, "params": shared | own}, LATENTS_GIVEN)[0]

        found = network.apply({**variables, "params": params}, LATENTS_GIVEN, condition=labels)[0]
        return found, of_a_class(1.0, 0.0), of_a_class(**other)

    found, *expected = jax.device_get(run(filled(network, LATENTS_GIVEN, labels)))
    for label in (0, 1):
        np.testing.assert_allclose(found[labels == label], expected[label][labels == label], rtol=1e-5, atol=1e-6)
    assert np.abs(found[0] - found[1]).max() > 1e-3


def test_the_condition_chooses_scales_in_the_blocks_of_a_resnet_and_not_after_them():
    network = resnet(output_shape=(8, 8, 1), widths=(4, 4), classes=3)
    params = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((2, 5)), jnp.zeros(2, jnp.int32))["params"]
    own = [name for name in params if name.startswith("BatchNorm")]
    assert own == ["BatchNorm_2"] and {name: leaf.shape for name, leaf in params[own[0]].items()} == {
        "scale": (4,),
        "bias": (4,),
    }  # the first two, in the one block, have only statistics


@pytest.mark.medium
def test_a_virtual_batch_is_scaled_by_its_own_conditions():
    options = {"output_shape": (4, 4, 1), "widths": (3,), "normalization": "virtual", "initial_scale": 0.5}
    network = dcgan(**options, conditioning="normalization")

    @jax.jit
    def run(key):
        variables = network.init(key, LATENTS_GIVEN, condition=VECTORS)
        one = network.apply(variables, LATENTS_GIVEN[:1], condition=VECTORS[:1])[0]
        return variables["reference"], one, network.apply(variables, LATENTS_GIVEN, condition=VECTORS)[0]

    reference, one, all_three = run(KEY)
    np.testing.assert_array_equal(reference["condition"], VECTORS)
    np.testing.assert_allclose(one[0], all_three[0], rtol=1e-5)  # of this example and the fixed batch alone


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: mlp(output_shape=(3,), widths=(4,), conditioning="projection"), "'projection' in a mlp generator"),
        (lambda: dcgan(widths=(4,), conditioning="normalization"), "'normalization' in a dcgan discriminator"),
    ],
)
def test_a_way_that_a_player_has_not_got_is_refused(build, said):
    with pytest.raises(ValueError, match=said):
        build()


@pytest.mark.parametrize("conditioning", ["concatenation", "projection"])
def test_labels_are_no_features_of_a_projection_either(conditioning):
    network = JUDGES["mlp"](conditioning=conditioning)
    with pytest.raises(ValueError, match="one_hot"):
        network.init(KEY, IMAGES, condition=jnp.array([1, 0, 2]))


def conditional_game(kind, axis_name=None):
    """Labels or vectors by conditional batch norm and projection, or by concatenation; c is in every network."""
    wrap = (lambda network: one_hot(network, 3)) if kind == "labels" else (lambda network: network)
    generator = {"output_shape": (4, 4, 1), "widths": (3,), "initial_scale": 0.5, "axis_name": axis_name}
    return {
        "generator": wrap(dcgan(**generator, conditioning="normalization")),
        "discriminator": wrap(mlp(output_shape=(), widths=(6,), conditioning="projection")),
        "generator_tx": optax.sgd(0.05),
        "discriminator_tx": optax.sgd(0.05),
        "latent": LATENTS["normal"](4),
        "loss": LOSSES["relativistic_paired"],
    }


def conditions(kind, *lead):
    """Labels [*lead], or vectors [*lead, 2]."""
    if kind == "labels":
        return jax.random.randint(jax.random.key(7), lead, 0, 3)
    return jax.random.normal(jax.random.key(7), (*lead, 2))


def _first(kind, **options):
    return start(conditional_game(kind), example_shape=(4, 4, 1), condition=conditions(kind, 2), **options)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [pytest.param("labels", marks=pytest.mark.slow), "vectors"])
def test_a_conditional_update_leaves_the_other_player_bit_identical(kind):
    game, state = conditional_game(kind) | {"penalties": (PENALTIES["r1_r2"](0.1),)}, _first(kind)
    frozen = game | {"generator_tx": optax.set_to_zero()}
    still = state.replace(generator=state.generator.replace(opt_state=optax.EmptyState()))
    condition = conditions(kind, 1, 8)
    batch = data(1, shape=(4, 4, 1))["real"][0]

    @jax.jit
    def run(condition):
        given = {"real": batch, "condition": condition}
        return make_train_step(**game)(state, given)[0], make_train_step(**frozen)(still, given)[0]

    after, idle = run(condition)
    for player in ("generator", "discriminator"):
        assert difference(getattr(after, player).params, getattr(state, player).params) > 1e-3
    # The generator's update does not touch the discriminator, nor the discriminator's the generator.
    assert equal(after.discriminator, idle.discriminator) and equal(idle.generator.params, state.generator.params)
    # Another condition is another game, for both.
    turned, _ = run(jnp.roll(condition, 1, axis=1))
    for player in ("generator", "discriminator"):
        assert difference(getattr(turned, player).params, getattr(after, player).params) > 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "mapping"), [("labels", "pmap"), ("vectors", "shard_map")])
def test_a_conditional_step_on_four_devices_is_that_on_one(kind, mapping):
    batch = step_of(data(1, 2, batch=8, shape=(4, 4, 1)) | {"condition": conditions(kind, 1, 2, 8)}, 0)
    after = []
    for chosen in ("jit", mapping):
        step, place_state, place_batch = distribute(
            lambda axis_name: make_train_step(
                **conditional_game(kind, axis_name), discriminator_steps=2, axis_name=axis_name
            ),
            mapping=chosen,
        )
        state, metrics = step(place_state(_first(kind)), place_batch(batch))
        after.append(jax.device_get((state.replace(key=jax.random.key_data(state.key)), metrics)))
    assert difference(*after) < 1e-5
    for player in ("generator", "discriminator"):
        assert difference(getattr(after[0][0], player).params, getattr(_first(kind), player).params) > 1e-3


@pytest.mark.medium
def test_conditions_that_are_not_as_many_as_examples_are_refused_in_a_sentence():
    game, state = conditional_game("vectors"), _first("vectors")
    step = make_train_step(**game)
    real = jnp.zeros((1, 8, 4, 4, 1))
    for wrong in (jnp.zeros((8, 2)), jnp.zeros((1, 7, 2)), jnp.zeros(())):
        with pytest.raises(ValueError, match=r'batch\["condition"\] must be \[1, 8, ...\], one for each example, got'):
            step(state, {"real": real, "condition": wrong})
    with pytest.raises(ValueError, match=r"condition must be \[5, ...\], one for each example, got \(3, 2\)"):
        sample(game["generator"], state, KEY, 5, latent=game["latent"], condition=VECTORS)
    parts = {name: value for name, value in game.items() if name != "loss"}
    with pytest.raises(ValueError, match=r"condition must be \[2, ...\]"):
        init_state(KEY, **parts, example=jnp.zeros((2, 4, 4, 1)), condition=VECTORS)


@pytest.mark.medium
def test_a_tree_of_conditions_goes_through_a_step():
    def network(output_shape):
        inner = mlp(output_shape=output_shape, widths=(4,))

        def joined(condition):
            return jnp.concatenate([jax.nn.one_hot(condition["label"], 3), condition["angle"]], axis=-1)

        return inner._replace(
            init=lambda key, inputs, condition=None: inner.init(key, inputs, condition=joined(condition)),
            apply=lambda variables, inputs, *, condition=None, **rest: inner.apply(
                variables, inputs, condition=joined(condition), **rest
            ),
        )

    game = conditional_game("vectors") | {"generator": network((4, 4, 1)), "discriminator": network(())}
    given = {"label": conditions("labels", 1, 8), "angle": jnp.ones((1, 8, 1))}
    state = start(game, example_shape=(4, 4, 1), condition=jax.tree.map(lambda leaf: leaf[0, :2], given))
    assert state.discriminator.params["Dense_0"]["kernel"].shape == (16 + 3 + 1, 4)
    after, metrics = jax.jit(make_train_step(**game))(state, {"real": jnp.ones((1, 8, 4, 4, 1)), "condition": given})
    assert int(after.step) == 1 and np.isfinite(metrics["d_loss"])


@pytest.mark.medium
def test_an_unconditional_discriminator_in_a_game_of_vectors():
    game = conditional_game("vectors")
    game["discriminator"] = unconditional(game["discriminator"])
    state = start(game, example_shape=(4, 4, 1), condition=VECTORS[:2])
    assert "projection" not in state.discriminator.params
