// SPDX-License-Identifier: Apache-2.0
// The colours that the reader chose, before anything is drawn. Without a choice: the system's.
"use strict";
(() => {
  try {
    const chosen = localStorage.getItem("theme");
    if (chosen === "light" || chosen === "dark") {
      document.documentElement.dataset.theme = chosen;
    }
  } catch {
    // Storage is switched off: the system's colours.
  }
})();
