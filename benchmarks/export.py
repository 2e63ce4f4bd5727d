"""Exported generators of runs: size of each form, difference of its samples from JAX's, and time per picture.

    python -m benchmarks.export quickstart=runs/quickstart dcgan=runs/dcgan

Times are processor seconds per picture: for one picture at a time, and for 100 at once. The page measures its own time.
The page needs Chromium and the package playwright; a page with convolutions also needs onnxruntime-web, from
--onnxruntime_web or npm. Without Chromium, the pages' numbers are omitted.
"""

import argparse
import functools
import json
import pathlib
import re
import shutil
import tempfile
import time
from typing import Any

import jax
import numpy as np
import onnxruntime

import jaxgan
from benchmarks import timing

BATCHES = (1, 100)


def page_of(path: pathlib.Path) -> dict[str, float]:
    """The results that a page reports in headless Chromium."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        return {}
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        tab = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"]).new_page()
        tab.goto(path.absolute().as_uri())
        tab.wait_for_selector("body[data-ready]", timeout=300_000)
        text = tab.inner_text("#facts")
        milliseconds = re.search(r"([\d.]+) ms for a picture", text)
        assert milliseconds is not None
        difference = tab.locator("dd[data-value]").get_attribute("data-value")
        return {"difference": float(str(difference)), "milliseconds": float(milliseconds[1])}


def measure(workdir: str, onnxruntime_web: str, repeats: int) -> dict[str, Any]:
    """Measures one run."""
    with tempfile.TemporaryDirectory() as folder:
        made = jaxgan.export(workdir, folder, onnxruntime_web=onnxruntime_web)
        gan = jaxgan.load(workdir)
        latents = np.asarray(gan.latent.sample(jax.random.key(0), max(BATCHES)))
        described = json.loads((pathlib.Path(folder) / "generator.json").read_text())
        inputs = {"latents": latents}
        for each in described["inputs"][1:]:
            rows = np.arange(len(latents)) % each.get("classes", 1)
            inputs[each["name"]] = np.broadcast_to(
                rows.reshape(-1, *(1 for _ in each["shape"][1:])), (len(latents), *each["shape"][1:])
            ).astype(each["dtype"])
        program = jax.export.deserialize(bytearray(made["jax"].read_bytes()))
        session = onnxruntime.InferenceSession(made["onnx"])
        calls = {
            "jax": lambda count: np.asarray(program.call(*(x[:count] for x in inputs.values()))),
            "onnx": lambda count: session.run(None, {name: x[:count] for name, x in inputs.items()})[0],
        }
        condition = inputs.get("condition")
        wanted = np.asarray(jaxgan.generate(gan.generator, gan.state, latents, condition=condition))
        found: dict[str, Any] = {
            "parameters": sum(leaf.size for leaf in jax.tree.leaves(gan.state.generator.params)),
            "shape": described["output"]["shape"][1:],
            "bytes": {name: path.stat().st_size for name, path in made.items() if path.is_file()},
            "difference": {name: float(np.abs(call(max(BATCHES)) - wanted).max()) for name, call in calls.items()},
        }
        found["bytes"]["safetensors"] = (made["safetensors"] / "model.safetensors").stat().st_size
        for count in BATCHES:
            functions = {name: functools.partial(call, count) for name, call in calls.items()}
            seconds = timing.in_turn(functions, repeats, time.process_time)
            found[f"milliseconds_of_a_picture_of_{count}"] = {
                name: timing.summary([1_000 * each / count for each in values]) for name, values in seconds.items()
            }
        return found | {"page": page_of(made["html"]) if "html" in made else {}}


def table_of(found: dict[str, Any]) -> str:
    """The table of docs/export.md."""
    lines = [
        "| run | megabytes of jax, onnx, safetensors, html | ms of a picture, jax | onnx | page "
        "| farthest from JAX, onnx | page |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, run in found["runs"].items():
        sizes = ", ".join(f"{run['bytes'][form] / 1e6:.1f}" for form in ("jax", "onnx", "safetensors", "html"))
        times = [
            " / ".join(f"{run[f'milliseconds_of_a_picture_of_{count}'][form]['median']:.2g}" for count in BATCHES)
            for form in ("jax", "onnx")
        ]
        page, far = run["page"], run["difference"]["onnx"]
        cells = [name, sizes, *times, f"{page['milliseconds']:.2g}", f"{far:.0e}", f"{page['difference']:.1e}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measures the runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", help="NAME=DIRECTORY of runs")
    parser.add_argument("--onnxruntime_web", default="")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--out", default="results/benchmarks/export.json")
    given = parser.parse_args()
    found = {
        name: measure(workdir, given.onnxruntime_web, given.repeats)
        for name, _, workdir in (run.partition("=") for run in given.runs)
    }
    timing.write(given.out, {"machine": timing.machine("jax", "onnx", "onnxruntime"), "runs": found})


if __name__ == "__main__":
    main()
