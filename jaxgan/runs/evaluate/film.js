// The pictures of a training, one for each place of the slider. Without this program the last one is shown.
"use strict";

{
  const frames = JSON.parse(document.getElementById("frames").textContent);
  const slider = document.getElementById("step"), shown = document.getElementById("frame");
  const said = document.getElementById("step-text"), button = document.getElementById("play");
  let timer = null;

  const show = () => {
    const { step, png } = frames[slider.value], name = `step ${step.toLocaleString("en")}`;
    shown.src = `data:image/png;base64,${png}`;
    shown.alt = `Samples of the generator at ${name}`;
    slider.setAttribute("aria-valuetext", name);
    said.textContent = name;
  };

  const play = (on) => {
    clearInterval(timer);
    timer = on ? setInterval(next, Math.max(120, 4000 / frames.length)) : null;
    button.textContent = on ? "Pause" : "Play";
    button.setAttribute("aria-pressed", String(on));
  };

  function next() {
    if (Number(slider.value) === frames.length - 1) return play(false);
    slider.value = Number(slider.value) + 1;
    show();
  }

  slider.addEventListener("input", () => {
    play(false);
    show();
  });
  button.addEventListener("click", () => {
    if (timer) return play(false);
    if (Number(slider.value) === frames.length - 1) slider.value = 0;
    show();
    play(true);
  });
  document.getElementById("film").hidden = false;
  show();
}
