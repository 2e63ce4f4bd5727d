// The page around a generator, which is in generator.js: samples, sliders and paths.
"use strict";

const COUNT = 24;

// --- Samples

/** How many classes there are to choose from, or pictures as conditions. */
const choices = model.classes || pictures.length;
const nameOf = (label) => (pictures.length ? `picture ${label + 1}` : `class ${label}`);
let samples = [], chosen = 0, run = 0;

function conditionOf(index) {
  if (choices) return [element("classes").value === "" ? index % choices : Number(element("classes").value)];
  return isConditional ? vector() : [];
}

/** The numbers of the text field; those of before while it has others. */
function vector() {
  const numbers = element("vector").value.split(",").map(Number);
  const fits = numbers.length === model.vector.length && numbers.every(Number.isFinite);
  element("vector").setAttribute("aria-invalid", String(!fits));
  element("vector").title = `${model.vector.length} numbers with commas between them`;
  return fits ? (model.vector = numbers) : model.vector;
}

async function showSamples() {
  const own = ++run;
  for (let i = 0; i < COUNT && own === run; i++) {
    const { latent, condition, button } = samples[i];
    await draw(button.firstChild, latent, condition);
    button.setAttribute("aria-label", `Sample ${i + 1}${choices ? `, ${nameOf(condition[0])}` : ""}: change it below`);
    if (performance.now() - lastRest > 30) {
      await rest();
      lastRest = performance.now();
    }
  }
  if (own === run) report();
}
let lastRest = 0;

function newSamples() {
  samples = samples.map(({ button }, i) => ({ button, latent: drawLatent(), condition: conditionOf(i) }));
  return showSamples();
}

function paintGrey(canvas) {
  paint(canvas, new Float32Array(width * height * channels).fill((model.low + model.high) / 2));
}

function makeGrid() {
  ["explored", "start", "middle", "end"].forEach((id) => paintGrey(element(id)));
  for (let i = 0; i < COUNT; i++) {
    const button = document.createElement("button"), item = document.createElement("li");
    button.type = "button";
    button.className = "sample";
    button.append(document.createElement("canvas"));
    paintGrey(button.firstChild);
    button.addEventListener("click", () => choose(i));
    item.append(button);
    element("grid").append(item);
    samples.push({ button });
  }
}

function savePicture() {
  const columns = 6, scale = Math.max(1, Math.round(96 / Math.max(width, height))), gap = 2;
  const sheet = document.createElement("canvas"), context = sheet.getContext("2d");
  sheet.width = columns * (width * scale + gap) + gap;
  sheet.height = Math.ceil(COUNT / columns) * (height * scale + gap) + gap;
  context.fillStyle = "#808080";
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.imageSmoothingEnabled = false;
  samples.forEach(({ button }, i) => {
    const x = gap + (i % columns) * (width * scale + gap), y = gap + Math.floor(i / columns) * (height * scale + gap);
    context.drawImage(button.firstChild, x, y, width * scale, height * scale);
  });
  sheet.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = "samples.png";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
}

// --- Sliders

let amounts = [], ends = [];

const explore = newest(() => {
  const { latent, condition } = samples[chosen];
  if (pictures.length) showGiven(pictures[Number(element("class").value)]);
  return draw(element("explored"), moved(latent, amounts), choices ? [Number(element("class").value)] : condition);
});

function showGiven(values) {
  const { shape } = model.inputs.find(({ name }) => name === "condition");
  if (shape.length !== 3 || ![1, 3].includes(shape[2])) return;
  element("given").hidden = false;
  paint(element("given").firstElementChild, values, shape);
}

function choose(index) {
  samples[chosen].button.setAttribute("aria-pressed", "false");
  chosen = index;
  samples[chosen].button.setAttribute("aria-pressed", "true");
  if (choices && element("class").value !== String(samples[chosen].condition[0])) {
    element("class").value = samples[chosen].condition[0];
    if (ends.length) showPair();
  }
  setSliders(() => 0);
}

function setSliders(value) {
  amounts = amounts.map((_, i) => value(i));
  amounts.forEach((amount, i) => {
    element(`slider-${i}`).value = amount;
    element(`amount-${i}`).textContent = amount.toFixed(1);
  });
  explore();
}

function makeSliders() {
  model.directions.forEach(({ share }, i) => {
    const row = document.createElement("div");
    row.className = "slider";
    row.innerHTML = `<label for="slider-${i}">Direction ${i + 1} <span class="note">(${Math.round(100 * share)} % of the change)</span></label>
      <output id="amount-${i}" for="slider-${i}">0.0</output>
      <input id="slider-${i}" type="range" min="-3" max="3" step="0.1" value="0">`;
    row.querySelector("input").addEventListener("input", (event) => setSliders((k) => (k === i ? Number(event.target.value) : amounts[k])));
    element("sliders").append(row);
    amounts.push(0);
  });
}

// --- From one picture to another

let timer = null;

const showBetween = newest(() => {
  const share = Number(element("share").value);
  element("share-text").textContent = `${Math.round(100 * share)} %`;
  return draw(element("middle"), between(...ends, share), pairCondition());
});
const pairCondition = () => (choices ? [Number(element("class").value)] : isConditional ? vector() : []);

async function showPair() {
  await draw(element("start"), ends[0], pairCondition());
  await draw(element("end"), ends[1], pairCondition());
  showBetween();
}

function newPair() {
  ends = [drawLatent(), drawLatent()];
  return showPair();
}

function play(on) {
  clearInterval(timer);
  timer = on ? setInterval(step, 60) : null;
  element("play").textContent = on ? "Pause" : "Play";
  element("play").setAttribute("aria-pressed", String(on));
}

let ahead = 1;
function step() {
  const share = Number(element("share").value);
  if (share >= 1) ahead = -1;
  if (share <= 0) ahead = 1;
  element("share").value = share + 0.02 * ahead;
  showBetween();
}

// --- The page

function fact(name, text) {
  const [term, description] = ["dt", "dd"].map((tag) => document.createElement(tag));
  term.textContent = name;
  description.textContent = text;
  element("facts").append(term, description);
  return description;
}

let speed = null;
function report() {
  const middle = [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)];
  speed = speed || fact("Time here", "");
  speed.textContent = `${middle.toFixed(1)} ms for a picture`;
}

/** The largest difference from the numbers that JAX gave for some latents. */
async function compare() {
  let most = 0;
  for (const { latent, condition, values } of model.references) {
    const found = await generator(inputsOf(numbersOf(latent, "float"), condition)), wanted = numbersOf(values, "float");
    wanted.forEach((value, i) => (most = Math.max(most, Math.abs(found[i] - value))));
  }
  const share = most / (model.high - model.low);
  const text = `${most.toExponential(1)} at most, of values from ${model.low} to ${model.high}; ${model.precision}`;
  fact("Difference from JAX", text).dataset.value = String(most);
  if (!(share < 0.05)) throw new Error("its pictures differ from those of training");
}

function fillClasses() {
  for (const id of ["classes", "class"]) {
    if (id === "classes") element(id).add(new Option("each in turn", ""));
    for (let label = 0; label < choices; label++) element(id).add(new Option(pictures.length ? label + 1 : label, label));
  }
  if (pictures.length) document.querySelectorAll(".kind").forEach((kind) => (kind.textContent = "Given picture"));
  element("classes-row").hidden = element("class-row").hidden = element("pair-class").hidden = false;
}

/** Whether the page may be used: before the generator is ready, clicks would be lost. */
function enable(on) {
  document.querySelectorAll("main > section:not(#about)").forEach((section) => (section.inert = !on));
}

async function start() {
  enable(false);
  if (choices) fillClasses();
  if (isConditional && !choices) {
    element("vector").value = model.vector.join(", ");
    element("vector-row").hidden = false;
  }
  makeGrid();
  makeSliders();
  if (!model.directions.length) element("directions-note").hidden = element("reset").hidden = true;
  generator = await makeGenerator();
  await compare();
  await newSamples();
  choose(0);
  await newPair();
  element("more").addEventListener("click", () => newSamples().then(() => choose(chosen)));
  element("classes").addEventListener("change", () => {
    samples.forEach((sample, i) => (sample.condition = conditionOf(i)));
    showSamples().then(() => choose(chosen));
  });
  element("vector").addEventListener("change", () => {
    samples.forEach((sample, i) => (sample.condition = conditionOf(i)));
    showSamples().then(explore).then(showPair);
  });
  element("class").addEventListener("change", () => {
    explore();
    showPair();
  });
  element("save").addEventListener("click", savePicture);
  element("reset").addEventListener("click", () => setSliders(() => 0));
  element("pair").addEventListener("click", newPair);
  element("play").addEventListener("click", () => play(!timer));
  element("share").addEventListener("input", () => {
    play(false);
    showBetween();
  });
  element("status").hidden = true;
  enable(true);
  document.body.dataset.ready = "true";
}

start().catch((error) => {
  console.error(error);
  const why = typeof DecompressionStream === "undefined" ? "it is too old; use one of 2023 or later" : error.message;
  element("status").textContent = `The generator does not run in this browser: ${why}.`;
});
