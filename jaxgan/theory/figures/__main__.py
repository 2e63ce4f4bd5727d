"""Draws the theory's figures.

    python -m jaxgan.theory.figures --out DIR [--seeds 10] [--steps 6000] [--key 7]

Trains GANs on the line for the paper's figure 1 (about a minute on two CPU cores), and writes figure_1.png,
training_curves.png, generator_losses.png, dirac_trajectories.png, and one_dimension.json with the numbers.
"""

import argparse
import datetime
import functools
import importlib.metadata
import json
import math
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxgan import extras
from jaxgan.errors import JaxganError, UsageError
from jaxgan.io.atomic import local_path

BOUNDS = {"deviation": 0.05, "jsd": 0.01, "value": 0.02}
"""Bounds for the end of a run: |D − ½| over the central 95 % of p_d, JSD in nats, |V + log 4| in nats."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; None takes the process's arguments. Prints any error and returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxgan.theory.figures",
        description="Draws the theory's figures, from training runs on the line.",
    )
    parser.add_argument("--out", required=True, help="directory to write to; made if it is not there")
    count, key = functools.partial(_integer, least=1), functools.partial(_integer, least=0)
    parser.add_argument("--seeds", type=count, default=10, help="training runs (10)")
    parser.add_argument("--steps", type=count, default=6000, help="of training, a multiple of 20 (6000)")
    parser.add_argument("--key", type=key, default=7, help="the random key they all come from (7)")
    options = parser.parse_args(arguments)
    try:
        with extras.named():
            _draw(_writable(options.out), options.seeds, options.steps, options.key)
    except JaxganError as error:
        print(f"jaxgan: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def summary(history: Any, key: int) -> dict[str, Any]:
    """Compares the ends of the runs of `one_dimension.train(key, …)` with `BOUNDS`; means and standard errors."""
    import numpy as np

    from jaxgan.theory.figures.one_dimension import settings, tail_share

    ends = {
        "deviation": np.asarray(history.deviation, np.float64),
        "jsd": np.asarray(history.jsd[:, -1], np.float64),
        "value": np.asarray(history.value[:, -1], np.float64),
    }
    distance = ends | {"value": np.abs(ends["value"] + math.log(4))}
    within = np.all([distance[name] < bound for name, bound in BOUNDS.items()], axis=0)
    ends["jsd_share_beyond_2"] = np.asarray(tail_share(history), np.float64)
    seeds = len(within)
    error = {name: float(x.std(ddof=1) / math.sqrt(seeds)) if seeds > 1 else None for name, x in ends.items()}
    steps = int(history.steps[-1])
    packages = ("jaxgan", "jax", "jaxlib", "optax", "numpy")
    return {
        "command": f"python -m jaxgan.theory.figures --seeds {seeds} --steps {steps} --key {key} --out DIR",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in packages},
        "key": key,
        "seeds": seeds,
        "steps": steps,
        "settings": settings(),
        "bounds": BOUNDS,
        "within_bounds": int(within.sum()),
        "mean": {name: float(x.mean()) for name, x in ends.items()},
        "standard_error": error,
        "runs": [{name: float(x[i]) for name, x in ends.items()} | {"within": bool(within[i])} for i in range(seeds)],
    }


def _draw(out: Path, seeds: int, steps: int, key: int) -> None:
    import jax

    from jaxgan.figures import save_png
    from jaxgan.theory.figures import drawing, one_dimension

    if steps % one_dimension.EVERY or steps < 2 * one_dimension.EVERY:
        every = one_dimension.EVERY
        remedy = f"give a multiple of {every}, the steps between two measurements, and at least {2 * every}"
        raise UsageError("cannot train", f"--steps is {steps}", remedy)
    save_png(out / "generator_losses.png", drawing.generator_losses())
    save_png(out / "dirac_trajectories.png", drawing.dirac_trajectories())
    print(f"training {seeds} GANs for {steps:,} steps; a minute for 10 of 6,000 steps on two CPU cores", flush=True)
    history = jax.device_get(one_dimension.train(jax.random.key(key), seeds, steps))
    save_png(out / "figure_1.png", drawing.figure_1(history))
    save_png(out / "training_curves.png", drawing.training_curves(history))
    found = summary(history, key)
    try:
        (out / "one_dimension.json").write_text(json.dumps(found, indent=1) + "\n")
    except OSError as error:
        raise _unwritable(out, error) from error
    print(f"{found['within_bounds']} of {seeds} runs end within the bounds {BOUNDS}; the figures are in {out}")


def _writable(directory: str) -> Path:
    """Creates the directory and tests that it is writable, before any long computation."""
    if not directory:
        raise UsageError("cannot write the figures", "--out is empty", "name a directory")
    path = local_path(directory, "--out ")
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error
    return path


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write to {path}", error.strerror or str(error), "choose another directory with --out")


def _integer(text: str, least: int) -> int:
    if not text.isdecimal() or not least <= int(text) < 2**31:
        raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {2**31 - 1}, not {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
