"""A web page that runs a generator in any browser: a single file that makes no requests."""

import base64
import gzip
import html
import importlib.resources
import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.portable.generator import CONDITION, NotPortable, PortableGenerator
from jaxgan.portable.graph import Graph, to_graph
from jaxgan.portable.onnx_file import graph_to_onnx

SLIDERS = 8
"""Maximum number of directions with sliders."""

DRAWS, AT_ONCE = 512, 64
"""Number of latents from which directions are estimated, and how many are processed at once."""

SMALL, LARGEST_HALF = 64, 6e4
"""Constants with more numbers than this are stored in half precision, unless a value exceeds its range."""

COMPARED = 4_096
"""Maximum number of a sample's values that the page compares with JAX's."""

VERSION = "1.30.0"
ENGINE = {
    "ort": "ort.wasm.min.js",
    "ort-glue": "ort-wasm-simd-threaded.mjs",
    "ort-wasm": "ort-wasm-simd-threaded.wasm",
}
"""Files of onnxruntime-web, of this version and probably of others."""

LICENSE = """<!-- This page contains onnxruntime-web (github.com/microsoft/onnxruntime).
MIT License. Copyright (c) Microsoft Corporation.
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions: The above copyright notice and
this permission notice shall be included in all copies or substantial portions of the Software.
THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE. -->
"""


def plain_operators() -> frozenset[str]:
    """Names of the operators that pages run in plain JavaScript."""
    return frozenset(re.findall(r"^operators\.(\w+) = ", _source("operators.js"), re.MULTILINE))


def needs_engine(graph: Graph) -> bool:
    """Whether a page of the graph needs onnxruntime-web, because it has operators such as convolutions."""
    return not graph.operators <= plain_operators()


def to_page(
    generator: PortableGenerator,
    graph: Graph | None = None,
    *,
    title: str = "A generator",
    summary: str = "",
    facts: Mapping[str, str] = {},
    vector: np.ndarray | None = None,
    engine: pathlib.Path | None = None,
) -> str:
    """The page: samples, sliders along `principal_directions`, and paths between two latents.

    Dense layers, normalisation and activations run in plain JavaScript, with weights in half precision. Other
    generators run in float32 in onnxruntime-web, whose files the page then contains.

    Args:
      generator: a generator of images, grey or RGB.
      graph: the result of `to_graph`; None to compute it.
      title, summary: plain text.
      facts: listed at the end, by name.
      vector: the initial condition [dim], if the condition is a vector; or pictures [n, ...] to choose from, if it is a
        picture. None: zeros.
      engine: the directory of onnxruntime-web's files (`ENGINE`), if `needs_engine`.

    Raises:
      NotPortable: the samples are not images, the prior has no recipe, a primitive has no converter, or onnxruntime-web
        is needed but missing.
    """
    _check(generator)
    graph = to_graph(generator) if graph is None else graph
    if vector is None:
        shape = next((array.shape for array in generator.inputs if array.name == CONDITION), ())
        vector = np.zeros(shape if len(shape) == 1 else (1, *shape) if shape else 0, np.float32)
    pictures = vector if vector.ndim > 1 else np.zeros((0, 0), np.float32)
    key = jax.random.key(0)
    model = _model(generator) | {
        "vector": vector.tolist() if vector.ndim == 1 else [],
        "pictures": [_base64(picture.astype(np.float32)) for picture in pictures],
        "directions": [
            {"step": np.round(step, 5).tolist(), "share": share}
            for step, share in principal_directions(generator, key, vector)
        ],
        "references": _references(generator, key, vector),
    }
    scripts = ""
    if needs_engine(graph):
        model["precision"] = "float32, in onnxruntime-web"
        scripts = _engine_scripts(engine, graph_to_onnx(generator, graph))
    else:
        model["precision"] = f"weights of half precision, {sum(c.size for c in graph.constants.values()):,} numbers"
        model["graph"] = _graph_json(graph)
    filled = {
        "title": html.escape(title),
        "summary": html.escape(summary),
        "path": ", on an arc" if _goes_on_arcs(model) else ", on a straight line",
        "facts": "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>" for name, text in facts.items()),
        "model": _as_json(model),
        "operators": _inline(_source("operators.js")),
        "engine": scripts,
        "program": _inline(_source("generator.js") + _source("page.js")),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: filled[match[1]], _source("page.html"))


class PlainGenerator(NamedTuple):
    """A generator as part of another page.

    Attributes:
      model: JSON, the content of a script element of type application/json with id "model".
      program: the content of a script element after it, which defines the functions of `generator.js`.
      numbers: how many numbers the generator's constants contain.
    """

    model: str
    program: str
    numbers: int


def plain_generator(generator: PortableGenerator) -> PlainGenerator:
    """A generator that runs in plain JavaScript, for a page that uses it in its own way.

    Raises:
      NotPortable: as for `to_page`, or if it needs onnxruntime-web.
    """
    _check(generator)
    graph = to_graph(generator)
    if needs_engine(graph):
        raise NotPortable("this generator needs a page of its own", "its layers need onnxruntime-web", "use to_page")
    model = _model(generator) | {"graph": _graph_json(graph)}
    numbers = sum(constant.size for constant in graph.constants.values())
    return PlainGenerator(_as_json(model), _inline(_source("operators.js") + _source("generator.js")), numbers)


def _check(generator: PortableGenerator) -> None:
    """Raises NotPortable if no page can show a generator's samples or draw its latents."""
    shape = generator.output.shape
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3, 4)):
        raise NotPortable(
            "there is no page for this generator", f"its samples {list(shape)} are not images", "choose other forms"
        )
    if generator.latent.recipe is None:
        raise NotPortable(
            "there is no page for this generator",
            "its prior does not say how other programs draw it",
            "set Latent(recipe=...), see docs/export.md",
        )


def _model(generator: PortableGenerator) -> dict[str, Any]:
    """The information about a generator that every page needs."""
    shape, recipe = generator.output.shape, generator.latent.recipe
    return {
        "shape": [*shape, 1] if len(shape) == 2 else list(shape),
        "low": generator.low,
        "high": generator.high,
        "inputs": [array._asdict() for array in generator.inputs],
        "latents": [] if recipe is None else list(recipe()),
        "classes": generator.classes,
    }


def _goes_on_arcs(model: Mapping[str, Any]) -> bool:
    return any(part["distribution"] in ("normal", "sphere") for part in model["latents"])


def _as_json(model: Mapping[str, Any]) -> str:
    """JSON as the content of a script element."""
    return json.dumps(model, separators=(",", ":")).replace("<", "\\u003c")


def principal_directions(
    generator: PortableGenerator, key: chex.PRNGKey, vector: np.ndarray | None = None
) -> list[tuple[np.ndarray, float]]:
    """The latent directions along which samples change most: eigenvectors of E[J(z)ᵀJ(z)], with J the Jacobian of G.

    The mean is estimated from products J(z)ᵀv with v ~ N(0, I): their outer products have it as their expectation.
    One-hot parts are left out.

    Args:
      generator: any portable generator.
      key: draws z and v, and classes.
      vector: the condition, if it is a vector.

    Returns:
      At most `SLIDERS` pairs: a step [dim] of one standard deviation of the prior, with a positive largest coordinate,
      and the direction's fraction of the trace.

    Source: Constantine 2015, "Active Subspaces", chapter 3; directions of a generator by its Jacobian: Ramesh et al.
    2018 (arXiv:1812.01161).
    """

    @jax.jit
    def gradients(latents, noise, *conditions):
        return jax.vjp(lambda z: generator.function(z, *conditions), latents)[1](noise)[0]

    found = []
    for i, part_key in enumerate(jax.random.split(key, DRAWS // AT_ONCE)):
        latents_key, noise_key = jax.random.split(part_key)
        latents = generator.latent.sample(latents_key, AT_ONCE)
        noise = jax.random.normal(noise_key, (AT_ONCE, *generator.output.shape))
        conditions = _conditions(generator, np.arange(i * AT_ONCE, (i + 1) * AT_ONCE), vector)
        found.append(np.asarray(gradients(latents, noise, *conditions), np.float64))
    rows = np.concatenate(found)
    recipe = generator.latent.recipe
    parts = () if recipe is None else recipe()
    kept = np.concatenate([np.full(part["size"], part["distribution"] != "one_hot") for part in parts])
    rows = np.where(np.isfinite(rows) & kept, rows, 0.0)
    values, vectors = np.linalg.eigh(rows.T @ rows)
    draws = np.asarray(generator.latent.sample(key, 1_000), np.float64)
    directions = []
    for value, direction in list(zip(values, vectors.T, strict=True))[::-1][: min(SLIDERS, int(kept.sum()))]:
        step = direction * np.sign(direction[np.abs(direction).argmax()]) * (draws @ direction).std()
        directions.append((step, float(value / max(values.sum(), 1e-300))))
    return directions


def _conditions(generator: PortableGenerator, numbers: np.ndarray, vector: np.ndarray | None) -> list[jax.Array]:
    """Conditions for examples with these numbers: classes or pictures cyclically, one vector; zeros for all else."""
    found = []
    for array in generator.inputs[1:]:
        if array.name == CONDITION and generator.classes is not None:
            found.append(jnp.asarray(numbers % generator.classes, jnp.int32))
        elif array.name == CONDITION and vector is not None and vector.ndim > 1:
            found.append(jnp.asarray(vector[numbers % len(vector)], array.dtype))
        else:
            given = vector if array.name == CONDITION and vector is not None else np.zeros(array.shape)
            found.append(jnp.broadcast_to(jnp.asarray(given, array.dtype), (len(numbers), *array.shape)))
    return found


def _references(generator: PortableGenerator, key: chex.PRNGKey, vector: np.ndarray) -> list[dict[str, Any]]:
    """Two latents with their conditions, and the first values of JAX's samples for them."""
    numbers = np.arange(2)
    latents = generator.latent.sample(jax.random.fold_in(key, 1), len(numbers))
    conditions = _conditions(generator, numbers, vector)
    values = np.asarray(jax.jit(generator.function)(latents, *conditions)).reshape(len(numbers), -1)[:, :COMPARED]
    named = dict(zip((array.name for array in generator.inputs[1:]), conditions, strict=True))
    given = np.asarray(named.get(CONDITION, np.zeros((len(numbers), 0)))).reshape(len(numbers), -1)
    given = numbers[:, None] % len(vector) if vector.ndim > 1 else given  # their places in the model's pictures
    return [
        {"latent": _base64(np.asarray(latents[i])), "condition": given[i].tolist(), "values": _base64(values[i])}
        for i in numbers
    ]


def _base64(content: np.ndarray | bytes) -> str:
    return base64.b64encode(content if isinstance(content, bytes) else np.ascontiguousarray(content)).decode()


def _graph_json(graph: Graph) -> dict[str, Any]:
    def constant(array: np.ndarray) -> tuple[list[int], str, str]:
        if array.dtype == np.float32:
            half = array.size > SMALL and np.abs(array).max() < LARGEST_HALF
            return list(array.shape), "half" if half else "float", _base64(array.astype("<f2" if half else "<f4"))
        return list(array.shape), "int", _base64(np.clip(array, -(2**31), 2**31 - 1).astype("<i4"))

    return {
        "nodes": [[node.operator, node.inputs, node.output, node.attributes] for node in graph.nodes],
        "constants": {name: constant(array) for name, array in graph.constants.items()},
    }


def _engine_scripts(engine: pathlib.Path | None, model: bytes) -> str:
    if engine is None:
        raise NotPortable(
            "there is no page for this generator",
            "its layers need onnxruntime-web",
            f"run npm pack onnxruntime-web@{VERSION}, unpack it, and name its directory as --onnxruntime_web=DIRECTORY",
        )
    content = {name: (engine / file).read_bytes() for name, file in ENGINE.items()}
    program = _inline(content.pop("ort").decode())
    packed = {"ort-model": model, **content}
    data = "".join(
        f'<script id="{name}" type="text/plain">{_base64(gzip.compress(part, 9, mtime=0))}</script>\n'
        for name, part in packed.items()
    )
    return f"{LICENSE}<script>{program}</script>\n{data}"


def _inline(program: str) -> str:
    """A program as the content of a script element, escaping the texts that would end it."""
    return program.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _source(name: str) -> str:
    return (importlib.resources.files("jaxgan.portable") / name).read_text(encoding="utf-8")
