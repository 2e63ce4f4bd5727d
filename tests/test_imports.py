"""Imports go one way, the core is light, and the public names are where they should be."""

import ast
import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest

import jaxgan
from tests.selected import slow_but

PACKAGE = pathlib.Path(jaxgan.__file__).parent

# Floor by floor: a folder (or a file at the root) imports folders of lower floors, and itself.
FLOORS = (
    {"errors", "types", "products", "tables"},
    {"fields", "config_files", "extras"},
    {"wrappers", "optimizers", "io", "sampling", "signals", "adapters"},
    {"losses", "latents"},
    {"training"},
    {"parallel", "networks", "datasets", "figures", "portable"},
    {"evaluation", "theory"},
    {"tasks"},
    {"config"},
    {"runs"},
    {"__main__"},
)
CORE = {
    "fields",
    "types",
    "errors",
    "rng",
    "losses",
    "wrappers",
    "latents",
    "optimizers",
    "sampling",
    "training",
    "theory",
}
CORE |= {"parallel", "products", "tables"}
MAPPINGS = {"pmap", "shard_map", "Mesh", "NamedSharding", "PartitionSpec"}


def _place(module: str) -> str:
    """The folder of a module, or the file itself at the root; the theory's figures are not part of its folder."""
    parts = module.split(".")[1:]
    return "theory.figures" if parts[:2] == ["theory", "figures"] else (parts or ["__init__"])[0]


def _floor(place: str) -> int:
    return next((number for number, places in enumerate(FLOORS) if place.partition(".")[0] in places), -1)


def _modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        yield path, ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


MODULES = [pytest.param(*m, id=m[1]) for m in _modules() if m[1] != "jaxgan"]


@pytest.mark.parametrize(("path", "module"), MODULES)
def test_imports_go_one_way(path, module):
    place = _place(module)
    assert _floor(place) >= 0, f"{place} has no floor: name the folder in FLOORS"
    for name in _imports(path):
        package, target = name.partition(".")[0], _place(name)
        assert package not in ("launch", "configs", "benchmarks", "tests"), name
        if package == "jaxgan" and target != place:
            assert _floor(target) < _floor(place) or place == "theory.figures", f"{module} imports {name}"
        if place in CORE:
            light = {"jax", "optax", "chex", *sys.stdlib_module_names}
            assert (package == "jaxgan" and target in CORE) or package in light, f"{module} imports {name}"


def test_one_file_names_the_mappings():
    for path, _ in _modules():
        names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert path.name == "parallel.py" or not names & MAPPINGS, path


@pytest.mark.parametrize(
    "module", slow_but(["jaxgan"], ["jaxgan", "jaxgan.training.step", "jaxgan.parallel", "jaxgan.theory"])
)
def test_the_core_loads_no_heavy_library(module):
    heavy = ("flax", "orbax", "tensorflow_datasets", "ml_collections", "matplotlib", "tensorboardX", "PIL", "grain")
    script = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"


def test_import_jaxgan_imports_no_jax():
    script = "import sys, jaxgan; print('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == "False"


def test_the_public_names():
    for name in jaxgan.__all__:
        assert getattr(jaxgan, name) is not None
    with pytest.raises(AttributeError, match="did you mean make_train_step"):
        _ = jaxgan.make_trian_step


@pytest.mark.medium
def test_earlier_paths_of_public_modules_still_work():
    script = """
import jaxgan, jaxgan.step, jaxgan.state
from jaxgan.penalties import r1
from jaxgan.configuration import build
from jaxgan.losses import Loss
from jaxgan.latents import Latent
from jaxgan.step import Game, discriminator_update
import jaxgan.training.step, jaxgan.types, jaxgan.losses.penalties
assert jaxgan.step is jaxgan.training.step and jaxgan.step.__name__ == jaxgan.step.__spec__.name
assert jaxgan.state.Network is jaxgan.Network is jaxgan.types.Network
assert r1 is jaxgan.losses.penalties.r1 is jaxgan.PENALTIES["r1"]
assert jaxgan.conditions.one_hot is jaxgan.wrappers.conditions.one_hot
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.medium
def test_import_jaxgan_is_enough_for_every_name_that_the_documents_have():
    texts = [path.read_text() for path in (pathlib.Path("README.md"), *sorted(pathlib.Path("docs").glob("*.md")))]
    names = {name for text in texts for name in re.findall(r"(?<!-m )\bjaxgan((?:\.[A-Za-z_]+)+)\b(?![/-])", text)}
    assert ".conditions.one_hot" in names and ".tasks.MASKS" in names
    # One that is loaded brings others; on its own, too, each has to be there.
    script = f"""
import operator, jaxgan
missing = []
for name in {sorted(names)!r}:
    try:
        operator.attrgetter(name[1:])(jaxgan)
    except AttributeError:
        missing.append(name)
print(missing)
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"


USERS = sorted(path.as_posix() for folder in ("benchmarks", "examples") for path in pathlib.Path(folder).glob("*.py"))


@pytest.mark.parametrize("path", USERS)
def test_what_is_imported_from_the_library_is_there(path):
    """Within functions too, which may run for minutes before they import."""
    for node in ast.walk(ast.parse(pathlib.Path(path).read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "jaxgan":
            module = importlib.import_module(str(node.module))
            missing = [alias.name for alias in node.names if not hasattr(module, alias.name)]
            assert not [name for name in missing if importlib.util.find_spec(f"{node.module}.{name}") is None]
