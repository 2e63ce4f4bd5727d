"""`--mode=export`: writes a trained generator in forms that other programs use. `jaxgan.export` is `export`."""

import json
import os
import pathlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import extras
from jaxgan.config import schema
from jaxgan.errors import DataError, UsageError
from jaxgan.io.atomic import OUTPUT, atomic_write, local_path, reported
from jaxgan.portable import huggingface
from jaxgan.portable.generator import NotPortable, PortableGenerator, portable
from jaxgan.portable.graph import to_graph
from jaxgan.portable.onnx_file import to_onnx
from jaxgan.portable.page import needs_engine, to_page
from jaxgan.portable.stablehlo import to_jax
from jaxgan.runs.engine import find_engine
from jaxgan.runs.load import TrainedRun, asked_for, load_run
from jaxgan.runs.sample import save_picture
from jaxgan.runs.sampling import columns_of, sampler
from jaxgan.tables import nearest
from jaxgan.training.step import averaged

DESCRIPTION = "generator.json"
"""The file that describes the inputs and the output of the other files."""

SHOWN = 64
"""Number of samples in a model card's picture."""


class Export(NamedTuple):
    """The inputs of the portable forms.

    Attributes:
      run: the trained run, in float32, with the conditions that samples cycle through.
      generator: its generator.
      output: the directory to write to.
      onnxruntime_web: the directory of onnxruntime-web's files; "" to look for them.
      license: the model card's license; "" leaves it open.
    """

    run: TrainedRun
    generator: PortableGenerator
    output: pathlib.Path
    onnxruntime_web: str
    license: str

    def write(self, name: str, content: bytes) -> pathlib.Path:
        """Writes a file, whole or not at all; WriteError on failure."""
        path = self.output / name
        with reported(path, OUTPUT):
            atomic_write(path, content)
        return path


def _jax(given: Export) -> pathlib.Path:
    return given.write("generator.jax", to_jax(given.generator))


def _onnx(given: Export) -> pathlib.Path:
    return given.write("generator.onnx", to_onnx(given.generator))


def _safetensors(given: Export) -> pathlib.Path:
    """Writes a directory in the layout of HuggingFace's Hub."""
    run, generator, folder = given.run, given.generator, "huggingface"
    weights = huggingface.to_safetensors(generator)  # first, since it may fail
    config = schema.replaced(run.config, _private(run.config))
    about = {
        "library_name": "jaxgan",
        "config": config,
        "data": dict(run.data),
        "generator": generator.description(),
    }
    dataset = _dataset(config)
    card = huggingface.model_card(
        f"{config['generator']['network']} generator of {dataset}",
        generator,
        dataset=dataset,
        tags=(config["generator"]["network"], config["loss"]),
        license=given.license,
        made=f"A GAN trained with jaxgan: {int(run.state.step):,} steps, loss {config['loss']}.",
    )
    plain = run.experiment.replace(sampling=run.experiment.sampling._replace(method="plain"))
    run, key = run._replace(experiment=plain), jax.random.key(0)
    values = None if columns_of(plain, SHOWN) else sampler(plain)(run.state, key, SHOWN).values
    save_picture(given.output / folder / huggingface.PICTURE, run, key, SHOWN, values)
    given.write(f"{folder}/{huggingface.CONFIG}", (json.dumps(about, indent=2) + "\n").encode())
    given.write(f"{folder}/{huggingface.CARD}", card.encode())
    return given.write(f"{folder}/{huggingface.WEIGHTS}", weights).parent


def _html(given: Export) -> pathlib.Path:
    """Writes a page that runs the generator in a browser."""
    run, graph = given.run, to_graph(given.generator)
    config, conditions = run.config, run.experiment.conditions
    size = sum(leaf.size for leaf in jax.tree.leaves(given.generator.variables["params"]))
    own = config["dataset"]["name"] in ("images", "npz", "idx")  # a user's file, which has no name
    content = to_page(
        given.generator,
        graph,
        title=run.directory.path.name,
        summary="Pictures by a generative adversarial network, trained "
        f"{'' if own else f'on {_dataset(config)} '}with jaxgan.",
        facts={
            "Network": f"{config['generator']['network']}, {size:,} parameters, loss {config['loss']}",
            "Training": f"{int(run.state.step):,} steps",
            "Random numbers": f"{run.experiment.latent.dim}, of the prior {config['latent']['name']}",
        },
        vector=_shown_conditions(conditions) if run.experiment.classes is None else None,
        engine=find_engine(given.onnxruntime_web) if needs_engine(graph) else None,
    )
    return given.write("generator.html", content.encode())


def _shown_conditions(conditions: np.ndarray | None) -> np.ndarray | None:
    """The first vector [dim], or the first pictures [n, ...]."""
    return conditions if conditions is None else conditions[0] if conditions.ndim == 2 else conditions[:12]


def _dataset(config: Mapping[str, Any]) -> str:
    section = config["dataset"]
    return section["tfds_name" if section["name"] == "tfds" else "name"]


FORMS: dict[str, Callable[[Export], pathlib.Path]] = {
    "jax": _jax,
    "onnx": _onnx,
    "safetensors": _safetensors,
    "html": _html,
}
"""Portable forms: `Export -> path` of the file or directory written; NotPortable if a generator lacks this form."""


def export(
    workdir: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    forms: str | Sequence[str] | None = None,
    step: int | str | None = None,
    onnxruntime_web: str = "",
    license: str = "",
    overrides: Mapping[str, str] = {},
) -> dict[str, pathlib.Path]:
    """Writes a run's generator in forms that do not need jaxgan: `jaxgan.export("runs/quickstart", forms="onnx")`.

    The exported generator is a deterministic float32 function of latents and conditions. Like samples, it uses the
    averaged parameters if the run has them. `generator.json` describes its arrays, and how to draw latents.

    Args:
      workdir: the run's directory.
      output: the directory to write to; `WORKDIR/export` by default.
      forms: names in `FORMS`, or a single text with commas; None for all possible forms.
      step: step of the checkpoint; see `load_run`.
      onnxruntime_web: the directory of onnxruntime-web, for pages that need it; "" to download it with npm.
      license: license in the model card, such as "apache-2.0".
      overrides: fields of the run's config to set, as text; only those that the schema allows.

    Returns:
      The file or directory of each form.

    Raises:
      UsageError: there is no such run or form, or a requested form is not possible.
      DataError: the checkpoint is damaged.
      WriteError: the directory cannot be written.
    """
    chosen = _chosen(forms)
    if license and not re.fullmatch(r"[A-Za-z0-9.-]+", license):
        raise UsageError(f"--license={license}", "it is not an identifier of a license", "give one such as apache-2.0")
    run = load_run(os.fspath(workdir), step, {"precision": "float32"} | dict(overrides), "export")
    folder = run.directory.path / "export" if output is None else local_path(os.fspath(output), "--output=")
    run = _with_conditions(run)
    given = Export(run, portable_of(run), folder, onnxruntime_web, license)
    made = {}
    for name in chosen:
        try:
            made[name] = FORMS[name](given)
        except (NotPortable, ModuleNotFoundError) as error:
            said = extras.missing(error) if isinstance(error, ModuleNotFoundError) else error
            if said is None:
                raise
            if forms is not None:
                raise said from error
            print(f"{name} is left out: {said}")
            continue
        print(f"{name}: {made[name]}, {_bytes_of(made[name]):,} bytes")
    if not made:
        raise UsageError("nothing was exported", "every form is left out, as these lines say", "follow one of them")
    given.write(DESCRIPTION, given.generator.description_json().encode())
    if (method := run.experiment.sampling.method) != "plain":
        print(f"Samples of these are plain: sampling.method={method} needs the discriminator, which is not exported.")
    return made


def portable_of(run: TrainedRun) -> PortableGenerator:
    """The generator of a run."""
    experiment, data = run.experiment, run.data
    return portable(
        experiment.generator,
        averaged(run.state),
        experiment.latent,
        condition=experiment.condition(1),
        classes=experiment.classes,
        low=data["low"],
        high=data["high"],
        name=run.config["generator"]["network"],
        facts={"network": run.config["generator"]["network"], "step": int(run.state.step)},
    )


def _chosen(forms: str | Sequence[str] | None) -> list[str]:
    names = list(FORMS) if forms is None else forms.split(",") if isinstance(forms, str) else list(forms)
    for name in names:
        if name not in FORMS:
            remedy = nearest(name, FORMS).removeprefix("; ") or f"choose among {', '.join(FORMS)}"
            raise UsageError(f"--forms={','.join(names)}", f"there is no form {name!r}", remedy)
    return list(dict.fromkeys(names))


def _with_conditions(run: TrainedRun) -> TrainedRun:
    """The run with condition vectors from its data, or zeros if the data cannot be read."""
    try:
        return asked_for(run, None)
    except DataError:
        return run


def _private(config: Mapping[str, Any]) -> dict[str, Any]:
    """Replacements for fields that say nothing about the generator, such as paths on this machine."""
    known, flat = schema.rows(config), schema.flattened(config)
    names = {"start.run", *(name for mode in ("sample", "evaluate") for name in schema.allowed(config, mode))}
    found = {name: known[name].spec.default for name in names if name in flat}
    return found | ({"dataset.path": "not exported"} if flat.get("dataset.path") else {})


def _bytes_of(path: pathlib.Path) -> int:
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.iterdir()))
