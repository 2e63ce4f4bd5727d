"""Executes the notebooks from start to end, and stores their outputs: `make notebooks`.

    python notebooks/execute.py                    # all of them
    python notebooks/execute.py theory quickstart  # some of them
    python notebooks/execute.py --links            # writes the badges and the installing cells only

Edit a notebook in Jupyter, then run this. It needs the extra `test`. Each notebook runs in an empty directory. Set
`Repository` in `[project.urls]` of pyproject.toml to an address on GitHub, and `--links` writes it into the notebooks.
"""

import argparse
import base64
import io
import os
import pathlib
import re
import sys
import tempfile
import tomllib
from collections.abc import Sequence

import nbformat
from nbclient import NotebookClient
from PIL import Image

FOLDER = pathlib.Path(__file__).parent

COLORS = 128
"""Of a stored picture in colour."""

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
"""The first line of a notebook begins with it; its link follows."""

INSTALL = """\
# @title Install jaxgan, if it is missing
# Packages that are installed already keep their versions, such as jax for a GPU or TPU.
EXTRAS = "{extras}"
REPOSITORY = "{repository}"


def install():
    import importlib.metadata
    import importlib.util
    import pathlib
    import re
    import subprocess
    import sys
    import tempfile

    if getattr(importlib.util.find_spec("jaxgan"), "origin", None) is not None:  # a clone's folder alone has none
        return

    # A wheel or a clone that lies here, or else the repository.
    found = sorted(pathlib.Path().glob("jaxgan-*.whl"))
    found += [folder for folder in map(pathlib.Path, ("..", "jaxgan")) if (folder / "jaxgan/__init__.py").is_file()]
    sources = [f"{{path.resolve()}}[{{EXTRAS}}]" for path in found]
    sources += [f"jaxgan[{{EXTRAS}}] @ git+{{REPOSITORY}}"] if REPOSITORY else []
    if not sources:
        remedy = "upload its wheel (jaxgan-….whl) beside this notebook, or clone it: !git clone ADDRESS jaxgan"
        raise FileNotFoundError(f"jaxgan is not installed; {{remedy}}; then run this cell again")

    def versions():  # of a package in two places Python imports the first
        return {{p.name: p.version for p in reversed([*importlib.metadata.distributions()]) if p.name}}

    before = versions()
    release = r"\\d[\\d.]*((a|b|rc|\\.post|\\.dev)\\d+)*(\\+[\\w.]+)?"  # pip refuses others, such as 1.1build1
    pins = [f"{{n}}=={{v}}" for n, v in before.items() if n != "jaxgan" and re.fullmatch(release, v or "")]
    only_jax = [pin for pin in pins if re.match("jax|libtpu|numpy=", pin)]
    with tempfile.TemporaryDirectory() as folder:
        constraints = pathlib.Path(folder, "constraints.txt")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", str(constraints), sources[0]]
        for kept in (pins, only_jax):  # if another package is too old for jaxgan, only jax and numpy are kept
            constraints.write_text("\\n".join(kept))
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode == 0:
                break
        else:
            raise RuntimeError(f"pip cannot install jaxgan beside what is installed:\\n{{done.stderr}}")
    importlib.invalidate_caches()
    after = versions()
    changed = [f"{{name}} {{old}} → {{after.get(name)}}" for name, old in before.items() if after.get(name) != old]
    print("installed jaxgan;", f"updated {{', '.join(changed)}}" if changed else "nothing else has changed")


install()
"""


def repository() -> str:
    """The project's address, as pyproject.toml has it; "" if it has none."""
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository", "")


def link(notebook: nbformat.NotebookNode, name: str, address: str) -> None:
    """Writes a notebook's badge, and the cell that installs jaxgan, which is the first cell of code.

    Args:
      notebook: its first line is the badge, and the installing cell says which EXTRAS it wants.
      name: of the notebook's file, without `.ipynb`.
      address: of the repository on GitHub; "" if it has none. Colab then asks for it.
    """
    owner = re.sub(r"^https://github\.com/", "", address).rstrip("/").removesuffix(".git")
    target = f"{owner}/blob/main/notebooks/{name}.ipynb" if address else ""
    first = notebook.cells[0]
    if not first.source.startswith(BADGE):
        raise ValueError(f"{name}: the first line is not a Colab badge; begin it with {BADGE}")
    _, line_end, rest = first.source.partition("\n")
    first.source = f"{BADGE}(https://colab.research.google.com/github/{target}){line_end}{rest}"
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    (extras,) = re.findall(r'^EXTRAS = "([\w,-]*)"$', cell.source, re.M)
    cell.source = INSTALL.format(extras=extras, repository=address).rstrip("\n")
    cell.metadata = {"cellView": "form", "jupyter": {"source_hidden": True}}


def execute(notebook: nbformat.NotebookNode) -> float:
    """Runs a notebook in an empty directory, with its outputs in it afterwards. Paths in texts are relative to it.

    Returns:
      Seconds of processor time, of the notebook and the programs that it starts.
    """
    clock = nbformat.v4.new_code_cell("import os; print(sum(os.times()[:4]))")
    notebook.cells.append(clock)
    with tempfile.TemporaryDirectory() as folder:
        options = {"timeout": 1_200, "kernel_name": "python3", "record_timing": False, "coalesce_streams": True}
        client = NotebookClient(notebook, resources={"metadata": {"path": folder}}, **options)
        client.execute(env={**os.environ, "JAXGAN_CACHE_DIR": f"{folder}/cache"})
    notebook.cells.remove(clock)
    notebook.metadata = METADATA
    for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
        data = output.get("data", {})
        if "image/png" in data:
            data.pop("image/jpeg", None)
            data["image/png"] = _smaller(data["image/png"])
        for texts, name in ((output, "text"), (data, "text/plain")):
            if name in texts:
                texts[name] = texts[name].replace(f"{folder}/", "").replace("\r\n", "\n")
    return float(clock.outputs[0].text)


def _smaller(png: str) -> str:
    """A PNG picture in base64 without alpha, grey if it has no colour, and else of `COLORS` colours."""
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA")
    opaque = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    red, green, blue = opaque.split()
    is_grey = red.tobytes() == green.tobytes() == blue.tobytes()
    content = io.BytesIO()
    (red if is_grey else opaque.quantize(COLORS, dither=Image.Dither.NONE)).save(content, "PNG", optimize=True)
    return base64.b64encode(content.getvalue()).decode()


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line, with the process's arguments for None."""
    parser = argparse.ArgumentParser(prog="python notebooks/execute.py", description="Executes the notebooks.")
    parser.add_argument("names", nargs="*", help="of notebooks, without .ipynb; all without one")
    parser.add_argument("--links", action="store_true", help="write badges and installing cells only")
    options = parser.parse_args(arguments)
    for path in [FOLDER / f"{name}.ipynb" for name in options.names] or sorted(FOLDER.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        link(notebook, path.stem, repository())
        if not options.links:
            seconds = execute(notebook)
            print(f"{path.name}: {seconds:.0f} s of processor time", flush=True)
        nbformat.write(notebook, path)
        print(f"{path.name}: {path.stat().st_size:,} bytes", flush=True)


if __name__ == "__main__":
    sys.exit(main())
