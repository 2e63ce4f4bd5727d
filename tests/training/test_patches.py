"""Discriminators with a logit for each patch of an example, and several discriminators at once."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from games import curved_game, difference, start

from jaxgan.losses import LOSSES, named_loss
from jaxgan.losses.penalties import PENALTIES
from jaxgan.parallel import distribute
from jaxgan.sampling import discriminate
from jaxgan.training.step import make_train_step
from jaxgan.types import DiscriminatorOutput, Network
from jaxgan.wrappers.augmentation import AUGMENTATIONS, augmented

FORMS = {
    "patches": lambda logits: jnp.stack([logits, logits], 1),
    "an image of patches": lambda logits: jnp.tile(logits[:, None, None], (1, 2, 3)),
    "discriminators": lambda logits: DiscriminatorOutput([logits, logits]),
    "scales": lambda logits: DiscriminatorOutput((logits[:, None], {"fine": jnp.tile(logits[:, None], (1, 4))})),
}


def judging(game, form):
    """The game with a discriminator whose output has another form."""
    inner = game["discriminator"]

    def apply(variables, inputs, *, condition=None, key=None, train=False):
        logits, state = inner.apply(variables, inputs, condition=condition, key=key, train=train)
        return form(logits), state

    return game | {"discriminator": Network(inner.init, apply)}


def begin(game):
    return start(game, example_shape=(3,))


def batch(count=8):
    return {"real": jax.random.uniform(jax.random.key(5), (1, count, 3))}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_logits_that_are_all_the_same_make_the_step_of_one(form):
    # A mean over patches and over discriminators: the number of copies does not matter, for no loss and no penalty.
    game = curved_game() | {"penalties": [PENALTIES["r1"](0.1), PENALTIES["gradient_penalty"](0.1)]}
    plain, metrics = jax.jit(make_train_step(**game))(begin(game), batch())
    copied, copied_metrics = jax.jit(make_train_step(**judging(game, form)))(begin(judging(game, form)), batch())
    assert difference(plain, copied) < 1e-6
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), metrics, copied_metrics)


def test_every_loss_takes_patches():
    game = curved_game()
    state = begin(game)

    def losses(game):
        steps = {name: make_train_step(**(game | {"loss": named_loss(name)})) for name in LOSSES}
        return {name: step(state, batch(4))[1] for name, step in steps.items()}

    plain, copied = jax.jit(lambda: (losses(game), losses(judging(game, FORMS["patches"]))))()
    for name in LOSSES:
        for player in ("d_loss", "g_loss"):
            np.testing.assert_allclose(plain[name][player], copied[name][player], rtol=1e-5, atol=1e-6, err_msg=name)


def test_the_loss_is_the_mean_over_pairs_of_patches_then_over_discriminators():
    # D has the weights (1, 2) of two patches in one array and 3 in another one. x = 1 and 2, G(z) = −1 and −1.
    weights = {"a": jnp.array([1.0, 2.0]), "b": jnp.array(3.0)}

    def judge(variables, inputs, *, condition=None, key=None, train=False):
        w = variables["params"]
        return DiscriminatorOutput([inputs[:, None] * w["a"][None], inputs * w["b"]]), {}

    game = curved_game() | {
        "discriminator": Network(lambda key, inputs, condition=None: {"params": weights}, judge),
        "generator": Network(
            lambda key, inputs, condition=None: {"params": {"x": -jnp.ones(())}},
            lambda v, z, **_: (jnp.broadcast_to(v["params"]["x"], (len(z),)), {}),
        ),
        "loss": LOSSES["relativistic_paired"],
    }
    real = jnp.array([[1.0, 2.0]])
    _, metrics = make_train_step(**game)(start(game, example_shape=()), {"real": real})

    # l(x) − l(G(z)) of the patches is 1 − (−1), 2 − (−2), 2 − (−1), 4 − (−2); of the other discriminator 6 and 9.
    def softplus(*differences):
        return np.mean(np.log1p(np.exp(-np.array(differences))))

    np.testing.assert_allclose(metrics["d_loss"], (softplus(2, 4, 3, 6) + softplus(6, 9)) / 2, rtol=1e-5)
    # Logits for x: 1, 2, 2, 4 and 3, 6, each array by its mean; for G(z) −1.5 and −3.
    np.testing.assert_allclose(metrics["d_real_logit"], (2.25 + 4.5) / 2, rtol=1e-6)
    np.testing.assert_allclose(metrics["d_fake_logit"], -(1.5 + 3) / 2, rtol=1e-6)
    state = start(game, example_shape=())
    np.testing.assert_allclose(discriminate(game["discriminator"], state, real[0]), [2.25, 4.5], rtol=1e-6)


@pytest.mark.parametrize(
    ("loss", "mapping"), [("relativistic_average", "shard_map"), ("relativistic_average", "pmap"), ("hinge", "pmap")]
)
def test_four_devices_train_patches_as_one_does(loss, mapping):
    # The patches differ, and the relativistic average is over those of all examples of all devices.
    def form(logits):
        return DiscriminatorOutput([jnp.stack([logits, -0.5 * logits], 1), logits[:, None] ** 2])

    game = judging(curved_game() | {"loss": named_loss(loss)}, form)
    step = functools.partial(make_train_step, **game)
    one, metrics = jax.jit(step())(begin(game), batch(16))
    many, place_state, place_batch = distribute(step, devices=jax.devices()[:4], mapping=mapping)
    state, found = many(place_state(begin(game)), place_batch(batch(16)))
    assert difference(one, state) < 2e-5
    np.testing.assert_allclose(metrics["d_loss"], np.ravel(found["d_loss"])[0], rtol=1e-5)


def test_adaptive_augmentation_reads_the_sign_of_an_examples_mean_logit():
    game = judging(curved_game(), lambda logits: jnp.stack([logits, -0.5 * logits], 1))
    wrapped = [augmented(d["discriminator"], [AUGMENTATIONS["noise"]], adaptive_target=0.5, adaptive_speed=0.01)
               for d in (game, curved_game())]  # fmt: skip
    steps = [jax.jit(make_train_step(**(game | {"discriminator": d}))) for d in wrapped]
    states = [step(begin(game | {"discriminator": d}), batch())[0] for step, d in zip(steps, wrapped, strict=True)]
    chances = [jax.tree.leaves(state.discriminator.model_state) for state in states]
    assert [float(leaf) for leaf in chances[0]] == [float(leaf) for leaf in chances[1]]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (lambda logits: (logits, logits), "got a tuple; logits of several discriminators are DiscriminatorOutput"),
        (lambda logits: {"logits": logits}, "got a dict"),
        (lambda logits: logits.mean(), r"must return logits \[batch\] or \[batch, ...\], got \[\(\)\]"),
        (lambda logits: DiscriminatorOutput([]), "got nothing"),
    ],
)
def test_what_is_not_logits_is_refused(form, said):
    with pytest.raises(ValueError, match=said):
        begin(judging(curved_game(), form))
