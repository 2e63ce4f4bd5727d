"""A loss, a penalty, a term and a network of the user's own: a function each, a line of a table, in a config's file."""

import json

import pytest

import jaxgan
from jaxgan import runs
from jaxgan.errors import UsageError

CONFIG = """
import jax.numpy as jnp

import jaxgan
from configs import ring
from jaxgan.losses import check_logits
from jaxgan.networks import mlp


def cubic(real_logits, fake_logits):
    check_logits(real_logits, fake_logits)
    return (jnp.abs(real_logits - 1) ** 3 + jnp.abs(fake_logits + 1) ** 3).mean()


def flat(weight):
    return lambda critic, real, fake, key: weight * jnp.square(critic(real) - critic(fake)).mean()


def drift(weight):
    return jaxgan.Term(lambda seen: weight * jnp.square(seen.real_output.logits).mean())


def shallow(*, output_shape, widths, output="linear", means=None):
    return mlp(output_shape=output_shape, widths=widths[:1], output=output, means=means)


jaxgan.LOSSES["mine"] = jaxgan.Loss(cubic, lambda real, fake: cubic(fake, real))
jaxgan.PENALTIES["flat"] = flat
jaxgan.TERMS["drift"] = drift
jaxgan.NETWORKS["shallow"] = shallow


def get_config(platform=""):
    config = ring.get_config(platform)
    config.loss = "mine"
    config.penalties.flat = 0.1
    config.terms.drift = 0.1
    config.discriminator.network = "shallow"
    return config
"""
SMALL = {
    "mapping": "jit",
    "steps": "20",
    "batch_size": "16",
    "dataset.examples": "100",
    "generator.widths": "(8,)",
    "discriminator.widths": "(8, 8)",
    "log_every": "10",
    "sample_every": "20",
    "sample_count": "20",
    "checkpoint_every": "10",
    "alarms.patience": "0",
}


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(CONFIG)
    yield str(path)
    _forget()


def _forget():
    jaxgan.LOSSES.pop("mine", None)
    jaxgan.PENALTIES.pop("flat", None)
    jaxgan.TERMS.pop("drift", None)
    jaxgan.NETWORKS.pop("shallow", None)


def _logged(workdir, name="d_loss"):
    return [json.loads(line)[name] for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def test_they_train_and_resume(config, tmp_path):
    runs.run("train", config, SMALL | {"steps": "10"}, str(tmp_path / "run"), {})
    runs.run("train", config, SMALL, str(tmp_path / "run"), {})
    runs.run("sample", None, {}, str(tmp_path / "run"), {"count": 5})
    assert (tmp_path / "run" / "samples" / "sample_step_00000020_seed_0.npz").exists()
    _forget()  # as another process does not know them
    with pytest.raises(UsageError, match=r"loss: 'mine' is none of .*; if a config's file adds that .*--config=FILE"):
        runs.run("sample", None, {}, str(tmp_path / "run"), {"count": 5, "seed": 1})
    runs.run("sample", config, {}, str(tmp_path / "run"), {"count": 5, "seed": 1})
    assert (tmp_path / "run" / "samples" / "sample_step_00000020_seed_1.npz").exists()
    runs.run("train", config, SMALL | {"penalties.flat": "100"}, str(tmp_path / "other"), {})
    assert _logged(tmp_path / "other")[0] > _logged(tmp_path / "run")[0]  # it is in the loss
    assert all(value > 0 for value in _logged(tmp_path / "run", "d_terms"))


def test_a_name_that_is_nowhere_is_answered_with_theirs(config, tmp_path):
    with pytest.raises(UsageError, match=r"'mein' is none of .*, mine, .*; did you mean"):
        runs.run("train", config, SMALL | {"loss": "mein"}, str(tmp_path / "run"), {})
    with pytest.raises(UsageError, match=r"penalties.flatt is no field; did you mean flat\?"):
        runs.run("train", config, SMALL | {"penalties.flatt": "1"}, str(tmp_path / "run"), {})
