"""Building blocks of runs' web pages: a single file each, without requests. Their content may be untrusted."""

import base64
import html
import importlib.resources
import os
import pathlib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence

from jaxgan import figures
from jaxgan.errors import in_one_line
from jaxgan.figures import Curve

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
"""The page's content security policy: it may load only what it contains."""

LARGEST_PICTURE = 2**23
"""Maximum size of a picture in a page, in bytes."""

PNG = b"\x89PNG\r\n"
"""The first bytes of a PNG."""


def page(title: str, body: Iterable[str], scripts: Iterable[str] = ()) -> str:
    """Builds a page.

    Args:
      title: plain text.
      body: the HTML of its parts.
      scripts: HTML of script elements, see `script`.
    """
    head = (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n<link rel="icon" href="data:,">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{_source('report.css')}</style>\n"
    )
    return "\n".join([head + "<main>", *body, "</main>", *scripts]) + "\n</html>\n"


def section(title: str, *parts: str, id: str = "", hidden: bool = False) -> str:
    """A section of a page with a heading; `parts` are HTML."""
    attributes = (f' id="{id}"' if id else "") + (" hidden" if hidden else "")
    return "\n".join([f"<section{attributes}>", f"<h2>{html.escape(title)}</h2>", *filter(None, parts), "</section>"])


def note(text: str) -> str:
    """A sentence in plain text."""
    return f'<p class="note">{html.escape(text)}</p>'


def data(id: str, content: str) -> str:
    """A script element with JSON, which is not escaped."""
    return f'<script id="{id}" type="application/json">{content}</script>'


def program(text: str) -> str:
    """A script element."""
    return f"<script>\n{text}</script>"


def source(name: str) -> str:
    """A script element with the content of a file in this folder."""
    return program(_source(name))


def header(title: str, sentence: str, *parts: str) -> str:
    """The beginning of a page; `parts` are HTML."""
    return f"<header><h1>{html.escape(title)}</h1>{note(sentence)}{''.join(parts)}</header>"


def side_by_side(figures: Iterable[str]) -> str:
    """Figures in as many columns as fit."""
    return f'<div class="figures">{"".join(figures)}</div>'


def legend(names: Iterable[str], *, real: Iterable[int] = ()) -> str:
    """The names of curves, plain text, with their lines; `real` are those with a reference level of real data."""
    keys = [f"<li>{figures.key(i)}{html.escape(name)}" for i, name in enumerate(names)]
    keys += [f"<li>{figures.key(i, 'real')}real data" for i in real]
    return f'<ul class="keys">{"".join(keys)}</ul>'


def listed(facts: Mapping[str, str]) -> str:
    """Facts by name, in plain text."""
    pairs = (f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>" for name, text in facts.items() if text)
    return f"<dl>{''.join(pairs)}</dl>"


def number(text: str) -> str:
    """A number with its error, in plain text; a line break is possible only before the ±."""
    return html.escape(text).replace("± ", "±&nbsp;")


def field(name: str) -> str:
    """The name of a field; lines may break after its dots and underscores."""
    return re.sub(r"([._])", r"\1<wbr>", html.escape(name))


def table(rows: Sequence[Sequence[str]], numeric: Iterable[int] = ()) -> str:
    """A table of HTML cells; the first row has the headings. "" without rows. `numeric` lists columns of numbers."""
    if not rows:
        return ""
    numeric = set(numeric)
    tags = ['<td class="n">' if place in numeric else "<td>" for place in range(len(rows[0]))]
    body = ("".join(tag + text for tag, text in zip(tags, row, strict=True)) for row in rows[1:])
    head = "".join(f"<th>{text}" for text in rows[0])
    lines = (f"<tr>{line}</tr>" for line in body)
    return "\n".join([f'<div class="wide"><table><tr>{head}</tr>', *lines, "</table></div>"])


def picture(content: bytes, alt: str, id: str = "") -> str:
    """An image element with the content of a PNG file; `alt` is plain text."""
    source = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return f'<img{f" id={id}" if id else ""} alt="{html.escape(alt)}" src="{source}">'


def chart(title: str, sentence: str, lines: Mapping[str, Curve], *, keys: bool = True) -> str:
    """Curves with a heading and a sentence in plain text, and a legend unless the page has one elsewhere.

    A title may contain \\$ for a dollar, as matplotlib requires.
    """
    title, lines = title.replace(r"\$", "$"), {name.replace(r"\$", "$"): line for name, line in lines.items()}
    drawn = figures.chart(lines, f"{title}: {figures.in_words(lines)}")
    levels = [i for i, curve in enumerate(lines.values()) if curve.reference is not None]
    return figure(title, sentence, (legend(lines, real=levels) if keys else "") + drawn)


def figure(title: str, sentence: str, content: str) -> str:
    """A picture (HTML) below its title and a sentence about it."""
    return f"<figure><h3>{html.escape(title)}</h3>{note(sentence)}{content}</figure>"


def read_file(folder: pathlib.Path, name: str, most: int, page: str = "report.html") -> bytes:
    """The content of a file of an untrusted run; empty if there is no such file.

    Args:
      folder: the folder of the file; a file that lies elsewhere is not read, with a warning.
      name: name of the file.
      most: maximum size in bytes; a larger file is left out, with a warning.
      page: name of the page in warnings.
    """
    why = ""
    try:
        path = os.path.realpath(folder / name)
        if os.path.dirname(path) != os.path.realpath(folder):
            why = f"it is not in {folder}"
        elif os.path.isfile(path):  # not a device or a pipe
            if os.path.getsize(path) <= most:
                return pathlib.Path(path).read_bytes()
            why = f"it has more than {most:,} bytes"
    except (OSError, ValueError):  # unreadable, or not a valid file name
        pass
    if why:
        print(f"jaxgan: warning: {page} leaves {in_one_line(name)} out; {why}", file=sys.stderr, flush=True)
    return b""


def read_picture(folder: pathlib.Path, name: str) -> bytes:
    """The content of a PNG file of a run; empty for other files. See `read_file`."""
    content = read_file(folder, name, LARGEST_PICTURE)
    return content if content.startswith(PNG) else b""


def _source(name: str) -> str:
    return (importlib.resources.files("jaxgan.runs.evaluate") / name).read_text(encoding="utf-8")
