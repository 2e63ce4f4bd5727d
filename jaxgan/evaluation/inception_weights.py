"""Reads InceptionV3's weights from published files, without PyTorch or TensorFlow."""

import functools
import io
import math
import pathlib
import pickletools
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxgan.errors import DataError
from jaxgan.evaluation.inception import SMALLEST, InceptionV3
from jaxgan.io.archives import Pieces

REMEDY = (
    "give pytorch-fid's pt_inception-2015-12-05-6726825d.pth, complete, or TensorFlow's classify_image_graph_def.pb"
)
ZIP_START = b"PK\x03\x04"
# The first object in files of PyTorch before 1.6 (such as the weights of May 2019): its magic number, pickled.
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


MOST_PICKLED = 2**20
"""Maximum size of a file's pickles in bytes: ten times that of the published ones."""

MOST_FIELDS = 2**17
"""Maximum number of protocol buffer fields read from a graph: a hundred per node for a thousand nodes."""


class _UnusableError(Exception):
    """Why a file cannot be used."""


class Layer(NamedTuple):
    """Where an array belongs in flax's variables, its shape in PyTorch, and its name in TensorFlow's graph."""

    path: tuple[str, ...]
    shape: tuple[int, ...]
    graph_name: str


def load(path: str | pathlib.Path) -> tuple[dict[str, Any], str]:
    """Reads the weights of `InceptionV3` from a published file.

    Args:
      path: a state dict written by `torch.save`, in its current (zip) or its former format, with the names of
        pytorch-fid and torch-fidelity; or TensorFlow's frozen graph. The content decides, not the file name.

    Returns:
      The variables {"params": ..., "batch_stats": ...} as float32 numpy arrays; and the matching style of `preprocess`:
      "torch" for a state dict, as in pytorch-fid; "tensorflow" for a graph, as in torch-fidelity.

    Raises:
      DataError: the file is missing, truncated or holds something else; its pickle requests anything but tensors and
        dicts (nothing is executed); a layer is missing or has another shape; or the file claims to hold more than twice
        the bytes of the weights (these are not read).

    Source: torch-fidelity, utils/util_convert_inception_weights.py, maps PyTorch's names to TensorFlow's.
    """
    try:
        with open(path, "rb", buffering=0) as raw, Pieces(raw) as file:
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
            except Exception as error:  # unpickling arbitrary bytes can fail in any way
                kind = type(error).__name__
                raise _UnusableError(f"holds no weights, or is cut short or damaged ({kind}: {error})") from None
            return to_variables(arrays), style
    except (OSError, _UnusableError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError("cannot read InceptionV3's weights", f"{path}: {reason}", REMEDY) from None


@functools.cache
def layers() -> dict[str, Layer]:
    """All arrays of the network by PyTorch name, for example "Mixed_5b.branch1x1.bn.running_mean"."""
    variables = jax.eval_shape(InceptionV3().init, jax.random.key(0), jnp.zeros((1, SMALLEST, SMALLEST, 3)))
    found = {}
    for path, leaf in flatten_dict(variables).items():
        name = ".".join((*path[1:-1], TORCH_LEAVES[path[-1]]))
        # From [height, width, inputs, outputs] to [outputs, inputs, height, width]; likewise with fewer axes.
        found[name] = Layer(path, (*leaf.shape[:-3:-1], *leaf.shape[:-2]), _graph_name(name))
    return found


def to_variables(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Converts arrays in PyTorch's names and layout (kernels [outputs, inputs, height, width]) to flax's, in float32.

    Ignores other arrays, such as those of an auxiliary classifier.
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

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.length * np.dtype(self.dtype).itemsize


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _most_bytes() -> int:
    """Size of the network's weights as float64, in bytes: twice that of the published float32 files."""
    return 8 * sum(math.prod(layer.shape) for layer in layers().values())


def _take(file: IO[bytes], size: int) -> bytearray:
    """Reads at most `size` bytes of a file, in pieces, so that a false size does not allocate memory."""
    content = bytearray()
    while piece := file.read(min(size - len(content), MOST_PICKLED)):
        content += piece
    return content


# --- PyTorch's files


def _read_zip(file: IO[bytes]) -> dict[str, np.ndarray]:
    """Reads a torch file since version 1.6: a zip archive with a pickle and one file per storage."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        folders = [name.removesuffix("data.pkl") for name in names if name.endswith("/data.pkl")]
        if not folders:
            raise _UnusableError("is a zip archive that torch.save did not write")
        if f"{folders[0]}constants.pkl" in names:
            raise _UnusableError("is a TorchScript program, not a state dict")

        def read(name: str, size: int) -> bytearray:
            with archive.open(folders[0] + name) as part:
                return _take(part, size)

        state = _unpickled(io.BytesIO(read("data.pkl", MOST_PICKLED)))
        return _arrays(state, lambda storage: read(f"data/{storage.key}", storage.size))


def _read_legacy(file: IO[bytes]) -> dict[str, np.ndarray]:
    """Reads a torch file before version 1.6: five pickles in sequence, then all storages, each after its length."""
    pickles = io.BytesIO(_take(file, MOST_PICKLED))
    _, _, _, state, keys = [_unpickled(pickles) for _ in range(5)]
    places, place = {}, pickles.tell()
    lengths = {tensor.storage.key: tensor.storage for tensor in state.values() if isinstance(tensor, _Tensor)}
    for key in keys:
        file.seek(place)
        (count,) = struct.unpack("<q", file.read(8))
        if count != lengths[key].length:
            raise ValueError(f"storage {key} holds {count} numbers, not {lengths[key].length}")
        places[key], place = place + 8, place + 8 + lengths[key].size

    def read(storage: _Storage) -> bytearray:
        file.seek(places[storage.key])
        return _take(file, storage.size)

    return _arrays(state, read)


def _unpickled(file: IO[bytes]) -> Any:
    """Unpickles only what torch's state dicts consist of: tensors, dicts, lists, tuples, texts, numbers.

    Python's own unpickler allocates whatever size a pickle claims, and hashes keys of any type.
    """
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}
    copied = 0
    argument: Any

    def pop_marked() -> list[Any]:
        place = marks.pop()
        items, stack[place:] = stack[place:], []
        return items

    for opcode, argument, _ in pickletools.genops(file):
        match opcode.name:
            case "PROTO" | "FRAME" | "STOP":
                pass
            case "MARK":
                marks.append(len(stack))
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[opcode.name])
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT":
                stack.append(argument)
            case "BINUNICODE" | "SHORT_BINUNICODE" | "BINSTRING" | "SHORT_BINSTRING":
                stack.append(argument)
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[opcode.name]())
            case "TUPLE":
                stack.append(tuple(pop_marked()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                marks.append(len(stack) - int(opcode.name[-1]))
                stack.append(tuple(pop_marked()))
            case "APPEND":
                item = stack.pop()
                stack[-1].append(item)
            case "APPENDS":
                items = pop_marked()
                stack[-1].extend(items)
            case "SETITEM" | "SETITEMS":
                items = pop_marked() if opcode.name == "SETITEMS" else [stack.pop(-2), stack.pop()]
                _set(stack[-1], zip(items[::2], items[1::2], strict=True))
            case "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                memo[len(memo) if argument is None else argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                stack.append(_named(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                name = stack.pop()
                stack.append(_named(stack.pop(), name))
            case "BINPERSID":
                stack.append(_storage(*stack.pop()))
            case "REDUCE":
                arguments = stack.pop()
                copied += sum(len(part) for part in arguments if isinstance(part, list | tuple | dict))
                if copied > MOST_PICKLED:
                    raise ValueError("it repeats its parts")
                stack.append(stack.pop()(*arguments))
            case "BUILD":
                stack.pop()  # attributes, which are not needed
            case name:
                raise ValueError(f"{name} in a pickle of tensors")
    return stack.pop()


def _set(target: dict[str, Any], items: Any) -> dict[str, Any]:
    for key, value in items:
        if type(key) is not str:  # hashing deeply nested tuples may take forever
            raise ValueError("a key that is not a text")
        target[key] = value
    return target


def _named(module: Any, name: Any) -> Any:
    """Resolves a name that a pickle requests, if state dicts use it."""
    if type(module) is not str or type(name) is not str:
        raise ValueError("a name that is not a text")
    if module == "torch" and name in STORAGES:
        return STORAGES[name]
    functions: dict[Any, Callable[..., Any]] = {
        ("collections", "OrderedDict"): lambda items=(): _set({}, items),
        ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
        ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    }
    if (module, name) not in functions:
        raise _UnusableError(f"asks for {module}.{name}, and only tensors and dicts are read; nothing was executed")
    return functions[module, name]


def _storage(kind: Any, dtype: Any, key: Any, _: Any, length: Any, *view: Any) -> _Storage:
    whole = type(length) is int and length >= 0 and all(part is None for part in view)
    if kind != "storage" or dtype not in STORAGES.values() or type(key) is not str or not whole:
        raise ValueError("an unknown reference")
    return _Storage(dtype, key, length)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    numbers = (offset, *shape, *strides)
    if not isinstance(storage, _Storage) or any(type(number) is not int for number in numbers):
        raise ValueError("a tensor without a storage or a shape")
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _arrays(state: Any, read: Callable[[_Storage], bytearray]) -> dict[str, np.ndarray]:
    """The network's tensors in a state dict. Storages are read only after their sizes are checked."""
    if not isinstance(state, dict):
        raise _UnusableError(f"holds a {type(state).__name__}, not a state dict")
    tensors = {name: state[name] for name in layers() if isinstance(state.get(name), _Tensor)}
    storages = {tensor.storage for tensor in tensors.values()}
    if (size := sum(storage.size for storage in storages)) > _most_bytes():
        raise _UnusableError(f"claims {size:,} bytes of weights, and InceptionV3's are {_most_bytes() // 2:,}")
    data = {storage: read(storage) for storage in storages}
    return {name: _array(tensor, data[tensor.storage]) for name, tensor in tensors.items()}


def _array(tensor: _Tensor, content: bytearray) -> np.ndarray:
    storage, offset, shape, strides = tensor
    if len(content) != storage.size:
        raise ValueError(f"storage {storage.key} has {len(content)} of its {storage.size} bytes")
    numbers = np.frombuffer(content, storage.dtype)
    # as_strided does not check its strides, and these come from an untrusted file.
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if min(offset, *shape, *strides, 0) < 0 or last >= len(numbers):
        raise ValueError(f"a tensor of shape {shape} reaches beyond its {len(numbers)} numbers")
    steps = [stride * numbers.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(numbers[offset:], shape, steps, writeable=False)


# --- TensorFlow's files


class _Constant(NamedTuple):
    """A tensor of a graph. Its numbers are `content`, or `floats`, whose last number is repeated."""

    shape: tuple[int, ...]
    content: memoryview
    floats: bytes


def _read_graph(file: IO[bytes]) -> dict[str, np.ndarray]:
    """Reads a GraphDef: https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/framework, graph.proto ff.

    A full parser would need up to fifty times the memory of a maliciously crafted file.
    """
    content = _take(file, _most_bytes() + 1)
    if len(content) > _most_bytes():
        raise _UnusableError(f"is larger than {_most_bytes():,} bytes, twice InceptionV3's weights")
    left = iter(range(MOST_FIELDS))
    constants: dict[str, _Constant] = {}
    for number, node in _fields(memoryview(content), left):
        if number == 1 and isinstance(node, memoryview):
            name, constant = _node(node, left)
            constants |= {} if constant is None else {name: constant}
    if not constants:
        raise _UnusableError("is neither a state dict of PyTorch nor a frozen graph of TensorFlow")
    arrays = {}
    for name, layer in layers().items():  # including gamma, though it is 1 everywhere: tensorflow issue 564
        if layer.graph_name not in constants:
            raise _UnusableError(f"has no layer {layer.graph_name} ({name})")
        # From [outputs, inputs, height, width] to [height, width, inputs, outputs].
        shape = (*layer.shape[2:], *layer.shape[1::-1])
        array = _numbers(layer.graph_name, shape, constants[layer.graph_name])
        arrays[name] = np.moveaxis(array, (-2, -1), (1, 0)) if array.ndim > 1 else array
    return arrays


def _fields(message: memoryview, left: Iterator[int]) -> Iterator[tuple[int, Any]]:
    """The fields of a protocol buffer by number: ints, or else bytes. `left` counts the fields that are still allowed.

    Source: https://protobuf.dev/programming-guides/encoding.
    """
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while shift < 70:
            byte, place = message[place], place + 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
        raise ValueError("a number of more than 64 bits")

    while place < len(message):
        if next(left, None) is None:
            raise ValueError("more fields than a graph of InceptionV3 has")
        number, kind = divmod(varint(), 8)
        if number == 0:
            raise ValueError("a field without a number")
        if kind == 0:
            yield number, varint()
            continue
        size = varint() if kind == 2 else {1: 8, 5: 4}.get(kind, len(message))
        if place + size > len(message):
            raise ValueError("a field that ends beyond the file")
        yield number, message[place : place + size]
        place += size


def _node(message: memoryview, left: Iterator[int]) -> tuple[str, _Constant | None]:
    """Reads a NodeDef: its name, and its value if it is a constant."""
    name = op = b""
    value = memoryview(b"")
    for number, field in _fields(message, left):
        if number == 1:
            name = field.tobytes()
        elif number == 2:
            op = field.tobytes()
        elif number == 5 and (entry := dict(_fields(field, left))).get(1) == b"value":
            value = dict(_fields(entry.get(2, value), left)).get(8, value)
    return name.decode(), _constant(value, left) if op == b"Const" else None


def _constant(message: memoryview, left: Iterator[int]) -> _Constant:
    """Reads a TensorProto."""
    shape: list[int] = []
    content, floats = memoryview(b""), bytearray()
    for number, field in _fields(message, left):
        if number == 2:
            shape += [dict(_fields(dim, left)).get(1, 0) for other, dim in _fields(field, left) if other == 2]
        elif number == 4:
            content = field
        elif number == 5:
            floats += field
    return _Constant(tuple(shape), content, bytes(floats))


def _numbers(name: str, shape: tuple[int, ...], constant: _Constant) -> np.ndarray:
    if constant.shape != shape:
        raise _UnusableError(f"has layer {name} of shape {constant.shape} where the network has {shape}")
    numbers = np.frombuffer(constant.content or constant.floats, "<f4")
    if 0 < len(numbers) < math.prod(shape) and not constant.content:
        numbers = np.pad(numbers, (0, math.prod(shape) - len(numbers)), mode="edge")  # a graph omits repetitions
    if len(numbers) != math.prod(shape):
        raise _UnusableError(f"has layer {name} of shape {shape} with {len(numbers)} numbers of float32")
    return numbers.reshape(shape)


def _graph_name(name: str) -> str:
    """Turns PyTorch's array name into the graph's: Mixed_7b.branch3x3_2a.bn.bias is mixed_9/tower/mixed/conv/…/beta."""
    *unit, kind, leaf = name.split(".")
    if kind == "fc":
        return {"weight": "softmax/weights", "bias": "softmax/biases"}[leaf]
    leaf = "conv2d_params" if kind == "conv" else f"batchnorm/{GRAPH_LEAVES[leaf]}"
    if len(unit) == 1:
        return f"{_numbered('conv', GRAPH_STEM.index(unit[0]))}/{leaf}"
    block, branch = unit
    base, _, end = branch.replace("branch_pool", "pool").partition("_")  # the last part: "", "1", or "2a" in a fork
    tower = (GRAPH_TOWERS_6A if block == "Mixed_6a" else GRAPH_TOWERS)[base]
    conv = f"mixed/{_numbered('conv', 'ab'.index(end[1]))}" if len(end) > 1 else _numbered("conv", int(end or 1) - 1)
    return f"{_numbered('mixed', GRAPH_BLOCKS.index(block.removeprefix('Mixed_')))}/{tower}{conv}/{leaf}"


def _numbered(name: str, index: int) -> str:
    return f"{name}_{index}" if index else name
