"""Several processes train one GAN: as one process does, and when one of them is stopped or killed."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from jaxgan import parallel, runs
from jaxgan.datasets import feed
from jaxgan.datasets.base import Split
from jaxgan.errors import UsageError
from jaxgan.io.checkpoints import Checkpoints
from jaxgan.runs.train import hosts

SMALL = {
    "seed": "3",
    "batch_size": "16",
    "dataset.examples": "200",
    "generator.widths": "(16,)",
    "discriminator.network": "maxout",  # with dropout
    "discriminator.widths": "(16,)",
    "discriminator.initial_scale": "0.3",
    "discriminator.keep_hidden": "0.5",
    "average_decay": "0.9",
    "log_every": "10",
    "sample_every": "20",
    "sample_count": "50",
    "checkpoint_every": "10",
    "alarms.patience": "0",
}


def _train(workdir, steps, mapping):
    runs.run("train", "configs/ring.py", SMALL | {"steps": str(steps), "mapping": mapping}, str(workdir), {})


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _start(workdir, steps, *, devices=1, environments=({}, {}), extra=(), port=None):
    """Two processes that train together; by flags, unless environments tell them of each other."""
    port = port or _free_port()
    fields = [f"--config.{name}={value}" for name, value in (SMALL | {"steps": str(steps)}).items()]
    started = []
    for i, environment in enumerate(environments):
        flags = (
            [] if environment else [f"--coordinator_address=127.0.0.1:{port}", "--num_processes=2", f"--process_id={i}"]
        )
        command = [sys.executable, "launch.py", "--config=configs/ring.py", f"--workdir={workdir}", *fields, *flags]
        xla = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
        started.append(
            subprocess.Popen(
                [*command, *extra],
                env={**os.environ, **environment, "XLA_FLAGS": xla, "JAX_NUM_CPU_DEVICES": str(devices)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return started


def _ended(processes, seconds=120):
    """Exit codes and what was said; nothing is left running."""
    try:
        found = [process.communicate(timeout=seconds) for process in processes]
    finally:
        for process in processes:
            process.kill()  # a hung one heeds nothing else
    return [(process.returncode, out + error) for process, (out, error) in zip(processes, found, strict=True)]


def _open_mpi():
    uri = f"{random.SystemRandom().randrange(2**12) * 2**12}.0;tcp://127.0.0.1:9"  # JAX makes the port of it
    return [
        {"OMPI_MCA_orte_hnp_uri": uri, "OMPI_COMM_WORLD_SIZE": "2"}
        | {"OMPI_COMM_WORLD_RANK": rank, "OMPI_COMM_WORLD_LOCAL_RANK": rank}
        for rank in "01"
    ]


def _saved(workdir, step):
    import orbax.checkpoint as ocp

    with Checkpoints(workdir / "checkpoints", keep=9) as checkpoints:
        assert step in (checkpoints.latest_step(), *range(checkpoints.latest_step()))
        window = checkpoints.extra(step)["window"]
    with ocp.PyTreeCheckpointer() as reader:
        path = workdir / "checkpoints" / str(step) / "state"
        restore = jax.tree.map(
            lambda _: ocp.RestoreArgs(restore_type=np.ndarray), reader.metadata(path).item_metadata.tree
        )
        state = reader.restore(path, restore_args=restore)
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(state)}, window


def _assert_close(a, b, step):
    (found, window), (expected, _) = _saved(a, step), _saved(b, step)
    assert found.keys() == expected.keys() and len(found) > 20 and window == {}
    for path, leaf in expected.items():
        if not isinstance(leaf, np.ndarray):
            leaf, found[path] = (np.asarray(jax.random.key_data(key)) for key in (leaf, found[path]))
        np.testing.assert_allclose(found[path], leaf, rtol=1e-5, atol=1e-5, err_msg=path)


def _lines(workdir):
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """One process on one device, 40 steps."""
    workdir = tmp_path_factory.mktemp("alone")
    _train(workdir, 40, "jit")
    return workdir


@pytest.mark.slow
def test_four_devices_and_back_to_one(alone, tmp_path):
    _train(tmp_path, 20, "auto")
    _assert_close(tmp_path, alone, 20)
    _train(tmp_path, 30, "jit")
    _train(tmp_path, 40, "shard_map")
    _assert_close(tmp_path, alone, 40)


@pytest.mark.slow
def test_two_processes_of_two_devices_and_back_to_one(alone, tmp_path):
    for code, said in _ended(_start(tmp_path, 20, devices=2, environments=_open_mpi())):
        assert code == 0, said
    _assert_close(tmp_path, alone, 20)
    for line, expected in zip(_lines(tmp_path), _lines(alone), strict=False):
        assert line.keys() == expected.keys()
        np.testing.assert_allclose(list(line.values()), list(expected.values()), rtol=1e-4, atol=1e-5)
    _train(tmp_path, 40, "jit")
    _assert_close(tmp_path, alone, 40)


@pytest.mark.slow
def test_four_devices_and_on_to_two_processes_that_stream(alone, tmp_path):
    _train(tmp_path, 20, "auto")
    for code, said in _ended(_start(tmp_path, 40, extra=["--config.dataset.placement=stream"])):
        assert code == 0, said
    _assert_close(tmp_path, alone, 40)
    assert [line["step"] for line in _lines(tmp_path)] == [10, 20, 30, 40]
    assert (tmp_path / "samples" / "step_00000040.png").exists() and (tmp_path / "report.html").exists()


def _wait_for(condition, processes, seconds=90):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end and all(process.poll() is None for process in processes), _ended(processes, 1)
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("killed", "resumes"),
    [
        pytest.param(1, False, marks=pytest.mark.slow),
        pytest.param(1, True, marks=pytest.mark.slow),
        pytest.param(0, True, marks=pytest.mark.slow),
    ],
)
def test_when_one_is_killed_the_other_ends_and_both_go_on_from_the_last_checkpoint(tmp_path, killed, resumes):
    checkpoints = tmp_path / "checkpoints"

    def steps():
        return [int(path.name) for path in checkpoints.glob("[0-9]*") if path.name.isdigit()]

    port = _free_port()
    first = _start(tmp_path, 10**6, port=port)
    _wait_for(lambda: steps() and max(steps()) >= 10, first)
    first[killed].kill()
    began = time.monotonic()
    code, said = _ended(first)[1 - killed]
    assert time.monotonic() - began < 60
    assert code == 75 and said.count("jaxgan: error: another process of this run has ended") == 1, said
    assert "Traceback" not in said
    if not resumes:
        return
    reached = max(steps())
    # The same commands, at the same port, go on; a signal to one then ends both, at one step and with a checkpoint.
    second = _start(tmp_path, 10**6, port=port)
    _wait_for(lambda: max(steps()) > reached, second)
    second[1].send_signal(signal.SIGTERM)
    found = _ended(second)
    assert f"going on from step {reached:,}" in found[0][1]
    for code, said in found:
        assert code == 75 and said.count("jaxgan: stopped by") == 1, said
        assert f"at step {max(steps()):,} of" in said
        assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.parametrize("hung", [0, 1])
def test_when_one_hangs_the_other_ends_after_the_time_that_the_config_gives(tmp_path, hung):
    started = _start(tmp_path, 10**6, extra=["--config.peer_timeout=6"])
    _wait_for(lambda: list((tmp_path / "checkpoints").glob("[0-9]*")), started)
    started[hung].send_signal(signal.SIGSTOP)
    began = time.monotonic()
    started[1 - hung].wait(timeout=60)
    assert 4 < time.monotonic() - began < 25
    started[hung].kill()
    code, said = _ended(started)[1 - hung]
    assert code == 75 and said.count("jaxgan: error: another process of this run has ended") == 1, said
    assert "Traceback" not in said


def test_a_share_of_a_batch():
    assert parallel.share(16) == slice(0, 16)
    assert parallel.share(16, jax.devices()[1:3]) == slice(0, 16)  # all of them are this process's
    split = Split(np.arange(40, dtype=np.float32)[:, None])
    options = {"seed": 1, "start": 3, "stop": 9, "chunk": 2, "batch_size": 4, "minibatches": 2, "workers": 0}
    whole = list(feed.stream(split, **options))
    parts = [list(feed.stream(split, **options, rows=rows)) for rows in (slice(0, 2), slice(2, 4))]
    for batch, *halves in zip(whole, *parts, strict=True):
        assert halves[0]["real"].shape == (2, 2, 2, 1)
        np.testing.assert_array_equal(np.concatenate([half["real"] for half in halves], 2), batch["real"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"num_processes": 2, "process_id": 0}, "--coordinator_address is missing"),
        ({"coordinator_address": "a:1"}, "--num_processes and --process_id are missing"),
        ({"coordinator_address": "a:1", "num_processes": 2, "process_id": 2}, "give 0 to 1"),
        ({"coordinator_address": "host", "num_processes": 2, "process_id": 1}, "host has no port"),
        ({"coordinator_address": "host:99999", "num_processes": 2, "process_id": 1}, "no such port; 1 to 65535"),
    ],
)
def test_flags_that_do_not_go_together(tmp_path, options, said):
    with pytest.raises(UsageError, match=said):
        runs.run("train", "configs/ring.py", {}, str(tmp_path / "run"), options)
    assert not (tmp_path / "run").exists()


JOIN = """
import sys
from jaxgan.errors import JaxganError
from jaxgan.runs.train import hosts
hosts.JOIN_SECONDS = 1
try:
    hosts.join(sys.argv[1], 2, int(sys.argv[2]))
except JaxganError as error:
    hosts.abandon(error)
"""


@pytest.mark.medium
def test_a_port_that_is_taken_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        command = [sys.executable, "-c", JOIN, f"127.0.0.1:{port}", "0"]
        done = subprocess.run(command, capture_output=True, text=True)
    expected = f"cannot join the other processes; port {port} is not free (Address already in use); choose another port"
    assert done.returncode == 2 and done.stderr == f"jaxgan: error: {expected}\n"


@pytest.mark.slow
def test_a_process_0_that_does_not_come_is_reported():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens there
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run([sys.executable, "-c", JOIN, address, "1"], capture_output=True, text=True)
    lines = done.stderr.splitlines()  # JAX's runtime prints lines of its own
    assert done.returncode == 2 and lines[0] == f"waiting for 2 processes at {address}, for at most 1 seconds"
    why = "not all of them came within 1 seconds; start all of them"
    assert lines[-1].startswith(f"jaxgan: error: cannot join the other processes; {why}"), done.stderr
    assert done.stderr.count("jaxgan: error") == 1


def test_several_processes_only_train(tmp_path):
    with pytest.raises(UsageError, match="--process_id does not go with --mode=sample; several processes only train"):
        runs.run("sample", None, {}, str(tmp_path), {"process_id": 0})


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"}, None),  # a shell of salloc: no step was started
        (
            {f"SLURM_{name}": "2" for name in ("JOB_ID", "STEP_NODELIST", "NTASKS", "PROCID", "LOCALID")},
            "SLURM",
        ),
        ({f"SLURM_{name}": "1" for name in ("JOB_ID", "STEP_NODELIST", "NTASKS", "PROCID", "LOCALID")}, None),
        ({"OMPI_MCA_orte_hnp_uri": "x", "OMPI_COMM_WORLD_SIZE": "2"}, "Open MPI"),
        ({"KUBERNETES_SERVICE_HOST": "x"}, None),  # a pod, and not one of an indexed job
        ({"KUBERNETES_SERVICE_HOST": "x", "JOB_COMPLETION_INDEX": "0"}, "Kubernetes"),
        ({"TPU_WORKER_HOSTNAMES": "localhost"}, None),
        ({"TPU_WORKER_HOSTNAMES": "a,b"}, "Cloud TPU"),
    ],
)
def test_who_started_several_processes(environment, expected):
    assert hosts.found_manager(environment) == expected


def test_what_says_that_another_process_is_gone():
    assert hosts.peer_lost(ValueError("UNKNOWN: Gloo all-reduce failed: Connection closed by peer [127.0.0.1]:4826"))
    assert not hosts.peer_lost(ValueError("shapes (3,) and (4,) do not match"))
    ours = UsageError("no connection", "the peer", "x")
    assert not hosts.peer_lost(ours)
    ours.__cause__ = ValueError("UNKNOWN: Gloo AllGather failed")
    assert hosts.peer_lost(ours)
