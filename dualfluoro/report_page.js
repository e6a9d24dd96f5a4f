"use strict";
// Unpacks Plotly, then draws every plot of the page from the JSON that stands in its box.
(async () => {
  const packed = document.getElementById("plotly");
  const boxes = document.querySelectorAll(".plot");
  const fail = error => { console.error(error); for (const box of boxes) box.append("Plots need a browser of 2023 or later."); };
  try {
    const bytes = Uint8Array.from(atob(packed.textContent), c => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    packed.remove();
  } catch (error) { fail(error); return; }
  const options = { responsive: true, displayModeBar: false };
  const draw = box => {
    const text = box.querySelector("script");
    if (!text) return;
    const figure = JSON.parse(text.textContent);
    text.remove();
    return window.Plotly.newPlot(box, figure.data, figure.layout, options);
  };
  const seen = new IntersectionObserver(found => found.forEach(entry => { if (entry.isIntersecting) draw(entry.target); }), { rootMargin: "600px" });
  boxes.forEach(box => seen.observe(box));
  // On paper: all of it, as wide as a sheet.
  const SHEET_PX = 700;
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const part of opened) part.open = true;
    for (const box of boxes) {
      draw(box);
      window.Plotly.relayout(box, { autosize: false, width: box.closest(".row") ? SHEET_PX / 2 - 6 : SHEET_PX });
    }
  });
  window.addEventListener("afterprint", () => {
    for (const part of opened) part.open = false;
    for (const box of boxes) window.Plotly.relayout(box, { autosize: true, width: null });
  });
})();
