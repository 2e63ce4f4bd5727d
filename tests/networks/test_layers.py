"""Layers: spectral norm against the singular value decomposition, the others against arrays worked by hand."""

import functools
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from jaxgan.networks import dcgan, from_linen, mlp
from jaxgan.networks.convolution import Conv, ConvTranspose, SelfAttention, convolve
from jaxgan.networks.layers import Dense, sparse_normal
from jaxgan.networks.minibatch import MinibatchDeviation, MinibatchDiscrimination
from jaxgan.networks.normalization import VirtualBatchNorm, normalizer, spectrally_normalized, with_reference
from tests.networks.variables import filled

KEY = jax.random.key(0)
P = jax.sharding.PartitionSpec
iterate = jax.jit(spectrally_normalized)


def _largest(kernel):
    return np.linalg.svd(np.asarray(kernel, np.float64).reshape(-1, kernel.shape[-1]), compute_uv=False)[0]


@pytest.mark.parametrize("scale", [1.0, 1e-25, 1e20])
def test_spectral_norm_against_the_singular_values(scale):
    kernel = scale * jax.random.normal(KEY, (3, 3, 4, 7))
    u = np.eye(7, dtype=np.float32)[0]
    for _ in range(60):
        normalized, u = iterate(kernel, u)
    np.testing.assert_allclose(normalized, np.asarray(kernel) / _largest(kernel), rtol=1e-4)
    np.testing.assert_allclose(_largest(normalized), 1, rtol=1e-5)
    # The step of Algorithm 1 by hand: u = e₁, rows of W are features.
    w, first = np.asarray(kernel, np.float64).reshape(-1, 7).T, np.eye(7)[0]
    v = w.T @ first / np.linalg.norm(w.T @ first)
    after = w @ v / np.linalg.norm(w @ v)
    found, u = iterate(kernel, np.eye(7, dtype=np.float32)[0])
    np.testing.assert_allclose(u, after, atol=1e-5)
    np.testing.assert_allclose(found.reshape(-1, 7), w.T / (after @ w @ v), rtol=1e-4)


def test_spectral_norm_of_zero_tiny_and_orthogonal_weights():
    def total(kernel, u):
        return spectrally_normalized(kernel, u)[0].sum()

    slope, u = jax.jit(jax.grad(total)), np.array([0.6, 0.8], np.float32)
    for value in (0.0, 1e-44, 1e-38, 1e-29):
        kernel = np.full((3, 2), value, np.float32)
        normalized, after = iterate(kernel, u)
        gradient = slope(kernel, u)
        assert np.isfinite(normalized).all() and np.isfinite(gradient).all() and np.isfinite(after).all()
        np.testing.assert_allclose(np.linalg.norm(after), 1, rtol=1e-6)
    # A constant 3 × 2 matrix of c has σ = c √6, and all entries become 1 / √6; the sum of a constant has gradient 0.
    np.testing.assert_allclose(normalized, np.full((3, 2), 6**-0.5), rtol=1e-5)
    # Zero stays zero, its vector as it was, and learns as a plain weight would: 1.
    normalized, after = iterate(np.zeros((3, 2), np.float32), u)
    assert not np.any(normalized) and (after == u).all()
    assert (slope(np.zeros((3, 2), np.float32), u) == 1).all()
    # u at right angles to the largest: diag(1, 3) is taken as 3, its largest entry, and not as 1.
    normalized, _ = iterate(np.diag([1.0, 3.0]).astype(np.float32), np.array([1.0, 0.0], np.float32))
    np.testing.assert_allclose(normalized, np.diag([1 / 3, 1]), rtol=1e-6)


def test_the_gradient_of_spectral_norm_is_that_of_w_over_u_w_v():
    # d(W / σ) with u, v fixed, against the wanted direction C: (C − σ⁻¹ ⟨C, W⟩ v uᵀ) / σ.
    kernel, direction = np.random.default_rng(0).standard_normal((2, 5, 3), np.float32)
    u = np.array([1.0, 0.0, 0.0], np.float32)
    found = jax.jit(jax.grad(lambda kernel: (spectrally_normalized(kernel, u)[0] * direction).sum()))(kernel)
    w, c = np.asarray(kernel), np.asarray(direction)
    v = w[:, 0] / np.linalg.norm(w[:, 0])
    after = w.T @ v / np.linalg.norm(w.T @ v)
    sigma = v @ w @ after
    np.testing.assert_allclose(found, (c - (c * w).sum() / sigma * np.outer(v, after)) / sigma, rtol=1e-4, atol=1e-6)


class _Layers(linen.Module):
    weights: str

    @linen.compact
    def __call__(self, inputs, *, condition=None, train=False):
        hidden = Conv(3, 4, 2, 1, weights=self.weights)(inputs)
        hidden = ConvTranspose(2, 4, 2, 1, weights=self.weights)(hidden)
        return Dense(1, weights=self.weights)(hidden.reshape(len(hidden), -1))[:, 0]


@pytest.mark.slow
def test_the_vectors_move_once_for_every_call_in_training_and_in_no_other():
    network = from_linen(_Layers("spectral"))
    images = np.random.default_rng(0).standard_normal((2, 4, 4, 2), np.float32)
    variables = filled(network, images)
    apply = jax.jit(network.apply, static_argnames="train")
    jax.tree.map(np.testing.assert_array_equal, apply(variables, images)[1]["spectral"], variables["spectral"])
    state = apply(variables, images, train=True)[1]
    for name in ("Conv_0", "ConvTranspose_0", "Dense_0"):
        kernel = variables["params"][name]["kernel"]
        after = iterate(kernel, variables["spectral"][name]["u"])[1]
        np.testing.assert_allclose(state["spectral"][name]["u"], after, atol=1e-6)
    for _ in range(40):
        state = apply({**variables, **state}, images, train=True)[1]
    plain = from_linen(_Layers("plain"))
    divided = jax.tree.map(lambda x: x / _largest(x) if x.ndim > 1 else x, variables["params"])
    expected = jax.jit(plain.apply)({"params": divided}, images)[0]
    np.testing.assert_allclose(apply({**variables, **state}, images)[0], expected, rtol=1e-3)


@pytest.mark.medium
def test_weight_norm_and_equalized_weights_by_hand():
    inputs = np.array([[1.0, 2.0]], np.float32)
    kernel = np.array([[3.0, 0.0], [4.0, 0.0]], np.float32)
    params = {"kernel": kernel, "scale": np.array([10.0, 7.0], np.float32), "bias": np.zeros(2, np.float32)}
    # v₁ = (3, 4), ‖v₁‖ = 5, g₁ = 10: w₁ = (6, 8), and 6 + 16 = 22. v₂ = 0 gives 0, and learns: dw₂/dv₂ = g₂ = 7.
    layer = Dense(2, weights="weight")

    @jax.jit
    def run(params):
        gradient = jax.grad(lambda p: layer.apply({"params": p}, inputs).sum())(params)
        # It starts where the plain layer does.
        starts = [Dense(4, weights=name).init_with_output(KEY, jnp.ones((2, 3)))[0] for name in ("weight", "plain")]
        return layer.apply({"params": params}, inputs), gradient, starts

    outputs, gradient, starts = jax.device_get(run(params))
    np.testing.assert_allclose(outputs, [[22.0, 0.0]], rtol=1e-6)
    assert np.isfinite(gradient["kernel"]).all() and gradient["kernel"][:, 1].tolist() == [7.0, 14.0]
    np.testing.assert_allclose(*starts, rtol=1e-5)
    # Two inputs: √(2/2) = 1; eight: √(2/8) = ½.
    for inputs, factor in ((2, 1.0), (8, 0.5)):
        layer = Dense(400, weights="equalized", use_bias=False)
        outputs, variables = jax.jit(layer.init_with_output)(KEY, np.eye(inputs, dtype=np.float32))
        kernel = np.asarray(variables["params"]["kernel"])
        np.testing.assert_allclose(outputs, factor * kernel, rtol=1e-6)
        assert abs(float(kernel.std()) - 1) < 0.06


@pytest.mark.parametrize("fixed", [True, False])
def test_weights_that_start_from_data_by_hand(fixed):
    kernel = np.array([[3.0, 0.0], [4.0, 2.0]], np.float32)
    layer = Dense(2, kernel_init=lambda *_: kernel, weights="weight_from_data", fixed=fixed)
    # Directions (.6, .8) and (0, 1). Of (5, 0) and (0, 0) the first gives 3 and 0: mean and deviation 1.5. The second
    # gives 0 twice, and has nothing to start from.
    inputs = np.array([[5.0, 0.0], [0.0, 0.0]], np.float32)

    @jax.jit
    def run(inputs):
        outputs, variables = layer.init_with_output(KEY, inputs)
        gradient = jax.grad(lambda v: layer.apply(v, inputs)[0].sum())(variables)["params"]
        return outputs, variables["params"], layer.apply(variables, 2 * inputs), gradient

    outputs, params, again, gradient = jax.device_get(run(inputs))
    np.testing.assert_allclose(outputs, [[1.0, 0.0], [-1.0, 0.0]], atol=1e-6)
    np.testing.assert_allclose(params["scale"], [1 / 1.5, 1.0], rtol=1e-6)
    np.testing.assert_allclose(params["bias"], [-1.0, 0.0], rtol=1e-6)
    # What is applied afterwards does not start again.
    np.testing.assert_allclose(again, [[3.0, 0.0], [-1.0, 0.0]], atol=1e-6)
    np.testing.assert_allclose(gradient["scale"], [0.0 if fixed else 3.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(gradient["bias"], [1.0, 1.0])
    zeros = run(np.zeros((2, 2), np.float32))[1]
    assert zeros["scale"].tolist() == [1.0, 1.0] and zeros["bias"].tolist() == [0.0, 0.0]


@pytest.mark.slow
def test_a_network_that_starts_from_data_sees_it_with_its_noise():
    options = {"widths": (100, 100), "noise_input": 1.0, "noise_hidden": 0.5, "activation": "tanh"}
    network = mlp(output_shape=(), normalization="weight_from_data", **options)
    examples = 2 * np.random.default_rng(0).normal(size=(500, 6)).astype(np.float32)

    @jax.jit
    def run(key):
        params = network.init(key, examples)["params"]
        logits = network.apply({"params": params}, examples, key=jax.random.split(key, 500), train=True)[0]
        return params, logits, jax.grad(lambda p: network.apply({"params": p}, examples)[0].sum())(params)

    params, logits, gradient = run(KEY)
    # Of six inputs the variance of a direction is 4 of the examples and 1 of the noise.
    np.testing.assert_allclose(1 / np.asarray(params["Dense_0"]["scale"]), 5**0.5, rtol=0.15)
    assert abs(float(logits.mean())) < 0.2 and abs(float(logits.std()) - 1) < 0.2
    learned = {name: bool(np.any(part["scale"])) for name, part in gradient.items()}
    assert learned == {"Dense_0": False, "Dense_1": False, "Dense_2": True}


def test_minibatch_discrimination_by_hand():
    # One kernel of two dimensions, T the identity: M = x. Distances 1 and 3 from (0, 0), 1 + 2 = 3 from (1, 0), ...
    layer = MinibatchDiscrimination(kernels=1, dims=2)
    x = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]], np.float32)
    apply = jax.jit(functools.partial(layer.apply, {"params": {"kernel": np.eye(2, dtype=np.float32)}}))
    found = apply(x)
    a, b, c = np.exp([-1.0, -3.0, -4.0])
    np.testing.assert_allclose(found, np.concatenate([x, [[a + b], [a + c], [b + c]]], axis=1), rtol=1e-5)
    assert apply(x[:1]).tolist() == [[0.0, 0.0, 0.0]]  # nothing to compare


def test_minibatch_deviation_by_hand():
    # Groups of 2 of 4: examples 0 and 2, 1 and 3. Deviations of (0, 2) and (1, 1): 1 and 0, mean ½; of (5, 5), (3, 7):
    # 0 and 2, mean 1.
    x = jnp.array([[0.0, 1], [5, 3], [2, 1], [5, 7]])
    apply = jax.jit(MinibatchDeviation(group=2).apply)
    found = apply({}, x)
    np.testing.assert_allclose(found, np.concatenate([x, [[0.5], [1], [0.5], [1]]], axis=1), atol=1e-4)
    images = apply({}, x.reshape(4, 1, 2, 1))  # over pixels as over features
    np.testing.assert_allclose(images[..., 1], np.repeat([[[0.5]], [[1]], [[0.5]], [[1]]], 2, axis=2), atol=1e-4)
    # Three do not divide by 2: one group. Deviations of 0, 3, 6: √6.
    found = apply({}, jnp.array([[0.0], [3], [6]]))
    np.testing.assert_allclose(found[:, 1], np.full(3, 6**0.5), rtol=1e-4)


@pytest.mark.medium
@pytest.mark.parametrize("layer", [MinibatchDiscrimination(kernels=3, dims=2), MinibatchDeviation()])
def test_minibatch_layers_see_all_devices(layer):
    x = jax.random.normal(KEY, (8, 5))
    variables = layer.init(KEY, x)
    across = layer.clone(axis_name="batch")
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:4]), ("batch",))

    def total(x):
        shards = jax.shard_map(
            functools.partial(across.apply, variables), mesh=mesh, in_specs=P("batch"), out_specs=P("batch")
        )
        outputs = shards(x)
        return (outputs * jnp.cos(jnp.arange(outputs.size, dtype=jnp.float32)).reshape(outputs.shape)).sum(), outputs

    def alone(x):
        outputs = layer.apply(variables, x)
        return (outputs * jnp.cos(jnp.arange(outputs.size, dtype=jnp.float32)).reshape(outputs.shape)).sum(), outputs

    found, expected = (jax.jit(jax.grad(function, has_aux=True))(x) for function in (total, alone))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_virtual_batch_norm_by_hand():
    # Fixed batch 1, 3: mean 2, mean square 5, variance 1: ∓1. Example 8: mean (4 + 8) / 3 = 4, mean square
    # (10 + 64) / 3 = 74/3, variance 26/3: (8 − 4) / √(26/3). Another example changes none of these.
    hidden = jnp.array([[1.0], [3.0], [8.0], [-50.0]])
    layer = VirtualBatchNorm(2)
    variables, apply = jax.jit(layer.init)(KEY, hidden), jax.jit(layer.apply)
    found = apply(variables, hidden)
    np.testing.assert_allclose(found[:3, 0], [-1, 1, 4 / (26 / 3) ** 0.5], rtol=1e-4)
    np.testing.assert_allclose(apply(variables, hidden[:3]), found[:3], rtol=1e-6)
    # Pixels count as examples do: (1, 3) as one image of two pixels, 8 as another with mean 8 and mean square 64.
    found = jax.jit(VirtualBatchNorm(1).apply)(variables, jnp.array([[[[1.0], [3.0]]], [[[8.0], [8.0]]]]))
    mean, square = (2 + 8) / 2, (5 + 64) / 2
    np.testing.assert_allclose(found[1, 0, 0, 0], (8 - mean) / (square - mean**2) ** 0.5, rtol=1e-4)


def test_the_fixed_batch_is_what_the_network_was_initialised_with():
    class Net(linen.Module):
        @linen.compact
        def __call__(self, inputs, *, condition=None, train=False):
            inputs, condition, n = with_reference(self, inputs, condition)
            return VirtualBatchNorm(n)(inputs + condition)[n:]

    network, fixed, shift = from_linen(Net()), jnp.array([[1.0], [3.0]]), jnp.array([[0.0], [2.0]])
    variables = jax.jit(network.init)(KEY, fixed, condition=shift)
    apply = jax.jit(network.apply, static_argnames="train")
    outputs, state = apply(variables, jnp.array([[7.0]]), condition=jnp.array([[1.0]]), train=True)
    # Fixed: 1, 5, of mean 3 and mean square 13; the example 8: mean 14/3, variance (26 + 64)/3 − (14/3)² = 8.222.
    np.testing.assert_allclose(outputs, [[(8 - 14 / 3) / 8.2222**0.5]], rtol=1e-4)
    assert (state["reference"]["inputs"] == fixed).all() and (state["reference"]["condition"] == shift).all()


def test_a_fixed_batch_of_a_few_examples_asks_for_more():
    network = dcgan(output_shape=(4, 4, 1), widths=(3,), normalization="virtual")
    with pytest.warns(UserWarning, match=r"keeps the 2 examples of init as its fixed batch.*init_state\(example=...\)"):
        jax.eval_shape(network.init, KEY, jnp.zeros((2, 3)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jax.eval_shape(network.init, KEY, jnp.zeros((16, 3)))


def test_layer_and_instance_normalisation_by_hand():
    images = jnp.array([1.0, 5, 3, 7]).reshape(1, 1, 2, 2)  # pixels (1, 5), (3, 7)

    class Net(linen.Module):
        name_: str

        @linen.compact
        def __call__(self, images):
            return normalizer(self.name_, train=True)(images)

    # layer: mean 4, variance (9 + 1 + 1 + 9) / 4 = 5. instance: channels (1, 3) and (5, 7): ∓1 each.
    for name, expected in (
        ("layer", np.array([-3, 1, -1, 3]) / 5**0.5),
        ("instance", [-1, -1, 1, 1]),
        ("none", [1, 5, 3, 7]),
    ):
        found = jax.jit(Net(name).init_with_output)(KEY, images)[0]
        np.testing.assert_allclose(found.reshape(-1), expected, rtol=1e-4)


@pytest.mark.medium
def test_self_attention_starts_as_the_identity_and_is_what_its_formula_says():
    images = jax.random.normal(KEY, (2, 4, 6, 8))
    layer = SelfAttention()
    variables, apply = jax.jit(layer.init)(KEY, images), jax.jit(layer.apply)
    np.testing.assert_array_equal(apply(variables, images), images)
    params = {**variables["params"], "gamma": jnp.array(0.5)}
    kernels = [np.asarray(params[f"Conv_{i}"]["kernel"])[0, 0] for i in range(4)]
    assert [kernel.shape for kernel in kernels] == [(8, 1), (8, 1), (8, 4), (4, 8)]
    x = np.asarray(images, np.float64)

    def pooled(projected):
        return projected.reshape(2, 2, 2, 3, 2, -1).max((2, 4)).reshape(2, 6, -1)

    scores = (x @ kernels[0]).reshape(2, 24, 1) @ pooled(x @ kernels[1]).swapaxes(1, 2)
    attention = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    expected = x + 0.5 * (attention @ pooled(x @ kernels[2])).reshape(2, 4, 6, 4) @ kernels[3]
    np.testing.assert_allclose(apply({"params": params}, images), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [1, 3])
def test_a_groups_features_see_its_channels_alone(size):
    draw = np.random.default_rng(0).standard_normal
    images, kernel = draw((2, 5, 6, 6), np.float32), draw((size, size, 2, 9), np.float32)
    convolved = functools.partial(convolve, padding=size // 2, groups=3)

    @jax.jit
    def run(images, kernel):
        def total(images, kernel, method):
            outputs = convolved(images, kernel, method=method)
            return jnp.sin(outputs).sum(), outputs

        return [jax.value_and_grad(total, (0, 1), has_aux=True)(images, kernel, m) for m in ("native", "cpu")]

    native, ours = run(images, kernel)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), native, ours)
    # A group's features see its channels alone: the first three of nine features the first two of six channels.
    (_, before), _ = ours
    (_, after), _ = run(np.where(np.arange(6) < 2, images, 0).astype(np.float32), kernel)[1]
    np.testing.assert_allclose(after[..., :3], before[..., :3], rtol=1e-5, atol=1e-6)


@pytest.mark.medium
def test_sparse_weights_have_so_many_normal_inputs_to_every_unit():
    weights = np.asarray(jax.jit(sparse_normal(100), static_argnums=1)(KEY, (400, 300)))
    assert ((weights != 0).sum(0) == 100).all()
    assert abs(weights[weights != 0].std() - 1) < 0.02
    assert len({tuple(np.flatnonzero(column)) for column in weights.T}) == 300
