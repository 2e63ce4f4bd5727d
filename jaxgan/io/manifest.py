"""A list of a checkpoint's files with their sizes and checksums, so that damage is noticed before it is restored.

Orbax by itself does not notice a flipped bit, and a file cut short makes it print pages from its background threads.
"""

import json
import zlib
from pathlib import Path

NAME = "manifest.json"
"""{file: [bytes, CRC-32]}, in each checkpoint."""

ITEMS = ("state", "run")
"""The directories of a checkpoint that are listed."""


def write(path: Path) -> None:
    """Writes the manifest of the checkpoint in a directory."""
    (path / NAME).write_text(json.dumps(_checksums(path)))


def verify(path: Path) -> None:
    """Compares a checkpoint with its manifest; one without, saved by something else, passes.

    Raises:
      ValueError: a file is missing or is not what was written.
    """
    try:
        expected = json.loads((path / NAME).read_text())
    except FileNotFoundError:
        return
    found = _checksums(path)
    for name, (size, checksum) in expected.items():
        if name not in found:
            raise ValueError(f"{name} is missing")
        if found[name][0] != size:
            raise ValueError(f"{name} has {found[name][0]} bytes, and had {size}")
        if found[name][1] != checksum:
            raise ValueError(f"{name} is not what was written")


def _checksums(path: Path) -> dict[str, list[int]]:
    files = sorted(file for item in ITEMS for file in (path / item).rglob("*") if file.is_file())
    return {
        file.relative_to(path).as_posix(): [file.stat().st_size, _checksum(file)]
        for file in files
        if file.name != "commit_success.txt"  # tells Orbax alone that all is there; not always there yet
    }


def _checksum(file: Path) -> int:
    value = 0
    with file.open("rb") as stream:
        while block := stream.read(2**22):
            value = zlib.crc32(block, value)
    return value
