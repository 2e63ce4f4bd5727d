"""Weight files built here are read as what went into them; what is not a weight file is refused, and never executed."""

import gzip
import io
import pickle
import struct
import tracemalloc
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from record_inception import random_weights
from weight_files import Parameter, Storage, Tensor, elements, graph, small_tensor, state_dict, torch_legacy, torch_zip

from jaxgan.errors import DataError
from jaxgan.evaluation import inception_weights

WRITERS = [torch_zip, torch_legacy]


@pytest.fixture(scope="module")
def weights():
    return random_weights()


def _load(tmp_path, content):
    path = tmp_path / "weights"
    path.write_bytes(content)
    try:
        return inception_weights.load(path)
    finally:
        path.unlink()  # up to a hundred megabytes


def _assert_are(variables, arrays):
    assert set(variables) == {"params", "batch_stats"}
    for name, layer in inception_weights.layers().items():
        found = variables
        for key in layer.path:
            found = found[key]
        array = arrays[name]
        # [out, in, h, w] to [h, w, in, out]
        array = array.transpose((2, 3, 1, 0) if array.ndim == 4 else range(array.ndim)[::-1])
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, array.astype(np.float32), err_msg=name)


@pytest.mark.medium
@pytest.mark.parametrize("write", WRITERS)
def test_a_torch_file_gives_its_tensors(tmp_path, write):
    state = state_dict()
    arrays = {name: elements(state[name]) for name in inception_weights.layers()}
    state["fc.bias"] = Parameter(state["fc.bias"])
    variables, style = _load(tmp_path, write(state))
    assert style == "torch"
    _assert_are(variables, arrays)


@pytest.mark.medium
def test_a_graph_gives_its_constants(tmp_path, weights):
    scales = {name: array[[0] + [1] * (len(array) - 1)] for name, array in weights.items() if "bn.weight" in name}
    arrays = weights | scales
    variables, style = _load(tmp_path, graph(arrays).SerializeToString())
    assert style == "tensorflow"
    _assert_are(variables, arrays)


@pytest.mark.slow
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_file_that_torch_wrote(tmp_path, weights, zipped):
    torch = pytest.importorskip("torch", reason="writes the file with PyTorch: pip install torch")
    state = OrderedDict((name, torch.from_numpy(array)) for name, array in weights.items())
    state["Conv2d_1a_3x3.bn.num_batches_tracked"] = torch.tensor(7)
    state["fc.bias"] = torch.nn.Parameter(state["fc.bias"])
    state._metadata = OrderedDict({"": {"version": 1}})
    file = io.BytesIO()
    torch.save(state, file, _use_new_zipfile_serialization=zipped)
    variables, style = _load(tmp_path, file.getvalue())
    assert style == "torch"
    _assert_are(variables, weights)


def test_names_of_layers():
    shapes = {name: layer.shape for name, layer in inception_weights.layers().items()}
    assert len(shapes) == 94 * 5 + 2
    # As pytorch-fid's state dict has them.
    assert shapes["Conv2d_1a_3x3.conv.weight"] == (32, 3, 3, 3)
    assert shapes["Mixed_5b.branch1x1.bn.running_mean"] == (64,)
    assert shapes["Mixed_6b.branch7x7_2.conv.weight"] == (128, 128, 1, 7)
    assert shapes["Mixed_7c.branch3x3dbl_3b.conv.weight"] == (384, 384, 3, 1)
    assert shapes["fc.weight"] == (1008, 2048)


@pytest.mark.parametrize(
    ("name", "in_the_graph"),
    [
        # From torch-fidelity's utils/util_convert_inception_weights.py.
        ("Conv2d_1a_3x3.conv.weight", "conv/conv2d_params"),
        ("Conv2d_4a_3x3.bn.weight", "conv_4/batchnorm/gamma"),
        ("Mixed_5b.branch1x1.bn.bias", "mixed/conv/batchnorm/beta"),
        ("Mixed_5b.branch5x5_2.bn.running_mean", "mixed/tower/conv_1/batchnorm/moving_mean"),
        ("Mixed_5c.branch3x3dbl_3.bn.running_var", "mixed_1/tower_1/conv_2/batchnorm/moving_variance"),
        ("Mixed_5d.branch_pool.conv.weight", "mixed_2/tower_2/conv/conv2d_params"),
        ("Mixed_6a.branch3x3.conv.weight", "mixed_3/conv/conv2d_params"),
        ("Mixed_6a.branch3x3dbl_2.conv.weight", "mixed_3/tower/conv_1/conv2d_params"),
        ("Mixed_6b.branch7x7_3.conv.weight", "mixed_4/tower/conv_2/conv2d_params"),
        ("Mixed_6e.branch7x7dbl_5.conv.weight", "mixed_7/tower_1/conv_4/conv2d_params"),
        ("Mixed_7a.branch3x3_2.conv.weight", "mixed_8/tower/conv_1/conv2d_params"),
        ("Mixed_7a.branch7x7x3_4.conv.weight", "mixed_8/tower_1/conv_3/conv2d_params"),
        ("Mixed_7b.branch3x3_1.conv.weight", "mixed_9/tower/conv/conv2d_params"),
        ("Mixed_7b.branch3x3_2a.conv.weight", "mixed_9/tower/mixed/conv/conv2d_params"),
        ("Mixed_7c.branch3x3dbl_2.conv.weight", "mixed_10/tower_1/conv_1/conv2d_params"),
        ("Mixed_7c.branch3x3dbl_3b.conv.weight", "mixed_10/tower_1/mixed/conv_1/conv2d_params"),
        ("fc.weight", "softmax/weights"),
        ("fc.bias", "softmax/biases"),
    ],
)
def test_names_in_the_graph(name, in_the_graph):
    assert inception_weights.layers()[name].graph_name == in_the_graph


# What is refused.


def _refusal(tmp_path, content):
    with pytest.raises(DataError) as caught:
        _load(tmp_path, content)
    message = str(caught.value)
    assert message.startswith(f"cannot read InceptionV3's weights; {tmp_path / 'weights'}: ")
    assert message.endswith(f"; {inception_weights.REMEDY}")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("name", "reason"), [("missing.pth", "No such file or directory"), (".", "Is a directory")], ids=["none", "folder"]
)
def test_a_file_that_cannot_be_opened(tmp_path, name, reason):
    with pytest.raises(DataError, match=f"cannot read InceptionV3's weights; .*: {reason}; give"):
        inception_weights.load(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "neither a state dict of PyTorch nor a frozen graph"),
        (b"<!DOCTYPE html>\n<title>Not found</title>", "holds no weights, or is cut short or damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "holds no weights, or is cut short or damaged"),
        (pickle.dumps({"fc.weight": 1}), "holds no weights, or is cut short or damaged"),
        (gzip.compress(b"weights"), "is a gzip archive; unpack it"),
    ],
    ids=["empty", "html", "png", "pickle", "gzip"],
)
def test_a_file_of_another_kind(tmp_path, content, reason):
    assert reason in _refusal(tmp_path, content)


def test_a_zip_archive_of_another_kind(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("photo.png", b"")
    assert "a zip archive that torch.save did not write" in _refusal(tmp_path, file.getvalue())
    assert "a TorchScript program" in _refusal(tmp_path, torch_zip({}, extra=["constants.pkl"]))
    assert "holds a list" in _refusal(tmp_path, torch_zip([1, 2]))


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.999])
def test_a_file_cut_short(tmp_path, write, share):
    content = write(state_dict())
    assert "cut short or damaged" in _refusal(tmp_path, content[: int(share * len(content))])


def test_a_graph_cut_short(tmp_path):
    content = graph({"Conv2d_1a_3x3.conv.weight": np.zeros((32, 3, 3, 3), np.float32)}).SerializeToString()
    assert "cut short or damaged (ValueError" in _refusal(tmp_path, content[:-9])


def test_a_damaged_file(tmp_path):
    state = state_dict()
    numbers = state["fc.bias"].storage.numbers
    data, length = numbers.tobytes(), struct.pack("<q", len(numbers))
    # A zip archive has a checksum of each storage; the former format has its length twice.
    damaged = torch_zip(state).replace(data, bytes(4) + data[4:])
    assert "damaged (BadZipFile: Bad CRC-32" in _refusal(tmp_path, damaged)
    damaged = torch_legacy(state).replace(length + data, struct.pack("<q", len(numbers) - 1) + data)
    assert f"holds {len(numbers) - 1} numbers, not {len(numbers)}" in _refusal(tmp_path, damaged)


def test_missing_layers_are_named(tmp_path):
    state = state_dict()
    for name in ("Mixed_6c.branch7x7_1.bn.running_var", "fc.weight"):
        del state[name]
    assert "has no layer Mixed_6c.branch7x7_1.bn.running_var;" in _refusal(tmp_path, torch_zip(state))
    one = graph({"Conv2d_1a_3x3.conv.weight": np.zeros((32, 3, 3, 3), np.float32)}).SerializeToString()
    assert "has no layer conv/batchnorm/moving_mean (Conv2d_1a_3x3.bn.running_mean);" in _refusal(tmp_path, one)


def test_a_layer_of_another_shape_is_named(tmp_path):
    # torchvision's own InceptionV3 has a thousand classes.
    state = state_dict()
    state["fc.weight"] = small_tensor(0, (1000, 2048))
    message = _refusal(tmp_path, torch_zip(state))
    assert "has layer fc.weight of shape (1000, 2048) where the network has (1008, 2048);" in message


def test_constants_that_do_not_fill_their_shape(tmp_path):
    frozen = graph({"Conv2d_1a_3x3.bn.running_mean": np.zeros(32, np.float32)})
    frozen.node[0].attr["value"].tensor.tensor_content = bytes(16 * 4)
    message = _refusal(tmp_path, frozen.SerializeToString())
    assert "has layer conv/batchnorm/moving_mean of shape (32,) with 16 numbers of float32;" in message


def peak(tmp_path, content):
    """The message of a file's refusal, and the most memory that it takes at once, in MiB."""
    inception_weights.layers()
    tracemalloc.start()
    try:
        return _refusal(tmp_path, content), tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def _pickled(instructions):
    """A torch file with these instructions where its state dict is."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inception/data.pkl", b"\x80\x02" + instructions + b".")
    return file.getvalue()


NESTED = b")q\0" + b"h\0h\0\x86q\0" * 60  # a tuple of two tuples of two tuples …: 2^60 of them


@pytest.mark.parametrize(
    "instructions",
    [
        b"}r\xff\xff\xff\x7f",
        b"\x96" + struct.pack("<Q", 2**34) + b"0",
        b"X\xff\xff\xff\x7f0",
        b"\x8b\xff\xff\xff\x7f0",
        b"}" + NESTED + b"K\1s",
        NESTED + b"Q",
        NESTED + b"\x93",
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + NESTED * 3 + b"tR",
        b"](" + b"X\1\0\0\0ah\1\x86" * 9 + b"e",
        b"ccollections\nOrderedDict\nq\0](X\1\0\0\0aK\1\x86q\1" + b"h\1" * 20_000 + b"e\x85q\2" + b"h\0h\2R" * 9_000,
        b"0" * 2**25,
    ],
    ids=["memo", "bytes", "text", "long", "key", "reference", "name", "tensor", "memo of none", "copies", "zeros"],
)
def test_a_pickle_takes_no_more_memory_than_its_file(tmp_path, instructions):
    assert peak(tmp_path, _pickled(instructions))[1] < 30


@pytest.mark.parametrize(
    ("name", "count", "reason"),
    [
        ("fc.bias", 2**28, "claims 1,073,741,824 bytes of weights, and InceptionV3's are "),
        ("fc.bias", 2**18, "has no layer Conv2d_1a_3x3"),
        ("another", 2**28, "has no layer Conv2d_1a_3x3"),
    ],
    ids=["pickle", "archive", "unread"],
)
def test_no_more_is_read_than_the_weights(tmp_path, name, count, reason):
    # 32 megabytes of zeros, in 32 kilobytes of a zip file, that the pickle says are `count` numbers.
    whole, packed = (
        io.BytesIO(torch_zip({name: Tensor(Storage("0", np.zeros(2**18, "f4")), 0, (1008,), (1,))})),
        io.BytesIO(),
    )
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        state = old.read("inception/data.pkl")
        state = state.replace(b"J" + struct.pack("<i", 2**18), b"J" + struct.pack("<i", count))
        new.writestr("inception/data.pkl", state)
        new.writestr("inception/data/0", bytes(2**25))
    message, taken = peak(tmp_path, packed.getvalue())
    assert reason in message and taken < 16


def test_constants_that_claim_more_than_their_layer_are_not_read(tmp_path, monkeypatch):
    frozen = graph({"Conv2d_1a_3x3.bn.running_mean": np.zeros(32, np.float32)})
    tensor = frozen.node[0].attr["value"].tensor
    tensor.tensor_shape.dim[0].size = 2**33
    tensor.tensor_content, tensor.float_val[:] = b"", [1.0]
    whole = graph({"Conv2d_1a_3x3.conv.weight": np.zeros((32, 3, 3, 3), np.float32)})
    whole.node.extend(frozen.node)
    message, taken = peak(tmp_path, whole.SerializeToString())
    assert taken < 30 and "of shape (8589934592,) where the network has (32,)" in message
    monkeypatch.setattr(inception_weights, "MOST_FIELDS", 1_000)
    message, taken = peak(tmp_path, b"\n\0" * 2_000)  # nodes of nothing
    assert taken < 30 and "more fields than a graph of InceptionV3 has" in message


class _Attack:
    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize("write", WRITERS)
def test_a_pickle_that_asks_for_more_than_tensors_is_not_executed(tmp_path, capsys, write):
    message = _refusal(tmp_path, write(state_dict() | {"extra": _Attack()}))
    assert "asks for __builtin__.print, and only tensors and dicts are read; nothing was executed;" in message
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [((9,), (1,), 0), ((2, 5), (4, 1), 0), ((8,), (1,), 1), ((8,), (1,), -1), ((3,), (-1,), 4), ((2**62,), (8,), 0)],
    ids=["long", "wide", "offset", "before", "backwards", "overflow"],
)
def test_a_tensor_outside_its_storage_is_not_read(tmp_path, shape, strides, offset):
    state = {"fc.bias": Tensor(Storage("0", np.arange(8, dtype=np.float32)), offset, shape, strides)}
    assert "cut short or damaged (ValueError: a tensor of shape" in _refusal(tmp_path, torch_zip(state))
