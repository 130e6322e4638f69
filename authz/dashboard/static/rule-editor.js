// SPDX-License-Identifier: Apache-2.0
// The form of a rule: shows the fields of the action that is chosen, and those of boxes that are
// checked. Without it, all fields are there.

const action = document.getElementById("action");

function show() {
  for (const part of document.querySelectorAll("[data-of-action]")) {
    part.hidden = part.dataset.ofAction !== action.value;
  }
  for (const button of document.querySelectorAll("[data-only-for]")) {
    button.hidden = button.dataset.onlyFor !== action.value;
  }
  for (const box of document.querySelectorAll("[data-opens]")) {
    document.getElementById(box.dataset.opens).hidden = !box.checked;
  }
}

document.getElementById("rule-form").addEventListener("change", show);
show();
