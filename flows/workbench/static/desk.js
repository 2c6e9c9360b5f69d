// Keys of review, and pieces of a page: m match, n no, u unsure, z undo, r reveal, arrow or space next.
// Listeners sit on the document, so that a pair that came a moment ago is heard like any other.
"use strict";

let busy = false;

async function send(form, button) {
  const body = new URLSearchParams(new FormData(form, button));
  const target = (button && button.getAttribute("formaction")) || form.getAttribute("action");
  const piece = document.getElementById("piece");
  busy = true;
  piece.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(target, {
      method: "POST", body, headers: { "X-Piece": "1" }, credentials: "same-origin",
    });
    if (!answer.ok || answer.redirected) {
      window.location.assign("/review");
      return;
    }
    piece.innerHTML = await answer.text();
    const first = piece.querySelector("[data-focus]");
    if (first) first.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  } catch {
    piece.querySelector(".told").textContent = "Not sent: the server does not answer. Try again.";
  } finally {
    busy = false;
    piece.setAttribute("aria-busy", "false");
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.hasAttribute("data-choose")) {
    const chosen = [...form.querySelectorAll("[data-record]:checked")];
    form.elements.chosen.value = chosen.map((box) => box.dataset.record).join(",");
    return;
  }
  if (!form.hasAttribute("data-piece")) return;
  event.preventDefault();
  if (!busy) send(form, event.submitter);
});

const NAMES = { ArrowRight: "next", " ": "next" };

document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const at = event.target;
  if (at.matches("input, textarea, select, [contenteditable]")) {
    if (event.key === "Escape") at.blur();
    return;
  }
  if (event.key === " " && at.matches("button, a, summary")) return;
  const name = NAMES[event.key] || event.key.toLowerCase();
  const button = [...document.querySelectorAll("#piece [data-key]")].find((one) => one.dataset.key === name);
  if (!button) return;
  event.preventDefault();
  if (!busy) button.form.requestSubmit(button);
});

document.addEventListener("change", async (event) => {
  const into = event.target.dataset.into;
  if (into && event.target.files.length) {
    document.getElementById(into).value = await event.target.files[0].text();
  }
});
