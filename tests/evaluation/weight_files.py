"""InceptionV3's weights in files as PyTorch and TensorFlow write them, written without either."""

import functools
import io
import pickle
import struct
import sys
import types
import unittest.mock
import zipfile
from collections import OrderedDict
from typing import NamedTuple

import numpy as np

from jaxgan.evaluation import inception_weights


class Storage(NamedTuple):
    key: str
    numbers: np.ndarray


class Tensor(NamedTuple):
    storage: Storage
    offset: int
    shape: tuple
    strides: tuple


class Parameter(NamedTuple):
    tensor: Tensor


def _rebuild_tensor_v2(*_):
    """A name for pickles."""


def _rebuild_parameter(*_):
    """A name for pickles."""


# A pickle names functions and classes by module, and the module has to have them while it is written.
_TORCH, _UTILS = types.ModuleType("torch"), types.ModuleType("torch._utils")
for _function in (_rebuild_tensor_v2, _rebuild_parameter):
    _function.__module__ = "torch._utils"
    setattr(_UTILS, _function.__name__, _function)
for _name in ("FloatStorage", "DoubleStorage", "LongStorage"):
    setattr(_TORCH, _name, type(_name, (), {"__module__": "torch"}))
STORAGES = {"f4": _TORCH.FloatStorage, "f8": _TORCH.DoubleStorage, "i8": _TORCH.LongStorage}


class _TorchPickler(pickle.Pickler):
    def __init__(self, file, legacy):
        super().__init__(file, protocol=2)
        self.storages, self._legacy = {}, legacy

    def persistent_id(self, item):
        if type(item) is not Storage:
            return None
        self.storages[item.key] = item.numbers
        view = (None,) if self._legacy else ()
        return ("storage", STORAGES[item.numbers.dtype.str[1:]], item.key, "cpu", len(item.numbers), *view)

    def reducer_override(self, item):
        if type(item) is Tensor:
            return _rebuild_tensor_v2, (*item, False, OrderedDict())
        if type(item) is Parameter:
            return _rebuild_parameter, (item.tensor, True, OrderedDict())
        return NotImplemented


def _pickled(state, legacy):
    file = io.BytesIO()
    pickler = _TorchPickler(file, legacy)
    with unittest.mock.patch.dict(sys.modules, {"torch": _TORCH, "torch._utils": _UTILS}):
        pickler.dump(state)
    return file.getvalue(), pickler.storages


def torch_zip(state, extra=()):
    """The bytes of a file of `torch.save` since 1.6; `extra` names more entries of the archive."""
    content, storages = _pickled(state, legacy=False)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("inception/data.pkl", content)
        archive.writestr("inception/byteorder", "little")
        for key, numbers in storages.items():
            archive.writestr(f"inception/data/{key}", numbers.tobytes())
        for name in extra:
            archive.writestr(f"inception/{name}", b"")
    return file.getvalue()


def torch_legacy(state):
    """The bytes of a file of `torch.save` before 1.6."""
    content, storages = _pickled(state, legacy=True)
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    head = b"".join(pickle.dumps(part, protocol=2) for part in (0x1950A86A20F9469CFC6C, 1001, system))
    keys = sorted(storages)
    blocks = b"".join(struct.pack("<q", len(storages[key])) + storages[key].tobytes() for key in keys)
    return head + content + pickle.dumps(keys, protocol=2) + blocks


def small_tensor(index, shape):
    """A tensor of any shape in a small storage of its own, in which its elements overlap."""
    strides, offset = (1, 2, 3, 5)[: len(shape)], index % 3
    length = offset + 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    numbers = np.random.RandomState(index).standard_normal(length)
    return Tensor(Storage(str(index), numbers.astype("f8" if index == 2 else "f4")), offset, shape, strides)


def elements(tensor):
    """What a tensor holds."""
    places = [np.arange(size) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True)]
    return tensor.storage.numbers[tensor.offset + sum(np.ix_(*places))]


def state_dict():
    """A state dict of every layer, of things that the network has no place for, and of what torch keeps beside them."""
    state = OrderedDict(_small_tensors())
    state["Conv2d_1a_3x3.bn.num_batches_tracked"] = Tensor(Storage("count", np.int64([7])), 0, (), ())
    state["AuxLogits.conv0.conv.weight"] = Tensor(Storage("aux", np.float32([1])), 0, (128, 768, 1, 1), (0, 0, 0, 0))
    state._metadata = OrderedDict({"": {"version": 1}})
    return state


@functools.cache
def _small_tensors():
    layers = inception_weights.layers()
    return {name: small_tensor(index, layer.shape) for index, (name, layer) in enumerate(layers.items())}


def graph(arrays):
    """A frozen graph of TensorFlow, from arrays in PyTorch's names and layout.

    Scales are written as their first two numbers only, as a graph does when the rest repeats the second.
    """
    from tensorboardX.proto.graph_pb2 import GraphDef

    frozen = GraphDef()
    layers = inception_weights.layers()
    for name, array in arrays.items():
        tensor = frozen.node.add(name=layers[name].graph_name, op="Const").attr["value"].tensor
        tensor.dtype = 1
        array = array.transpose((2, 3, 1, 0) if array.ndim == 4 else range(array.ndim)[::-1])
        for size in array.shape:
            tensor.tensor_shape.dim.add(size=size)
        if name.endswith("bn.weight"):
            tensor.float_val.extend(array[:2])
        else:
            tensor.tensor_content = array.tobytes()
    frozen.node.add(name="DecodeJpeg/contents", op="Placeholder")
    return frozen
