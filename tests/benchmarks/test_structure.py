"""The structure of the code stays within its bounds: what a run enters, floors, tables of fields, lines."""

import pathlib
import statistics

import pytest

from benchmarks import structure

ROOT = pathlib.Path()


def test_floors_of_imports():
    chain = structure.floors(ROOT)
    assert chain[0] == "launch" and len(chain) <= structure.BOUNDS["floors"], chain
    inner = structure.folder_floors(ROOT)
    assert None not in inner.values(), inner


def test_lines_of_the_library():
    assert 1_000 < structure.lines(ROOT) <= structure.BOUNDS["lines"]


def test_tests_reach_no_private_name():
    assert structure.private_names(ROOT) == []


def test_a_config_field_is_described_in_few_places():
    found = structure.tables(ROOT)
    assert "configs/default.py" in found and len(found) <= structure.BOUNDS["tables"], found
    places = statistics.median(map(len, structure.field_places(ROOT).values()))
    assert 1 <= places <= structure.BOUNDS["field_places"]


def test_a_private_name_and_a_circle_are_found(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "jaxgan" / "a").mkdir(parents=True)
    (tmp_path / "configs").mkdir()
    (tmp_path / "tests/test_x.py").write_text("from jaxgan import a\nfrom jaxgan.a import _b\na._c()\na.d._replace()\n")
    assert structure.private_names(tmp_path) == ["tests/test_x.py: _b", "tests/test_x.py: a._c"]
    (tmp_path / "launch.py").write_text("def main():\n    from jaxgan import a\n")
    for name, text in (("__init__", ""), ("a/__init__", "import jaxgan.b"), ("b", "import jaxgan.c"), ("c", "")):
        (tmp_path / f"jaxgan/{name}.py").write_text(text + "\n")
    assert structure.floors(tmp_path) == ["launch", "jaxgan.a", "jaxgan.b", "jaxgan.c"]
    (tmp_path / "jaxgan/c.py").write_text("import jaxgan.a\n")
    with pytest.raises(ValueError, match="a circle of imports"):
        structure.floors(tmp_path)


@pytest.mark.slow
def test_a_short_run_enters_few_files():
    found = structure.walk(ROOT)
    assert 10 < len(found["files"]) <= structure.BOUNDS["walk_files"], found["files"]
    assert 50 < found["switches"] <= structure.BOUNDS["walk_switches"]
