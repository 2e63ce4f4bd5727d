"""The networks that configs choose are those of their sources."""

import jax
import numpy as np
import pytest

from configs import (
    acgan,
    cifar10_dense,
    conditional_mnist,
    demo1,
    demo2,
    demo3,
    gat,
    gat_avatars,
    improved_gan,
    infogan,
    r3gan,
    sngan,
    tfd,
)
from jaxgan.config import DataFacts, build
from jaxgan.networks.vit import VIT_SIZES


def _made(config, shape, classes=None):
    config.dataset.path = "somewhere"
    means = np.full(shape, 0.5, np.float32) if config.generator.output_bias == "data" else None
    experiment = build(config, DataFacts(shape, 1000, means, classes))
    state = experiment.abstract_state()
    shapes = [
        {
            name: layer["kernel"].shape
            for name, layer in player.params.items()
            if isinstance(layer, dict) and "kernel" in layer
        }
        for player in (state.generator, state.discriminator)
    ]
    return experiment, *shapes


def _dense(*sizes):
    return {f"Dense_{i}": size for i, size in enumerate(sizes)}


def test_tfd_is_the_papers_experiment():
    _, generator, discriminator = _made(tfd.get_config(), (48, 48, 1))
    assert generator == _dense((100, 8000), (8000, 8000), (8000, 2304))
    assert discriminator == _dense((2304, 1200 * 5), (1200, 1200 * 5), (1200, 1))
    config = tfd.get_config()
    # The second stage's generator, as the docstring has it.
    config.generator.widths, config.generator.activation = (
        (8000, 100, 8000, 8000),
        ("relu", "sigmoid", "relu", "sigmoid"),
    )
    config.generator.initializer = ("uniform", "uniform", "uniform", "uniform", "sparse")
    config.generator.layer_scales, config.generator.layer_biases = (
        (0.05, 0.05, 0.05, 0.05, 100.0),
        (0.0, -2.0, 0.0, -2.0),
    )
    _, generator, _ = _made(config, (48, 48, 1))
    assert generator == _dense((100, 8000), (8000, 100), (100, 8000), (8000, 8000), (8000, 2304))


@pytest.mark.medium
def test_the_dense_cifar_10_pair_is_the_papers():
    experiment, generator, discriminator = _made(cifar10_dense.get_config(), (32, 32, 3))
    assert generator == _dense((100, 8000), (8000, 8000), (8000, 3072))
    assert discriminator == _dense((3072, 1600 * 5), (1600, 1600 * 5), (1600, 1))
    config = cifar10_dense.get_config()
    config.generator.widths, config.discriminator.widths = (8, 8), (8, 8)  # the starts do not depend on these:
    # U(-.05, .05) twice, then U(-.5, .5)
    experiment, *_ = _made(config, (32, 32, 3))
    params = experiment.initial_state(0).generator.params
    for i, scale in enumerate((0.05, 0.05, 0.5)):
        assert 0.8 * scale < np.abs(params[f"Dense_{i}"]["kernel"]).max() <= scale


@pytest.mark.parametrize(("config", "updates", "ratio"), [(demo1, 50_000, 2), (demo2, 20_000, 1)])
def test_the_demonstrations(config, updates, ratio):
    values = config.get_config()
    experiment, generator, discriminator = _made(values, (28, 28, 1))
    assert generator == _dense((100, 128), (128, 784)) and discriminator == _dense((784, 128), (128, 1))
    assert values.steps * experiment.options["generator_steps"] == updates
    assert (experiment.options["generator_steps"], experiment.options["discriminator_steps"]) == (ratio, 1)


def test_the_third_demonstration_grows_images_by_copies_of_pixels():
    values = demo3.get_config()
    experiment, generator, discriminator = _made(values, (28, 28, 1))
    assert generator == {"Dense_0": (128, 7 * 7 * 128), "Conv_0": (3, 3, 128, 64), "Conv_1": (3, 3, 64, 1)}
    assert discriminator == {"Conv_0": (4, 4, 1, 64), "Conv_1": (4, 4, 64, 128), "Dense_0": (7 * 7 * 128, 1)}
    assert "batch_stats" not in experiment.abstract_state().discriminator.model_state
    assert (experiment.options["discriminator_steps"], experiment.options["generator_steps"]) == (2, 1)


@pytest.mark.medium
def test_sngan_is_its_sources():
    config = sngan.get_config()
    experiment, generator, discriminator = _made(config, (32, 32, 3))
    assert generator["Dense_0"] == (128, 4 * 4 * 256) and generator["Conv_9"] == (3, 3, 256, 3)
    assert discriminator["Conv_9"] == (3, 3, 128, 128) and discriminator["Dense_0"] == (128, 1)
    assert "bias" not in experiment.abstract_state().discriminator.params["Dense_0"]
    options = experiment.options
    assert (options["discriminator_steps"], options["generator_batches"], options["condition_prior"]) == (5, 2, None)
    assert config.dataset.dequantization and config.dataset.validation_examples == 0
    # The rate is 2e-4·(1 - t/50,000) after t steps.
    assert config.steps == 50_000
    for t, rate in ((0, 2e-4), (12_500, 1.5e-4), (50_000, 0.0)):
        np.testing.assert_allclose(_values_after(experiment, t)["generator_optimizer.learning_rate"], rate, atol=1e-10)
        assert len({float(value) for value in _values_after(experiment, t).values()}) == 1
    # Glorot's uniform bound √(6/(inputs + outputs)), times √2 in the 3 × 3 kernels of blocks.
    config.generator.widths = config.discriminator.widths = (32, 32)
    params = build(config, DataFacts((8, 8, 3), 1000)).initial_state(0)
    for layers, last in ((params.generator.params, "Conv_3"), (params.discriminator.params, None)):
        bounds = {"Conv_0": 3 if last is None else 32, "Conv_1": 32}
        for name, inputs in bounds.items():
            found = float(np.abs(layers[name]["kernel"]).max())
            assert 0.95 < found / np.sqrt(2 * 6 / (9 * (inputs + 32))) <= 1
        for name in ("Conv_2", *filter(None, [last])):
            rows, columns, inputs, outputs = layers[name]["kernel"].shape
            assert (
                0.9
                < float(np.abs(layers[name]["kernel"]).max()) / np.sqrt(6 / (rows * columns * (inputs + outputs)))
                <= 1
            )


def _values_after(experiment, step):
    """The numbers of a config's schedules after so many steps."""
    return {
        name: schedule.at(experiment.hyperparameters[name], np.int32(step))
        for name, schedule in experiment.schedules.items()
    }


@pytest.mark.slow
def test_conditional_sngan_draws_the_classes_of_generated_images():
    config = sngan.get_config()
    config.condition = "labels"
    experiment, _, discriminator = _made(config, (32, 32, 3), 10)
    assert discriminator["Dense_1"] == (10, 128)
    labels = experiment.options["condition_prior"](jax.random.key(0), 128)
    assert labels.shape == (128,) and {int(label) for label in labels} == set(range(10))


@pytest.mark.slow
def test_r3gan_is_its_sources_run_on_cifar_10():
    config = r3gan.get_config()
    experiment, generator, discriminator = _made(config, (32, 32, 3), 10)
    assert generator == {"Dense_0": (10, 64), "Dense_1": (128, 768), "Conv_0": (1, 1, 768, 3)}
    assert discriminator == {"Conv_0": (1, 1, 3, 768), "Dense_0": (768, 768), "Dense_1": (10, 768)}
    assert experiment.options["generator_batches"] == 1 and config.dataset.validation_examples == 0
    # The first, the middle and the last values of the source's preset; 20 M images are 39,062.5 steps of 512.
    cosine = {
        "penalties.r1_r2": (0.05, 0.005),
        "average_half_life": (0, 5e6),
        "augmentation.probability": (0, 0.55),
        **{f"{player}_optimizer.learning_rate": (2e-4, 5e-5) for player in ("generator", "discriminator")},
        **{f"{player}_optimizer.b2": (0.9, 0.99) for player in ("generator", "discriminator")},
    }
    assert set(experiment.schedules) == set(cosine)
    for name, (first, last) in cosine.items():
        for step, value in ((0, first), (19_531, (first + last) / 2), (39_063, last), (100_000, last)):
            np.testing.assert_allclose(_values_after(experiment, step)[name], value, rtol=2e-4)
    values = {**experiment.hyperparameters, **_values_after(experiment, 50_000)}
    np.testing.assert_allclose(experiment.step_options(values)["average_decay"], 0.5 ** (512 / 5e6), rtol=1e-6)
    assert experiment.options["average_decay"] == 0 and experiment.abstract_state().average_params is not None


def test_gat_is_its_sources_smallest_size():
    config = gat.get_config()
    experiment = build(config, DataFacts((32, 32, 4), 1000, None, 1000))
    state = experiment.abstract_state()
    players = state.generator.params, state.discriminator.params
    counts = [sum(leaf.size for leaf in jax.tree.leaves(params)) for params in players]
    assert counts == [29_256_512, 32_556_160]  # as tests/networks/test_vit.py counts them
    for player in (config.generator, config.discriminator):
        assert {name: player[name] for name in VIT_SIZES["S"]} == VIT_SIZES["S"]
    # 2e-4·768/384, and 2e-4·768/64.
    for module, rate in ((gat, 4e-4), (gat_avatars, 2.4e-3)):
        values = module.get_config()
        for optimizer in (values.generator_optimizer, values.discriminator_optimizer):
            np.testing.assert_allclose(optimizer.learning_rate, rate, rtol=1e-12)
            assert (optimizer.name, optimizer.b1, optimizer.b2, optimizer.weight_decay) == ("adamw", 0.0, 0.99, 0.0)
            assert optimizer.clip_norm == 1.0
    # Colours half of the time, and of ten images four are flipped: .8 of half.
    assert tuple(zip(config.augmentation.names, config.augmentation.multipliers, strict=True)) == (
        ("color", 0.5), ("translation", 1.0), ("cutout", 1.0), ("flip", 0.8),
    )  # fmt: skip
    options = experiment.options
    assert (options["average_decay"], len(options["penalties"]), config.guidance.levels) == (0.999, 1, 4)
    assert (config.penalties.r1_r2, config.penalties.r1_r2_deviation) == (0.1, 0.01)


@pytest.mark.medium
def test_recipes_with_terms_have_what_these_read():
    experiment, generator, discriminator = _made(infogan.get_config(), (28, 28, 1))
    assert generator["Dense_0"] == (10 + 2 + 62, 7 * 7 * 128)
    assert discriminator["class_logits"] == (7 * 7 * 128, 10 + 2)
    assert (experiment.latent.categories, experiment.latent.continuous, len(experiment.options["terms"])) == (10, 2, 1)
    experiment, generator, discriminator = _made(acgan.get_config(), (28, 28, 1), classes=10)
    assert generator["Dense_0"] == (100 + 10, 7 * 7 * 128)
    assert discriminator["Conv_0"] == (4, 4, 1, 64)  # the label is not a channel
    assert discriminator["class_logits"] == (7 * 7 * 128, 10) and len(experiment.options["terms"]) == 1
    config = improved_gan.get_config()
    experiment, _, discriminator = _made(config, (28, 28, 1))
    assert discriminator["Dense_0"] == (7 * 7 * 128 + 100, 1)
    assert experiment.abstract_state().generator.model_state["reference"]["inputs"].shape == (64, 100)
    # Matching alone: no adversarial part is left.
    assert experiment.options["loss"].generator(np.zeros(2), np.zeros(2)) == pytest.approx(np.log(2))
    config.terms.adversarial = 0.0
    assert _made(config, (28, 28, 1))[0].options["loss"].generator(np.zeros(2), np.zeros(2)) == 0


def test_conditional_mnist_projects_the_class_in_the_papers_pair():
    experiment, generator, discriminator = _made(conditional_mnist.get_config(), (28, 28, 1), classes=10)
    # Γ and B of both hidden layers lie between them.
    hidden = [(10, 1200), (10, 1200)]
    assert generator == _dense((100, 1200), *hidden, (1200, 1200), *hidden, (1200, 784))
    assert discriminator == _dense((784, 1200), (1200, 1200), (1200, 1)) | {"projection": (1200, 10)}
    assert experiment.options["average_decay"] == 0.999 and len(experiment.options["penalties"]) == 1
