"""The examples: short, complete, and what they print is right. The fast tests run few steps of them."""

import json
import os
import pathlib
import re
import runpy
import subprocess
import sys

import jax
import numpy as np
import pytest

OWN = sorted(pathlib.Path("examples").glob("own_networks_*.py"))
BY_HAND = pathlib.Path("examples/bring_your_own_network.py")
LOOP = pathlib.Path("examples/training_loop.py")


def run(program):
    """The lines that a program prints, as a user runs it, on one device: other flags round differently."""
    env = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout.strip().splitlines()


def score(line):
    """The modes and the percentage of a line such as "8 of 8 modes, 72 % of the samples within 3 sigma"."""
    return tuple(map(int, re.fullmatch(r"(\d) of 8 modes, (\d+) % of the samples within 3 sigma", line).groups()))


def test_there_is_one_of_each_library_and_each_is_short():
    assert [path.stem.removeprefix("own_networks_") for path in OWN] == ["equinox", "haiku", "linen", "nnx"]
    assert all(len(path.read_text().splitlines()) < 60 for path in (*OWN, BY_HAND))
    assert len(LOOP.read_text().splitlines()) < 100


# Two in the fast tests; tests/test_adapters.py has the contract of all four there.
SLOW = [
    pytest.param(path, marks=pytest.mark.slow) if path.stem[13:] in ("equinox", "haiku", "linen") else path
    for path in OWN
]


@pytest.mark.medium
@pytest.mark.parametrize("path", SLOW, ids=lambda path: path.stem)
def test_a_few_steps_of_it_run(path, capsys):
    constants = "STEPS, CHUNK, BATCH = 6, 3, 16"
    program, replaced = re.subn(r"^STEPS, CHUNK, BATCH = .*$", constants, path.read_text(), flags=re.M)
    exec(compile(program, path, "exec"), {"__name__": "__main__"})
    first, second, last = capsys.readouterr().out.strip().splitlines()
    assert replaced == 1 and first.startswith("step      3 ") and second.startswith("step      6 ")
    assert all(np.isfinite(float(number)) for number in re.findall(r"loss ([\d.]+)", first + second)) and score(last)


@pytest.mark.slow
@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_it_finds_the_ring(path):
    modes, good = score(run(path.read_text())[-1])
    assert modes >= 7 and good >= 50


@pytest.mark.slow
def test_it_finds_all_eight_modes_without_flax():
    *_, modes, flax = run(BY_HAND.read_text() + "\nimport sys\nprint('flax' in sys.modules)")
    assert score(modes)[0] == 8 and score(modes)[1] >= 85
    assert flax == "False"


@pytest.mark.slow
def test_the_loop_resumes_bit_for_bit(tmp_path, monkeypatch, capsys):
    def train(name, steps):
        options = ("--batch_size=8", "--log_every=4", "--checkpoint_every=4")
        monkeypatch.setattr(sys, "argv", [str(LOOP), f"--workdir={tmp_path / name}", f"--steps={steps}", *options])
        runpy.run_path(str(LOOP), run_name="__main__")
        return capsys.readouterr().out.strip().splitlines()

    whole, part = train("whole", 8), train("parts", 4)
    # As if it had been killed after a log line that no checkpoint has.
    with open(tmp_path / "parts" / "metrics.jsonl", "a") as log:
        log.write('{"step": 6, "d_loss": 0}\n')
    rest = train("parts", 8)
    assert rest[0] == "goes on from step 4" and rest[-1] == whole[-1] != part[-1]
    assert re.fullmatch(r"step 8: precision [\d.]+  recall [\d.]+  of 1,000 samples", whole[-1])
    lines = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "parts")]
    assert lines[0] == lines[1] and [json.loads(line)["step"] for line in lines[0].splitlines()] == [4, 8]
    samples = [np.load(tmp_path / name / "samples.npy") for name in ("whole", "parts")]
    np.testing.assert_array_equal(*samples)
    assert samples[0].shape == (1_000, 28, 28, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "constants", "pictures"),
    [
        ("first_gan", "STEPS, BATCH, MOMENTS = 12, 16, (0, 12)", {"first_gan_samples.png", "first_gan_curves.png"}),
        ("why_gans_fail", "STEPS, CHUNK, BATCH = 8, 2, 16", {"why_gans_fail.png"}),
    ],
)
def test_the_programs_of_the_pages_draw_their_pictures(name, constants, pictures, tmp_path, monkeypatch, capsys):
    path = pathlib.Path(f"examples/{name}.py")
    program, replaced = re.subn(r"^STEPS, .* = .*$", constants, path.read_text(), flags=re.M)
    monkeypatch.setattr(sys, "argv", [str(path), f"--out={tmp_path}"])
    with jax.numpy_rank_promotion("allow"):  # as users have it
        exec(compile(program, path, "exec"), {"__name__": "__main__"})
    assert replaced == 1 and {file.name for file in tmp_path.iterdir()} == pictures
    lines = capsys.readouterr().out.strip().splitlines()
    if name == "first_gan":
        assert lines[:2] == ["step      0: a snapshot", "step     12: a snapshot"]
        accuracy, loss = (float(re.search(rf"{metric} ([\d.]+)", lines[2])[1]) for metric in ("d_accuracy", "d_loss"))
        assert 0 <= accuracy <= 1 and 0 < loss < 5
    else:
        assert len(lines) == 6 and all(re.search(r" \d of 8 modes, .*d_loss ", line) for line in lines)


ADVERSARIAL = {
    "vq_tokeniser": ("STEPS, ALONE, BATCH = 3, 1, 4", r"rmse ([\d.]+), (\d+) codes used, told apart ([\d.]+)"),
    "vocoder": ("STEPS, BATCH = 2, 4", r"error of the spectrogram ([\d.]+), told apart ([\d.]+)"),
    "domain_adversarial": (
        "STEPS, BATCH = 4, 8",
        r"([\d.]+) % of the spotted digits right, domains told apart ([\d.]+)",
    ),
}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_programs_with_an_adversarial_loss_are_short(name):
    assert len(pathlib.Path(f"examples/{name}.py").read_text().splitlines()) < 100


@pytest.mark.slow
@pytest.mark.parametrize("name", ADVERSARIAL)
def test_a_few_steps_of_an_adversarial_loss_elsewhere(name, capsys):
    constants, pattern = ADVERSARIAL[name]
    program, replaced = re.subn(
        r"^STEPS, .* = .*$", constants, pathlib.Path(f"examples/{name}.py").read_text(), flags=re.M
    )
    with jax.numpy_rank_promotion("allow"):  # as users have it
        exec(compile(program, name, "exec"), {"__name__": "__main__"})
    lines = capsys.readouterr().out.strip().splitlines()
    assert replaced == 1 and len(lines) == (3 if name == "domain_adversarial" else 2)
    assert all(np.isfinite([float(number) for number in re.search(pattern, line).groups()]).all() for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_adversarial_loss_does_what_its_page_says(name):
    without, *_, with_it = (
        [float(number) for number in re.search(ADVERSARIAL[name][1], line).groups()]
        for line in run(pathlib.Path(f"examples/{name}.py").read_text())
    )
    if name == "vq_tokeniser":
        assert with_it[2] < without[2]
    elif name == "vocoder":
        assert with_it[1] < without[1]
    else:
        assert with_it[0] > without[0] + 5
