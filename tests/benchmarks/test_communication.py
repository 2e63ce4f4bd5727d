"""The arithmetic of `benchmarks.communication`, beside hand-worked numbers and what XLA makes of the library's step."""

import functools
import re

import jax
import jax.numpy as jnp
import pytest

import jaxgan
from benchmarks import communication
from benchmarks.communication import GAMES, Game, batch_norm, conv, conv_transposed, dense
from benchmarks.floor import products
from benchmarks.step import GAMES as TIMED
from benchmarks.step import transformation
from jaxgan.networks import dcgan


def test_a_layers_numbers():
    # 3 × 2 weights and 2 biases.
    assert dense(3, 2) == (6, 8, False, 0)
    # Four pixels a side, kernel of 3, padding 1: of 4 · 3 pairs along an axis the first and the last lie outside, so
    # 10² · 2 channels · 5 features; 9 · 2 · 5 weights and 5 biases.
    assert conv(4, 2, 5, 3, padding=1) == (1000, 95, False, 0)
    # Two pixels a side become four, kernel of 4, stride 2, padding 1: each of them reaches 3 of them, 6² · 2 · 5.
    assert conv_transposed(2, 2, 5, 4, 2, padding=1, biases=5) == (360, 165, False, 0)
    # The other way round it is the same multiplications.
    assert conv(4, 5, 2, 4, stride=2, padding=1)[0] == 360


TINY = Game([dense(2, 3, first=True), batch_norm(3), dense(3, 4)], [dense(4, 5, first=True), dense(5, 1)], 8)


def test_a_tiny_game():
    # F_G = 6 + 12 = 18, f_G = 6, F_D = 20 + 5 = 25, f_D = 20.
    # D's update: 18 + 2 (75 − 20) = 128. G's: 54 − 6 + 50 = 98. Twice their sum; with k = 3, 2 (3 · 128 + 98).
    assert communication.step_flops(TINY) == 452
    assert communication.step_flops(TINY, 3) == 964
    # G has 9 + 6 + 16 parameters, 6 running statistics and its loss: 38 numbers; D 25 + 6 parameters, its loss and
    # three metrics: 35. The batch normalisation's 6 go once in D's update, and twice in G's.
    assert sorted(communication.all_reduces(TINY)) == [24, 24, 24, 140, 152]
    assert sorted(communication.all_reduces(TINY, 2)) == [24, 24, 24, 24, 140, 140, 152]
    # Half the bytes of 31 parameters each.
    assert sorted(communication.all_reduces(TINY, gradient_bytes=2)) == [24, 24, 24, 78, 90]


def test_a_tiny_machine():
    inner, outer = communication.Level(4, 100.0, 6, 0.5), communication.Level(2, 10.0, 2, 1.0)
    machine = communication.Machine(1000.0, (inner, outer), "")
    # 800 bytes in two: 2 · ¾ · 800 / 100 = 12 s within a group, 2 · ½ · 200 / 10 = 20 s for a quarter between the
    # two, and 2 · (6 · .5 + 2 · 1) = 10 s however small they are.
    assert communication.seconds(machine, [300, 500]) == (42.0, 10.0)
    # 364 bytes in five: 5.46 + 9.1 + 25 = 39.56 s. Computing: 8 examples of 452 FLOPs on 8 devices, 452 / 400 =
    # 1.13 s; as long as 39.56 s from 280.1 examples, and the next multiple of 8 is 288.
    found = communication.on_machine(TINY, machine)
    assert found["communication_microseconds"] == pytest.approx(39.56e6)
    assert found["computing_microseconds"] == pytest.approx(1.13e6)
    assert found["compute_bound_from_batch"] == 288


def _parts(name):
    game = TIMED[name]
    tx = transformation(game.optimizer)
    generator, discriminator = game.players()
    latent = jaxgan.LATENTS["uniform"](game.latent)
    parts = {"generator": generator, "discriminator": discriminator, "generator_tx": tx, "discriminator_tx": tx}
    init = functools.partial(jaxgan.init_state, latent=latent, example=jnp.zeros((2, *game.shape)), **parts)
    return jax.eval_shape(init, jax.random.key(0)), functools.partial(
        jaxgan.make_train_step, loss=jaxgan.LOSSES["non_saturating"], latent=latent, **parts
    )


def _lowered(name, platform="cpu"):
    state, make = _parts(name)
    game = TIMED[name]
    real = jax.ShapeDtypeStruct((1, game.batch, *game.shape), jnp.float32)
    return jax.jit(make()).trace(state, {"real": real}).lower(lowering_platforms=(platform,))


@pytest.mark.medium
@pytest.mark.parametrize("name", ["mnist", "cifar10", "dcgan64"])
def test_parameters_are_those_of_the_librarys_networks(name):
    state, _ = _parts(name)
    for player in ("generator", "discriminator"):
        count = sum(leaf.size for leaf in jax.tree.leaves(getattr(state, player).params))
        assert communication.parameters(getattr(GAMES[name], player)) == count
    assert GAMES[name].batch == TIMED[name].batch


@pytest.mark.medium
@pytest.mark.parametrize("name", ["mnist", "cifar10", "dcgan64"])
def test_a_steps_flops_are_those_that_xla_counts(name):
    # XLA leaves out a padding's zeros too, and also counts activations, dropout, normalisations and optimizers.
    counted = _lowered(name, "tpu").cost_analysis()["flops"]  # native convolutions
    assert 1 < counted / (communication.step_flops(GAMES[name]) * GAMES[name].batch) < 1.02


@pytest.mark.slow
def test_a_steps_flops_are_those_of_the_compiled_products():
    counted = sum(product.flops for product in products(_lowered("mnist").compile()))
    assert counted == pytest.approx(communication.step_flops(GAMES["mnist"]) * 100, rel=1e-3)


@pytest.mark.slow
def test_bytes_are_those_of_the_compiled_all_reduces():
    latent, tx = jaxgan.LATENTS["uniform"](100), transformation("sgd")

    def parts(axis_name):
        common = {"axis_name": axis_name}
        generator = dcgan(output_shape=(16, 16, 1), widths=(8, 4), **common)
        discriminator = dcgan(widths=(4, 8), **common)
        return dict(generator=generator, discriminator=discriminator, generator_tx=tx, discriminator_tx=tx)

    def factory(axis_name):
        rules = {"loss": jaxgan.LOSSES["non_saturating"], "latent": latent, "axis_name": axis_name}
        return jaxgan.make_train_step(**rules, **parts(axis_name))

    step, place_state, place_batch = jaxgan.distribute(factory)
    state = jaxgan.init_state(jax.random.key(0), latent=latent, example=jnp.zeros((2, 16, 16, 1)), **parts(None))
    batch = place_batch({"real": jnp.zeros((1, 8, 16, 16, 1))})
    text = step.lower(place_state(state), batch).compile().as_text()
    results = re.findall(r"= (.*) all-reduce(?:-start)?\(", text)
    shapes = [shape for result in results for shape in re.findall(r"f32\[([\d,]*)\]", result)]
    counted = sum(4 * functools.reduce(lambda n, size: n * int(size or 1), shape.split(","), 1) for shape in shapes)
    game = Game(communication.dcgan_generator(16, 1, (8, 4)), communication.dcgan_discriminator(16, 1, (4, 8)), 8)
    expected = communication.all_reduces(game)
    # XLA joins some of them, and splits others.
    assert counted == sum(expected) and len(results) <= len(expected)


def test_the_residual_networks():
    game = GAMES["resnet32"]
    # G: 128 · 4096 + 4096, then three blocks of two 3 × 3 convolutions of 256 to 256 (590,080 each), one of 1 × 1
    # (65,792) and two normalisations (512 each), then one normalisation and a convolution to 3 channels (6,915).
    assert communication.parameters(game.generator) == 528_384 + 3 * (2 * 590_080 + 65_792 + 1_024) + 512 + 6_915
    # D: from 3 channels 3,584 and 512, then one 3 × 3 convolution of 128 to 128 (147,584) in the first block and two
    # in each of three others, one of 1 × 1 (16,512), and 128 weights for the logit.
    assert communication.parameters(game.discriminator) == 3_584 + 512 + 7 * 147_584 + 16_512 + 128
    # The last block of 128 × 128 images works on 4 × 4 pixels, of which a 3 × 3 kernel sees 10² pairs.
    assert GAMES["resnet128"].discriminator[-2].multiply_adds == 100 * 1024 * 1024
    assert GAMES["resnet128"].generator[-1].multiply_adds == (3 * 128 - 2) ** 2 * 64 * 3
