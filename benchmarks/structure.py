"""How much a reader of the code must keep in mind, counted by running it and by reading its syntax trees.

    python -m benchmarks.structure [--root=.] [--json=FILE]

Walk: the files under jaxgan/ whose functions a four-step run of configs/ring.py enters (main thread, alarms off), and
the switches: how often the next called function is in a different file than the previous one.

Floors: the longest chain of rooms in which each imports the next one at module level. A room is launch.py, configs/, a
module at the root of jaxgan/ or a folder of jaxgan/ with everything below it. Imports inside functions and under
TYPE_CHECKING do not count, except in launch.py, where all imports are of this kind. `folder_floors` is the same within
each folder of jaxgan/, where a room is a file or folder in it; None if its rooms import each other in a circle.

Tables: configs/default.py, and every assignment at module level in the config's plumbing (`PLUMBING`) that is a
collection of literals at least half of whose words are fields or sections of a config. Adding or changing a field may
require a change in each of them.

Field places: for a field whose name belongs to only one section, or one kind of section, the files of the plumbing that
name it as a string or an attribute, including configs/default.py. The median over those fields, and the maximum.

Lines: of jaxgan/**/*.py. Private names: names with one leading underscore that the tests import from jaxgan, or read
from one of its modules.
"""

import ast
import collections
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator

from absl import app, flags

BOUNDS = {
    "walk_files": 37,
    "walk_switches": 450,
    "floors": 9,
    "tables": 3,
    "field_places": 3,
    "lines": 32_430,
    "private_names": 0,
}
"""The project's own limits; a test checks them."""

PLUMBING = (
    "configs/default.py",
    "launch.py",
    "jaxgan/config/",
    "jaxgan/configuration/",
    "jaxgan/runs/",
    "jaxgan/fields.py",
)
"""Where configs are read, checked and passed on. Code that a field configures is elsewhere, and not counted."""

# Runs in a fresh process, so that the caller's imports and caches do not change the walk.
_WALK = """
import json, pathlib, sys, tempfile
from configs import ring
try:
    from jaxgan.runs.train.loop import train
except ModuleNotFoundError:
    from jaxgan.runs.train import train

package = str(pathlib.Path("jaxgan").resolve()) + "/"
files, functions, switches, last = set(), set(), 0, None

def profile(frame, event, argument):
    global switches, last
    code = frame.f_code
    if event != "call" or code.co_name == "<module>" or not code.co_filename.startswith(package):
        return
    files.add(code.co_filename)
    functions.add(code)
    switches += last not in (None, code.co_filename)
    last = code.co_filename

config = ring.get_config()
config.steps, config.alarms.patience = 4, 0
with tempfile.TemporaryDirectory() as workdir:
    sys.setprofile(profile)
    train(config.to_dict(), workdir)
    sys.setprofile(None)
names = sorted(name.removeprefix(package) for name in files)
print(json.dumps({"files": names, "functions": len(functions), "switches": switches}))
"""


def walk(root: pathlib.Path) -> dict:
    """The files, functions and switches of a four-step run."""
    # On one device, whatever the caller's XLA settings.
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    command = [sys.executable, "-c", _WALK]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the run under {root} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def modules(root: pathlib.Path) -> dict[str, pathlib.Path]:
    """All modules of the package, of configs/ and launch.py, by dotted name."""
    paths = [root / "launch.py", *(root / "configs").glob("*.py"), *sorted((root / "jaxgan").rglob("*.py"))]
    names = (path.relative_to(root).with_suffix("").as_posix().replace("/", ".") for path in paths)
    return {name.removesuffix(".__init__"): path for name, path in zip(names, paths, strict=True)}


def imports(root: pathlib.Path) -> dict[str, set[str]]:
    """The modules that each module imports on loading."""
    known = modules(root)
    found = {}
    for name, path in known.items():
        targets = set()
        tree = ast.parse(path.read_text())
        everywhere = (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
        for node in everywhere if name == "launch" else _when_loaded(tree.body):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            elif node.level == 0:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                targets |= {target if target in known else node.module or "" for target in inner}
        found[name] = targets & known.keys() - {name}
    return found


def _when_loaded(body: list) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If | ast.Try | ast.With) and "TYPE_CHECKING" not in ast.dump(
            getattr(node, "test", node)
        ):
            handlers = [line for handler in getattr(node, "handlers", []) for line in handler.body]
            rest = [*getattr(node, "orelse", []), *handlers, *getattr(node, "finalbody", [])]
            yield from _when_loaded([*node.body, *rest])


def floors(root: pathlib.Path, folder: str = "jaxgan", found: dict[str, set[str]] | None = None) -> list[str]:
    """The longest chain of rooms in a folder; for the whole package, from launch.py down. `found`: its imports."""
    depth = folder.count(".") + 2
    rooms = collections.defaultdict(set)
    for name, targets in (found or imports(root)).items():
        for target in targets:
            pair = [_room(module, folder, depth) for module in (name, target)]
            if None not in pair and pair[0] != pair[1]:
                rooms[pair[0]].add(pair[1])
    chains: dict[str, list[str]] = {}

    def chain(room: str, above: tuple[str, ...]) -> list[str]:
        if room in above:
            raise ValueError(f"a circle of imports: {' > '.join([*above, room])}")
        if room not in chains:
            below = [chain(target, (*above, room)) for target in sorted(rooms.get(room, ()))]
            chains[room] = [room, *max(below, key=len, default=[])]
        return chains[room]

    return max((chain(room, ()) for room in sorted(rooms)), key=len, default=[])


def _room(module: str, folder: str, depth: int) -> str | None:
    top = module.split(".")[0]
    if top != "jaxgan":
        return top if folder == "jaxgan" else None
    inside = module.startswith(folder + ".")
    return ".".join(module.split(".")[:depth]) if inside else None


def folder_floors(root: pathlib.Path) -> dict[str, int | None]:
    """The floors of each folder of the package; None if its rooms import each other in a circle."""
    counts: dict[str, int | None] = {}
    found = imports(root)
    for folder in sorted({".".join(name.split(".")[:2]) for name in found if name.count(".") >= 2}):
        if folder.startswith("jaxgan."):
            try:
                counts[folder] = len(floors(root, folder, found)) or 1
            except ValueError:
                counts[folder] = None
    return counts


def fields(root: pathlib.Path) -> dict[str, set[str]]:
    """The sections that contain each field name; "" for the config itself."""
    code = "import json; from configs import default; print(json.dumps(default.get_config().to_dict()))"
    config = json.loads(subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True).stdout)
    found = collections.defaultdict(set)
    for name, value in config.items():
        for field in value if isinstance(value, dict) else ():
            found[field].add(name)
        found[name].add("")
    return found


def plumbing(root: pathlib.Path) -> dict[str, ast.Module]:
    """The syntax trees of the files where configs are read, checked and passed on, without docstrings."""
    trees = {}
    for path in [root / "launch.py", root / "configs/default.py", *sorted((root / "jaxgan").rglob("*.py"))]:
        name = path.relative_to(root).as_posix()
        if name.startswith(PLUMBING):
            trees[name] = ast.parse(path.read_text())
            for node in ast.walk(trees[name]):
                if hasattr(node, "body") and isinstance(node.body, list):
                    node.body = [line for line in node.body if not _is_text(line)]
    return trees


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _strings(node: ast.AST) -> list[str]:
    values = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return [value for value in values if isinstance(value, str)]


def tables(root: pathlib.Path) -> list[str]:
    """The collections of field names in the plumbing, and configs/default.py itself."""
    names = fields(root)
    found = ["configs/default.py"]
    for path, tree in plumbing(root).items():
        for node in tree.body:
            if not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) or node.value is None:
                continue
            words = [value for value in _strings(node.value) if re.fullmatch(r"[a-z_][\w.]*", value)]
            keys = [word for word in words if word.rstrip(".").split(".")[-1] in names]
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if len(keys) >= 2 and 2 * len(keys) >= len(words):
                found.append(f"{path}::{ast.unparse(target)}")
    return sorted(set(found))


def field_places(root: pathlib.Path) -> dict[str, list[str]]:
    """The files of the plumbing that name each field with a unique name."""

    def kind(section: str) -> str:
        return section.removeprefix("discriminator").removeprefix("generator")

    kinds = {field: {kind(section) for section in sections} for field, sections in fields(root).items()}
    own = {field for field, sections in kinds.items() if len(sections) == 1 and "_" in field}
    found = {field: [] for field in own}
    for path, tree in plumbing(root).items():
        words = {value.split(".")[-1] for value in _strings(tree) if re.fullmatch(r"[\w.]+", value)}
        words |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        for field in words & own:
            found[field].append(path)
    return found


def lines(root: pathlib.Path) -> int:
    """Number of lines of the library."""
    return sum(len(path.read_text().splitlines()) for path in (root / "jaxgan").rglob("*.py"))


def private_names(root: pathlib.Path) -> list[str]:
    """The package's private names that the tests use."""
    found = []
    for path in sorted((root / "tests").rglob("*.py")):
        tree, of_package = ast.parse(path.read_text()), set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("jaxgan", "launch"):
                of_package |= {alias.asname or alias.name for alias in node.names}
                found += [f"{path.relative_to(root)}: {alias.name}" for alias in node.names if _private(alias.name)]
            elif isinstance(node, ast.Import):
                of_package |= {alias.asname or alias.name for alias in node.names if alias.name.startswith("jaxgan")}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and _private(node.attr) and ast.unparse(node.value) in of_package:
                found.append(f"{path.relative_to(root)}: {ast.unparse(node)}")
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("monkeypatch.setattr"):
                texts = [value for value in map(_text, node.args[:2]) if value]
                if ast.unparse(node.args[0]) in of_package or any(text.startswith("jaxgan.") for text in texts):
                    found += [f"{path.relative_to(root)}: {t}" for t in texts if _private(t.split(".")[-1])]
    return found


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in ("_replace", "_asdict", "_fields")


def measure(root: pathlib.Path = pathlib.Path()) -> dict:
    """All counts, with the names behind them."""
    ran, chain, places = walk(root), floors(root), field_places(root)
    of_tables, reached = tables(root), private_names(root)
    most = max(places, key=lambda field: len(places[field]))
    return {
        "counts": {
            "walk_files": len(ran["files"]),
            "walk_switches": ran["switches"],
            "floors": len(chain),
            "tables": len(of_tables),
            "field_places": statistics.median(map(len, places.values())),
            "lines": lines(root),
            "private_names": len(reached),
        },
        "walk": ran,
        "floors": chain,
        "folder_floors": folder_floors(root),
        "tables": of_tables,
        "most_places": {most: places[most]},
        "private_names": reached,
    }


def main(arguments: list[str]) -> None:
    del arguments
    found = measure(pathlib.Path(flags.FLAGS.root).resolve())
    for name, count in found["counts"].items():
        print(f"{name:15} {count:>8,} of at most {BOUNDS[name]:,}")
    for name, details in found.items():
        if name != "counts":
            print(f"{name}: {details}")
    if flags.FLAGS.json:
        pathlib.Path(flags.FLAGS.json).write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    flags.DEFINE_string("root", ".", "The clone to measure.")
    flags.DEFINE_string("json", None, "Where to write the counts and the names behind them.")
    app.run(main)
