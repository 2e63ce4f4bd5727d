"""A run's directory is a new one, an empty one or a run's, and never among files of something else."""

import pytest

from jaxgan.errors import UsageError
from jaxgan.runs.directory import RunDirectory
from tests.small_runs import train


def test_a_directory_of_something_else_is_refused_and_left_as_it_is(tmp_path):
    for name in ("b.png", "a.npz", "notes.txt", ".hidden"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError) as error:
        train(tmp_path, steps=1)
    assert str(error.value) == (
        f"--workdir={tmp_path} is not empty and has no run; it has files of something else: a.npz and 1 more; "
        f"name a new directory, such as {tmp_path / 'run'}"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "a.npz", "b.png", "notes.txt"]


@pytest.mark.parametrize("names", [(), ("job-17.out", "train.log"), (".nfs0001", "notes.txt"), ("samples",)])
def test_an_empty_directory_and_one_with_logs_are_taken(names, tmp_path):
    for name in names:
        (tmp_path / name).write_text("") if "." in name else (tmp_path / name).mkdir()
    RunDirectory(str(tmp_path)).close()
    assert (tmp_path / "samples").is_dir()


@pytest.mark.parametrize("name", ["config.json", "checkpoints", ".lock", "sweep.json"])
def test_a_run_may_have_files_of_a_users_own(name, tmp_path):
    (tmp_path / name).mkdir() if name == "checkpoints" else (tmp_path / name).write_text("{}")
    (tmp_path / "favourite.png").write_text("mine")
    RunDirectory(str(tmp_path)).close()
    assert (tmp_path / "favourite.png").read_text() == "mine" and (tmp_path / "samples").is_dir()
