// Samples of the generator, which is in generator.js: new ones, and the way from some to others.
"use strict";

{
  const LABELS = model.classes || 0;
  // A column for each class, if there are few.
  const COLUMNS = LABELS > 1 && LABELS <= 12 ? LABELS : 6, COUNT = 4 * COLUMNS;
  const canvases = [], share = element("share"), label = element("label");
  let here = [], there = [], make = null;

  const conditionOf = (index) => (LABELS ? [label.value === "" ? index % LABELS : Number(label.value)] : []);

  const paintAll = newest(async () => {
    for (let i = 0; i < COUNT; i++) {
      const latent = Number(share.value) ? between(here[i], there[i], Number(share.value)) : here[i];
      paint(canvases[i], await make(inputsOf(latent, conditionOf(i))));
    }
  });

  function draw() {
    // What is seen becomes the beginning of the way.
    here = there.length ? there : canvases.map(drawLatent);
    there = canvases.map(drawLatent);
    share.value = 0;
    return paintAll();
  }

  element("live").style.gridTemplateColumns = `repeat(${COLUMNS}, 1fr)`;
  for (let i = 0; i < COUNT; i++) {
    canvases.push(document.createElement("canvas"));
    element("live").append(canvases[i]);
  }
  for (let i = 0; i < LABELS; i++) label.add(new Option(i, i));
  element("labels").hidden = !LABELS;

  makeGenerator().then((made) => {
    make = made;
    draw().then(() => (document.body.dataset.live = "true"));
    element("new").addEventListener("click", draw);
    share.addEventListener("input", paintAll);
    label.addEventListener("change", paintAll);
    element("generator").hidden = false;
  });
}
