// SPDX-License-Identifier: Apache-2.0
// Makes a builder of every `<div data-builder data-zone="…" data-action-from="#action">` that has a
// textarea in it. Without this, or when it fails, the textarea is there.

import { Builder } from "./builder.js";

const builders = new WeakMap();

/** The builder of an element; undefined if it has none. */
export function builderOf(element) {
  return builders.get(element);
}

for (const root of document.querySelectorAll("[data-builder]")) {
  const builder = new Builder(root);
  builders.set(root, builder);
  builder.start().catch((error) => {
    // The textarea is still there, and the server checks what it is sent.
    root.dataset.failed = error.message;
  });
}
