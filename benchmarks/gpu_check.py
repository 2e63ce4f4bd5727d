"""Everything that must be checked on a GPU or TPU, in one command: make gpu-check.

    python -m benchmarks.gpu_check                       # under ten minutes; on a CPU, a rehearsal
    python -m benchmarks.gpu_check --configs ring --games ring --repeats 1 --out ""

It runs tests of the step and of convolutions on the accelerator. It compares the step with the same step on the CPU,
and the step on all devices with the step on one. It compiles every config's step, checks that states are donated and
that nothing is traced twice, and times the steps of four games in every precision, also with PyTorch if that is
installed (`pip install torch`, with CUDA). It writes DIRECTORY/DEVICE.json and a page DIRECTORY/DEVICE.md. It continues
after a failed check, and then exits with code 1. It has not been run on a GPU or TPU yet.
"""

import argparse
import functools
import importlib
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import step as steps
from benchmarks import timing
from jaxgan.config import build, complete, minibatches_per_step
from jaxgan.config.build import stacked_hyperparameters
from jaxgan.latents import LATENTS
from jaxgan.losses import LOSSES
from jaxgan.networks import dcgan, mlp
from jaxgan.optimizers import OPTIMIZERS
from jaxgan.parallel import distribute
from jaxgan.runs.data import chunk_factory, read_inputs
from jaxgan.training.step import init_state, make_train_step

ROOT = pathlib.Path(__file__).parent.parent
SIDES = {"tfd": (48, 48, 1), "cifar10": (32, 32, 3), "cifar10_dense": (32, 32, 3), "r3gan": (32, 32, 3)}
SIDES |= {"sngan": (32, 32, 3), "gat": (32, 32, 4)}
GAMES = ("mnist", "ring", "dcgan28", "cifar10")
TESTS = ("tests/test_products.py", "tests/networks/test_convolution.py", "tests/training/test_step.py")
FEW = 256
"""Examples per class in a config's stand-in data; compiled programs do not depend on their number."""


class Program(NamedTuple):
    """A config's compiled function as called by a run, with one step per call.

    Attributes:
      config: a complete config.
      step: `(state, batches, hyperparameters, *data)`.
      state: shapes of its initial state.
      rest: shapes of the other arguments.
    """

    config: dict[str, Any]
    step: Callable[..., Any]
    state: Any
    rest: tuple[Any, ...]


def config_names() -> list[str]:
    """The files in configs/ that can be run on their own."""
    return sorted(path.stem for path in (ROOT / "configs").glob("*.py") if path.stem not in ("__init__", "default"))


def program(name: str, folder: pathlib.Path) -> Program:
    """The step of configs/NAME.py, with random data of the right shape in place of missing data."""
    config = importlib.import_module(f"configs.{name}").get_config()
    if config.dataset.name in ("idx", "tfds", "npz"):
        config.dataset.name, config.dataset.path = "npz", str(_stand_in(folder, SIDES.get(name, (28, 28, 1))))
        config.dataset.validation_examples = -1
    config.mapping = "jit"
    plain = complete(config)
    inputs = read_inputs(plain)
    experiment = build(plain, inputs.facts)
    shared = 1 + int(inputs.resident)
    step, _, _ = distribute(chunk_factory(experiment, inputs), mapping="jit", batch_axis=2, shared=shared)
    count = (1, minibatches_per_step(plain), plain["batch_size"])
    batches = {"index": jax.ShapeDtypeStruct(count, jnp.int32)}
    numbers = {key: values[0] for key, values in stacked_hyperparameters([plain]).items()}
    rest = jax.tree.map(_shape, (batches, numbers, inputs.resident_data()))
    return Program(plain, step, jax.tree.map(_shape, experiment.abstract_state()), rest)


def _shape(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)


def _stand_in(folder: pathlib.Path, shape: tuple[int, ...]) -> pathlib.Path:
    path = folder / f"{'x'.join(map(str, shape))}.npz"
    if not path.exists():
        labels = np.arange(10 * FEW, dtype=np.int32) % 10
        images = np.random.default_rng(0).integers(0, 256, (len(labels), *shape), np.uint8)
        np.savez(path, examples=images, labels=labels)
    return path


# The checks. Each returns its findings; an AssertionError describes a failure.


def tested(files: list[str]) -> str:
    """Runs test files on this platform, with float32 products; returns pytest's last line."""
    platform = jax.default_backend()
    platforms = {"gpu": "cuda,cpu", "cpu": "cpu"}.get(platform, f"{platform},cpu")
    settings = {"JAX_PLATFORMS": platforms, "JAX_DEFAULT_MATMUL_PRECISION": "highest", "JAXGAN_TEST_OPTIMIZE": "1"}
    settings |= {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # this process uses memory too
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", *files]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True)
    last = (done.stdout.strip() or done.stderr.strip()).splitlines()[-1]
    assert done.returncode == 0, f"{last}; run {' '.join(command[1:])}"
    return last


def beside_the_cpu() -> dict[str, float]:
    """Makes three steps on the accelerator and on the CPU from one state: the largest difference of a parameter."""
    found = {}
    for name, (players, shape) in _games().items():
        with jax.default_matmul_precision("highest"):
            cpu, here = (_three_steps(players, shape, device) for device in (jax.devices("cpu")[0], jax.devices()[0]))
        found[name] = max(float(np.abs(a - b).max()) for a, b in zip(cpu, here, strict=True))
        assert found[name] < 1e-3, f"{name}: parameters differ by {found[name]:.2g} after three steps"
    return found


def on_all_devices() -> dict[str, float]:
    """Makes three steps on all devices, by pmap and by shard_map, and compares them with one device."""
    found = {}
    if jax.local_device_count() == 1:
        return found
    for name, (players, shape) in _games().items():
        with jax.default_matmul_precision("highest"):
            one = _three_steps(players, shape, jax.devices()[0])
            for mapping in ("pmap", "shard_map"):
                several = _three_steps(players, shape, None, mapping)
                key = f"{name}, {mapping}"
                found[key] = max(float(np.abs(a - b).max()) for a, b in zip(one, several, strict=True))
                assert found[key] < 1e-3, f"{key}: parameters differ by {found[key]:.2g} after three steps"
    return found


def _games() -> dict[str, tuple[Callable[[str | None], tuple[Any, Any]], tuple[int, ...]]]:
    """Networks, by axis name, with the shape of an example."""

    def ring(axis_name):
        return mlp(output_shape=(2,), widths=(64,)), mlp(output_shape=(), widths=(64,))

    def images(axis_name):
        generator = dcgan(output_shape=(16, 16, 1), widths=(32, 16), output="tanh", axis_name=axis_name)
        return generator, dcgan(widths=(16, 32), axis_name=axis_name)

    return {"ring": (ring, (2,)), "dcgan": (images, (16, 16, 1))}


def _three_steps(players, shape, device, mapping="jit") -> list[np.ndarray]:
    tx, latent = OPTIMIZERS["sgd"](0.1), LATENTS["normal"](8)

    def parts(axis_name=None):
        networks = dict(zip(("generator", "discriminator"), players(axis_name), strict=True))
        return {**networks, "generator_tx": tx, "discriminator_tx": tx, "latent": latent}

    def make(axis_name=None):
        return make_train_step(loss=LOSSES["non_saturating"], axis_name=axis_name, **parts(axis_name))

    devices = None if device is None else [device]
    step, place, place_batch = distribute(make, mapping=mapping, devices=devices)
    with jax.default_device(jax.devices("cpu")[0]):
        state = init_state(jax.random.key(0), example=jnp.zeros((2, *shape)), **parts())
        batch = np.asarray(jax.random.uniform(jax.random.key(1), (1, 8 * jax.local_device_count(), *shape)))
    state = place(state)
    for _ in range(3):
        state, _ = step(state, place_batch({"real": batch}))
    return [np.asarray(leaf) for leaf in jax.tree.leaves((state.generator.params, state.discriminator.params))]


def compiled(name: str, folder: pathlib.Path) -> dict[str, Any]:
    """Compiles a config's step: seconds and bytes; checks that the whole state is donated."""
    started = time.perf_counter()
    part = program(name, folder)
    memory = part.step.lower(part.state, *part.rest).compile().memory_analysis()
    size = sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(part.state))
    donated = memory.alias_size_in_bytes
    assert donated >= size, f"{name}: {size - donated:,} of {size:,} bytes of the state are not donated"
    return {
        "seconds": time.perf_counter() - started,
        "state_bytes": size,
        "donated_bytes": donated,
        "temporary_bytes": memory.temp_size_in_bytes,
    }


def traced_once(game: str) -> dict[str, Any]:
    """Calls a game's step several times; checks that it is traced once, and that the input state is deleted."""
    ours = steps.Ours(steps.GAMES[game])
    states = []
    for _ in range(3):
        states.append(ours.state)
        ours.step()
    count = ours.traces
    assert count == 1, f"{game}: the step was traced {count} times in three calls"
    kept = sum(not leaf.is_deleted() for state in states[:-1] for leaf in jax.tree.leaves(state))
    assert kept == 0, f"{game}: {kept} arrays of states that were given away are still there"
    return {"traces": count}


def _checked(failures: list[str], what: str, function: Callable[[], Any]) -> Any:
    """The result of a check; if it fails, None, and a line is added to the failures."""
    print(f"{what} ...", flush=True)
    try:
        return function()
    except Exception as error:
        failures.append(f"{what}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
        print(f"FAILED: {failures[-1]}", flush=True)
        if not isinstance(error, AssertionError):
            traceback.print_exc()
        return None


def page(result: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [f"# {result['device']}", "", f"{result['machine']['date']}, {result['seconds']:.0f} s"]
    lines += ["", f"{len(result['failures'])} checks failed" if result["failures"] else "All checks passed", ""]
    lines += [f"- {failure}" for failure in result["failures"]]
    lines += ["", "| config | compiled in | temporaries |", "|---|---|---|"]
    for name, found in result["compiled"].items():
        if found:
            lines.append(f"| {name} | {found['seconds']:.1f} s | {found['temporary_bytes'] / 2**20:,.1f} MiB |")
    lines += ["", "| game | contender | milliseconds a step |", "|---|---|---|"]
    for name, found in result["steps"].items():
        for label, values in (found or {}).get("milliseconds", {}).items():
            lines.append(f"| {name} | {label} | {values['median']:.3f} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Runs all checks; returns 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configs", nargs="+", default=config_names(), choices=config_names())
    parser.add_argument("--games", nargs="+", default=list(GAMES), choices=steps.GAMES)
    parser.add_argument("--tests", nargs="*", default=list(TESTS), help="files; none: no tests")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--out", default="results/gpu", help='directory; "" writes nothing')
    arguments = parser.parse_args()
    started, failures = time.perf_counter(), list[str]()
    device = jax.devices()[0]
    print(f"{jax.device_count()} x {device.device_kind} ({device.platform})", flush=True)
    if device.platform == "cpu":
        print("no GPU or TPU: this is a rehearsal on a CPU", flush=True)
    result: dict[str, Any] = {
        "device": f"{jax.device_count()} x {device.device_kind}",
        "platform": device.platform,
        "machine": timing.machine("jaxgan", "jax", "jaxlib", "flax", "optax"),
        "tests": _checked(failures, "tests", lambda: tested(arguments.tests)) if arguments.tests else None,
        "beside_the_cpu": _checked(failures, "three steps beside those on the CPU", beside_the_cpu),
        "on_all_devices": _checked(failures, "three steps on all devices", on_all_devices),
        "compiled": {},
        "traced": {},
        "steps": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.configs:
            check = functools.partial(compiled, name, pathlib.Path(folder))
            result["compiled"][name] = _checked(failures, f"compiling {name}", check)
    for name in arguments.games:
        result["traced"][name] = _checked(failures, f"calls of {name}", functools.partial(traced_once, name))
        check = functools.partial(steps.measure, name, arguments.repeats)
        result["steps"][name] = _checked(failures, f"steps of {name}", check)
    result |= {"failures": failures, "seconds": time.perf_counter() - started}
    print(page(result))
    if arguments.out:
        path = pathlib.Path(arguments.out) / re.sub(r"\W+", "-", device.device_kind.lower()).strip("-")
        timing.write(f"{path}.json", result)
        path.with_suffix(".md").write_text(page(result))
    return int(bool(failures))


if __name__ == "__main__":
    raise SystemExit(main())
