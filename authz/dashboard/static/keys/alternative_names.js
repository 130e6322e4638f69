// SPDX-License-Identifier: Apache-2.0
/**
 * Alternative names as people write them, and as a request has them (RFC 5280 §4.2.1.6).
 *
 * Only what kind of name a text is, is found here, and what cannot be written at all. Whether a
 * certificate may have it, the service says (ca.names), which looks at every request anyway.
 */

import { ascii, implicit, sequence } from "./der.js";

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const SCHEME = /^[a-z][a-z0-9+.-]*:/i;
const TAGS = { email: 1, dns: 2, uri: 6, ip: 7 };

/** A name that cannot be one; `message` says why, for people. */
export class NameError extends Error {}

/** Names written one a line, or with commas or blanks between: `{kind, text, bytes}` each. */
export function readNames(text) {
  return text.split(/[\s,]+/u).filter(Boolean).map(readName);
}

/** The GeneralNames in DER. */
export function generalNames(names) {
  return sequence(...names.map(({ kind, bytes }) => implicit(TAGS[kind], bytes)));
}

function readName(text) {
  // Addresses first: "fe80::1" begins like a URI.
  const address = addressBytes(text);
  if (address !== null) return { kind: "ip", text, bytes: address };
  if (SCHEME.test(text)) return inAscii("uri", text, text);
  if (text.includes("@")) return inAscii("email", text, text);
  return inAscii("dns", text, hostname(text));
}

function inAscii(kind, text, written) {
  const bytes = ascii(written);
  if (bytes === null) {
    throw new NameError(`"${text}" has characters that a certificate cannot have there.`);
  }
  return { kind, text: written, bytes };
}

/** A host name with letters beyond ASCII as DNS has it (xn--…); others as they are. */
function hostname(text) {
  if (ascii(text) !== null) return text;
  try {
    const { hostname: written, href } = new URL(`http://${text}`);
    // Whatever else a URL may have would be dropped without a word.
    if (href === `http://${written}/`) return written;
  } catch {
    // It cannot be read at all.
  }
  throw new NameError(`"${text}" is no host name.`);
}

/** The bytes of an IP address, null where it is none. */
function addressBytes(text) {
  if (IPV4.test(text)) return Uint8Array.from(text.split("."), Number);
  if (!/^[0-9a-f:.]+$/i.test(text) || !text.includes(":")) return null;
  let host;
  try {
    // The browser knows every form of an IPv6 address, and writes it in groups of hexadecimal.
    host = new URL(`http://[${text}]`).hostname.slice(1, -1);
  } catch {
    return null;
  }
  const [before, after] = host.split("::").map((half) => (half ? half.split(":") : []));
  const groups =
    after === undefined
      ? before
      : [...before, ...Array(8 - before.length - after.length).fill("0"), ...after];
  return Uint8Array.from(groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff]));
}
