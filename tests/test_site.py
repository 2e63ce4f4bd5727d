"""The documentation site, without building it: links, anchors, navigation, and what its reference has to list.

`make docs`, which .ci/run calls, builds it and fails for every warning.
"""

import ast
import importlib.util
import pathlib
import re
import unicodedata

import pytest

import jaxgan
from jaxgan import runs
from jaxgan.config import schema
from jaxgan.tables import Table

DOCS = pathlib.Path("docs")
PAGES = sorted(DOCS.rglob("*.md"))
DOCUMENTS = [*PAGES, *sorted(pathlib.Path().glob("*.md")), pathlib.Path("results/README.md")]
MKDOCS = pathlib.Path("mkdocs.yml").read_text()


def module(name):
    """A module of docs/, which is not a package."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="module")
def generate():
    return module("generate")


def without_code(text):
    """Markdown without its fenced blocks and its code in lines."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^ *(`{3,}).*?^ *\1", "", text, flags=re.M | re.S))


def links(path):
    """The links and pictures of a document: the file that each leads to, and the anchor."""
    for target in re.findall(r"\]\(([^)\s]+)", without_code(path.read_text())):
        if not re.match(r"https?:|mailto:", target):
            name, _, anchor = target.partition("#")
            yield path.parent / name if name else path, anchor


def anchors(path):
    """The anchors of the headings of a document, as the site and GitHub make them."""
    text = re.sub(r"^ *(`{3,}).*?^ *\1", "", path.read_text(), flags=re.M | re.S)
    found = set()
    for heading in re.findall(r"^#+ (.*)$", text, re.M):
        plain = (
            unicodedata.normalize("NFKD", re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading))
            .encode("ascii", "ignore")
            .decode()
        )
        found.add(re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower()))
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=str)
def test_links_and_their_anchors_resolve(path):
    broken = [str(target) for target, _ in links(path) if not target.exists()]
    broken += [f"{target}#{anchor}" for target, anchor in links(path) if anchor and anchor not in anchors(target)]
    assert broken == []


def test_a_broken_link_and_a_broken_anchor_are_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# One heading: `code`, x\n[a](#one-heading-code-x) [b](no.md) [c](#two)\n```\n[d](code.md)\n```\n`[e](code)`"
    )
    assert [(target.name, anchor) for target, anchor in links(page)] == [
        ("page.md", "one-heading-code-x"),
        ("no.md", ""),
        ("page.md", "two"),
    ]
    assert anchors(page) == {"one-heading-code-x"}


def test_the_navigation_has_every_page_once():
    listed = re.findall(r"([\w/]+\.md)$", MKDOCS.partition("\nnav:\n")[2], re.M)
    assert sorted(listed) == sorted(path.relative_to(DOCS).as_posix() for path in PAGES)


def test_every_paper_is_named_so_that_it_becomes_a_link():
    for path in PAGES:
        bare = re.findall(r"(?<![:/\d.])\d{4}\.\d{5}(?!\d)", without_code(path.read_text()))
        assert bare == [], path


def test_the_reference_has_every_public_name():
    text = "\n".join(path.read_text() for path in sorted((DOCS / "reference").glob("*.md")))
    stub = ast.parse(pathlib.Path(jaxgan.__file__).with_suffix(".pyi").read_text())
    names = {
        alias.name for node in stub.body if isinstance(node, ast.ImportFrom) and node.module for alias in node.names
    }
    aliases = {"Judgement", "Seen", "Sides"}  # earlier names of other types
    tables = {name for name in names if isinstance(getattr(jaxgan, name), Table)}
    missing = {name for name in names - aliases - tables if f"::: jaxgan.{name}\n" not in text}
    assert missing == set() and len(names) > 40 and len(tables) > 8
    assert all(f"`{name}`" in text for name in tables), tables


def test_the_reference_of_the_config_has_a_row_with_a_meaning_for_each_field(generate):
    rows = {}
    section = ""
    for line in generate.config_reference().splitlines():
        if heading := re.fullmatch(r"## (.*)", line):
            section = next(name for name, text in generate.SECTIONS.items() if text == heading[1])
        if row := re.fullmatch(r"\| `(\w+)`( ↻)?( ∿)? \| (.+?) \| (.*?) \| (.+) \|", line):
            rows[f"{section}.{row[1]}".removeprefix(".")] = row.groups()
    assert rows.keys() == schema.rows({}).keys()
    assert rows["steps"][1:5] == (" ↻", None, "whole number ≥ 1", "`10000`")
    assert rows["penalties.r1"][1:5] == (None, " ∿", "number ≥ 0", "`0.0`")
    assert rows["average_decay"][3] == "number in [0, 1)"
    assert rows["generator.widths"][3:5] == ("whole numbers ≥ 1", "`(256, 512)`")
    assert rows["mapping"][3] == "`auto`, `jit`, `pmap`, `shard_map`"
    assert [name for name, row in rows.items() if len(row[5].split()) < 3] == []
    assert "`config.alarms`. Alarms, at log steps" in generate.config_reference()


def test_the_reference_of_the_command_has_every_verb_and_flag(generate):
    text = generate.command_reference()
    sections = dict(re.findall(r"^## jaxgan (\w+) .*?\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    assert set(runs.MODES) < sections.keys() and {"prepare", "doctor"} < sections.keys()
    for verb, mode in runs.MODES.items():
        assert re.findall(r"^\| `--(\w+)` \|", sections[verb], re.M) == list(mode.options), verb
    assert "--background" in sections["prepare"]
    assert "--mode=" not in "".join(sections.values())


def test_the_library_page_has_every_entry_of_every_table():
    text = (DOCS / "library.md").read_text()
    for name in (
        "LOSSES",
        "PENALTIES",
        "TERMS",
        "NETWORKS",
        "LATENTS",
        "OPTIMIZERS",
        "SCHEDULES",
        "TASKS",
        "RANGES",
        "EVALUATORS",
    ):
        assert not [entry for entry in getattr(jaxgan, name) if not re.search(rf"\b{entry}\b", text)], name
    data = (DOCS / "data.md").read_text()
    assert all(f"`{name}`" in data for name in jaxgan.DATASETS)


@pytest.mark.parametrize(("page", "program"), [("tutorial", "first_gan")])
def test_the_tutorials_code_is_that_of_its_program(page, program):
    source = pathlib.Path(f"examples/{program}.py").read_text()
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / f"{page}.md").read_text(), re.S)
    assert len(blocks) == 4 and all(block in source for block in blocks)


def test_the_config_with_a_loss_of_ones_own_is_right(tmp_path):
    # The loss is in the table, and its parameter is a field.
    (program,) = (
        b for b in re.findall(r"```python\n(.*?)```", (DOCS / "own_loss.md").read_text(), re.S) if "LOSSES[" in b
    )
    path = tmp_path / "my_ring.py"
    path.write_text(program)
    from jaxgan import config_files
    from jaxgan.config import complete, problems_of

    try:
        config = complete(config_files.load(str(path)))
        assert config["loss"] == "powers" and config["loss_options"]["power"] == 3.0
        assert list(problems_of(config)) == []
    finally:
        jaxgan.LOSSES.pop("powers", None)
