// A generator in a page: `model` is its JSON, `runGraph` is in operators.js, and `ort` is there if it is needed.
"use strict";

const model = JSON.parse(document.getElementById("model").textContent);
const [height, width, channels] = model.shape;
const element = (id) => document.getElementById(id);
const isConditional = model.inputs.some((input) => input.name === "condition");

// --- Constants and the generator

function bytesOf(text) {
  const letters = atob(text), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

function numbersOf(text, type) {
  const buffer = bytesOf(text).buffer;
  if (type === "half") return fromHalf(new Uint16Array(buffer));
  return type === "int" ? new Int32Array(buffer) : new Float32Array(buffer);
}

async function inflated(id) {
  const packed = new Blob([bytesOf(element(id).textContent)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

/** `inputs -> numbers of a picture`, where inputs are arrays {shape, data} of one example by name. */
async function makeGenerator() {
  if (model.graph) {
    const constants = {};
    for (const [name, [shape, type, text]] of Object.entries(model.graph.constants)) {
      constants[name] = ofShape(shape, numbersOf(text, type));
    }
    const graph = { nodes: model.graph.nodes, constants };
    return async (inputs) => runGraph(graph, inputs, "samples").data;
  }
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = (await inflated("ort-wasm")).buffer;
  const glue = new Blob([await inflated("ort-glue")], { type: "text/javascript" });
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(glue) };
  const session = await ort.InferenceSession.create(await inflated("ort-model"), { executionProviders: ["wasm"] });
  return async (inputs) => {
    const feeds = {};
    for (const { name, dtype } of model.inputs) feeds[name] = new ort.Tensor(dtype, inputs[name].data, inputs[name].shape);
    return (await session.run(feeds)).samples.data;
  };
}

// --- Latents

let seed = 1;

/** A number in [0, 1): mulberry32. */
function random() {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

function normal(bound = Infinity) {
  for (;;) {
    const number = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    if (Math.abs(number) <= bound) return number;
  }
}

const below = (count) => Math.floor(random() * count);
const filled = (size, draw) => Float32Array.from({ length: size }, draw);

function ofNorm(numbers, radius) {
  const length = Math.hypot(...numbers) || 1;
  return numbers.map((number) => (number * radius) / length);
}

/** For each distribution of a part: how it is drawn, and the nearest point that it allows. */
const distributions = {
  uniform: {
    draw: ({ size, low, high }) => filled(size, () => low + (high - low) * random()),
    nearest: (numbers, { low, high }) => numbers.map((number) => Math.min(Math.max(number, low), high)),
  },
  normal: {
    draw: ({ size, bound }) => filled(size, () => normal(bound)),
    nearest: (numbers, { bound = Infinity }) => numbers.map((number) => Math.min(Math.max(number, -bound), bound)),
  },
  sphere: {
    draw: ({ size, radius }) => ofNorm(filled(size, () => normal()), radius),
    nearest: (numbers, { radius }) => ofNorm(numbers, radius),
  },
  one_hot: {
    draw: ({ size }) => {
      const chosen = below(size);
      return filled(size, (_, i) => (i === chosen ? 1 : 0));
    },
    nearest: (numbers) => numbers,
  },
  mixture: {
    draw: ({ size, means, deviation }) => {
      const mean = means[below(means.length)];
      return filled(size, (_, i) => mean[i] + deviation * normal());
    },
    nearest: (numbers) => numbers,
  },
};

function drawLatent() {
  return Float32Array.from(model.latents.flatMap((part) => Array.from(distributions[part.distribution].draw(part))));
}

/** A latent from a function of the numbers of each part. */
function byParts(compute) {
  const found = [];
  for (const part of model.latents) {
    found.push(...distributions[part.distribution].nearest(compute(found.length, part), part));
  }
  return Float32Array.from(found);
}

function moved(latent, amounts) {
  return byParts((start, { size }) =>
    filled(size, (_, i) =>
      amounts.reduce((sum, amount, k) => sum + amount * model.directions[k].step[start + i], latent[start + i])));
}

/** A straight line, or an arc where all latents of a part have about one length. */
function between(first, second, share) {
  return byParts((start, { size, distribution }) => {
    const a = first.slice(start, start + size), b = second.slice(start, start + size);
    const cosine = a.reduce((sum, x, i) => sum + x * b[i], 0) / (Math.hypot(...a) * Math.hypot(...b));
    const angle = Math.acos(Math.min(Math.max(cosine, -1), 1));
    const arc = ["normal", "sphere"].includes(distribution) && Math.sin(angle) > 1e-4;
    const [s, t] = arc ? [Math.sin((1 - share) * angle), Math.sin(share * angle)].map((x) => x / Math.sin(angle)) : [1 - share, share];
    return a.map((x, i) => s * x + t * b[i]);
  });
}

// --- Pictures

/** The conditions to choose from, where a condition is a picture; its place among them stands for it. */
const pictures = (model.pictures || []).map((text) => numbersOf(text, "float"));

function inputsOf(latent, condition) {
  const found = {};
  for (const { name, shape, dtype } of model.inputs) {
    const asked = pictures.length ? pictures[condition[0]] : condition;
    const given = name === "latents" ? latent : name === "condition" ? asked : new Float32Array(sizeOf(shape));
    found[name] = ofShape([1, ...shape], dtype === "int32" ? Int32Array.from(given) : Float32Array.from(given));
  }
  return found;
}

function paint(canvas, values, [height, width, channels] = model.shape) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d"), picture = context.createImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let k = 0; k < 3; k++) {
      const value = values[pixel * channels + (channels > 2 ? k : 0)];
      picture.data[pixel * 4 + k] = Math.round((255 * (value - model.low)) / (model.high - model.low));
    }
    picture.data[pixel * 4 + 3] = 255;
  }
  context.putImageData(picture, 0, 0);
}

let generator, times = [];
const rest = () => new Promise((resolve) => setTimeout(resolve));

async function draw(canvas, latent, condition) {
  const started = performance.now();
  const values = await generator(inputsOf(latent, condition));
  times = [...times.slice(-20), performance.now() - started];
  paint(canvas, values);
}

/** A function that runs a task, and after it only the newest of those that were asked for meanwhile. */
function newest(task) {
  let running = false, again = false;
  return async () => {
    again = true;
    if (running) return;
    running = true;
    while (again) {
      again = false;
      await task();
      await rest();
    }
    running = false;
  };
}
