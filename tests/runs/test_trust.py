"""The cache of compiled code is ours alone; paths that cannot be used, devices that are missing, and notebooks."""

import json
import os
import pathlib
import runpy
import stat
import subprocess
import sys
import tempfile
import zlib

import jax
import pytest

from jaxgan import runs
from jaxgan.config import command_line
from jaxgan.datasets import cache
from jaxgan.errors import UsageError
from jaxgan.io.atomic import local_path
from jaxgan.runs import devices
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.evaluate.report import write_report
from tests.small_runs import SMALL


@pytest.fixture
def compiled(tmp_path, monkeypatch):
    """A function that starts a program's cache, and returns its place; None if it is not used."""
    monkeypatch.setenv("JAXGAN_CACHE_DIR", str(tmp_path / "cache"))
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: jax.config.values[name] for name in names}

    def start():
        jax.config.update("jax_compilation_cache_dir", None)
        devices.cache_compiled_code()
        place = jax.config.values["jax_compilation_cache_dir"]
        return place and pathlib.Path(place)

    yield start
    for name, value in before.items():
        jax.config.update(name, value)


def entries(place):
    return sorted(path.name for path in place.iterdir() if path.name != devices.CHECKED)


def test_torn_changed_and_foreign_entries_are_removed_in_silence(compiled, capfd):
    place, whole = compiled(), zlib.compress(b"program" * 100)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    for name in ("good", "torn", "empty", "flipped", "writable", "foreign", "changed"):
        (place / f"{name}-cache").write_bytes(whole)
    assert compiled() == place and len(entries(place)) == 7
    (place / "changed-cache").write_bytes(zlib.compress(b"another"))
    (place / "new-cache").write_bytes(whole)
    (place / "torn_new-cache").write_bytes(whole[:-5])
    (place / "empty-cache").write_bytes(b"")
    (place / "flipped-cache").write_bytes(whole[:9] + bytes([whole[9] ^ 1]) + whole[10:])
    (place / "torn-cache").write_bytes(whole[:9])
    (place / "writable-cache").chmod(0o666)
    (place / "link-cache").symlink_to(place / "good-cache")
    foreign = ["foreign-cache"]
    if os.getuid() == 0:
        os.chown(place / "foreign-cache", 12345, -1)
        foreign = []
    assert compiled() == place and entries(place) == [*foreign, "good-cache", "new-cache"]
    (place / devices.CHECKED).write_text("[" * 100_000)
    assert compiled() == place and entries(place) == [*foreign, "good-cache", "new-cache"]
    assert capfd.readouterr() == ("", "")


def test_an_entry_of_jaxs_that_is_torn_is_made_anew(compiled, recwarn):
    place = compiled()

    def run():
        jax.clear_caches()
        jax.experimental.compilation_cache.compilation_cache.reset_cache()
        assert float(jax.jit(lambda x: x * 3 + 1)(2.0)) == 7

    run()
    names = entries(place)
    sizes = {name: (place / name).stat().st_size for name in names}
    assert names
    for name in names:
        os.truncate(place / name, sizes[name] // 2)
    compiled()
    assert entries(place) == []
    run()
    assert {name: (place / name).stat().st_size for name in entries(place)}.keys() >= set(names)
    assert not [w for w in recwarn if "cache" in str(w.message)]


def test_a_place_that_others_can_write_to_is_not_used(compiled, monkeypatch, capfd):
    place = compiled()
    (place / "planted-cache").write_bytes(zlib.compress(b"program"))
    # The directory itself is closed, and what was in it is not trusted.
    place.chmod(0o777)
    assert compiled() == place and entries(place) == [] and stat.S_IMODE(place.stat().st_mode) == 0o700
    assert capfd.readouterr().err == ""
    # Others are not ours to close.
    monkeypatch.setattr(cache, "private", lambda _: False)
    assert compiled() is None
    said = capfd.readouterr().err
    assert said.count("\n") == 1 and "compiled code is not kept; others can write to" in said


@pytest.mark.parametrize(
    ("modes", "owners", "is_private"),
    [
        ((0o755, 0o755, 0o755), (0, 1, 1), True),
        ((0o1777, 0o755, 0o700), (0, 1, 1), True),  # as /tmp
        ((0o755, 0o755, 0o775), (0, 1, 1), False),
        ((0o755, 0o755, 0o702), (0, 1, 1), False),
        ((0o755, 0o755, 0o755), (0, 1, 2), False),
        ((0o755, 0o755, 0o755), (0, 2, 1), False),
        ((0o777, 0o755, 0o755), (0, 1, 1), False),
        ((0o755, 0o775, 0o755), (0, 1, 1), False),
        ((0o700, 0o775, 0o755), (1, 1, 1), True),  # below one that only we may enter
        ((0o775, 0o700, 0o755), (0, 1, 1), False),  # which others may move
    ],
)
def test_who_can_write_to_a_directory(modes, owners, is_private, monkeypatch):
    found = dict(zip(("/", "/above", "/above/own"), zip(modes, owners, strict=True), strict=True))

    def lstat(path, **_):
        if path not in found:
            raise FileNotFoundError(path)
        mode, owner = found[path]
        return os.stat_result((stat.S_IFDIR | mode, 0, 0, 1, owner, 0, 0, 0, 0, 0))

    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", lstat)
        patch.setattr(os, "getuid", lambda: 1)
        answers = cache.private("/above/own"), cache.private("/above/none")
    assert answers == (is_private, False)


def test_without_a_home_directory_the_temporary_one_is_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("JAXGAN_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as it is where there is no home directory
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir(mode=0o755)
    tmp_path.chmod(0o700)
    own = cache.own_temporary
    own.cache_clear()
    try:
        assert cache.directory() == str(tmp_path / "temporary" / f"jaxgan-{os.getuid()}")
        own.cache_clear()
        (tmp_path / "temporary" / f"jaxgan-{os.getuid()}").chmod(0o777)  # another's
        assert cache.directory().startswith(str(tmp_path / "temporary" / "jaxgan-"))
        assert cache.private(cache.directory())
    finally:
        own.cache_clear()
    for begin in (lambda: RunDirectory("~/run"), lambda: local_path("~/run", "start.run=")):
        with pytest.raises(UsageError, match=r"~/run; ~ is the home directory, and there is none"):
            begin()
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("path", ["n" * 300, "d/" * 3_000, "a\0b"])
def test_a_path_that_cannot_be_looked_at_is_an_error_of_one_line(path):
    begin = [lambda: RunDirectory(path), lambda: RunDirectory(path, create=False)]
    for call in [*begin, lambda: command_line.load_config(f"{path}.py")]:
        with pytest.raises(UsageError) as error:
            call()
        assert "\n" not in str(error.value)


def test_a_directory_that_may_not_be_entered_is_an_error_of_one_line(tmp_path, monkeypatch):
    def refuse(self, **_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "stat", refuse)
    with pytest.raises(UsageError, match="cannot be read; Permission denied"):
        RunDirectory(str(tmp_path), create=False)


@pytest.mark.parametrize("mode", ["sample", "evaluate"])
@pytest.mark.parametrize("raised", [RuntimeError("Unable to initialize backend 'cuda'"), AssertionError()])
def test_modes_that_use_a_run_say_that_a_device_is_missing(mode, raised, tmp_path, monkeypatch):
    def count():
        raise raised

    monkeypatch.setattr(jax, "local_device_count", count)
    with pytest.raises(UsageError, match=r"JAX_PLATFORMS=.*JAX finds no such device .*or set JAX_PLATFORMS=cpu"):
        runs.run(mode, None, {}, str(tmp_path), {})


def test_launch_runs_twice_in_one_process(tmp_path, monkeypatch, capsys):
    """As %run of a notebook does. Flags of the first time are forgotten."""
    for arguments in (["--mode=sample", "--seed=3"], ["--mode=evaluate"]):
        monkeypatch.setattr(sys, "argv", ["launch.py", f"--workdir={tmp_path}/none", *arguments])
        with pytest.raises(SystemExit) as end:
            runpy.run_path("launch.py", run_name="__main__")
        assert end.value.code == 2 and "has no checkpoints" in capsys.readouterr().err


def test_a_name_that_is_no_utf8_is_written(tmp_path):
    directory = RunDirectory(os.fsdecode(os.fsencode(str(tmp_path)) + b"/run\xff"))
    directory.write_config({"a": 1})
    write_report(directory)
    assert json.loads(directory.config_file.read_text()) == {"a": 1}
    assert r"<h1>run\udcff</h1>" in directory.report.read_text("utf-8")


@pytest.mark.slow
def test_a_run_whose_log_is_full_and_an_evaluation_for_an_ascii_terminal_end_well(tmp_path):
    workdir, small = f"--workdir={tmp_path}/run", [f"--config.{name}={value}" for name, value in SMALL.items()]
    train = [sys.executable, "launch.py", "--config=configs/ring.py", workdir, *small]
    with open("/dev/full", "w") as full:
        assert subprocess.run(train, stdout=full, stderr=full).returncode == 0
    assert (tmp_path / "run" / "report.html").exists()
    evaluate = [sys.executable, "launch.py", "--mode=evaluate", workdir, "--config.evaluation.metrics=precision_recall"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    result = subprocess.run(evaluate, capture_output=True, text=True, env=environment)
    assert result.returncode == 0 and " ? 0." in result.stdout and "Traceback" not in result.stderr, result.stderr
