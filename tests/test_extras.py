"""What needs an extra that is not installed is answered with its name, in one line, wherever the import happens."""

import subprocess
import sys

import pytest

from jaxgan import extras
from jaxgan.errors import UsageError

CORE = ("flax", "orbax", "ml_collections", "grain", "matplotlib", "PIL", "tensorboardX", "tqdm", "tensorflow_datasets")


def _without(*packages, program):
    """Runs a program where these packages cannot be imported."""
    hidden = f"import sys; sys.modules.update(dict.fromkeys({packages!r}))\n"
    return subprocess.run([sys.executable, "-c", hidden + program], capture_output=True, text=True)


def _command(*arguments):
    return f"from jaxgan.runs import command; command.main({arguments!r})"


@pytest.mark.parametrize(("package", "extra"), [(m, extra) for extra, ms in extras.EXTRAS.items() for m in ms])
def test_the_extra_of_every_package_is_named(package, extra):
    with pytest.raises(UsageError) as error, extras.named():
        raise ModuleNotFoundError("no", name=f"{package}.part")
    why = f"the package {package} is not installed; it comes with jaxgan's extra {extra}"
    assert str(error.value) == f"{why}; run: pip install 'jaxgan[{extra}]'"


def test_other_modules_are_not_the_users():
    for name in ("jaxgan.nothing", "flaxen", None):
        with pytest.raises(ModuleNotFoundError), extras.named():
            raise ModuleNotFoundError("no", name=name)


@pytest.mark.medium
@pytest.mark.parametrize(
    ("hidden", "arguments", "extra"),
    [
        (CORE, ["train", "quickstart", "--workdir=x"], "train"),
        (("absl",), ["train", "quickstart", "--workdir=x"], "train"),
        (CORE, ["report", "x"], "train"),
        (("tensorflow_datasets",), ["prepare", "mnist", "--from", "{data}", "--to", "{data}/to"], "tfds"),
    ],
)
def test_a_command_names_the_extra_that_it_lacks(hidden, arguments, extra, tmp_path):
    if "prepare" in arguments:
        _write_idx(tmp_path)
    arguments = [argument.format(data=tmp_path).replace("=x", f"={tmp_path}/run") for argument in arguments]
    done = _without(*hidden, program=_command(*arguments))
    assert done.returncode == 2 and done.stdout == "", done.stdout
    assert done.stderr.startswith("jaxgan: error: the package ") and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.endswith(f"; run: pip install 'jaxgan[{extra}]'\n")


@pytest.mark.medium
def test_the_core_alone_has_help_and_a_doctor():
    for arguments in (["--help"], ["train", "--help"], ["doctor"], ["trian"]):
        done = _without(*CORE, program=_command(*arguments))
        assert done.returncode == (2 if arguments == ["trian"] else 0) and "Traceback" not in done.stderr, done.stderr


@pytest.mark.medium
def test_the_core_alone_trains_and_scores_a_users_own_networks():
    program = """
import jax, jax.numpy as jnp, numpy as np, optax
import jaxgan
from jaxgan import evaluation, theory

def linear(outputs):
    def init(key, inputs, condition=None):
        return {"params": {"w": 0.1 * jax.random.normal(key, (inputs.shape[1], outputs))}}
    def apply(variables, inputs, *, condition=None, key=None, train=False):
        out = inputs @ variables["params"]["w"]
        return (out if outputs > 1 else out[:, 0]), {}
    return jaxgan.Network(init, apply)

parts = dict(generator=linear(2), discriminator=linear(1), generator_tx=optax.sgd(0.1), discriminator_tx=optax.sgd(0.1))
parts["latent"] = jaxgan.LATENTS["normal"](3)
step = jax.jit(jaxgan.make_train_step(**parts, loss=jaxgan.LOSSES["hinge"], penalties=[jaxgan.PENALTIES["r1"](1.0)]))
data = jax.random.normal(jax.random.key(0), (64, 2))
state = jaxgan.init_state(jax.random.key(1), **parts, example=data)
state, metrics = step(state, {"real": data[None]})
samples = jaxgan.sample(parts["generator"], state, jax.random.key(2), 64, latent=parts["latent"])
assert np.isfinite(evaluation.frechet.frechet_distance(data, samples)) and int(state.step) == 1
try:
    jaxgan.NETWORKS
except ModuleNotFoundError as error:
    print(error.name, error, sep=": ")
"""
    done = _without(*CORE, program=program)
    wanted = "the package flax is not installed; it comes with jaxgan's extra train; run: pip install 'jaxgan[train]'"
    assert done.stdout == f"flax: {wanted}\n", done.stderr


def _write_idx(folder):
    """Two black digits as IDX files, for both splits."""
    for split in ("train", "t10k"):
        images = (0x803).to_bytes(4) + b"".join(n.to_bytes(4) for n in (2, 28, 28)) + bytes(2 * 28 * 28)
        (folder / f"{split}-images-idx3-ubyte").write_bytes(images)
        (folder / f"{split}-labels-idx1-ubyte").write_bytes((0x801).to_bytes(4) + (2).to_bytes(4) + bytes([0, 1]))
