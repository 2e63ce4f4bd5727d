"""Configs: every problem in one message, nothing touched before, and the parts that come out."""

import functools
import inspect
import json
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

import jaxgan
from configs import cifar10, cifar10_dense, default, mnist, tfd
from jaxgan import runs
from jaxgan.config import DataFacts, build, check, command_line, complete, problems_of, schema, unread, values
from jaxgan.config.build import minibatches_before, stacked_hyperparameters
from jaxgan.errors import UsageError
from jaxgan.evaluation import EVALUATORS
from jaxgan.networks import NETWORKS
from jaxgan.optimizers import OPTIMIZERS
from jaxgan.runs.data import read_inputs
from jaxgan.runs.sweep import trials
from jaxgan.tables import ELSEWHERE, nearest

CONFIGS = sorted(str(path) for path in pathlib.Path("configs").glob("*.py"))


@pytest.mark.parametrize("path", CONFIGS)
@pytest.mark.parametrize("platform", ["", ":cpu", ":gpu", ":tpu"])
def test_every_config_passes_the_check(path, platform):
    config = command_line.load_config(path + platform)
    assert config["platform"] == platform.removeprefix(":")
    if config["dataset"]["name"] in ("idx", "images", "npz"):
        config["dataset"]["path"] = config["dataset"]["path"] or "somewhere"
    check(config)


def test_the_default_is_the_schema_as_a_text_with_a_comment_on_every_field():
    assert complete({}) == default.get_config().to_dict()
    lines = pathlib.Path("configs/default.py").read_text().splitlines()
    assignments = [line for line in lines if " = " in line and "ConfigDict()" not in line and "_network()" not in line]
    explained = {line.split(" = ")[0].split(".")[-1].strip() for line in assignments if "#" in line}
    plain = {"batch_size", "dim", "seed", "learning_rate", "checkpoint_every"}  # named whole, explained by their name
    assert {name.split(".")[-1] for name in schema.rows({})} - explained - plain == set()


def test_all_problems_come_in_one_message_with_the_nearest_names():
    config = ConfigDict(default.get_config())
    config.loss = "nonsaturating"
    config.discriminator_steps = 0
    config.generator_stpes = 3
    config.generator.widths = (0, 5)
    config.average_decay = 1.0
    with pytest.raises(UsageError) as error:
        check(config.to_dict(), [values.Problem("log_evry", "log_evry is not a field; did you mean log_every?")])
    message = str(error.value)
    assert "\n" not in message
    for part in (
        "6 problems",
        "log_evry",
        "'nonsaturating' is none of f_jensen_shannon, f_kl, f_pearson, ",
        "relativistic_paired, wasserstein; did you mean non_saturating?",
        "discriminator_steps: 0 is below 1",
        "generator_stpes is not a field; did you mean generator_steps",
        "generator.widths: (0, 5)",
        "average_decay: 1.0 does not lie in [0, 1)",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"generator.output": "tanh"}, "goes with dataset.range symmetric"),
        ({"dataset.name": "idx"}, "dataset.path is empty"),
        ({"dataset.name": "celeba"}, "; a folder or zip file of pictures is images, arrays of your own"),
        ({"dataset.name": "images", "dataset.resize": "cut"}, "'cut' is none of crop, pad, stretch"),
        ({"discriminator.output": "sigmoid"}, "logit"),
        ({"discriminator.activation": "relu,relu,relu"}, "3 activations for 2"),
        ({"generator_optimizer.rate_floor": 1.0}, "rate_floor is above"),
        ({"batch_size": True}, "True is not a whole number"),
        ({"steps": 10.0}, "10.0 is not a whole number"),
        ({"generator_optimizer.learning_rate": float("nan")}, "nan does not lie in"),
        ({"generator_optimizer.learning_rate": float("inf")}, "inf does not lie in"),
        ({"generator.activation": "relu,rellu"}, "'rellu' is none of"),
        ({"alarms.patience": 0, "alarms.stop": "lost_modes"}, "alarms.patience 0 turns all alarms off"),
        ({"alarms.stop": "lost_mode"}, "'lost_mode' is none of discriminator_wins"),
        (
            {"alarms.stop": ("discriminator_wins",), "loss": "wasserstein"},
            "alarms.stop discriminator_wins: D has no acc",
        ),
        ({"alarms.d_accuracy": 0.9, "loss": "relativistic_paired"}, "alarms.d_accuracy: D has no accuracy with loss"),
        (
            {"coordination.accuracy_limit": 0.8, "loss": "relativistic_average"},
            "coordination.accuracy_limit 0.8: D has",
        ),
        ({"coordination.accuracy_limit": 0.8, "real_label": 0.5}, "coordination.accuracy_limit 0.8: D has no accuracy"),
        ({"population.halvings": 2**63 - 1}, "population.halvings: 9223372036854775807 is above 14"),
        ({"steps": 10**5_000}, "steps: a number of 16610 bits, and 63 are the most"),
        ({"average_decay": -(10**400)}, "average_decay: a number of 1329 bits"),
        ({"schedules": "a=b;" * 200}, "schedules: it names 200 fields, and 100 are the most"),
        ({"loss": "x" * 100_000}, "…(99,702 letters)…"),
        ({"latent": 3}, "latent is a section"),
        ({"discriminator.layer_scales": "1,2"}, "discriminator.layer_scales names 2 for 3 layers"),
        ({"generator.layer_biases": "0,-1,0"}, "generator.layer_biases names 3 for 2 layers"),
        ({"generator.layer_scales": "1,a"}, "'1,a' is not a tuple of numbers"),
        ({"discriminator.network": "maxout", "discriminator.initializer": "uniform,normal"}, "only mlp takes one for"),
        (
            {"discriminator.network": "maxout", "discriminator.normalization": "batch"},
            "maxout has none; set it to auto",
        ),
        ({"sampling.method": "rejection", "loss": "hinge"}, "D's logit is not log p_d/p_g; with f_jensen_shannon"),
        ({"sampling.method": "rejection", "condition": "labels"}, "not of conditional runs yet"),
        ({"sampling.method": "driven", "real_label": 0.9}, "with smoothed labels, real_label 0.9"),
        ({"sampling.method": "driven", "packing": 2}, "D judges several examples at once"),
        ({"sampling.method": "rejection", "discriminator.minibatch": "deviation"}, "D judges several examples at once"),
        (
            {"sampling.method": "driven", "latent.name": "mixture"},
            "latent.name mixture is not a function of a normal one",
        ),
        ({"sampling.method": "optimized"}, "latent_optimization.step is 0, so the run moves no latents"),
        (
            {"sampling.method": "driven", "latent_optimization.step": 0.9},
            "D judges what latent_optimization makes of the prior",
        ),
        ({"sampling.truncation": 0.0}, "0.0 does not lie in (0, 1]"),
        (
            {"sampling.truncation": 0.5, "latent.name": "sphere"},
            "sampling.truncation 0.5: latent.name sphere has no part that is likelier than the rest; leave it at 1",
        ),
        ({"logging.writers": ("tensorbord",)}, "did you mean tensorboard"),
        ({"sampling.percentile": 100.0}, "100.0 does not lie in [0, 100)"),
        ({"latent.name": "categorical", "latent.dim": 5}, "needs dim for both, got dim=5"),
        ({"consensus": 0.1, "unrolled_steps": 2}, "consensus and unrolled_steps cannot be together"),
        ({"extragradient": True, "unrolled_steps": 2}, "extragradient and unrolled_steps cannot be together"),
        ({"extragradient": True, "discriminator_steps": 5}, "discriminator_steps and generator_steps are (5, 1)"),
        ({"extragradient": True, "coordination.accuracy_limit": 0.8}, "leave coordination as it is by default"),
        ({"extragradient": 1}, "1 is not true or false"),
        ({"updates": "simultaneous", "extragradient": True}, "simultaneous and extragradient cannot be together"),
        ({"updates": "simultaneous", "generator_steps": 2}, "moves the generator once: generator_steps is 2"),
        ({"updates": "both"}, "'both' is none of alternating, simultaneous"),
        ({"consensus": -0.1}, "consensus: -0.1"),
        ({"generator.normalization": "spectre"}, "'spectre' is none of auto, batch"),
        ({"condition": "label"}, "'label' is none of labels, none, vectors; did you mean labels?"),
        (
            {"generator.conditioning": "normalization"},
            "generator.conditioning normalization needs a condition; set cond",
        ),
        (
            {"condition": "labels", "discriminator.conditioning": "projection", "discriminator.conditional": False},
            "discriminator.conditioning projection is of networks that see the condition; set discriminator.condi",
        ),
        (
            {"condition": "labels", "discriminator.network": "maxout", "discriminator.conditioning": "projection"},
            "discriminator.conditioning projection: maxout takes a condition in one way only; set it to auto",
        ),
        (
            {"condition": "labels", "generator.conditioning": "projection"},
            "no conditioning 'projection' in a mlp generator; one of concatenation, normalization",
        ),
        ({"discriminator.network": "maxout", "discriminator.class_logits": 3}, "class_logits: maxout has none; set it"),
        ({"terms.feature_matching": 1.0}, "terms.feature_matching needs discriminator.features=True"),
        ({"terms.feature_match": 1.0}, "terms.feature_match is not a field; did you mean terms.feature_matching or"),
        ({"terms.mutual_information": 1.0}, "latent.name uniform has none; set categorical"),
        ({"terms.mutual_information": 1.0, "latent.name": "categorical"}, "discriminator.class_logits=12 or 14"),
        ({"terms.auxiliary_classifier": 1.0}, "terms.auxiliary_classifier needs condition=labels"),
        ({"terms.auxiliary_classifier": 1.0}, "needs discriminator.class_logits, as many as there are classes"),
        ({"terms.auxiliary_classifier": 1.0}, "needs discriminator.conditional=False"),
        ({"terms.auxiliary_classifier": 1.0, "packing": 2}, "terms.auxiliary_classifier is of single examples"),
        ({"terms.adversarial": 0.0}, "terms.adversarial 0 leaves the generator no loss"),
        ({"terms.adversarial": -1.0}, "terms.adversarial: -1.0 does not lie in [0, inf)"),
        (
            {"schedules": "penalties.r3=linear(1,2)"},
            "schedules: penalties.r3 is not a field; did you mean penalties.r2 or penalties.r1?",
        ),
        (
            {"schedules": "penalties.r1=linar(1,2)"},
            "'linar' is none of cosine, exponential, linear; did you mean linear?",
        ),
        ({"schedules": "penalties.r1=linear(1)"}, "needs two numbers, the last value and after how many examples"),
        ({"schedules": "penalties.r1"}, "schedules: 'penalties.r1' is not FIELD=SHAPE(LAST, EXAMPLES)"),
        ({"schedules": "penalties.r1=linear(1,0)"}, "ends after 0 examples"),
        ({"schedules": "penalties.r1=linear(-1,9)"}, "schedules: penalties.r1: -1.0 does not lie in [0, inf)"),
        ({"schedules": "penalties.r1=linear(1,9); penalties.r1=linear(2,9)"}, "penalties.r1 has two schedules"),
        ({"schedules": "penalties.r1=exponential(1,9)"}, "exponential needs both ends above 0, not 0.0, 1.0"),
        ({"schedules": "batch_size=linear(1,9)"}, "batch_size is not a number that may change in a run"),
        ({"schedules": "penalties.dragan_spread=linear(1,9)"}, "dragan_spread has no effect with penalties.dragan=0.0"),
        ({"schedules": "augmentation.probability=linear(1,9)"}, "has no effect with augmentation.names=nothing"),
        (
            {
                "schedules": "augmentation.probability=linear(1,9)",
                "augmentation.names": "noise",
                "augmentation.adaptive_target": 0.6,
            },
            "augmentation.probability follows D with augmentation.adaptive_target",
        ),
        (
            {
                "schedules": "generator_optimizer.b1=linear(.5,9)",
                "generator_optimizer.momentum_schedule": "linear",
            },
            "generator_optimizer.b1 is not a number that may change",
        ),
        ({"generator_batches": 1, "extragradient": True}, "on one minibatch: set generator_batches to 0"),
        (
            {"condition": "labels", "generated_labels": "uniform", "penalties.r1": 1.0},
            "generated_labels uniform: penalties.r1 judges all points under the data's labels",
        ),
        ({"average_decay": 0.9, "average_half_life": 100.0}, "average_half_life and average_decay are two names of"),
        (
            {"average_debias": True, "average_decay": 0.9, "schedules": "average_decay=linear(.99,9)"},
            "average_debias is of a decay that stays the same",
        ),
        # 0 is not a limit, and a limit of 0 lets nothing through.
        (
            {"schedules": "discriminator_optimizer.clip_weights=linear(.5,9)"},
            "clip_weights: 0 is not a limit, so both ends must be above 0, not 0.0 and 0.5",
        ),
        (
            {
                "schedules": "generator_optimizer.max_column_norm=cosine(0,9)",
                "generator_optimizer.max_column_norm": 2.0,
            },
            "max_column_norm: 0 is not a limit, so both ends must be above 0, not 2.0 and 0.0",
        ),
        (
            {"schedules": "latent_optimization.damping=linear(0,9)", "latent_optimization.step": 0.9},
            "damping: 0 is not a limit",
        ),
        # A number with a schedule is in use, as one that is not 0.
        (
            {"schedules": "consensus=linear(.1,9)", "unrolled_steps": 2},
            "consensus and unrolled_steps cannot be together",
        ),
        ({"schedules": "terms.feature_matching=linear(1,9)"}, "feature_matching needs discriminator.features=True"),
        ({"schedules": "terms.mutual_information=linear(1,9)"}, "latent.name uniform has none; set categorical"),
        (
            {
                "schedules": "latent_optimization.step=linear(.9,9)",
                "sampling.method": "driven",
            },
            "D judges what latent_optimization makes of the prior",
        ),
        (
            {
                "schedules": "generator_optimizer.clip_norm=linear(1,9)",
                "generator_optimizer.clip_norm": 2.0,
                "task": "inference",
                "inference.method": "joint_regressor",
            },
            "would let the encoder of inference.method=joint_regressor slow the generator",
        ),
        (
            {
                "schedules": "generator_optimizer.learning_rate=linear(1e-5,9)",
                "generator_optimizer.rate_schedule": "linear",
            },
            "generator_optimizer.learning_rate is not a number that may change in a run with "
            "generator_optimizer.rate_schedule=linear",
        ),
        (
            {
                "discriminator_steps": 5,
                "coordination.initial_steps": 1,
                "generator_optimizer.name": "sgd",
                "generator_optimizer.momentum_schedule": "linear",
            },
            "generator_optimizer.momentum_schedule is by epochs",
        ),
        ({"coordination.accuracy_limit": 0.8, "real_label": 0.5}, "no accuracy with real_label 0.5"),
    ],
)
def test_problems(change, said):
    plain = _changed(change)
    with pytest.raises(UsageError) as error:
        check(plain)
    assert said in str(error.value) and len(str(error.value)) < 13_000


@pytest.mark.medium
@pytest.mark.parametrize(
    "text",
    ["0x" + "f" * 5_000, "1" * 400, "9" * 100_000, "(" * 90_000, "-" * 90_000 + "1", "x" * 90_000, "1e999", "\0"],
)
@pytest.mark.parametrize("field", ["steps", "average_decay", "generator.widths", "discriminator.layer_scales", "loss"])
def test_texts_that_no_field_takes_are_a_problem(text, field):
    config = complete({})
    with pytest.raises(UsageError) as error:
        check(config, command_line.override(config, {field: text}))
    assert str(error.value).isprintable() and len(str(error.value)) < 1_000


@pytest.mark.parametrize(
    "change",
    [
        {"average_debias": True, "average_half_life": 1000.0},
        {"schedules": "latent_optimization.step=linear(.9,9)", "sampling.method": "optimized"},
        {
            "schedules": "terms.feature_matching=linear(1,9)",
            "terms.adversarial": 0.0,
            "discriminator.features": True,
        },
        {"schedules": "generator_optimizer.clip_norm=linear(1,9)", "generator_optimizer.clip_norm": 2.0},
    ],
)
def test_no_problems(change):
    check(_changed(change))


def _changed(change):
    plain = default.get_config().to_dict()
    for name, value in change.items():
        *parents, field = name.split(".")
        section = plain
        for parent in parents:
            section = section[parent]
        section[field] = value
    return plain


def test_field_and_cross_problems_come_together():
    config = default.get_config()
    config.loss, config.discriminator.output, config.generator.network = "bad", "sigmoid", "maxout"
    with pytest.raises(UsageError) as error:
        check(config)
    message = str(error.value)
    assert "3 problems" in message and "'bad'" in message and "logit" in message and "maxout has a linear" in message


def test_a_config_is_completed_and_its_lists_and_texts_are_tuples():
    config = complete({"generator": {"widths": [3, 4], "activation": "relu,tanh"}, "latent": {"name": "sphere"}})
    assert config["generator"]["widths"] == (3, 4) and config["generator"]["activation"] == ("relu", "tanh")
    assert config["generator"]["normalization"] == "auto" and config["latent"] == complete({})["latent"] | {
        "name": "sphere"
    }
    assert complete(config) == config and complete(json.loads(json.dumps(config))) == config
    assert [problem.field for problem in problems_of({"latent": 3, "kk": 1})] == ["latent", "kk"]


def test_a_check_between_fields_sees_only_fields_that_are_right():
    # alarms.stop is wrong by itself, so nothing is said of it beside alarms.patience 0; the other checks all run.
    config = complete({"alarms": {"stop": ("nothing",), "patience": 0}, "coordination": {"initial_steps": 2}})
    assert [problem.field for problem in problems_of(config)] == ["alarms.stop", "coordination.initial_steps"]


@pytest.mark.medium
def test_a_discriminators_rate_ends_with_the_run_though_k_follows_a_schedule():
    # k = 1 of 5 in steps 0 to 9: 10 updates of D, at whose end its rate is the floor.
    config = default.get_config()
    config.steps, config.discriminator_steps = 10, 5
    config.coordination.initial_steps = config.coordination.final_steps = 1
    section = config.discriminator_optimizer
    section.name, section.rate_schedule, section.learning_rate, section.rate_floor = "sgd", "linear", 1.0, 0.25
    tx = build(config, DataFacts((4,), 640)).options["discriminator_tx"]
    params, updates = {"w": jnp.zeros(())}, []
    state = tx.init(params)
    for _ in range(11):
        update, state = tx.update({"w": jnp.ones(())}, state, params)
        updates.append(float(update["w"]))
    np.testing.assert_allclose(updates, -np.linspace(1, 0.25, 11), rtol=1e-6)
    # A schedule of k from 1 to 5 over 4 steps: k = 1, 2, 3, 4, then 5.
    config.coordination.final_steps, config.coordination.over = 5, 4
    assert [int(minibatches_before(config.to_dict(), step)) for step in (0, 1, 4, 5, 10)] == [0, 1, 10, 15, 40]


@pytest.mark.medium
def test_a_config_chooses_every_part_of_its_networks():
    config = default.get_config()
    config.batch_size = 5
    config.generator.widths, config.generator.network, config.generator.normalization = (4, 3), "dcgan", "virtual"
    config.discriminator.widths, config.discriminator.normalization = (4,), "spectral"
    config.discriminator.minibatch, config.discriminator.features = "discrimination", True
    check(config)
    experiment = build(config, DataFacts((8, 8, 1), 10))
    state = experiment.abstract_state()
    assert state.generator.model_state["reference"]["inputs"].shape == (5, 100)
    assert state.discriminator.model_state["spectral"]["Dense_1"]["u"].shape == (1,)
    assert state.discriminator.params["Dense_1"]["kernel"].shape == (4 + 100, 1)
    images = np.zeros((2, 8, 8, 1), np.float32)
    judge = lambda player: experiment.discriminator.apply(player.variables, images)[0]  # noqa: E731
    assert jax.eval_shape(judge, state.discriminator).features.shape == (2, 4)
    # "auto" is what each network had before there was a choice.
    config.generator.normalization = config.discriminator.normalization = "auto"
    state = build(config, DataFacts((8, 8, 1), 10)).abstract_state()
    assert set(state.generator.model_state) == {"batch_stats"} and not state.discriminator.model_state
    config.discriminator.normalization = "instance"
    with pytest.raises(UsageError, match="no normalization 'instance' in a mlp discriminator"):
        build(config, DataFacts((8, 8, 1), 10))


def test_every_argument_of_the_step_comes_from_the_config():
    experiment = build(complete(default.get_config()), DataFacts((4,), 10))
    elsewhere = {"generator", "discriminator", "latent", "axis_name"}
    assert set(experiment.options) == set(inspect.signature(jaxgan.make_train_step).parameters) - elsewhere


def test_weights_of_terms_are_numbers_of_the_step():
    config = default.get_config()
    assert not [name for name in schema.traced(complete(config)) if name.startswith("terms")]
    config.terms.feature_matching, config.discriminator.features, config.terms.adversarial = 0.5, True, 0.25
    check(config)
    assert {"terms.feature_matching", "terms.adversarial"} < set(schema.traced(complete(config)))
    experiment = build(config, DataFacts((4,), 10))
    assert len(experiment.options["terms"]) == 1
    # softplus(0) = log 2, a quarter of it
    np.testing.assert_allclose(experiment.options["loss"].generator(np.zeros(3), np.zeros(3)), np.log(2) / 4, rtol=1e-6)


@pytest.mark.medium
def test_mnist_is_the_papers_experiment():
    config = mnist.get_config()
    config.dataset.path = "somewhere"
    experiment = build(config, DataFacts((28, 28, 1), 50_000, np.full((28, 28, 1), 0.13, np.float32)))
    state = experiment.abstract_state()
    shapes = {name: layer["kernel"].shape for name, layer in state.generator.params.items()}
    assert shapes == {"Dense_0": (100, 1200), "Dense_1": (1200, 1200), "Dense_2": (1200, 784)}
    shapes = {name: layer["kernel"].shape for name, layer in state.discriminator.params.items()}
    assert shapes == {"Dense_0": (784, 1200), "Dense_1": (240, 1200), "Dense_2": (240, 1)}
    assert (experiment.options["discriminator_steps"], config.batch_size, config.steps) == (1, 100, 250 * 500)
    # One update by hand: the rate of update 0 is .1, and momentum has nothing to carry yet.
    params = {"w": np.float32(1.0)}
    updates, opt_state = experiment.options["generator_tx"].update(
        {"w": np.float32(2.0)}, experiment.options["generator_tx"].init(params), params
    )
    np.testing.assert_allclose(updates["w"], -0.2, rtol=1e-6)
    updates, _ = experiment.options["generator_tx"].update({"w": np.float32(0.0)}, opt_state, params)
    np.testing.assert_allclose(updates["w"], -0.1, rtol=1e-6)  # momentum .5 of -0.2


@pytest.mark.parametrize(
    ("module", "shape", "rate"),
    [(mnist, (28, 28, 1), 0.1), (tfd, (48, 48, 1), 0.05), (cifar10, (32, 32, 3), 0.004)]
    + [(cifar10_dense, (32, 32, 3), 0.025)],
)
def test_the_papers_discriminators_have_half_the_rate_since_their_loss_is_not_halved(module, shape, rate):
    config = module.get_config()
    config.dataset.path = "somewhere"
    experiment = build(config, DataFacts(shape, 50_000, np.full(shape, 0.5, np.float32)))

    @functools.partial(jax.jit, static_argnums=0)
    def update(player, numbers, count):
        """What a gradient of 1 changes after `count` updates; a run's numbers are arguments of its program."""
        tx, ones = experiment.step_options(numbers)[f"{player}_tx"], {"w": jnp.ones((1, 1))}
        state = jax.tree.map(lambda leaf: count if leaf.dtype == jnp.int32 else leaf, tx.init(ones))
        return tx.update(ones, state, ones)[0]["w"].sum()

    numbers = jax.tree.map(lambda leaf: leaf[0], stacked_hyperparameters([schema.complete(config)]))
    for player, share in (("generator", 1), ("discriminator", 1 / 2)):
        np.testing.assert_allclose(update(player, numbers, 0), -share * rate, rtol=1e-6)
        # In single precision 1.000004 is 1.00000405, by which this would be .7 % less.
        decayed = share * rate / 1.000004**125_000
        np.testing.assert_allclose(update(player, numbers, 125_000), -decayed, rtol=1e-5)
        # Norms are limited in both of TFD's players.
        assert config[f"{player}_optimizer"].max_column_norm == (1.9365 if module is tfd else 0)


def test_epochs_of_the_momentum_count_each_players_own_updates():
    config = mnist.get_config()
    config.dataset.path, config.discriminator_steps = "somewhere", 5
    experiment = build(config, DataFacts((28, 28, 1), 50_000, None))
    params = {"w": np.float32(0.0)}

    def momentum_after(tx, updates):
        state = tx.init(params)
        set_count = jax.tree.map(lambda leaf: np.int32(updates) if leaf.dtype == np.int32 else leaf, state)
        _, state = tx.update({"w": np.float32(1.0)}, set_count, params)
        return float(state[1].hyperparams["decay"])

    # An epoch is 500 minibatches: 500 discriminator updates, 100 generator updates.
    second = 0.5 + 0.2 / 249
    np.testing.assert_allclose(momentum_after(experiment.options["discriminator_tx"], 499), 0.5, rtol=1e-6)
    np.testing.assert_allclose(momentum_after(experiment.options["discriminator_tx"], 500), second, rtol=1e-6)
    np.testing.assert_allclose(momentum_after(experiment.options["generator_tx"], 99), 0.5, rtol=1e-6)
    np.testing.assert_allclose(momentum_after(experiment.options["generator_tx"], 100), second, rtol=1e-6)


@pytest.mark.slow
def test_consensus_and_extragradient_reach_the_step():
    config = default.get_config()
    config.consensus = 0.25
    experiment = build(config, DataFacts((2,), 640))
    assert (experiment.options["consensus"], experiment.options["extragradient"]) == (0.25, False)
    assert build(config, DataFacts((2,), 640)).hyperparameters["consensus"] == 0.25
    config.consensus, config.extragradient, config.steps = 0.0, True, 100
    config.generator_optimizer.update({"rate_schedule": "linear", "learning_rate": 0.5, "name": "sgd"})
    assert "consensus" not in build(config, DataFacts((2,), 640)).hyperparameters
    experiment = build(config, DataFacts((2,), 640))
    assert (experiment.options["consensus"], experiment.options["extragradient"]) == (None, True)
    # An optimizer counts two gradients a step: 100 of 200 is half the way down.
    tx, ones = experiment.options["generator_tx"], {"w": np.float32(1.0)}
    halfway = jax.tree.map(lambda leaf: np.int32(100) if leaf.dtype == np.int32 else leaf, tx.init(ones))
    np.testing.assert_allclose(tx.update(ones, halfway, ones)[0]["w"], -0.25, rtol=1e-6)
    state = experiment.initial_state(0)
    after, metrics = jax.jit(experiment.train_step())(state, {"real": np.ones((1, 8, 2), np.float32)})
    assert np.isfinite(metrics["d_loss"]) and int(after.step) == 1


@pytest.mark.medium
def test_every_network_gets_only_what_it_takes():
    for name in jaxgan.NETWORKS:
        config = default.get_config()
        widths = (6, 6) if name in ("r3gan", "stylegan2") else (6,)
        config.discriminator.network, config.discriminator.widths = name, widths
        check(config)
        assert build(config, DataFacts((8, 8, 1), 100, None)).abstract_state().step.shape == ()


def test_networks_that_do_not_suit_the_data():
    config = default.get_config()
    config.discriminator.network = "dcgan"
    with pytest.raises(UsageError, match=r"needs images \[height, width, channels\], and examples are \(2,\)"):
        build(config, DataFacts((2,), 100, None)).initial_state(0)
    config.generator.network = "dcgan"
    with pytest.raises(UsageError, match=r"generator.network=dcgan does not suit the data; .*divide by 4"):
        build(config, DataFacts((30, 28, 1), 100, None))


def test_overrides_keep_the_types_and_name_what_is_wrong():
    config = complete({})
    good = {
        "batch_size": "1_28",
        "steps": "1e5",
        "average_decay": "0",
        "generator.widths": "(7,)",
        "discriminator.widths": "[3, 4]",
        "loss": "minimax",
        "generator.activation": "relu,tanh",
        "generator.layer_scales": "1,.5",
        "alarms.stop": "",
    }
    assert command_line.override(config, good) == []
    found = {name: schema.value_of(config, name) for name in good}
    assert found == {
        "batch_size": 128,
        "steps": 100_000,
        "average_decay": 0.0,
        "generator.widths": (7,),
        "discriminator.widths": (3, 4),
        "loss": "minimax",
        "generator.activation": ("relu", "tanh"),
        "generator.layer_scales": (1.0, 0.5),
        "alarms.stop": (),
    }
    bad = {
        "kk": "3",
        "generator.widthss": "(3,)",
        "learning_rate": "3",
        "batch_size": "many",
        "latent": "5",
        "ltent.dim": "3",
    }
    problems = [str(problem) for problem in command_line.override(config, bad)]
    assert len(problems) == len(bad)
    assert "generator.widthss is not a field; did you mean generator.widths or generator.width?" in problems[1]
    assert "generator_optimizer.learning_rate" in problems[2]
    assert "'many' is not a whole number" in problems[3]
    assert "latent is a section" in problems[4]
    assert "ltent is not a section; did you mean latent?" in problems[5]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("lr", "discriminator_optimizer.learning_rate or generator_optimizer.learning_rate"),
        ("generator_optimizer.lr", "generator_optimizer.learning_rate"),
        ("generator_optimizer.learning_rat", "generator_optimizer.learning_rate"),
        ("latent_dim", "latent.dim"),
        ("epochs", "steps"),
    ],
)
def test_what_other_libraries_call_a_field_is_understood(name, meant):
    (problem,) = command_line.override(complete({}), {name: "1"})
    assert str(problem) == f"{name} is not a field; did you mean {meant}?"


def test_other_libraries_names_are_of_fields_and_tables_that_are_there():
    known = {part for path in schema.rows({}) for part in path.split(".")}
    for row in schema.rows({}).values():
        known |= set(filter(None, row.spec.field.choices or ()))
    known |= set(trials.DRAWS)
    assert {name for names in ELSEWHERE.values() for name in names} <= known
    assert nearest("FID", EVALUATORS) == "; did you mean frechet?"


@pytest.mark.parametrize(
    ("changes", "names", "why"),
    [
        ({"discriminator.network": "dcgan"}, {"discriminator.pieces": 4}, "discriminator.network=dcgan"),
        ({"generator.network": "maxout"}, {"generator.normalization": "batch"}, "generator.network=maxout"),
        ({}, {"inference.noise": 0.5}, "task=none"),
        ({"generator_optimizer.name": "sgd"}, {"generator_optimizer.b1": 0.9}, "generator_optimizer.name=sgd"),
        ({}, {"discriminator_optimizer.momentum": 0.9}, "discriminator_optimizer.name=adam"),
        ({}, {"generator_optimizer.rate_floor": 1e-6}, "generator_optimizer.rate_schedule=constant"),
        ({}, {"generator_optimizer.momentum_final": 0.7}, "generator_optimizer.momentum_schedule=constant"),
        ({}, {"latent.components": 8}, "latent.name=uniform"),
        ({"latent.name": "categorical"}, {"latent.spread": 2.0}, "latent.name=categorical"),
        ({"latent.name": "fixed_mixture"}, {"latent.learn_deviation": False}, "latent.name=fixed_mixture"),
        ({"generator_optimizer.name": "mine"}, {"generator_optimizer.momentum": 0.5}, "generator_optimizer.name=mine"),
        ({}, {"latent_optimization.damping": 1.0}, "latent_optimization.step=0.0"),
        ({}, {"augmentation.probability": 0.5}, "augmentation.names=nothing"),
        ({"augmentation.adaptive_target": 0.6}, {"augmentation.adaptive_speed": 0.5}, "augmentation.names=nothing"),
        ({"augmentation.names": "noise"}, {"augmentation.adaptive_speed": 0.5}, "augmentation.adaptive_target=0.0"),
        ({"sampling.method": "rejection"}, {"sampling.step_size": 0.1}, "sampling.method=rejection"),
        # Read: by the network, the task, the optimizer, the schedule; choices themselves; what no network takes itself.
        ({"discriminator.network": "maxout"}, {"discriminator.pieces": 4, "discriminator.conditional": False}, ""),
        ({"task": "inference"}, {"inference.noise": 0.5, "generator.output_bias": "zero", "steps": 7}, ""),
        ({"generator_optimizer.name": "sgd"}, {"generator_optimizer.momentum": 0.5, "latent.dim": 3}, ""),
        ({"generator_optimizer.rate_schedule": "cosine"}, {"generator_optimizer.rate_floor": 1e-6}, ""),
        ({"latent.name": "mixture"}, {"latent.spread": 2.0, "latent.learn_deviation": False}, ""),
        ({"latent_optimization.step": 0.9}, {"latent_optimization.damping": 1.0, "sampling.method": "rejection"}, ""),
        ({"augmentation.names": "noise"}, {"augmentation.probability": 0.5}, ""),
        ({"sampling.method": "driven"}, {"sampling.step_size": 0.1}, ""),
        ({}, {"logging.wandb_project": "mine"}, "logging.writers=tensorboard"),
        ({"logging.writers": ("tensorboard", "wandb")}, {"logging.wandb_project": "mine"}, ""),
        ({"generator.network": "mine"}, {"generator.widths": (3,)}, ""),
        # Values that say that something is not there.
        ({"generator.network": "maxout"}, {"generator.output": "linear", "generator.normalization": "auto"}, ""),
        ({}, {"discriminator_optimizer.momentum": 0.0, "discriminator_optimizer.rate_floor": 0.0}, ""),
        ({}, {"latent_optimization.cost": 0.0, "augmentation.adaptive_target": 0.0, "sampling.percentile": 0.0}, ""),
        ({}, {"inference.noise": 0.0, "inference.masking": 0.0, "semi_supervised.entropy": 0.0}, ""),
        ({}, {"semi_supervised.average_decay": 0.0, "latent.deviation_penalty": 0.0}, ""),
        # Choices that there are not, which are told of elsewhere.
        ({"generator.network": "resnett", "task": "inferenc"}, {"generator.attention": 8, "inference.noise": 0.5}, ""),
    ],
)
def test_a_field_that_nothing_reads_is_named_with_what_does_not_read_it(changes, names, why, monkeypatch):
    monkeypatch.setitem(NETWORKS, "mine", lambda widths: None)
    monkeypatch.setitem(OPTIMIZERS, "mine", lambda learning_rate: None)
    config = schema.replaced(complete({}), changes | names)
    found = [str(problem) for problem in unread(names, complete(config))]
    assert len(found) == bool(why)
    if why:
        assert found == [f"{next(iter(names))} has no effect with {why}"]


@pytest.mark.parametrize("network", ["maxout", "cifar10", "r3gan"])
def test_values_that_leave_a_part_out_are_never_unread(network):
    config = complete({"discriminator": {"network": network}})
    off = {name: row.spec.off[-1] for name, row in schema.rows(config).items() if row.spec.off}
    off = {
        name: value
        for name, value in off.items()
        if name.startswith("discriminator.") and name != "discriminator.network"
    }
    config = complete(schema.replaced(config, off))
    assert not unread(off, config) and not [p for p in problems_of(config) if p.field.startswith("discriminator.")]


def test_a_command_that_sets_what_nothing_reads_is_refused_but_not_of_a_run_that_was_begun(tmp_path):
    def problem(value, workdir):
        changes = {"semi_supervised.labelled": value, "batch_size": "0", "latnt.dim": "3"}
        with pytest.raises(UsageError) as caught:
            runs.run("train", "configs/ring.py", changes, str(workdir), {})
        assert "batch_size" in str(caught.value) and "latnt" in str(caught.value)
        return str(caught.value)

    assert "no effect" not in problem("100", tmp_path / "run")  # as it was
    assert "semi_supervised.labelled has no effect with task=none" in problem("50", tmp_path / "run")
    assert not (tmp_path / "run").exists()
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "config.json").write_text("{}")
    assert "no effect" not in problem("50", tmp_path / "begun")


def test_of_several_configs_one_has_to_read_a_field():
    def found(*pairs):
        configs = []
        for name, momentum in pairs:
            configs.append(complete({"generator_optimizer": {"name": name, "momentum": momentum}}))
        return unread(["generator_optimizer.momentum"], *configs)

    assert not found(("adam", 0.5), ("sgd", 0.5))
    assert not found(("adam", 0.0), ("adamw", 0.0))
    assert len(found(("adam", 0.0), ("adam", 0.5))) == 1  # one of them sets it
    both = str(found(("adam", 0.5), ("adamw", 0.5))[0])
    assert both.endswith("has no effect with generator_optimizer.name=adam or generator_optimizer.name=adamw")


def test_a_field_that_needs_one_of_several():
    def found(name, value, **others):
        return [str(problem) for problem in unread([name], complete(schema.replaced({name: value}, others)))]

    assert found("average_debias", True) == ["average_debias has no effect with average_decay and average_half_life=0"]
    assert not found("average_debias", True, average_decay=0.9) and not found(
        "average_debias", True, average_half_life=9
    )
    interval = schema.replaced({}, {"penalties.interval": 4})
    (problem,) = unread(["penalties.interval"], complete(interval))
    assert str(problem).startswith("penalties.interval has no effect with penalties.r1 and penalties.r2 and ")
    assert not unread(["penalties.interval"], complete(schema.replaced(interval, {"penalties.r2": 1.0})))
    moving = {"schedules": "penalties.r1=linear(1, 9)"}
    assert not unread(["penalties.interval"], complete(schema.replaced(interval, moving)))
    weights = schema.replaced({}, {"evaluation.inception_weights": "FILE.pth"})
    (problem,) = unread(["evaluation.inception_weights"], complete(weights))
    assert str(problem).endswith("has no effect with evaluation.features=auto")


@pytest.mark.medium
def test_a_sweep_refuses_what_none_of_its_settings_reads(tmp_path):
    def problem(workdir, **changes):
        changes = {name.replace("__", "."): value for name, value in changes.items()} | {"batch_size": "0"}
        with pytest.raises(UsageError) as caught:
            runs.run("sweep", "configs/ring.py", changes, str(workdir), {})
        assert "batch_size" in str(caught.value)
        return str(caught.value)

    grid = "generator_optimizer.name=adam,adamw"
    assert "no effect" not in problem(tmp_path, population__grid=grid)
    swept = problem(tmp_path, population__grid=f"{grid}; generator_optimizer.momentum=0,.5")
    assert "generator_optimizer.momentum has no effect with generator_optimizer.name=adam" in swept
    assert "no effect" in problem(tmp_path, population__grid=grid, generator_optimizer__momentum="0.5")
    read = problem(tmp_path, population__grid="generator_optimizer.name=adam,sgd", generator_optimizer__momentum="0.5")
    assert "no effect" not in read
    drawn = "generator_optimizer.name=choice(adam,sgd); generator_optimizer.momentum=uniform(0,.9)"
    assert "no effect" not in problem(tmp_path, population__random=drawn, population__draws="2")  # both are adam
    assert "no effect" not in problem(tmp_path, sampling__burn_in="64")  # for samples that are drawn later
    # A path is refused in a file's config too, but not if one of the datasets reads it.
    assert "no effect" not in problem(tmp_path, population__grid="dataset.name=digits,idx", dataset__path="there")
    assert "dataset.path has no effect with dataset.name=ring" in problem(tmp_path, dataset__path="there")
    # A name that is wrong is a problem by itself.
    assert "did you mean hinge" in problem(tmp_path, population__score="d_accuracy", loss="hingee")
    (tmp_path / "sweep.json").write_text("{}")
    assert "no effect" not in problem(tmp_path, population__grid=grid, generator_optimizer__momentum="0.5")


@pytest.mark.parametrize(
    ("location", "said"),
    [("configs/rin.py", "configs/ring.py"), ("configs/ring.py:cuda", ":gpu"), ("x/y.py", "no file")],
)
def test_a_config_file_that_is_not_there(location, said):
    with pytest.raises(UsageError, match=said):
        command_line.load_config(location)


def test_a_broken_config_file_is_one_line(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("def get_config():\n    return 1 / 0\n")
    with pytest.raises(UsageError, match="ZeroDivisionError"):
        command_line.load_config(str(path))
    path.write_text("def get_config():\n    return {}\n")
    with pytest.raises(UsageError, match="ConfigDict"):
        command_line.load_config(str(path))


def test_the_check_reads_no_data_and_configs_import_no_jax():
    script = "import sys; from configs import mnist; mnist.get_config(); assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
    config = ConfigDict(mnist.get_config())
    config.dataset.path = "/nowhere/at/all"
    check(config)


@pytest.mark.slow
def test_networks_start_from_the_runs_own_data():
    config = default.get_config()
    config.discriminator.normalization = "weight_from_data"
    inputs = read_inputs(complete(config))
    assert inputs.facts.first.shape == (500, 28, 28, 1) and inputs.facts.first.dtype == np.float32
    scales = [
        build(config, facts).initial_state(0).discriminator.params["Dense_0"]["scale"]
        for facts in (inputs.facts, inputs.facts._replace(first=None))
    ]
    # Without examples, as where a checkpoint is restored, there is nothing to start from.
    assert np.all(scales[1] == 1) and not np.any(scales[0] == 1)
    config.discriminator.output_bias = "data"
    assert any("weight_from_data starts biases" in str(problem) for problem in problems_of(config))
    config.generator.network, config.generator.normalization = "dcgan", "virtual"
    assert any("weight_from_data starts from more" in str(problem) for problem in problems_of(config))


CONFIG_FILE = """
from ml_collections import FrozenConfigDict, config_dict
from configs import ring

def get_config():
    config = ring.get_config()
    config.unlock()
    {}
    return {}
"""


@pytest.mark.parametrize("kind", ["placeholder", "required_placeholder"])
def test_an_empty_placeholder_is_a_problem_with_its_type_until_it_has_a_value(kind, tmp_path):
    path = tmp_path / "mine.py"
    line = f"config.batch_size = config_dict.{kind}(int); config.latent.dim = config_dict.{kind}(int)"
    path.write_text(CONFIG_FILE.format(line, "config"))
    config = command_line.load_config(str(path))
    assert sorted(str(problem) for problem in problems_of(config)) == [
        "batch_size is an empty placeholder (int); give it: --config.batch_size=VALUE",
        "latent.dim is an empty placeholder (int); give it: --config.latent.dim=VALUE",
    ]
    assert command_line.override(config, {"batch_size": "32", "latent.dim": "3"}) == []
    assert problems_of(config) == [] and (config["batch_size"], config["latent"]["dim"]) == (32, 3)


def test_references_frozen_configs_and_lists_are_their_values(tmp_path):
    path = tmp_path / "mine.py"
    line = "config.batch_size = 32; config.sample_count = config.get_ref('batch_size') * 2"
    path.write_text(CONFIG_FILE.format(line + "; config.generator.widths = (64, 64)", "FrozenConfigDict(config)"))
    frozen = command_line.load_config(str(path))
    assert frozen["sample_count"] == 64 and frozen["generator"]["widths"] == (64, 64) and problems_of(frozen) == []
    line += "; del config.generator['widths']; config.generator['widths'] = [64, 64]"
    path.write_text(CONFIG_FILE.format("config.generator.unlock(); " + line, "config"))
    assert command_line.load_config(str(path)) == frozen


def test_what_else_a_choice_of_another_library_stands_for_is_said():
    (problem,) = problems_of(complete({"loss": "WGAN-GP"}))
    assert str(problem).endswith("; did you mean wasserstein, with --config.penalties.gradient_penalty=WEIGHT?")
