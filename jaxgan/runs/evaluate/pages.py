"""Parts of the pages that runs have: one file each, which makes no request. What is in them may be a stranger's."""

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
"""What a page may load: nothing that is not in it."""

LARGEST_PICTURE = 2**23
"""Bytes of a picture that a page takes."""

PNG = b"\x89PNG\r\n"
"""How a PNG begins."""


def page(title: str, body: Iterable[str], scripts: Iterable[str] = ()) -> str:
    """A page.

    Args:
      title: plain text.
      body: HTML of its parts.
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
    """A part of a page with its heading; the other parts are HTML."""
    attributes = (f' id="{id}"' if id else "") + (" hidden" if hidden else "")
    return "\n".join([f"<section{attributes}>", f"<h2>{html.escape(title)}</h2>", *filter(None, parts), "</section>"])


def note(text: str) -> str:
    """A sentence of plain text."""
    return f'<p class="note">{html.escape(text)}</p>'


def data(id: str, content: str) -> str:
    """A script element of JSON, which is not escaped."""
    return f'<script id="{id}" type="application/json">{content}</script>'


def program(text: str) -> str:
    """A script element."""
    return f"<script>\n{text}</script>"


def source(name: str) -> str:
    """A script element of a file beside this one."""
    return program(_source(name))


def header(title: str, sentence: str, *parts: str) -> str:
    """The beginning of a page; the other parts are HTML."""
    return f"<header><h1>{html.escape(title)}</h1>{note(sentence)}{''.join(parts)}</header>"


def side_by_side(figures: Iterable[str]) -> str:
    """Figures in as many columns as fit."""
    return f'<div class="figures">{"".join(figures)}</div>'


def legend(names: Iterable[str], *, real: Iterable[int] = ()) -> str:
    """The names of curves, plain text, each with its line; `real` are those whose level of real data is drawn."""
    keys = [f"<li>{figures.key(i)}{html.escape(name)}" for i, name in enumerate(names)]
    keys += [f"<li>{figures.key(i, 'real')}real data" for i in real]
    return f'<ul class="keys">{"".join(keys)}</ul>'


def listed(facts: Mapping[str, str]) -> str:
    """Facts, plain text by name."""
    pairs = (f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>" for name, text in facts.items() if text)
    return f"<dl>{''.join(pairs)}</dl>"


def number(text: str) -> str:
    """A number with its error, plain text, which breaks in front of the ± only."""
    return html.escape(text).replace("± ", "±&nbsp;")


def field(name: str) -> str:
    """The name of a field, whose lines may break behind its dots and underscores."""
    return re.sub(r"([._])", r"\1<wbr>", html.escape(name))


def table(rows: Sequence[Sequence[str]], numeric: Iterable[int] = ()) -> str:
    """A table whose first row has the headings, of HTML; "" without rows. Columns of numbers are `numeric`."""
    if not rows:
        return ""
    numeric = set(numeric)
    tags = ['<td class="n">' if place in numeric else "<td>" for place in range(len(rows[0]))]
    body = ("".join(tag + text for tag, text in zip(tags, row, strict=True)) for row in rows[1:])
    head = "".join(f"<th>{text}" for text in rows[0])
    lines = (f"<tr>{line}</tr>" for line in body)
    return "\n".join([f'<div class="wide"><table><tr>{head}</tr>', *lines, "</table></div>"])


def picture(content: bytes, alt: str, id: str = "") -> str:
    """An image element of the content of a PNG file; `alt` is plain text."""
    source = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return f'<img{f" id={id}" if id else ""} alt="{html.escape(alt)}" src="{source}">'


def chart(title: str, sentence: str, lines: Mapping[str, Curve], *, keys: bool = True) -> str:
    """Curves with a heading and a sentence, plain text, and with a legend unless one stands elsewhere.

    A title may have \\$ for a dollar, as matplotlib needs it.
    """
    title, lines = title.replace(r"\$", "$"), {name.replace(r"\$", "$"): line for name, line in lines.items()}
    drawn = figures.chart(lines, f"{title}: {figures.in_words(lines)}")
    levels = [i for i, curve in enumerate(lines.values()) if curve.reference is not None]
    return figure(title, sentence, (legend(lines, real=levels) if keys else "") + drawn)


def figure(title: str, sentence: str, content: str) -> str:
    """A picture, which is HTML, below its title and a sentence on it."""
    return f"<figure><h3>{html.escape(title)}</h3>{note(sentence)}{content}</figure>"


def read_file(folder: pathlib.Path, name: str, most: int, page: str = "report.html") -> bytes:
    """The content of a file of a run, which may be a stranger's; nothing if there is none.

    Args:
      folder: in which it is; with a warning, nothing is read that lies elsewhere.
      name: of the file.
      most: bytes; a larger file is left out, with a warning.
      page: named in warnings.
    """
    why = ""
    try:
        path = os.path.realpath(folder / name)
        if os.path.dirname(path) != os.path.realpath(folder):
            why = f"it is not in {folder}"
        elif os.path.isfile(path):  # and not a device or a pipe
            if os.path.getsize(path) <= most:
                return pathlib.Path(path).read_bytes()
            why = f"it has more than {most:,} bytes"
    except (OSError, ValueError):  # it cannot be read, or is not a name of a file
        pass
    if why:
        print(f"jaxgan: warning: {page} leaves {in_one_line(name)} out; {why}", file=sys.stderr, flush=True)
    return b""


def read_picture(folder: pathlib.Path, name: str) -> bytes:
    """The content of a PNG file of a run; nothing for other files. See `read_file`."""
    content = read_file(folder, name, LARGEST_PICTURE)
    return content if content.startswith(PNG) else b""


def _source(name: str) -> str:
    return (importlib.resources.files("jaxgan.runs.evaluate") / name).read_text(encoding="utf-8")
