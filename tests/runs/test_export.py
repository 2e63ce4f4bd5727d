"""--mode=export, jaxgan.export and jaxgan.load_exported."""

import json
import sys

import jax
import numpy as np
import onnxruntime
import pytest

import jaxgan
from jaxgan import runs
from jaxgan.errors import DataError, JaxganError, UsageError, WriteError
from jaxgan.portable.page import ENGINE, VERSION
from jaxgan.runs import engine
from jaxgan.runs.export import FORMS
from tests.small_runs import OF_A_FILE, train


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A conditional run on pictures of 4 × 6 pixels, whose generator has batch norm and an average."""
    folder = tmp_path_factory.mktemp("export")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 4, 6, 1), np.uint8)
    np.savez(folder / "secret_place.npz", x_train=images, y_train=np.arange(60) % 3)
    overrides = OF_A_FILE | {
        "dataset.name": "npz",
        "dataset.path": str(folder / "secret_place.npz"),
        "condition": "labels",
        "generator.output": "sigmoid",
        "generator.normalization": "batch",
        "steps": "4",
        "log_every": "4",
        "checkpoint_every": "4",
        "sample_every": "4",
        "schedules": "",
    }
    runs.run("train", "configs/ring.py", overrides, str(folder / "run"), {})
    return folder / "run"


@pytest.fixture(scope="module")
def made(workdir, tmp_path_factory):
    return jaxgan.export(workdir, tmp_path_factory.mktemp("out") / "new", license="apache-2.0")


@pytest.mark.medium
def test_every_form_gives_the_samples_of_the_run(workdir, made):
    assert list(made) == list(FORMS) == ["jax", "onnx", "safetensors", "html"]
    gan = jaxgan.load(workdir)
    key, labels = jax.random.key(3), np.array([2, 0, 1, 2], np.int32)
    latents = np.asarray(gan.latent.sample(key, 4))
    wanted = np.asarray(jaxgan.generate(gan.generator, gan.state, latents, condition=labels))
    assert gan.state.average_params is not None and wanted.std() > 0
    program = jax.export.deserialize(bytearray(made["jax"].read_bytes()))
    np.testing.assert_allclose(program.call(latents, labels), wanted, atol=1e-5)
    session = onnxruntime.InferenceSession(made["onnx"])
    samples = session.run(["samples"], {"latents": latents, "condition": labels})[0]
    np.testing.assert_allclose(samples, wanted, atol=1e-5)
    again = jaxgan.load_exported(made["safetensors"])
    np.testing.assert_array_equal(again.sample(7, seed=5), gan.sample(7, seed=5))
    np.testing.assert_array_equal(again.sample(3, condition=1), gan.sample(3, condition=1))
    assert again.step == 4


def test_the_description_says_what_the_arrays_are(made):
    described = json.loads((made["jax"].parent / "generator.json").read_text())
    assert described == {
        "format": 1,
        "network": "mlp",
        "step": 4,
        "inputs": [
            {"name": "latents", "shape": ["batch", 2], "dtype": "float32"},
            {"name": "condition", "shape": ["batch"], "dtype": "int32", "classes": 3},
        ],
        "output": {"name": "samples", "shape": ["batch", 4, 6, 1], "dtype": "float32", "low": 0.0, "high": 1.0},
        "latents": [{"distribution": "normal", "size": 2}],
    }
    assert (
        json.loads(onnxruntime.InferenceSession(made["onnx"]).get_modelmeta().custom_metadata_map["jaxgan"])
        == described
    )
    assert json.loads((made["safetensors"] / "config.json").read_text())["generator"] == described


def test_a_repository_in_huggingfaces_layout(made):
    folder = made["safetensors"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "samples.png",
    ]
    header, card = (folder / "README.md").read_text().split("---\n")[1:]
    assert header.splitlines() == [
        "library_name: jaxgan",
        "pipeline_tag: unconditional-image-generation",
        "license: apache-2.0",
        "datasets:",
        '- "npz"',
        "tags:",
        "- gan",
        "- jax",
        "- mlp",
        "- non_saturating",
    ]
    # The card's program runs.
    program = card.split("```python\n")[1].split("```")[0].replace('"DIRECTORY"', repr(str(folder)))
    names: dict = {}
    exec(program, names)
    assert names["samples"].shape == (16, 4, 6, 1)
    # Where the data was is nobody's business.
    assert "secret_place" not in "".join((folder / name).read_text() for name in ("config.json", "README.md"))


@pytest.mark.medium
def test_weights_that_are_not_those_of_the_config(made, tmp_path):
    from safetensors.numpy import load_file, save_file

    folder = tmp_path / "copy"
    folder.mkdir()
    (folder / "config.json").write_bytes((made["safetensors"] / "config.json").read_bytes())
    weights = load_file(made["safetensors"] / "model.safetensors")
    name = "params.Dense_0.kernel"

    def refused(said):
        with pytest.raises(DataError, match=said):
            jaxgan.load_exported(folder)

    refused("model.safetensors; .*No such file")
    save_file({**weights, name: weights[name].T.copy()}, folder / "model.safetensors")
    refused(rf"{name} is float32 \[16, \d+\], and not float32 \[\d+, 16\]")
    save_file({**weights, name: weights[name].astype(np.float64)}, folder / "model.safetensors")
    refused(f"{name} is float64")
    save_file({key: value for key, value in weights.items() if key != name}, folder / "model.safetensors")
    refused(f"{name} is missing")
    save_file({**weights, "params.more": weights[name]}, folder / "model.safetensors")
    refused("params.more is not a variable of it")
    with open(folder / "model.safetensors", "ab") as file:
        file.truncate(2**25)
    refused("it has 33,554,432 bytes, and these weights at most")
    (folder / "model.safetensors").write_bytes(b"\xff" * 100)
    refused("cannot read .*model.safetensors")
    (folder / "config.json").write_text('{"config": {}}')
    refused("config.json; it has no data")
    (folder / "config.json").write_text("[" * 100_000)
    refused("cannot read .*config.json")
    with pytest.raises(UsageError, match="it has no config.json"):
        jaxgan.load_exported(tmp_path)


@pytest.mark.medium
def test_what_an_export_cannot_do(workdir, tmp_path, monkeypatch, capsys):
    with pytest.raises(UsageError, match="there is no form 'onx'; did you mean onnx?"):
        jaxgan.export(workdir, forms="jax,onx")
    with pytest.raises(UsageError, match="not an identifier of a license"):
        jaxgan.export(workdir, license="a: b")
    with pytest.raises(UsageError, match="there is no such directory"):
        jaxgan.export(tmp_path / "none")
    with pytest.raises(UsageError, match="loss cannot be changed of a run that is trained"):
        runs.run("export", None, {"loss": "hinge"}, str(workdir), {})
    with pytest.raises(UsageError, match="--forms does not go with --mode=sample; it is of --mode=export"):
        runs.run("sample", None, {}, str(workdir), {"forms": "jax"})
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot write .*file"):
        jaxgan.export(workdir, tmp_path / "file", forms="jax")
    # A missing package: an error where its form was asked for, else a line.
    packages = {"jax": "flatbuffers", "onnx": "onnx", "safetensors": "safetensors"}
    for form, package in packages.items():
        monkeypatch.setitem(sys.modules, package, None)
        why = rf"the package {package} is not installed.*pip install 'jaxgan\[export\]'"
        with pytest.raises(JaxganError, match=why):
            jaxgan.export(workdir, tmp_path, forms=form)
    capsys.readouterr()
    assert list(jaxgan.export(workdir, tmp_path)) == ["html"]
    said = capsys.readouterr().out
    assert all(
        f"{form} is left out: the package {package} is not installed" in said for form, package in packages.items()
    )
    monkeypatch.delitem(FORMS, "html")
    with pytest.raises(UsageError, match="nothing was exported; every form is left out, as these lines say"):
        jaxgan.export(workdir, tmp_path / "empty")
    assert not (tmp_path / "empty").exists()


@pytest.mark.slow
def test_points_in_the_plane_and_samples_by_the_discriminator(tmp_path, capsys):
    train(tmp_path / "ring", steps=20, sampling__method="rejection")
    capsys.readouterr()
    runs.run("export", None, {}, str(tmp_path / "ring"), {})
    said = capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "ring" / "export").iterdir()) == [
        "generator.jax", "generator.json", "generator.onnx", "huggingface",
    ]  # fmt: skip
    assert "html is left out: there is no page for this generator; its samples [2] are not images" in said
    assert "Samples of these are plain: sampling.method=rejection needs the discriminator" in said
    with pytest.raises(UsageError, match="no images"):
        jaxgan.export(tmp_path / "ring", forms="html")


def test_onnxruntime_web_of_a_directory_of_the_cache_or_of_npm(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=f"it has no ort.wasm.min.js.*npm pack onnxruntime-web@{VERSION}"):
        engine.find_engine(str(tmp_path))
    place = tmp_path / "node_modules" / "onnxruntime-web" / "dist"
    place.mkdir(parents=True)
    for name in ENGINE.values():
        (place / name).write_text("")
    assert engine.find_engine(str(tmp_path)) == place
    monkeypatch.setenv("JAXGAN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(JaxganError, match="npm is not installed; run npm pack .* --onnxruntime_web=DIRECTORY"):
        engine.find_engine("")
    # An npm that packs what it should.
    script = f"""#!{sys.executable}
import pathlib, sys, tarfile
folder = pathlib.Path(sys.argv[sys.argv.index("--pack-destination") + 1])
assert sys.argv[1:3] == ["pack", "onnxruntime-web@{VERSION}"]
with tarfile.open(folder / "onnxruntime-web.tgz", "w:gz") as archive:
    for path in pathlib.Path("{place}").iterdir():
        archive.add(path, "package/dist/" + path.name)
"""
    (tmp_path / "npm").write_text(script)
    (tmp_path / "npm").chmod(0o755)
    found = engine.find_engine("")
    assert found == tmp_path / "cache" / f"onnxruntime-web-{VERSION}"
    assert sorted(path.name for path in found.iterdir()) == sorted(ENGINE.values())
    (tmp_path / "npm").unlink()
    assert engine.find_engine("") == found  # without npm
