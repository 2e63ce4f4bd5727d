"""Files of configs are found by path or by name, in the repository and in a wheel, and may import their neighbours."""

import importlib.util
import pathlib
import shutil
import subprocess
import sys

import pytest

from configs import ring
from jaxgan import config_files
from jaxgan.errors import UsageError

REPOSITORY = pathlib.Path.cwd()


@pytest.mark.parametrize("location", ["ring", "ring:gpu", "configs/ring.py", "configs/ring.py:gpu"])
def test_a_config_is_found_by_its_path_and_by_its_name(location):
    path, argument = config_files.find(location)
    assert path == pathlib.Path("configs/ring.py") and argument == location.partition(":")[2]
    assert config_files.load(location) == ring.get_config(argument)


def test_elsewhere_the_configs_are_those_of_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config_files.find("ring")[0] == REPOSITORY / "configs/ring.py"
    (tmp_path / "ring").mkdir()  # which is not a file
    assert config_files.load("ring:cpu") == ring.get_config("cpu")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/ring.py").write_text("from configs import mnist\nget_config = mnist.get_config\n")
    assert config_files.find("ring")[0] == pathlib.Path("configs/ring.py")  # a user's own come first
    assert config_files.load("ring").dataset.name == "idx"


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("rng", "did you mean configs/ring.py?"),
        ("rnig:gpu", "did you mean configs/ring.py?"),
        ("quickstat.py", "did you mean configs/quickstart.py?"),
        ("confgs/ring.py", "did you mean configs/ring.py?"),
        ("configs/wgna_gp.py", "did you mean configs/wgan_gp.py?"),
        ("tests/small_run.py", "did you mean tests/small_runs.py?"),
        ("qqqq", "choose one of configs/acgan.py, configs/avatars.py, configs/avatars_r3gan.py, "),
        ("ring:cuda", "'cuda' is not a platform; write :cpu, :gpu, :tpu or nothing"),
        ("", "there is no file; choose one of"),
        ("configs", "there is no file configs; choose one of"),
    ],
)
def test_a_name_that_is_wrong_is_answered_with_the_nearest(location, said):
    with pytest.raises(UsageError) as error:
        config_files.load(location)
    assert said in str(error.value)


def test_elsewhere_names_are_answered_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"did you mean ring\?"):
        config_files.load("rnig")
    with pytest.raises(UsageError, match=r"choose one of acgan, avatars, avatars_r3gan, "):
        config_files.load("qqqq")


def test_a_config_imports_files_beside_it_and_nothing_is_replaced(tmp_path):
    (tmp_path / "widths_of_mine.py").write_text("BATCH = 96\n")
    (tmp_path / "jax.py").write_text("raise RuntimeError('not this one')\n")
    (tmp_path / "mine.py").write_text(
        "import jax.numpy\nfrom configs import ring\nfrom widths_of_mine import BATCH\n\n"
        "def get_config(platform=''):\n    config = ring.get_config(platform)\n    config.batch_size = BATCH\n"
        "    return config\n"
    )
    assert config_files.load(str(tmp_path / "mine.py")).batch_size == 96


def test_a_folder_configs_of_a_users_own_and_ours_are_one(tmp_path):
    """In another process, where nothing has imported ours yet, and the present directory is not on the path."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/base.py").write_text("from configs import ring\nSTEPS = ring.get_config().steps + 1\n")
    (tmp_path / "configs/mine.py").write_text(
        "from configs import base, mnist\n\ndef get_config():\n    config = mnist.get_config()\n"
        "    config.steps = base.STEPS\n    return config\n"
    )
    program = "from jaxgan import config_files; print(config_files.load('configs/mine.py').steps)"
    found = _python(program, tmp_path, REPOSITORY)
    assert found.stdout == "20001\n", found.stderr


def test_a_wheel_has_the_configs_in_the_package(tmp_path):
    """As setup.py lays them out; tests/test_wheel.py builds one."""
    shutil.copytree(REPOSITORY / "jaxgan", tmp_path / "place/jaxgan", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(REPOSITORY / "configs", tmp_path / "place/jaxgan/packaged/configs")
    program = (
        "from jaxgan import config_files\n"
        "print(config_files.find('quickstart')[0], config_files.load('quickstart').steps)"
    )
    found = _python(program, tmp_path, tmp_path / "place")
    assert found.stdout == f"{tmp_path}/place/jaxgan/packaged/configs/quickstart.py 6000\n", found.stderr


def _python(program, directory, path):
    command = [sys.executable, "-P", "-c", program]
    return subprocess.run(command, cwd=directory, env={"PYTHONPATH": str(path)}, capture_output=True, text=True)


def test_setup_copies_every_config_and_an_editable_install_copies_none(tmp_path, monkeypatch):
    setuptools = pytest.importorskip("setuptools", reason="pip install setuptools")
    monkeypatch.setattr(setuptools, "setup", lambda **_: None)
    spec = importlib.util.spec_from_file_location("jaxgan_setup", "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for editable in (True, False):
        build = module.BuildWithConfigs(setuptools.Distribution({"packages": [], "script_name": "setup.py"}))
        build.initialize_options()
        build.build_lib, build.editable_mode = str(tmp_path), editable
        build.finalize_options()
        build.run()
        copied = sorted(path.name for path in tmp_path.glob("jaxgan/packaged/configs/*"))
        assert copied == ([] if editable else sorted(path.name for path in pathlib.Path("configs").glob("*.py")))
