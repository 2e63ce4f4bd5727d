"""The report of a run, and the page that compares several: what is in them, and in what a stranger's run may have."""

import base64
import io
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from jaxgan import runs
from jaxgan.errors import UsageError
from jaxgan.runs.directory import RunDirectory
from jaxgan.runs.evaluate import pages
from jaxgan.runs.evaluate import report as report_module
from jaxgan.runs.evaluate.report import evenly, settings_of, write_report
from jaxgan.runs.evaluate.tables import beside_real
from jaxgan.runs.facts import RunFacts, read_facts
from jaxgan.runs.load import load_run
from tests.small_runs import OF_A_FILE

STEPS = [0, 5, 10, 15, 20]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A conditional run on images of 4 x 3 pixels and three classes, and its page when its training ended."""
    random = np.random.default_rng(0)
    images, labels = random.integers(256, size=(120, 4, 3, 1), dtype=np.uint8), np.arange(120) % 3
    place = tmp_path_factory.mktemp("report")
    np.savez(place / "data.npz", examples=images, labels=labels)
    data = {"dataset.name": "npz", "dataset.path": str(place / "data.npz"), "dataset.validation_examples": "20"}
    game = {"condition": "labels", "generator.output": "sigmoid", "steps": "20"}
    every = dict.fromkeys(("log_every", "sample_every", "checkpoint_every"), "5")
    runs.run("train", "configs/ring.py", OF_A_FILE | data | game | every, str(place / "whole"), {})
    trained = (place / "whole" / "report.html").read_text()
    fields = {"evaluation.metrics": "sliced_wasserstein", "evaluation.features": "raw", "evaluation.samples": "20"}
    runs.run("evaluate", None, fields, str(place / "whole"), {})
    return place / "whole", trained


@pytest.fixture(autouse=True)
def _no_png_of_curves(monkeypatch):
    """The same curves as PNG, which take half a second."""
    monkeypatch.setattr(report_module.figures, "curves", lambda panels: np.zeros((1, 1), np.uint8))


@pytest.fixture
def run(whole, tmp_path):
    """A copy that a test may change."""
    shutil.copytree(whole[0], tmp_path / "run")
    return tmp_path / "run"


def page_of(workdir, **options):
    write_report(RunDirectory(str(workdir), create=False), **options)
    return (workdir / "report.html").read_text()


def stored(page, name):
    return json.loads(re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', page, re.DOTALL)[1])


def facts_in(page):
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))


@pytest.mark.medium
def test_the_facts_of_a_run_are_those_that_it_said(whole):
    place, page = whole
    facts = facts_in(page)
    values = "examples [4, 3, 1], bytes, 0 to 255 as [0, 1], 3 classes"
    assert facts["Data"] == f"npz of {place.parent / 'data.npz'}, {values}"
    # 2 latents and 3 classes in, 12 numbers out, by one layer of 16: 6 · 16 and 17 · 12.
    assert facts["Generator"] == f"mlp, {5 * 16 + 16 + 16 * 12 + 12} parameters, adam at 0.001"
    assert facts["Training"] == "20 steps of 16 examples, seed 0" and facts["Device"] == "4 x cpu, mapping jit"
    assert re.fullmatch(r"\d+ (s|min \d\d s)", facts["Time taken"]) and "numpy" in facts["Versions"]
    assert read_facts(RunDirectory(str(place), create=False)).seconds > 0
    assert re.fullmatch(r"[0-9a-f]{12}(-dirty)?", facts.get("Commit", "0" * 12))


def test_a_report_that_is_made_again_is_the_same(run, whole, capsys):
    shutil.rmtree(run / "evaluation")
    runs.run("report", None, {}, str(run), {})
    assert capsys.readouterr().out == f"Written: {run / 'report.html'}\n"
    expected = whole[1].replace("<h1>whole</h1>", "<h1>run</h1>").replace("<title>whole<", "<title>run<")
    assert (run / "report.html").read_text() == expected


def test_the_film_has_every_picture_and_begins_at_the_scored_step(run):
    page = page_of(run)
    frames = stored(page, "frames")
    assert [frame["step"] for frame in frames] == STEPS
    for frame in frames:
        content = (run / "samples" / f"step_{frame['step']:08d}.png").read_bytes()
        assert base64.b64decode(frame["png"]) == content
    assert 'id="step" type="range" min="0" max="4" value="4"' in page
    assert '<img id=frame alt="Samples of the generator at step 20" src="data:image/png;base64,' in page
    # The scores of an earlier step have the picture of that step beside them.
    evaluation = run / "evaluation" / "step_00000020_seed_0.json"
    evaluation.write_text(json.dumps(json.loads(evaluation.read_text()) | {"step": 10}))
    page = page_of(run)
    assert 'max="4" value="2"' in page and 'alt="Samples of the generator at step 10"' in page
    assert "<h2>Scores at step 10</h2>" in page and "Pictures of the scored samples, step 10" in page


@pytest.mark.parametrize(
    ("sizes", "most", "limit", "expected"),
    [
        ([1, 1, 1, 1, 1], 5, 5, [0, 1, 2, 3, 4]),
        ([1, 1, 1, 1, 1], 3, 5, [0, 2, 4]),
        ([1, 1, 1, 1, 1], 5, 4, [0, 1, 3, 4]),  # places 0, 4/3, 8/3 and 4
        ([1, 9, 9, 9, 1], 5, 4, [0, 4]),
        ([9, 9], 5, 4, [1]),  # the last one always
        ([], 5, 4, []),
    ],
)
def test_a_film_is_bounded(sizes, most, limit, expected):
    assert evenly(dict(enumerate(sizes)), most, limit) == expected


def test_a_bounded_film_says_what_it_leaves_out(run, monkeypatch):
    monkeypatch.setattr(report_module, "FRAMES", 3)
    page = page_of(run)
    assert [frame["step"] for frame in stored(page, "frames")] == [0, 10, 20]
    assert "2 further pictures are in samples/." in page


def test_the_generator_is_part_of_the_page_where_it_is_small(run, whole, monkeypatch):
    model = stored(whole[1], "model")
    assert model["shape"] == [4, 3, 1] and model["classes"] == 3 and (model["low"], model["high"]) == (0, 1)
    assert {array["name"] for array in model["inputs"]} == {"latents", "condition"}
    names = {node[0] for node in model["graph"]["nodes"]}
    assert {"MatMul", "Sigmoid"} <= names and "function runGraph" in whole[1] and "drawLatent" in whole[1]
    assert "</script" not in json.dumps(model)
    loaded = load_run(str(run))
    monkeypatch.setattr(report_module, "LIVE_NUMBERS", 100)
    assert '<script id="model"' not in (page := page_of(run, run=loaded))
    assert (
        "It does not run in this page: its " in page
        and "parameters are too many. <code>jaxgan export DIR</code>" in page
    )
    assert "The generator itself" not in page_of(run)  # without it


def test_scores_are_marked_beside_real_data(run):
    path = run / "evaluation" / "step_00000020_seed_0.json"
    report = json.loads(path.read_text())
    score = report["scores"][0]
    page = page_of(run)
    assert score["name"] == "sliced_wasserstein" and score["value"] > score["real_data"]["value"]
    row = re.search(r"<tr><td>sliced_wasserstein.*?</tr>", page)[0]
    assert '<span class="small worse">✗ worse</span>' in row and "lower is better; features raw" in row
    score["value"] = score["real_data"]["value"] - 1.0
    path.write_text(json.dumps(report))
    assert '<span class="small better">✓ better</span>' in page_of(run)


@pytest.mark.parametrize(
    ("value", "error", "real", "real_error", "better", "expected"),
    [
        (2.0, 0.3, 1.0, 0.4, "lower", "equal"),  # 1 apart, and √(.09 + .16) = .5
        (2.1, 0.3, 1.0, 0.4, "lower", "worse"),
        (2.1, 0.3, 1.0, 0.4, "higher", "better"),
        (0.5, None, 1.0, None, "lower", "better"),
        (1.0, None, 1.0, None, "higher", "equal"),
        (0.5, 0.1, 1.0, 0.1, "", "differs"),
        (None, None, 1.0, None, "lower", ""),
    ],
)
def test_how_a_score_is_beside_real_data(value, error, real, real_error, better, expected):
    score = {"value": value, "standard_error": error, "better": better}
    assert beside_real(score | {"real_data": {"value": real, "standard_error": real_error}}) == expected


def test_the_settings_are_those_that_the_run_reads_and_first_those_that_differ(run):
    config = json.loads((run / "config.json").read_text())
    settings = settings_of(report_module.read_config(RunDirectory(str(run), create=False)))
    assert settings["batch_size"] == ("16", "64") and settings["discriminator.activation"] == ("leaky_relu",) * 2
    assert settings["generator.widths"] == ("16", "256,512")
    # Of another network, of no evaluation and of no sampling method that is used.
    assert config["discriminator"]["pieces"] and not {"discriminator.pieces", "sampling.percentile"} & set(settings)
    page = page_of(run)
    changed, others = page[page.index("<h2>Settings</h2>") :].split("<details>")
    assert "<tr><td>batch_<wbr>size<td>16<td>64</tr>" in changed and "leaky_relu" not in changed
    assert "<tr><td>discriminator.<wbr>activation<td>leaky_relu</tr>" in others and "pieces" not in page
    count = len(settings) - changed.count("<tr><td>")
    assert f"The {count} others" in others and others.count("<tr><td>") == count


def test_a_page_needs_nothing_else_and_has_words_for_its_pictures(run):
    page = page_of(run, run=load_run(str(run)))
    assert page.startswith("<!doctype html>") and page.rstrip().endswith("</html>")
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)|https?:|@import|url\(""", page)
    assert "default-src 'none'" in page
    for tag in re.findall(r"<(?:img|svg)[^>]*>", page):
        assert re.search(r'alt="\w', tag) or re.search(r'aria-label="\w', tag) or 'aria-hidden="true"' in tag
    for source in re.findall(r'src="([^"]+)"', page):
        assert np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))).std() > 5
    figures = re.findall(r'<figure><h3>[^<]+</h3><p class="note">\w', page)
    assert page.count("<figure>") == len(figures) >= 4
    assert 'aria-label="Losses: d_loss ' in page and re.search(r"g_loss [\d.]+ at step 5, [\d.]+ at step 20\"", page)


# --- A stranger's run

RATE = "generator_<wbr>optimizer.<wbr>learning_<wbr>rate"

NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


def test_facts_of_a_stranger_are_escaped_or_left_out(run, capsys):
    path = run / "facts.json"
    facts = json.loads(path.read_text())
    changed = facts | {"facts": {NASTY: NASTY, "data": "x\n" * 4_000}, "versions": {NASTY: NASTY}, "commit": NASTY}
    path.write_text(json.dumps(changed))
    (run / "config.json").write_text(json.dumps({"loss": NASTY, NASTY: NASTY}))
    page = page_of(run)
    assert "alert(1)</script>" not in page and "<img src=x" not in page and page.count("&lt;/script&gt;") >= 4
    for odd in ([], {}, facts | {"seconds": "1"}, facts | {"facts": [1]}, facts | {"commit": None}, {"facts": {}}):
        path.write_text(json.dumps(odd))
        assert read_facts(RunDirectory(str(run), create=False)) == RunFacts()
        assert "<h2>The run</h2>" in page_of(run)
    for text in ("{", "[" * 100_000, '"\\ud800"', ""):
        path.write_text(text)
        assert read_facts(RunDirectory(str(run), create=False)) == RunFacts()
    (run / "config.json").unlink()
    assert "config.json is missing" in page_of(run)
    path.unlink()
    path.symlink_to("/etc/hostname")
    with pytest.raises(UsageError, match=r"facts.json leads out of the run's directory"):
        RunDirectory(str(run), create=False)


def test_what_is_too_large_is_left_out(run, monkeypatch, capsys):
    size = (run / "samples" / "step_00000010.png").stat().st_size
    (run / "samples" / "step_00000010.png").write_bytes(b"\x89PNG\r\n" + bytes(2 * size))
    monkeypatch.setattr(pages, "LARGEST_PICTURE", 2 * size)
    monkeypatch.setattr(report_module, "CONFIG_BYTES", 10)
    monkeypatch.setattr(report_module, "METRICS_BYTES", 10)
    page = page_of(run)
    assert [frame["step"] for frame in stored(page, "frames")] == [0, 5, 15, 20]
    assert "<h2>Curves</h2>" not in page and "config.json is missing, or cannot be read" in page
    said = capsys.readouterr().err.splitlines()
    assert [line.partition("leaves ")[2].split()[0] for line in said] == ["config.json", "step_00000010.png"]


def test_a_run_that_has_not_ended_says_so(run):
    assert "Its log ends" not in page_of(run)
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"steps": 5_000}))
    assert "Its log ends at step 20 of 5,000." in page_of(run)
    (run / "config.json").write_text(json.dumps(config | {"steps": "x"}))
    assert "Its log ends" not in page_of(run)


def test_a_run_of_an_earlier_version_has_what_its_config_says(run):
    (run / "facts.json").unlink()
    facts = facts_in(page_of(run))
    assert facts == {
        "Loss": "non_saturating, condition labels, generator_batches 1, average_decay 0.999, schedules "
        "discriminator_optimizer.b2=linear(.99, 640)",
        "Training": "20 steps of 16 examples, seed 0",
    }


# --- Several runs


def compared(folder, *places):
    runs.run("report", None, {}, str(places[0]), {"compare": [*map(str, places[1:])], "output": str(folder)})
    return (folder / "comparison.html").read_text()


def _other(run, place):
    """A copy with another learning rate, better scores and one class more in its name."""
    shutil.copytree(run, place)
    config = json.loads((place / "config.json").read_text())
    config["generator_optimizer"]["learning_rate"] = 0.5
    (place / "config.json").write_text(json.dumps(config))
    path = place / "evaluation" / "step_00000020_seed_0.json"
    report = json.loads(path.read_text())
    report["scores"][0] |= {"value": report["scores"][0]["value"] / 2, "standard_error": 0.0}
    path.write_text(json.dumps(report))
    return place


def test_runs_are_compared_by_what_differs_their_scores_curves_and_pictures(run, tmp_path):
    other = _other(run, tmp_path / "other" / "run")
    page = compared(tmp_path / "page", run, other)
    assert page.startswith("<!doctype html>") and "<h1>2 runs compared</h1>" in page
    # Names that tell them apart; what differs, and not what is the same.
    own = f"{tmp_path.name}/run"
    assert f"<tr><th><th>{own}<th>other/run</tr>" in page
    differs, shared = page[: page.index("<h2>The last samples</h2>")].split("<details>", 1)
    assert re.findall("<tr><td>(.*?)</tr>", differs) == [f"{RATE}<td>0.001<td>0.5"]
    assert "<dt>Data</dt>" in shared
    # The scores side by side, the best one marked.
    row = re.search(r"<tr><td>sliced_wasserstein.*?</tr>", page)[0]
    first, second = re.findall(r'<td class="n">(.*?)<span', row)
    assert second.startswith("<strong>") and second.endswith("(best)") and "best" not in first
    # A curve of each run in every chart, and each last picture.
    charts = re.findall(r'<svg viewBox="0 0 360 200".*?</svg>', page)
    assert len(charts) >= 5 and all(len(re.findall('<polyline class="line c[01]"', chart)) == 2 for chart in charts)
    assert page.count("<h3>d_loss</h3>") == 1 and page.count("data:image/png;base64,") == 2
    assert f'alt="Samples of {own} at step 20"' in page and 'alt="Samples of other/run at step 20"' in page
    assert "the comparison is not fair" not in page and "<script" not in page
    path = other / "evaluation" / "step_00000020_seed_0.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seed": 1}))
    assert "the comparison is not fair" in compared(tmp_path / "page", run, other)


def test_a_sweep_is_compared_by_its_members(run, tmp_path, capsys, monkeypatch):
    sweep = tmp_path / "sweep"
    for name in ("000", "001"):
        shutil.copytree(run, sweep / "members" / name)
    (sweep / "sweep.json").write_text("{}")
    assert "<tr><th>Score<th>000<th>001<th>Real data</tr>" in compared(tmp_path, sweep)
    monkeypatch.chdir(tmp_path / "run")
    runs.run("report", None, {}, str(sweep), {"compare": [str(run)]})
    assert capsys.readouterr().out.endswith(f"Written: {tmp_path / 'run' / 'comparison.html'}\n")
    assert "<h1>3 runs compared</h1>" in (tmp_path / "run" / "comparison.html").read_text()
    monkeypatch.setattr("jaxgan.runs.report.MOST", 2)
    with pytest.raises(UsageError, match="there are 3, and 2 are the most"):
        compared(tmp_path, run, sweep, run)  # a run that is named twice is there once
    with pytest.raises(UsageError, match="has no run; config.json is not there"):
        compared(tmp_path, run, tmp_path / "none")


def test_strangers_are_compared_without_their_markup(run, tmp_path):
    place = tmp_path / "<b>bold"
    shutil.copytree(run, place)
    (place / "config.json").write_text(json.dumps({"loss": NASTY}))
    facts = json.loads((place / "facts.json").read_text())
    (place / "facts.json").write_text(json.dumps(facts | {"facts": {NASTY: NASTY}}))
    path = place / "evaluation" / "step_00000020_seed_0.json"
    report = json.loads(path.read_text())
    report["scores"][0] |= {"name": NASTY, "better": NASTY, "unit": NASTY}
    path.write_text(json.dumps(report))
    page = compared(tmp_path, run, place)
    assert "<script>alert" not in page and "<img src=x" not in page and "<b>" not in page
    assert page.count("&lt;b&gt;bold") >= 4


# --- In Chromium


@pytest.mark.slow
@pytest.mark.parametrize("width", [1400, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_in_chromium(browser, run, tmp_path, width, scheme):
    page_of(run, run=load_run(str(run)))
    compared(tmp_path, run, _other(run, tmp_path / "other"))
    size = {"width": width, "height": 900}
    context = browser.new_context(viewport=size, offline=True, color_scheme=scheme)
    tab, problems, requests = context.new_page(), [], []
    tab.on("console", lambda message: problems.append(message.text))
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto((run / "report.html").as_uri())
    tab.wait_for_selector("body[data-live]", timeout=30_000)

    def said():
        texts = [tab.get_attribute("#frame", "alt"), tab.get_attribute("#step", "aria-valuetext")]
        return tab.inner_text("#step-text"), *texts

    # The film by the keyboard.
    assert said() == ("step 20", "Samples of the generator at step 20", "step 20")
    before = tab.get_attribute("#frame", "src")
    tab.press("#step", "ArrowLeft")
    assert said() == ("step 15", "Samples of the generator at step 15", "step 15")
    assert tab.get_attribute("#frame", "src") != before
    tab.press("#step", "Home")
    assert said()[0] == "step 0"
    tab.press("#play", "Enter")
    for id, text in (("step-text", "step 20"), ("play", "Play")):
        tab.wait_for_function("([id, text]) => document.getElementById(id).textContent === text", arg=[id, text])

    def changes(action):
        before = tab.evaluate("document.querySelector('#live canvas').toDataURL()")
        action()
        tab.wait_for_function("(b) => document.querySelector('#live canvas').toDataURL() !== b", arg=before)

    # The generator itself.
    assert tab.locator("#live canvas").count() == 12  # four rows of the three classes
    changes(lambda: tab.press("#new", "Enter"))
    changes(lambda: [tab.press("#share", "ArrowRight") for _ in range(10)])
    changes(lambda: tab.select_option("#label", "2"))
    for place in (run / "report.html", tmp_path / "comparison.html"):
        tab.goto(place.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        heights = tab.evaluate(
            "[...document.querySelectorAll('svg text')].map((text) => text.getBoundingClientRect().height)"
        )
        assert heights and min(heights) >= 10  # pixels: it can be read
    assert problems == [] and all(url.startswith(("file:", "data:")) for url in requests)
