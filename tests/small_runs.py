"""Runs so small that a test can train them, and the comparison of two runs bit for bit."""

import jax
import numpy as np

from jaxgan import runs
from jaxgan.io.checkpoints import Checkpoints

SMALL = {
    "mapping": "jit",
    "steps": "60",
    "batch_size": "16",
    "dataset.examples": "200",
    "generator_batches": "1",
    "generator.widths": "(16,)",
    "discriminator.widths": "(16,)",
    "log_every": "10",
    "sample_every": "30",
    "sample_count": "50",
    "checkpoint_every": "20",
    # A number that changes in the run: resumed, swept and on several devices it is what it is in one run.
    "schedules": "discriminator_optimizer.b2=linear(.99, 640)",
    "alarms.patience": "0",  # tests/evaluation/test_alarms.py has them; here each run would compile them
}

OF_A_FILE = {name: value for name, value in SMALL.items() if name != "dataset.examples"}
"""The same for data that is read and not drawn."""


def train(workdir, **changes):
    overrides = SMALL | {name.replace("__", "."): str(value) for name, value in changes.items()}
    runs.run("train", "configs/ring.py", overrides, str(workdir), {})


def saved(workdir, step=None):
    """All leaves of a checkpoint, and what was saved beside them."""
    import orbax.checkpoint as ocp

    with Checkpoints(workdir / "checkpoints", keep=9) as checkpoints:
        step = checkpoints.latest_step() if step is None else step
        extra = checkpoints.extra(step)
    with ocp.StandardCheckpointer() as reader:
        state = reader.restore(workdir / "checkpoints" / str(step) / "state")
    leaves = jax.tree_util.tree_flatten_with_path(state)[0]
    return {
        jax.tree_util.keystr(path): np.asarray(
            jax.random.key_data(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
        )
        for path, leaf in leaves
    }, extra


def assert_same_run(a, b):
    (states_a, extra_a), (states_b, extra_b) = saved(a), saved(b)
    assert states_a.keys() == states_b.keys()
    assert len([path for path in states_a if "opt_state" in path]) > 10
    for path, leaf in states_a.items():
        np.testing.assert_array_equal(leaf, states_b[path], err_msg=path)
    assert extra_a["window"] == extra_b["window"]
    assert (a / "metrics.jsonl").read_bytes() == (b / "metrics.jsonl").read_bytes()
    pictures = sorted(path.name for path in (a / "samples").glob("*.png"))
    assert pictures == sorted(path.name for path in (b / "samples").glob("*.png"))
    for name in pictures:
        assert (a / "samples" / name).read_bytes() == (b / "samples" / name).read_bytes()
