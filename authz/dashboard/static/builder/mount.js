// SPDX-License-Identifier: Apache-2.0
// Makes a builder of every `<div data-builder data-zone="…" data-action-from="#action">` that has a
// textarea in it. Without this, or when it fails, the textarea is there.

import { Builder } from "./builder.js";

for (const root of document.querySelectorAll("[data-builder]")) {
  new Builder(root).start().catch((error) => {
    // The textarea is still there, and the server checks what it is sent.
    root.dataset.failed = error.message;
  });
}
