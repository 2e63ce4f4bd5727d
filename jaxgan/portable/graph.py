"""Converts a generator's jaxpr to a graph of ONNX operators (operator set 18), with a free batch size.

`CONVERTERS` has one function per primitive. Calls are inlined, scans are unrolled. Anything that depends only on
parameters is computed here and becomes a constant. If a network has different programs per platform, as convolutions
have, the default program is used: XLA's own convolution.
"""

import string
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from jaxgan.portable.generator import NotPortable, PortableGenerator, trace

TYPES = ("float32", "int32", "int64", "bool")
"""Dtypes of arrays in a graph."""

END = np.iinfo(np.int64).max

Value = np.ndarray | str
"""A constant, or the name of an array that depends on the inputs."""


class Node(NamedTuple):
    """An operator with the names of its inputs and its output."""

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


class Graph(NamedTuple):
    """Operators in execution order.

    Attributes:
      nodes: the operators. Inputs and output have the same names as the generator's.
      constants: constant arrays by name.
    """

    nodes: tuple[Node, ...]
    constants: dict[str, np.ndarray]

    @property
    def operators(self) -> set[str]:
        """Names of all operators in the graph."""
        return {node.operator for node in self.nodes}


class Unsupported(Exception):
    """There is no converter for a primitive, or for this use of it."""


def to_graph(generator: PortableGenerator) -> Graph:
    """The operators that compute a generator's samples.

    Raises:
      NotPortable: a primitive has no converter; the message names it.
    """
    closed = trace(generator.function, generator.inputs, generator.name)
    steps: list[Step] = []
    arguments: list[Any] = [Slot() for _ in generator.inputs]
    try:
        (result,) = _inline(closed.jaxpr, closed.consts, arguments, steps)
        steps, values = _evaluate(steps, [result])
        builder = Builder(generator.inputs[0].name)
        values.update(zip(arguments, (array.name for array in generator.inputs), strict=True))
        for equation, inputs, outputs in steps:
            found = builder.convert(equation, [_value(values, each) for each in inputs])
            values.update(zip(outputs, found, strict=True))
        samples = builder.name_of(_value(values, result))
    except Unsupported as error:
        raise NotPortable(
            f"cannot convert the generator ({generator.name}) to ONNX operators",
            str(error),
            "add a converter to jaxgan.portable.graph.CONVERTERS, or choose --forms=jax,safetensors",
        ) from error
    builder.nodes.append(Node("Identity", (samples,), generator.output.name, {}))
    return builder.graph(generator.output.name)


class Slot:
    """Stands for an array in a program with inlined calls."""


class Step(NamedTuple):
    """An equation of such a program, with its inputs (slots or constants) and the slots of its outputs."""

    equation: Any
    inputs: list[Any]
    outputs: list[Slot]


def _inline(jaxpr: Any, consts: Any, inputs: list[Any], steps: list[Step]) -> list[Any]:
    """Appends the equations of a jaxpr, and of all that it calls, to `steps`; returns the slots of its outputs."""
    places: dict[Any, Any] = dict(zip(jaxpr.constvars, consts, strict=True))
    places |= dict(zip(jaxpr.invars, inputs, strict=True))

    def read(variable: Any) -> Any:
        is_literal = isinstance(variable, core.Literal)
        return np.asarray(variable.val, variable.aval.dtype) if is_literal else places[variable]

    for equation in jaxpr.eqns:
        name, parameters = equation.primitive.name, equation.params
        given = [read(variable) for variable in equation.invars]
        called = next((parameters[key] for key in ("jaxpr", "call_jaxpr", "fun_jaxpr") if key in parameters), None)
        if name == "platform_index":  # the index of the default branch
            outputs: list[Any] = [np.int32(parameters["platforms"].index(None))]
        elif name == "cond" and not isinstance(given[0], Slot):
            branch = parameters["branches"][int(np.clip(given[0], 0, len(parameters["branches"]) - 1))]
            outputs = _inline(branch.jaxpr, branch.consts, given[1:], steps)
        elif name == "scan":
            rolled_out = _unrolled(equation)
            outputs = _inline(rolled_out.jaxpr, rolled_out.consts, given, steps)
        elif called is not None and name != "while":
            closed = isinstance(called, core.ClosedJaxpr)
            outputs = _inline(called.jaxpr if closed else called, called.consts if closed else (), given, steps)
        else:
            outputs = [Slot() for _ in equation.outvars]
            steps.append(Step(equation, given, outputs))
        places.update(zip(equation.outvars, outputs, strict=True))
    return [read(variable) for variable in jaxpr.outvars]


def _unrolled(equation: Any) -> Any:
    """The jaxpr of a scan with its body as often as it runs, such as the blocks of a transformer."""
    parameters = equation.params
    body, consts, carried = core.jaxpr_as_fun(parameters["jaxpr"]), parameters["num_consts"], parameters["num_carry"]
    order = range(parameters["length"])

    def run(*inputs):
        shared, carry, rows = inputs[:consts], inputs[consts : consts + carried], inputs[consts + carried :]
        made = {}
        for i in reversed(order) if parameters["reverse"] else order:
            outputs = body(*shared, *carry, *(row[i] for row in rows))
            carry, made[i] = outputs[:carried], outputs[carried:]
        return *carry, *(jnp.stack(leaves) for leaves in zip(*(made[i] for i in order), strict=True))

    return jax.make_jaxpr(run)(*(jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in equation.invars))


def _evaluate(steps: list[Step], results: list[Any]) -> tuple[list[Step], dict[Slot, Any]]:
    """Computes all values that depend only on constants, in one program; returns the other steps and these values."""
    known, left = [], []
    slots: set[Slot] = set()
    for step in steps:
        fixed = all(not isinstance(each, Slot) or each in slots for each in step.inputs)
        if fixed and not any(is_free(size) for variable in step.equation.outvars for size in variable.aval.shape):
            known.append(step)
            slots.update(step.outputs)
        else:
            left.append(step)
    wanted = {each for each in (*results, *(each for step in left for each in step.inputs)) if isinstance(each, Slot)}
    constants = {id(each): each for step in known for each in step.inputs if not isinstance(each, Slot)}

    @jax.jit
    def compute(arrays):
        values: dict[Slot, Any] = {}
        for equation, inputs, outputs in known:
            given = [values[each] if isinstance(each, Slot) else arrays[id(each)] for each in inputs]
            found = equation.primitive.bind(*given, **equation.params)
            values.update(zip(outputs, found if equation.primitive.multiple_results else [found], strict=True))
        return [values[slot] for slot in slots if slot in wanted]

    found = compute(constants) if known else []
    return left, dict(zip((slot for slot in slots if slot in wanted), map(np.asarray, found), strict=True))


def _value(values: Mapping[Slot, Any], given: Any) -> Any:
    return values[given] if isinstance(given, Slot) else np.asarray(given)


class Builder:
    """Builds a graph; converters add operators to it.

    Args:
      first: name of the first input, whose first dimension is the batch.
    """

    def __init__(self, first: str):
        self.nodes: list[Node] = []
        self._first = first
        self._names: dict[tuple, str] = {}
        self._constants: dict[str, np.ndarray] = {}
        self._batch_size: str | None = None

    def add(self, operator: str, *inputs: Value, **attributes: Any) -> str:
        """Adds an operator with these inputs; returns the name of its output."""
        output = f"v{len(self.nodes)}"
        self.nodes.append(Node(operator, tuple(map(self.name_of, inputs)), output, attributes))
        return output

    def name_of(self, value: Value) -> str:
        """The name of a value. Equal constants share one name."""
        if isinstance(value, str):
            return value
        array = np.ascontiguousarray(value).reshape(np.shape(value))
        if str(array.dtype) not in TYPES:
            raise Unsupported(f"it computes in {array.dtype}, and a graph has {', '.join(TYPES)}")
        key = array.shape, str(array.dtype), array.tobytes()
        name = self._names.setdefault(key, f"c{len(self._names)}")
        self._constants[name] = array
        return name

    def batch_size(self) -> str:
        """The name of the batch size, int64 [1]."""
        if self._batch_size is None:
            self._batch_size = self.add("Slice", self.add("Shape", self._first), integers(0), integers(1))
        return self._batch_size

    def convert(self, equation: Any, inputs: list[Value]) -> list[Value]:
        """Adds the operators of an equation; returns the values of its outputs."""
        name = equation.primitive.name
        if name not in CONVERTERS:
            raise Unsupported(f"the primitive {name} has no converter")
        made = CONVERTERS[name](self, equation, *inputs)
        return made if equation.primitive.multiple_results else [made]

    def graph(self, output: str) -> Graph:
        """The graph of the operators and constants on which the output depends."""
        wanted, kept = {output}, []
        for node in reversed(self.nodes):
            if node.output in wanted:
                kept.append(node)
                wanted.update(node.inputs)
        constants = {name: array for name, array in self._constants.items() if name in wanted}
        return Graph(tuple(reversed(kept)), constants)


def integers(*values: int) -> np.ndarray:
    """A constant int64 [n], the dtype of shapes and axes."""
    return np.array(values, np.int64)


def is_free(dimension: Any) -> bool:
    """Whether a dimension depends on the batch."""
    return not isinstance(dimension, int | np.integer)


def _shapes(equation: Any) -> tuple[Any, Any]:
    """Shapes of the first input and the first output."""
    return equation.invars[0].aval.shape, equation.outvars[0].aval.shape


# --- Elementwise


def _same(operator: str) -> Callable[..., str]:
    return lambda graph, equation, *inputs: graph.add(operator, *inputs)


def _like(equation: Any, number: float) -> np.ndarray:
    """A constant with the output's dtype."""
    return np.asarray(number, equation.outvars[0].aval.dtype)


def _rsqrt(graph, equation, x):
    return graph.add("Reciprocal", graph.add("Sqrt", x))


def _integer_pow(graph, equation, x):
    return graph.add("Pow", x, _like(equation, equation.params["y"]))


def _log1p(graph, equation, x):
    return graph.add("Log", graph.add("Add", x, _like(equation, 1)))


def _expm1(graph, equation, x):
    return graph.add("Sub", graph.add("Exp", x), _like(equation, 1))


def _exp2(graph, equation, x):
    return graph.add("Pow", _like(equation, 2), x)


def _erfc(graph, equation, x):
    return graph.add("Sub", _like(equation, 1), graph.add("Erf", x))


def _not_equal(graph, equation, x, y):
    return graph.add("Not", graph.add("Equal", x, y))


def _clamp(graph, equation, low, x, high):
    return graph.add("Min", graph.add("Max", x, low), high)


def _round(graph, equation, x):
    if equation.params["rounding_method"] != jax.lax.RoundingMethod.TO_NEAREST_EVEN:
        raise Unsupported("round of halves away from zero")
    return graph.add("Round", x)


def _remainder(graph, equation, x, y):
    return graph.add("Mod", x, y, fmod=1)


def _select(graph, equation, which, *cases):
    if equation.invars[0].aval.dtype != bool or len(cases) != 2:
        raise Unsupported(f"select_n chooses among {len(cases)} by {equation.invars[0].aval.dtype}, and not by a bool")
    return graph.add("Where", which, cases[1], cases[0])


def _convert(graph, equation, x):
    dtype = str(np.dtype(equation.params["new_dtype"]))
    if dtype not in TYPES:
        raise Unsupported(f"it computes in {dtype}, and a graph has {', '.join(TYPES)}")
    return graph.add("Cast", x, to=dtype)


def _identity(graph, equation, *inputs):
    return list(inputs) if equation.primitive.multiple_results else inputs[0]


# --- Shapes


def _reshaped(graph: Builder, x: Value, shape: Any) -> Value:
    if sum(map(is_free, shape)) > 1:
        raise Unsupported(f"a shape has more than one free dimension: {list(shape)}")
    sizes = [-1 if is_free(size) else size for size in shape]
    return np.reshape(x, sizes) if isinstance(x, np.ndarray) else graph.add("Reshape", x, integers(*sizes))


def _reshape(graph, equation, x):
    if equation.params.get("dimensions") is not None:
        raise Unsupported("a reshape transposes")
    return _reshaped(graph, x, equation.outvars[0].aval.shape)


def _squeeze(graph, equation, x):
    return _reshaped(graph, x, equation.outvars[0].aval.shape)


def _transposed(graph: Builder, x: Value, order: Any) -> Value:
    order = [int(axis) for axis in order]
    if order == sorted(order):
        return x
    return np.transpose(x, order) if isinstance(x, np.ndarray) else graph.add("Transpose", x, perm=order)


def _transpose(graph, equation, x):
    return _transposed(graph, x, equation.params["permutation"])


def _broadcast(graph, equation, x):
    before, shape = _shapes(equation)
    places = dict(zip(equation.params["broadcast_dimensions"], before, strict=True))
    aligned = _reshaped(graph, x, [places.get(axis, 1) for axis in range(len(shape))])
    # Expand takes 1 for an axis that already has its length.
    sizes: list[Any] = [1 if axis in places and _equal(places[axis], size) else size for axis, size in enumerate(shape)]
    if all(not is_free(size) and size == 1 for size in sizes):
        return aligned
    if not any(map(is_free, sizes)):
        return graph.add("Expand", aligned, integers(*sizes))
    batch = equation.outvars[0].aval.shape[next(axis for axis, size in enumerate(sizes) if is_free(size))]
    if str(batch) != "batch" or sum(map(is_free, sizes)) > 1:
        raise Unsupported(f"broadcast_in_dim to {list(shape)}")
    parts = [graph.batch_size() if is_free(size) else integers(size) for size in sizes]
    return graph.add("Expand", aligned, graph.add("Concat", *parts, axis=0))


def _equal(size: Any, other: Any) -> bool:
    return is_free(size) == is_free(other) and bool(size == other)


def _concatenate(graph, equation, *inputs):
    return graph.add("Concat", *inputs, axis=equation.params["dimension"])


def _stack(graph, equation, *inputs):
    axis = equation.params["axis"]
    return graph.add("Concat", *(graph.add("Unsqueeze", x, integers(axis)) for x in inputs), axis=axis)


def _unstack(graph, equation, x):
    axis = equation.params["axis"]
    count = len(equation.outvars)
    return [graph.add("Squeeze", _sliced(graph, x, {axis: (i, i + 1, 1)}), integers(axis)) for i in range(count)]


def _tile(graph, equation, x):
    return graph.add("Tile", x, integers(*equation.params["reps"]))


def _sliced(graph: Builder, x: Value, axes: dict[int, tuple[int, int, int]]) -> Value:
    """Slices axes from a start to a limit, with a step; the limit may count from the end."""
    if not axes:
        return x
    starts, limits, steps = zip(*axes.values(), strict=True)
    return graph.add("Slice", x, integers(*starts), integers(*limits), integers(*axes), integers(*steps))


def _part(graph: Builder, x: Value, before: Any, starts: Any, limits: Any, steps: Any = None) -> Value:
    """The elements of an array from starts to limits, which may depend on the batch; `before` is its shape."""
    axes = {}
    given = zip(before, starts, limits, steps or (1,) * len(before), strict=True)
    for axis, (size, start, limit, step) in enumerate(given):
        behind = size - limit  # the number of elements cut off at the end
        if is_free(start) or (is_free(limit) and is_free(behind)):
            raise Unsupported(f"a slice of {list(before)} from {list(starts)} to {list(limits)}")
        if (start, step) != (0, 1) or is_free(behind) or behind:
            axes[axis] = int(start), (END if not behind else -int(behind)) if is_free(limit) else int(limit), int(step)
    return _sliced(graph, x, axes)


def _slice(graph, equation, x):
    given = equation.params
    limits = given["start_indices"], given["limit_indices"]
    return _part(graph, x, _shapes(equation)[0], *limits, given["strides"])


def _dynamic_slice(graph, equation, x, *starts):
    if any(isinstance(start, str) for start in starts):
        raise Unsupported("a slice that starts where the latents say")
    return _from(graph, x, _shapes(equation)[0], [int(start) for start in starts], equation.params["slice_sizes"])


def _from(graph: Builder, x: Value, before: Any, starts: Any, sizes: Any) -> Value:
    """A part of an array with the given sizes. As in XLA, starts move if the part would extend beyond the array."""
    places = []
    for whole, start, size in zip(before, starts, sizes, strict=True):
        most = whole - size
        places.append(max(start, 0) if is_free(most) else min(max(start, 0), int(most)))
    limits = [place + size for place, size in zip(places, sizes, strict=True)]
    return _part(graph, x, before, places, limits)


def _split(graph, equation, x):
    axis, ends = equation.params["axis"], np.cumsum(equation.params["sizes"])
    return [
        _sliced(graph, x, {axis: (int(end - size), int(end), 1)})
        for size, end in zip(equation.params["sizes"], ends, strict=True)
    ]


def _reverse(graph, equation, x):
    return _reversed(graph, x, equation.params["dimensions"])


def _reversed(graph: Builder, x: Value, axes: Any) -> Value:
    if isinstance(x, np.ndarray):
        return np.flip(x, tuple(axes))
    return _sliced(graph, x, dict.fromkeys(axes, (-1, -END, -1)))


def _pad(graph, equation, x, value):
    low, high, inner = zip(*equation.params["padding_config"], strict=True)
    if any(inner):
        raise Unsupported("pad between elements")
    return graph.add("Pad", x, integers(*low, *high), value)


def _gather(graph, equation, x, indices):
    """Gathers rows along one axis, like `jnp.take`, or a single part, as in slices of arrays with a free batch size."""
    numbers, sizes, (before, after) = (
        equation.params["dimension_numbers"],
        equation.params["slice_sizes"],
        _shapes(equation),
    )
    shape = equation.invars[1].aval.shape
    if not isinstance(indices, str) and len(shape) == 1:
        starts = [0] * len(before)
        for axis, start in zip(numbers.start_index_map, indices, strict=True):
            starts[axis] = int(start)
        return _reshaped(graph, _from(graph, x, before, starts, sizes), after)
    (axis,) = numbers.start_index_map if len(numbers.start_index_map) == 1 else (0,)
    whole = tuple(1 if i == axis else size for i, size in enumerate(before))
    places = (*range(axis), *range(axis + len(shape) - 1, len(before) + len(shape) - 2))
    if (numbers.collapsed_slice_dims, tuple(sizes), tuple(numbers.offset_dims)) != ((axis,), whole, places):
        raise Unsupported("gather of other than whole rows along one axis")
    rows = np.squeeze(indices, -1) if not isinstance(indices, str) else graph.add("Squeeze", indices, integers(-1))
    clipped = graph.add("Min", graph.add("Max", rows, np.int32(0)), np.int32(before[axis] - 1))
    return graph.add("Gather", x, clipped, axis=axis)


def _iota(graph, equation):
    raise Unsupported("iota along the batch")


# --- Sums and products


def _reduced(operator: str) -> Callable[..., str]:
    return lambda graph, equation, x: graph.add(operator, x, integers(*equation.params["axes"]), keepdims=0)


def _argument(operator: str) -> Callable[..., str]:
    def convert(graph, equation, x):
        (axis,) = equation.params["axes"]
        found = graph.add(operator, x, axis=axis, keepdims=0)
        return graph.add("Cast", found, to=str(np.dtype(equation.params["index_dtype"])))

    return convert


def _cumulative_sum(graph, equation, x):
    return graph.add("CumSum", x, np.int64(equation.params["axis"]), reverse=int(equation.params["reverse"]))


def _dot(graph, equation, x, y):
    (left, right), (left_batch, right_batch) = equation.params["dimension_numbers"]
    ranks = [variable.aval.ndim for variable in equation.invars]
    if not left_batch and ranks[1] == 2 and (tuple(left), tuple(right)) == ((ranks[0] - 1,), (0,)):
        return graph.add("MatMul", x, y)
    letters = iter(string.ascii_lowercase)
    of_x, of_y = [next(letters) for _ in range(ranks[0])], [""] * ranks[1]
    for i, j in (*zip(left, right, strict=True), *zip(left_batch, right_batch, strict=True)):
        of_y[j] = of_x[i]
    of_y = [letter or next(letters) for letter in of_y]
    result = [of_x[i] for i in left_batch]
    result += [letter for i, letter in enumerate(of_x) if i not in (*left, *left_batch)]
    result += [letter for i, letter in enumerate(of_y) if i not in (*right, *right_batch)]
    return graph.add("Einsum", x, y, equation=f"{''.join(of_x)},{''.join(of_y)}->{''.join(result)}")


def _convolution(graph, equation, x, kernel):
    parameters, numbers = equation.params, equation.params["dimension_numbers"]
    groups, strides, spread = (
        parameters["feature_group_count"],
        parameters["window_strides"],
        parameters["lhs_dilation"],
    )
    low, high = ([int(pads[i]) for pads in parameters["padding"]] for i in range(2))
    if parameters["batch_group_count"] != 1:
        raise Unsupported("a convolution with groups of examples")
    images, kernel = _transposed(graph, x, numbers.lhs_spec), _transposed(graph, kernel, numbers.rhs_spec)
    sizes = [equation.invars[1].aval.shape[axis] for axis in numbers.rhs_spec]
    if all(step == 1 for step in spread):
        common = {"strides": list(strides), "dilations": list(parameters["rhs_dilation"]), "group": groups}
        outputs = graph.add("Conv", images, kernel, pads=low + high, **common)
    else:
        # ConvTranspose adds the flipped kernel at every pixel, and cuts off what a padding of size − 1 would have kept.
        reach = [d * (size - 1) for d, size in zip(parameters["rhs_dilation"], sizes[2:], strict=True)]
        before = [most - pad for most, pad in zip(reach, low, strict=True)]
        after = [most - pad for most, pad in zip(reach, high, strict=True)]
        more = [max(-cut, 0) for cut in after]
        too_far = any(extra >= step for extra, step in zip(more, spread, strict=True) if extra)
        if any(step != 1 for step in strides) or min(before) < 0 or too_far:
            raise Unsupported("a transposed convolution with strides, or with more padding than its kernel reaches")
        space = tuple(range(2, len(sizes)))
        turned = _reversed(graph, kernel, space)
        # From [outputs, inputs / groups, ...] to [inputs, outputs / groups, ...].
        turned = _reshaped(graph, turned, [groups, sizes[0] // groups, sizes[1], *sizes[2:]])
        turned = _transposed(graph, turned, [0, 2, 1, *(axis + 1 for axis in space)])
        turned = _reshaped(graph, turned, [groups * sizes[1], sizes[0] // groups, *sizes[2:]])
        outputs = graph.add(
            "ConvTranspose",
            images,
            turned,
            strides=list(spread),
            pads=before + [max(cut, 0) for cut in after],
            output_padding=more,
            dilations=list(parameters["rhs_dilation"]),
            group=groups,
        )
    return _transposed(graph, outputs, [numbers.out_spec.index(axis) for axis in range(len(sizes))])


CONVERTERS: dict[str, Callable[..., Any]] = {
    "abs": _same("Abs"),
    "acos": _same("Acos"),
    "acosh": _same("Acosh"),
    "add": _same("Add"),
    "add_any": _same("Add"),
    "and": _same("And"),
    "argmax": _argument("ArgMax"),
    "argmin": _argument("ArgMin"),
    "asin": _same("Asin"),
    "asinh": _same("Asinh"),
    "atan": _same("Atan"),
    "atanh": _same("Atanh"),
    "broadcast_in_dim": _broadcast,
    "ceil": _same("Ceil"),
    "clamp": _clamp,
    "concatenate": _concatenate,
    "conv_general_dilated": _convolution,
    "convert_element_type": _convert,
    "copy": _identity,
    "copy_p": _identity,
    "cos": _same("Cos"),
    "cosh": _same("Cosh"),
    "cumsum": _cumulative_sum,
    "div": _same("Div"),
    "dot_general": _dot,
    "dynamic_slice": _dynamic_slice,
    "eq": _same("Equal"),
    "erf": _same("Erf"),
    "erfc": _erfc,
    "exp": _same("Exp"),
    "exp2": _exp2,
    "expm1": _expm1,
    "floor": _same("Floor"),
    "gather": _gather,
    "ge": _same("GreaterOrEqual"),
    "gt": _same("Greater"),
    "integer_pow": _integer_pow,
    "iota": _iota,
    "le": _same("LessOrEqual"),
    "log": _same("Log"),
    "log1p": _log1p,
    "logistic": _same("Sigmoid"),
    "lt": _same("Less"),
    "max": _same("Max"),
    "min": _same("Min"),
    "mul": _same("Mul"),
    "ne": _not_equal,
    "neg": _same("Neg"),
    "not": _same("Not"),
    "optimization_barrier": _identity,
    "or": _same("Or"),
    "pad": _pad,
    "pow": _same("Pow"),
    "reduce_max": _reduced("ReduceMax"),
    "reduce_min": _reduced("ReduceMin"),
    "reduce_prod": _reduced("ReduceProd"),
    "reduce_sum": _reduced("ReduceSum"),
    "rem": _remainder,
    "reshape": _reshape,
    "rev": _reverse,
    "round": _round,
    "rsqrt": _rsqrt,
    "select_n": _select,
    "sign": _same("Sign"),
    "sin": _same("Sin"),
    "sinh": _same("Sinh"),
    "slice": _slice,
    "split": _split,
    "sqrt": _same("Sqrt"),
    "stack": _stack,
    "square": lambda graph, equation, x: graph.add("Mul", x, x),
    "squeeze": _squeeze,
    "stop_gradient": _identity,
    "sub": _same("Sub"),
    "tan": _same("Tan"),
    "tanh": _same("Tanh"),
    "tile": _tile,
    "transpose": _transpose,
    "unstack": _unstack,
}
"""`(graph, equation, *inputs) -> value`, by the primitive's name; a list of values for several results."""
