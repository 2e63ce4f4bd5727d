"""A run's directory may be a stranger's: what it says is checked, its code never runs, and no path leads out of it."""

import copy
import json
import os
import shutil

import pytest

from jaxgan import runs
from jaxgan.config import command_line, complete, problems_of, schema
from jaxgan.errors import DataError, JaxganError, UsageError
from jaxgan.io.metric_writers import MetricsFile
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.evaluate.report import panels_of, write_report
from jaxgan.runs.load import load_run
from jaxgan.runs.saved import EVALUATION, RUN, misfit
from tests.small_runs import train

ODD = [
    None,
    [],
    {},
    [[]],
    [{}],
    "",
    "$",
    "x" * 100_000,
    -1,
    2**70,
    True,
    float("inf"),
    float("nan"),
    [1, "a"],
    {"a": 1},
]
QUICK = {"evaluation.metrics": "modes", "evaluation.samples": "50"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose config names code, which it was trained with."""
    folder = tmp_path_factory.mktemp("stranger")
    workdir = folder / "run"
    train(workdir, steps=20, evaluation__features=f"{folder}/theirs.py:embed")
    (folder / "theirs.py").write_text(
        "import pathlib\npathlib.Path(__file__).with_name('ran').touch()\ndef embed(points):\n    return points\n"
    )
    return workdir


@pytest.fixture
def stranger(run, tmp_path):
    """A copy of it that a test may change."""
    shutil.copytree(run, tmp_path / "run")
    return tmp_path / "run"


def say(workdir, change):
    """Changes what the newest checkpoint says beside its arrays, as whoever wrote it can."""
    path = max((workdir / "checkpoints").glob("*/run/metadata"), key=lambda path: int(path.parts[-3]))
    saved = json.loads(path.read_text())
    change(saved)
    path.write_text(json.dumps(saved))
    (path.parent.parent / "manifest.json").unlink(missing_ok=True)


@pytest.mark.medium
def test_code_that_a_run_names_is_not_run(run, tmp_path):
    ran, code = run.parent / "ran", f"{run.parent}/theirs.py:embed"
    with pytest.raises(UsageError, match="run's config names code, evaluation.features=.*theirs.py:embed; code that"):
        runs.run("evaluate", None, QUICK, str(run), {})
    runs.run("sample", None, {}, str(run), {"count": 5})
    assert load_run(str(run)).config["evaluation"]["features"] == "auto"
    other = tmp_path / "other.py"
    base = "from configs import ring\ndef get_config(_=''):\n    config = ring.get_config()\n"
    other.write_text(base + "    config.evaluation.features = 'mine.py:embed'\n    return config\n")
    with pytest.raises(UsageError, match="names code"):
        runs.run("evaluate", str(other), QUICK, str(run), {})
    assert not ran.exists()
    runs.run("evaluate", None, QUICK | {"evaluation.features": "raw"}, str(run), {})
    assert not ran.exists()
    # What the caller gives is run: on the command line, or in a config.
    runs.run("evaluate", None, QUICK | {"evaluation.features": code}, str(run), {})
    ran.unlink()
    other.write_text(base + f"    config.evaluation.features = {code!r}\n    return config\n")
    runs.run("evaluate", str(other), QUICK, str(run), {})
    ran.unlink()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("config", [1]),
        ("data", None),
        ("window", [1]),
        ("window.d_loss", ["a"]),
        ("window.d_loss", [2**70]),
        ("data.example_shape", "ab"),
        ("data.example_shape", [2**40]),
        ("data.example_shape", []),
        ("data.classes", -3),
        ("data.condition_shape", [2**60]),
        ("data.mixture", {"centers": [[0, 0], [1]], "sigma": 1}),
        ("data.mixture.sigma", 0),
        ("data.low", "0"),
        ("config.loss", ["minimax"]),
        ("config.generator", 5),
        ("config.loss", "x" * 100_000),
        ("config.schedules", "x" * 100_000),
        ("config." + "x" * 100_000, 1),
        ("config.steps", {"a": 1}),
    ],
)
def test_what_a_checkpoint_says_is_checked(stranger, place, value):
    def change(saved):
        *path, name = place.split(".")
        for part in path:
            saved = saved[part]
        saved[name] = value

    say(stranger, change)
    with pytest.raises(JaxganError) as error:
        load_run(str(stranger))
    assert len(str(error.value)) < 3_000
    with pytest.raises(JaxganError) as error:  # and to go on with it
        train(stranger, steps=40)
    assert len(str(error.value)) < 6_000


def test_a_checkpoint_with_a_link_or_a_pipe_is_refused(stranger):
    path = stranger / "checkpoints/20/run/metadata"
    path.unlink()
    os.mkfifo(path)  # which nobody writes to: reading it would never end
    with pytest.raises(DataError, match="metadata is neither a file nor a directory"):
        load_run(str(stranger))


@pytest.mark.parametrize("all_fields", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_odd_values_of_fields_of_a_config_are_problems(all_fields):
    """And no exceptions: the config of a checkpoint is anyone's."""
    config = command_line.load_config("configs/ring.py")
    sections = [name for name, value in config.items() if isinstance(value, dict)]
    names = [*schema.flattened(config), *sections, "zzz", "generator.zzz", "zzz.zzz"]
    for number, name in enumerate(names if all_fields else names[::15]):
        for value in ODD if all_fields else (ODD[number % len(ODD)],):
            odd = complete(schema.replaced(config, {name: copy.deepcopy(value)}))
            assert all(len(str(problem)) for problem in problems_of(odd))
            schema.code(odd)


# --- The report


def report_of(workdir):
    write_report(RunDirectory(str(workdir), create=False))
    return (workdir / "report.html").read_text()


EVALUATED = {
    "step": 20,
    "seed": 0,
    "samples": 50,
    "dataset": "ring",
    "sampled": {},
    "sampling": {"method": "plain"},
    "features": {"name": "raw"},
    "scores": [
        {"name": "modes", "value": 8, "standard_error": None, "unit": "", "better": "higher", "features": "raw"}
        | {"samples": 50, "against": 0, "split": "", "real_data": {"value": 8, "standard_error": None, "samples": 50}}
    ],
    "task": {"name": "none", "scores": [], "notes": []},
    "notes": [],
    "pictures": [],
}


def evaluated(workdir, **changes):
    path = workdir / "evaluation" / "step_00000020_seed_0.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(EVALUATED | changes))
    return path


def test_pictures_of_an_evaluation_stay_in_its_directory(stranger, capsys):
    secret = stranger.parent / "secret.txt"
    secret.write_bytes(b"\x89PNG\r\nsecret")
    encoded = "iVBORw0Kc2VjcmV0"  # base64 of it
    picture = b"\x89PNG\r\n\x1a\n0"
    names = [
        "../../secret.txt",
        str(secret),
        "link.png",
        "../samples/step_00000020.png",
        "a\0b",
        "n" * 5_000,
        "pipe.png",
    ]
    evaluated(stranger, pictures=[*names, "own_<b>.png", "text.png"])
    folder = stranger / "evaluation"
    (folder / "link.png").symlink_to(secret)
    (folder / "own_<b>.png").write_bytes(picture)
    (folder / "text.png").write_text("no picture")
    os.mkfifo(folder / "pipe.png")
    page = report_of(stranger)
    assert encoded not in page and "bm8gcGljdHVyZQ" not in page and "<b>" not in page
    assert "<h3>&lt;b&gt;</h3>" in page
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == 4 and all("it is not in" in line and len(line) < 500 for line in warnings)
    # Nor do those that the report finds by itself.
    newest = stranger / "samples" / "step_99999999.png"
    newest.symlink_to(secret)
    (stranger / "samples" / "step_none.png").write_bytes(picture)
    assert encoded not in report_of(stranger)


@pytest.mark.parametrize("place", ["config.json", "report.html", "samples", "checkpoints", ".lock", "metrics.jsonl"])
def test_a_directory_that_leads_elsewhere_is_refused(stranger, place):
    outside = stranger.parent / f"outside_{place}"
    (stranger / place).rename(outside) if (stranger / place).exists() else outside.write_text("mine")
    (stranger / place).symlink_to(outside)
    before = outside.read_bytes() if outside.is_file() else sorted(os.listdir(outside))
    for begin in (lambda: train(stranger, steps=40), lambda: load_run(str(stranger))):
        with pytest.raises(UsageError, match=f"{place} leads out of the run's directory"):
            begin()
    assert before == (outside.read_bytes() if outside.is_file() else sorted(os.listdir(outside)))


def test_a_directory_may_be_a_link_itself_and_have_links_within(stranger):
    (stranger.parent / "link").symlink_to(stranger)
    (stranger / "profile").symlink_to("samples")
    assert RunDirectory(str(stranger.parent / "link"), create=False).samples.is_dir()
    (stranger / "metrics.jsonl").unlink()
    os.mkfifo(stranger / "metrics.jsonl")
    with pytest.raises(UsageError, match="neither a file nor a directory"):
        load_run(str(stranger))


def leaves(value, path=()):
    """The places of all values in a JSON."""
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from leaves(part, (*path, name))


def test_odd_evaluations_are_left_out_or_shown(stranger, capsys):
    """Every value replaced by an odd one: the report is written, with a line for each evaluation that is left out."""
    directory = RunDirectory(str(stranger), create=False)
    for number, path in enumerate(leaves(EVALUATED)):
        for value in (ODD[number % len(ODD)], ODD[(4 * number + 1) % len(ODD)]):
            odd = copy.deepcopy(EVALUATED)
            part = odd
            for name in path[:-1]:
                part = part[name]
            if path:
                part[path[-1]] = value
            else:
                odd = value
            file = evaluated(stranger)
            file.write_text(json.dumps(odd))
            body = "".join(_page(directory))
            lines = capsys.readouterr().err.splitlines()
            fits = not misfit(odd, EVALUATION, "")
            assert (" and seed " in body) == fits
            assert fits or (len(lines) == 1 and len(lines[0]) < 500 and f"{file} is left out; " in lines[0]), lines


def _page(directory):
    from jaxgan.runs.evaluate.report import read_evaluations
    from jaxgan.runs.evaluate.tables import as_html, as_text

    for report in read_evaluations(directory):
        as_text({"left_out": {}} | report, "run") if "task" in report else None
        yield from as_html(report)


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "\x00", '{"step": 1e999}', "5" * 5_000, "null"])
def test_a_file_that_is_no_json_is_left_out(stranger, text, capsys):
    (stranger / "metrics.jsonl").unlink()  # curves take their time
    evaluated(stranger).write_text(text)
    assert "Not evaluated yet" in report_of(stranger)
    assert capsys.readouterr().err.count("\n") == 1


def test_scores_with_odd_names_are_drawn(stranger):
    for step in (20, 40):
        path = evaluated(stranger, step=step)
        odd = json.loads(path.read_text())
        odd["scores"][0] |= {"name": r"$\frac$ <i>", "value": 1e300, "standard_error": 1e300}
        (stranger / "evaluation" / f"step_{step}_seed_0.json").write_text(json.dumps(odd))
        path.unlink()
    assert "&lt;i&gt;" in report_of(stranger)


@pytest.mark.parametrize(
    "line", ['{"step": "x"}', "[1]", "[" * 100_000, '{"step": 1, "d_loss": "a"}', '{"step": 1, "d_loss": [1]}', "{}"]
)
def test_odd_metrics_end_the_curves_and_are_no_start(stranger, line):
    with (stranger / "metrics.jsonl").open("a") as file:
        file.write(line + '\n{"step": 20}\n')
    panels = panels_of(RunDirectory(str(stranger), create=False), [])
    assert panels["losses"]["d_loss"].steps == [10, 20]
    with MetricsFile(stranger / "metrics.jsonl") as file, pytest.raises(UsageError, match="cannot resume .* line 3 is"):
        file.truncate(20)


def test_patterns():
    assert misfit({"a": [1, None], "b": "x"}, {"a": [int | None], "b?": str}, "it") == ""
    assert misfit({}, {"a": int}, "it") == "it has no a"
    assert misfit({"a": True}, {"a": int}, "it") == "it.a is True"
    assert misfit({"a": [0.5, float("nan")]}, {"a": [float]}, "it") == "it.a[1] is nan"
    assert misfit({"x": {"y": 2**63}}, {...: {...: int}}, "it") == f"it.x.y is {2**63}"
    assert misfit({"config": {}, "window": {}, "data": {}}, RUN, "it") == "it.data has no example_shape"
