"""SIGTERM and Ctrl-C, in every mode and phase: one line and exit code 75, and the same command goes on."""

import pathlib
import signal
import subprocess
import sys
import time

import pytest

from tests.small_runs import SMALL, assert_same_run, train

BOTH = (signal.SIGTERM, signal.SIGINT)


def _start(*arguments):
    return subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _answers(process):
    """Whether a process holds SIGTERM back or has a handler for it."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
    masks = [int(line.split()[1], 16) for line in status if line.startswith(("SigBlk:", "SigCgt:"))]
    return any(mask >> (signal.SIGTERM - 1) & 1 for mask in masks)


def _wait_for(ready, process):
    limit = time.monotonic() + 120
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.001)


def _ended(process, seconds=60):
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return process.returncode, out, err


def _launch(workdir, mode="train", front="launch.py", **changes):
    fields = [f"--config.{name.replace('__', '.')}={value}" for name, value in changes.items()]
    config = ["--config=configs/ring.py"] if mode in ("train", "sweep") else []
    program = ["launch.py", f"--mode={mode}"] if front == "launch.py" else ["-m", "jaxgan", mode]
    return _start(*program, *config, f"--workdir={workdir}", *fields)


COMMANDS = {
    "launch": ["launch.py", "--config=configs/ring.py", "--workdir={}"],
    "train": ["-m", "jaxgan", "train", "ring", "--workdir={}"],
    "doctor": ["-m", "jaxgan", "doctor"],
}


@pytest.mark.parametrize(
    ("command", "number"),
    [("launch", signal.SIGTERM), ("launch", signal.SIGINT), ("train", signal.SIGTERM), ("doctor", signal.SIGINT)],
)
def test_a_signal_is_answered_from_the_first_statement_on(command, number, tmp_path):
    process = _start(*(argument.format(tmp_path / "run") for argument in COMMANDS[command]))
    _wait_for(lambda: _answers(process), process)
    began = time.monotonic()
    process.send_signal(number)
    code, out, err = _ended(process)
    assert time.monotonic() - began < 5
    assert (code, out) == (75, "")
    name = number.name
    assert err == (
        f"jaxgan: stopped by {name}; this command did not finish; what it had saved is kept; "
        "run the same command again\n"
    )


WORKS = """
import hashlib, os, signal, sys, time
from jaxgan import signals
signals.end_on_signals()
stop = signals.StopRequest()
what = sys.argv[1]
if what == "held":
    stop.hold()
if what == "child":
    stop.hold()
    if os.fork() == 0:
        os.kill(os.getpid(), signal.SIGTERM)  # as Ctrl-C, which all processes of a terminal get
    os.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    while stop.signal_name is None:
        time.sleep(0.001)
    stop.release()
    print("saved", stop.signal_name)
    signals.ignore_signals()
    os.kill(os.getpid(), signal.SIGTERM)
    sys.exit(0)
print("begun", flush=True)
try:
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # minutes without Python, as a compilation
except BaseException:
    pass
"""


def test_a_signal_does_not_wait_for_code_that_is_not_python():
    process = _start("-c", WORKS, "at once")
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGTERM)
    code, _, err = _ended(process, 5)
    assert code == 75 and err.startswith("jaxgan: stopped by SIGTERM; ") and err.count("\n") == 1


def test_the_first_signal_is_answered_at_once_and_a_second_one_ends_it():
    process = _start("-c", WORKS, "held")
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline().startswith("jaxgan: SIGINT: stopping after this chunk of steps, ")
    process.send_signal(signal.SIGTERM)
    code, _, err = _ended(process, 5)
    assert code == 75 and err.startswith("jaxgan: stopped by a second signal, SIGTERM; ")
    assert err.count("\n") == 1


def test_signals_to_a_child_and_to_a_process_that_is_done_are_none_of_the_run():
    code, out, err = _ended(_start("-W", "ignore", "-c", WORKS, "child"), 5)
    assert (code, out) == (0, "saved SIGTERM\n")
    assert err.count("\n") == 1


def test_a_request_leaves_the_handlers_that_were_there(capfd):
    from jaxgan.signals import StopRequest

    before = [signal.getsignal(number) for number in BOTH]
    with StopRequest() as stop:
        assert [signal.getsignal(number) for number in BOTH] == before
        stop.hold()
        stop.hold()
        signal.raise_signal(signal.SIGTERM)
    assert stop.signal_name == "SIGTERM" and capfd.readouterr().err.count("\n") == 1
    assert [signal.getsignal(number) for number in BOTH] == before
    assert signal.set_wakeup_fd(-1) == -1


LONG = {**SMALL, "steps": "3000", "checkpoint_every": "500", "log_every": "50", "sample_every": "1500"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("whole") / "run"
    assert _ended(_launch(workdir, **LONG))[0] == 0
    return workdir


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "front"),
    [("train", "launch.py"), ("sweep", "launch.py"), ("sample", "launch.py"), ("evaluate", "launch.py")]
    + [("train", "jaxgan"), ("evaluate", "jaxgan"), ("report", "jaxgan")],
)
def test_signals_at_any_time_are_one_error_and_75(whole, tmp_path, mode, front):
    """Signals at times that go through the imports, the data, the compilation, the steps, the scores and the report."""
    evaluates = {"evaluation__every": 1000, "evaluation__metrics": "modes"}
    changes = {
        "train": LONG | evaluates,
        "sweep": LONG | {"steps": 500, "population__grid": "loss=hinge,minimax"},
        "sample": {},
        "evaluate": {},
        "report": {},
    }[mode]
    workdir = tmp_path / "run" if mode in ("train", "sweep") else whole
    delay, codes = 0.05, []
    while not codes or codes[-1] == 75:
        process = _launch(workdir, mode, front, **changes)
        _wait_for(lambda process=process: _answers(process), process)
        time.sleep(delay)
        process.send_signal(BOTH[len(codes) % 2])
        code, _, err = _ended(process)
        codes.append(code)
        delay = 1.15 * delay + 0.1  # closer together where a process begins
        errors = [line for line in err.splitlines() if line.startswith(("jaxgan: error: ", "jaxgan: stopped by"))]
        assert "Traceback" not in err and "Exception" not in err, err
        assert code in (0, 75) and len(errors) == (code == 75), (code, err)
    assert len(codes) > 3
    if mode == "train":
        train(tmp_path / "other", **{name.replace(".", "__"): value for name, value in (LONG | evaluates).items()})
        assert_same_run(workdir, tmp_path / "other")
        assert (workdir / "report.html").exists() and (workdir / "evaluation/step_00003000_seed_0.json").exists()
