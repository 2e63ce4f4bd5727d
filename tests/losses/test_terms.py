"""Terms of the players' losses: worked and published cases, steps by hand, and one device against four."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from games import at, data, difference, equal, scalar_game, start, step_of

from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES, smooth_real_labels, weigh_discriminator, weigh_generator
from jaxgan.losses.terms import TERMS, auxiliary_classifier, feature_matching, mutual_information
from jaxgan.parallel import distribute
from jaxgan.theory import SOLUTIONS
from jaxgan.training.coordination import Coordination
from jaxgan.training.step import Game, discriminator_update, init_state, make_train_step
from jaxgan.types import Judgement, Latent, Network, Seen, Term

# TensorFlow-GAN's own case, recomputed in float64.
FAKE_CLASSES = np.array([[10, 4.4, -5.5, 3.6], [-4, 4.4, 5.2, 4.6], [1.1, 2.4, -3.5, 5.6], [1.1, 2.4, -3.5, 5.6]])
REAL_CLASSES = np.array([[-2, 0.4, 12.5, 2.7], [-1.2, 1.9, 12.3, 2.6], [-2.4, -1.7, 2.5, 2.7], [1.1, 2.4, -3.5, 5.6]])
LABELS = jnp.array([1, 2, 0, 0])


def seen(real=None, fake=None, latents=None, condition=None, prior=None, **judged):
    """What a term sees, of arrays named `features` or `class_logits`: (real, fake) pairs."""
    judgements = [
        Judgement(jnp.zeros(4), **{name: jnp.asarray(pair[i], jnp.float32) for name, pair in judged.items()})
        for i in range(2)
    ]
    latents = jnp.zeros((4, 1)) if latents is None else jnp.asarray(latents, jnp.float32)
    return Seen(*judgements, latents, condition, LATENTS["normal"](1) if prior is None else prior)


def coded(latents, outputs, categories, codes):
    """The mutual information's view of some latents and of what is told of them."""
    prior = Latent(lambda key, count: jnp.zeros((count, 1)), len(latents[0]), categories, codes)
    return seen(latents=latents, class_logits=(outputs, outputs), prior=prior)


def test_feature_matching_by_hand():
    # Means (2, 3) and (1, 1): 1² + 2² = 5, halved by the weight. Means of squares would be other.
    given = seen(features=([[1, 2], [3, 4]], [[0, 0], [2, 2]]))
    np.testing.assert_allclose(feature_matching(0.5).generator(given), 2.5, rtol=1e-6)
    assert feature_matching(0.5).discriminator is None


def test_auxiliary_classifiers_published_case():
    given = seen(class_logits=(REAL_CLASSES, FAKE_CLASSES), condition=LABELS)
    term = auxiliary_classifier()
    np.testing.assert_allclose(term.generator(given), 3.84974, rtol=1e-5)
    np.testing.assert_allclose(term.discriminator(given), 9.43950, rtol=1e-5)  # real and fake, each a mean
    np.testing.assert_allclose(auxiliary_classifier(2.0).discriminator(given), 2 * 9.43950, rtol=1e-5)


@pytest.mark.medium
def test_mutual_information_by_hand():
    # Two categories of equal logits: log 2. A code 1.5 told as .5: ½·1² + ½ log 2π. Noise (9) is not read.
    half = np.log(2 * np.pi) / 2
    given = coded([[1, 0, 1.5, 9]], [[0, 0, 0.5]], 2, 1)
    for part in mutual_information()[:2]:
        np.testing.assert_allclose(part(given), np.log(2) + 0.5 + half, rtol=1e-6)
    # With log σ = log 2 told too: ½·(1/2)² + log 2 + ½ log 2π.
    given = coded([[1, 0, 1.5, 9]], [[0, 0, 0.5, np.log(2)]], 2, 1)
    np.testing.assert_allclose(mutual_information(3.0).generator(given), 3 * (2 * np.log(2) + 0.125 + half), rtol=1e-6)
    # The second category alone, told with logits 0 and log 3, of probability 3/4; and codes alone.
    np.testing.assert_allclose(
        mutual_information().generator(coded([[0, 1]], [[0, np.log(3)]], 2, 0)), np.log(4 / 3), rtol=1e-6
    )
    np.testing.assert_allclose(
        mutual_information().generator(coded([[2.0, 0.0]], [[0, 0]], 0, 2)), 2 + 2 * half, rtol=1e-6
    )


def test_mutual_information_bounds_what_the_codes_tell():
    # Samples that are the category, told exactly: −E log Q = 0, so L_I = H(c) = log 10; told at random: L_I = 0.
    prior = LATENTS["categorical"](12)
    assert (prior.categories, prior.continuous) == (10, 2)
    latents = prior.sample(jax.random.key(0), 4)
    for outputs, expected in ((100 * latents, 0), (0 * latents, np.log(10))):
        given = coded(latents[:, :10], outputs[:, :10], 10, 0)
        np.testing.assert_allclose(mutual_information().discriminator(given), expected, atol=1e-5)


def _everything():
    latents = LATENTS["categorical"](13).sample(jax.random.key(1), 4)
    logits = np.random.default_rng(0).normal(size=(2, 4, 12))
    given = seen(
        features=(REAL_CLASSES, FAKE_CLASSES),
        class_logits=logits,
        latents=latents,
        condition=LABELS,
        prior=LATENTS["categorical"](13),
    )
    return dataclasses.replace(given, real=jnp.ones((4, 2)), fake=jnp.array([[0.5, 3.0]] * 4))


@pytest.mark.parametrize("name", TERMS)
def test_every_term_is_a_scalar_in_proportion_to_its_weight(name):
    given = _everything()
    for player in range(2):
        part, more, none = (TERMS[name](weight)[player] for weight in (1.0, 2.5, 0.0))
        if part is not None:
            assert part(given).shape == () and part(given) > 0.1
            np.testing.assert_allclose(more(given), 2.5 * part(given), rtol=1e-6)
            assert none(given) == 0
    for wrong in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="weight must be at least 0"):
            TERMS[name](wrong)


def test_what_a_term_needs_is_said():
    bare = seen(condition=LABELS, prior=LATENTS["categorical"](12))
    needs = {"feature_matching": "discriminator.features=True", "mutual_information": "class_logits=12 or 14"}
    needs |= {"auxiliary_classifier": "discriminator.class_logits=N", "feature_distance": "discriminator.features=True"}
    assert {*needs, "l1", "l2"} == set(TERMS)  # the distances need nothing
    for name, said in needs.items():
        with pytest.raises(ValueError, match=f"{name} needs the discriminator's .*{said}"):
            TERMS[name]().generator(bare)
    with pytest.raises(ValueError, match="needs a latent with codes"):
        mutual_information().generator(seen())
    with pytest.raises(ValueError, match=r"needs class logits \[1, 3\], got \(1, 4\)"):
        mutual_information().generator(coded([[1, 0, 0]], [[0, 0, 0, 0]], 3, 0))
    with pytest.raises(ValueError, match=r"needs class logits \[4, N\], got \(2, 4\)"):  # a pack's
        auxiliary_classifier().generator(seen(class_logits=(FAKE_CLASSES[:2],) * 2, condition=LABELS))
    for condition in (None, jnp.ones(4), jnp.eye(4, dtype=jnp.int32)):
        with pytest.raises(ValueError, match=r"needs labels, integers \[batch\], as the condition"):
            auxiliary_classifier().generator(seen(class_logits=(FAKE_CLASSES,) * 2, condition=condition))


def test_terms_that_are_none_are_refused():
    for terms, said in (
        (feature_matching(), "got one; put it in a list"),
        ([feature_matching], r'pass TERMS\["feature_matching"\]\(weight\)'),
        (["feature_matching"], r'pass TERMS\["feature_matching"\]\(weight\)'),
        ([lambda given: 0.0], "must be a jaxgan.Term"),
    ):
        with pytest.raises(ValueError, match=said):
            make_train_step(**scalar_game(), terms=terms)


def test_a_weighed_generator():
    real, fake = jnp.array([0.0, 1.0]), jnp.array([-1e38, 2.0])
    loss = LOSSES["hinge"]
    for weight in (0.0, 0.5, 3.0):
        found = weigh_generator(loss, weight)
        assert found.discriminator is loss.discriminator
        np.testing.assert_allclose(found.generator(real, fake), weight * loss.generator(real, fake), rtol=1e-6)
    infinite = loss._replace(generator=lambda real_logits, fake_logits: jnp.inf * fake_logits.mean())
    assert weigh_generator(infinite, 0).generator(real, fake) == 0
    with pytest.raises(ValueError, match="weight must be at least 0"):
        weigh_generator(loss, -1.0)


def _with_features(game):
    """D of the scalar game returns its inputs as features."""
    bare = game["discriminator"]

    def judge(variables, inputs, **options):
        return Judgement(bare.apply(variables, inputs, **options)[0], features=inputs[:, None]), {}

    return game | {"discriminator": Network(bare.init, judge)}


def test_feature_matching_in_place_of_the_generators_loss_by_hand():
    # λ(mean x − θ)² = ½·(2 + 1)² = 4.5 at θ = −1, of gradient −2·½·3 = −3: θ = −1 + .3. D's step has no part of it.
    game = _with_features(scalar_game())
    game["loss"] = weigh_generator(game["loss"], 0.0)
    step = jax.jit(make_train_step(**game, terms=[feature_matching(0.5)]))
    state, metrics = step(start(game, example_shape=()), {"real": jnp.array([[1.0, 3.0]])})
    np.testing.assert_allclose(state.generator.params["theta"], -0.7, rtol=1e-6)
    np.testing.assert_allclose([metrics["g_loss"], metrics["g_terms"]], 4.5, rtol=1e-6)
    np.testing.assert_allclose(metrics["g_gradient_norm"], 3.0, rtol=1e-6)
    np.testing.assert_allclose(state.discriminator.params["w"], 0.15, atol=1e-7)
    assert "d_terms" not in metrics


@pytest.mark.medium
def test_a_term_is_beside_the_loss_and_changes_its_players_update_alone():
    # Beside the non-saturating loss, whose gradient −.0806145 test_step.py works out: θ = −1 + .1·(3 + .0806145).
    game = _with_features(scalar_game())
    state, batch = start(game, example_shape=()), {"real": jnp.array([[1.0, 3.0]])}
    after, metrics = make_train_step(**game, terms=[feature_matching(0.5)])(state, batch)
    np.testing.assert_allclose(after.generator.params["theta"], -0.69193853, atol=1e-6)
    np.testing.assert_allclose(metrics["g_loss"], 0.7709571 + 4.5, rtol=1e-6)
    plain, bare = make_train_step(**game)(state, batch)
    assert equal(after.discriminator, plain.discriminator) and not {"d_terms", "g_terms"} & set(bare)
    # A part of the discriminator's, 2 w · mean x of gradient 4: −1.5 + 4 = 2.5, so w = −.25, and one of no one's.
    term = Term(lambda given: 2 * (given.real_output.logits).mean())
    after, metrics = make_train_step(**game, terms=[term, Term()])(state, batch)
    np.testing.assert_allclose(after.discriminator.params["w"], -0.25, atol=1e-6)
    assert metrics["d_terms"] == 0 and "g_terms" not in metrics  # w was 0


@pytest.mark.medium
def test_the_wasserstein_estimate_is_a_metric_of_critics_alone():
    # Before the first update w = 0. Its gradient is −1 − 2 = −3: w = .3; then θ = −1 + .1·.3 = −.97.
    # Before the second: E l_real − E l_fake = .3·2 + .3·.97 = .891.
    game = scalar_game("wasserstein")
    step, state = jax.jit(make_train_step(**game)), start(game, example_shape=())
    found = []
    for _ in range(2):
        state, metrics = step(state, {"real": jnp.array([[1.0, 3.0]])})
        found.append(metrics["d_wasserstein"])
    np.testing.assert_allclose(found, [0, 0.891], rtol=1e-6)
    # With a penalty or weighed it is still the difference; other losses do not have it.
    for weight, loss in ((1, weigh_generator(game["loss"], 2.0)), (2, weigh_discriminator(game["loss"], 2.0))):
        _, metrics = make_train_step(**game | {"loss": loss}, penalties=[lambda critic, real, fake, key: 7.0])(
            state, {"real": jnp.array([[1.0, 3.0]])}
        )
        difference = metrics["d_real_logit"] - metrics["d_fake_logit"]
        np.testing.assert_allclose(metrics["d_wasserstein"], difference, rtol=1e-6)
        np.testing.assert_allclose(metrics["d_loss"], 7 - weight * difference, rtol=1e-6)
    for loss in (LOSSES["hinge"], smooth_real_labels(LOSSES["minimax"], 0.9)):
        _, metrics = make_train_step(**game | {"loss": loss})(state, {"real": jnp.array([[1.0, 3.0]])})
        assert "d_wasserstein" not in metrics


@pytest.mark.parametrize(("loss", "accuracy"), [("hinge", 0.5), ("least_squares", 0.75)])
def test_the_accuracy_is_by_the_threshold_of_the_loss(loss, accuracy):
    # w = .4, θ = .8: outputs .4 and 1.2 of data, .32 twice of samples. All are above 0: ½. One is above ½: (½ + 1)/2.
    game = scalar_game(loss)
    for loss in (game["loss"], weigh_discriminator(game["loss"], 2.0)):
        _, metrics = make_train_step(**game | {"loss": loss})(at(game, 0.4, 0.8), {"real": jnp.array([[1.0, 3.0]])})
        np.testing.assert_allclose(metrics["d_accuracy"], accuracy)


@pytest.mark.parametrize("name", LOSSES)
def test_a_discriminator_that_is_right_has_an_accuracy_of_1_or_none(name):
    # The optimal logits where data are more likely than samples, and less likely.
    solved = SOLUTIONS.get(name, SOLUTIONS["hinge"])  # of relativistic losses there are only differences of logits
    real, fake = solved.optimal_logits(np.array([0.5, 0.3]), np.array([0.3, 0.5]))
    game = scalar_game(name)
    game["discriminator"] = Network(game["discriminator"].init, lambda variables, inputs, **_: (inputs, {}))
    _, metrics = make_train_step(**game)(at(game, 0.0, fake), {"real": jnp.full((1, 4), real)})
    assert metrics.get("d_accuracy") == (None if game["loss"].threshold is None else 1.0)


@pytest.mark.medium
def test_a_limit_of_accuracy_needs_a_loss_with_one():
    game, options = scalar_game("wasserstein"), {"discriminator_steps": 2}
    with pytest.raises(ValueError, match=r"no accuracy for coordination's accuracy_limit 0.9; leave the limit at 1"):
        make_train_step(**game, **options, coordination=Coordination(accuracy_limit=0.9))
    step = make_train_step(**game, **options, coordination=Coordination(lambda step: 1))
    _, metrics = step(start(game, example_shape=()), {"real": jnp.ones((2, 3))})
    assert metrics["d_updates"] == 1 and "d_accuracy" not in metrics


def judging_game():
    """D(x) = v·tanh(xW) with these features and class logits; G(z, y) = zM + a row for the label y."""

    def init_discriminator(key, inputs, condition=None):
        shapes = {"w": (3, 4), "v": (4,), "c": (4, 12)}
        keys = jax.random.split(key, 3)
        return {"params": {n: jax.random.normal(k, s) for k, (n, s) in zip(keys, shapes.items(), strict=True)}}

    def judge(variables, inputs, *, condition=None, key=None, train=False):
        params = variables["params"]
        features = jnp.tanh(inputs @ params["w"])
        return Judgement(features @ params["v"], features, features @ params["c"]), {}

    def init_generator(key, inputs, condition=None):
        return {"params": {"m": jax.random.normal(key, (14, 3)) / 4, "rows": jnp.zeros((12, 3))}}

    def generate(variables, latents, *, condition=None, key=None, train=False):
        params = variables["params"]
        rows = 0 if condition is None else params["rows"][condition]
        return latents @ params["m"] + rows, {}

    return {
        "discriminator": Network(init_discriminator, judge),
        "generator": Network(init_generator, generate),
        "generator_tx": optax.sgd(0.1),
        "discriminator_tx": optax.sgd(0.1),
        "latent": LATENTS["categorical"](14),
        "loss": LOSSES["non_saturating"],
    }


ALL = (feature_matching(2.0), mutual_information(0.3), auxiliary_classifier(0.2))
GAMES = {"all": (ALL, 1.0), "matching_alone": ((feature_matching(2.0),), 0.0)}


@functools.cache
def _trained(name, mapping, **options):
    game, (terms, weight) = judging_game(), GAMES[name]
    game["loss"] = weigh_generator(game["loss"], weight)
    labels = jax.random.randint(jax.random.key(3), (3, 1, 16), 0, 12)
    state = start(game, example_shape=(3,), condition=labels[0, 0, :2])
    factory = functools.partial(make_train_step, **game, terms=terms, **options)
    step, place_state, place_batch = distribute(factory, mapping=mapping)
    state, batches = place_state(state), data(3, batch=16, shape=(3,)) | {"condition": labels}
    for i in range(3):
        state, metrics = step(state, place_batch(step_of(batches, i)))
    return jax.device_get((state.replace(key=jax.random.key_data(state.key)), metrics))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "mapping"),
    [
        ("matching_alone", "pmap"),
        ("matching_alone", "shard_map"),
        ("all", "pmap"),
        ("all", "shard_map"),
    ],
)
def test_four_devices_play_with_terms_as_one_does(name, mapping):
    # Alone, feature matching is a loss of means over all devices, which is not the mean of the devices' losses.
    expected = _trained(name, "jit")
    assert difference(_trained(name, mapping), expected) < 1e-5
    assert expected[1]["g_terms"] > 0.01


@pytest.mark.slow
def test_the_gradient_of_a_mean_over_devices_is_that_of_the_whole_batch():
    # One step of matching alone, against jax.grad of the formula on all 16 examples.
    game = judging_game()
    game["loss"] = weigh_generator(game["loss"], 0.0)
    terms, state, batch = [feature_matching(2.0)], start(game, example_shape=(3,)), step_of(data(1, 1, 16, (3,)), 0)
    step, place_state, place_batch = distribute(
        functools.partial(make_train_step, **game, terms=terms), mapping="shard_map"
    )
    after, _ = step(place_state(state), place_batch(batch))
    judge = jax.device_get(after.discriminator.params)
    key = jax.random.split(jax.random.fold_in(state.key, 0))[1]
    latents = game["latent"].sample(jax.random.split(jax.random.split(key, 1)[0], 4)[0], 16)

    def loss(m):
        real, fake = (jnp.tanh(x @ judge["w"]).mean(0) for x in (batch["real"][0], latents @ m))
        return 2 * jnp.square(real - fake).sum()

    gradient = jax.grad(loss)(state.generator.params["m"])
    assert np.abs(gradient).max() > 0.01
    np.testing.assert_allclose(after.generator.params["m"], state.generator.params["m"] - 0.1 * gradient, atol=1e-6)


@pytest.mark.slow
def test_means_over_examples_are_the_same_in_parts():
    game, labels = judging_game(), jnp.arange(8)[None]
    state = start(game, example_shape=(3,), condition=labels[0, :2])
    batch = step_of(data(1, batch=8, shape=(3,)), 0) | {"condition": labels}
    found = [
        jax.jit(make_train_step(**game, terms=ALL[1:], accumulation_steps=parts))(state, batch) for parts in (1, 2)
    ]
    assert difference(*((s.discriminator, s.generator, metrics) for s, metrics in found)) < 1e-6


@pytest.mark.slow
def test_both_players_learn_what_the_codes_are():
    # The adversarial part left out, Q and G agree on the codes: L_I rises from about 0.
    game = judging_game()
    game["loss"] = weigh_generator(game["loss"], 0.0)
    step = jax.jit(make_train_step(**game, terms=[mutual_information()]))
    state, batches = start(game, example_shape=(3,)), data(1, batch=64, shape=(3,))
    told = []
    for _ in range(150):
        state, metrics = step(state, step_of(batches, 0))
        told.append(float(metrics["g_terms"]))
    entropy = np.log(10) + 2 * np.log(2)
    assert entropy - told[-1] > entropy - told[0] + 1.0 and entropy - told[-1] > 0.5


@pytest.mark.medium
def test_an_update_with_terms_leaves_the_generator_as_it_is():
    game = judging_game()
    state = start(game, example_shape=(3,), condition=LABELS[:2])
    real = jnp.ones((4, 3))
    update = jax.jit(functools.partial(discriminator_update, Game(**game, terms=ALL)))
    player, metrics = update(state, jax.random.key(5), real, LABELS)
    assert not equal(player.params["c"], state.discriminator.params["c"])  # the head learns in D's update
    assert metrics["d_terms"] > 0


@pytest.mark.slow
def test_a_generator_that_looks_ahead_does_so_with_the_discriminators_terms():
    game = judging_game()
    state = init_state(
        jax.random.key(0),
        **{n: p for n, p in game.items() if n != "loss"},
        example=jnp.ones((2, 3)),
        condition=LABELS[:2],
    )
    batch = {"real": jnp.ones((1, 4, 3)), "condition": LABELS[None]}
    params = [
        make_train_step(**game, terms=terms, unrolled_steps=1)(state, batch)[0].generator.params["m"]
        for terms in ((), (Term(auxiliary_classifier(5.0).discriminator),))
    ]
    assert np.abs(params[0] - params[1]).max() > 1e-5
