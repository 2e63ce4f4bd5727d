"""Reads InceptionV3's weights from published files, without PyTorch or TensorFlow."""

import functools
import io
import math
import pathlib
import pickle
import struct
import zipfile
from collections import OrderedDict
from typing import Any, BinaryIO, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxgan.errors import DataError
from jaxgan.evaluation.inception import SMALLEST, InceptionV3

REMEDY = (
    "give pytorch-fid's pt_inception-2015-12-05-6726825d.pth, complete, or TensorFlow's classify_image_graph_def.pb"
)
ZIP_START = b"PK\x03\x04"
# What PyTorch before 1.6 wrote first: its magic number, pickled. The published weights, of May 2019, are of its time.
LEGACY_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"
STORAGES = {"HalfStorage": "<f2", "FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8"}
TORCH_LEAVES = {"kernel": "weight", "scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"}
GRAPH_LEAVES = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
GRAPH_STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")
GRAPH_BLOCKS = ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")
GRAPH_TOWERS = {
    "branch1x1": "",
    **dict.fromkeys(("branch5x5", "branch3x3", "branch7x7"), "tower/"),
    **dict.fromkeys(("branch3x3dbl", "branch7x7dbl", "branch7x7x3"), "tower_1/"),
    "pool": "tower_2/",
}
GRAPH_TOWERS_6A = {"branch3x3": "", "branch3x3dbl": "tower/"}


class _UnusableError(Exception):
    """Why a file cannot be used."""


class Layer(NamedTuple):
    """Where an array stands in flax' variables, its shape in PyTorch, and its name in TensorFlow's graph."""

    path: tuple[str, ...]
    shape: tuple[int, ...]
    graph_name: str


def load(path: str | pathlib.Path) -> tuple[dict[str, Any], str]:
    """Reads the weights of `InceptionV3` from a file, as it is published.

    Args:
      path: a state dict that `torch.save` wrote, in its present (zip) or its former format, with the names of
        pytorch-fid and torch-fidelity; or TensorFlow's frozen graph. The content decides which, not the name.

    Returns:
      The variables, {"params": ..., "batch_stats": ...} of numpy arrays, float32; and the style of `preprocess` that
      goes with them: "torch" with a state dict, as in pytorch-fid; "tensorflow" with a graph, as in torch-fidelity.

    Raises:
      DataError: the file is missing, is cut short or holds something else; its pickle asks for anything but tensors and
        dicts, none of which is executed; or a layer is missing or has another shape.

    Source: TensorFlow's names for PyTorch's are those of torch-fidelity, utils/util_convert_inception_weights.py.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(len(LEGACY_START))
            file.seek(0)
            if start.startswith(b"\x1f\x8b"):
                raise _UnusableError("is a gzip archive; unpack it and name the file inside")
            if start.startswith(ZIP_START):
                read, style = _read_zip, "torch"
            elif start == LEGACY_START:
                read, style = _read_legacy, "torch"
            else:
                read, style = _read_graph, "tensorflow"
            try:
                arrays = read(file)
            except (_UnusableError, OSError):
                raise
            except Exception as error:  # bytes that are no pickle can fail in any way
                kind = type(error).__name__
                raise _UnusableError(f"holds no weights, or is cut short or damaged ({kind}: {error})") from None
            return to_variables(arrays), style
    except (OSError, _UnusableError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError("cannot read InceptionV3's weights", f"{path}: {reason}", REMEDY) from None


@functools.cache
def layers() -> dict[str, Layer]:
    """Every array of the network by PyTorch's name, for example "Mixed_5b.branch1x1.bn.running_mean"."""
    variables = jax.eval_shape(InceptionV3().init, jax.random.key(0), jnp.zeros((1, SMALLEST, SMALLEST, 3)))
    found = {}
    for path, leaf in flatten_dict(variables).items():
        name = ".".join((*path[1:-1], TORCH_LEAVES[path[-1]]))
        # From [height, width, inputs, outputs] to [outputs, inputs, height, width]; likewise with fewer axes.
        found[name] = Layer(path, (*leaf.shape[:-3:-1], *leaf.shape[:-2]), _graph_name(name))
    return found


def to_variables(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Arrays in PyTorch's names and layout (kernels [outputs, inputs, height, width]) as flax variables in float32.

    Other arrays, such as those of an auxiliary classifier, are ignored.
    """
    variables = {}
    for name, layer in layers().items():
        if name not in arrays:
            raise _UnusableError(f"has no layer {name}")
        array = arrays[name]
        if array.shape != layer.shape:
            raise _UnusableError(f"has layer {name} of shape {array.shape} where the network has {layer.shape}")
        array = np.moveaxis(array, (1, 0), (-2, -1)) if array.ndim > 1 else array
        variables[layer.path] = np.ascontiguousarray(array, np.float32)
    return unflatten_dict(variables)


class _Storage(NamedTuple):
    dtype: str
    key: str
    length: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _TensorUnpickler(pickle.Unpickler):
    """Reads tensors, their storages and ordered dicts; everything else in a pickle is rejected and never imported."""

    def __init__(self, file: BinaryIO):
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module, name):
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        # New functions each time, for a pickle may set attributes on what it is given.
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, shape, strides)
        raise _UnusableError(f"asks for {module}.{name}, and only tensors and dicts are read; nothing was executed")

    def persistent_load(self, reference):
        kind, dtype, key, _, length, *view = reference
        if kind != "storage" or dtype not in STORAGES.values() or any(part is not None for part in view):
            raise pickle.UnpicklingError(f"unknown reference {reference!r}")
        return self.storages.setdefault(key, _Storage(dtype, key, length))


def _read_zip(file: BinaryIO) -> dict[str, np.ndarray]:
    """A torch file since version 1.6: a zip archive of a pickle, and of one file for each storage."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        folders = [name.removesuffix("data.pkl") for name in names if name.endswith("/data.pkl")]
        if not folders:
            raise _UnusableError("is a zip archive that torch.save did not write")
        if f"{folders[0]}constants.pkl" in names:
            raise _UnusableError("is a TorchScript program, not a state dict")
        unpickler = _TensorUnpickler(io.BytesIO(archive.read(f"{folders[0]}data.pkl")))
        state = unpickler.load()
        data = {key: archive.read(f"{folders[0]}data/{key}") for key in unpickler.storages}
    return _arrays(state, data)


def _read_legacy(file: BinaryIO) -> dict[str, np.ndarray]:
    """A torch file before version 1.6: five pickles in sequence, then every storage after its length."""
    for _ in ("magic number", "version", "machine"):
        _TensorUnpickler(file).load()
    unpickler = _TensorUnpickler(file)
    state = unpickler.load()
    data = {}
    for key in _TensorUnpickler(file).load():
        (count,) = struct.unpack("<q", file.read(8))
        if count != unpickler.storages[key].length:
            raise ValueError(f"storage {key} holds {count} numbers, not {unpickler.storages[key].length}")
        data[key] = file.read(count * np.dtype(unpickler.storages[key].dtype).itemsize)
    return _arrays(state, data)


def _arrays(state, data: dict[str, bytes]) -> dict[str, np.ndarray]:
    if not isinstance(state, dict):
        raise _UnusableError(f"holds a {type(state).__name__}, not a state dict")
    return {name: _array(tensor, data) for name, tensor in state.items() if isinstance(tensor, _Tensor)}


def _array(tensor: _Tensor, data: dict[str, bytes]) -> np.ndarray:
    storage, offset, shape, strides = tensor
    numbers = np.frombuffer(data[storage.key], storage.dtype)
    # as_strided does not look where its strides lead, and these come from a stranger's file.
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if min(offset, *shape, *strides, 0) < 0 or last >= len(numbers):
        raise ValueError(f"a tensor of shape {shape} reaches beyond its {len(numbers)} numbers")
    steps = [stride * numbers.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(numbers[offset:], shape, steps, writeable=False)


def _read_graph(file: BinaryIO) -> dict[str, np.ndarray]:
    from tensorboardX.proto.graph_pb2 import GraphDef

    nodes = GraphDef.FromString(file.read()).node
    constants = {node.name: node.attr["value"].tensor for node in nodes if node.op == "Const"}
    if not constants:
        raise _UnusableError("is neither a state dict of PyTorch nor a frozen graph of TensorFlow")
    arrays = {}
    for name, layer in layers().items():  # gamma too, though it is one throughout: tensorflow issue 564
        if layer.graph_name not in constants:
            raise _UnusableError(f"has no layer {layer.graph_name} ({name})")
        array = _constant(layer.graph_name, constants[layer.graph_name])
        arrays[name] = np.moveaxis(array, (-2, -1), (1, 0)) if array.ndim > 1 else array
    return arrays


def _constant(name: str, tensor) -> np.ndarray:
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    numbers = np.frombuffer(tensor.tensor_content or np.asarray(tensor.float_val, np.float32).tobytes(), "<f4")
    if 0 < len(numbers) < math.prod(shape) and not tensor.tensor_content:
        numbers = np.pad(numbers, (0, math.prod(shape) - len(numbers)), mode="edge")  # a graph omits repetitions
    if len(numbers) != math.prod(shape):
        raise _UnusableError(f"has layer {name} of shape {shape} with {len(numbers)} numbers of float32")
    return numbers.reshape(shape)


def _graph_name(name: str) -> str:
    """PyTorch's name of an array to the graph's: Mixed_7b.branch3x3_2a.bn.bias to mixed_9/tower/mixed/conv/…/beta."""
    *unit, kind, leaf = name.split(".")
    if kind == "fc":
        return {"weight": "softmax/weights", "bias": "softmax/biases"}[leaf]
    leaf = "conv2d_params" if kind == "conv" else f"batchnorm/{GRAPH_LEAVES[leaf]}"
    if len(unit) == 1:
        return f"{_numbered('conv', GRAPH_STEM.index(unit[0]))}/{leaf}"
    block, branch = unit
    base, _, end = branch.replace("branch_pool", "pool").partition("_")  # the end: "", "1", or "2a" in a fork
    tower = (GRAPH_TOWERS_6A if block == "Mixed_6a" else GRAPH_TOWERS)[base]
    conv = f"mixed/{_numbered('conv', 'ab'.index(end[1]))}" if len(end) > 1 else _numbered("conv", int(end or 1) - 1)
    return f"{_numbered('mixed', GRAPH_BLOCKS.index(block.removeprefix('Mixed_')))}/{tower}{conv}/{leaf}"


def _numbered(name: str, index: int) -> str:
    return f"{name}_{index}" if index else name
