"""What the documentation site needs beside Markdown; mkdocs calls the functions `on_…` (mkdocs.yml, `hooks`).

Files outside of docs/ that pages link to become part of the site, below `repository/`: programs and JSON as pages of
code, documents as pages, pictures as they are. So every link of docs/*.md works both in the repository and in the site,
and the site needs nothing else. Names of tests become links to them, arXiv numbers links to arXiv, and formulas between
dollars MathML, which browsers draw by themselves.
"""

import functools
import html
import logging
import pathlib
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

import generate
from latex2mathml.converter import convert
from markdown import Extension
from markdown.inlinepatterns import InlineProcessor
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

log = logging.getLogger("mkdocs.hooks.jaxgan")

ROOT = pathlib.Path(__file__).parent.parent
INSIDE = "repository"
CODE = {".py": "python", ".ipynb": "json", ".json": "json", ".txt": "text", ".toml": "toml", ".yml": "yaml"}
PICTURES = (".gif", ".jpg", ".png", ".webp")
LINK = re.compile(r"(?<=\]\()(?P<path>[^)\s#:]+)(?P<rest>(?:#[^)\s]*)?)(?=[)\s])")
BEGINS = re.compile(r"(?:^(?![-*|#\s]|\d+\. ).+\n|\A\n)(?=[-*] |1\. |\|)", re.M)
"""A line of text before a list or a table: GitHub needs no empty line between them, Python-Markdown does."""
TEST = re.compile(r"(?<!\[)`(?P<path>tests/[\w/]+\.py)(?:::(?P<name>\w+))?`")
GENERATED = re.compile(r"^<!-- generated: (?P<function>\w+) -->$", re.M)
"""Stands in a page for what a function of docs/generate.py writes, anew in every build."""
UNREAD = re.compile(r"<p>(?:(?!</p>).)*(?:\|-{3}|\n[-*] )", re.S)
"""A table or a list that Markdown took for text."""
OUTSIDE = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"https?:|<link\b(?![^>]*rel=\"canonical)[^>]*\bhref=\"https?:"
)
"""What a page would load from elsewhere when it is opened."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    config.markdown_extensions.append(ArxivLinks())  # type: ignore[arg-type]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for path in sorted(linked_files()):
        source, name = ROOT / path, source_name(path)
        if path.endswith(PICTURES):
            files.append(File.generated(config, name, abs_src_path=str(source)))
        else:
            files.append(File.generated(config, name, content=page_of(path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    markdown = GENERATED.sub(lambda found: getattr(generate, found["function"])(), markdown)
    return rewritten(markdown, repository_path(page.file.src_uri), page.file.src_uri)


def on_post_page(output: str, page: Page, **_: Any) -> str:
    if found := OUTSIDE.search(output):
        log.warning("%s loads something from elsewhere: %s", page.file.src_uri, found[0])
    return output


def on_page_content(content: str, page: Page, **_: Any) -> str:
    if found := UNREAD.search(content):
        log.warning("%s has a table or a list that is shown as text: %s", page.file.src_uri, found[0][-60:])
    # mkdocs does not know the anchors of lines in pages of code, so that they are added after it has checked the links.
    content = re.sub(r'(<a class="test" href="[^"]+)" line="(\d+)"', r'\1#__span-0-\2"', content)
    return re.sub(
        r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<latex>.*?)\\[)\]]</(?P=tag)>',
        lambda found: mathml(html.unescape(found["latex"]), found["tag"] == "div"),
        content,
        flags=re.S,
    )


# --- Files outside of docs/


@functools.cache
def linked_files() -> Mapping[str, None]:
    """The files outside of docs/ that pages of the site lead to, by their paths in the repository."""
    waiting = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")]
    found: dict[str, None] = {}
    for document in waiting:  # which grows meanwhile
        for target in targets((ROOT / document).read_text(encoding="utf-8"), document):
            if target not in found and not target.startswith("docs/") and (ROOT / target).is_file():
                found[target] = None
                if target.endswith(".md"):
                    waiting.append(target)
    return found


def targets(markdown: str, document: str) -> Iterator[str]:
    """The files of the repository to which a document leads by links, pictures and names of tests."""
    text = without_code(markdown)
    for match in LINK.finditer(text):
        yield posixpath.normpath(posixpath.join(posixpath.dirname(document), match["path"]))
    for match in TEST.finditer(text):
        yield match["path"]


def without_code(markdown: str) -> str:
    """Markdown without its fenced blocks."""
    return re.sub(r"^ *(`{3,}|~{3,}).*?^ *\1", "", markdown, flags=re.M | re.S)


def source_name(path: str) -> str:
    """Where a file of the repository is within the sources of the site."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"{INSIDE}/{path}" + ("" if path.endswith((".md", *PICTURES)) else ".md")


def repository_path(name: str) -> str:
    """The reverse of `source_name`."""
    if not name.startswith(f"{INSIDE}/"):
        return f"docs/{name}"
    path = name.removeprefix(f"{INSIDE}/")
    return path if (ROOT / path).exists() else path.removesuffix(".md")


def page_of(path: str) -> str:
    """The Markdown of a page that shows a file: a document as it is, anything else as code."""
    text = (ROOT / path).read_text(encoding="utf-8")
    hidden = "---\nhide: [navigation, toc]\nsearch:\n  exclude: true\n---\n"
    if path.endswith(".md"):
        return text
    language = CODE.get(pathlib.Path(path).suffix, "text")
    return f"{hidden}# {path}\n\n~~~~~~~~ {{.{language}}}\n{text.rstrip()}\n~~~~~~~~\n"


# --- Links


def rewritten(markdown: str, document: str, name: str) -> str:
    """The Markdown of a page, with links to files of the repository as links within the site.

    Args:
      markdown: of the page.
      document: its path in the repository.
      name: its path in the sources of the site.
    """

    def relative(path: str) -> str:
        return posixpath.relpath(source_name(path), posixpath.dirname(name))

    def link(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(document), found["path"]))
        return (relative(path) if path in linked_files() or path.startswith("docs/") else found["path"]) + found["rest"]

    def test(found: re.Match[str]) -> str:
        if found["path"] not in linked_files():
            return found[0]
        if not found["name"]:
            return f"[`{found['path']}`]({relative(found['path'])})"
        words, line = found["name"].removeprefix("test_").replace("_", " "), line_of(found["path"], found["name"])
        return f'[test]({relative(found["path"])} "{words}"){{.test line={line}}}'

    def text(part: str) -> str:
        return BEGINS.sub(r"\g<0>\n", TEST.sub(test, LINK.sub(link, part)))

    blocks = re.split(r"(^ *(?:`{3,}|~{3,}).*?^ *(?:`{3,}|~{3,})$)", markdown, flags=re.M | re.S)
    return "".join(part if i % 2 else text(part) for i, part in enumerate(blocks))


@functools.cache
def line_of(path: str, function: str) -> int:
    """The line of a file in which a function begins."""
    for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith(f"def {function}("):
            return number
    raise ValueError(f"{path} has no function {function}")


class ArxivLinks(Extension):
    """arXiv:1406.2661 is a link."""

    def extendMarkdown(self, md: Any) -> None:
        md.inlinePatterns.register(_ArxivLink(r"\barXiv:(\d{4}\.\d{4,5})", md), "arxiv", 75)


class _ArxivLink(InlineProcessor):
    ANCESTOR_EXCLUDES = ("a",)

    def handleMatch(self, m: re.Match[str], data: str) -> tuple[ElementTree.Element, int, int]:  # type: ignore[override]
        link = ElementTree.Element("a", href=f"https://arxiv.org/abs/{m[1]}")
        link.text = f"arXiv:{m[1]}"
        return link, m.start(), m.end()


# --- Formulas


FUNCTION = re.compile(r"<mi>(log|exp)</mi>(?P<parenthesis><mo stretchy=\"false\">&#x00028;)?")
UNARY = re.compile(r"(?<!&#x00029;)(?<!&#x0005D;)</mo><mo>&#x02212;</mo>")


def mathml(latex: str, block: bool) -> str:
    """A formula as MathML, with the spaces that TeX leaves around log, and none behind the sign of a number."""
    space = '<mspace width="0.17em" />'
    formula = convert(latex.strip(), display="block" if block else "inline")
    formula = UNARY.sub('</mo><mo form="prefix">&#x02212;</mo>', formula)
    return FUNCTION.sub(lambda m: f"{space}<mi>{m[1]}</mi>{m['parenthesis'] or space}", formula)
