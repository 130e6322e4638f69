// SPDX-License-Identifier: Apache-2.0
// The first steps: waits for the first request while somebody looks, and says when it has arrived.

import { get } from "./asking.js";

const EVERY_MS = 2000;
// After this long nobody is waiting any more; the link looks again.
const LONGEST_MS = 30 * 60 * 1000;

const place = document.querySelector('[data-arrived][data-state="no"]');

function wait() {
  const began = Date.now();
  place.querySelector("[data-reload]").hidden = true;
  const look = async () => {
    if (Date.now() - began > LONGEST_MS) {
      place.querySelector("[data-reload]").hidden = false;
      return;
    }
    if (!document.hidden && (await hasArrived())) {
      return;
    }
    setTimeout(look, EVERY_MS);
  };
  setTimeout(look, EVERY_MS);
}

async function hasArrived() {
  let found;
  try {
    found = await get(place.dataset.arrived);
  } catch (error) {
    place.querySelector("[data-text]").textContent = error.message;
    // Whoever is not signed in any more gets no other answer.
    return error.status === 401 || error.status === 403;
  }
  place.querySelector("[data-text]").textContent = found.text;
  if (found.arrived !== true) {
    return false;
  }
  place.querySelector("[data-headline]").textContent = "The first request has arrived.";
  place.classList.add("good");
  place.dataset.state = "yes";
  const step = document.querySelector("#envoy .badge");
  if (step) {
    step.textContent = "done";
    step.className = "badge good";
  }
  return true;
}

if (place) {
  wait();
}
