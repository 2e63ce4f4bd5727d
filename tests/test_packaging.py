"""pyproject.toml has one lower bound for each package; `make test-lowest` and constraints.txt keep to them."""

import pathlib
import re
import subprocess
import sys

import pytest
from lowest import PROJECT, requirements
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from jaxgan import extras
from jaxgan.runs import doctor

MAKEFILE = pathlib.Path("Makefile").read_text()
PYTHONS = [name.split(" :: ")[-1] for name in PROJECT["classifiers"] if ":: Python :: 3." in name]


def specifiers(lines, python="3.11"):
    """Package -> the versions it may have on that Python, by all lines together."""
    together = {}
    for each in map(Requirement, lines):
        if each.name == PROJECT["name"]:  # another of its extras
            continue
        if not each.marker or each.marker.evaluate({"python_version": python}):
            together[each.name] = together.get(each.name, SpecifierSet()) & each.specifier
    return together


def versions(specifiers, operator):
    """Package -> the one version that stands after this operator."""
    found = {name: {each.version for each in both if each.operator == operator} for name, both in specifiers.items()}
    assert not {name: several for name, several in found.items() if len(several) != 1}
    return {name: version for name, (version,) in found.items()}


def test_each_package_has_one_lower_bound():
    everything = specifiers(requirements(PROJECT["optional-dependencies"]))
    assert {"jax", "mlxtend", "tensorflow"} <= versions(everything, ">=").keys()


def test_the_extras_bring_what_the_program_says():
    for extra, modules in extras.EXTRAS.items():
        own = specifiers(PROJECT["optional-dependencies"][extra])
        assert own.keys() == set(modules.values()), extra
    core = specifiers(PROJECT["dependencies"])
    assert core.keys() == {"chex", "jax", "numpy", "optax"} == set(doctor.CORE) - {"jaxlib"}
    users = {name for name in extras.EXTRAS if name != "tensorflow"}  # which only some data sets need
    assert set(requirements(["all"])) == set(requirements(users | {"all"}))


def test_the_lowest_versions_are_the_lower_bounds():
    # As the Makefile runs it, before anything is installed: -I -S leaves the standard library only.
    (arguments,) = re.findall(r"\$\(PY\) (tests/lowest\.py .*) > \$@", MAKEFILE)
    (installed,) = re.findall(r"\$\(TEST\):.*?'\.\[(.*?)\]'", MAKEFILE, re.S)
    command = [sys.executable, "-I", "-S", *arguments.split()]
    lowest = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    bounds = specifiers(requirements(installed.split(",")))
    assert versions(specifiers(lowest), "==") == versions(bounds, ">=")


def test_ci_runs_both_ends_on_the_pythons_that_are_supported():
    workflow = pathlib.Path(".github/workflows/ci.yml").read_text()
    lowest, *newest = re.findall(r'target: test-(lowest|newest), python: "([\d.]+)"', workflow)
    assert lowest == ("lowest", PROJECT["requires-python"].removeprefix(">="))
    assert newest == [("newest", python) for python in PYTHONS[1:]]
    assert "\ntest-lowest:" in MAKEFILE and "\ntest-newest:" in MAKEFILE


@pytest.mark.parametrize("python", PYTHONS)
def test_the_pinned_versions_are_within_the_bounds(python):
    lines = [line for line in pathlib.Path("constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pins = versions(specifiers(lines, python), "==")
    bounds = specifiers(requirements(["all", "docs", "test"]), python)
    assert not {name: pins.get(name) for name, bound in bounds.items() if pins.get(name, "0") not in bound}
