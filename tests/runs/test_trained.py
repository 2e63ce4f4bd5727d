"""`jaxgan.load`: a trained run in Python. Conditional ones are in tests/wrappers/test_conditions.py."""

import pathlib
import re

import jax
import numpy as np
import pytest

import jaxgan
from jaxgan import runs
from jaxgan.errors import UsageError
from jaxgan.io.checkpoints import Checkpoints
from tests.small_runs import train


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "small"
    train(path, steps=40, average_decay=0.9, sample_every=40)
    return path


@pytest.fixture(scope="module")
def gan(workdir):
    return jaxgan.load(workdir)


@pytest.mark.medium
def test_its_samples_are_those_of_the_command_line_bit_for_bit(workdir, gan):
    runs.run("sample", None, {}, str(workdir), {"count": 1_003, "seed": 5})
    found = np.load(workdir / "samples" / "sample_step_00000040_seed_5.npz")["samples"]
    np.testing.assert_array_equal(gan.sample(1_003, seed=5), found)
    np.testing.assert_allclose(gan.sample(7, key=jax.random.key(5)), found[:7], rtol=1e-5, atol=1e-6)
    assert (gan.sample(7) == gan.sample(7, seed=0)).all() and (gan.sample(7) != found[:7]).any()
    # By hand: the averaged generator, of the first thousand's latents.
    latents = gan.latent.sample(jax.random.fold_in(jax.random.key(5), 0), 1_000)
    params = gan.state.average_params
    by_hand, _ = gan.generator.apply({"params": params, **gan.state.generator.model_state}, latents)
    np.testing.assert_allclose(by_hand, found[:1_000], atol=1e-6)
    assert jax.tree.all(jax.tree.map(lambda a, b: (a != b).any(), params, gan.state.generator.params))


@pytest.mark.medium
def test_it_has_the_whole_state_of_the_checkpoint_that_is_asked_for(workdir, gan):
    with Checkpoints(workdir / "checkpoints", keep=9) as checkpoints:
        for step, loaded in ((40, gan), (20, jaxgan.load(str(workdir), step=20))):
            state, _ = checkpoints.restore(gan.state, step)
            assert loaded.step == step == int(loaded.state.step)
            assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), loaded.state, state))
    assert len(jax.tree.leaves(gan.state.generator.opt_state)) > 8
    logits, _ = gan.discriminator.apply(gan.state.discriminator.variables, gan.sample(3))
    assert logits.shape == (3,)
    assert gan.config["loss"] == "non_saturating" and gan.config["generator"]["widths"] == (16,)


@pytest.mark.medium
def test_the_programs_of_its_page(workdir):
    text = pathlib.Path("docs/own_networks.md").read_text()
    programs = [block for block in re.findall(r"```python\n(.*?)```", text, re.S) if re.search(r"(?<!jax)gan\.", block)]
    names = {"jax": jax, "jaxgan": jaxgan}
    for program in programs:
        exec(program.replace("runs/quickstart", str(workdir)), names)
    assert len(programs) == 2 and names["images"].shape == (16, 2) and names["logits"].shape == (16,)


def test_it_says_what_it_is(workdir, gan):
    # G: 2 · 16 + 16 and 16 · 2 + 2; D: 2 · 16 + 16 and 16 + 1.
    assert repr(gan) == (
        f"TrainedGAN({workdir}: ring, 200 examples (2,); generator mlp of 82 parameters; discriminator mlp of 65 "
        "parameters; loss non_saturating; step 40 of 40)"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"count": 0}, r"sample\(count=0\); it is not a number of samples; give 1 or more"),
        ({"count": 2.5}, "it is not a number of samples"),
        ({"count": True}, "it is not a number of samples"),
        ({"condition": 3}, r"sample\(condition=3\); the run has no condition; leave it out"),
        ({"seed": -1}, r"sample\(seed=-1\); it is not a seed; give a whole number from 0"),
        ({"key": 3}, r"it is not one typed key; give jax.random.key\(seed\)"),
        ({"key": jax.random.PRNGKey(3)}, "it is not one typed key"),
        ({"key": jax.random.split(jax.random.key(3))}, "it is not one typed key"),
        ({"key": jax.random.key(3), "seed": 3}, "leave one of them out"),
    ],
)
def test_wrong_use_is_one_sentence(gan, options, said):
    with pytest.raises(UsageError, match=said):
        gan.sample(**{"count": 3, **options})


@pytest.mark.parametrize(
    ("step", "said"),
    [(33, "no checkpoint of step 33.* has steps 20, 40"), ("last", "is not a step"), ("best", "evaluation.every")],
)
def test_a_step_that_is_not_there(workdir, step, said):
    with pytest.raises(UsageError, match=said):
        jaxgan.load(workdir, step)


def test_a_directory_that_is_no_run(tmp_path):
    with pytest.raises(
        UsageError, match="/none has no checkpoints; there is no such directory; run jaxgan train first"
    ):
        jaxgan.load(tmp_path / "none")
    with pytest.raises(UsageError, match="nothing was trained there; run jaxgan train first"):
        jaxgan.load(tmp_path)


def test_a_directory_of_runs_names_one(gan):
    above = gan.run.directory.path.parent
    with pytest.raises(UsageError, match=f"nothing was trained there; name a run, such as {above}/"):
        jaxgan.load(above)


def test_projected_samples_are_drawn_again(gan):
    samples = gan.sample(6, seed=3)
    latents = gan.project(samples, seed=1)
    again = jaxgan.generate(gan.generator, gan.state, latents)
    assert latents.shape == (6, 2) and np.abs(again - samples).max() < 1e-2
    assert np.abs(again - samples).max() < np.abs(samples[1:] - samples[:-1]).max()
    np.testing.assert_array_equal(latents, gan.project(samples, seed=1))
    far = gan.project(samples, steps=1, starts=1)  # a single step from a draw
    assert np.abs(jaxgan.generate(gan.generator, gan.state, far) - samples).max() > 1e-2


@pytest.mark.parametrize(
    ("examples", "options", "said"),
    [
        (np.zeros((3, 3), np.float32), {}, r"other examples; give floats \[n, 2\]"),
        (np.zeros((3, 2), np.uint8), {}, r"project\(examples uint8 \[3, 2\]\); the run has other examples"),
        (np.zeros((0, 2), np.float32), {}, "the run has other examples"),
        (np.zeros((3, 2), np.float32), {"condition": 1}, "the run has no condition"),
    ],
)
def test_what_cannot_be_projected(gan, examples, options, said):
    with pytest.raises(UsageError, match=said):
        gan.project(examples, **options)
