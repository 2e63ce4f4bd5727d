"""The page of a generator: its operators and draws in node, and all of it in Chromium (slow)."""

import dataclasses
import json
import pathlib
import re
import shutil
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.latents import LATENTS
from jaxgan.portable import page
from jaxgan.portable.generator import NotPortable, portable
from jaxgan.portable.graph import to_graph
from jaxgan.portable.page import plain_operators, principal_directions, to_page
from jaxgan.runs.engine import find_engine
from jaxgan.types import Network
from tests.portable.generators import ALL, IMAGE, inputs_of
from tests.portable.test_graph import PRIMITIVES, of, together

PROGRAM = """
const [pages, calls] = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log = console.error = () => {};
const results = pages.map(([html, call]) => {
  const script = (pattern) => html.match(pattern)[1];
  const text = script(/<script id="model" type="application\\/json">(.*?)<\\/script>/s);
  const handler = { get: (own, name) => own[name] ?? (() => element()), set: () => true };
  const element = () => new Proxy({ textContent: text }, handler);
  const document = { getElementById: element, createElement: element, body: {} };
  const programs = [...html.matchAll(/<script>(.*?)<\\/script>/gs)].map((match) => match[1]);
  return new Function("document", `${programs.join("\\n")}\\n;${call}`)(document);
});
process.stdout.write(JSON.stringify(results));
"""
"""Runs the scripts of pages without a browser, and a call in the scope of each."""

CONSTANTS = """
const constants = {};
for (const [name, [shape, type, text]] of Object.entries(model.graph.constants)) {
  constants[name] = ofShape(shape, numbersOf(text, type));
}
"""

RUN = f"""{CONSTANTS}
const {{ shape, data }} = runGraph({{ nodes: model.graph.nodes, constants }}, INPUTS, "samples");
return {{ shape, data: Array.from(data) }};
"""


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch):
    """Directions are estimated from fewer latents, except where a test asks for theirs."""
    monkeypatch.setattr(page, "DRAWS", 64)


@pytest.fixture
def no_directions(monkeypatch):
    """No sliders, whose directions would need a gradient to be compiled."""
    monkeypatch.setattr(page, "principal_directions", lambda *_: [])


def in_node(*pages_and_calls):
    """The results of calls in the scope of pages."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: apt install nodejs")
    given = json.dumps([pages_and_calls, None])
    done = subprocess.run([node, "-e", PROGRAM], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    return json.loads(done.stdout)


def call_of(generator, given):
    named = {
        array.name: {"shape": list(values.shape), "data": np.asarray(values).ravel().tolist()}
        for array, values in zip(generator.inputs, given, strict=True)
    }
    return RUN.replace("INPUTS", json.dumps(named))


def arrays(results):
    return [np.array(each["data"], np.float32).reshape(each["shape"]) for each in results]


def check(names):
    made = {name: ALL[name]() for name in names}
    plain = {name: generator for name, generator in made.items() if to_graph(generator).operators <= plain_operators()}
    given = {name: inputs_of(generator, 3) for name, generator in plain.items()}
    pages = [(to_page(generator), call_of(generator, given[name])) for name, generator in plain.items()]
    for name, found in zip(plain, arrays(in_node(*pages)), strict=True):
        wanted = jax.jit(plain[name].function)(*given[name])
        np.testing.assert_allclose(found, wanted, atol=1e-5, err_msg=name)
    return set(plain)


@pytest.mark.medium
def test_plain_javascript_gives_the_generators_samples(monkeypatch):
    monkeypatch.setattr(page, "SMALL", 10**9)  # all weights in float32
    assert check(["mlp of labels"]) == {"mlp of labels"}


@pytest.mark.slow
def test_plain_javascript_gives_the_samples_of_all_dense_generators(monkeypatch):
    monkeypatch.setattr(page, "SMALL", 10**9)
    dense = check(list(ALL))
    assert len(dense) >= 20 and not any("dcgan" in name for name in dense)


@pytest.mark.medium
@pytest.mark.usefixtures("no_directions")
def test_every_operator_in_javascript_gives_what_jax_gives():
    functions = {name: each for name, each in PRIMITIVES.items() if to_graph(of(each)).operators <= plain_operators()}
    functions["MatMul"] = lambda x: x @ jnp.arange(8.0).reshape(4, 2)
    functions["Shape"] = lambda x: jnp.broadcast_to(jnp.arange(3.0), (x.shape[0], 3))
    generator, places = together(functions)
    assert to_graph(generator).operators == plain_operators()
    x = np.random.default_rng(0).uniform(0.1, 0.9, (3, 4)).astype(np.float32)
    (found,) = arrays(in_node((to_page(generator), call_of(generator, [x]))))
    wanted = np.asarray(jax.jit(generator.function)(x))
    for name, place in places.items():
        np.testing.assert_allclose(found[:, place], wanted[:, place], rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.usefixtures("no_directions")
def test_pictures_that_are_conditions_are_chosen_by_their_places():
    pictures = np.random.default_rng(0).normal(size=(3, 2, 2, 1)).astype(np.float32)
    network = Network(
        lambda key, inputs, condition=None: {"params": {}},
        lambda variables, z, *, condition=None, **_: (jnp.tanh(z[:, :1, None, None] + condition), {}),
    )
    generator = portable(network, {"params": {}}, LATENTS["normal"](2), condition=pictures[:1])
    call = (
        CONSTANTS
        + """
      const graph = { nodes: model.graph.nodes, constants };
      const made = (latent, condition) => Array.from(runGraph(graph, inputsOf(latent, condition), "samples").data);
      const references = model.references.map(({ latent, condition, values }) =>
        [made(numbersOf(latent, "float"), condition), Array.from(numbersOf(values, "float"))]);
      return { choices, made: [0, 1, 2].map((place) => made([0.5, 0], [place])), references };
    """
    )
    of_zeros = to_page(generator), call.replace("[0, 1, 2]", "[0]")
    chosen, zero = in_node((to_page(generator, vector=pictures), call), of_zeros)
    assert (chosen["choices"], zero["choices"]) == (3, 1)
    np.testing.assert_allclose(chosen["made"], np.tanh(0.5 + pictures.reshape(3, 4)), rtol=1e-5)
    np.testing.assert_allclose(zero["made"], np.full((1, 4), np.tanh(0.5)), rtol=1e-5)
    for found, wanted in chosen["references"]:
        np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.usefixtures("no_directions")
def test_weights_of_half_precision():
    rng = np.random.default_rng(0)
    weights = np.concatenate([rng.normal(size=98), [0.0, 6e-8, -3e-5, 5e4, -1e-9]]).astype(np.float32)
    generator = of(lambda z: z[:, :1, None] * weights[None, :, None], 2)
    one = np.ones((1, 2), np.float32)
    (found,) = arrays(in_node((to_page(generator), call_of(generator, [one]))))
    np.testing.assert_array_equal(found.ravel(), weights.astype(np.float16).astype(np.float32))
    # The page says how far its samples are from those of float32.
    html = to_page(generator)
    text = json.loads(re.search(r'application/json">(.*?)</script>', html)[1])
    assert text["precision"].startswith("weights of half precision") and len(text["references"]) == 2


@pytest.mark.medium
@pytest.mark.usefixtures("no_directions")
def test_latents_drawn_in_the_page_are_those_of_the_prior():
    latents = {name: make(8, **({"categories": 3} if name == "categorical" else {})) for name, make in LATENTS.items()}
    call = "return Array.from({ length: 4000 }, () => Array.from(drawLatent()));"
    found_by_name = in_node(*((to_page(_identity(latent)), call) for latent in latents.values()))
    for (name, latent), found in zip(latents.items(), map(np.array, found_by_name), strict=True):
        wanted = np.asarray(latent.sample(jax.random.key(0), 4_000))
        assert found.shape == wanted.shape, name
        # Means and standard deviations within five of their own standard errors, √(2/4000) of a deviation at most.
        np.testing.assert_allclose(found.mean(0), wanted.mean(0), atol=5 * np.sqrt(2 / 4_000), err_msg=name)
        np.testing.assert_allclose(found.std(0), wanted.std(0), atol=5 * np.sqrt(2 / 4_000), err_msg=name)
        hot = latent.categories
        if hot:
            assert set(map(tuple, found[:, :hot])) == set(map(tuple, np.eye(hot))), name
        if latent.bound is not None:
            assert np.abs(found[:, hot:]).max() <= latent.bound, name
        if latent.radius is not None:
            np.testing.assert_allclose(np.linalg.norm(found, axis=1), latent.radius, rtol=1e-5, err_msg=name)


def _identity(latent):
    network = Network(lambda *_, **__: {"params": {}}, lambda v, z, **_: (z[:, :, None], {}))
    return portable(network, {"params": {}}, latent)


@pytest.mark.medium
def test_paths_and_sliders_stay_in_the_prior():
    html = to_page(_identity(LATENTS["sphere"](8)))
    call = """
    const [a, b] = [drawLatent(), drawLatent()];
    const path = [0.3, 0, 1].map((share) => between(a, b, share));
    return [moved(a, model.directions.map(() => 3)), ...path, a, b].map((z) => Array.from(z));
    """
    (found,) = in_node((html, call))
    moved, middle, first, last, a, b = np.array(found)
    np.testing.assert_allclose(np.linalg.norm([moved, middle, a], axis=1), np.sqrt(8), rtol=1e-5)
    np.testing.assert_allclose([first, last], [a, b], atol=1e-5)
    # An arc: 0.3 of the angle.
    angle = np.arccos(a @ b / 8)
    assert np.arccos(a @ middle / 8) == pytest.approx(0.3 * angle, rel=1e-4)


def test_directions_of_a_linear_generator_are_its_singular_vectors(monkeypatch):
    """G(z) = Az, so E[JᵀJ] = AᵀA, with eigenvalues 9, 4 and 1 of 14."""
    monkeypatch.setattr(page, "DRAWS", 512)
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.normal(size=(n, 3)))[0] for n in (30, 3))
    matrix = jnp.asarray(left * [3, 2, 1] @ right.T, jnp.float32)
    network = Network(lambda *_, **__: {"params": {}}, lambda v, z, **_: ((z @ matrix.T)[:, :, None], {}))
    generator = portable(network, {"params": {}}, LATENTS["uniform_unit"](3))
    found = principal_directions(generator, jax.random.key(0))
    np.testing.assert_allclose([share for _, share in found], np.array([9, 4, 1]) / 14, atol=0.05)
    for step, wanted in zip((step for step, _ in found), right.T, strict=True):
        length = np.linalg.norm(step)
        assert length == pytest.approx(1 / np.sqrt(3), rel=0.1)  # a deviation of U(−1, 1)
        assert abs(step @ wanted) / length > 0.99


@pytest.mark.medium
def test_one_hot_parts_have_no_sliders():
    generator = ALL["mlp of a learned mixture"]()
    for step, _ in principal_directions(generator, jax.random.key(0)):
        assert not step[:4].any() and step[4:].any()


@pytest.mark.medium
def test_what_a_page_cannot_show(tmp_path):
    with pytest.raises(NotPortable, match=r"its samples \[2\] are not images"):
        to_page(of(lambda z: z, 2))
    silent = dataclasses.replace(_identity(LATENTS["normal"](6)), latent=LATENTS["normal"](6)._replace(recipe=None))
    with pytest.raises(NotPortable, match=r"its prior does not say.*Latent\(recipe"):
        to_page(silent)
    with pytest.raises(NotPortable, match="its layers need onnxruntime-web"):
        to_page(ALL["dcgan of labels"]())


@pytest.mark.medium
def test_a_page_loads_nothing_and_text_cannot_end_its_scripts():
    html = to_page(
        _identity(LATENTS["normal"](2)), title="</title><script>alert(1)</script>", facts={"<b>": "{{model}}"}
    )
    assert "&lt;/title&gt;" in html and "<script>alert" not in html and "<dd>{{model}}</dd>" in html
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)|https?:|@import|url\(""", html)
    assert "default-src 'none'" in html and 'lang="en"' in html


# --- In Chromium


def engine_or_skip() -> pathlib.Path:
    try:
        return find_engine("")
    except NotPortable as error:
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("mlp of labels", 0, 5e-3),
        ("mlp of vectors", 0, 5e-3),
        ("dcgan of labels", 0, 1e-5),
        ("r3gan", 0, 1e-5),
        ("pix2pix", 0, 1e-5),
    ],
)
@pytest.mark.parametrize("width", [1400, 400])
def test_a_page_in_chromium(browser, tmp_path, name, least, most, width):
    generator = ALL[name]()
    needs = page.needs_engine(to_graph(generator))
    file = tmp_path / "generator.html"
    given = np.random.default_rng(0).uniform(-1, 1, (3, 8, 8, 1)).astype(np.float32) if name == "pix2pix" else None
    file.write_text(to_page(generator, title=name, vector=given, engine=engine_or_skip() if needs else None))
    context = browser.new_context(viewport={"width": width, "height": 900}, accept_downloads=True, offline=True)
    tab = context.new_page()
    problems, requests = [], []
    tab.on("console", lambda message: problems.append(message.text))
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    sections = "[...document.querySelectorAll('main > section:not(#about)')].map((section) => section.inert)"
    tab.add_init_script(f"document.addEventListener('DOMContentLoaded', () => {{ window.atFirst = {sections}; }})")
    tab.goto(file.as_uri())
    tab.wait_for_selector("body[data-ready]", timeout=60_000)
    if needs:  # others are there at once
        assert tab.evaluate("window.atFirst") == [True] * 3  # while the generator loads
    assert tab.evaluate(sections) == [False] * 3
    assert least <= float(tab.locator("dd[data-value]").get_attribute("data-value")) < most

    def picture(selector):
        return tab.evaluate("(s) => document.querySelector(s).toDataURL()", selector)

    def changes(selector, action):
        before = picture(selector)
        action()
        tab.wait_for_function("([s, b]) => document.querySelector(s).toDataURL() !== b", arg=[selector, before])

    # Everything by the keyboard.
    changes("#grid li:nth-child(2) canvas", lambda: tab.press("#more", "Enter"))
    changes("#explored", lambda: tab.press("#grid li:nth-child(3) button", "Enter"))
    assert tab.get_attribute("#grid li:nth-child(3) button", "aria-pressed") == "true"
    changes("#explored", lambda: [tab.press("#slider-0", "ArrowRight") for _ in range(8)])
    assert tab.inner_text("#amount-0") == "0.8"
    tab.press("#reset", "Enter")
    assert tab.inner_text("#amount-0") == "0.0"
    changes("#middle", lambda: tab.press("#play", "Enter"))
    assert tab.inner_text("#play") == "Pause"
    tab.press("#play", "Enter")
    changes("#start", lambda: tab.press("#pair", "Enter"))
    if "labels" in name:
        tab.select_option("#classes", "2")
        tab.wait_for_selector("#grid li:nth-child(24) button[aria-label*='class 2']")
        changes("#explored", lambda: tab.select_option("#class", "1"))
    if given is not None:
        assert tab.inner_text("#classes-row .kind") == "Given picture"
        before = picture("#given canvas")
        tab.select_option("#classes", label="3")  # samples 22 and 23 had pictures 1 and 2
        tab.wait_for_selector("#grid li:nth-child(23) button[aria-label*='picture 3']")
        changes("#explored", lambda: tab.select_option("#class", label="2"))
        assert picture("#given canvas") != before
    if "vectors" in name:
        changes("#explored", lambda: [tab.fill("#vector", "3, -3"), tab.press("#vector", "Enter")])
    with tab.expect_download() as waiting:
        tab.press("#save", "Enter")
    saved = pathlib.Path(waiting.value.path()).read_bytes()
    scale = 96 // IMAGE[0]
    size = [int.from_bytes(saved[start : start + 4], "big") for start in (16, 20)]  # of a PNG
    assert size == [6 * (IMAGE[1] * scale + 2) + 2, 4 * (IMAGE[0] * scale + 2) + 2]
    # Nothing was asked for elsewhere, nothing went wrong, and nothing is wider than the window.
    assert problems == []
    assert all(url.startswith(("file:", "blob:", "data:")) for url in requests)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    unnamed = (
        "[...document.querySelectorAll('canvas')].filter((c) => !c.ariaLabel && !c.closest('[aria-label]')).length"
    )
    assert tab.evaluate(unnamed) == 0
    context.close()
