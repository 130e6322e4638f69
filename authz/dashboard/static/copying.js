// SPDX-License-Identifier: Apache-2.0
// Buttons that copy a value: `data-copy` has the value.

/** Give every value that can be copied below `root` a button. */
export function mountCopying(root) {
  for (const one of root.querySelectorAll("[data-copy]")) {
    if (one.querySelector("button") !== null) {
      continue;
    }
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy ${one.dataset.copyName ?? "value"}`);
    button.addEventListener("click", () => copy(button, one.dataset.copy));
    one.append(button);
  }
}

async function copy(button, text) {
  let said = "Copied";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    said = "Not allowed";
  }
  button.textContent = said;
  setTimeout(() => {
    button.textContent = "Copy";
  }, 1500);
}
