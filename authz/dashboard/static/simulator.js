// SPDX-License-Identifier: Apache-2.0
// The simulator's form: Ctrl (or Cmd) and Enter simulates from any of its fields.

const form = document.getElementById("simulator");

if (form !== null) {
  const button = form.querySelector("button.primary");
  const keys = form.querySelector(".keys");
  if (keys !== null) {
    keys.hidden = false;
  }
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit(button);
    }
  });
}
