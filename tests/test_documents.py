"""The documents: programs run, links and names exist, and published numbers are those of results/."""

import ast
import json
import pathlib
import re

import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import communication, efficiency, modes, recipes
from configs import default, mixture
from jaxgan import evaluation, theory
from jaxgan.config import complete, schema
from jaxgan.evaluation.alarms import ALARMS, Limits
from jaxgan.losses import LOSSES
from jaxgan.networks import maxout, mlp

README = pathlib.Path("README.md").read_text()
TASKS_PAGE = pathlib.Path("docs/tasks.md").read_text()
DOCUMENTS = ["README.md", "BUILD.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/theory.md", "docs/evaluation.md"]
DOCUMENTS += ["docs/zoo.md", "docs/scaling.md", "docs/speed.md", "docs/sweeps.md", "docs/tasks.md", "docs/modes.md"]
DOCUMENTS += ["results/README.md"]


def results(name):
    """A file of results/."""
    return json.loads(pathlib.Path(f"results/{name}.json").read_text())


def cell(value, digits, scale=1):
    """A mean and its standard error as the documents print them."""
    return f"{scale * value['mean']:,.{digits}f} ± {scale * value['standard_error']:,.{digits}f}"


def row(text, name):
    """The one row of a table whose first cell is `name`."""
    (line,) = re.findall(rf"^\| {re.escape(name)}[ ,].*\|$", text, re.M)
    return line


def test_the_readmes_program_runs():
    program = re.search(r"```python\n(.*?)```", README, re.S)[1]
    names = {
        "my_generator": mlp(output_shape=(5,), widths=(8,), output="sigmoid"),
        "my_discriminator": maxout(widths=(6,), pieces=2),
        "images": jnp.linspace(0, 1, 70 * 5).reshape(70, 5),
    }
    exec(program, names)
    assert names["samples"].shape == (100, 5)
    assert int(names["state"].step) == 1


def test_the_evaluation_pages_program_runs(capsys):
    (program,) = re.findall(r"```python\n(.*?)```", pathlib.Path("docs/evaluation.md").read_text(), re.S)
    rows = np.random.default_rng(0).normal(size=(4, 40, 3)).astype(np.float32)
    names = dict(zip(("x_train", "x_validation", "x_test", "samples"), rows, strict=True))
    exec(program, names)
    assert {score.name for score in names["scores"]} >= {"frechet", "nearest_closer"}
    assert "('frechet', " in capsys.readouterr().out


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_files_exist(document):
    text = pathlib.Path(document).read_text()
    links = [target for target in re.findall(r"\[[^\]\"]*\]\(([^)#]+)\)", text) if "://" not in target]
    targets = [pathlib.Path(document).parent / target for target in links]
    targets += map(pathlib.Path, re.findall(r"(?:configs|examples|notebooks)/\w+\.\w+", text))
    assert all(target.exists() for target in targets), targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_config_fields_exist(document):
    for path in re.findall(r"--config\.([\w.]+)", pathlib.Path(document).read_text()):
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
    # The published numbers are those of the results.
    found = results("theory/one_dimension")
    for name, digits in (("deviation", 3), ("jsd", 4), ("value", 4), ("jsd_share_beyond_2", 2)):
        published = f"{found['mean'][name]:.{digits}f} ± {found['standard_error'][name]:.{digits}f}"
        assert published.replace("-", "−") in text, published
    assert f"{found['within_bounds']} of {found['seeds']} seeds" in text


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


def test_the_evaluations_numbers_are_those_of_the_results():
    text = pathlib.Path("docs/evaluation.md").read_text()
    for found in (results("evaluation/mnist_reference")[grid] for grid in ("paper", "fine")):
        assert f"{found['mean']:.1f} ± {found['standard_error_over_test_images']:.1f}" in text
        assert f"{found['standard_error_over_seeds']:.2f}" in text
    timed = results("benchmarks/evaluation")
    for ratio in (
        timed["parzen"]["times_as_fast_as_the_faster"],
        timed["frechet"]["times_as_fast_as_scipy"],
        timed["frechet"]["with_standard_error_times_as_fast"],
    ):
        assert f"{ratio['median']:.3g} times" in text
    assert f"{timed['parzen']['memory']['above_mib']} MiB" in text


def test_the_scores_that_a_config_expects_are_those_of_the_results():
    text = pathlib.Path("configs/quickstart.py").read_text()
    found = results("scores/quickstart")
    assert len(found["seeds"]) == 4 and found["step"] == 15_000 and not any(found["alarms"].values())
    for name, digits in (("parzen_paper", 1), ("precision", 3), ("recall", 3), ("frechet", 1)):
        assert f"{name} {cell(found['scores'][name], digits)}" in text
    assert found["scores"]["modes"]["values"] == [10] * 4


PROGRAMS = re.findall(r"```python\n(.*?)```", README + pathlib.Path("docs/theory.md").read_text(), re.S)


@pytest.mark.parametrize("block", [block for block in PROGRAMS if "import theory" in block])
def test_the_theorys_programs_give_what_their_comments_say(block):
    names = {}
    exec(block, names)
    claims = re.findall(r"^((?:theory|jnp)\..*?)  # ([-\d.]+|\[.*\]|\(.*?\))", block, re.M)
    assert len(claims) >= 2
    for expression, comment in claims:
        np.testing.assert_allclose(eval(expression, names), ast.literal_eval(comment), atol=1e-4)


def test_the_projects_table_of_names_is_complete():
    from jaxgan.latents import LATENTS
    from jaxgan.losses import LOSSES
    from jaxgan.losses.penalties import PENALTIES
    from jaxgan.losses.terms import TERMS
    from jaxgan.networks import NETWORKS
    from jaxgan.optimizers import OPTIMIZERS
    from jaxgan.tasks import TASKS

    for table in (LOSSES, LATENTS, NETWORKS, OPTIMIZERS, PENALTIES, TASKS, TERMS):
        assert all(re.search(rf"\b{name}\b", README) for name in table)


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

    for section in ("inpainting", "inference", "semi_supervised"):
        for name, value in default.get_config()[section].items():
            written = f"`{value}`" if isinstance(value, str | tuple) else value
            assert f"| `{name}` | {written} |" in TASKS_PAGE, name
    assert all(f"| `{name}` |" in TASKS_PAGE for name in (*MASKS, *INFERENCES))
    assert all(f"`{name}`" in TASKS_PAGE for name in Task._fields)


@pytest.mark.parametrize(
    ("task", "made", "shape"),
    [
        ("inpainting", "completions", (8, 28, 28, 1)),
        ("inference", "codes", (8, 50)),
        ("semi_supervised", "classes", (8,)),
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


def test_the_speeds_are_those_of_the_results():
    text = pathlib.Path("docs/speed.md").read_text()
    games = [game for game in results("benchmarks/step").values() if "times_the_floor" in game]
    assert len(games) >= 4
    for game in games:
        ratios = (game["times_the_floor"]["median"], game["times_as_fast_as_the_better_torch"]["median"])
        assert any(f"| {ratios[0]:.2f} |" in line and f"| {ratios[1]:.2f} |" in line for line in text.splitlines())
    for game in results("benchmarks/step")["loop"].values():
        assert f"{game['times_as_fast']['median']:.1f} times" in text
    for config in ("quickstart", "ring"):
        for kind in results("benchmarks/overhead")[config].values():
            assert f"{kind['ratio']['median']:.3f}" in text
    for axis in ("batch", "width", "members", "devices"):
        *_, largest = results("benchmarks/scaling")[axis]["times_the_first"].values()
        assert f"{largest['median']:.2f} times" in text
    for kind in ("cold", "warm"):
        assert f"{results('benchmarks/startup')['seconds'][kind]['median']:.1f} s" in text
    for name, digits in (("times_the_better_torch", 1), ("times_one_at_a_time", 2)):
        assert f"{results('benchmarks/population')['16'][name]['median']:.{digits}f} times" in text


def test_the_costs_of_communication_are_those_of_the_results():
    text = pathlib.Path("docs/scaling.md").read_text()
    found = results("benchmarks/communication")
    assert found == json.loads(json.dumps(communication.calculate())), "run benchmarks.communication again"
    rows = communication.rows(found)
    assert len(rows) == 5 + 5 * 4
    assert [line for line in text.splitlines() if line in rows] == rows
    assert f"{100 * found['utilisation']:.0f} % of the peak" in text
    # What it says of the paper's networks, of convolutions, of DCGAN's batch normalisation and of a second host.
    for name in ("mnist", "cifar10"):
        for machine, on in found["games"][name]["on"].items():
            assert on["communication_to_computing"] > found["machines"][machine]["devices"]
    for name in ("dcgan64", "resnet32", "resnet128"):
        for machine in ("TPU v5e-16", "8 × H100"):
            assert 10 < found["games"][name]["on"][machine]["compute_bound_from_batch"] < 1000
    on, games = found["games"]["dcgan64"]["on"]["8 × H100"], found["games"].values()
    assert on["latency_microseconds"] > on["communication_microseconds"] / 2
    for card in ("GPU", "host"):
        pairs = [(game["on"]["8 × H100"], game["on"][f"2 × 8 H100, a 400 Gb/s card per {card}"]) for game in games]
        ratios = [two["communication_microseconds"] / one["communication_microseconds"] for one, two in pairs]
        assert f"{min(ratios):.1f} to {max(ratios):.1f} times" in text


@pytest.mark.slow
def test_the_conditional_program_learns_the_condition():
    (program,) = [block for block in re.findall(r"```python\n(.*?)```", TASKS_PAGE, re.S) if "sin 3c" in block]
    names = {}
    exec(program, names)
    assert np.abs(names["samples"] - np.sin(3 * names["wanted"])).mean() < 0.1


@pytest.mark.slow
def test_the_population_program_runs():
    (program,) = re.findall(r"```python\n(.*?)```", pathlib.Path("docs/speed.md").read_text(), re.S)
    names = {}
    exec(program, names)
    assert names["metrics"]["d_loss"].shape == (8, 10) and names["samples"].shape == (100, 2)
    assert np.isfinite(names["samples"]).all()


def test_the_sweeps_fields_and_numbers_are_those_of_the_config_and_the_results():
    text = pathlib.Path("docs/sweeps.md").read_text()
    for name, value in default.get_config().population.items():
        assert re.search(rf"^\| `{name}` \| {f'`{value}`' if value == 'auto' else value} *\|", text, re.M), name
    found = results("benchmarks/sweep")["times_one_at_a_time"]
    assert f"{found['median']:.1f} times" in text and f"{found['least']:.1f} to {found['largest']:.1f}" in text


def test_the_conditional_scores_are_those_of_the_results():
    config = pathlib.Path("configs/conditional_mnist.py").read_text()
    found = results("tasks/conditional")
    assert found["seeds"] == [0, 1] and found["step"] == 12_000
    for name, digits in (("label_accuracy", 4), ("within_class_diversity", 3), ("parzen_paper", 1)):
        score = found["scores"][name]
        value, real = (f"{score[of]:.{digits}f}" for of in ("mean", "real_data"))
        assert row(TASKS_PAGE, f"`{name}`").endswith(f" | {cell(score, digits)} | {real} |")
        assert value.removeprefix("0") in config and real.removeprefix("0") in config


def test_the_errors_from_few_labels_are_those_of_the_results():
    config = pathlib.Path("configs/semi_supervised_mnist.py").read_text()

    def errors(name, *methods):
        found = results(f"tasks/{name}")
        several = len(found["seeds"]) > 1
        errors = [found["task"]["test_errors"][method] for method in methods]
        return found, [cell(error, 0) if several else f"{error['mean']:,.0f} (one seed)" for error in errors]

    for labels in (20, 50, 100, 200):
        name = "semi_supervised" if labels == 100 else f"semi_supervised_{labels}"
        found, (*of_the_game, pixels) = errors(name, "this run", "its average", "probe", "pixels")
        _, of_labels_only = errors(f"labels_alone_{labels}", "this run")
        line = " | ".join([str(labels), f"{found['step']:,}", *of_the_game, *of_labels_only, pixels])
        assert f"\n| {line} |" in TASKS_PAGE, line
        if labels == 100:
            assert found["seeds"] == [0, 1] and found["step"] == 40_000
            assert of_the_game[0].replace("±", "+-") in config


@pytest.mark.parametrize("name", ["inference", "bigan"])
def test_the_encoders_scores_are_those_of_the_results(name):
    found, config = results(f"tasks/{name}"), pathlib.Path(f"configs/{name}_mnist.py").read_text()
    assert found["seeds"] == [0, 1, 2] and found["step"] == 6_000
    for score, methods in found["task"].items():
        rows = re.findall(rf"^\| {score} \|.*$", TASKS_PAGE, re.M)
        digits = 4 if score == "1-NN accuracy" else 3
        fixed = ("pixels", "mean image", "prior mean")  # the same for every seed
        cells = [f"{v['mean']:.{digits}f}" if m in fixed else cell(v, digits) for m, v in methods.items()]
        assert any(all(f" {text} |" in line for text in cells) for line in rows), cells
    accuracies = found["task"]["1-NN accuracy"]
    for method in ("this run", "regressor"):
        value, error = (f"{accuracies[method][of]:.4f}".removeprefix("0") for of in ("mean", "standard_error"))
        assert f"{value} +- {error}" in config
    assert f"{accuracies['pixels']['mean']:.4f}".removeprefix("0") in config


def test_the_scores_of_codes_that_may_be_short_are_those_of_the_results():
    found = results("tasks/inference_uniform")
    assert found["seeds"] == [0, 1] and found["step"] == 6_000
    assert cell(found["task"]["reconstruction rmse"]["this run"], 3) in TASKS_PAGE
    for method in ("this run", "regressor"):
        assert cell(found["task"]["1-NN accuracy"][method], 4) in TASKS_PAGE


def test_the_times_to_a_score_are_those_of_the_results():
    found = results("benchmarks/efficiency")
    settings = found["settings"]
    assert f"\n{efficiency.table_of(found)}\n" in TASKS_PAGE

    def seconds(name, target):
        """Mean and its error over the seeds that arrive, and how many do."""
        steps = [n for n in settings[name]["to"][target]["steps"]["values"] if n is not None]
        times = [n * settings[name]["seconds_of_a_step"]["median"] for n in steps]
        mean, error = np.mean(times), np.std(times, ddof=1) / len(times) ** 0.5
        return mean, f"{mean:.0f} ± {error:.0f} s", len(times)

    ours, paper, averaged = "recommended", "the paper's", "the paper's, averaged generator"
    assert [settings[name]["seeds"] for name in (ours, paper, averaged)] == [4, 4, 4]
    (fast, said, seeds), (slow, slow_said, arrived) = seconds(ours, "100"), seconds(paper, "100")
    assert (seeds, arrived) == (4, 3) and slow / fast > 2
    lazy, normal = seconds("recommended, penalty every 4th step", "100"), seconds("normal prior", "100")
    assert lazy[2] == normal[2] == 2
    first = seconds(paper, "50")[0], seconds(ours, "50")[0]
    times = [said, slow_said, lazy[1], normal[1], seconds(ours, "150")[1]]
    times += [seconds(averaged, target)[1] for target in ("100", "150")]
    ratios = [slow / fast, slow / lazy[0], normal[0] / slow, first[0] / first[1]]
    for number in (*times, *(f"{ratio:.1f} times" for ratio in ratios), *(f"{time:.0f}" for time in first)):
        assert number in TASKS_PAGE, number
    config = pathlib.Path("configs/mnist_fast.py").read_text()
    assert all(f"{seconds(ours, target)[0] / 60:.1f}" in config for target in ("100", "150"))
    assert said in README and slow_said in README


def test_the_five_extensions_numbers_are_those_of_the_results():
    conditional, inference, inpainting, semi, alone = (
        results(f"tasks/{name}")
        for name in ("conditional", "inference", "inpainting", "semi_supervised", "labels_alone_100")
    )

    def check(name, numbers, seeds):
        (line,) = re.findall(rf"^\|.*`{name}_mnist` \|.*$", README, re.M)
        assert f"| {len(seeds)} |" in line and all(number in line for number in numbers), (line, numbers)

    found = conditional["scores"]["label_accuracy"]
    check("conditional", (f"{cell(found, 2, 100)} %", f"{100 * found['real_data']:.2f} %"), conditional["seeds"])
    found = inference["task"]["1-NN accuracy"]
    numbers = f"{cell(found['this run'], 2, 100)} %", f"{100 * found['pixels']['mean']:.2f} %"
    check("inference", numbers, inference["seeds"])
    best, one = (inpainting["task"][f"half rmse_{way}"] for way in ("best", "mean"))
    numbers = [cell(value, 3) for value in (best["this run"], one["this run"], best["nearest"])]
    check("inpainting", numbers, inpainting["seeds"])
    found = semi["task"]["test_errors"]["this run"], alone["task"]["test_errors"]["this run"]
    check("semi_supervised", (cell(found[0], 0), f"{found[1]['mean']:,.0f}"), semi["seeds"])


def test_the_completions_scores_are_those_of_the_results():
    found, config = results("tasks/inpainting"), pathlib.Path("configs/inpainting_mnist.py").read_text()
    assert found["seeds"] == [0, 1] and found["step"] == 12_000
    for score, methods in found["task"].items():
        line = row(TASKS_PAGE, score)
        assert all(f" {cell(value, 3)} |" in line for value in methods.values())
        if score in ("half rmse_best", "centre rmse_best", "half accuracy", "centre accuracy"):
            for method in ("this run", "nearest"):
                assert f"{methods[method]['mean']:.3f}".removeprefix("0") in config


def test_the_recipes_times_are_those_of_the_results():
    found = results("benchmarks/recipes")
    assert f"\n{recipes.table_of(found)}\n" in pathlib.Path("docs/zoo.md").read_text()
    configs = {path.stem for path in pathlib.Path("configs").glob("*.py")} - {"default"}
    assert set(found) - {"machine"} == configs >= set(recipes.PUBLISHED)


NOT_COMPARED: set[str] = set()
"""Losses that are not in results/modes/losses.json yet."""


def test_the_modes_are_those_of_the_results():
    text = pathlib.Path("docs/modes.md").read_text()
    found = {name: results(f"modes/{name}") for name in ("recommended", "losses")}
    for result in found.values():
        assert f"\n{modes.table_of(result)}\n" in text
    assert set(found["losses"]["data"]["grid"]["settings"]) == set(LOSSES) - NOT_COMPARED
    # The config still says what was recommended; fields that were added since then do not count.
    # It was written when lists of names were texts.
    now, written = complete(mixture.get_config()), found["recommended"]["of_the_config"]
    then = complete(written)
    for name, value in written.items():
        fields = value if isinstance(value, dict) else {}
        assert all(now[name][field] == then[name][field] for field in fields) and (fields or now[name] == then[name])
    assert found["recommended"]["seeds"] == found["losses"]["seeds"] == 10
