"""The documents: programs run, links and names exist, configs expect what results/ has; numbers: test_claims.py."""

import ast
import json
import pathlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from benchmarks import communication, recipes, scores
from configs import default, mixture
from jaxgan import evaluation, runs, theory
from jaxgan.config import complete, schema
from jaxgan.evaluation.alarms import ALARMS, Limits
from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES
from jaxgan.networks import maxout, mlp
from jaxgan.training.step import init_state, sample
from jaxgan.types import Network

README = pathlib.Path("README.md").read_text()
TASKS_PAGE = pathlib.Path("docs/tasks.md").read_text()
DOCUMENTS = ["README.md", "BUILD.md", "CONTRIBUTING.md", "CHANGELOG.md", "results/README.md"]
DOCUMENTS += sorted(str(path) for path in pathlib.Path("docs").rglob("*.md"))


def results(name):
    """A file of results/."""
    return json.loads(pathlib.Path(f"results/{name}.json").read_text())


def row(text, name):
    """The one row of a table whose first cell is `name`."""
    (line,) = re.findall(rf"^\| {re.escape(name)}[ ,].*\|$", text, re.M)
    return line


def test_the_readmes_program_runs(tmp_path, monkeypatch, capsys):
    """As it is pasted, but for the number of its steps."""
    program = re.search(r"```python\n(.*?)```", README, re.S)[1]
    assert "range(3_000)" in program and len(program.splitlines()) <= 25
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(program.replace("range(3_000)", "range(3)"), names)
    assert names["samples"].shape == (100, 28, 28, 1) and int(names["state"].step) == 3
    assert capsys.readouterr().out.startswith("0 {'d_fake_logit': ") and (tmp_path / "digits.png").stat().st_size > 1000


OWN_NETWORKS = pathlib.Path("docs/own_networks.md").read_text()


def test_the_contract_of_networks_of_ones_own_is_a_network():
    contract = re.findall(r"```python\n(.*?)```", OWN_NETWORKS, re.S)[0]
    names = {}
    exec(contract, names)
    critic = Network(lambda key, x, condition=None: {"params": jnp.ones(2)}, lambda v, x, **_: (x @ v["params"], {}))
    parts = {"generator": names["network"], "discriminator": critic, "latent": LATENTS["normal"](3)}
    parts |= {"generator_tx": optax.sgd(0.1), "discriminator_tx": optax.sgd(0.1)}
    state = init_state(jax.random.key(0), **parts, example=jnp.zeros((4, 2)))
    assert sample(names["network"], state, jax.random.key(1), 5, latent=parts["latent"]).shape == (5, 2)


@pytest.mark.medium
@pytest.mark.parametrize("library", ["linen", "nnx", "equinox", "haiku"])
def test_the_modules_of_networks_of_ones_own_are_networks(library):
    import equinox as eqx
    import haiku as hk
    from flax import linen as nn
    from flax import nnx

    (code,) = re.findall(rf"`(jaxgan\.from_{library}\(.*\))` \|", OWN_NETWORKS)
    network = eval(code, {"jaxgan": jaxgan, "nn": nn, "nnx": nnx, "eqx": eqx, "hk": hk})
    inputs = jnp.ones((3, 2))
    outputs, state = network.apply(network.init(jax.random.key(0), inputs), inputs)
    assert outputs.shape[0] == 3 and state == {}
    assert f"../examples/own_networks_{library}.py" in OWN_NETWORKS


@pytest.mark.medium
def test_the_evaluation_pages_program_runs(capsys):
    (program,) = re.findall(r"```python\n(.*?)```", pathlib.Path("docs/evaluation.md").read_text(), re.S)
    rows = np.random.default_rng(0).normal(size=(4, 40, 3)).astype(np.float32)
    names = dict(zip(("x_train", "x_validation", "x_test", "samples"), rows, strict=True))
    exec(program, names)
    assert {score.name for score in names["scores"]} >= {"frechet", "nearest_closer"}
    assert "('frechet', " in capsys.readouterr().out


@pytest.mark.medium
def test_the_export_pages_distributions_are_those_of_the_priors():
    text = pathlib.Path("docs/export.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| `(.*?)`[;,]? ?.*\|$", text.partition("| distribution |")[2], re.M))
    rng, n, size = np.random.default_rng(0), 20_000, 8
    for name, make in LATENTS.items():
        latent = make(size, **({"categories": 3} if name == "categorical" else {}))
        parts = []
        for part in latent.recipe():
            *before, last = rows[part["distribution"]].split("; ")
            names = {"rng": rng, "n": n, "np": np, **part}
            exec("\n".join(before), names)
            parts.append(eval(last, names))
        drawn, wanted = np.concatenate(parts, 1), np.asarray(latent.sample(jax.random.key(0), n))
        np.testing.assert_allclose(drawn.mean(0), wanted.mean(0), atol=0.05, err_msg=name)
        if name != "truncated_normal":  # beyond whose bound numbers are drawn again
            np.testing.assert_allclose(drawn.std(0), wanted.std(0), atol=0.05, err_msg=name)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_exist(document):
    text = pathlib.Path(document).read_text()
    targets = map(pathlib.Path, re.findall(r"(?:configs|examples|notebooks)/\w+\.\w+", text))
    assert [target for target in targets if not target.exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_config_fields_exist(document):
    for path in re.findall(r"--config\.([a-z][\w.]+)", pathlib.Path(document).read_text()):
        if path.startswith("loss_options."):  # of a loss of the reader's own
            continue
        assert path in schema.rows({}) or path in schema.sections(schema.rows({})), f"{document}: --config.{path}"


def test_ci_runs_the_readmes_test_command():
    assert "make test" in README
    assert "lint test" in pathlib.Path(".ci/run").read_text()


def test_the_theorys_functions_tests_and_numbers_exist():
    text = pathlib.Path("docs/theory.md").read_text()
    names = set(re.findall(r"`theory\.(\w+)`", text))
    assert len(names) > 20 and names <= set(vars(theory)), names - set(vars(theory))
    tests = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text))
    assert len(tests) > 20
    missing = [name for path, name in tests if f"def {name}(" not in pathlib.Path(path).read_text()]
    assert not missing


def test_the_evaluations_functions_tests_fields_and_alarms_exist():
    text = pathlib.Path("docs/evaluation.md").read_text()
    names = set(re.findall(r"`evaluation\.(\w+)\.(\w+)`", text))
    assert len(names) > 10 and all(hasattr(getattr(evaluation, module), name) for module, name in names)
    tests = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text))
    assert len(tests) == len(evaluation.EVALUATORS)
    assert all(f"def {name}(" in pathlib.Path(path).read_text() for path, name in tests)
    assert all(f"| `{name}` |" in text for name in (*evaluation.EVALUATORS, *ALARMS))
    # The limits in its table of alarms are the defaults.
    limits, config = Limits(), default.get_config()
    assert all(config.alarms[name] == value for name, value in limits._asdict().items())
    for alarm, limit in (("discriminator_wins", "d_accuracy"), ("low_diversity", "diversity"), ("lost_modes", "modes")):
        assert re.search(rf"`{limit}` \w+ {getattr(limits, limit):g}\b", row(text, f"`{alarm}`"))
    assert f"`alarms.patience` = {config.alarms.patience} " in text


@pytest.mark.parametrize(
    ("config", "steps", "names"),
    [
        ("digits", 15_000, {"parzen_paper": 1, "precision": 3, "recall": 3, "frechet": 1}),
        ("quickstart", 6_000, {"high_quality": 3, "parzen_paper": 1, "precision": 3, "recall": 3, "frechet": 1}),
    ],
)
def test_the_scores_that_a_config_of_digits_expects_are_those_of_the_results(config, steps, names):
    text = " ".join(pathlib.Path(f"configs/{config}.py").read_text().split())
    found = results(f"scores/{config}")
    assert len(found["seeds"]) == 4 and found["step"] == steps and not any(found["alarms"].values())
    for name, digits in names.items():
        share_of = {"precision": 10_000, "high_quality": 10_000, "recall": 500}.get(name)
        assert f"{name} {scores.cell(found['scores'][name], digits, 1, share_of)}" in text
    assert found["scores"]["modes"]["values"] == [10] * 4


def test_the_scores_that_a_config_of_a_task_expects_are_those_of_the_results():
    def said(config, step, seeds, name=None):
        found = results(f"tasks/{name or config.removesuffix('_mnist')}")
        assert (found["seeds"], found["step"]) == (seeds, step)
        return " ".join(pathlib.Path(f"configs/{config}.py").read_text().split()), found

    def short(value, digits):
        return f"{value:,.{digits}f}".removeprefix("0")

    free = results("tasks/baselines")
    text, found = said("conditional_mnist", 12_000, [0, 1])
    for name, digits in (("label_accuracy", 4), ("within_class_diversity", 3), ("parzen_paper", 1)):
        assert f"{name} {short(found['scores'][name]['mean'], digits)}" in text
        assert f"{short(found['scores'][name]['real_data'], digits)})" in text

    text, found = said("avatars", 6_000, [0, 1, 2, 3], "../scores/avatars")
    assert f"by {found['samples']:,} samples" in text and not any(found["alarms"].values())
    for name, digits in (("label_accuracy", 3), ("high_quality", 3), ("within_class_diversity", 3), ("frechet", 1)):
        own, error, real = (short(found["scores"][name][of], digits) for of in ("mean", "standard_error", "real_data"))
        assert re.search(rf"{name} {own} ± {error} \((real avatars: )?{real}\)", text), (name, own, error, real)
    both, *one = found["seconds"]  # of the first seed on two cores, of the others on one
    assert f"{both // 60:.0f} min {both % 60:.0f} s on two cores" in text
    assert f"{min(one) // 60:.0f} to {max(one) // 60:.0f} minutes on one" in text

    text, found = said("semi_supervised_mnist", 40_000, [0, 1])
    assert "{:.0f} and {:.0f} errors of 10,000".format(*found["task"]["test_errors"]["this run"]["values"]) in text

    pca = free["configs/inference_mnist.py"]["task"]["1-NN accuracy"]["pca"]["mean"]
    for config in ("inference_mnist", "bigan_mnist"):
        text, found = said(config, 6_000, [0, 1, 2])
        accuracies = found["task"]["1-NN accuracy"]
        for method in ("this run", "regressor"):
            values = accuracies[method]["values"]
            mean, low, high = (short(value, 4) for value in (accuracies[method]["mean"], min(values), max(values)))
            assert f"{mean} ({low} to {high})" in text
        assert f"pixels have {short(accuracies['pixels']['mean'], 4)}" in text
        assert f"40 principal components {short(pca, 4)}" in text
    found = results("tasks/inference")["task"]["latent rmse"]
    text = " ".join(pathlib.Path("configs/inference_mnist.py").read_text().split())
    assert f"by {found['this run']['mean']:.3f}, a blind guess by {short(found['prior mean']['mean'], 3)}" in text

    text, found = said("inpainting_mnist", 12_000, [0, 1])
    nearest = free["configs/inpainting_mnist.py"]["task"]
    for task, method in ((found["task"], "this run"), (nearest, "k nearest")):
        for score in ("rmse_best", "accuracy"):
            half, centre = (short(task[f"{mask} {score}"][method]["mean"], 3) for mask in ("half", "centre"))
            assert re.search(rf"{half} (where a half is missing )?and {centre}", text), (half, centre)

    # Minutes to a Parzen score, in all seeds and in three of four.
    settings = results("benchmarks/efficiency")["settings"]
    text = pathlib.Path("configs/mnist_fast.py").read_text()
    for name in ("recommended", "the paper's, averaged generator"):
        minute = settings[name]["seconds_of_a_step"]["median"] / 60
        steps = [settings[name]["to"][target]["steps"]["values"] for target in ("100", "150")]
        times = [np.mean([minute * n for n in values if n is not None]) for values in steps]
        assert all(f"{time:.1f}" in text for time in times)


PROGRAMS = re.findall(r"```python\n(.*?)```", README + pathlib.Path("docs/theory.md").read_text(), re.S)


@pytest.mark.medium
@pytest.mark.parametrize("block", [block for block in PROGRAMS if "import theory" in block])
def test_the_theorys_programs_give_what_their_comments_say(block):
    names = {}
    exec(block, names)
    claims = re.findall(r"^((?:theory|jnp)\..*?)  # ([-\d.]+|\[.*\]|\(.*?\))", block, re.M)
    assert len(claims) >= 2
    for expression, comment in claims:
        np.testing.assert_allclose(eval(expression, names), ast.literal_eval(comment), atol=1e-4)


def test_the_page_of_the_library_names_every_entry_of_its_tables():
    library = pathlib.Path("docs/library.md").read_text()
    from jaxgan.latents import LATENTS
    from jaxgan.losses import LOSSES
    from jaxgan.losses.penalties import PENALTIES
    from jaxgan.losses.terms import TERMS
    from jaxgan.networks import NETWORKS
    from jaxgan.optimizers import OPTIMIZERS
    from jaxgan.tasks import TASKS

    for table in (LOSSES, LATENTS, NETWORKS, OPTIMIZERS, PENALTIES, TASKS, TERMS):
        assert all(re.search(rf"\b{name}\b", library) for name in table)


def test_the_zoo_is_complete():
    from jaxgan.latents import LATENTS
    from jaxgan.losses import LOSSES
    from jaxgan.losses.penalties import PENALTIES
    from jaxgan.losses.terms import TERMS
    from jaxgan.networks import NETWORKS
    from jaxgan.networks.minibatch import MINIBATCHES
    from jaxgan.networks.normalization import NORMALIZATIONS
    from jaxgan.sampling import METHODS
    from jaxgan.tasks import MASKS, TASKS
    from jaxgan.wrappers.augmentation import AUGMENTATIONS

    text = pathlib.Path("docs/zoo.md").read_text()
    tables = LOSSES, PENALTIES, TERMS, NETWORKS, LATENTS, AUGMENTATIONS, NORMALIZATIONS, MINIBATCHES, METHODS
    for table in (*tables, TASKS, MASKS):
        missing = [name for name in table if not re.search(rf"\b{name}\b", text)]
        assert not missing
    configs = {path.stem for path in pathlib.Path("configs").glob("*.py")} - {"default", "quickstart", "ring"}
    assert not [name for name in configs if f"`{name}`" not in text]


def test_the_tasks_fields_masks_and_program_are_those_of_the_package():
    from jaxgan.tasks import INFERENCES, MASKS
    from jaxgan.tasks.base import Task

    for section, page in {
        **dict.fromkeys(("inpainting", "inference", "semi_supervised"), TASKS_PAGE),
        "translation": pathlib.Path("docs/translation.md").read_text(),
    }.items():
        for name, value in default.get_config()[section].items():
            written = f"`{value}`" if isinstance(value, str | tuple) else value
            assert f"| `{name}` | {written} |" in page, name
    assert all(f"| `{name}` |" in TASKS_PAGE for name in (*MASKS, *INFERENCES))
    assert all(f"`{name}`" in TASKS_PAGE for name in Task._fields)


@pytest.mark.parametrize(
    ("task", "made", "shape"),
    [
        pytest.param("inpainting", "completions", (8, 28, 28, 1), marks=pytest.mark.slow),
        pytest.param("inference", "codes", (8, 50), marks=pytest.mark.slow),
        pytest.param("semi_supervised", "classes", (8,), marks=pytest.mark.slow),
    ],
)
def test_the_tasks_programs_run(task, made, shape):
    (program,) = [
        block for block in re.findall(r"```python\n(.*?)```", TASKS_PAGE, re.S) if f'TASKS["{task}"]' in block
    ]
    names = {
        "my_generator": mlp(output_shape=(28, 28, 1), widths=(8,), output="sigmoid"),
        "my_discriminator": maxout(widths=(6,), pieces=2),
        "my_classifier": mlp(output_shape=(), widths=(6,), class_logits=3),
        "images": jnp.linspace(0, 1, 70 * 784).reshape(70, 28, 28, 1),
        "few": jnp.ones((6, 28, 28, 1)),
        "their_labels": jnp.arange(6) % 3,
    }
    exec(program, names)
    assert int(names["state"].step) == 1 and np.isfinite(float(names["metrics"]["g_loss"]))
    assert names[made].shape == shape
    if task == "inpainting":
        np.testing.assert_array_equal(names["completions"][:, :14], names["images"][:8, :14])
    if task == "inference":
        assert names["reconstructions"].shape == (8, 28, 28, 1)


def test_the_costs_of_communication_are_those_of_the_results():
    found = results("benchmarks/communication")
    assert found == json.loads(json.dumps(communication.calculate())), "run benchmarks.communication again"
    assert [len(table.splitlines()) for table in communication.tables(found)] == [2 + 5, 2 + 5 * 4]
    # What it says of the paper's networks, of convolutions, of DCGAN's batch normalisation and of a second host.
    for name in ("mnist", "cifar10"):
        for machine, on in found["games"][name]["on"].items():
            assert on["communication_to_computing"] > found["machines"][machine]["devices"]
    for name in ("dcgan64", "resnet32", "resnet128"):
        for machine in ("TPU v5e-16", "8 × H100"):
            assert 10 < found["games"][name]["on"][machine]["compute_bound_from_batch"] < 1000
    on = found["games"]["dcgan64"]["on"]["8 × H100"]
    assert on["latency_microseconds"] > on["communication_microseconds"] / 2


@pytest.mark.slow
def test_the_conditional_program_learns_the_condition():
    (program,) = [block for block in re.findall(r"```python\n(.*?)```", TASKS_PAGE, re.S) if "sin 3c" in block]
    names = {}
    exec(program, names)
    assert np.abs(names["samples"] - np.sin(3 * names["wanted"])).mean() < 0.1


@pytest.mark.medium
def test_the_step_of_ones_own_trainer_trains_both():
    (program,) = re.findall(r"```python\n(.*?)```", pathlib.Path("docs/own_trainer.md").read_text(), re.S)
    model = lambda params, real: jnp.tanh(params["scale"] * real)  # noqa: E731
    names = {"model": model, "own_loss": lambda made, real: jnp.square(made - real).mean()}
    names |= {"real": jax.random.normal(jax.random.key(1), (4, 16, 16, 3)), "optimizer": optax.sgd(0.1), "jnp": jnp}
    exec(program, names)
    params = {"scale": jnp.ones(())}
    after, _, judge, metrics = names["step"](params, names["optimizer"].init(params), names["judge"], names["real"])
    assert float(after["scale"]) != 1 and int(judge.step) == 1 and np.isfinite(float(metrics["d_loss"]))


@pytest.mark.slow
def test_the_program_that_mixes_styles_runs(tmp_path):
    page = pathlib.Path("docs/zoo.md").read_text()
    (program,) = [block for block in re.findall(r"```python\n(.*?)```", page, re.S) if "mixed =" in block]
    small = {"steps": "2", "generator.widths": "8,8,4,4", "discriminator.widths": "4,4,8,8", "batch_size": "4"}
    small |= {"log_every": "2", "sample_every": "2", "checkpoint_every": "2", "sample_count": "4"}
    runs.run("train", "configs/avatars_stylegan2.py", small, str(tmp_path / "run"), {})
    names = {}
    exec(program.replace("runs/avatars_stylegan2", str(tmp_path / "run")), names)
    assert names["mixed"].shape == (1, 32, 32, 3) and np.isfinite(names["mixed"]).all()


@pytest.mark.slow
def test_the_population_program_runs():
    (program,) = re.findall(r"```python\n(.*?)```", pathlib.Path("docs/speed.md").read_text(), re.S)
    names = {}
    exec(program, names)
    assert names["metrics"]["d_loss"].shape == (8, 10) and names["samples"].shape == (100, 2)
    assert np.isfinite(names["samples"]).all()


def test_the_sweeps_fields_are_those_of_the_config():
    text = pathlib.Path("docs/sweeps.md").read_text()
    for name, value in default.get_config().population.items():
        assert re.search(rf"^\| `{name}` \| {f'`{value}`' if value == 'auto' else value} *\|", text, re.M), name


def test_the_recipes_are_all_of_the_configs():
    found = results("benchmarks/recipes")
    configs = {path.stem for path in pathlib.Path("configs").glob("*.py")} - {"default"}
    assert set(found) - {"machine"} == configs >= set(recipes.PUBLISHED)


def test_the_cost_of_augmentations_is_that_of_the_results():
    ratio = results("benchmarks/augmentation")["ada"]["times_as_long"]
    text = f"{ratio['median']:.2f} times as long ({ratio['least']:.2f} to {ratio['largest']:.2f}"
    assert text in pathlib.Path("docs/zoo.md").read_text()
    assert f"{ratio['median']:.2f} times as long" in pathlib.Path("jaxgan/wrappers/augmentation.py").read_text()


NOT_COMPARED: set[str] = set()
"""Losses that are not in results/modes/losses.json yet."""


def test_the_modes_are_of_all_losses_and_of_the_config():
    found = {name: results(f"modes/{name}") for name in ("recommended", "losses")}
    assert set(found["losses"]["data"]["grid"]["settings"]) == set(LOSSES) - NOT_COMPARED
    # The config still says what was recommended; fields that were added since then do not count.
    # It was written when lists of names were texts.
    now, written = complete(mixture.get_config()), found["recommended"]["of_the_config"]
    then = complete(written)
    for name, value in written.items():
        fields = value if isinstance(value, dict) else {}
        assert all(now[name][field] == then[name][field] for field in fields) and (fields or now[name] == then[name])
    assert found["recommended"]["seeds"] == found["losses"]["seeds"] == 10
