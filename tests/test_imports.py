"""The layers: imports go one way, the core is light, and the public names are where they should be."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest

import jaxgan

PACKAGE = pathlib.Path(jaxgan.__file__).parent
CORE = {
    "state",
    "losses",
    "penalties",
    "terms",
    "conditions",
    "latents",
    "latent_optimization",
    "mixture",
    "updates",
    "game",
    "objectives",
    "initial",
    "augment",
    "orbax_logs",
    "contract",
    "descent",
    "coordination",
    "consensus",
    "extragradient",
    "step",
    "sampling",
    "parallel",
    "population",
    "packing",
    "precision",
    "optimizers",
    "errors",
    "files",
    "manifest",
    "theory",
}
EDGES = {"networks", "datasets", "evaluation", "checkpoints", "writers", "figures", "tasks"}
TOP = {"fields", "configuration", "runs", "theory.figures"}
ALLOWED_IN_THE_CORE = {"jax", "optax", "chex"} | set(sys.stdlib_module_names)
MAY_IMPORT = {
    "configuration": {"fields"},
    "runs": {"fields", "configuration"},
    "fields": set(),
    "theory.figures": set(),
}


def _unit(parts):
    """The part of the package that has a layer of its own: a file or a folder, and the theory's pictures."""
    return "theory.figures" if tuple(parts[:2]) == ("theory", "figures") else parts[0]


def _modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, _unit(path.relative_to(PACKAGE).with_suffix("").parts)


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_module_has_a_layer():
    assert {unit for _, unit in _modules()} - {"__init__"} == CORE | EDGES | TOP


@pytest.mark.parametrize(("path", "unit"), [pytest.param(*m, id=str(m[0].relative_to(PACKAGE))) for m in _modules()])
def test_imports_go_one_way(path, unit):
    for name in _imports(path):
        package, _, rest = name.partition(".")
        target = _unit(rest.split("."))
        if package in ("launch", "configs", "benchmarks", "tests"):
            pytest.fail(f"{path} imports {name}")
        if unit in CORE:
            assert (package == "jaxgan" and target in CORE) or package in ALLOWED_IN_THE_CORE, name
        elif unit in EDGES and package == "jaxgan":
            others = {"networks"} if unit == "tasks" else set()
            assert target in CORE | {unit} | others, f"{name}: an edge imports the core and itself only"
        elif unit in TOP and package == "jaxgan":
            assert target in CORE | EDGES | MAY_IMPORT[unit] | {unit}, name


def test_one_file_names_the_mappings():
    for path, _ in _modules():
        names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert path.name == "parallel.py" or not names & {"jit", "pmap", "shard_map"}, path


@pytest.mark.parametrize(
    "module", ["jaxgan", "jaxgan.step", "jaxgan.parallel", "jaxgan.optimizers", "jaxgan.penalties", "jaxgan.theory"]
)
def test_the_core_loads_no_heavy_library(module):
    heavy = ("flax", "orbax", "tensorflow_datasets", "ml_collections", "matplotlib", "tensorboardX", "PIL", "grain")
    script = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "[]"


def test_the_public_names():
    for name in jaxgan.__all__:
        assert getattr(jaxgan, name) is not None
    assert set(jaxgan._HOME) <= set(jaxgan.__all__) <= set(dir(jaxgan))
    with pytest.raises(AttributeError, match="make_train_step"):
        _ = jaxgan.make_trian_step


def test_import_jaxgan_is_enough_for_every_name_that_the_documents_have():
    texts = [path.read_text() for path in (pathlib.Path("README.md"), *sorted(pathlib.Path("docs").glob("*.md")))]
    names = {name for text in texts for name in re.findall(r"(?<!-m )\bjaxgan((?:\.[A-Za-z_]+)+)\b(?![/-])", text)}
    assert ".conditions.one_hot" in names and ".tasks.MASKS" in names
    # One that is loaded brings others; on its own, too, each has to be there.
    assert {name.split(".")[1] for name in names} <= {*jaxgan._HOME, *jaxgan._MODULES}
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
