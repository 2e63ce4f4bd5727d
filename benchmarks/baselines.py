"""The scores of the tasks' simpler methods without any training: the baselines of docs/tasks.md, on full MNIST.

    python -m benchmarks.baselines --data DIRECTORY_OF_IDX_FILES --out results/tasks/baselines.json

Completions by the nearest training digits in the known pixels (one and ten) and by the mean image: for the same test
digits and masks as in an evaluation of configs/inpainting_mnist.py with the same seed. One nearest neighbour among
pixels and among 40 principal components, as in an evaluation of configs/inference_mnist.py. The generators in these
evaluations are not trained, and anything that depends on them is left out.
"""

import argparse
import os

from benchmarks import timing
from benchmarks.scores import markdown, task_rows, task_summary

FREE = ("mean fill", "nearest", "k nearest", "pixels", "pca", "mean image", "prior mean", "real data")
"""Methods whose scores do not depend on the generator."""

CONFIGS = {
    "configs/inpainting_mnist.py": {},
    "configs/inference_mnist.py": {"inference.fit_steps": "0", "evaluation.features": "raw"},
}


def completions_table(result: dict, run: dict) -> str:
    """Scores of completions in Markdown: a run and its latent search, with the baselines beside them."""
    free = result["configs/inpainting_mnist.py"]["task"]
    task = {score: run["task"][score] | methods for score, methods in free.items()}
    methods = ("this run", "k nearest", "nearest", "latent search", "mean fill", "real data")
    return markdown(task_rows(task, methods, 500))


def codes_table(result: dict, run: dict) -> str:
    """Scores of encoders in Markdown, by method."""
    task = {score: dict(methods) for score, methods in run["task"].items()}
    neighbours = result["configs/inference_mnist.py"]["task"]["1-NN accuracy"]
    task["1-NN accuracy"]["pca"] = neighbours["pca"]
    methods = ("this run", "regressor", "latent search", "pca", "pixels", "mean image", "prior mean")
    return markdown(list(zip(*task_rows(task, methods, 10_000), strict=True)))


def evaluated(path: str, fields: dict[str, str], seeds: list[int]) -> dict:
    """The scores of the methods in `FREE`, over the seeds of an evaluation."""
    from jaxgan.config import build
    from jaxgan.config.command_line import load_config, override
    from jaxgan.runs.data import read_inputs
    from jaxgan.runs.evaluate.evaluation import Evaluation, to_json

    config = load_config(path)
    assert not override(config, {"evaluation.metrics": "task", **fields})
    inputs = read_inputs(config)
    experiment = build(config, inputs.facts)
    reports = []
    for seed in seeds:
        evaluation = Evaluation(config, inputs, experiment, seed, print)
        reports.append(to_json(evaluation.run(experiment.initial_state(0)), evaluation, "untrained"))
    scores = {
        name: {method: found for method, found in methods.items() if method in FREE}
        for name, methods in task_summary(reports).items()
    }
    return {"examples": len(inputs.dataset.train), "features": reports[0]["features"], "task": scores}


def main() -> None:
    """Measures the scores, and writes them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.path.join(os.environ.get("JAXGAN_DATA_DIR", "."), "mnist"))
    parser.add_argument("--out", default="results/tasks/baselines.json")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="of the evaluations")
    arguments = parser.parse_args()
    result: dict = {"seeds": arguments.seeds}
    for path, fields in CONFIGS.items():
        found = evaluated(path, {"dataset.path": arguments.data, **fields}, arguments.seeds)
        result[path] = {"set": fields, **found}
        for score, methods in found["task"].items():
            print(score, {method: round(values["mean"], 4) for method, values in methods.items()}, flush=True)
    result["machine"] = timing.machine("jaxgan", "jax", "jaxlib", "flax", "numpy")
    timing.write(arguments.out, result)


if __name__ == "__main__":
    main()
