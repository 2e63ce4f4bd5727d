"""Metrics files byte for byte, TensorBoard events as read back, and progress against a clock of our own."""

import contextlib
import errno
import io
import itertools
import json
import os
import resource
import signal
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.errors import UsageError, WriteError
from jaxgan.io import metric_writers
from jaxgan.io.atomic import reported
from jaxgan.io.metric_writers import (
    GoneError,
    LoggedRun,
    MetricsFile,
    MetricWriter,
    MultiWriter,
    Progress,
    Spared,
    TensorBoard,
    WandB,
    check_installed,
    complete_until,
    grouped,
)


def fill(path):
    with MetricsFile(path) as metrics:
        for step in (10, 20, 30):
            metrics.write_scalars(step, {"d_loss": jnp.float32(0.1) * step, "g_loss": np.float64(step), "count": step})
    return path.read_bytes()


def test_lines_are_exact(tmp_path):
    path = tmp_path / "run" / "metrics.jsonl"
    with MetricsFile(path) as metrics:
        metrics.write_scalars(10, {"z": np.float32(0.1), "a": 0.1, "n": np.int64(3), "j": jnp.ones(1), "ok": True})
        # float32(0.1) is 0.100000001490116...; it is flushed at once
        expected = '{"step": 10, "z": 0.10000000149011612, "a": 0.1, "n": 3, "j": 1.0, "ok": true}\n'
        assert path.read_text() == expected
        metrics.write_scalars(np.int32(20), {"x": float("nan"), "y": jnp.inf, "w": -np.inf, "h": jnp.bfloat16(1.5)})
    assert path.read_text() == expected + '{"step": 20, "x": null, "y": null, "w": null, "h": 1.5}\n'
    for line in path.read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(name))


def test_equal_runs_write_equal_files(tmp_path):
    assert fill(tmp_path / "a.jsonl") == fill(tmp_path / "b.jsonl")


def test_a_resumed_run_writes_the_file_of_one_never_stopped(tmp_path):
    expected = fill(tmp_path / "whole.jsonl")
    path = tmp_path / "resumed.jsonl"
    path.write_bytes(expected + b'{"step": 40, "d_lo')  # killed in mid-line, at a step after the checkpoint of 20
    with MetricsFile(path) as metrics:
        metrics.truncate(20)
        assert path.read_bytes() == b"".join(expected.splitlines(keepends=True)[:2])
        metrics.write_scalars(30, {"d_loss": jnp.float32(0.1) * 30, "g_loss": np.float64(30), "count": 30})
    assert path.read_bytes() == expected
    assert sorted(file.name for file in tmp_path.iterdir()) == ["resumed.jsonl", "whole.jsonl"]


@pytest.mark.parametrize("tail", [b"", b'{"step": 30', b"\xff\xfe", b'{"step": 30}'])
def test_a_half_written_last_line_goes(tmp_path, tail):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 10}\n{"step": 20}\n' + tail)  # even a whole object without its newline is half a line
    with MetricsFile(path) as metrics:
        metrics.truncate(50)
    assert path.read_bytes() == b'{"step": 10}\n{"step": 20}\n'


@pytest.mark.parametrize("line", ["garbage", "[1]", "3", '{"loss": 1}', '{"step": "a"}', ""])
def test_a_bad_line_in_the_middle_is_named(tmp_path, line):
    path = tmp_path / "metrics.jsonl"
    text = f'{{"step": 10}}\n{line}\n{{"step": 20}}\n'
    path.write_text(text)
    with MetricsFile(path) as metrics, pytest.raises(UsageError, match="line 2 is") as error:
        metrics.truncate(10)
    assert "\n" not in str(error.value)
    assert path.read_text() == text


def test_files_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    for make in (lambda: MetricsFile(tmp_path / "file" / "m.jsonl"), lambda: TensorBoard(LoggedRun(tmp_path / "file"))):
        with pytest.raises(WriteError, match="cannot write"):
            make()
    with pytest.raises(WriteError, match="No space left on device"), MetricsFile("/dev/full") as metrics:
        metrics.write_scalars(1, {})


def events(directory):
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted((directory / "tensorboard").iterdir()):
        data, at = path.read_bytes(), 0
        while at < len(data):  # a TFRecord: length, its CRC (4 bytes), the record, its CRC
            length = int.from_bytes(data[at : at + 8], "little")
            found.append(Event.FromString(data[at + 12 : at + 12 + length]))
            at += length + 16
    return found


def test_tensorboard_events(tmp_path):
    image = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    with TensorBoard(LoggedRun(tmp_path)) as board:
        board.write_scalars(10, {"d_loss": jnp.float32(1.5), "g_loss": float("nan"), "evaluation/loss": 2.0})
        board.write_images(10, {"samples": image})
        board.write_images(20, {"grey": image[..., 0]})
    values = {(event.step, value.tag): value for event in events(tmp_path) for value in event.summary.value}
    scalars = {(10, "loss/d_loss"), (10, "loss/g_loss"), (10, "scores/loss")}
    assert set(values) == scalars | {(10, "pictures/samples"), (20, "training/grey")}
    assert values[10, "loss/d_loss"].simple_value == 1.5
    assert np.isnan(values[10, "loss/g_loss"].simple_value)
    from PIL import Image

    found = np.asarray(Image.open(io.BytesIO(values[10, "pictures/samples"].image.encoded_image_string)))
    assert np.array_equal(found, image)


def test_tensorboard_hides_what_follows_the_step_resumed_at(tmp_path):
    with TensorBoard(LoggedRun(tmp_path, step=20)) as board:
        board.write_scalars(30, {"d_loss": 1.0})
    found = [(event.step, event.WhichOneof("what")) for event in events(tmp_path)]
    starts = [step for step, what in found if what not in ("file_version", "summary")]
    assert starts == [21]


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def progress(stream, **arguments):
    clock = Clock()
    return clock, Progress(stream=stream, clock=clock, **arguments)


def test_plain_lines_are_exact():
    stream = io.StringIO()
    clock, bar = progress(stream, total=10_000, start=0)
    clock.now += 30.0  # the first chunk compiles: its 30 s are in no rate
    bar.update(100, {"d_loss": jnp.float32(1.38629), "g_loss": 0.5})
    for _ in range(21):  # 100 steps a second; every 10 s a line
        clock.now += 1.0
        bar.update(bar.step + 100, {"d_loss": 1.2344, "g_loss": 0.8, "other": 1.0})
    clock.now += 39.0
    bar.update(10_000, {"d_loss": 1.0, "g_loss": 2.0})
    bar.close()
    # 10 s for 1,000 steps: 100 steps/s and (10,000 - 1,100) / 100 = 89 s left. At the end, 9,900 steps since 100
    # in 60 s are 165 a second.
    assert stream.getvalue().splitlines() == [
        "step 100/10,000 (1 %)  d_loss 1.386  g_loss 0.5",
        "step 1,100/10,000 (11 %)  d_loss 1.234  g_loss 0.8  100 steps/s  1 min 29 s left",
        "step 2,100/10,000 (21 %)  d_loss 1.234  g_loss 0.8  100 steps/s  1 min 19 s left",
        "step 10,000/10,000 (100 %)  d_loss 1  g_loss 2  165 steps/s on average",
    ]


def test_an_early_end_writes_the_line_held_back():
    stream = io.StringIO()
    clock, bar = progress(stream, total=100_000, start=500, interval=10.0)
    with bar:
        bar.update(510, {"d_loss": 1.0})
        clock.now += 5.0
        bar.update(520, {"d_loss": 2.0})
        bar.message("checkpoint 520")
    # 10 steps in 5 s: 99,480 left take 49,740 s = 13 h 49 min
    assert stream.getvalue().splitlines() == [
        "step 510/100,000 (0 %)  d_loss 1",
        "checkpoint 520",
        "step 520/100,000 (0 %)  d_loss 2  2.00 steps/s  13 h 49 min left",
    ]


def test_the_bar_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    clock, bar = progress(stream, total=200, start=100)
    bar.update(110, {"d_loss": 1.5, "g_loss": 0.25})
    clock.now += 0.5
    bar.update(120, {"d_loss": 1.25, "g_loss": 0.5})
    bar.message("checkpoint 120")
    clock.now += 4.0
    bar.update(200, {"d_loss": 1.0, "g_loss": 0.75})
    bar.close()
    text = stream.getvalue()
    assert "checkpoint 120\n" in text
    # 90 steps in 4.5 s since the first chunk
    assert "100%" in text
    assert text.split("\r")[-1].strip().endswith("200/200, d_loss 1  g_loss 0.75  20 steps/s on average")


def test_a_compilation_is_shown_until_the_first_steps(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = io.StringIO()
    clock, plain = progress(stream, total=200)
    for text in ("compiling ...", "compiling ...", ""):  # the loop's own note follows that of what is before it
        plain.note(text)
        clock.now += 5.0
    plain.measure()
    clock.now += 2.0
    plain.update(100)
    plain.note("evaluating")  # too soon for a line
    clock.now += 20.0
    plain.note("evaluating")
    plain.measure()  # of a second program: rates are still those from the first one on
    clock.now += 8.0
    plain.update(200)
    # 100 steps in 2 s; 200 in 30.
    assert stream.getvalue().splitlines() == [
        "compiling ...",
        "step 100/200 (50 %)  50 steps/s  2 s left",
        "evaluating",
        "step 200/200 (100 %)  6.67 steps/s on average",
    ]
    stream = Terminal()
    clock, bar = progress(stream, total=200)
    bar.note("compiling ...")
    assert stream.getvalue().endswith("0/200, compiling ...")
    bar.note("")
    assert stream.getvalue().split("\r")[-1].rstrip().endswith("0/200")
    bar.close()


@pytest.mark.parametrize(("terminal", "kind"), [(False, "xterm"), (True, "dumb")])
def test_only_a_terminal_gets_control_characters(terminal, kind, monkeypatch):
    monkeypatch.setenv("TERM", kind)
    stream = Terminal() if terminal else io.StringIO()
    _, bar = progress(stream, total=200, interval=0.0)
    with bar:
        bar.note("compiling ...")
        for step in (100, 200):
            bar.update(step, {"d_loss": 1.0})
            bar.message(f"checkpoint {step}")
    assert stream.getvalue().replace("\n", "").isprintable() and stream.getvalue().count("\n") == 5


def test_progress_in_other_units():
    stream = io.StringIO()
    clock, bar = progress(stream, total=2_000_000, unit="sample")
    for done in (1_000, 101_000):
        bar.update(done)
        clock.now += 20.0
    bar.update(201_000)
    # 200,000 in 40 s: 1,799,000 left take 360 s.
    assert stream.getvalue().splitlines() == [
        "sample 1,000/2,000,000 (0 %)",
        "sample 101,000/2,000,000 (5 %)  5,000 samples/s  6 min 20 s left",
        "sample 201,000/2,000,000 (10 %)  5,000 samples/s  6 min 00 s left",
    ]


def test_progress_without_values_or_time():
    stream = io.StringIO()
    _, bar = progress(stream, total=0)
    bar.update(0)
    bar.update(0)
    bar.close()
    assert stream.getvalue() == "step 0/0 (0 %)\nstep 0/0 (0 %)\n"


@contextlib.contextmanager
def full_disk():
    """No file of this process may grow, as on a full disk; the test's own log is one of them, so only within a test."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


def test_room_is_asked_for_only_where_the_disk_is_full(tmp_path):
    for number, remedy in ((errno.ENOSPC, "make room, or choose it"), (errno.EROFS, "choose it")):
        with pytest.raises(WriteError) as caught, reported(tmp_path, "choose it"):
            raise OSError(number, "no")
        assert caught.value.remedy == remedy


def test_a_full_disk_is_one_line(tmp_path):
    board = TensorBoard(LoggedRun(tmp_path))
    board.write_scalars(1, {"a": 1.0})
    with full_disk():
        with pytest.raises(WriteError, match="cannot write .*; File too large; make room") as error:
            board.write_scalars(2, {"a": 1.0})
        assert "\n" not in str(error.value)
        with pytest.raises(ZeroDivisionError), board:  # the first failure is reported, not that of closing the file
            raise ZeroDivisionError
        with pytest.raises(WriteError, match="cannot write"):
            board.write_images(2, {"b": np.zeros((2, 2), np.uint8)})


def test_lines_wait_for_room_and_none_is_lost_or_cut(tmp_path):
    expected, path = fill(tmp_path / "whole.jsonl"), tmp_path / "full.jsonl"
    lines = [json.loads(line) for line in expected.splitlines()]
    with MetricsFile(path) as metrics:
        metrics.write_scalars(lines[0].pop("step"), lines[0])
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        with full_disk():
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 7, limits[1]))  # room for part of a line
            for line in lines[1:]:
                metrics.write_scalars(line.pop("step"), line)
            with pytest.raises(WriteError, match="File too large"):
                metrics.sync()
        metrics.sync()
        assert path.read_bytes() == expected


@pytest.mark.parametrize(
    ("steps", "tail", "until"),
    [
        ([], "", 9),
        ([10, 20, 30], "", 39),
        ([10, 20, 30], '{"step": 40', 39),
        ([30, 40], "", 49),  # the user deleted the file, and the run went on
        ([10, 30, 40], "", 19),
        ([10, 20], "\0\0\0\n" + '{"step": 40}\n', 29),
        ([10, 20, 25], "", 29),  # a run of 25 steps
        ([10, 20, 25, 30], "", 39),
    ],
)
def test_lost_lines_are_found(tmp_path, steps, tail, until):
    path = tmp_path / "metrics.jsonl"
    assert complete_until(path, 10) == float("inf")
    path.write_text("".join(f'{{"step": {step}}}\n' for step in steps) + tail)
    assert complete_until(path, 10) == until


def test_a_writer_that_is_spared_warns_once_and_goes_on_when_there_is_room(tmp_path, monkeypatch):
    monkeypatch.setattr(metric_writers, "RETRY_SECONDS", 0.0)
    warnings, numbers = [], itertools.count()
    board = Spared(lambda: TensorBoard(LoggedRun(tmp_path / str(next(numbers)))), warnings.append)
    board.write_scalars(1, {"a": 1.0})
    with full_disk():
        board.write_scalars(2, {"a": 1.0})
        board.write_images(3, {"b": np.zeros((2, 2), np.uint8)})
    board.write_scalars(4, {"a": 1.0})
    board.close()
    (warning,) = warnings
    assert warning.startswith("cannot write") and "File too large" in warning
    steps = [event.step for path in sorted(tmp_path.iterdir()) for event in events(path) if event.summary.value]
    assert steps[0] == 1 and steps[-1] == 4


def test_tensorboard_shows_the_hyperparameters_beside_the_last_values(tmp_path):
    """As its own server reads them."""
    from tensorboard import context
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups

    for name, rate in (("a", 0.5), ("b", 0.25)):
        told = {"loss": "hinge", "rate": rate, "mirror": True}
        with TensorBoard(LoggedRun(tmp_path / name, 0, {"loss": "hinge", "latent": {"dim": 7}}, told)) as board:
            board.write_scalars(10, {"d_loss": 2.0})
            board.write_scalars(20, {"d_loss": 1.0, "evaluation/frechet": 30 * rate})
            if name == "a":
                board.write_summary({"evaluation/frechet": 30 * rate})
    reader = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(str(tmp_path))
    reader.Reload()
    tags = reader.GetAccumulator("a/tensorboard").Tags()["tensors"]
    assert {"loss/d_loss", "scores/frechet", "config/text_summary"} <= set(tags)
    (text,) = reader.Tensors("a/tensorboard", "config/text_summary")
    assert b'"dim": 7' in text.tensor_proto.string_val[0]
    provider = data_provider.MultiplexerDataProvider(reader, str(tmp_path))
    plugin = backend_context.Context(base_plugin.TBContext(data_provider=provider))
    request = api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=9, include_metrics=True)
    request.allowed_statuses.extend((api_pb2.STATUS_SUCCESS, api_pb2.STATUS_UNKNOWN))
    found = {}
    for group in list_session_groups.Handler(context.RequestContext(), plugin, "", request).run().session_groups:
        (session,) = group.sessions
        values = {each.name.tag: each.value for each in session.metric_values}
        found[group.hparams["rate"].number_value] = session.status, values, group.hparams["loss"].string_value
        assert group.hparams["mirror"].bool_value
    assert found == {
        0.5: (api_pb2.STATUS_SUCCESS, {"loss/d_loss": 1.0, "scores/frechet": 15.0}, "hinge"),
        0.25: (api_pb2.STATUS_UNKNOWN, {"loss/d_loss": 1.0, "scores/frechet": 7.5}, "hinge"),
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("g_loss", "loss/g_loss"),
        ("d_real_logit", "logits/d_real_logit"),
        ("g_gradient_norm", "gradients/g_gradient_norm"),
        ("evaluation/sliced_wasserstein", "scores/sliced_wasserstein"),
        ("alarm_low_diversity", "alarms/alarm_low_diversity"),
        ("modes", "samples/modes"),
        ("epoch", "training/epoch"),
        ("mine/number", "mine/number"),
    ],
)
def test_names_in_trackers_are_in_groups(name, expected):
    assert grouped(name) == expected


class Noted(MetricWriter):
    def __init__(self):
        self.calls = []

    def write_scalars(self, step, scalars):
        self.calls.append((step, dict(scalars)))

    def write_images(self, step, images):
        self.calls.append((step, sorted(images)))

    def write_summary(self, scores):
        self.calls.append(dict(scores))

    def close(self):
        self.calls.append("closed")


def test_several_writers_are_one_and_none_is_silent():
    one, other = Noted(), Noted()
    with MultiWriter(one, MetricWriter(), other) as writer:
        writer.write_scalars(3, {"d_loss": 0.5})
        writer.write_images(3, {"samples": np.zeros((2, 2), np.uint8)})
        writer.write_summary({"score": 2})
    assert one.calls == other.calls == [(3, {"d_loss": 0.5}), (3, ["samples"]), {"score": 2}, "closed"]


def test_a_writer_that_is_gone_is_not_tried_again(monkeypatch):
    monkeypatch.setattr(metric_writers, "RETRY_SECONDS", 0.0)
    warnings, tries = [], []

    def make():
        tries.append(1)
        raise GoneError("cannot log", "nobody is logged in", "log in")

    with Spared(make, warnings.append) as writer:
        for step in (1, 2, 3):
            writer.write_scalars(step, {"a": 1.0})
    assert tries == [1] and warnings == ["cannot log; nobody is logged in; the training goes on without it"]


# Weights & Biases, in a process of its own, without a network.

LOGS = """
import os, pathlib, sys
import numpy as np
from jaxgan.io.metric_writers import LoggedRun, WandB
run = LoggedRun(pathlib.Path(sys.argv[1]), 0, {"loss": "hinge", "latent": {"dim": 7}, "widths": (4, 5)}, {}, "sweep")
with WandB(run, project="mine") as writer:
    writer.write_scalars(10, {"d_loss": np.float32(0.5), "g_loss": float("nan")})
    writer.write_scalars(20, {"d_loss": 0.25})
    writer.write_images(20, {"samples": np.full((4, 6), 7, np.uint8)})
with WandB(run, project="mine") as writer:  # resumed at step 10
    writer.write_scalars(20, {"evaluation/frechet": 3.0})
    writer.write_scalars(10, {"d_loss": 9.0})
    writer.write_scalars(30, {"d_loss": 0.125})
    writer.write_summary({"evaluation/frechet": 3.0})
"""


def _records(path):
    """What an offline run of wandb holds, from blocks of 32 KiB of CRC (4 bytes), length (2), kind (1) and content."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, content, found = path.read_bytes(), 7, b"", []
    while at < len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        content += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            found.append(Record.FromString(content))
            content = b""
    return found


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """A directory with a run's in it, and a home and a place for temporary files."""
    place = tmp_path_factory.mktemp("wandb")
    for name in ("run", "home", "temporary"):
        (place / name).mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    environment = kept | {"WANDB_MODE": "offline", "HOME": str(place / "home"), "TMPDIR": str(place / "temporary")}
    result = subprocess.run(
        [sys.executable, "-c", LOGS, str(place / "run")], env=environment, capture_output=True, text=True
    )
    assert (result.returncode, result.stdout + result.stderr) == (0, "")
    return place


@pytest.mark.medium
def test_wandb_writes_into_the_runs_directory_only(logged):
    files = [path.relative_to(logged) for path in logged.rglob("*") if not path.is_dir()]
    assert {path.parts[:2] for path in files} == {("run", "wandb")}
    assert len(list((logged / "run/wandb").glob("offline-run-*"))) == 2
    (picture,) = (logged / "run").rglob("media/images/pictures/*.png")
    from PIL import Image

    assert np.asarray(Image.open(picture)).tolist() == [[7] * 6] * 4


@pytest.mark.medium
def test_a_resumed_run_is_one_run_of_wandb_with_rising_steps(logged):
    parts = sorted((logged / "run/wandb").glob("offline-run-*/*.wandb"), key=lambda path: path.stat().st_mtime_ns)
    steps, lines, ids = [], [], set()
    for path in parts:
        for record in _records(path):
            if record.WhichOneof("record_type") == "run":
                ids.add(record.run.run_id)
                config = {item.key: json.loads(item.value_json) for item in record.run.config.update}
                assert (record.run.project, record.run.run_group, record.run.display_name) == ("mine", "sweep", "run")
                assert config["latent"] == {"dim": 7} and config["widths"] == [4, 5]
            if record.WhichOneof("record_type") == "history":
                line = {"".join(item.nested_key) or item.key: item.value_json for item in record.history.item}
                steps.append(int(line["_step"]))
                lines.append(line)
    assert ids == {json.loads((logged / "run/wandb/run.json").read_text())["id"]}
    assert steps == [10, 20, 20, 30]  # 10 is not there again
    assert [line.get("loss/d_loss") for line in lines] == ["0.5", "0.25", None, "0.125"]
    assert lines[2]["scores/frechet"] == "3"


@pytest.mark.parametrize(
    "content",
    ['{"id": "../x", "step": 3}', '{"id": "a b", "step": 3}', '{"id": "abc"}', "[]", "no", '{"id": 3}', "[" * 9],
)
def test_a_strangers_id_is_not_used(tmp_path, content):
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb/run.json").write_text(content)
    with pytest.raises(GoneError, match=r"cannot read .*run.json; it is not an id of letters and digits, and a step"):
        WandB(LoggedRun(tmp_path))


def test_a_package_that_is_missing_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(metric_writers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError) as error:
        check_installed(("wandb",))
    said = "logging.writers=wandb; the package wandb is not installed; pip install 'jaxgan[wandb]', or leave it out"
    assert str(error.value) == said


def test_importing_tensorboard_does_not_import_torch(tmp_path):
    (tmp_path / "torch.py").write_text("raise SystemExit('torch was imported')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    code += "import pathlib\nfrom jaxgan.io.metric_writers import LoggedRun, TensorBoard\n"
    code += f"TensorBoard(LoggedRun(pathlib.Path({str(tmp_path)!r}))).close()\n"
    code += "print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
