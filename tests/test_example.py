"""The example of two hand-written functions: short, without flax, and it finds all modes."""

import os
import pathlib
import subprocess
import sys

import pytest

EXAMPLE = pathlib.Path("examples/bring_your_own_network.py")


@pytest.mark.slow
def test_it_finds_all_eight_modes_without_flax():
    assert len(EXAMPLE.read_text().splitlines()) < 60
    script = f"import runpy, sys; runpy.run_path({str(EXAMPLE)!r}); print('flax' in sys.modules)"
    # As a user runs it, on one device: other flags round differently, and with some roundings it misses a mode.
    env = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=env).stdout
    *_, modes, flax = out.strip().splitlines()
    assert modes.startswith("8 of 8 modes")
    assert int(modes.split(", ")[1].split(" %")[0]) >= 85
    assert flax == "False"
