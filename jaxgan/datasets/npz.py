"""Arrays in one .npz file, as `numpy.savez` and `numpy.savez_compressed` write them."""

import os
import zipfile

import numpy as np

from jaxgan.datasets import splits
from jaxgan.datasets.base import Dataset, Split
from jaxgan.errors import DataError, in_one_line
from jaxgan.io import archives

_SPLITS = ("train", "validation", "test")
_LAYOUTS = (tuple(f"{kind}_{split}" for split in _SPLITS for kind in "xyc"), ("examples", "labels", "conditions"))
_KEYS = "x_train (and y_train, c_train, and the same with _validation and _test), or examples (and labels, conditions)"


def load(*, path: str, validation_examples: int = -1) -> Dataset:
    """Loads the examples of an .npz file, under one of two sets of names.

    - `x_train` and optionally `y_train`, `x_test`, `y_test`, as in Keras' mnist.npz; optionally `x_validation` and
      `y_validation`, and the conditions `c_train`, `c_validation` and `c_test`;
    - `examples` and optionally `labels` and `conditions`.

    A note names the arrays that were not read.

    Images are uint8 [n, height, width] or [n, height, width, channels], scaled in training. They may also be bool,
    where True is white. Floats [n, ...] are used unchanged. Labels are integers [n] or [n, 1]. Conditions are vectors
    or pictures, see `splits.check_conditions`. `splits.assemble` says how missing splits are cut off.

    Args:
      path, validation_examples: as for every `Loader`.

    Returns:
      The dataset; uint8 [n, height, width, channels], or float32 [n, ...].

    Raises:
      DataError: the file is missing or damaged, holds Python objects, mixes both sets of names or has none of them, or
        its arrays do not match each other.
    """
    arrays, others = _read(path)
    layout = _LAYOUTS["x_train" not in arrays]
    train = _split(arrays, layout[:3], path)
    validation, test = (
        _split(arrays, names, path) if names and names[0] in arrays else None for names in (layout[3:6], layout[6:])
    )
    notes = (f"not read: {in_one_line(', '.join(others))}; the names are {_KEYS}",) if others else ()
    return splits.assemble("npz", train, test, validation_examples, where=path, validation=validation, notes=notes)


def _read(path: str) -> tuple[dict[str, np.ndarray], list[str]]:
    """The arrays of one of the two layouts, by name, and the names of all other arrays."""
    place = os.path.expanduser(path)
    if not os.path.isfile(place):
        folder = os.path.isdir(place)
        why = f"{path} is {'a directory' if folder else 'missing'}" if path else "the path is empty"
        remedy = "give the path of an .npz file" + (", or read pictures with dataset.name=images" if folder else "")
        raise DataError("cannot load the .npz file", why, remedy)
    try:
        with open(place, "rb") as file:
            start = file.read(4)
        whole = zipfile.is_zipfile(place)
    except OSError as error:
        remedy = "give a file that you may read"
        raise DataError(f"cannot read {path}", error.strerror or str(error), remedy) from error
    if not whole:
        # A zip file's index is at its end, so a truncated file only begins like a zip file.
        why = "it is truncated" if start[:2] == b"PK" else "it is not an .npz file"
        raise DataError(f"cannot read {path}", why, "write it again with numpy.savez_compressed")
    try:
        with archives.opened(place) as archive:
            layout = _LAYOUTS["x_train" not in archive.names]
            known = [name for name in layout if name in archive.names]
            others = [name for name in archive.names if name not in layout]
            if not {"x_train", "examples"} & set(known):
                found = ", ".join(archive.names) or "nothing"
                remedy = f"name the arrays {_KEYS}, or read a zip file of pictures with dataset.name=images"
                raise DataError(f"cannot use {path}", f"it holds {found}", remedy)
            if mixed := [name for name in others if name in _LAYOUTS[1]]:
                raise DataError(f"cannot use {path}", f"it holds x_train and {mixed[0]}", f"name the arrays {_KEYS}")
            return {name: archive.read(name) for name in known}, others
    except archives.UnreadableError as error:
        remedy = "write it again with numpy.savez_compressed, as arrays of numbers, all examples of one shape"
        raise DataError(f"cannot read {path}", f"it {error}", remedy) from error


def _split(arrays: dict[str, np.ndarray], names: tuple[str, ...], path: str) -> Split:
    examples, labels, conditions = names
    values, where = arrays[examples], f"{examples} of {path}"
    image = values.dtype in (np.uint8, np.bool_) and values.ndim in (3, 4)
    if not (image or (values.dtype.kind == "f" and values.ndim >= 2)) or values.size == 0:
        raise DataError(
            f"cannot use {where}",
            f"it is {values.dtype} {list(values.shape)}",
            "store uint8 images [n, height, width] or [n, height, width, channels], or floats [n, ...]",
        )
    values = splits.check_channels(values.astype(np.uint8) * 255 if values.dtype == np.bool_ else values, where)
    if not image:
        values = splits.check_finite(values, where)
    elif values.ndim == 3:
        values = values[..., None]
    targets = splits.check_labels(arrays[labels], len(values), f"{where} ({labels})") if labels in arrays else None
    vectors = arrays.get(conditions)
    if vectors is not None:
        vectors = splits.check_conditions(vectors, len(values), f"{conditions} of {path}")
    return Split(np.ascontiguousarray(values), targets, vectors)
