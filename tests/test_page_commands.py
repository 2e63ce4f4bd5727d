"""Every command of README and of the documentation, as it stands there, on little data and for a few steps.

The programs of the pages: test_documents.py and test_site.py; the notebooks: test_notebooks.py.
"""

import importlib.util
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest

from jaxgan import config_files, runs
from jaxgan.config import complete
from jaxgan.runs import command
from tests.datasets.conftest import png, write_mnist

PAGES = [pathlib.Path("README.md"), *sorted(pathlib.Path("docs").rglob("*.md"))]
DOCUMENTS = [*PAGES, *map(pathlib.Path, ("BUILD.md", "CONTRIBUTING.md", "results/README.md"))]

PLACES = ("FOLDER_OR_ZIP", "DIRECTORY_OF_IDX_FILES", "DIRECTORY_OF_MNIST", "MNIST", "FILE.npz")
"""What the reader replaces by a path of data."""

ROOT = pathlib.Path.cwd()

ELSEWHERE = ("pip", "python3", "tensorboard", "wandb", "srun", "gcloud")
"""Programs that are not jaxgan's: what they are given is not tested here."""

FEW = {"steps": "4", "log_every": "2", "sample_every": "4", "checkpoint_every": "2", "sample_count": "20"}
FEW |= {"batch_size": "8", "mapping": "jit", "evaluation.samples": "60", "alarms.patience": "0"}
FEW_SAMPLES = {"evaluation.samples": "200"}


def commands(text):
    """The commands of a document's blocks of `sh`, and of those that begin with `$`: words, and what stands before."""
    blocks = re.findall(r"^ *```(sh)?\n(.*?)^ *```", text, re.M | re.S)
    for kind, block in blocks:
        lines = re.sub(r"\\\n", " ", block).splitlines()
        for line in lines if kind else [line[2:] for line in lines if line.startswith("$ ")]:
            words = shlex.split(line, comments=True)
            first = next((number for number, word in enumerate(words) if not re.match(r"[A-Z_]+=", word)), 0)
            if words and not words[first].startswith("-"):
                yield words[:first], words[first:]


def in_cells(text):
    """The commands in the cells of the table of results/."""
    for code in re.findall(r"^\|.*?\| `((?:python|make) .*?)`", text, re.M):
        yield [], shlex.split(code)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Something for each of PLACES, and tensorflow-datasets' directory with MNIST."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (folder / "pictures" / name).mkdir(parents=True)
        for number in range(40):
            (folder / "pictures" / name / f"{number}.png").write_bytes(png(rng.integers(0, 256, (40, 36, 3), np.uint8)))
    (folder / "mnist").mkdir()
    write_mnist(folder / "mnist", train=1200, test=120)
    np.savez(folder / "vectors.npz", examples=rng.random((80, 28, 28, 1)), conditions=rng.random((80, 2)))
    return dict.fromkeys(PLACES, folder / "mnist") | {
        "FOLDER_OR_ZIP": folder / "pictures",
        "FILE.npz": folder / "vectors.npz",
    }


def fields_of(words):
    return {name: value for name, _, value in (word[9:].partition("=") for word in words if word[:9] == "--config.")}


def with_data(words, data):
    """A command with paths that exist."""
    for place, path in data.items():
        words = [re.sub(rf"^((.*=)?){re.escape(place)}$", rf"\g<1>{path}", word) for word in words]
    return words


def with_fields(words, fields):
    given = fields_of(words)
    return words + [f"--config.{name}={value}" for name, value in fields.items() if name not in given]


class Reader:
    """Gives the commands of one page in their order, each in the state that the ones before it left."""

    def __init__(self, data):
        self.data = data
        self.trained = {}
        """What each directory was trained by, but for its number of steps."""

    def give(self, words):
        """Gives a command of `jaxgan`.

        A page may show several ways to train into one directory: then the reader takes another directory. It may
        speak of a run that another page trains: then the reader has trained it.
        """
        words = with_data(words, self.data)
        if words[1:2] == ["--mode=sweep"]:  # of launch.py
            words = ["jaxgan", "sweep", *(word.removeprefix("--config=") for word in words[2:])]
        if words[1] in ("train", "sweep"):
            self.train(words)
        elif words[1] in ("sample", "evaluate", "export", "report"):
            for directory in [word for word in words[2:] if word.startswith("runs/")]:
                if not pathlib.Path(directory).exists():
                    name = pathlib.Path(directory).name
                    best = ["--config.evaluation.every=4"] if "--step=best" in words else []
                    data = complete(config_files.load(name))["dataset"]["name"]
                    path = [f"--config.dataset.path={self.data['MNIST']}"] if data == "idx" else []
                    self.train(["jaxgan", "train", name, f"--workdir={directory}", *best, *path])
            words = [re.sub(r"^--step=\d+$", f"--step={FEW['steps']}", word) for word in words]
            if words[1] == "evaluate":
                # The Fréchet distance of raw images needs more of them than there are.
                own_features = "frechet" in fields_of(words).get("evaluation.metrics", "")
                words = with_fields(
                    words, FEW_SAMPLES if own_features else FEW_SAMPLES | {"evaluation.features": "raw"}
                )
            self.end(words)
        else:
            self.end(words)

    def train(self, words):
        (workdir,) = [word.partition("=")[2] for word in words if word.startswith("--workdir=")]
        by = [word for word in words if not word.startswith(("--config.steps=", "--config.logging."))]
        if self.trained.setdefault(workdir, by) != by:
            shutil.rmtree(workdir)
            self.trained[workdir] = by
        # A run that goes on has more steps than it had.
        few = [re.sub(r"(--config\.steps=).*", r"\g<1>8", word) for word in words]
        few = [re.sub(r"(--config\.(\w+_every|evaluation\.every)=).*", r"\g<1>2", word) for word in few]
        few = [re.sub(r"(--config\.dataset\.examples=).*", r"\g<1>400", word) for word in few]
        few = [re.sub(r"(--config\.evaluation\.samples=).*", r"\g<1>60", word) for word in few]
        self.end(with_fields(few, FEW))

    def end(self, words):
        """What `jaxgan` answers, in this process."""
        with pytest.raises(SystemExit) as end:
            command.main(words[1:], answers_signals=False)
        assert not end.value.code, words


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(words[0] == "jaxgan" for _, words in commands(page.read_text()))], ids=str
)
def test_the_commands_of_a_page_do_what_it_says(page, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text()
    configs = [block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "def get_config" in block]
    for program in configs:
        (name,) = set(re.findall(r"train (\w+\.py)", text))
        (tmp_path / name).write_text(program)
    monkeypatch.setenv("WANDB_MODE", "offline")
    reader = Reader(data)
    given = 0
    for settings, words in commands(text):
        if words[:2] == ["python", "launch.py"] and "--mode=sweep" in words:
            words = ["jaxgan", *words[2:]]
        if words[0] == "jaxgan":
            for name, _, value in (setting.partition("=") for setting in settings):
                monkeypatch.setenv(name, value)
            reader.give(words)
            given += 1
    assert given


def module_or_file(words):
    """What a command of `python` runs, as `python` takes it; None where that is not of this project."""
    if words[0] != "python" or words[1] == "-c" or words[1:3] in (["-m", "pip"], ["-m", "build"]):
        return None
    return tuple(words[1:3] if words[1] == "-m" else words[1:2])


EVERY = [
    (document, words)
    for document in DOCUMENTS
    for _, words in (*commands(document.read_text()), *in_cells(document.read_text()))
]
PROGRAMS = sorted({program for _, words in EVERY if (program := module_or_file(words))})


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=" ".join)
def test_the_flags_that_a_page_gives_to_a_program_are_its_own(program):
    helped = subprocess.run([sys.executable, *program, "--help"], capture_output=True, text=True)
    known = set(re.findall(r"--(\w[\w-]*)", helped.stdout))
    assert known, helped.stderr
    for document, words in EVERY:
        if module_or_file(words) == program:
            given = {re.split(r"[=.]", word[2:])[0] for word in words if word.startswith("--")}
            assert given <= known, f"{document}: {words}"


def test_every_command_is_of_a_program_that_is_there():
    targets = set(re.search(r"^\.PHONY: (.*)$", pathlib.Path("Makefile").read_text(), re.M)[1].split())
    for document, words in EVERY:
        said = f"{document}: {words}"
        if words[0] == "make":
            wanted = {word for word in words[1:] if "=" not in word and not word.startswith("-")}
            assert wanted <= targets, said
        elif words[0] == "jaxgan":
            assert words[1] in (*runs.MODES, *command.OTHERS), said
        elif program := module_or_file(words):
            assert pathlib.Path(program[-1]).is_file() or importlib.util.find_spec(program[-1]), said
        else:
            assert words[0] in (*ELSEWHERE, "python", ".ci/run") or words[0].endswith("/python"), said
    assert len({tuple(words) for _, words in EVERY}) > 100
