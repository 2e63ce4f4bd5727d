"""Rejection and Langevin sampling on toys whose p_d/p_g is known, and from runs."""

import functools
import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from configs import ring
from jaxgan import runs
from jaxgan.config import DataFacts, build
from jaxgan.errors import UsageError
from jaxgan.io.checkpoints import Checkpoints
from jaxgan.latents import LATENTS
from jaxgan.runs.evaluate import evaluation as evaluation_module
from jaxgan.runs.load import load_run
from jaxgan.runs.sampling import NoSamplesError, sampler
from jaxgan.sampling import (
    TooFewAccepted,
    accept,
    acceptance_logits,
    discriminate,
    driven_latents,
    langevin,
    rejection_sample,
)
from jaxgan.training.step import generate, sample
from jaxgan.types import Judgement, Network, PlayerState, TrainState
from tests.small_runs import train

MEAN, SIGMA = 0.5, 0.6
"""p_d = N(.5, .6²) where p_g = N(0, 1)."""


def log_ratio(x):
    """log p_d/p_g = -log .6 - (x - .5)²/.72 + x²/2."""
    return -jnp.log(SIGMA) - jnp.square(x - MEAN) / (2 * SIGMA**2) + jnp.square(x) / 2


# Its maximum: -.8889x² + 1.3889x + .1636 at x = .78125, .163604 + 1.38889²/(4·.888889) = .706139.
LARGEST = 0.706139


@functools.cache
def _proposer(size, shift=0.0):
    @jax.jit
    def propose(key):
        x = jax.random.normal(key, (size,))
        return x, log_ratio(x) + shift

    return propose


def test_acceptance_worked_by_hand():
    # e^(D̃ - D̃_M) = ½, ¼, 1: F = log(p/(1 - p)) = 0, -log 3, and at the maximum -log(1 - e^-ε) = log 10⁶.
    logits = acceptance_logits(jnp.log(jnp.array([1.0, 0.5, 2.0])), jnp.log(2.0))
    np.testing.assert_allclose(logits, [0, -math.log(3), math.log(1e6)], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(jax.nn.sigmoid(logits), [0.5, 0.25, 1], rtol=1e-5)
    # γ = log 3 makes of the odds 1, ⅓ the odds ⅓, 1/9.
    logits = acceptance_logits(jnp.log(jnp.array([1.0, 0.5])), jnp.log(2.0), math.log(3))
    np.testing.assert_allclose(jax.nn.sigmoid(logits), [0.25, 0.1], rtol=1e-5)
    # Far below the maximum the odds are e^(D̃ - D̃_M), and finite.
    np.testing.assert_allclose(acceptance_logits(jnp.array([-200.0]), jnp.array(0.0)), [-200], rtol=1e-6)


@pytest.mark.medium
def test_the_percentile_is_accepted_half_the_time_and_the_maximum_follows():
    ratios = jnp.log(jnp.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    draws = jax.vmap(lambda key: accept(key, ratios, jnp.log(8.0), 75.0)[0])(jax.random.split(jax.random.key(0), 4_000))
    # F's 75th percentile of five is the fourth: F - γ = log(odds/1), odds of p = 1/8 ... 5/8: 1/7, 1/3, 3/5, 1, 5/3.
    odds = np.array([1 / 7, 1 / 3, 3 / 5, 1, 5 / 3])
    np.testing.assert_allclose(draws.mean(0), odds / (1 + odds), atol=4 * 0.5 / np.sqrt(4_000))
    assert accept(jax.random.key(0), ratios, jnp.log(8.0))[1] == jnp.log(8.0)
    assert accept(jax.random.key(0), ratios, jnp.log(2.0))[1] == jnp.log(5.0)


def test_what_rejection_accepts_is_distributed_as_the_data():
    found = rejection_sample(_proposer(1_000), jax.random.key(0), 5_000, burn_in=5_000)
    assert found.samples.shape == (5_000,)
    np.testing.assert_allclose(found.maximum, LARGEST, atol=1e-3)
    # One in max p_d/p_g = e^.706139 = 2.0262 is accepted: .49353, of 10,000 with an error of .005.
    assert found.candidates >= 10_000
    assert abs(found.rate - math.exp(-LARGEST)) < 4 * 0.5 / math.sqrt(found.candidates)
    # Kolmogorov and Smirnov: 1.63/√n at one in a hundred; the generator's own samples are far off.
    assert stats.kstest(found.samples, stats.norm(MEAN, SIGMA).cdf).statistic < 1.63 / math.sqrt(5_000)
    assert stats.kstest(_proposer(1_000)(jax.random.key(0))[0], stats.norm(MEAN, SIGMA).cdf).statistic > 0.2


def test_rejection_depends_on_its_key_alone_and_not_on_how_many_are_wanted_or_on_a_constant():
    sample = functools.partial(rejection_sample, burn_in=2_000)
    found = sample(_proposer(1_000), jax.random.key(1), 900)
    np.testing.assert_array_equal(sample(_proposer(1_000), jax.random.key(1), 300).samples, found.samples[:300])
    assert not np.isin(sample(_proposer(1_000), jax.random.key(2), 300).samples, found.samples).any()
    # A discriminator whose logits are off by a constant accepts the same, to rounding.
    moved = sample(_proposer(1_000, shift=2.0), jax.random.key(1), 900)
    assert np.isin(moved.samples, found.samples).mean() > 0.99
    np.testing.assert_allclose(moved.maximum, found.maximum + 2, rtol=1e-5)


def test_rejection_that_has_no_end_is_ended():
    @jax.jit
    def hopeless(key):  # one candidate in ten thousand is e^20 times as likely as the others
        ratios = jnp.where(jax.random.uniform(key, (5_000,)) < 1e-4, 20.0, 0.0)
        return ratios, ratios

    with pytest.raises(TooFewAccepted, match="of 1[0-9]{2},000 candidates"):
        rejection_sample(hopeless, jax.random.key(0), 1_000)
    with pytest.raises(TooFewAccepted, match="largest log-ratio of 10,000 candidates is nan"):
        rejection_sample(lambda key: (jnp.zeros(100), jnp.full(100, jnp.nan)), jax.random.key(0), 10)


def _gaussian_chains(step_size, adjusted, steps=300):
    # p_g = N(0, 2²) by G(z) = 2z, p_d = N(1, .8²): z is to be N(.5, .4²).
    def ratio(z):
        x = 2 * z[:, 0]
        return -jnp.square(x - 1) / (2 * 0.8**2) + jnp.square(x) / (2 * 2**2)

    options = {"steps": steps, "step_size": step_size, "adjusted": adjusted}
    z, rate = driven_latents(ratio, LATENTS["normal"](1), jax.random.key(0), 20_000, **options)
    return np.asarray(z[:, 0]), float(rate)


@pytest.mark.medium
def test_langevins_stationary_distribution_is_the_datas_but_for_the_step():
    # Of N(μ, τ²) the chain u ← u - ε/2·(u - μ)/τ² + √ε·n keeps N(μ, τ²/(1 - ε/4τ²)): τ² = .16, ε = .1: .16/.84375.
    z, rate = _gaussian_chains(0.1, adjusted=False)
    assert rate == 1
    assert abs(z.mean() - 0.5) < 4 * 0.4355 / math.sqrt(20_000)
    np.testing.assert_allclose(z.var(), 0.16 / 0.84375, rtol=4 * math.sqrt(2 / 20_000))
    assert z.var() > 0.16 * 1.1


@pytest.mark.medium
def test_steps_that_may_be_rejected_leave_no_error():
    z, rate = _gaussian_chains(0.1, adjusted=True)
    np.testing.assert_allclose(z.var(), 0.16, rtol=4 * math.sqrt(2 / 20_000))
    assert stats.kstest(z, stats.norm(0.5, 0.4).cdf).statistic < 1.63 / math.sqrt(20_000)
    assert 0.8 < rate < 1


@pytest.mark.medium
def test_a_bounded_prior_is_driven_within_its_bounds():
    # G(z) = z, z ~ U(-1, 1), p_d = ¾(1 - x²): variance 1/5, cdf ½ + ¾x - x³/4.
    ratio = lambda z: jnp.log(1.5 * (1 - jnp.square(z[:, 0])) + 1e-12)  # noqa: E731
    options = {"steps": 300, "step_size": 0.3, "adjusted": True}
    z, rate = driven_latents(ratio, LATENTS["uniform_unit"](1), jax.random.key(0), 10_000, **options)
    assert np.abs(z).max() < 1 and rate > 0.7
    assert stats.kstest(z[:, 0], lambda x: 0.5 + 0.75 * x - x**3 / 4).statistic < 1.63 / math.sqrt(10_000)


@pytest.mark.parametrize("name", ["normal", "uniform", "uniform_unit", "truncated_normal"])
def test_priors_as_functions_of_a_normal_one(name):
    latent = LATENTS[name](1)
    z = latent.from_normal(jax.random.normal(jax.random.key(0), (20_000, 1)))[:, 0]
    drawn = latent.sample(jax.random.key(1), 20_000)[:, 0]
    assert stats.ks_2samp(np.asarray(z), np.asarray(drawn)).statistic < 1.63 * math.sqrt(2 / 20_000)
    edge = latent.from_normal(jnp.array([[-9.0], [0.0], [9.0]]))[:, 0]
    bound = latent.bound or 9
    np.testing.assert_allclose(edge, [-bound, 0, bound], rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_chains_on_the_sphere_stay_on_it_and_climb():
    latent, options = LATENTS["sphere"](3), {"steps": 300, "step_size": 0.3, "adjusted": True}
    z, rate = driven_latents(lambda z: z[:, 0], latent, jax.random.key(0), 10_000, **options)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 3**0.5, rtol=1e-5)
    # p(z) ∝ e^{z_0} on the sphere of radius r = √3: z_0 has density ∝ e^t on [−r, r], of mean r coth r − 1.
    assert rate > 0.7 and abs(np.asarray(z)[:, 0].mean() - (3**0.5 / np.tanh(3**0.5) - 1)) < 0.05


@pytest.mark.parametrize("name", ["categorical", "mixture", "fixed_mixture"])
def test_priors_that_chains_cannot_move_say_so(name):
    with pytest.raises(ValueError, match="not a function of a normal one"):
        driven_latents(lambda z: z[:, 0], LATENTS[name](20), jax.random.key(0), 3, steps=1, step_size=0.1)


def test_chains_depend_on_their_key_alone_and_start_at_the_prior():
    chains = functools.partial(langevin, lambda u: -jnp.square(u).sum(1), start=jnp.ones((4, 2)), step_size=0.1)
    first, again = (chains(key=jax.random.key(5), steps=3)[0] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (chains(key=jax.random.key(6), steps=3)[0] != first).all()
    stay, rate = chains(key=jax.random.key(5), steps=0)
    np.testing.assert_array_equal(stay, jnp.ones((4, 2)))
    assert rate == 1


def test_a_discriminators_logits_are_those_outside_of_training():
    def judge(variables, x, *, condition=None, key=None, train=False):
        assert not train and key is None
        return Judgement(variables["params"] * x + variables["stats"]), {}

    player = PlayerState(2.0, {"stats": 1.0}, ())
    state = TrainState(0, None, PlayerState({}, {}, ()), player)
    logits = discriminate(Network(None, judge), state, jnp.array([1.0, 3.0]))
    np.testing.assert_allclose(logits, [3, 7])


# From runs


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Trained until the discriminator knows something."""
    workdir = tmp_path_factory.mktemp("run")
    train(workdir, steps=60, checkpoint_every=60, average_decay=0.9, evaluation__samples=200)
    return workdir


def _sampled(run, name, overrides, count=30):
    runs.run("sample", None, {f"sampling.{n}": text for n, text in overrides.items()}, str(run), {"count": count})
    return np.load(run / "samples" / f"sample_step_00000060_seed_0{name}.npz")["samples"]


@pytest.mark.slow
def test_a_run_is_sampled_by_rejection(run, capsys):
    plain = _sampled(run, "", {})
    found = _sampled(run, "_rejection", {"method": "rejection", "burn_in": "1000"})
    said = capsys.readouterr().out
    assert found.shape == plain.shape == (30, 2) and (found != plain).any()
    # The same from the parts: candidates a thousand at a time, of the average, judged by the restored discriminator.
    loaded = load_run(str(run), None, {"sampling.method": "rejection"}, "sample")
    experiment, state = loaded.experiment, loaded.state
    with Checkpoints(run / "checkpoints", keep=1) as checkpoints:
        whole, _ = checkpoints.restore(experiment.abstract_state())
    assert jax.tree.all(jax.tree.map(jnp.array_equal, state.discriminator.params, whole.discriminator.params))

    @jax.jit
    def propose(key):
        samples = sample(experiment.generator, whole, key, 1_000, latent=experiment.latent)
        return samples, experiment.discriminator.apply(whole.discriminator.variables, samples)[0]

    expected = rejection_sample(propose, jax.random.key(0), 30, burn_in=1_000)
    np.testing.assert_allclose(found, expected.samples, rtol=1e-5, atol=1e-6)
    assert f"{100 * expected.rate:.3g} % of 1,000 candidates accepted" in said
    np.testing.assert_array_equal(
        _sampled(run, "_rejection", {"method": "rejection", "burn_in": "1000"}, 20), found[:20]
    )


@pytest.mark.slow
def test_a_run_is_sampled_by_chains_that_the_discriminator_drives(run):
    chains = {"method": "driven", "steps": "60", "step_size": "0.2"}
    found = _sampled(run, "_driven", chains)
    np.testing.assert_array_equal(_sampled(run, "_driven", chains, 20), found[:20])
    loaded = load_run(str(run), None, {f"sampling.{n}": text for n, text in chains.items()}, "sample")
    experiment, state = loaded.experiment, loaded.state
    judge = lambda samples: discriminate(experiment.discriminator, state, jnp.asarray(samples)).mean()  # noqa: E731
    draw = sampler(experiment)(state, jax.random.key(3), 1_500)
    plain = sample(experiment.generator, state, jax.random.key(3), 1_500, latent=experiment.latent)
    assert judge(draw.values) > judge(plain) + 0.01 and 0.5 < draw.facts["accepted"] <= 1


@pytest.mark.slow
def test_samples_of_moved_latents_are_what_the_players_saw():
    config = ring.get_config()
    config.generator.widths, config.discriminator.widths, config.batch_size = (8,), (8,), 64
    config.sampling.method, config.latent_optimization.step = "optimized", 0.9
    experiment = build(config, DataFacts((2,), 100))
    state, key = experiment.initial_state(0), jax.random.key(1)
    found = sampler(experiment)(state, key, 5)
    # By hand: Δz = .9·g/(5 + |g|²), g the gradient of each logit in its own latent.
    z = experiment.latent.sample(jax.random.fold_in(key, 0), 5)
    logit = lambda z: discriminate(experiment.discriminator, state, generate(experiment.generator, state, z[None]))[0]  # noqa: E731
    g = np.asarray(jax.vmap(jax.grad(logit))(z))
    moved = z + 0.9 * g / (5 + np.square(g).sum(1, keepdims=True))
    np.testing.assert_allclose(found.values, generate(experiment.generator, state, moved), rtol=1e-5, atol=1e-6)
    # With a schedule it is the step's own α: .9 at step 0, and .1 after 10 steps of 64 examples.
    config.schedules = "latent_optimization.step=linear(.1, 640)"
    scheduled = build(config, DataFacts((2,), 100))
    np.testing.assert_allclose(sampler(scheduled)(state, key, 5).values, found.values, rtol=1e-6, atol=1e-7)
    later = sampler(scheduled)(state.replace(step=state.step + 10), key, 5)
    moved = z + 0.1 * g / (5 + np.square(g).sum(1, keepdims=True))
    np.testing.assert_allclose(later.values, generate(experiment.generator, state, moved), rtol=1e-5, atol=1e-6)
    config.schedules = ""
    # Rejection, too, takes those as its candidates.
    config.sampling.method, config.sampling.burn_in = "rejection", 1_000
    by_rejection = sampler(build(config, DataFacts((2,), 100)))(state, key, 50)
    first, _ = jax.random.split(jax.random.fold_in(jax.random.split(key)[1], 0))
    z = experiment.latent.sample(first, 1_000)
    g = np.asarray(jax.vmap(jax.grad(logit))(z))
    candidates = generate(experiment.generator, state, z + 0.9 * g / (5 + np.square(g).sum(1, keepdims=True)))
    distances = np.abs(by_rejection.values[:, None] - np.asarray(candidates)[None]).max(2)
    assert distances.min(1).max() < 1e-5


@pytest.mark.slow
def test_a_run_is_evaluated_by_the_samples_asked_for(run, capsys):
    options = {"evaluation.metrics": "modes,sliced_wasserstein"}
    for way in ({"sampling.method": "plain"}, {"sampling.method": "rejection", "sampling.burn_in": "1000"}):
        runs.run("evaluate", None, options | way, str(run), {})
    reports = {
        name: json.loads((run / "evaluation" / f"step_00000060_seed_0{name}.json").read_text())
        for name in ("", "_rejection")
    }
    assert (reports[""]["sampling"], reports[""]["sampled"]) == ({"method": "plain"}, {})
    assert reports["_rejection"]["sampling"]["burn_in"] == 1_000 and reports["_rejection"]["sampled"]["accepted"] < 1
    values = [[score["value"] for score in report["scores"]] for report in reports.values()]
    assert values[0] != values[1]
    assert (
        "sampling rejection, " in capsys.readouterr().out
        and "sampling rejection, " in (run / "report.html").read_text()
    )


@pytest.mark.medium
@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            {"steps": "70"},
            r"steps cannot be changed of a run that is trained; --mode=sample may set fields of dataset, sampling",
        ),
        ({"sampling.methd": "driven"}, "sampling.methd is not a field; did you mean sampling.method"),
        (
            {"sampling.method": "driving"},
            "'driving' is none of driven, optimized, plain, rejection; did you mean driven",
        ),
        ({"sampling.burn_in": "1000"}, "sampling.burn_in has no effect with sampling.method=plain"),
    ],
)
def test_what_cannot_be_set_for_samples(run, overrides, said):
    with pytest.raises(UsageError, match=said):
        runs.run("sample", None, overrides, str(run), {})


@pytest.mark.medium
def test_a_training_goes_on_where_its_samples_cannot_be_drawn(tmp_path, monkeypatch, capsys):
    def hopeless(experiment):
        def samples(state, key, count):
            raise NoSamplesError("none", "0 of 100,000 candidates were accepted", "take another way")

        return samples

    monkeypatch.setattr(evaluation_module, "sampler", hopeless)
    train(tmp_path, steps=20, evaluation__every=20, evaluation__metrics="modes", sampling__method="rejection")
    assert "not evaluated: none; 0 of 100,000 candidates" in capsys.readouterr().err
    assert not (tmp_path / "evaluation").exists()
