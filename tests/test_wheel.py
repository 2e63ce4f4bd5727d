"""The wheel and the sdist, built as for a release; the wheel is installed and used outside the repository."""

import email
import os
import pathlib
import subprocess
import sys
import sysconfig
import tarfile
import zipfile

import pytest

import jaxgan

pytestmark = pytest.mark.slow
SMALL = ["--config.steps=20", "--config.batch_size=16", "--config.generator.widths=(16,)", "--config.sample_every=20"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist and the wheel, which is made from the sdist."""
    place = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(place), "."]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = place.glob("*.tar.gz"), place.glob("*.whl")
    return sdist, wheel


def _files(*patterns):
    paths = (path for pattern in patterns for path in pathlib.Path().glob(pattern) if path.is_file())
    return {path.as_posix() for path in paths if "__pycache__" not in path.parts and path.suffix != ".pyc"}


def test_the_sdist_is_the_repository(built):
    with tarfile.open(built[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = _files("*.md", "*.py", "*.toml", "*.txt", "Makefile", "LICENSE", "MANIFEST.in", ".ci/*", ".github/**/*")
    folders = ("benchmarks", "configs", "docs", "examples", "jaxgan", "notebooks", "results", "tests")
    wanted |= _files(*(f"{folder}/**/*" for folder in folders))
    assert {"launch.py", "docs/images/quickstart.png", "jaxgan/__init__.pyi", "results/theory/figure_1.png"} < wanted
    assert not {name for name in wanted - names if ".ipynb_checkpoints" not in name}
    assert not {name for name in names if name.endswith(".pyc")}


def test_the_wheel_has_the_package_the_configs_and_nothing_beside(built):
    with zipfile.ZipFile(built[1]) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        about = email.message_from_bytes(archive.read(metadata))
        (entries,) = (name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt"))
        assert "jaxgan = jaxgan.__main__:main" in archive.read(entries).decode()
        configs = {f"jaxgan/packaged/{name}": name for name in _files("configs/*.py")}
        assert all(archive.read(copy) == pathlib.Path(name).read_bytes() for copy, name in configs.items())
    assert names == _files("jaxgan/**/*") | set(configs)
    assert about["Version"] == jaxgan.__version__
    needed = [line for line in about.get_all("Requires-Dist") if "extra ==" not in line]
    assert sorted(line.partition(">=")[0] for line in needed) == ["chex", "jax", "numpy", "optax"]


@pytest.fixture(scope="module")
def jaxgan_command(built, tmp_path_factory):
    """The command of an environment that has the wheel, and for the rest the packages of this one."""
    place = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place / "venv")], check=True)
    python = str(place / "venv/bin/python")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    install = ["install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", str(built[1])]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *install], env=environment, check=True)
    (packages,) = (place / "venv").glob("lib/*/site-packages")
    (packages / "others.pth").write_text("\n".join({sysconfig.get_path(name) for name in ("purelib", "platlib")}))
    outside = place / "elsewhere"
    outside.mkdir()
    environment["JAXGAN_CACHE_DIR"] = str(place / "cache")

    def run(*arguments):
        command = [str(place / "venv/bin/jaxgan"), *arguments]
        return subprocess.run(command, cwd=outside, env=environment, capture_output=True, text=True)

    return run, place


def test_the_installed_command_trains_samples_and_reports(jaxgan_command):
    run, place = jaxgan_command
    trained = run("train", "ring", "--workdir=run", *SMALL)
    assert trained.returncode == 0 and "Traceback" not in trained.stderr, trained.stderr
    directory = place / "elsewhere/run"
    assert (directory / "samples/step_00000020.png").exists() and (directory / "report.html").exists()
    resumed = run("train", f"--config={place}/venv/lib/nothing.py", "--workdir=run")
    assert resumed.returncode == 2 and "there is no file" in resumed.stderr
    assert "has 20 steps already" in run("train", "ring:cpu", "--workdir=run", *SMALL).stdout
    assert run("sample", "run", "--count=7").stdout.startswith("7 samples of step 20")
    (directory / "report.html").unlink()
    assert run("report", "run").returncode == 0 and (directory / "report.html").exists()


def test_the_installed_command_has_help_a_doctor_and_hints(jaxgan_command):
    run, place = jaxgan_command
    assert run("--version").stdout == f"{jaxgan.__version__}\n"
    assert "jaxgan train CONFIG" in run("--help").stdout and "--count" in run("sample", "--help").stdout
    doctor = run("doctor")
    assert doctor.returncode == 0 and f"configs {place}/venv/lib/" in " ".join(doctor.stdout.split())
    assert "did you mean ring?" in run("train", "rnig", "--workdir=none").stderr
    # A config of a user's own extends one of the package's.
    config = "from configs import ring\n\ndef get_config():\n    return ring.get_config()\n"
    (place / "elsewhere/mine.py").write_text(config)
    assert "0 is below 1" in run("train", "mine.py", "--workdir=none", "--config.steps=0").stderr
    assert not (place / "elsewhere/none").exists()


def test_an_editable_install_is_a_path(tmp_path):
    program = f"from setuptools import build_meta; build_meta.build_editable({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (link,) = (name for name in archive.namelist() if ".dist-info/" not in name)
        assert link.endswith(".pth") and archive.read(link).decode().strip() == os.getcwd()
    assert not pathlib.Path("jaxgan/packaged").exists()
