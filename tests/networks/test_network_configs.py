"""The networks that configs choose are those of their sources."""

import numpy as np
import pytest

from configs import acgan, cifar10_dense, conditional_mnist, demo1, demo2, demo3, improved_gan, infogan, sngan, tfd
from jaxgan.config import DataFacts, build


def _made(config, shape, classes=None):
    config.dataset.path = "somewhere"
    means = np.full(shape, 0.5, np.float32) if config.generator.output_bias == "data" else None
    experiment = build(config, DataFacts(shape, 1000, means, classes))
    state = experiment.abstract_state()
    shapes = [
        {name: layer["kernel"].shape for name, layer in player.params.items() if "kernel" in layer}
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


def test_sngan_is_its_sources():
    experiment, generator, discriminator = _made(sngan.get_config(), (32, 32, 3))
    assert generator["Dense_0"] == (128, 4 * 4 * 256) and generator["Conv_9"] == (3, 3, 256, 3)
    assert discriminator["Conv_9"] == (3, 3, 128, 128) and discriminator["Dense_0"] == (128, 1)
    assert experiment.options["discriminator_steps"] == 5


def test_recipes_with_terms_have_what_these_read():
    experiment, generator, discriminator = _made(infogan.get_config(), (28, 28, 1))
    assert generator["Dense_0"] == (10 + 2 + 62, 7 * 7 * 128)
    assert discriminator["class_logits"] == (7 * 7 * 128, 10 + 2)
    assert (experiment.latent.categories, experiment.latent.continuous, len(experiment.options["terms"])) == (10, 2, 1)
    experiment, generator, discriminator = _made(acgan.get_config(), (28, 28, 1), classes=10)
    assert generator["Dense_0"] == (100 + 10, 7 * 7 * 128)
    assert discriminator["Conv_0"] == (4, 4, 1, 64)  # the label is no channel
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
