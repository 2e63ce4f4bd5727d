"""Pictures of a folder or a zip file: what each kind of file becomes, classes, splits, the cache, what goes wrong."""

import io
import json
import os
import pathlib
import shutil
import struct
import types
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from jaxgan.datasets import DATASETS, cache, images, pictures, prepare
from jaxgan.datasets.order import subset
from jaxgan.errors import DataError, UsageError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


@pytest.fixture(autouse=True)
def _few_are_enough(monkeypatch):
    monkeypatch.setattr(images, "FEW", 0)


def encoded(image, kind="PNG", **options):
    """The bytes of a picture's file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(color=RED, size=(8, 8), kind="PNG"):
    """The file of a picture of one colour."""
    return encoded(Image.new("RGB", size, color), kind)


def quarters(size=8):
    """Red, green, blue and white quarters: top left, top right, bottom left, bottom right."""
    image = Image.new("RGB", (size, size))
    half = size // 2
    for color, place in ((RED, (0, 0)), (GREEN, (half, 0)), (BLUE, (0, half)), (WHITE, (half, half))):
        image.paste(color, (*place, place[0] + half, place[1] + half))
    return image


def write(place, files):
    """Files by name under a folder, or in a zip file."""
    if place.suffix == ".zip":
        with zipfile.ZipFile(place, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    for name, content in files.items() if place.suffix != ".zip" else ():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return str(place)


def load(path, size=8, **options):
    return DATASETS["images"](path=str(path), size=size, **options)


def decoded(content, size=8, resize="crop", channels=3, background="white"):
    form = pictures.form(size=size, resize=resize, channels=channels, background=background)
    return pictures.decode(content, form).pixels


def everything(data):
    """The examples and labels of all splits, in the order of the names."""
    parts = [data.train, data.validation, data.test]
    order = np.argsort(subset("splits", sum(map(len, parts))))
    labels = None if data.train.labels is None else np.concatenate([part.labels for part in parts])[order]
    return np.concatenate([part.examples for part in parts])[order], labels


# --- What pictures become


def test_pictures_that_have_the_size_stay_as_they_are():
    assert np.array_equal(decoded(encoded(quarters())), np.asarray(quarters()))


def test_resized_by_plain_lanczos():
    noise = np.random.default_rng(0).integers(0, 256, (60, 40, 3), dtype=np.uint8)
    middle = Image.fromarray(noise[10:50])
    assert np.array_equal(decoded(encoded(Image.fromarray(noise))), middle.resize((8, 8), Image.Resampling.LANCZOS))
    stretched = Image.fromarray(noise).resize((8, 8), Image.Resampling.LANCZOS)
    assert np.array_equal(decoded(encoded(Image.fromarray(noise)), resize="stretch"), stretched)
    # A JPEG is decoded as a whole: Pillow's quicker way, which decodes it at a half or less, gives other bytes.
    jpeg = encoded(Image.fromarray(noise), "JPEG")
    with Image.open(io.BytesIO(jpeg)) as image:
        expected = image.crop((0, 10, 40, 50)).resize((8, 8), Image.Resampling.LANCZOS)
    assert np.array_equal(decoded(jpeg), np.asarray(expected))


def test_pad_has_bars_of_the_background():
    pixels = decoded(plain(RED, (16, 8)), resize="pad", background="#0000ff")
    assert (pixels[:2] == BLUE).all() and (pixels[2:6] == RED).all() and (pixels[6:] == BLUE).all()
    pixels = decoded(plain(RED, (1, 3000)), resize="pad", channels=1, background="black")
    assert pixels.shape == (8, 8, 1) and pixels.max(axis=(0, 2)).tolist() == [0, 0, 0, 76, 0, 0, 0, 0]  # 0.299 · 255


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation):
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # Image.Transpose of each orientation's inverse
    inverse = {4: 2, 2: 4}  # a quarter turn back
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = quarters(64)
    if orientation > 1:
        turn = turns[orientation]
        stored = stored.transpose(Image.Transpose(inverse.get(turn, turn)))
    upright = decoded(encoded(stored, "JPEG", exif=exif, quality=95, subsampling=0)).astype(int)
    assert abs(upright - np.asarray(quarters()).astype(int)).max() < 70  # LANCZOS rings at the edges
    assert abs(upright[[0, 0, -1, -1], [0, -1, 0, -1]] - [RED, GREEN, BLUE, WHITE]).max() < 12


def test_damaged_exif_leaves_the_picture_as_it_is():
    content = encoded(Image.new("RGB", (8, 8), RED), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\1\x12" * 9)
    with pictures.quietly():
        assert abs(decoded(content).astype(int) - RED).max() < 3


def test_palettes_and_bits():
    palette = quarters(64).quantize(4)
    # Colours are mixed, not numbers of a palette.
    assert np.array_equal(decoded(encoded(palette)), decoded(encoded(palette.convert("RGB"))))
    assert np.array_equal(decoded(encoded(palette, "GIF")), decoded(encoded(palette.convert("RGB"))))
    bits = Image.fromarray(np.tile(np.repeat([[False, True]], 4, 1), (8, 1)))
    assert bits.mode == "1" and decoded(encoded(bits))[0, :, 0].tolist() == [0] * 4 + [255] * 4


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits(kind):
    values = (np.arange(64).reshape(8, 8) * 1024).astype(np.uint16)
    values[0, 0], values[7, 7] = 128, 65535
    expected = np.round(values / 257)  # 128/257 is 0; numbers are not cut off at 255
    assert np.array_equal(decoded(encoded(Image.fromarray(values), kind), channels=1)[..., 0], expected)


def test_thirty_two_bits_are_refused():
    content = encoded(Image.fromarray(np.full((8, 8), 0.5, np.float32)), "TIFF")
    with pytest.raises(pictures.UnreadableError, match="numbers of 32 bits"):
        decoded(content)


def test_cmyk_and_grey():
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    assert abs(decoded(encoded(cmyk, "JPEG", quality=95)).astype(int) - RED).max() < 5
    assert (decoded(encoded(cmyk, "TIFF")) == RED).all()
    assert (decoded(encoded(Image.new("L", (8, 8), 90))) == 90).all()
    assert (decoded(plain(RED), channels=1) == 76).all()


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGBA", (8, 8), (255, 0, 0, 0)),
        Image.new("LA", (8, 8), (0, 0)),
        Image.new("RGBA", (8, 8), (255, 0, 0, 0)).quantize(2),
    ],
    ids=["RGBA", "LA", "palette"],
)
def test_what_is_transparent_has_the_background(image):
    assert (decoded(encoded(image), background="#102030") == (16, 32, 48)).all()


def test_half_transparent_pictures_are_mixed_before_they_are_resized():
    assert (decoded(encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 51))), background="white") == 204).all()
    # Black that nobody sees leaves no edge on white.
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    image.paste((255, 255, 255, 255), (16, 16, 48, 48))
    assert (decoded(encoded(image), background="white") == 255).all()
    # A colour that stands for transparency, as in PNG's tRNS chunk.
    content = encoded(Image.new("RGB", (8, 8), RED), "PNG", transparency=RED)
    assert (decoded(content, background="blue") == BLUE).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_of_several_frames_the_first_is_read(kind):
    frames = [Image.new("RGB", (8, 8), color) for color in (RED, GREEN)]
    lossless = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **lossless)
    assert abs(decoded(content).astype(int) - RED).max() < 3


def test_bombs_are_refused_before_they_take_memory():
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    for side in (10_000, 60_000):  # within what Pillow only warns of, and beyond
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        content = (
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
        )
        with pictures.quietly(), pytest.raises(pictures.UnreadableError, match="pixels.* 89,478,485 are allowed"):
            decoded(content)


def test_formats_that_run_programs_are_not_opened():
    with pytest.raises(pictures.UnreadableError, match="is not a picture"):
        decoded(encoded(Image.new("RGB", (8, 8)), "EPS"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "dataset.size=0; it is the pixels of a side, 1 to 4096; "),
        ({"size": 5000}, "dataset.size=5000"),
        ({"channels": 4}, "dataset.channels=4; pictures become grey"),
        ({"background": "whitish"}, "dataset.background=whitish; it is not a colour"),
        ({"resize": "squeeze"}, "dataset.resize=squeeze; it is crop, pad or stretch"),
    ],
)
def test_impossible_forms(tmp_path, options, message):
    write(tmp_path / "data", {"a.png": plain()})
    with pytest.raises(UsageError, match=message):
        load(tmp_path / "data", **options)


# --- Classes and splits


COLORS = {"a": RED, "b": GREEN, "c": BLUE}


@pytest.mark.parametrize("place", ["data", "data.zip"])
def test_folders_are_classes(tmp_path, place):
    files = {f"{name}/{i}.png": plain(color) for name, color in COLORS.items() for i in range(4)}
    files["c/deeper/than/that.png"] = plain(BLUE)
    data = load(write(tmp_path / place, files))
    assert data.num_classes == 3 and data.class_names == ("a", "b", "c") and data.example_shape == (8, 8, 3)
    examples, labels = everything(data)
    assert labels.tolist() == [0] * 4 + [1] * 4 + [2] * 5
    assert np.array_equal(examples[:, 0, 0], np.array(list(COLORS.values()))[labels])
    assert (len(data.train), len(data.validation), len(data.test)) == (9, 2, 2)


@pytest.mark.parametrize("place", ["data", "data.zip"])
def test_a_folder_around_everything_is_no_class(tmp_path, place):
    files = {f"my pictures/{name}/{i}.png": plain(COLORS[name]) for name in "ab" for i in range(3)}
    assert load(write(tmp_path / place, files)).class_names == ("a", "b")
    flat = {name.replace("/a/", "/").replace("/b/", "/b"): content for name, content in files.items()}
    data = load(write(tmp_path / f"flat {place}", flat))
    assert data.num_classes is None and data.class_names == () and data.train.labels is None


def test_few_pictures_are_noted(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "FEW", 10)
    note = "7 pictures to train on are few: the discriminator may learn them by heart"
    for count, notes in ((9, (note,)), (12, ())):
        place = write(tmp_path / str(count), {f"{i}.png": plain() for i in range(count)})
        assert load(place, validation_examples=1).notes == notes


def test_pictures_beside_folders_have_no_labels(tmp_path):
    data = load(write(tmp_path / "data", {f"{name}.png": plain() for name in ("a/1", "a/2", "b/3", "4")}))
    assert data.num_classes is None and data.notes == ("no labels: 1 pictures lie beside folders, as 4.png",)
    files = {name: plain() for name in ("train/a/1.png", "train/b/2.png", "test/1.png", "test/2.png")}
    data = load(write(tmp_path / "splits", files), validation_examples=0)
    assert data.num_classes is None and data.notes == ("no labels: 2 pictures lie beside folders, as test/1.png",)


@pytest.mark.parametrize(
    "names", [("train", "valid", "test"), ("Training", "val", "TEST"), ("train", "dev", "testing")]
)
def test_folders_of_splits(tmp_path, names):
    files = {
        f"{folder}/{name}/{i}.png": plain(COLORS[name])
        for folder, count in zip(names, (3, 1, 2), strict=True)
        for name in COLORS
        for i in range(count)
    }
    data = load(write(tmp_path / "data", files))
    assert [len(part) for part in (data.train, data.validation, data.test)] == [9, 3, 6]
    assert data.test.labels.tolist() == [0, 0, 1, 1, 2, 2] and data.class_names == ("a", "b", "c")
    assert (data.validation.examples[:, 0, 0] == list(COLORS.values())).all()
    # A number of validation examples that is asked for is cut off the training split.
    assert len(load(tmp_path / "data", validation_examples=2).train) == 7


def test_classes_of_all_splits_count(tmp_path):
    files = {f"train/{name}/1.png": plain() for name in "ac"} | {f"test/{name}/1.png": plain() for name in "abc"}
    data = load(write(tmp_path / "data", files), validation_examples=0)
    assert data.class_names == ("a", "b", "c") and data.train.labels.tolist() == [0, 2]


def test_which_folders_are_splits(tmp_path):
    # A class that is named train, beside others.
    data = load(write(tmp_path / "vehicles", {f"{name}/{i}.png": plain() for name in ("bus", "train") for i in "123"}))
    assert data.class_names == ("bus", "train")
    # Only a training split, without classes.
    data = load(write(tmp_path / "one", {f"train/{i}.png": plain() for i in range(6)}))
    assert data.num_classes is None and len(data.test) == 1
    # Folders beside splits.
    files = {f"{name}/{i}.png": plain() for name in ("extra", "test", "train") for i in "12"}
    data = load(write(tmp_path / "three", files), validation_examples=0)
    assert (len(data.train), len(data.test)) == (2, 2) and data.notes == ("not read: the folders extra beside train",)
    with pytest.raises(DataError, match="it has the folders test, val, and none is named train"):
        load(write(tmp_path / "none", {"test/1.png": plain(), "val/1.png": plain()}))


def test_stylegans_zip(tmp_path):
    names = [f"0000{i % 2}/img{i}.png" for i in range(6)]
    files = {name: plain() for name in names}
    table = {"labels": [[name, 5 - i] for i, name in enumerate(names)]}
    path = write(tmp_path / "data.zip", files | {"dataset.json": json.dumps(table).encode()})
    data = load(path)
    # By name: 00000/img0, img2, img4, 00001/img1, img3, img5. Whole numbers are the classes' own.
    assert everything(data)[1].tolist() == [5, 3, 1, 4, 2, 0] and data.num_classes == 6 and data.class_names == ()
    path = write(tmp_path / "none.zip", files | {"dataset.json": b'{"labels": null}'})
    assert load(path).num_classes is None  # its folders are not classes
    table["labels"] = [[name, [0.0, 1.0]] for name in names]
    with pytest.raises(DataError, match="its labels are vectors"):
        load(write(tmp_path / "vectors.zip", files | {"dataset.json": json.dumps(table).encode()}))


def test_hugging_faces_image_folder(tmp_path):
    files = {f"{i}.png": plain() for i in range(4)}
    lines = [{"file_name": f"{i}.png", "label": "yx"[i % 2], "text": "words"} for i in range(4)]
    table = "\n".join(map(json.dumps, lines)).encode()
    data = load(write(tmp_path / "lines", files | {"metadata.jsonl": table}))
    assert data.class_names == ("x", "y") and everything(data)[1].tolist() == [1, 0, 1, 0]
    # The same as a table with commas, of two splits, with another column, and with labels that are 1 to 2.
    rows = "file_name,kind,label\n" + "".join(f"{i}.png,{1 + i % 2},z\n" for i in range(4))
    split = {f"{name}/{file}": content for name in ("train", "test") for file, content in files.items()}
    split |= {f"{name}/metadata.csv": b"\xef\xbb\xbf" + rows.encode() for name in ("train", "test")}
    data = load(write(tmp_path / "rows", split), label="kind", validation_examples=0)
    assert data.train.labels.tolist() == data.test.labels.tolist() == [0, 1, 0, 1] and data.num_classes == 2
    assert data.notes == ("its labels 1 to 2 are the classes 0 to 1",)
    with pytest.raises(UsageError, match="dataset.label=colour names no column; .*has the columns kind, label; set"):
        load(tmp_path / "rows", label="colour")
    with pytest.raises(UsageError, match="it names no column|names no column; .* neither metadata.jsonl nor"):
        load(write(tmp_path / "bare", files), label="kind")


def test_tables_without_labels_leave_folders_as_classes(tmp_path):
    files = {f"{name}/{i}.png": plain() for name in "ab" for i in range(3)}
    rows = "file_name,text\n" + "".join(f"{name},words\n" for name in files)
    data = load(write(tmp_path / "data", files | {"metadata.csv": rows.encode()}))
    assert data.class_names == ("a", "b")
    assert data.notes == ("metadata.csv has no column label, but text; dataset.label names another one",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("metadata.csv", b"file_name,label\na.png,1\n", "1 of 2 pictures have no label in it, as b.png; add them"),
        ("metadata.csv", b"name,label\na.png,1\n", "it has the columns name, label, and no file_name"),
        ("metadata.csv", b"\xff\xfe\0", "it is damaged: "),
        ("metadata.csv", b"file_name,label\na.png,5\nb.png,-1\n", "they run from -1 to 5"),
        ("metadata.csv", b"file_name,label\na.png,5\nb.png,123456789\n", "they are ids"),
        ("metadata.jsonl", b'{"file_name": "a.png", "label": 1}\n{"file_name"', "it is damaged: "),
        ("metadata.jsonl", b"[1]", "it has the columns of nothing|it is damaged"),
        ("metadata.jsonl", b"[" * 100_000, "it is damaged: "),
        ("dataset.json", b"[]", "it is damaged: "),
        ("dataset.json", b'{"labels": [["a.png"]]}', "it is damaged: "),
        ("dataset.json", b'{"labels": [["a.png", 0], ["z.png", 0]]}', "1 of 2 pictures have no label in it, as b.png"),
    ],
)
def test_wrong_tables(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message) as caught:
        load(write(tmp_path / "data", {"a.png": plain(), "b.png": plain(), name: content}))
    assert "\n" not in str(caught.value)


def test_the_order_is_that_of_the_names(tmp_path):
    names = ["b.png", "a.png", "ä.png", "Z.png", "10.png", "9.png", "a b.png"]
    write(tmp_path / "one", {name: plain((i, 0, 0)) for i, name in enumerate(names)})
    write(tmp_path / "two.zip", {name: plain((i, 0, 0)) for i, name in reversed(list(enumerate(names)))})
    for place in ("one", "two.zip"):
        examples, _ = everything(load(tmp_path / place))
        assert examples[:, 0, 0, 0].tolist() == [names.index(name) for name in sorted(names)]


# --- What is left out, and the cache


@pytest.mark.parametrize("place", ["data", "data.zip"])
def test_what_is_not_read_is_one_warning(tmp_path, place):
    files = {f"{i}.png": plain() for i in range(6)}
    files["3.png"] = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)))[
        :-500
    ]
    files |= {"4.jpg": b"<html>", "4.png": b"", "captions.txt": b"", "notes.md": b""}
    files |= {"LICENCES.txt": b"", "README": b"", "a/License.md": b""}  # nothing is said of these
    files |= {"license_plate.heic": b""}
    hidden = (".hidden.png", "__MACOSX/._1.png", "a/.thumbs/1.png", "@eaDir/1.png")
    data = load(write(tmp_path / place, files | {name: plain() for name in hidden}))
    assert sum(map(len, (data.train, data.validation, data.test))) == 4
    (warning,) = data.warnings
    assert warning.startswith("6 of 13 files were not read: 3.png is damaged: ")
    assert warning.endswith("; 4.jpg is not a picture; 4.png is not a picture; and 3 more")
    assert load(tmp_path / place).warnings == data.warnings  # from the cache


def test_labels_go_with_the_pictures_that_are_read(tmp_path):
    files = {f"{name}/{i}.png": plain(COLORS[name]) for name in COLORS for i in range(3)}
    files["a/1.png"] = b"no picture"
    data = load(write(tmp_path / "data", files))
    examples, labels = everything(data)
    assert labels.tolist() == [0, 0, 1, 1, 1, 2, 2, 2]
    assert np.array_equal(examples[:, 0, 0], np.array(list(COLORS.values()))[labels])


def test_small_pictures_are_noted(tmp_path):
    data = load(write(tmp_path / "data", {"a.png": plain(size=(8, 8)), "b.png": plain(size=(40, 7))}))
    assert data.notes == ("1 of 2 pictures were enlarged, from fewer than 8 pixels a side",)


def test_decoded_once(tmp_path, monkeypatch, capsys):
    files = {f"{i}.png": plain((40 * i, 0, 0)) for i in range(6)}
    first = load(write(tmp_path / "data", files))
    assert "decoding 6 pictures of" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setattr(pictures, "decode", None)
        assert np.array_equal(load(tmp_path / "data").train.examples, first.train.examples)
        shutil.copytree(tmp_path / "data", tmp_path / "elsewhere" / "data")  # which keeps the times
        load(tmp_path / "elsewhere" / "data")
    assert capsys.readouterr().err == ""
    # Another size, form or file is decoded anew.
    decodes = []
    real = pictures.decode
    monkeypatch.setattr(pictures, "decode", lambda *arguments: decodes.append(1) or real(*arguments))
    for options in ({"size": 4}, {"channels": 1}, {"resize": "pad"}, {"background": "black"}):
        load(tmp_path / "data", **options)
    assert len(decodes) == 24
    os.utime(tmp_path / "data" / "3.png", (1, 1))
    load(tmp_path / "data")
    assert len(decodes) == 30


def test_a_damaged_cache_is_written_anew(tmp_path):
    data = load(write(tmp_path / "data", {f"{i}.png": plain((40 * i, 0, 0)) for i in range(6)}))
    (file,) = os.listdir(cache.directory())
    path = pathlib.Path(cache.directory(), file)
    content = path.read_bytes()
    for damage in (b"", content[:200], content[:300] + b"\xff" * 9 + content[309:]):
        path.write_bytes(damage)
        assert np.array_equal(load(tmp_path / "data").train.examples, data.train.examples)
        with np.load(path) as archive:
            assert archive["examples"].sum() == 64 * 40 * 15 and archive["kept"].tolist() == list(range(6))


def test_larger_than_memory_is_a_memory_map(tmp_path):
    files = {f"{name}/{i}.png": plain(COLORS[name]) for name in COLORS for i in range(6)} | {"b/7.png": b"damaged"}
    path = write(tmp_path / "data", files)
    whole = load(path)
    for _ in range(2):  # decoded into the cache, and found there
        data = load(path, memory_limit=1000)
        assert not data.train.in_memory and data.num_classes == 3 and data.warnings == whole.warnings
        for name in ("train", "validation", "test"):
            streamed, split = getattr(data, name), getattr(whole, name)
            numbers = np.arange(len(split))[::-1]
            assert np.array_equal(streamed.take(numbers), split.examples[::-1])
            assert np.array_equal(streamed.take_labels(numbers), split.labels[::-1])
            assert type(streamed.take(numbers)) is np.ndarray


def test_no_room_in_the_cache(tmp_path, monkeypatch):
    path = write(tmp_path / "data", {f"{i}.png": plain() for i in range(6)})
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("JAXGAN_CACHE_DIR", str(tmp_path / "file"))
    assert len(load(path).train) == 4  # slower the next time, and no more
    with pytest.raises(
        DataError, match="cannot keep the 1,152 bytes of .*more than fit in memory, and .*JAXGAN_CACHE_DIR"
    ):
        load(path, memory_limit=1000)
    monkeypatch.setenv("JAXGAN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(shutil, "disk_usage", lambda place: types.SimpleNamespace(free=0))
    with pytest.raises(DataError, match="there is room for 0 bytes"):
        load(path, memory_limit=1000)


# --- What goes wrong


def test_wrong_places(tmp_path):
    with pytest.raises(DataError, match="nowhere is missing; give a folder of pictures, or a zip file"):
        load(tmp_path / "nowhere")
    with pytest.raises(DataError, match="the path is empty"):
        load("")
    (tmp_path / "file").write_bytes(b"PK\3\4 truncated")
    with pytest.raises(DataError, match="neither a folder nor a whole zip file"):
        load(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="there is no file in it; give files whose names end in .png, .apng, .jpg"):
        load(tmp_path / "empty")
    with pytest.raises(DataError, match="none of its 2 files has the name of a picture"):
        load(write(tmp_path / "text", {"a.txt": b"", "b.heic": b""}))
    np.savez(tmp_path / "data.npz", examples=np.zeros((6, 4, 4), np.uint8))
    with pytest.raises(DataError, match="read arrays in an .npz file with dataset.name=npz"):
        load(tmp_path / "data.npz")
    with pytest.raises(DataError, match=r"none of 2 pictures can be read: a.png is not a picture; replace them"):
        load(write(tmp_path / "bad", {"a.png": b"", "b.png": b""}))


def test_npz_of_a_folder_or_a_zip_of_pictures_names_images(tmp_path):
    write(tmp_path / "data", {"a.png": plain()})
    with pytest.raises(DataError, match=r"is a directory; .*or read pictures with dataset.name=images"):
        DATASETS["npz"](path=str(tmp_path / "data"))
    write(tmp_path / "data.zip", {"a.png": plain()})
    with pytest.raises(DataError, match=r"it holds a.png; .*a zip file of pictures with dataset.name=images"):
        DATASETS["npz"](path=str(tmp_path / "data.zip"))


def test_names_in_a_zip_file_are_no_paths(tmp_path):
    names = ["../../evil.png", "/etc/evil.png", "a\\..\\evil.png", "C:\\evil.png", "ok.png", "\x1b[2J.png"]
    (tmp_path / "deep").mkdir()
    path = write(tmp_path / "deep" / "data.zip", {name: plain() if "J" not in name else b"" for name in names})
    data = load(path)
    # Those that lead out of the archive are skipped; the others are names.
    assert sum(map(len, (data.train, data.validation, data.test))) == 3
    assert data.warnings[0].isprintable() and r"\x1b[2J.png is not a picture" in data.warnings[0]
    assert not list(tmp_path.rglob("*evil*")) and not os.path.exists("/etc/evil.png")


def test_zip_files_that_claim_too_much(tmp_path, monkeypatch):
    path = tmp_path / "data.zip"
    write(path, {f"{i}.png": plain() for i in range(6)})
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\1\2")
    content[entry + 24 : entry + 28] = struct.pack("<I", 2**31)  # the size of 0.png
    content[content.index(b"PK\1\2", entry + 1) + 8] |= 1  # 1.png is encrypted
    path.write_bytes(content)
    (warning,) = load(path).warnings
    assert "0.png has 2,147,483,648 bytes, and 268,435,456 are allowed; 1.png is encrypted" in warning
    monkeypatch.setattr(images, "MOST_DIRECTORY", 100)
    with pytest.raises(DataError, match="is damaged: "):
        load(path)


def test_links_and_pipes(tmp_path):
    path = tmp_path / "data"
    write(path, {f"a/{i}.png": plain() for i in range(3)})
    (path / "b").symlink_to(path / "a")
    (path / "a" / "around").symlink_to(path)
    (path / "a" / "gone.png").symlink_to(path / "nowhere")
    os.mkfifo(path / "a" / "pipe.png")
    data = load(path)
    assert data.class_names == ("a", "b") and sum(map(len, (data.train, data.validation, data.test))) == 6


# --- As an .npz file


@pytest.mark.parametrize("split", [False, True])
def test_prepared_as_npz_gives_the_same_examples(tmp_path, capsys, split):
    files = {f"{name}/{i}.png": plain(COLORS[name], (9 + i, 9)) for name in COLORS for i in range(4)}
    if split:
        files = {f"{folder}/{name}": content for folder in ("train", "test") for name, content in files.items()}
    path, target = write(tmp_path / "data", files | {"text.txt": b""}), str(tmp_path / "out" / "data.npz")
    arguments = ["images", "--from", path, "--to", target, "--size", "8", "--channels", "1"]
    assert prepare.main(arguments) == 0
    output = capsys.readouterr().out.splitlines()
    assert output[0].startswith("warning: 1 of ") and output[-2] == "classes: 0 a, 1 b, 2 c"
    assert (
        f"pictures are written to {target}; train on them with: jaxgan train dcgan --config.dataset.name=npz"
        in output[-1]
    )
    data, arrays = load(path, channels=1), DATASETS["npz"](path=target)
    for name in ("train", "validation", "test"):
        assert np.array_equal(getattr(data, name).examples, getattr(arrays, name).examples)
        assert np.array_equal(getattr(data, name).labels, getattr(arrays, name).labels)


def test_wrong_preparations_are_one_line(tmp_path, capsys):
    assert prepare.main(["images", "--from", str(tmp_path / "nowhere"), "--to", str(tmp_path / "a.npz")]) == 3
    assert prepare.main(["images", "--from", str(tmp_path), "--to", "directory"]) == 2
    write(tmp_path / "data", {"a.png": plain()})
    (tmp_path / "file").write_bytes(b"")
    assert prepare.main(["images", "--from", str(tmp_path / "data"), "--to", str(tmp_path / "file" / "a.npz")]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("jaxgan")]
    assert [line.count("; ") for line in errors] == [2, 2, 2] and "it is no .npz file" in errors[1]
