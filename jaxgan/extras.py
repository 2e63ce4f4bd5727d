"""Optional packages: the extra of jaxgan that installs each, and the error that names it if a package is missing."""

import contextlib
from collections.abc import Iterator

from jaxgan.errors import UsageError

EXTRAS: dict[str, dict[str, str]] = {
    "train": {
        "absl": "absl-py",
        "flax": "flax",
        "grain": "grain",
        "matplotlib": "matplotlib",
        "ml_collections": "ml_collections",
        "orbax": "orbax-checkpoint",
        "PIL": "pillow",
        "tensorboard": "tensorboard",
        "tensorboardX": "tensorboardX",
        "tqdm": "tqdm",
    },
    "demo": {"mlxtend": "mlxtend"},
    "tfds": {
        "tensorflow_datasets": "tensorflow-datasets",
        "array_record": "array_record",
        "importlib_resources": "importlib_resources",
    },
    "export": {"flatbuffers": "flatbuffers", "onnx": "onnx", "safetensors": "safetensors"},
    "wandb": {"wandb": "wandb"},
    "equinox": {"equinox": "equinox"},
    "haiku": {"haiku": "dm-haiku"},
    "tensorflow": {"tensorflow": "tensorflow"},
}
"""The modules that each extra of pyproject.toml installs, with their distribution names."""


def install(extra: str) -> str:
    """The command that installs an extra."""
    return f"pip install 'jaxgan[{extra}]'"


def of(module: str) -> str:
    """The extra that installs a module; "" if none does."""
    return next((extra for extra, modules in EXTRAS.items() if module in modules), "")


def missing(error: ModuleNotFoundError) -> UsageError | None:
    """The error for a missing module; None if no extra installs it, since then it is not the user's mistake."""
    module = (error.name or "").partition(".")[0]
    if not (extra := of(module)):
        return None
    why = f"it comes with jaxgan's extra {extra}"
    return UsageError(f"the package {module} is not installed", why, f"run: {install(extra)}")


@contextlib.contextmanager
def named() -> Iterator[None]:
    """Turns the import error of a missing module into a UsageError that names the extra.

    Used at the top of a program, so that no import in the library needs its own try.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (explained := missing(error)) is None:
            raise
        raise explained from None
