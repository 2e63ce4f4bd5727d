"""Optional packages: which extra of jaxgan installs each, and the line that says so where one is missing."""

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
"""The modules that each extra of pyproject.toml brings, with the names of their distributions."""


def install(extra: str) -> str:
    """The command that installs an extra."""
    return f"pip install 'jaxgan[{extra}]'"


def of(module: str) -> str:
    """The extra that brings a module; "" for none."""
    return next((extra for extra, modules in EXTRAS.items() if module in modules), "")


def missing(error: ModuleNotFoundError) -> UsageError | None:
    """What to say of a module that is not installed; None if it is of no extra, so that the error is not the user's."""
    module = (error.name or "").partition(".")[0]
    if not (extra := of(module)):
        return None
    why = f"it comes with jaxgan's extra {extra}"
    return UsageError(f"the package {module} is not installed", why, f"run: {install(extra)}")


@contextlib.contextmanager
def named() -> Iterator[None]:
    """Turns the error of a module that is not installed into a UsageError with the extra's name.

    For the top of a program: no import of the library needs a try of its own.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (explained := missing(error)) is None:
            raise
        raise explained from error
