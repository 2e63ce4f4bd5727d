"""Your own pictures: a folder or a zip file, with classes given by folders or by a table beside the pictures.

They are decoded once, to bytes of one size, into the cache.
"""

import contextlib
import csv
import dataclasses
import hashlib
import io
import itertools
import json
import math
import os
import posixpath
import re
import shutil
import stat
import types
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from jaxgan.datasets import cache, pictures, splits
from jaxgan.datasets.base import Dataset, Split
from jaxgan.datasets.pictures import Form, Picture, Resize, UnreadableError
from jaxgan.errors import DataError, UsageError, in_one_line
from jaxgan.io import archives

SPLITS = {
    "train": "train",
    "training": "train",
    "valid": "validation",
    "validation": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""Lower-case names of folders that are splits, not classes, if all are, or if "train" and another split are there."""

TABLES = ("dataset.json", "metadata.jsonl", "metadata.csv")
"""Files with the pictures' labels: StyleGAN's, and those of Hugging Face's ImageFolder."""

LISTED = 3
"""How many file names a message lists."""

MOST_TABLE = 2**26
"""Maximum size of a table, in bytes."""

MOST_DIRECTORY = 2**27
"""Maximum size of a zip file's directory, in bytes: some two million names."""

DEEPEST = 32
"""Maximum depth of nested folders."""

_BLOCK, _TASK = 256, 32  # pictures per progress report, and pictures that a thread decodes at a time
_WORKERS = min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 8)
_OTHERS_FOLDERS = ("__MACOSX", "@eaDir")  # of copies and thumbnails that operating systems create
_ABOUT = re.compile(r"(licen[cs]es?|readme|copying|notice|attribution)(\.(txt|md|rst|html?|pdf))?", re.I)  # no data

FEW = 1_000
"""With fewer pictures than this to train on, a note says so."""


def load(
    *,
    path: str,
    size: int = 64,
    resize: Resize = "crop",
    channels: int = 3,
    background: str = "white",
    label: str = "",
    validation_examples: int = -1,
    memory_limit: int = 2**62,
) -> Dataset:
    """Loads the pictures of a folder or a zip file, at any depth, in the order of their names.

    - Folders are classes, in the order of their names: `cats/1.png`, `dogs/2.jpg`. Without folders, or with pictures
      beside them, there are no labels.
    - Folders `train`, `valid` (or `val`, `validation`) and `test` above them are splits. Missing splits are cut off
      after a fixed permutation (see `splits.assemble`); so is the validation split if `validation_examples` is not −1.
    - Labels may come from a table instead of folders: `dataset.json` of StyleGAN's tools,
      {"labels": [["00000/a.png", 6], …]}, or `metadata.jsonl` or `metadata.csv` of Hugging Face's ImageFolder
      (`file_name`, and a column of labels). Labels that are names become classes in sorted order; whole numbers are
      class numbers.

    Hidden files and folders are skipped. A warning names files that are damaged or not pictures. Zip files are not
    unpacked to disk. The first use decodes all pictures into the cache (`cache.directory`). A split of more than
    `memory_limit` bytes stays there and is read as a memory map.

    Args:
      path: the folder or zip file.
      size: height and width of the examples, in pixels.
      resize: "crop": the largest central square; "pad": the whole picture with bars of the background; "stretch".
      channels: 1 for grey, 3 for red, green and blue.
      background: a CSS colour, for transparent pixels and for bars.
      label: the column of metadata.jsonl or metadata.csv with the label; "" means `label`, if that column exists.
      validation_examples, memory_limit: as for every `Loader`.

    Returns:
      The dataset; uint8 images [n, size, size, channels].

    Raises:
      DataError: the path is missing, damaged or of another kind; no picture can be read; only some pictures have
        labels; or the cache has no room for a split that does not fit in memory.
      UsageError: the size, channels or background are invalid, or there is no such column.
    """
    form = pictures.form(size=size, resize=resize, channels=channels, background=background)
    found = read(path, form, label=label, memory_limit=memory_limit)
    dataset = splits.assemble(
        "images",
        found.parts["train"],
        found.parts.get("test"),
        validation_examples,
        where=path,
        validation=found.parts.get("validation") if validation_examples == -1 else None,
        num_classes=found.num_classes,
        notes=found.notes,
    )
    few = f"{len(dataset.train):,} pictures to train on are few: the discriminator may learn them by heart"
    notes = dataset.notes if len(dataset.train) >= FEW else (*dataset.notes, few)
    return dataclasses.replace(dataset, notes=notes, warnings=found.warnings, class_names=found.class_names)


class Pictures(NamedTuple):
    """All pictures of a folder or a zip file.

    Attributes:
      parts: "train"; also "validation" and "test", if they have their own folders.
      num_classes, class_names, notes, warnings: see `Dataset`.
    """

    parts: dict[str, Split]
    num_classes: int | None
    class_names: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def read(path: str, form: Form, *, label: str = "", memory_limit: int = 2**62) -> Pictures:
    """Reads the pictures as they are stored, before splits are cut off. Arguments and errors as for `load`."""
    with contextlib.closing(_opened(path)) as files:
        names = sorted(name for name in files.marks if name.lower().endswith(pictures.SUFFIXES))
        lie = _arranged(names, files, path)
        labels = _labelled(lie, files, label, path)
        tables = {place + table for place in lie.places for table in TABLES}
        left = sorted(files.marks.keys() - set(names) - tables)
        others = [name for name in left if not _ABOUT.fullmatch(posixpath.basename(name))]
        skipped: dict[str, str] = {}
        enlarged, parts, unkept = 0, {}, set[str]()
        for split, members in lie.splits.items():
            decoded = _decoded(files, members, form, memory_limit, path)
            skipped |= decoded.skipped
            enlarged += decoded.enlarged
            parts[split] = decoded.as_split(labels.by_split.get(split))
            unkept |= {decoded.note} - {""}
        skipped |= dict.fromkeys(others, "does not have the name of a picture")
        warnings = (_skipped_in_words(skipped, len(files.marks)),) if skipped else ()
    small = f"{enlarged:,} of {len(names):,} pictures were enlarged, from fewer than {form.size} pixels a side"
    notes = (*lie.notes, *labels.notes, *([small] if enlarged else []))
    return Pictures(parts, labels.num_classes, labels.names, notes, (*warnings, *unkept))


def _skipped_in_words(skipped: Mapping[str, str], total: int) -> str:
    """One sentence on the skipped files: the first few, and why they were not read."""
    first = [f"{in_one_line(name)} {reason}" for name, reason in list(skipped.items())[:LISTED]]
    more = [f"and {len(skipped) - LISTED:,} more"] if len(skipped) > LISTED else []
    verb = "was" if len(skipped) == 1 else "were"
    return f"{len(skipped):,} of {total:,} files {verb} not read: {'; '.join(first + more)}"


# --- Files, in a folder or a zip file


class Files:
    """Files by name, with slashes between folders, such as `cats/1.png`.

    Attributes:
      marks: for each file, its size and a value that changes with its content.
    """

    def __init__(self) -> None:
        self.marks: dict[str, str] = {}

    def read(self, name: str, most: int = pictures.MOST_BYTES) -> bytes:
        """Returns a file's content. UnreadableError if it cannot be read, or is larger than `most` bytes."""
        raise NotImplementedError

    def close(self) -> None:
        """Closes open files."""


def _opened(path: str) -> Files:
    """The files of a folder or a zip file. DataError if the path is neither."""
    place = os.path.expanduser(path)
    try:
        kind = os.stat(place).st_mode if path else None
        if kind is not None and stat.S_ISDIR(kind):
            return _Folder(place)
        if kind is not None and stat.S_ISREG(kind) and zipfile.is_zipfile(place):
            return _Zip(place)
        why = f"{path} is neither a folder nor a whole zip file" if path else "the path is empty"
    except FileNotFoundError:
        why = f"{path} is missing"
    except OSError as error:
        why = f"{path} cannot be read: {error.strerror or error}"
    except archives.DAMAGE as error:
        why = f"{path} is damaged: {error}"
    raise DataError("cannot load pictures", why, "give a folder of pictures, or a zip file of them")


def _skipped(parts: Sequence[str]) -> bool:
    """Whether a file is hidden, or inside a hidden folder."""
    return any(part.startswith(".") or part in _OTHERS_FOLDERS for part in parts)


def _bounded(size: int, most: int) -> None:
    if size > most:
        raise UnreadableError(f"has {size:,} bytes, and {most:,} are allowed")


class _Folder(Files):
    """A folder's regular files, including those in linked folders."""

    def __init__(self, place: str):
        super().__init__()
        self.place = place
        self._walk(place, "", ())

    def _walk(self, place: str, prefix: str, above: tuple[tuple[int, int], ...]) -> None:
        """Adds the regular files of a folder. Follows links, except to folders that contain this one."""
        state = os.stat(place)
        own = (state.st_dev, state.st_ino)
        if own in above or len(above) > DEEPEST:
            return
        with os.scandir(place) as entries:
            for entry in entries:
                name = prefix + entry.name
                if _skipped([entry.name]):
                    continue
                if entry.is_dir():
                    self._walk(entry.path, f"{name}/", (*above, own))
                elif entry.is_file():
                    state = entry.stat()
                    self.marks[name] = f"{state.st_size} {state.st_mtime_ns}"

    def read(self, name: str, most: int = pictures.MOST_BYTES) -> bytes:
        try:
            with open(os.path.join(self.place, *name.split("/")), "rb") as file:
                _bounded(os.fstat(file.fileno()).st_size, most)
                return file.read(most)
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror or error}") from error


class _Zip(Files):
    """A zip file's members. Names are only keys of a table, never paths; names that contain .. count as hidden."""

    def __init__(self, place: str):
        super().__init__()
        self._file = archives.Pieces(open(place, "rb", buffering=0), MOST_DIRECTORY)  # noqa: SIM115
        try:
            self._archive = zipfile.ZipFile(self._file)
        except BaseException:
            self._file.close()
            raise
        self._members: dict[str, zipfile.ZipInfo] = {}
        for info in self._archive.infolist():
            parts = [part for part in info.filename.replace("\\", "/").split("/") if part]
            if parts and not info.is_dir() and not _skipped(parts):
                self._members["/".join(parts)] = info
                self.marks["/".join(parts)] = f"{info.file_size} {info.CRC}"

    def read(self, name: str, most: int = pictures.MOST_BYTES) -> bytes:
        info = self._members[name]
        _bounded(info.file_size, most)
        if info.flag_bits & 1:
            raise UnreadableError("is encrypted")
        try:
            return self._archive.read(info)
        except archives.DAMAGE as error:
            raise UnreadableError(f"is damaged: {in_one_line(error) or type(error).__name__}") from error

    def close(self) -> None:
        self._archive.close()
        self._file.close()


# --- Splits and classes


class _Arrangement(NamedTuple):
    """How the pictures are organised.

    Attributes:
      splits: picture names by split: "train"; also "validation" and "test", if they have folders.
      folders: for each picture, the folder that may be its class; "" for a picture beside such folders.
      places: the folders that may hold a table, each ending in a slash; "" for the outermost.
      notes: for `Dataset.notes`.
    """

    splits: dict[str, list[str]]
    folders: dict[str, str]
    places: list[str]
    notes: tuple[str, ...]


def _arranged(names: list[str], files: Files, path: str) -> _Arrangement:
    """Sorts pictures (names in order) into splits and class folders. DataError if none are left to train on."""
    if not names:
        count = len(files.marks)
        why = f"none of its {count:,} files has the name of a picture" if count else "there is no file in it"
        remedy = f"give files whose names end in {', '.join(pictures.SUFFIXES)}"
        if any(name.endswith((".npy", ".npz")) for name in files.marks):
            remedy = "read arrays in an .npz file with dataset.name=npz"
        raise DataError(f"cannot load pictures from {path}", why, remedy)
    # Folders that contain all pictures are not classes.
    outer = posixpath.commonpath([posixpath.dirname(name) for name in (names[0], names[-1])]).split("/")
    outer = [folder for folder in outer if folder]
    places = ["".join(f"{folder}/" for folder in outer[:depth]) for depth in range(len(outer) + 1)]
    inner = {name: name[len(places[-1]) :].split("/") for name in names}

    # Folders are splits if all of them are, or if one is "train" and another one is a further split.
    tops = sorted({parts[0] for parts in inner.values() if len(parts) > 1})
    kinds = {top: SPLITS.get(top.lower()) for top in tops}
    known = set(kinds.values()) - {None}
    beside = [name for name, parts in inner.items() if len(parts) == 1]
    if tops and not beside and (None not in kinds.values() or ("train" in known and len(known) > 1)):
        if "train" not in known:
            why = f"it has the folders {_listed(tops)}, and none is named train"
            raise DataError(f"cannot load pictures from {path}", why, "name the folder of the training pictures train")
        others = [top for top in tops if kinds[top] is None]
        found: dict[str, list[str]] = {}
        for name, (top, *_) in inner.items():
            if kind := kinds[top]:
                found.setdefault(kind, []).append(name)
        folders = {name: parts[1] if len(parts) > 2 else "" for name, parts in inner.items()}
        places += [f"{places[-1]}{top}/" for top in tops if kinds[top]]
        notes = (f"not read: the folders {_listed(others)} beside train",) if others else ()
        return _Arrangement(found, folders, places, notes)
    folders = {name: parts[0] if len(parts) > 1 else "" for name, parts in inner.items()}
    return _Arrangement({"train": names}, folders, places, ())


def _listed(names: Sequence[str]) -> str:
    """Names as text; only the first few of a long list."""
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return in_one_line(", ".join(names[:LISTED]) + more)


class _Labels(NamedTuple):
    """Labels of all pictures by split, int32 [n], empty if there are none; and facts about their classes."""

    by_split: Mapping[str, np.ndarray] = types.MappingProxyType({})
    num_classes: int | None = None
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def _labelled(lie: _Arrangement, files: Files, column: str, path: str) -> _Labels:
    """The labels from the tables, or else from the folders."""
    names = [name for members in lie.splits.values() for name in members]
    tables = [place + table for place in lie.places for table in TABLES if place + table in files.marks]
    notes: list[str] = []
    values: dict[str, Any] | None = None
    for table in tables:
        rows, remarks = _read_table(files, table, column, path)
        notes += remarks
        if rows is not None:
            values = (values or {}) | {posixpath.join(posixpath.dirname(table), name): x for name, x in rows.items()}
    if column and not [table for table in tables if not table.endswith(TABLES[0])]:
        why = f"{path} has neither {TABLES[1]} nor {TABLES[2]}"
        raise UsageError(f"dataset.label={column} names no column", why, "leave it out, or add one of these files")
    if values is None:
        values, folders = lie.folders, {lie.folders[name] for name in names}
        if "" in folders or len(folders) == 1:
            beside = [name for name in names if not lie.folders[name]]
            mixed = f"no labels: {len(beside):,} pictures lie beside folders, as {_listed(beside[:1])}"
            return _Labels(notes=(*notes, mixed) if len(folders) > 1 else tuple(notes))
    elif not values:
        return _Labels(notes=tuple(notes))
    elif strange := values.keys() - set(names):
        notes.append(f"{len(strange):,} lines of {_listed(tables)} are of no picture, as {_listed([min(strange)])}")
    missing = [name for name in names if values.get(name) is None]
    if missing:
        raise DataError(
            f"cannot use {_listed(tables)} of {path}",
            f"{len(missing):,} of {len(names):,} pictures have no label in it, as {missing[0]}",
            "add them, or take those pictures away",
        )
    every, num_classes, classes, note = _numbered([values[name] for name in names], f"the labels of {path}")
    ends = np.cumsum([len(members) for members in lie.splits.values()])
    by_split = dict(zip(lie.splits, np.split(every, ends[:-1]), strict=True))
    return _Labels(by_split, num_classes, classes, (*notes, *note))


def _numbered(values: list[Any], where: str) -> tuple[np.ndarray, int, tuple[str, ...], tuple[str, ...]]:
    """Labels as int32 class numbers [n]; also the number of classes, their names, and notes.

    Whole numbers, also as text, are class numbers. Other labels are names, and the classes are in sorted order.
    """
    texts = [str(value) for value in values]
    if all(re.fullmatch(r"-?\d{1,18}", text, re.ASCII) for text in texts):
        labels = splits.check_labels(np.array([int(text) for text in texts]), len(texts), where)
        first, count, notes = splits.numbering(labels, where)
        return labels - np.int32(first), count, (), notes
    names, labels = np.unique(np.array(texts, object), return_inverse=True)
    return labels.astype(np.int32), len(names), tuple(names), ()


def _read_table(files: Files, table: str, column: str, path: str) -> tuple[dict[str, Any] | None, list[str]]:
    """The label of each picture that a table lists, by name; and notes.

    The labels are None if the table has no labels, and an empty dict if it states that the pictures have none.
    """

    def wrong(why: str) -> DataError:
        return DataError(f"cannot use {table} of {path}", why, "repair it, or take it away")

    try:
        content = files.read(table, MOST_TABLE).decode("utf-8-sig")
        if table.endswith(TABLES[0]):
            labels = json.loads(content)["labels"]
            rows = {str(name): value for name, value in labels or ()}
            if any(isinstance(value, list | dict) for value in rows.values()):
                raise wrong("its labels are vectors, and jaxgan takes the number of a class there")
            return rows, []
        lines = csv.DictReader(io.StringIO(content))
        found = list(lines) if table.endswith(".csv") else [json.loads(x) for x in content.splitlines() if x.strip()]
        columns = list(dict.fromkeys(name for row in found for name in row if isinstance(name, str)))
        if "file_name" not in columns:
            raise wrong(f"it has the columns {_listed(columns) or 'of nothing'}, and no file_name")
        if (column or "label") not in columns:
            others = _listed([name for name in columns if name != "file_name"])
            if column:
                why = f"{table} of {path} has the columns {others}"
                raise UsageError(f"dataset.label={column} names no column", why, "set dataset.label to one of them")
            return None, [f"{table} has no column label, but {others}; dataset.label names another one"]
        return {posixpath.normpath(str(row["file_name"])): row.get(column or "label") for row in found}, []
    except UnreadableError as error:
        raise wrong(f"it {error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, csv.Error) as error:
        raise wrong(f"it is damaged: {in_one_line(error) or type(error).__name__}") from error


# --- Decoding, once


class _Decoded(NamedTuple):
    """The pictures of one split.

    Attributes:
      examples: uint8 [n, size, size, channels], in memory or as a memory map; 0 for pictures that were not read.
      kept: int32 [m], the indices of pictures that were read.
      skipped: why the others were not read, by name.
      enlarged: number of pictures that are smaller than the examples.
      note: why they are not kept for later runs; "" if they are.
    """

    examples: np.ndarray
    kept: np.ndarray
    skipped: dict[str, str]
    enlarged: int
    note: str = ""

    def as_split(self, labels: np.ndarray | None) -> Split:
        labels = None if labels is None else labels[self.kept]
        if isinstance(self.examples, np.memmap):
            return Split(Stored(self.examples, self.kept, labels))
        return Split(self.examples if len(self.kept) == len(self.examples) else self.examples[self.kept], labels)


class Stored:
    """A `Source` of the examples of a memory map at the indices `kept` [n], with their labels."""

    def __init__(self, examples: np.ndarray, kept: np.ndarray, labels: np.ndarray | None):
        self.shape, self.dtype = examples.shape[1:], examples.dtype
        self._examples, self._kept, self._labels = examples, kept, labels

    def __len__(self) -> int:
        return len(self._kept)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """As `Source.read`."""
        return np.asarray(self._examples[self._kept[indices]])

    def read_labels(self, indices: np.ndarray) -> np.ndarray | None:
        """As `Source.read_labels`."""
        return None if self._labels is None else self._labels[indices]


def _decoded(files: Files, names: list[str], form: Form, memory_limit: int, where: str) -> _Decoded:
    """Decodes the named pictures of `where`, or reads them from the cache. DataError if none can be read."""
    shape = (len(names), *form.shape)
    mapped = math.prod(shape) > memory_limit
    path = _cached(files, names, form, where)
    found = _from_cache(path, names, shape, mapped)
    if found is None:
        with pictures.quietly():
            found = _decode(files, names, form, mapped, path, where)
    if not len(found.kept):
        first = next(iter(found.skipped))
        why = f"none of {len(names):,} pictures can be read: {in_one_line(first)} {found.skipped[first]}"
        raise DataError(f"cannot use {where}", why, "replace them, or give another folder")
    return found


def _decode(files: Files, names: list[str], form: Form, mapped: bool, path: str, where: str) -> _Decoded:
    """Decodes all pictures into the cache's file `path`; if not `mapped`, into memory and, if possible, the file."""
    from jaxgan.io.metric_writers import Progress

    kept: list[int] = []
    skipped: dict[str, str] = {}
    small: list[str] = []

    def read(name: str) -> Picture | UnreadableError:
        try:
            return pictures.decode(files.read(name), form)
        except UnreadableError as error:
            return error

    def read_several(several: list[str]) -> list[Picture | UnreadableError]:
        return [read(name) for name in several]

    def pieces() -> Iterator[np.ndarray]:
        with Progress(len(names), unit="picture") as progress, ThreadPoolExecutor(_WORKERS) as pool:
            progress.message(f"decoding {len(names):,} pictures of {in_one_line(where)} into {cache.directory()}, once")
            for start in range(0, len(names), _BLOCK):
                block = names[start : start + _BLOCK]
                piece = np.zeros((len(block), *form.shape), np.uint8)
                # Several per task: waking a thread for each picture costs a sixth of the time to decode it.
                tasks = [block[first : first + _TASK] for first in range(0, len(block), _TASK)]
                results = itertools.chain.from_iterable(pool.map(read_several, tasks))
                for place, result in enumerate(results):
                    if isinstance(result, UnreadableError):
                        skipped[block[place]] = str(result)
                        continue
                    piece[place] = result.pixels
                    kept.append(start + place)
                    if result.smallest < form.size:
                        small.append(block[place])
                progress.update(start + len(block))
                yield piece

    def others() -> dict[str, np.ndarray]:
        about = json.dumps({"skipped": skipped, "enlarged": len(small)}).encode()
        return {"kept": np.array(kept, np.int32), "about": np.frombuffer(about, np.uint8)}

    shape = (len(names), *form.shape)
    if not mapped:
        examples = np.empty(shape, np.uint8)
        for number, piece in enumerate(pieces()):
            examples[number * _BLOCK :][: len(piece)] = piece
        note = ""
        try:
            cache.write_pieces(path, shape, [examples], others)
        except OSError as error:
            why = f"{error.strerror or error}: each run decodes them again"
            note = f"the decoded pictures cannot be kept in {cache.directory()}: {why}"
        return _Decoded(examples, np.array(kept, np.int32), skipped, len(small), note)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if (room := shutil.disk_usage(os.path.dirname(path)).free) < math.prod(shape):
            raise OSError(f"there is room for {room:,} bytes")
        cache.write_pieces(path, shape, pieces(), others)
        found = _from_cache(path, names, shape, mapped)
    except OSError as error:
        found, why = None, error.strerror or str(error)
    else:
        why = "it cannot be read back"
    if found is None:
        raise DataError(
            f"cannot keep the {math.prod(shape):,} bytes of {where} in {os.path.dirname(path)}",
            f"they are more than fit in memory, and {why}",
            "set JAXGAN_CACHE_DIR to a directory with room, or dataset.size lower",
        )
    return found


def _cached(files: Files, names: list[str], form: Form, where: str) -> str:
    """The cache file for these pictures in this form."""
    digest = hashlib.sha256(f"pictures 1 {tuple(form)}\n".encode())
    for name in names:
        digest.update(f"{name}\0{files.marks[name]}\n".encode(errors="backslashreplace"))
    title = re.sub(r"[^\w.-]+", "-", os.path.basename(where.rstrip("/")), flags=re.ASCII)[-40:]
    return os.path.join(cache.directory(), f"images-{title}-{digest.hexdigest()[:16]}.npz")


def _from_cache(path: str, names: list[str], shape: tuple[int, ...], mapped: bool) -> _Decoded | None:
    """Reads what `_decode` wrote; None if the file is missing or damaged."""
    try:
        with archives.opened(path) as archive:
            examples = archive.map("examples") if mapped else archive.read("examples")
            kept, about = archive.read("kept"), json.loads(archive.read("about").tobytes())
        skipped = {str(name): str(reason) for name, reason in about["skipped"].items()}
        enlarged = int(about["enlarged"])
    except (archives.UnreadableError, ValueError, KeyError, TypeError, AttributeError):
        return None
    fits = examples.shape == shape and examples.dtype == np.uint8 and kept.dtype == np.int32 and kept.ndim == 1
    fits = fits and len(kept) + len(skipped) == len(names) and (not len(kept) or 0 <= kept.min() <= kept.max())
    return _Decoded(examples, kept, skipped, enlarged) if fits and (kept < len(names)).all() else None
