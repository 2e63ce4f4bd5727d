"""Converts data files to another format, without TensorFlow and without network access.

    jaxgan prepare mnist --from DIRECTORY [--to DATA_DIR]
    jaxgan prepare images --from FOLDER_OR_ZIP --to FILE.npz [--size 64]

The first command writes a tensorflow-datasets directory from IDX files. A stock
`tfds.builder("mnist", data_dir=DATA_DIR)` reads the result. Its examples are in the order of the IDX files, so a run
on `tfds` sees the same batches as one on `idx`. The second command writes pictures as arrays. A run on `npz` sees the
same batches as one on `images`.
"""

import argparse
import contextlib
import io
import os
import pathlib
import sys
import tempfile
import typing
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from jaxgan import extras
from jaxgan.datasets import idx, images, pictures, tfds
from jaxgan.datasets.base import Split
from jaxgan.errors import DataError, JaxganError, UsageError, in_one_line
from jaxgan.io.atomic import atomic_path, local_path, reported

# Builder classes of tensorflow_datasets.image_classification.mnist.
_BUILDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}


def prepare(name: str, source: str, data_dir: str, *, progress: bool = False) -> tuple[str, bool]:
    """Writes a dataset as array_record files.

    Args:
      name: "mnist", "fashion_mnist" or "kmnist".
      source: directory of its IDX files: images and labels of both splits.
      data_dir: tensorflow-datasets' data_dir; created if missing.
      progress: whether to show progress bars.

    Returns:
      The directory of the prepared dataset, and whether it was written now (False: it already existed).

    Raises:
      DataError: the IDX files are missing, damaged or not of this dataset, or the target cannot be written.
    """
    import tensorflow_datasets

    found = tfds.find_directory(name, data_dir)
    if found is not None:
        if (kind := tfds.file_format(found)) != "array_record":
            raise DataError(
                f"cannot prepare {found}",
                f"it is there already, as {kind}, which only TensorFlow can read",
                "choose another directory with --to, or remove that one first",
            )
        return found, False
    splits = _read(name, source)
    (tensorflow_datasets.enable_progress_bar if progress else tensorflow_datasets.disable_progress_bar)()
    try:
        os.makedirs(data_dir, exist_ok=True)
        builder = _builder(name, splits)(data_dir=data_dir, file_format="array_record")
        # tensorflow-datasets writes to a temporary directory and renames it when complete. It announces a download on
        # stdout, and creates a directory for it.
        with tempfile.TemporaryDirectory() as downloads, contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare(download_dir=downloads)
    except OSError as error:
        remedy = "choose another directory with --to"
        raise DataError(f"cannot write {name} to {data_dir}", str(error), remedy) from error
    return str(builder.data_dir), True


def _read(name: str, source: str) -> dict[str, Split]:
    files = idx.find(source)
    for slot in [(split, kind) for split in ("train", "test") for kind in ("images", "labels")]:
        if slot not in files:
            raise DataError(f"cannot prepare {name}", f"{source} has no {' '.join(slot)}", "add the missing file")
    splits = {split: idx.read_split(files, split) for split in ("train", "test")}
    for key, split in splits.items():
        images, labels = split.examples, split.labels
        assert isinstance(images, np.ndarray) and labels is not None
        if images.dtype != np.uint8 or images.shape[1:] != (28, 28, 1) or labels.max() > 9:
            raise DataError(
                f"cannot prepare {name}",
                f"its {key} images are {images.dtype} {list(images.shape[1:3])} with classes up to {labels.max()}",
                "give uint8 images of 28 by 28 pixels and classes 0 to 9",
            )
    return splits


def _builder(name: str, splits: dict[str, Split]) -> type:
    """A subclass of the stock builder that takes its examples from memory, in order."""
    import tensorflow_datasets
    from tensorflow_datasets.image_classification import mnist

    stock = getattr(mnist, _BUILDERS[name])

    class Local(stock, skip_registration=True):  # type: ignore[call-arg, misc, valid-type]
        pkg_dir_path = None

        def _info(self) -> Any:
            info = super()._info()
            kept = ("description", "features", "supervised_keys", "homepage", "citation")
            facts = {name: getattr(info, name) for name in kept}
            # Shuffling would sort the examples by a hash.
            return tensorflow_datasets.core.DatasetInfo(builder=self, disable_shuffling=True, **facts)

        def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
            return {key: self._generate_examples(split) for key, split in splits.items()}

        def _generate_examples(self, split: Split) -> Iterator[tuple[int, dict[str, Any]]]:
            assert isinstance(split.examples, np.ndarray) and split.labels is not None
            for number, (image, label) in enumerate(zip(split.examples, split.labels, strict=True)):
                yield number, {"image": _png(image[..., 0]), "label": int(label)}

    Local.name = name
    Local.__module__ = stock.__module__  # The module name is part of the dataset's description.
    return Local


def _png(image: np.ndarray) -> bytes:
    from PIL import Image

    # The stock builder's PNG encoder needs TensorFlow, so bytes are stored directly.
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()


def prepare_images(source: str, target: str, form: pictures.Form, *, label: str = "") -> images.Pictures:
    """Writes the pictures of a folder or a zip file to an .npz file that the dataset `npz` reads.

    Args:
      source, label: as the parameters `path` and `label` of the dataset `images`.
      target: the output file; an existing file is replaced.
      form: the form to which pictures are converted.

    Returns:
      The pictures. The file contains their class numbers, but not the class names.

    Raises:
      DataError, UsageError: as for `images`, or the target is not an .npz file.
      WriteError: the target cannot be written.
    """
    if not target.endswith(".npz"):
        remedy = "give a file, as --to pictures.npz"
        raise UsageError(f"cannot write pictures to {target or 'nothing'}", "it is no .npz file", remedy)
    path = local_path(target, "--to ")
    found = images.read(source, form, label=label)
    arrays: dict[str, Any] = {}
    for split, part in found.parts.items():
        examples, labels = ("examples", "labels") if len(found.parts) == 1 else (f"x_{split}", f"y_{split}")
        arrays |= {examples: part.examples} | ({} if part.labels is None else {labels: part.labels})
    with reported(path), atomic_path(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **arrays)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; None takes the process's arguments. Prints any error and returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="jaxgan prepare",
        description="Writes a tensorflow-datasets directory from local IDX files, or an .npz file from pictures.",
    )
    parser.add_argument("name", choices=[*sorted(_BUILDERS), "images"], help="which dataset, or images for your own")
    parser.add_argument(
        "--from", dest="source", required=True, help="directory of IDX files; images: folder or zip file"
    )
    parser.add_argument(
        "--to", default="", help="data_dir ($TFDS_DATA_DIR, else ~/tensorflow_datasets); images: .npz file"
    )
    own = parser.add_argument_group("images", "as the fields of config.dataset")
    own.add_argument("--size", type=int, default=64, help="height and width in pixels (%(default)s)")
    own.add_argument("--resize", choices=typing.get_args(pictures.Resize), default="crop", help="(%(default)s)")
    own.add_argument("--channels", type=int, choices=(1, 3), default=3, help="(%(default)s)")
    own.add_argument("--background", default="white", help="of transparent pictures, and of bars (%(default)s)")
    own.add_argument("--label", default="", help="column of metadata.csv or metadata.jsonl")
    options = parser.parse_args(arguments)
    try:
        with extras.named():
            print(_images(options) if options.name == "images" else _tfds(options))
    except JaxganError as error:
        print(f"jaxgan: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _images(options: argparse.Namespace) -> str:
    given = {name: getattr(options, name) for name in ("size", "resize", "channels", "background")}
    found = prepare_images(options.source, options.to, pictures.form(**given), label=options.label)
    lines = [f"warning: {line}" for line in found.warnings] + [f"note: {line}" for line in found.notes]
    if found.class_names:
        lines.append("classes: " + ", ".join(f"{i} {in_one_line(name)}" for i, name in enumerate(found.class_names)))
    counts = ", ".join(f"{len(part):,} {split}" for split, part in found.parts.items())
    where = pathlib.Path(options.to)
    lines.append(
        f"{counts} pictures are written to {where}; train on them with: jaxgan train dcgan "
        f"--config.dataset.name=npz --config.dataset.path={where} --workdir=runs/{where.stem}"
    )
    return "\n".join(lines)


def _tfds(options: argparse.Namespace) -> str:
    data_dir = tfds.data_directory(options.to)
    written, new = prepare(options.name, options.source, data_dir, progress=sys.stderr.isatty())
    state = "is written to" if new else "was prepared already in"
    command = "jaxgan train mnist --config.dataset.name=tfds"
    which = "" if options.name == "mnist" else f" --config.dataset.tfds_name={options.name}"
    return (
        f"{options.name} {state} {written}; train on it with: "
        f"{command} --config.dataset.path={data_dir}{which} --workdir=runs/{options.name}"
    )


if __name__ == "__main__":
    sys.exit(main())
