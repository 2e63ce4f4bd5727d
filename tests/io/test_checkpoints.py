"""Checkpoints: bit-identical, safe against kills, damage, full disks and other devices; failures are one line."""

import dataclasses
import functools
import json
import logging
import os
import resource
import shutil
import signal
import subprocess
import sys
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.errors import DataError, JaxganError, UsageError
from jaxgan.io.checkpoints import Checkpoints
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.train.host_loop import go_back
from jaxgan.types import PlayerState, TrainState

ROOT = Path(__file__).parents[2]


def make_state(width=4, average=True, tx=None, seed=3, key=None):
    base = jax.random.key(seed)
    tx = tx or optax.adam(1e-3)

    def player(index, model_state):
        draw = jax.random.fold_in(base, index)
        params = {
            "dense": {"kernel": jax.random.normal(draw, (3, width)), "bias": jnp.full(width, 0.1, jnp.bfloat16)},
            "steps": jnp.arange(3, dtype=jnp.int32),
        }
        return PlayerState(params, model_state, tx.init(params))

    generator = player(0, {"batch_stats": {"mean": jnp.linspace(-1, 1, width)}})
    params = jax.tree.map(lambda x: x + x, generator.params) if average else None
    return TrainState(jnp.int32(5), base if key is None else key, generator, player(1, {}), params)


def raw(leaf):
    return np.asarray(jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf)


def assert_same(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert a.dtype == b.dtype
        assert raw(a).tobytes() == raw(b).tobytes()


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.medium
@pytest.mark.parametrize("asynchronous", [True, False])
def test_round_trip_is_bit_identical(tmp_path, asynchronous):
    state = make_state()
    extra = {"config": {"loss": "hinge", "seed": 0}, "pending": [1.5, None]}
    with Checkpoints(tmp_path / "a" / "b", keep=2, asynchronous=asynchronous) as checkpoints:
        assert checkpoints.latest_step() is None
        checkpoints.save(5, state, extra)
        for template in (state, jax.eval_shape(lambda: state)):
            restored, found = checkpoints.restore(template)
            assert_same(restored, state)
            assert found == extra
        assert restored.key.dtype == jax.random.key(0).dtype
        leaves = jax.tree.leaves(restored)
        assert {leaf.sharding for leaf in leaves} == {jax.sharding.SingleDeviceSharding(jax.devices()[0])}


def test_the_latest_are_kept_and_an_existing_step_is_left_alone(tmp_path):
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save(step, make_state(seed=step), {"step": step})
        checkpoints.save(3, make_state(seed=9), {"step": 99})
        checkpoints.wait()
        assert checkpoints.latest_step() == 3
        assert checkpoints.extra() == {"step": 3}
        assert checkpoints.extra(2) == {"step": 2}
        assert_same(checkpoints.restore(make_state())[0], make_state(seed=3))
        assert_same(checkpoints.restore(make_state(), 2)[0], make_state(seed=2))
        with pytest.raises(UsageError) as error:
            checkpoints.save(1, make_state(), {})
        assert "cannot save step 1" in one_line(error)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2", "3"]


def test_a_step_that_was_not_planned_is_kept_only_while_it_is_the_newest(tmp_path):
    with Checkpoints(tmp_path, keep=2, every=(10,)) as checkpoints:
        for step, kept in ((10, [10]), (20, [10, 20]), (25, [10, 20, 25]), (27, [10, 20, 27]), (30, [20, 30])):
            checkpoints.save(step, make_state(), {})
            checkpoints.wait()
            assert checkpoints.steps() == kept
            assert checkpoints.planned_steps() == [step for step in kept if step not in (25, 27)]


def test_buffers_may_be_donated_while_the_save_runs(tmp_path):
    @functools.partial(jax.jit, donate_argnums=0)
    def train(numbers):
        return jax.tree.map(lambda x: x * 2 + 1, numbers)

    params = {"kernel": jax.random.normal(jax.random.key(0), (1000, 1000))}
    state = make_state().replace(generator=PlayerState(params, {}, ()))
    expected = np.array(params["kernel"])
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(1, state, {})
        for _ in range(5):
            params = train(params)
        kernel = jax.ShapeDtypeStruct((1000, 1000), jnp.float32)
        template = state.replace(generator=PlayerState({"kernel": kernel}, {}, ()))
        restored, _ = checkpoints.restore(template)
    assert np.array_equal(restored.generator.params["kernel"], expected)


def test_the_dict_saved_is_the_one_given_then(tmp_path):
    extra = {"losses": [1.0]}
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(1, make_state(), extra)
        extra["losses"].append(2.0)
        assert checkpoints.extra() == {"losses": [1.0]}
        with pytest.raises(TypeError):
            checkpoints.save(2, make_state(), {"array": np.ones(2)})


@pytest.mark.parametrize("average", [True, False])
def test_the_generator_alone(tmp_path, average):
    state = make_state(average=average)
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(5, state, {})
        nothing = PlayerState({}, {}, ())
        bare = state.replace(discriminator=nothing, generator=state.generator.replace(opt_state=()))
        for template in (state, bare, jax.eval_shape(lambda: bare)):
            found = checkpoints.restore_generator(template)
            assert_same(found, bare)


def test_a_checkpoint_from_before_the_average_of_statistics(tmp_path):
    state = make_state()
    now = state.replace(average_state=jax.tree.map(jnp.zeros_like, state.generator.model_state))
    names = [field.name for field in dataclasses.fields(TrainState) if field.name != "average_state"]
    earlier = jax.tree_util.register_dataclass(dataclasses.make_dataclass("Earlier", names), names, [])
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(5, earlier(*(getattr(state, name) for name in names)), {})
        # The average begins at the statistics; without one there is none.
        found, _ = checkpoints.restore(jax.eval_shape(lambda: now))
        assert_same(found, state.replace(average_state=state.generator.model_state))
        assert_same(checkpoints.restore(state)[0], state)
        assert checkpoints.restore_generator(now).average_state is None
    with Checkpoints(tmp_path / "now", keep=1) as checkpoints:
        checkpoints.save(5, now, {})
        assert_same(checkpoints.restore(now)[0], now)
        assert_same(checkpoints.restore_generator(now).average_state, now.average_state)


def test_both_players_without_their_optimizers(tmp_path):
    state = make_state()
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(5, state, {})
        found = checkpoints.restore_generator(jax.eval_shape(lambda: state), discriminator=True)
        players = [player.replace(opt_state=()) for player in (state.generator, state.discriminator)]
        assert_same(found, state.replace(generator=players[0], discriminator=players[1]))
        other = state.replace(discriminator=PlayerState({"other": jnp.ones(3)}, {}, ()))
        with pytest.raises(UsageError, match=r"discriminator\.params\.other is absent there"):
            checkpoints.restore_generator(other, discriminator=True)


CHANGES = {
    "shape": (lambda: make_state(width=5), "generator.params.dense.bias is bfloat16[4] there and bfloat16[5] here"),
    "absent": (lambda: make_state(average=False), "average_params.dense.bias is bfloat16[4] there and absent here"),
    "type": (lambda: make_state().replace(step=jnp.float32(0)), "step is int32[] there and float32[] here"),
    "key": (lambda: make_state(key=jax.random.key(0, impl="rbg")), "key is uint32[2] there and uint32[4] here"),
    "optimizer": (
        lambda: make_state(tx=optax.sgd(0.1, momentum=0.9)),
        "generator.opt_state.0.trace.dense.bias is absent there and bfloat16[4] here",
    ),
    "no leaf": (lambda: make_state(tx=optax.chain(optax.adam(1e-3), optax.clip(1.0))), " here; use the config"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_structure_names_the_first_leaf_that_differs(tmp_path, change):
    make, expected = CHANGES[change]
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(5, make_state(), {})
        with pytest.raises(UsageError) as error:
            checkpoints.restore(make())
        assert expected in one_line(error)
        if change in ("shape", "absent", "type", "key"):
            with pytest.raises(UsageError, match="does not fit"):
                checkpoints.restore_generator(make())


def test_another_structure_without_leaves_is_refused(tmp_path):
    state = make_state()
    other = state.replace(generator=state.generator.replace(opt_state=(*state.generator.opt_state, ())))
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(5, state, {})
        with pytest.raises(UsageError, match=r"generator.opt_state.2 is absent there and \(\) here"):
            checkpoints.restore(other)


@pytest.mark.medium
@pytest.mark.parametrize(
    "how", [*(pytest.param(how, marks=pytest.mark.slow) for how in ("missing", "short")), "flipped"]
)
def test_a_damaged_checkpoint_says_what_to_delete(tmp_path, how, capfd):
    with Checkpoints(tmp_path / "whole", keep=2) as checkpoints:
        for step in (1, 2):
            checkpoints.save(step, make_state(seed=step), {"step": step})
    files = sorted(path for item in ("state", "run") for path in (tmp_path / "whole" / "2" / item).rglob("*"))
    files = [path for path in files if path.is_file() and path.name != "commit_success.txt"]
    assert len(files) >= 6
    for number, file in enumerate(files):
        directory = tmp_path / str(number)
        shutil.copytree(tmp_path / "whole", directory)
        damaged = directory / file.relative_to(tmp_path / "whole")
        data = bytearray(file.read_bytes())
        if how == "missing":
            damaged.unlink()
        elif how == "short":
            damaged.write_bytes(data[: len(data) // 2])
        else:
            data[len(data) // 2] ^= 16
            damaged.write_bytes(data)
        with Checkpoints(directory, keep=2) as checkpoints:
            for restore in (checkpoints.restore, checkpoints.restore_generator):
                with pytest.raises(DataError) as error:
                    restore(make_state(), 2)
                assert f"{directory}/2" in one_line(error)
                assert "resume from step 1" in str(error.value)
            assert capfd.readouterr().err == ""
            # The newest is the one before. Only a process that trains renames the damaged one.
            assert checkpoints.extra() == {"step": 1}
            assert_same(checkpoints.restore(make_state())[0], make_state(seed=1))
        assert (directory / "2").is_dir()
        said = capfd.readouterr().err
        assert said.count("\n") == 1 and f"checkpoint {directory}/2 is damaged" in said


def _checkpoint_of(directory, step):
    """Files as of a checkpoint."""
    for item in ("state", "run"):
        (directory / str(step) / item).mkdir(parents=True)
        (directory / str(step) / item / "metadata").write_text("{}")
    found = {f"{item}/metadata": [2, 2745614147] for item in ("state", "run")}
    (directory / str(step) / "manifest.json").write_text(json.dumps(found))


DAMAGES = {
    "no manifest": lambda path: (path / "manifest.json").unlink(),
    "an empty manifest": lambda path: (path / "manifest.json").write_text(""),
    "another manifest": lambda path: (path / "manifest.json").write_text("[]"),
    "a manifest of no facts": lambda path: (path / "manifest.json").write_text('{"run/metadata": null}'),
    "a manifest in bytes": lambda path: (path / "manifest.json").write_bytes(b"\xff"),
    "no item": lambda path: shutil.rmtree(path / "state"),
    "nothing": lambda path: (shutil.rmtree(path), path.mkdir()),
    "a file": lambda path: (shutil.rmtree(path), path.write_text("")),
    "cut": lambda path: (path / "run/metadata").write_text("{"),
    "flipped": lambda path: (path / "run/metadata").write_text("{|"),
}


def _go_back(run):
    go_back(RunDirectory(str(run), create=False), {"log_every": 10})


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_set_aside_with_one_warning(tmp_path, damage, capsys):
    _go_back(tmp_path / "none")
    folder = tmp_path / "checkpoints"
    for step in (10, 20, 30):
        _checkpoint_of(folder, step)
    _go_back(tmp_path)
    assert capsys.readouterr().err == ""
    DAMAGES[damage](folder / "30")
    _go_back(tmp_path)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith(f"jaxgan: warning: checkpoint {folder}/30 is not used (")
    assert said.endswith("); it is now 30.unusable\n")
    # Again, after the run has saved the step anew; both files stay.
    _checkpoint_of(folder, 30)
    DAMAGES[damage](folder / "30")
    _go_back(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["10", "20", "30.unusable", "30.unusable1"]
    with Checkpoints(folder, keep=5) as checkpoints:
        assert checkpoints.latest_step() == 20
    # Where all are damaged, reading one says so.
    for step in (10, 20):
        shutil.rmtree(folder / str(step) / "run")
    _go_back(tmp_path)
    assert (folder / "20").is_dir()


def test_checkpoints_after_lost_lines_are_set_aside(tmp_path, capsys):
    for step in (20, 30):
        _checkpoint_of(tmp_path / "checkpoints", step)
    (tmp_path / "metrics.jsonl").write_text("".join(f'{{"step": {step}}}\n' for step in (10, 30)))
    with pytest.raises(UsageError, match="metrics.jsonl lacks lines before step 20, the oldest checkpoint"):
        _go_back(tmp_path)
    _checkpoint_of(tmp_path / "checkpoints", 10)
    _go_back(tmp_path)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["10", "20.unusable", "30.unusable"]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and all("lines of metrics.jsonl before step" in line for line in said)


def test_damaged_json_and_the_only_checkpoint(tmp_path):
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        checkpoints.save(1, make_state(), {"a": 1})
    (tmp_path / "1" / "run" / "metadata").write_text('{"a"')
    with Checkpoints(tmp_path, keep=2) as checkpoints, pytest.raises(DataError) as error:
        checkpoints.extra()
    assert "start again" in one_line(error)


# TensorStore's threads may still print that an event loop of Orbax is closed, after the error was raised.
@pytest.mark.medium
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_full_disk_is_one_line_and_the_older_checkpoint_stays(tmp_path):
    weights = {"w": jax.random.normal(jax.random.key(0), (300, 1000))}
    large = make_state().replace(generator=PlayerState(weights, {}, ()))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    checkpoints = Checkpoints(tmp_path, keep=2)
    checkpoints.save(1, make_state(), {})
    checkpoints.wait()
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # as a full disk: a write fails half-way
        checkpoints.save(2, large, {})
        with pytest.raises(JaxganError) as error:
            checkpoints.wait()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "cannot save checkpoint 2" in one_line(error)
    assert "File too large" in str(error.value)
    assert checkpoints.latest_step() == 1
    assert_same(checkpoints.restore(make_state())[0], make_state())
    checkpoints.save(2, large, {})
    checkpoints.close()
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        assert_same(checkpoints.restore(large)[0], large)


def test_the_first_failure_is_the_one_seen(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path, keep=1)
    monkeypatch.setattr(checkpoints, "wait", lambda: (_ for _ in ()).throw(JaxganError("a", "b", "c")))
    with pytest.raises(ZeroDivisionError) as error, checkpoints:
        raise ZeroDivisionError
    assert error.value.__notes__ == ["a; b; c"]


@pytest.mark.parametrize("place", ["below a file", "a file", "proc"])
def test_a_directory_that_cannot_be_made(tmp_path, place):
    (tmp_path / "file").write_text("")
    paths = {"below a file": tmp_path / "file" / "x", "a file": tmp_path / "file", "proc": Path("/proc/none/x")}
    with pytest.raises(UsageError) as error:
        Checkpoints(paths[place], keep=1)
    assert str(paths[place]) in one_line(error)


def test_nothing_to_restore(tmp_path):
    with pytest.raises(UsageError, match="keep is 0"):
        Checkpoints(tmp_path, keep=0)
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        with pytest.raises(UsageError, match=r"no checkpoint; .* has none"):
            checkpoints.restore(make_state())
        checkpoints.save(4, make_state(), {})
        with pytest.raises(UsageError, match=r"no checkpoint of step 7; .* has steps 4"):
            checkpoints.extra(7)


def test_a_fabricated_unfinished_step_does_not_count(tmp_path):
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        checkpoints.save(1, make_state(seed=1), {})
    shutil.copytree(tmp_path / "1", tmp_path / "2.orbax-checkpoint-tmp")
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        assert checkpoints.latest_step() == 1
        checkpoints.save(2, make_state(seed=2), {"b": 2})
        assert_same(checkpoints.restore(make_state())[0], make_state(seed=2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]


KILLED = """
import os, signal, sys, time
from pathlib import Path
import jax
from jaxgan.io.checkpoints import Checkpoints
from jaxgan.types import PlayerState
from tests.io.test_checkpoints import make_state
directory = Path(sys.argv[1])
checkpoints = Checkpoints(directory, keep=2)
checkpoints.save(1, make_state(seed=1), {"step": 1})
checkpoints.wait()
weights = {"w": jax.random.normal(jax.random.key(0), (20_000_000,))}
checkpoints.save(2, make_state().replace(generator=PlayerState(weights, {}, ())), {"step": 2})
while not (directory / "2.orbax-checkpoint-tmp" / "state.orbax-checkpoint-tmp").exists():
    time.sleep(0.001)
os.kill(os.getpid(), signal.SIGKILL)
"""

FOUR_DEVICES = """
import sys
import jax, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxgan.io.checkpoints import Checkpoints
from tests.io.test_checkpoints import assert_same, make_state
assert jax.device_count() == 4
replicated = NamedSharding(Mesh(np.array(jax.devices()), ("batch",)), PartitionSpec())
with Checkpoints(sys.argv[1], keep=1) as checkpoints:
    template = jax.device_put(make_state(seed=8), replicated)
    restored, _ = checkpoints.restore(template)
    assert_same(restored, make_state(seed=3))
    assert {leaf.sharding for leaf in jax.tree.leaves(restored)} == {replicated}
    assert checkpoints.restore_generator(template).generator.params["steps"].sharding == replicated
    one, _ = checkpoints.restore(make_state())
    assert {len(leaf.devices()) for leaf in jax.tree.leaves(one)} == {1}
mapped = jax.pmap(lambda state, _: state, in_axes=(None, 0), out_axes=None)
for name, place in {"mesh": lambda state: jax.device_put(state, replicated),
                    "pmap": lambda state: mapped(state, np.arange(4))}.items():
    with Checkpoints(sys.argv[2] + name, keep=1) as checkpoints:
        checkpoints.save(7, place(make_state(seed=6)), {"devices": 4})
"""


def run(code, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "JAX_PLATFORMS": "cpu", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
def test_a_run_killed_while_it_saves(tmp_path):
    done = run(KILLED, tmp_path)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2.orbax-checkpoint-tmp"]
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        assert checkpoints.latest_step() == 1
        restored, extra = checkpoints.restore(make_state())
        assert_same(restored, make_state(seed=1))
        assert extra == {"step": 1}
        checkpoints.save(2, make_state(seed=2), {})
        assert_same(checkpoints.restore(make_state())[0], make_state(seed=2))


@pytest.mark.slow
def test_one_device_and_four(tmp_path):
    with Checkpoints(tmp_path / "one", keep=1) as checkpoints:
        checkpoints.save(5, make_state(seed=3), {})
    done = run(FOUR_DEVICES, tmp_path / "one", tmp_path / "four")  # conftest.py has made four of them
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("mesh", "pmap"):
        with Checkpoints(tmp_path / f"four{name}", keep=1) as checkpoints:
            restored, extra = checkpoints.restore(make_state())
            assert_same(restored, make_state(seed=6))
            assert extra == {"devices": 4}


def test_orbax_is_quiet_and_others_are_not(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="absl")
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(1, make_state(), {})
        checkpoints.restore_generator(make_state())
    assert [record.getMessage() for record in caplog.records if "orbax" in record.pathname] == []
    logging.getLogger("absl").info("heard")
    assert [record.getMessage() for record in caplog.records] == ["heard"]


def test_the_manifest_covers_what_is_read(tmp_path):
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(1, make_state(), {})
    manifest = json.loads((tmp_path / "1" / "manifest.json").read_text())
    assert manifest["run/metadata"] == [2, 2745614147]  # "{}", CRC-32
    assert {name.split("/")[0] for name in manifest} == {"state", "run"}
    (tmp_path / "1" / "manifest.json").unlink()  # as a checkpoint that other software wrote
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        assert_same(checkpoints.restore(make_state())[0], make_state())


FULL_DISK = """
import resource, sys
import jax
from jaxgan.errors import JaxganError
from jaxgan.io.checkpoints import Checkpoints
from jaxgan.types import PlayerState
from tests.io.test_checkpoints import make_state
weights = {f"w{i}": jax.random.normal(jax.random.key(i), (300, 1000)) for i in range(60)}
with Checkpoints(sys.argv[1], keep=2) as checkpoints:
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))  # each of 60 writes fails half-way
    checkpoints.save(2, make_state().replace(generator=PlayerState(weights, {}, ())), {})
    try:
        checkpoints.wait()
    except JaxganError as error:
        print(error)
    checkpoints.wait = lambda: None
"""


@pytest.mark.slow
def test_a_full_disk_prints_nothing_else(tmp_path):
    """Orbax, asyncio and TensorStore's threads would print hundreds of lines about the other writes."""
    done = run(FULL_DISK, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1 and "cannot save checkpoint 2" in done.stdout


def test_errors_of_other_software_are_still_shown(tmp_path, caplog, monkeypatch):
    shown = []
    monkeypatch.setattr(sys, "unraisablehook", shown.append)
    Checkpoints(tmp_path, keep=1).close()
    for name in ("absl", "asyncio"):
        logging.getLogger(name).error("mine", exc_info=ValueError("mine"))
    assert len(caplog.records) == 2
    sys.unraisablehook(types.SimpleNamespace(exc_value=RuntimeError("mine")))
    assert len(shown) == 1
