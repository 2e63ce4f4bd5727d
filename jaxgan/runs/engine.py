"""The files of onnxruntime-web, which pages with convolutions contain: from a directory, the cache or npm."""

import pathlib
import shutil
import subprocess
import tarfile
import tempfile

from jaxgan.datasets import cache
from jaxgan.errors import UsageError
from jaxgan.io.atomic import atomic_write, local_path
from jaxgan.portable.generator import NotPortable
from jaxgan.portable.page import ENGINE, VERSION

PACKAGE = f"onnxruntime-web@{VERSION}"

LARGEST = 2**26
"""Maximum size of a file in bytes."""

WITHIN = (".", "dist", "package/dist", "onnxruntime-web/dist", "node_modules/onnxruntime-web/dist")
"""Where the files may be inside a directory."""

SECONDS = 300
"""Time limit for npm."""


def find_engine(directory: str) -> pathlib.Path:
    """Finds the directory with onnxruntime-web's files.

    Args:
      directory: where they are; "" for the cache, into which npm downloads them once.

    Raises:
      UsageError: the directory does not contain them.
      NotPortable: npm cannot download them.
    """
    if directory:
        place = local_path(directory, "--onnxruntime_web=")
        found = next((place / inner for inner in WITHIN if _has_all(place / inner)), None)
        if found is None:
            raise UsageError(
                f"--onnxruntime_web={directory}",
                f"it has no {', '.join(ENGINE.values())}",
                f"name the directory that npm pack {PACKAGE} gives, unpacked",
            )
        return found
    place = pathlib.Path(cache.directory()) / PACKAGE.replace("@", "-")
    if not _has_all(place):
        _fetch(place)
    return place


def _has_all(place: pathlib.Path) -> bool:
    return all((place / name).is_file() for name in ENGINE.values())


def _fetch(place: pathlib.Path) -> None:
    npm = shutil.which("npm")
    try:
        if npm is None:
            raise ValueError("npm is not installed")
        with tempfile.TemporaryDirectory() as folder:
            command = [npm, "pack", PACKAGE, "--ignore-scripts", "--silent", "--pack-destination", folder]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
            archives = list(pathlib.Path(folder).glob("*.tgz"))
            if done.returncode or not archives:
                raise ValueError(f"npm pack {PACKAGE} failed: {(done.stderr or done.stdout).strip()[:200]}")
            with tarfile.open(archives[0]) as archive:
                for name in ENGINE.values():
                    member = archive.getmember(f"package/dist/{name}")
                    content = archive.extractfile(member)
                    if content is None or member.size > LARGEST:
                        raise ValueError(f"{name} is not a file of at most {LARGEST:,} bytes")
                    atomic_write(place / name, content.read())
    except (OSError, ValueError, KeyError, tarfile.TarError, subprocess.TimeoutExpired) as error:
        raise NotPortable(
            "there is no page for this generator without onnxruntime-web",
            str(error),
            f"run npm pack {PACKAGE} where there is a network, unpack it, and name it by --onnxruntime_web=DIRECTORY",
        ) from error
