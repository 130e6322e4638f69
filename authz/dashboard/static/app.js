// SPDX-License-Identifier: Apache-2.0
// What every page has: menu, colours, copying, questions before what cannot be undone, moments in
// the reader's own time. Pages work without it.

import { mountCopying } from "./copying.js";
import { mountQuestions } from "./questions.js";

const THEMES = ["system", "light", "dark"];

function mountTheme() {
  const button = document.querySelector(".theme-button");
  if (button === null) {
    return;
  }
  const root = document.documentElement;
  const show = () => {
    const now = root.dataset.theme ?? "system";
    button.textContent = `Theme: ${now}`;
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    const now = root.dataset.theme ?? "system";
    const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
    try {
      if (next === "system") {
        delete root.dataset.theme;
        localStorage.removeItem("theme");
      } else {
        root.dataset.theme = next;
        localStorage.setItem("theme", next);
      }
    } catch {
      // It counts for this page.
    }
    show();
  });
  show();
}

function mountMenu() {
  const button = document.querySelector(".menu-button");
  const menu = document.getElementById("menu");
  if (button === null || menu === null) {
    return;
  }
  button.hidden = false;
  document.documentElement.classList.add("menu-folds");
  button.addEventListener("click", () => {
    const open = menu.classList.toggle("open");
    button.setAttribute("aria-expanded", String(open));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      menu.classList.remove("open");
      button.setAttribute("aria-expanded", "false");
      for (const one of document.querySelectorAll("details.who[open]")) {
        one.open = false;
      }
    }
  });
}

function mountTimes() {
  for (const one of document.querySelectorAll("time[datetime]")) {
    const at = new Date(one.dateTime);
    if (!Number.isNaN(at.getTime())) {
      one.title = at.toLocaleString();
    }
  }
}

mountTheme();
mountMenu();
mountTimes();
mountCopying(document);
mountQuestions(document);
document.querySelector("[data-focus]")?.focus();
