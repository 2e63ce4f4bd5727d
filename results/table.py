"""Writes the tables of README.md and docs/ from the files in results/.

    python -m results.table            # writes them, and names the documents that it changed
    python -m results.table --check    # changes nothing; exit code 1 if a table is not that of the files

A table stands between `<!-- results: NAME -->` and `<!-- end of results -->`.
"""

import argparse
import json
import pathlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from benchmarks import baselines, collapse, communication, efficiency, export, modes, recipes, scores
from benchmarks.scores import cell, errors_cell, markdown
from jaxgan.runs.evaluate.tables import Summary, number, summarise

ROOT = pathlib.Path(__file__).parent.parent

MARKED = re.compile(r"(?P<begin><!-- results: (?P<name>\w+) -->\n)(?P<table>.*?)(?P<end><!-- end of results -->)", re.S)


def results(name: str) -> dict[str, Any]:
    """A file of results/."""
    return json.loads((ROOT / "results" / f"{name}.json").read_text())


def task(name: str) -> dict[str, Any]:
    """The scores of a task."""
    return results(f"tasks/{name}")["task"]


def baseline(config: str, score: str, method: str) -> dict[str, Any]:
    """A score of a method that needs no training."""
    return results("tasks/baselines")[f"configs/{config}.py"]["task"][score][method]


def neighbours(method: str, digits: int = 2) -> str:
    """The accuracy, in percents, of a nearest neighbour that needs no training."""
    found = baseline("inference_mnist", "1-NN accuracy", method)
    return number(100 * found["mean"], 100 * found["standard_error"], digits)


def to_score(setting: str, target: str) -> tuple[Summary, Summary]:
    """Seconds to a Parzen score, over the seeds that reach it, and their steps."""
    found = results("benchmarks/efficiency")["settings"][setting]
    steps = found["to"][target]["steps"]["values"]
    second = found["seconds_of_a_step"]["median"]
    return summarise([None if n is None else n * second for n in steps]), summarise(steps)


# --- The tables


def readme() -> str:
    quickstart, conditional = results("scores/quickstart"), results("tasks/conditional")["scores"]
    semi, labels = (task(name)["test_errors"]["this run"] for name in ("semi_supervised", "labels_alone_100"))
    half, grid = task("inpainting")["half rmse_best"], results("modes/recommended")["data"]["grid"]
    sure, parzen = (quickstart["scores"][name] for name in ("high_quality", "parzen_paper"))
    asked, found = conditional["label_accuracy"], grid["settings"]["relativistic_paired"]["modes"]
    seeds, games = len(quickstart["seeds"]), len(found["values"])
    nearest = baseline("inpainting_mnist", "half rmse_best", "k nearest")
    return markdown(
        [
            ["config", "what is measured", "mean of n seeds", "real data, or beside"],
            [
                "`quickstart`",
                "samples of which a classifier is sure, in %",
                f"{cell(sure, 1, 100, 10_000)} (n = {seeds})",
                f"{100 * sure['real_data']:.1f}",
            ],
            [
                "`quickstart`",
                "Parzen log-likelihood of test digits, nats",
                f"{cell(parzen, 1)} (n = {seeds})",
                f"{parzen['real_data']:.1f}",
            ],
            [
                "`conditional_mnist`",
                "samples of the class asked for, in %",
                cell(asked, 2, 100, 10_000),
                f"{100 * asked['real_data']:.2f}",
            ],
            [
                "`semi_supervised_mnist`",
                "errors of 10,000 after 100 labels",
                errors_cell(semi),
                f"the labels only: {errors_cell(labels)}",
            ],
            [
                "`mixture`",
                "modes of 25 on the grid",
                f"{number(found['mean'], found['standard_error'], 0)} (n = {games})",
                "25",
            ],
            [
                "`inpainting_mnist`",
                "rmse of a missing half, best of ten",
                cell(half["this run"], 3),
                f"nearest digits: {cell(nearest, 3)}",
            ],
        ]
    )


def asked_for() -> str:
    accuracy = results("tasks/conditional")["scores"]["label_accuracy"]
    return _two_columns(
        "samples that are of the class asked for, in %",
        {"this run": cell(accuracy, 2, 100, 10_000), "real digits": f"{100 * accuracy['real_data']:.2f}"},
    )


def latents() -> str:
    found = task("inference")["latent rmse"]
    return _two_columns(
        "rmse of E(G(z)) to z",
        {"this run": cell(found["this run"], 3), "a guess without x": f"{found['prior mean']['mean']:.3f}"},
    )


def codes() -> str:
    return _two_columns(
        "right by the nearest neighbour, in %",
        {
            "of E(x)": cell(task("inference")["1-NN accuracy"]["this run"], 2, 100, 10_000),
            "of 40 principal components": neighbours("pca"),
            "of pixels": neighbours("pixels"),
            "BiGAN, published (arXiv:1605.09782)": "97.39",
        },
    )


def halves() -> str:
    rows = {"this run": lambda score: task("inpainting")[score]["this run"]}
    rows["the ten nearest training digits"] = lambda score: baseline("inpainting_mnist", score, "k nearest")
    ways = ("half rmse_best", "half rmse_mean")
    heading = ["rmse where a half is missing", "best of ten", "mean of ten"]
    return markdown([heading, *([name, *(cell(found(way), 3) for way in ways)] for name, found in rows.items())])


def hundred_labels() -> str:
    ours, alone = (task(name)["test_errors"]["this run"] for name in ("semi_supervised", "labels_alone_100"))
    return _two_columns(
        "errors of 10,000, after 100 labels",
        {
            "this run": errors_cell(ours),
            "the labels alone": errors_cell(alone),
            "published, nine times as long (arXiv:1606.03498)": "93 ± 6.5",
        },
    )


def time_to_scores() -> str:
    rows = []
    for name, setting in (("`mnist_fast`", "recommended"), ("`mnist`", "the paper's, averaged generator")):
        found = [to_score(setting, target)[0] for target in ("100", "150")]
        values = found[0].values
        arrived = sum(value is not None for value in values)
        said = f"n = {arrived}" if arrived == len(values) else f"{arrived} of {len(values)} seeds arrive"
        rows.append([f"{name} ({said})", *(each.text(0) for each in found)])
    return markdown([["seconds to a Parzen score", "100 nats", "150 nats"], *rows])


GAMES = {
    "mnist": "the paper's MNIST pair, batch 100",
    "ring": "ring MLP, batch 256",
    "dcgan28": "DCGAN 28 × 28, batch 64",
    "cifar10": "the paper's CIFAR-10 pair, batch 128",
}
"""What the games of `benchmarks.step` are called in tables."""


def _against(game: Mapping[str, Any], kind: str) -> list[str]:
    """The quicker PyTorch of a kind, with its variant, and how many times as fast jaxgan is."""
    found = game[f"against_torch_{kind}"]
    variant = found["torch"].removeprefix("torch ").removeprefix("torch.").replace(", autocast", "")
    return [f"{_milliseconds(game, found['torch'])} ({variant})", f"{found['times_as_fast']['median']:.2f}"]


def _milliseconds(game: Mapping[str, Any], name: str) -> str:
    return f"{game['milliseconds'][name]['median']:.4g} ms"


def steps() -> str:
    heading = [
        "game",
        "floor",
        "jaxgan",
        "× the floor",
        "better PyTorch",
        "jaxgan is … × as fast",
        "than the flax loop",
    ]
    rows = [heading]
    for name, game in _timed_games():
        loop = "flax loop" in game["milliseconds"]
        flax = f"{game['times_as_fast_as_the_flax_loop']['median']:.2f}" if loop else ""
        floor, ours = (_milliseconds(game, each) for each in ("floor", "jaxgan"))
        share = f"{game['times_the_floor']['median']:.2f}"
        rows.append([GAMES[name], floor, ours, share, *_against(game, "float32"), flax])
    return markdown(rows)


def steps_in_bfloat16() -> str:
    heading = ["game", "bfloat16_products", "× as fast as float32", "better PyTorch under autocast"]
    rows = [[*heading, "jaxgan's better is … × as fast"]]
    for name, game in _timed_games():
        gain = f"{game['bfloat16_products_times_as_fast_as_float32']['median']:.2f}"
        products = _milliseconds(game, "jaxgan, bfloat16_products")
        rows.append([GAMES[name], products, gain, *_against(game, "bfloat16")])
    return markdown(rows)


def _timed_games() -> Iterable[tuple[str, dict[str, Any]]]:
    found = results("benchmarks/step-intel-xeon-processor-amx")
    return [(name, game) for name, game in found.items() if "times_the_floor" in game]


def few_labels() -> str:
    published = {20: "1,677 ± 452", 50: "221 ± 136", 100: "93 ± 6.5", 200: "90 ± 4.2"}
    heading = ["labels", "steps", "`this run`", "`its average`", "`probe`", "labels alone, 4,000 steps", "`pixels`"]
    rows = [[*heading, "published"]]
    for labels in published:
        found = results(f"tasks/semi_supervised{'' if labels == 100 else f'_{labels}'}")
        errors = found["task"]["test_errors"]
        cells = [errors_cell(errors[method]) for method in ("this run", "its average", "probe", "pixels")]
        cells.insert(3, errors_cell(task(f"labels_alone_{labels}")["test_errors"]["this run"]))
        rows.append([str(labels), f"{found['step']:,}", *cells, published[labels]])
    return markdown(rows)


def translations() -> dict[str, dict[str, Any]]:
    """The results of `benchmarks.scores.TRANSLATIONS` by file."""
    return {name: results(f"tasks/{name}") for names in scores.TRANSLATIONS.values() for name in names}


def _two_columns(heading: str, rows: Mapping[str, str]) -> str:
    return markdown([[heading, ""], *([name, text] for name, text in rows.items())]).replace("|  |", "| |", 1)


def _of(table: Callable[..., str], *names: str) -> Callable[[], str]:
    """A table of files of results/, by their names."""
    return lambda: table(*map(results, names))


TABLES: dict[str, Callable[[], str]] = {
    "readme": readme,
    "quickstart": _of(scores.table_of, "scores/quickstart"),
    "asked_for": asked_for,
    "latents": latents,
    "codes": codes,
    "halves": halves,
    "hundred_labels": hundred_labels,
    "time_to_scores": time_to_scores,
    "steps": steps,
    "steps_in_bfloat16": steps_in_bfloat16,
    "networks": lambda: communication.tables(results("benchmarks/communication"))[0],
    "machines": lambda: communication.tables(results("benchmarks/communication"))[1],
    "conditional": _of(scores.table_of, "tasks/conditional"),
    "completions": _of(baselines.completions_table, "tasks/baselines", "tasks/inpainting"),
    "inference": _of(baselines.codes_table, "tasks/baselines", "tasks/inference"),
    "bigan": _of(baselines.codes_table, "tasks/baselines", "tasks/bigan"),
    "few_labels": few_labels,
    "efficiency": _of(efficiency.table_of, "benchmarks/efficiency"),
    "modes_recommended": _of(modes.table_of, "modes/recommended"),
    "modes_losses": _of(modes.table_of, "modes/losses"),
    "collapse": _of(collapse.table_of, "theory/collapse"),
    "export": _of(export.table_of, "benchmarks/export"),
    "translation": lambda: scores.translation_table(translations()),
    "recipes": _of(recipes.table_of, "benchmarks/recipes"),
}
"""The tables by their names in the documents."""


# --- The documents


def documents() -> list[pathlib.Path]:
    """All documents that may have tables."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def filled(text: str) -> str:
    """A document with the tables of its marks; KeyError for the name of no table."""
    return MARKED.sub(lambda match: f"{match['begin']}{TABLES[match['name']]().rstrip()}\n{match['end']}", text)


def without_tables(text: str) -> str:
    """A document without its tables, and without their marks."""
    return MARKED.sub("", text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the tables. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing")
    check = parser.parse_args(arguments).check
    changed = {path: text for path in documents() if (text := filled(path.read_text())) != path.read_text()}
    for path, text in changed.items():
        print(f"{path.relative_to(ROOT)}: {'not what results/ has' if check else 'written'}")
        if not check:
            path.write_text(text)
    return int(check and bool(changed))


if __name__ == "__main__":
    sys.exit(main())
