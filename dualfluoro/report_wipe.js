"use strict";
// Moves the line between two pictures: by the slider, by the hand on the picture, or as squares.
for (const figure of document.querySelectorAll(".wipe")) {
  const pair = figure.querySelector(".pair"), slider = figure.querySelector("input"), button = figure.querySelector("button");
  const squares = on => { figure.classList.toggle("squares", on); button.setAttribute("aria-pressed", String(on)); };
  const move = percent => { squares(false); slider.value = percent; figure.style.setProperty("--at", percent + "%"); };
  const under = e => { const r = pair.getBoundingClientRect(); move(Math.min(100, Math.max(0, 100 * (e.clientX - r.left) / r.width))); };
  slider.addEventListener("input", () => move(Number(slider.value)));
  pair.addEventListener("pointerdown", e => { e.preventDefault(); pair.setPointerCapture(e.pointerId); under(e); });
  pair.addEventListener("pointermove", e => { if (pair.hasPointerCapture(e.pointerId)) under(e); });
  button.addEventListener("click", () => squares(!figure.classList.contains("squares")));
}
