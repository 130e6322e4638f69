// SPDX-License-Identifier: Apache-2.0
// The form of a token: only what the choices before leave to be chosen.

const form = document.getElementById("token-form");

function showDay() {
  const lasts = form.querySelector("#lasts");
  const day = form.querySelector("#expires_on");
  day.closest(".field").hidden = lasts.value !== "date";
  day.required = lasts.value === "date";
}

function showZones() {
  const every = form.querySelector('input[name="reach"][value="every"]');
  const zones = form.querySelector(".zones");
  if (every && zones) {
    zones.hidden = every.checked;
  }
}

if (form) {
  form.addEventListener("change", () => {
    showDay();
    showZones();
  });
  showDay();
  showZones();
}
