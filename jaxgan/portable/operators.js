// Runs a graph of ONNX operators: those of dense layers, normalisation and activations. No library, no network.
// An array is {shape, data}. A graph is {nodes: [[operator, inputs, output, attributes]], constants: {name: array}}.
"use strict";

const operators = {};

const sizeOf = (shape) => shape.reduce((product, size) => product * size, 1);
const ofShape = (shape, data) => ({ shape, data });

/** The numbers of half precision in 16-bit words. */
function fromHalf(words) {
  const numbers = new Float32Array(words.length);
  for (let i = 0; i < words.length; i++) {
    const exponent = (words[i] >> 10) & 31, fraction = words[i] & 1023;
    const magnitude = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    numbers[i] = words[i] >> 15 ? -magnitude : magnitude;
  }
  return numbers;
}

/** Steps in the data for each axis of `shape`, at which an array of fewer or shorter axes is repeated. */
function stepsOf(array, shape) {
  const steps = new Array(shape.length).fill(0), shift = shape.length - array.shape.length;
  for (let axis = array.shape.length - 1, step = 1; axis >= 0; step *= array.shape[axis--]) {
    if (array.shape[axis] !== 1) steps[axis + shift] = step;
  }
  return steps;
}

/** Calls `visit(i, places)` for every element i of an array of a shape; places are those in the inputs' data. */
function walk(shape, steps, visit, starts) {
  const index = new Array(shape.length).fill(0), places = starts ? [...starts] : steps.map(() => 0);
  for (let i = 0, size = sizeOf(shape); i < size; i++) {
    visit(i, places);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const end = ++index[axis] === shape[axis];
      for (let k = 0; k < steps.length; k++) places[k] += steps[k][axis] * (end ? 1 - shape[axis] : 1);
      if (!end) break;
      index[axis] = 0;
    }
  }
}

function elementwise(compute) {
  return (inputs) => {
    const rank = Math.max(...inputs.map((input) => input.shape.length));
    const padded = inputs.map((input) => [...new Array(rank - input.shape.length).fill(1), ...input.shape]);
    const shape = padded[0].map((_, axis) => {
      const sizes = padded.map((each) => each[axis]);
      return sizes.includes(0) ? 0 : Math.max(...sizes);
    });
    const data = new Float32Array(sizeOf(shape));
    const values = inputs.map((input) => input.data), given = new Array(inputs.length);
    walk(shape, inputs.map((input) => stepsOf(input, shape)), (i, places) => {
      for (let k = 0; k < given.length; k++) given[k] = values[k][places[k]];
      data[i] = compute(...given);
    });
    return ofShape(shape, data);
  };
}

/** erf by its series, and by a continued fraction where |x| > 2; its error is below 1e-7. */
function erf(x) {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a <= 2) {
    let term = x, sum = x;
    for (let n = 1; n < 40; n++) sum += (term *= (-x * x) / n) / (2 * n + 1);
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = a;
  for (let n = 60; n > 0; n--) fraction = a + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * fraction));
}

operators.Abs = elementwise(Math.abs);
operators.Add = elementwise((x, y) => x + y);
operators.And = elementwise((x, y) => (x && y ? 1 : 0));
operators.Cos = elementwise(Math.cos);
operators.Div = elementwise((x, y) => x / y);
operators.Equal = elementwise((x, y) => (x === y ? 1 : 0));
operators.Erf = elementwise(erf);
operators.Exp = elementwise(Math.exp);
operators.Greater = elementwise((x, y) => (x > y ? 1 : 0));
operators.GreaterOrEqual = elementwise((x, y) => (x >= y ? 1 : 0));
operators.Less = elementwise((x, y) => (x < y ? 1 : 0));
operators.LessOrEqual = elementwise((x, y) => (x <= y ? 1 : 0));
operators.Log = elementwise(Math.log);
operators.Max = elementwise(Math.max);
operators.Min = elementwise(Math.min);
operators.Mul = elementwise((x, y) => x * y);
operators.Neg = elementwise((x) => -x);
operators.Not = elementwise((x) => (x ? 0 : 1));
operators.Or = elementwise((x, y) => (x || y ? 1 : 0));
operators.Pow = elementwise(Math.pow);
operators.Reciprocal = elementwise((x) => 1 / x);
operators.Sigmoid = elementwise((x) => 1 / (1 + Math.exp(-x)));
operators.Sign = elementwise(Math.sign);
operators.Sin = elementwise(Math.sin);
operators.Sqrt = elementwise(Math.sqrt);
operators.Sub = elementwise((x, y) => x - y);
operators.Tanh = elementwise(Math.tanh);
operators.Where = elementwise((condition, x, y) => (condition ? x : y));

operators.Cast = ([x], { to }) =>
  ofShape(x.shape, to === "float32" ? x.data : x.data.map(to === "bool" ? (value) => (value ? 1 : 0) : Math.trunc));

operators.Concat = (inputs, { axis }) => {
  const shape = [...inputs[0].shape];
  shape[axis] = inputs.reduce((total, input) => total + input.shape[axis], 0);
  const data = new Float32Array(sizeOf(shape)), rows = sizeOf(shape.slice(0, axis));
  for (let row = 0, place = 0; row < rows; row++) {
    for (const input of inputs) {
      const length = sizeOf(input.shape.slice(axis));
      data.set(input.data.slice(row * length, (row + 1) * length), place);
      place += length;
    }
  }
  return ofShape(shape, data);
};

operators.Expand = ([x, sizes]) => {
  const wanted = Array.from(sizes.data), aligned = [...new Array(wanted.length - x.shape.length).fill(1), ...x.shape];
  const shape = wanted.map((size, axis) => (size === 1 ? aligned[axis] : size)), data = new Float32Array(sizeOf(shape));
  walk(shape, [stepsOf(x, shape)], (i, places) => (data[i] = x.data[places[0]]));
  return ofShape(shape, data);
};

operators.Gather = ([x, indices], { axis }) => {
  const inner = sizeOf(x.shape.slice(axis + 1)), outer = sizeOf(x.shape.slice(0, axis)), length = x.shape[axis];
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const data = new Float32Array(sizeOf(shape));
  for (let row = 0, place = 0; row < outer; row++) {
    for (const index of indices.data) {
      const start = (row * length + index) * inner;
      data.set(x.data.slice(start, start + inner), place);
      place += inner;
    }
  }
  return ofShape(shape, data);
};

operators.Identity = ([x]) => x;

operators.MatMul = ([x, y]) => {
  const [depth, columns] = y.shape, rows = sizeOf(x.shape.slice(0, -1)), data = new Float32Array(rows * columns);
  const sums = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    sums.fill(0);
    for (let k = 0; k < depth; k++) {
      const factor = x.data[row * depth + k];
      if (factor) for (let column = 0, i = k * columns; column < columns; column++, i++) sums[column] += factor * y.data[i];
    }
    data.set(sums, row * columns);
  }
  return ofShape([...x.shape.slice(0, -1), columns], data);
};

function reduced(start, combine) {
  return ([x, axes], { keepdims }) => {
    const dropped = new Set(Array.from(axes.data, (axis) => (axis + x.shape.length) % x.shape.length));
    const kept = x.shape.map((size, axis) => (dropped.has(axis) ? 1 : size)), sums = new Float64Array(sizeOf(kept)).fill(start);
    const steps = stepsOf(ofShape(kept, sums), x.shape);
    walk(x.shape, [steps], (i, places) => (sums[places[0]] = combine(sums[places[0]], x.data[i])));
    return ofShape(keepdims ? kept : x.shape.filter((_, axis) => !dropped.has(axis)), Float32Array.from(sums));
  };
}

operators.ReduceMax = reduced(-Infinity, Math.max);
operators.ReduceMin = reduced(Infinity, Math.min);
operators.ReduceProd = reduced(1, (x, y) => x * y);
operators.ReduceSum = reduced(0, (x, y) => x + y);

operators.Reshape = ([x, sizes]) => {
  const shape = Array.from(sizes.data), free = shape.indexOf(-1);
  if (free >= 0) shape[free] = x.data.length / -sizeOf(shape);
  return ofShape(shape, x.data);
};

operators.Shape = ([x]) => ofShape([x.shape.length], x.shape);

operators.Slice = ([x, starts, ends, axes, steps]) => {
  const shape = [...x.shape], strides = stepsOf(x, x.shape);
  let first = 0;
  starts.data.forEach((start, i) => {
    const axis = axes ? axes.data[i] : i, step = steps ? steps.data[i] : 1, size = x.shape[axis];
    const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
    const place = (value) => Math.min(Math.max(value < 0 ? value + size : value, low), high);
    first += place(start) * strides[axis];
    shape[axis] = Math.max(Math.ceil((place(ends.data[i]) - place(start)) / step), 0);
    strides[axis] *= step;
  });
  const data = new Float32Array(sizeOf(shape));
  walk(shape, [strides], (i, places) => (data[i] = x.data[places[0]]), [first]);
  return ofShape(shape, data);
};

operators.Squeeze = ([x, axes]) => {
  const dropped = new Set(Array.from(axes.data, (axis) => (axis + x.shape.length) % x.shape.length));
  return ofShape(x.shape.filter((_, axis) => !dropped.has(axis)), x.data);
};

operators.Transpose = ([x], { perm }) => {
  const shape = perm.map((axis) => x.shape[axis]), strides = stepsOf(x, x.shape), data = new Float32Array(x.data.length);
  walk(shape, [perm.map((axis) => strides[axis])], (i, places) => (data[i] = x.data[places[0]]));
  return ofShape(shape, data);
};

/** The output of a graph; inputs are arrays by name. */
function runGraph(graph, inputs, output) {
  const values = { ...graph.constants, ...inputs };
  for (const [operator, names, result, attributes] of graph.nodes) {
    values[result] = operators[operator](names.map((name) => values[name]), attributes);
  }
  return values[output];
}
