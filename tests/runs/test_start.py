"""A run that begins with another run's layers."""

import shlex

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import tfd
from jaxgan import runs
from jaxgan.config import DataFacts, build, check, command_line, complete
from jaxgan.errors import UsageError
from jaxgan.runs.train.start import started
from tests.small_runs import SMALL, assert_same_run, saved, train

DEEPER = {"start__generator": "last", "start__discriminator": "none", "generator__widths": "(8, 6, 16)"}
BATCH_NORM = {"generator__normalization": "batch", "average_decay": 0.9}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("start") / "run"
    train(workdir, latent__dim=6, steps=20, **BATCH_NORM)
    return workdir


def _state(run, **changes):
    overrides = SMALL | {"start.run": str(run), "latent.dim": "6"}
    overrides |= {name.replace("__", "."): str(value) for name, value in changes.items()}
    config = complete(command_line.load_config("configs/ring.py"))
    check(config, command_line.override(config, overrides))
    built = build(config, DataFacts((2,), 200))
    state = built.initial_state(0)
    return state, started(state, config, built)


def _leaves_of(leaves, player, part):
    return {path: leaf for path, leaf in leaves.items() if path.startswith(f"['{player}']['{part}']")}


@pytest.mark.slow
def test_all_layers_and_statistics_are_taken_and_optimizers_start_anew(run):
    first, state = _state(run, **BATCH_NORM, seed=5)
    leaves, _ = saved(run)
    for player in ("generator", "discriminator"):
        for part in ("params", "model_state"):
            theirs = _leaves_of(leaves, player, part)
            ours = jax.tree.leaves(getattr(getattr(state, player), part))
            assert len(ours) == len(theirs)
            for value, path in zip(ours, sorted(theirs), strict=True):
                np.testing.assert_array_equal(value, theirs[path])
        opt_state = jax.tree.leaves(getattr(state, player).opt_state)
        for value, start in zip(opt_state, jax.tree.leaves(getattr(first, player).opt_state), strict=True):
            np.testing.assert_array_equal(value, start)
    assert jax.tree.leaves(state.generator.model_state)
    # The average starts where the generator does.
    for average, part in ((state.average_params, "params"), (state.average_state, "model_state")):
        jax.tree.map(np.testing.assert_array_equal, average, getattr(state.generator, part))
    assert int(state.step) == 0 and jnp.all(jax.random.key_data(state.key) == jax.random.key_data(first.key))


@pytest.mark.slow
def test_the_last_layers_of_a_deeper_generator_are_taken(run):
    first, state = _state(run, **BATCH_NORM, **DEEPER)
    leaves, _ = saved(run)
    params, start = state.generator.params, first.generator.params
    for there, here in ((0, 2), (1, 3)):
        for name in ("bias", "kernel"):
            if name in params[f"Dense_{here}"]:
                theirs = leaves[f"['generator']['params']['Dense_{there}']['{name}']"]
                np.testing.assert_array_equal(params[f"Dense_{here}"][name], theirs)
    for kept in ("Dense_0", "Dense_1"):
        jax.tree.map(np.testing.assert_array_equal, params[kept], start[kept])
    # One batch normalisation there is the last of three here.
    layers = sorted({path.split("'")[7] for path in leaves if path.startswith("['generator']['model_state']")})
    assert layers == ["BatchNorm_0"]
    mean = leaves["['generator']['model_state']['batch_stats']['BatchNorm_0']['mean']"]
    np.testing.assert_array_equal(state.generator.model_state["batch_stats"]["BatchNorm_2"]["mean"], mean)
    jax.tree.map(np.testing.assert_array_equal, state.discriminator.params, first.discriminator.params)


@pytest.mark.medium
@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"generator__widths": "(17,)"}, r"BatchNorm_0/bias is \(16,\) there and \(17,\) here"),
        ({"generator__widths": "(16, 16)"}, r"is absent there and \(.*16.*\) here"),
        ({"start__generator": "last", "generator__widths": "()"}, "absent here"),
    ],
)
def test_a_layer_that_does_not_fit_is_named(run, changes, text):
    with pytest.raises(UsageError, match="cannot start from the generator of") as caught:
        _state(run, **BATCH_NORM | changes)
    assert caught.match(text)


@pytest.mark.medium
def test_a_directory_without_a_run_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="has no checkpoints"):
        _state(tmp_path)


def test_layers_cannot_be_chosen_without_a_run(tmp_path):
    with pytest.raises(UsageError, match="start.generator has no effect with start.run="):
        train(tmp_path / "run", start__generator="last")


@pytest.mark.slow
def test_a_started_run_resumes_and_is_swept_bit_for_bit(run, tmp_path):
    changes = {"start__run": run, "latent__dim": 6, **BATCH_NORM, **DEEPER}
    train(tmp_path / "whole", **changes)
    train(tmp_path / "stopped", **changes, steps=30)
    train(tmp_path / "stopped", **changes)
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")
    # A member of a sweep with seed 0, without batch statistics, whose last bit depends on how well XLA compiles.
    plain = {"start__run": run, "latent__dim": 6, "start__generator": "none"}
    train(tmp_path / "alone", **plain)
    overrides = SMALL | {name.replace("__", "."): str(value) for name, value in plain.items()}
    overrides |= {"population.seeds": "2", "population.score": "d_loss"}
    runs.run("sweep", "configs/ring.py", overrides, str(tmp_path / "sweep"), {})
    (alone, _), (member, _) = saved(tmp_path / "alone"), saved(tmp_path / "sweep" / "members" / "000")
    for path, leaf in alone.items():
        np.testing.assert_array_equal(leaf, member[path], err_msg=path)


def test_the_second_stage_of_tfd_fits_the_first():
    text = tfd.__doc__.replace("\\\n", " ")
    (line,) = (line for line in text.splitlines() if "start.run" in line)
    flags = dict(part.removeprefix("--config.").split("=", 1) for part in shlex.split(line)[2:] if "config." in part)
    shapes = []
    for overrides in ({}, flags):
        config = complete(command_line.load_config("configs/tfd.py"))
        check(config, command_line.override(config, {"dataset.path": "FACES.npz"} | overrides))
        built = build(config, DataFacts((48, 48, 1), 98_058, means=np.full((48, 48, 1), 0.5, np.float32)))
        kernels = built.abstract_state().generator.params
        shapes.append([kernels[f"Dense_{i}"]["kernel"].shape for i in range(len(kernels))])
    assert len(shapes[0]) == 3 and shapes[1] == [(100, 8000), (8000, 100), *shapes[0]]
