// SPDX-License-Identifier: Apache-2.0
// The colours, chosen on the page of settings; the button of every page changes them, too.

const themes = document.querySelector("[data-themes]");

function show() {
  const now = document.documentElement.dataset.theme ?? "system";
  for (const one of themes.querySelectorAll("input")) {
    one.checked = one.value === now;
  }
}

function choose(theme) {
  const root = document.documentElement;
  try {
    if (theme === "system") {
      delete root.dataset.theme;
      localStorage.removeItem("theme");
    } else {
      root.dataset.theme = theme;
      localStorage.setItem("theme", theme);
    }
  } catch {
    // It counts for this page.
  }
  const button = document.querySelector(".theme-button");
  if (button) {
    button.textContent = `Theme: ${theme}`;
  }
}

if (themes) {
  themes.hidden = false;
  document.querySelector("[data-without-script]").hidden = true;
  themes.addEventListener("change", (event) => choose(event.target.value));
  // Once the button itself has done it.
  document.querySelector(".theme-button")?.addEventListener("click", () => setTimeout(show));
  show();
}
