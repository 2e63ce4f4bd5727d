"""The check of a machine with a GPU or TPU, rehearsed on a CPU; and every config's step, lowered for accelerators."""

import json
import sys

import jax
import pytest

from benchmarks import gpu_check


@pytest.mark.slow
def test_a_rehearsal_on_a_cpu(tmp_path, monkeypatch, capsys):
    options = ["--tests", "tests/training/test_schedules.py", "--configs", "ring", "quickstart", "--games", "ring"]
    monkeypatch.setattr(sys, "argv", ["gpu_check", *options, "--repeats", "1", "--out", str(tmp_path)])
    assert gpu_check.main() == 0
    assert "this is a rehearsal on a CPU" in capsys.readouterr().out
    (found,) = (json.loads(path.read_text()) for path in tmp_path.glob("*.json"))
    assert found["failures"] == [] and "passed" in found["tests"]
    assert set(found["on_all_devices"]) == {f"{g}, {m}" for g in ("ring", "dcgan") for m in ("pmap", "shard_map")}
    assert found["compiled"]["quickstart"]["donated_bytes"] >= found["compiled"]["quickstart"]["state_bytes"] > 1e6
    assert found["steps"]["ring"]["milliseconds"]["jaxgan"]["median"] > 0
    (page,) = (path.read_text() for path in tmp_path.glob("*.md"))
    assert "All checks passed" in page and "| quickstart |" in page


def test_a_check_that_fails_is_written_and_the_others_go_on(tmp_path, monkeypatch):
    def broken(*arguments):
        raise AssertionError("parameters differ by 7 after three steps\nand more")

    for name in ("beside_the_cpu", "on_all_devices", "compiled", "traced_once"):
        monkeypatch.setattr(gpu_check, name, broken)
    monkeypatch.setattr(gpu_check.steps, "measure", lambda *arguments: {"milliseconds": {"jaxgan": {"median": 1.5}}})
    options = ["--tests", "--configs", "ring", "--games", "ring", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["gpu_check", *options])
    assert gpu_check.main() == 1
    (page,) = (path.read_text() for path in tmp_path.glob("*.md"))
    assert "4 checks failed" in page and "| ring | jaxgan | 1.500 |" in page
    assert "- compiling ring: AssertionError: parameters differ by 7 after three steps\n" in page


@pytest.mark.slow
@pytest.mark.parametrize("name", gpu_check.config_names())
def test_a_configs_step_lowers_for_accelerators_with_native_convolutions(name, tmp_path):
    part = gpu_check.program(name, tmp_path)
    traced = part.step.trace(part.state, *part.rest)
    for platform in ("cuda", "tpu"):
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        donated = text.count("tf.aliasing_output") + text.count("jax.buffer_donor")
        assert donated >= len(jax.tree.leaves(part.state))
        networks = {part.config[player]["network"] for player in ("generator", "discriminator")}
        assert (text.count("stablehlo.convolution") > 0) == bool(networks & {"dcgan", "cifar10", "resnet", "r3gan"})
