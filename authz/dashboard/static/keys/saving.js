// SPDX-License-Identifier: Apache-2.0
/** Files that a page makes, and its user saves. */

/** Have a link save text or bytes under a name. */
export function saveBy(link, content, name, type = "application/x-pem-file") {
  if (link.href) URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
}

/** Save text or bytes at once. */
export function save(content, name, type) {
  const link = document.createElement("a");
  saveBy(link, content, name, type);
  link.click();
  // The browser has begun with it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
