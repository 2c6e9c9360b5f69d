// Three sliders in order, their numbers, and the rules in the charts. One request at a time: htmx drops the older one.
const form = document.getElementById("sliders");
const names = ["include", "merge", "attribute"];
const step = 0.1;
const views = [];

const range = (name) => form.querySelector(`input[type=range][data-of=${name}]`);
const number = (name) => form.querySelector(`input[type=number][data-of=${name}]`);
const value = (name) => Number(number(name).value);
const rounded = (bits) => Math.round(bits * 10) / 10;

function set(name, bits) {
  const least = Number(range(name).min), most = Number(range(name).max);
  const kept = rounded(Math.min(Math.max(bits, least), most));
  range(name).value = number(name).value = kept;
  for (const copy of document.querySelectorAll(`[data-copy=${name}]`)) copy.value = kept;
  for (const view of views) if (name !== "attribute") view.signal(name, kept).runAsync();
}

// include < merge <= attribute: a slider pushes its neighbours
function keepOrder(moved) {
  if (moved === "include" && value("merge") < value("include") + step) set("merge", value("include") + step);
  if (moved !== "attribute" && value("attribute") < value("merge")) set("attribute", value("merge"));
  if (moved === "attribute" && value("merge") > value("attribute")) set("merge", value("attribute"));
  if (moved !== "include" && value("include") > value("merge") - step) set("include", value("merge") - step);
  if (value("merge") < value("include") + step) set("merge", value("include") + step);
  if (value("attribute") < value("merge")) set("attribute", value("merge"));
}

function moved(name, bits) {
  if (!Number.isFinite(bits)) return;
  set(name, bits);
  keepOrder(name);
  document.getElementById("numbers").setAttribute("aria-busy", "true");
  form.dispatchEvent(new CustomEvent("moved"));
}

form.addEventListener("submit", (event) => event.preventDefault());
for (const name of names) {
  range(name).addEventListener("input", () => moved(name, Number(range(name).value)));
  number(name).addEventListener("change", () => moved(name, Number(number(name).value)));
}
document.getElementById("back").addEventListener("click", () => {
  for (const name of names) set(name, Number(range(name).dataset.run));
  form.dispatchEvent(new CustomEvent("moved"));
});
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "numbers") event.target.setAttribute("aria-busy", "false");
});

async function draw() {
  const answer = await fetch("/thresholds/charts", { headers: { "X-Polled": "1" } });
  if (!answer.ok) return;
  const { specs } = await answer.json();
  for (const place of document.querySelectorAll("[data-chart]")) {
    const spec = specs[place.dataset.chart];
    const { view } = await window.vegaEmbed(place, spec, { actions: false, ast: true, renderer: "canvas", defaultStyle: false, tooltip: false, logLevel: 1 });
    if (spec.params.length) views.push(view);
  }
  for (const name of names) set(name, value(name));
  document.getElementById("charts").dataset.drawn = "yes";
}
draw();
