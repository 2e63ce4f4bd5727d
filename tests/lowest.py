"""Prints the lowest versions of the dependencies, and of the extras named, that pyproject.toml allows."""

import pathlib
import sys
import tomllib

PROJECT = tomllib.loads((pathlib.Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]


def requirements(extras):
    """Those of the package and of its extras, as they are written."""
    return sum((PROJECT["optional-dependencies"][extra] for extra in extras), PROJECT["dependencies"])


if __name__ == "__main__":
    # numpy>=2.2 becomes numpy==2.2. Upper bounds and markers stay.
    print("\n".join(sorted({line.replace(">=", "==", 1) for line in requirements(sys.argv[1:])})))
