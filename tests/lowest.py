"""Prints the lowest versions of the dependencies, and of the extras named, that pyproject.toml allows."""

import pathlib
import re
import sys
import tomllib

PROJECT = tomllib.loads((pathlib.Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]


def requirements(extras):
    """Those of the package, of its extras, and of the extras that these name, as they are written."""
    return sum((PROJECT["optional-dependencies"][extra] for extra in _named(extras)), PROJECT["dependencies"])


def _named(extras):
    """The extras, and those that they bring along as `jaxgan[EXTRA,EXTRA]`."""
    found = list(extras)
    for extra in found:  # which grows meanwhile
        for line in PROJECT["optional-dependencies"][extra]:
            if within := re.fullmatch(r"jaxgan\[(.*)\]", line):
                found += [name for name in within[1].split(",") if name not in found]
    return found


if __name__ == "__main__":
    # numpy>=2.2 becomes numpy==2.2. Upper bounds and markers stay.
    lines = {line.replace(">=", "==", 1) for line in requirements(sys.argv[1:]) if not line.startswith("jaxgan[")}
    print("\n".join(sorted(lines)))
