"""Networks: layer by layer against numpy, the paper's initial values, dropout, and the contract every one keeps."""

import inspect
import re
import typing

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from jaxgan.fields import Field
from jaxgan.networks import NETWORKS, cifar10, dcgan, from_linen, maxout, mlp, r3gan, resnet, vit
from jaxgan.networks.layers import OUTPUTS, dropout, output_bias
from jaxgan.types import PerExample, example_keys
from tests.networks.variables import filled

KEY = jax.random.key(0)
INPUTS = np.random.default_rng(1).standard_normal((5, 4, 3), np.float32)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


LATENTS = np.random.default_rng(2).standard_normal((5, 7), np.float32)
IMAGES = np.random.default_rng(3).standard_normal((5, 8, 12, 2), np.float32)
COLORS = np.random.default_rng(4).standard_normal((5, 32, 32, 3), np.float32)
CASES = {
    ("mlp", ()): ({"widths": (8, 6), "initial_scale": 1.0}, INPUTS),
    ("mlp", (2, 3)): ({"widths": (8, 6), "initial_scale": 1.0}, INPUTS),
    ("maxout", ()): ({"widths": (8, 6), "initial_scale": 1.0}, INPUTS),
    ("maxout", (2, 3)): ({"widths": (8, 6), "initial_scale": 1.0}, INPUTS),
    ("dcgan", ()): ({"widths": (3, 4), "initial_scale": 1.0}, IMAGES),
    ("dcgan", (8, 12, 2)): ({"widths": (4, 3), "initial_scale": 0.1}, LATENTS),
    ("cifar10", ()): ({"widths": (6,), "initial_scale": 0.5}, COLORS),
    ("cifar10", (32, 32, 3)): ({"widths": (6,), "initial_scale": 0.5}, LATENTS),
    ("resnet", ()): ({"widths": (3, 4)}, IMAGES),
    ("resnet", (8, 12, 2)): ({"widths": (4, 3)}, LATENTS),
    ("r3gan", ()): ({"widths": (3, 8), "blocks": 1}, IMAGES[:, :, :8]),
    ("r3gan", (8, 8, 2)): ({"widths": (8, 3), "blocks": 1}, LATENTS),
    ("pix2pix", ()): ({"widths": (3, 4), "initial_scale": 1.0}, IMAGES),
    ("pix2pix", (8, 12, 2)): ({"widths": (3, 4), "initial_scale": 0.1}, LATENTS),
    ("stylegan2", ()): ({"widths": (3, 4), "style": 5}, IMAGES[:, :, :8]),
    ("stylegan2", (8, 8, 2)): ({"widths": (4, 3), "style": 5, "truncation": 0.7}, LATENTS),
    ("vit", ()): ({"width": 8, "depth": 2, "heads": 2, "patch": 4, "embedding": 3}, IMAGES),
    ("vit", (8, 12, 2)): ({"width": 8, "depth": 2, "heads": 2, "patch": 4, "levels": 2}, LATENTS),
}


def test_every_network_has_a_case():
    assert {name for name, _ in CASES} == set(NETWORKS)


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_contract(name, shape):
    options, inputs = CASES[name, shape]
    network = NETWORKS[name](output_shape=shape, **options)
    both, same = np.array([[1.0, 1.0], [-1.0, -1.0]], np.float32), inputs[:1].repeat(2, axis=0)
    variables, conditioned = filled(network, inputs), filled(network, same, both)

    @jax.jit
    def run(key, variables, inputs):
        judged = network.apply(conditioned, same, condition=both)[0]
        return *network.apply(variables, inputs, key=key, train=False), judged

    assert "params" in variables
    outputs, model_state, judged = run(KEY, variables, inputs)
    assert outputs.shape == ((5, 2, 4) if (name, shape) == ("pix2pix", ()) else (5, *shape))
    assert outputs.dtype == jnp.float32
    chex.assert_trees_all_equal(model_state, {name: value for name, value in variables.items() if name != "params"})
    # One example's output does not depend on the others, and inference draws nothing.
    others = np.where(np.arange(5).reshape(-1, *(1,) * (inputs.ndim - 1)) == 2, inputs, 1 - inputs)
    among_others, *_ = run(jax.random.key(1), variables, others)
    np.testing.assert_allclose(among_others[2], outputs[2], rtol=1e-5, atol=1e-6)
    assert np.abs(among_others[1] - outputs[1]).max() > 1e-6
    # One input with two conditions gives two outputs.
    assert np.abs(judged[0] - judged[1]).max() > 1e-6


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_takes_its_modules_attributes_as_keywords(name):
    plain = {int, float, bool, str, tuple[int, ...], tuple[float, ...], int | None, str | None}
    parameters = dict(inspect.signature(NETWORKS[name]).parameters)
    assert NETWORKS[name].__name__ == name and "output_shape" in parameters
    assert len({"width", "widths"} & set(parameters)) == 1
    attributes = re.search(r"Attributes:\n(.*?)\n\n", NETWORKS[name].__doc__, re.S)[1]
    for field, parameter in parameters.items():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert re.search(rf"^ +(\w+, )*{field}(, \w+)*:", attributes, re.M), f"{field} is not documented"
        if field == "means":
            continue
        # Each says its type, and a name also in which table it stands.
        kind, *facts = typing.get_args(parameter.annotation) if _annotated(parameter) else (parameter.annotation,)
        tables = [fact for fact in facts if not isinstance(fact, Field)]
        assert kind in (plain if not tables else (str, str | tuple[str, ...])), field
        assert all(parameter.default in ("", *table) for table in tables), field
    with pytest.raises(TypeError, match="heights"):
        NETWORKS[name](output_shape=(), heights=(3,))


def _annotated(parameter):
    return typing.get_origin(parameter.annotation) is typing.Annotated


def test_names_for_each_layer_are_text_or_a_tuple_and_lists_are_tuples():
    options = {"output_shape": (), "initial_scale": 0.5, "output": "linear"}
    texts = mlp(**options, widths=[3, 2], activation="relu,tanh", initializer="uniform, normal, uniform")
    tuples = mlp(**options, widths=(3, 2), activation=("relu", "tanh"), initializer=["uniform", "normal", "uniform"])

    @jax.jit
    def outputs(key):
        return [network.apply(network.init(key, INPUTS), INPUTS)[0] for network in (texts, tuples)]

    np.testing.assert_array_equal(*outputs(KEY))


def _outputs(network, inputs, bias=1.0):
    """A network's outputs and its variables."""
    variables = filled(network, inputs, bias=bias)
    return jax.jit(network.apply)(variables, inputs)[0], variables


def test_mlp_is_what_its_formula_says():
    network = mlp(output_shape=(2,), widths=(7, 3), activation="relu,sigmoid", output="tanh")
    found, variables = _outputs(network, INPUTS)
    layers = [jax.tree.map(np.asarray, variables["params"][f"Dense_{i}"]) for i in range(3)]
    hidden = np.asarray(INPUTS).reshape(5, 12)
    hidden = np.maximum(hidden @ layers[0]["kernel"] + layers[0]["bias"], 0)
    hidden = _sigmoid(hidden @ layers[1]["kernel"] + layers[1]["bias"])
    expected = np.tanh(hidden @ layers[2]["kernel"] + layers[2]["bias"])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_maxout_is_what_its_formula_says():
    # h_i = max_j (x·W_ij + b_ij), no extra zero piece; unit i's piece j is column j·units + i.
    network = maxout(widths=(3,), pieces=4, initial_scale=1.0)
    found, variables = _outputs(network, INPUTS, bias=0.0)
    first, last = (jax.tree.map(np.asarray, variables["params"][f"Dense_{i}"]) for i in range(2))
    x = np.asarray(INPUTS).reshape(5, 12)
    pieces = [[x @ first["kernel"][:, j * 3 + i] for j in range(4)] for i in range(3)]
    hidden = np.stack([np.max(p, axis=0) for p in pieces], axis=1)
    expected = (hidden @ last["kernel"] + last["bias"])[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    negative = jax.tree.map(lambda leaf: -np.abs(leaf), variables)
    outputs = jax.jit(network.apply)(negative, np.abs(INPUTS))[0]
    assert (np.asarray(outputs) > 0).all()  # every piece is negative; an extra zero piece would give 0 here


@pytest.mark.medium
def test_the_papers_initial_values():
    examples = np.zeros((2, 28, 28, 1), np.float32)
    means = np.linspace(0, 1, 784, dtype=np.float32).reshape(28, 28, 1)
    generator = mlp(
        output_shape=(28, 28, 1),
        widths=(1200, 1200),
        output="sigmoid",
        initializer="uniform",
        initial_scale=0.05,
        means=means,
    )
    params = jax.jit(generator.init)(KEY, np.zeros((2, 100), np.float32))["params"]
    assert [params[f"Dense_{i}"]["kernel"].shape for i in range(3)] == [(100, 1200), (1200, 1200), (1200, 784)]
    for i in range(3):
        kernel = np.asarray(params[f"Dense_{i}"]["kernel"])
        assert 0.0499 < np.abs(kernel).max() <= 0.05
        assert abs(kernel.std() - 0.05 / np.sqrt(3)) < 2e-4
    # The logit of the means, clipped at 1e-7: logit(1e-7) = -16.118.
    np.testing.assert_allclose(np.asarray(params["Dense_2"]["bias"])[[0, 392]], [-16.118, np.log(392 / 391)], atol=1e-3)
    params = jax.device_get(jax.jit(maxout().init)(KEY, examples)["params"])
    assert [params[f"Dense_{i}"]["kernel"].shape for i in range(3)] == [(784, 1200), (240, 1200), (240, 1)]
    assert all(np.abs(params[f"Dense_{i}"]["kernel"]).max() <= 0.005 for i in range(3))
    assert all((np.asarray(params[f"Dense_{i}"]["bias"]) == 0).all() for i in range(3))


@pytest.mark.parametrize(("output", "means"), [("sigmoid", [0.1, 0.7]), ("tanh", [-0.5, 0.9]), ("linear", [3.0, -2])])
def test_output_bias_gives_the_means(output, means):
    np.testing.assert_allclose(OUTPUTS[output](output_bias(output, np.array(means))), means, rtol=1e-5)


@pytest.mark.parametrize("keep", [0.8, 0.5])
def test_dropout_keeps_its_share_and_the_mean(keep):
    inputs = np.ones((400, 501), np.float32)  # an odd number of features: the random words hold two each
    draw = jax.jit(lambda layer: dropout(example_keys(KEY, 400), inputs, keep, layer))
    outputs = np.asarray(draw(0))
    assert set(np.unique(outputs)) == {0.0, np.float32(1 / keep)}
    share = (outputs > 0).mean()
    assert abs(share - keep) < 4 * np.sqrt(keep * (1 - keep) / outputs.size)
    # Units, examples and layers draw apart.
    assert abs(np.corrcoef(outputs[:, 0], outputs[:, 1])[0, 1]) < 0.2
    assert (outputs[0] != outputs[1]).any()
    assert (outputs != np.asarray(draw(1))).any()


def test_dropout_that_keeps_almost_all_keeps_all():
    inputs = np.ones((3, 5), np.float32)
    np.testing.assert_array_equal(dropout(jax.random.split(KEY, 3), inputs, 0.999999, 0), inputs)


def test_dropout_of_an_example_depends_on_its_global_index_only():
    inputs = np.ones((8, 10), np.float32)

    @jax.jit
    def draw():
        shard = dropout(example_keys(KEY, 2, offset=4), inputs[4:6], 0.5, 0)
        return dropout(example_keys(KEY, 8), inputs, 0.5, 0), shard

    whole, shard = draw()
    np.testing.assert_array_equal(whole[4:6], shard)


@pytest.mark.medium
@pytest.mark.parametrize("network", [mlp(output_shape=(), widths=(64,), keep_input=0.5), maxout(initial_scale=0.5)])
def test_networks_draw_their_noise_in_training_only(network):
    assert isinstance(network.apply, PerExample)
    quiet, variables = _outputs(network, INPUTS)
    train = jax.jit(lambda key: network.apply(variables, INPUTS, key=key, train=True)[0])
    a, b, again = (train(key) for key in (KEY, jax.random.key(9), KEY))
    np.testing.assert_array_equal(a, again)
    assert (np.asarray(a) != np.asarray(b)).any() and (np.asarray(a) != np.asarray(quiet)).any()


def test_from_linen_keeps_batch_statistics_as_model_state():
    class Net(linen.Module):
        @linen.compact
        def __call__(self, inputs, *, condition=None, train=False):
            x = linen.BatchNorm(use_running_average=not train, momentum=0.9)(inputs)
            return linen.Dropout(0.5, deterministic=not train)(x)

    network = from_linen(Net())
    inputs = np.array([[0.0], [2.0]], np.float32)  # mean 1, variance 1
    variables = jax.jit(network.init)(KEY, inputs)
    _, state = jax.jit(lambda key: network.apply(variables, inputs, key=key, train=True))(KEY)
    np.testing.assert_allclose(state["batch_stats"]["BatchNorm_0"]["mean"], [0.1], rtol=1e-6)  # .9·0 + .1·1
    outputs, same = jax.jit(network.apply)({**variables, **state}, inputs)
    np.testing.assert_allclose(outputs, (inputs - 0.1) / np.sqrt(1 + 1e-5), rtol=1e-4)
    assert same == state


def test_a_wrong_number_of_activations_is_refused():
    with pytest.raises(ValueError, match="2 activations for 3 hidden layers"):
        mlp(output_shape=(), widths=(4, 4, 4), activation="relu,relu")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "inputs", "saved", "most"),
    [
        (lambda **options: dcgan(widths=(4, 8), initial_scale=0.3, **options), IMAGES, 0.85, 2_500),
        (
            lambda **options: dcgan(output_shape=(8, 12, 2), widths=(8, 4), initial_scale=0.3, **options),
            LATENTS,
            0.8,
            3_500,
        ),
        (
            lambda **options: cifar10(widths=(6,), initial_scale=0.1, **options),
            COLORS[:2],
            0.5,
            700_000,
        ),
        (lambda **options: resnet(widths=(4, 4), normalization="spectral", **options), IMAGES, 0.8, 2_700),
        (lambda **options: r3gan(widths=(8, 8), blocks=1, **options), IMAGES[:, :, :8], 0.8, 10_500),
        (lambda **options: vit(width=8, depth=4, heads=2, patch=4, **options), IMAGES, 0.8, 10_000),
    ],
)
def test_rematerialized_layers_keep_less_for_the_same_gradient(build, inputs, saved, most):
    kept, gradients, variables = [], [], []
    for remat in (False, True):
        network = build(remat=remat)
        variables.append(jax.jit(network.init)(KEY, inputs))

        def total(params, network=network, rest=variables[0]):
            return jnp.square(network.apply({**rest, "params": params}, inputs, key=KEY, train=True)[0]).sum()

        gradients.append(jax.jit(jax.grad(total))(variables[0]["params"]))
        residuals = jax.eval_shape(lambda params, total=total: jax.vjp(total, params)[1], variables[0]["params"])
        kept.append(sum(leaf.size for leaf in jax.tree.leaves(residuals) if leaf.dtype == jnp.float32))
    chex.assert_trees_all_equal(*variables)
    chex.assert_trees_all_close(*gradients, rtol=1e-4, atol=1e-5)
    assert kept[1] < saved * kept[0]
    assert kept[1] < most  # numbers
