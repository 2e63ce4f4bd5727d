"""Whatever a file or a text holds, its parser gives a value or one line, soon, in little memory, and runs none of it.

The inputs are those of parsers' own tests with random damage; the same in every run.
"""

import io
import json
import resource
import sys
import time
import zipfile
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from jaxgan.config import check, command_line, complete
from jaxgan.datasets import DATASETS, cache
from jaxgan.datasets.prepare import prepare
from jaxgan.errors import JaxganError
from jaxgan.evaluation import classifier, inception_weights
from tests.datasets.conftest import idx_bytes, write_mnist
from tests.evaluation.weight_files import graph, small_tensor, torch_legacy, torch_zip

SECONDS, BYTES, LETTERS = 15, 2**29, 13_000
"""Most that an input may take: of time, of memory for all of a test, and of letters of a message."""

ODD_BYTES = [b"\0", b"\xff", b"\x80", b"\0\0\0\x80", b"\xff" * 4, b"\xff\xff\xff\x7f", b"\xff" * 8, b"PK\5\6", b"{[(,'"]
ODD_VALUES = [None, True, -1, 0, 2**31, 2**63, 2**70, 1e308, float("nan"), "", "x" * 100_000, [], {}, [[[[1]]]]]
ODD_VALUES += [
    {"type": "os.system"},
    "evil.Feature",
    "(1,",
    "0x" + "f" * 5_000,
    "1" * 400,
    "-" * 3_000 + "1",
    "\x1b[2J\n",
]


class Parser(NamedTuple):
    """Something that reads: valid inputs, and `parse(input)`; `structured` inputs are JSON."""

    inputs: list
    parse: object
    structured: bool = False


def damaged(rng, content, others):
    """Bytes with one to four random changes."""
    for _ in range(rng.integers(1, 5)):
        size = len(content)
        start, stop = sorted(rng.integers(0, size + 1, 2).tolist())
        place = int(rng.integers(0, max(size, 1)))
        odd = ODD_BYTES[rng.integers(len(ODD_BYTES))]
        match rng.integers(7):
            case 0:
                content = content[:place]
            case 1 if size:
                content = content[:place] + bytes([content[place] ^ 1 << rng.integers(8)]) + content[place + 1 :]
            case 2:
                content = content[:place] + odd + content[place + len(odd) :]
            case 3:
                content = content[:place] + odd + content[place:]
            case 4:
                content = content[:start] + content[stop:]
            case 5:
                content = content[:stop] + content[start:]
            case _:
                content = content[:place] + others[rng.integers(len(others))][place:]
    return content


def changed(rng, value):
    """A JSON value with one to three of its parts replaced, removed, or added."""
    value = json.loads(json.dumps(value))
    for _ in range(rng.integers(1, 4)):
        part = value
        while True:
            keys = list(part) if isinstance(part, dict) else list(range(len(part)))
            if not keys:
                break
            key = keys[rng.integers(len(keys))]
            if not isinstance(part[key], dict | list) or rng.random() < 0.2:
                break
            part = part[key]
        if not keys:
            continue
        match rng.integers(4):
            case 0:
                del part[key]
            case 1 if isinstance(part, dict):
                part[str(ODD_VALUES[rng.integers(len(ODD_VALUES))])] = part[key]
            case _:
                part[key] = ODD_VALUES[rng.integers(len(ODD_VALUES))]
    return value


def file_parser(directory, inputs, parse, name="file"):
    """A parser of the file of that name."""

    def parse_bytes(content):
        (directory / name).write_bytes(content)
        return parse(directory / name)

    return Parser(inputs, parse_bytes)


def saved(save=np.savez, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def of_npz(directory, monkeypatch):
    images, labels = np.arange(96, dtype=np.uint8).reshape(12, 4, 2), np.arange(12) % 3
    inputs = [
        saved(np.savez_compressed, x_train=images, y_train=labels, x_test=images),
        saved(examples=np.ones((6, 2)), conditions=np.ones((6, 3)), other=np.array(["text"])),
    ]
    return file_parser(directory, inputs, lambda path: DATASETS["npz"](path=str(path)))


def of_idx(directory, monkeypatch):
    inputs = [idx_bytes(np.arange(96).astype(kind).reshape(12, 4, 2)) for kind in ("uint8", "float32", "int16")]
    return file_parser(directory, inputs, lambda path: DATASETS["idx"](path=str(directory)), "train-images-idx3-ubyte")


def of_images(directory, monkeypatch):
    monkeypatch.setenv("JAXGAN_CACHE_DIR", str(directory / "cache"))
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 9, 3), dtype=np.uint8))
    table = json.dumps({"labels": [[f"{i}.{kind}", i] for i, kind in enumerate(("png", "jpeg", "tiff", "gif"))]})
    inputs = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            for i, kind in enumerate(("png", "jpeg", "tiff", "gif")):
                picture = io.BytesIO()
                image.save(picture, kind)
                archive.writestr(f"{i}.{kind}", picture.getvalue())
            archive.writestr("dataset.json", table)
        inputs.append(file.getvalue())
    return file_parser(directory, inputs, lambda path: DATASETS["images"](path=str(path), size=8), "data.zip")


def of_cache(directory, monkeypatch):
    inputs = [saved(examples=np.zeros((6, 4, 4, 1), np.uint8), labels=np.arange(6, dtype=np.int32))]

    def parse(path):
        found = cache.read(str(path), 6, (4, 4, 1), labelled=True)
        assert found is None or found.examples.shape == (6, 4, 4, 1)

    return file_parser(directory, inputs, parse)


def of_classifier(directory, monkeypatch):
    images, labels = np.zeros((4, 4, 4, 1), np.uint8), np.arange(4) % 2
    arrays = (images, labels, images, labels)
    made = classifier.Network(2).init(classifier.jax.random.key(0), images.astype(np.float32))["params"]
    made = classifier.Classifier(made, 0.0, 1.0, 2, 1.0, 4, 4)
    monkeypatch.setattr(classifier, "train", lambda *arrays, num_classes: made)
    path = directory / "classifier.npz"
    classifier.load_or_train(path, *arrays, num_classes=2)

    def parse(path):
        found = classifier.load_or_train(path, *arrays, num_classes=2)
        assert found.params["Dense_0"]["kernel"].shape == made.params["Dense_0"]["kernel"].shape

    return file_parser(directory, [path.read_bytes()], parse, path.name)


def of_weights(directory, monkeypatch):
    names = list(inception_weights.layers())[:5]
    state = {name: small_tensor(i, inception_weights.layers()[name].shape) for i, name in enumerate(names)}
    arrays = {name: np.ones(inception_weights.layers()[name].shape, np.float32) for name in names}
    inputs = [torch_zip(state), torch_legacy(state), graph(arrays).SerializeToString()]
    return file_parser(directory, inputs, inception_weights.load)


def of_tfds(directory, monkeypatch):
    monkeypatch.setenv("JAXGAN_CACHE_DIR", str(directory / "cache"))
    (directory / "idx").mkdir()
    write_mnist(directory / "idx", 6, 6)
    place = prepare("mnist", str(directory / "idx"), str(directory / "data"))[0]
    files = [directory / "data" / place / name for name in ("features.json", "dataset_info.json")]
    whole = {path: path.read_text() for path in files}
    old = {"type": "tensorflow_datasets.core.features.image_feature.Image", "content": {"shape": [28, 28, 1]}}
    old["content"] |= {"dtype": "uint8", "encoding_format": "png"}
    old = {"type": "tensorflow_datasets.core.features.features_dict.FeaturesDict", "content": {"image": old}}
    inputs = [{str(path): json.loads(text)} for path, text in whole.items()] + [{str(files[0]): old}]

    def parse(content):
        for path in files:
            path.write_text(json.dumps(content[str(path)]) if str(path) in content else whole[path])
        return DATASETS["tfds"](path=str(directory / "data"), tfds_name="mnist")

    return Parser(inputs, parse, structured=True)


def of_config(directory, monkeypatch):
    config = command_line.load_config("configs/quickstart.py")
    return Parser([json.loads(json.dumps(config))], check, structured=True)


def of_texts(directory, monkeypatch):
    fields = ("schedules", "steps", "generator.widths", "generator_optimizer.b1", "evaluation.samples", "alarms.stop")
    inputs = [
        b"generator_optimizer.learning_rate & penalties.r1=linear(1e-5, 1e6); average_decay=cosine(.9, 1e4)",
        b"(256, 256)",
        b"1_000",
        b"vanishing,repeats",
    ]

    def parse(content):
        for field in fields:
            config = complete(command_line.load_config("configs/ring.py"))
            text = content.decode(errors="replace")
            check(config, command_line.override(config, {field: text}))

    return Parser(inputs, parse)


PARSERS = [of_npz, of_idx, of_images, of_cache, of_classifier, of_weights, of_tfds, of_config, of_texts]


@pytest.mark.parametrize("make", PARSERS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("count", [6, pytest.param(300, marks=pytest.mark.slow)])
def test_damaged_inputs(make, count, tmp_path, monkeypatch):
    (tmp_path / "evil.py").write_text("raise SystemExit('executed')")
    monkeypatch.syspath_prepend(tmp_path)
    parser = make(tmp_path, monkeypatch)
    if make not in (of_weights, of_texts):  # of five layers, which are not enough; for other fields
        parser.parse(parser.inputs[0])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = 0
    for number in range(count):
        rng = np.random.default_rng([count, number])
        whole = parser.inputs[number % len(parser.inputs)]
        content = changed(rng, whole) if parser.structured else damaged(rng, whole, parser.inputs)
        start, message = time.monotonic(), ""
        try:
            parser.parse(content)
        except JaxganError as error:
            message = str(error)
        except BaseException as error:
            raise AssertionError(f"input {number}: {type(error).__name__}") from error
        assert time.monotonic() - start < SECONDS, number
        assert message.isprintable() and len(message) < LETTERS, number
        refused += bool(message)
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert grown < BYTES and "evil" not in sys.modules
    assert refused or make in (of_cache, of_classifier)
