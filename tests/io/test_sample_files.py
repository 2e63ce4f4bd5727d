"""Files of samples: byte for byte those of whole arrays, a part at a time, and whole or not there."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from jaxgan.errors import WriteError
from jaxgan.io.atomic import atomic_folder, made_folder
from jaxgan.io.sample_files import Parts, write_arrays, write_images
from tests.io.test_writers import full_disk


def test_parts_make_the_file_of_whole_arrays(tmp_path):
    random = np.random.default_rng(0)
    samples, labels = random.normal(size=(2_500, 3, 2)).astype(np.float32), np.arange(2_500, dtype=np.int32) % 7
    taken = []

    def parts():
        for start in (0, 1_000, 2_000):
            taken.append(os.listdir(tmp_path))
            yield samples[start : start + 1_000]

    path = tmp_path / "a.npz"
    kinds = Parts("kinds", (2,), "<U4", [np.array(["half", "left"])])
    labelled = Parts("labels", labels.shape, np.int32, [labels[:10], labels[10:]])
    write_arrays(path, [Parts("samples", samples.shape, np.float32, parts()), labelled, kinds])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, samples=samples, labels=labels, kinds=np.array(["half", "left"]))
    assert path.read_bytes() == buffer.getvalue()
    # Each part is taken when it is written, and until the end the file has another name.
    assert len(taken) == 3 and all(len(names) == 1 and names[0] != "a.npz" for names in taken)


def test_a_folder_replaces_the_one_before_and_only_when_it_is_whole(tmp_path):
    images = np.arange(3 * 2 * 4 * 3, dtype=np.uint8).reshape(3, 2, 4, 3)
    folder = tmp_path / "samples"
    write_images(folder, [("old", images[0])])
    write_images(folder, [("0/000000", images[0]), ("1/000001", images[1]), ("grey", images[2][..., :1])], ['{"a": 1}'])
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))
    assert found == ["0/000000.png", "1/000001.png", "grey.png", "metadata.jsonl"]
    np.testing.assert_array_equal(Image.open(folder / "1/000001.png"), images[1])
    np.testing.assert_array_equal(Image.open(folder / "grey.png"), images[2][..., 0])
    assert (folder / "metadata.jsonl").read_text() == '{"a": 1}\n'

    def torn():
        yield "new", images[0]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_images(folder, torn())
    assert os.listdir(tmp_path) == ["samples"]
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*")) == found


def test_a_link_in_the_folders_place_is_replaced_and_what_it_leads_to_stays(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/file").write_text("theirs")
    (tmp_path / "samples").symlink_to("theirs")
    with atomic_folder(tmp_path / "samples") as folder:
        (folder / "file").write_text("ours")
    assert not (tmp_path / "samples").is_symlink() and (tmp_path / "samples/file").read_text() == "ours"
    assert (tmp_path / "theirs/file").read_text() == "theirs"
    assert sorted(os.listdir(tmp_path)) == ["samples", "theirs"]


def test_a_full_disk_leaves_nothing(tmp_path):
    noise = np.random.default_rng(0).integers(256, size=(40, 50, 50), dtype=np.uint8)
    with full_disk():
        with pytest.raises(OSError, match="File too large"):
            write_arrays(tmp_path / "a.npz", [Parts("examples", noise.shape, np.uint8, [noise])])
        with pytest.raises(OSError, match="File too large"):
            write_images(tmp_path / "folder", [("0", noise[0])])
    assert os.listdir(tmp_path) == []


def test_a_folder_that_takes_no_files_is_said_before_the_work(tmp_path):
    assert made_folder(tmp_path / "a/b", "name another") == tmp_path / "a/b" and os.listdir(tmp_path / "a/b") == []
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(WriteError, match=r"cannot write .*file.*; (File exists|Not a directory); name another$"):
            made_folder(place, "name another")
