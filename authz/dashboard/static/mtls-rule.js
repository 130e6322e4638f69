// SPDX-License-Identifier: Apache-2.0
// "Create a mTLS rule": the Expression Preview while one types. The server makes the text.

import { post } from "./asking.js";
import { Latest } from "./builder/latest.js";

const PAUSE = 250;

const form = document.getElementById("mtls-form");
const action = document.getElementById("action");
const text = document.querySelector("#preview-text code");
const advice = document.getElementById("advice");
const problem = document.getElementById("preview-problem");
const preview = new Latest({
  work: (signal) => post(form.dataset.preview, fields(), { signal }),
  take: tell,
  fail: (error) => {
    problem.textContent = error.message;
  },
  wait: PAUSE,
});

function fields() {
  return [...new FormData(form)].filter(
    ([name, value]) => typeof value === "string" && name !== "csrf" && name !== "basis",
  );
}

function tell(made) {
  const wrong = Object.values(made.problems);
  text.textContent = made.expression || "…";
  problem.textContent = wrong.join(" ");
  advice.replaceChildren(...made.advice.map(told));
}

function told(one) {
  const item = document.createElement("li");
  item.className = one.serious ? "notice warn" : "notice";
  item.textContent = `${one.message} — ${one.hint}.`;
  if (one.path) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "small";
    button.textContent = `Add ${one.path}`;
    button.addEventListener("click", () => add("paths", one.path));
    item.append(" ", button);
  }
  return item;
}

function add(name, value) {
  const field = form.elements[name];
  const lines = field.value.split(/[\s,]+/).filter((line) => line !== "");
  if (!lines.includes(value)) {
    field.value = [...lines, value].join("\n");
  }
  preview.now();
}

function show() {
  const shape = form.elements.shape.value;
  for (const part of form.querySelectorAll("[data-of-shape]")) {
    part.hidden = part.dataset.ofShape !== shape;
  }
  for (const button of form.querySelectorAll("[data-only-for]")) {
    button.hidden = button.dataset.onlyFor !== action.value;
  }
}

for (const one of form.querySelectorAll("[data-pick]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "small";
  button.textContent = one.dataset.pick;
  button.setAttribute("aria-label", `Add ${one.dataset.pick}`);
  button.addEventListener("click", () => add("hostnames", one.dataset.pick));
  one.replaceWith(button);
}
form.addEventListener("input", () => preview.soon());
form.addEventListener("change", show);
for (const one of form.querySelectorAll(".without-script")) {
  one.hidden = true;
}
show();
// What was written before this ran, or what the browser has kept of an earlier visit.
if ([...form.querySelectorAll("textarea")].some((one) => one.value !== one.defaultValue)) {
  preview.now();
}
