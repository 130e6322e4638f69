// SPDX-License-Identifier: Apache-2.0
/** PEM: DER as text that people can paste, and back (RFC 7468). */

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----/g;

/** One block, its base64 in lines of 64 characters (§2). */
export function writePem(der, label) {
  // In parts: a call takes only so many arguments.
  let binary = "";
  for (const byte of der) binary += String.fromCharCode(byte);
  const lines = btoa(binary).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** The DER of every block with this label, in order. */
export function readPem(text, label) {
  return [...text.matchAll(BLOCK)]
    .filter(([, found]) => found === label)
    .map(([, , body]) => Uint8Array.from(atob(body.replace(/\s/g, "")), (one) => one.charCodeAt(0)));
}
