// SPDX-License-Identifier: Apache-2.0
/**
 * DER, written: values of ASN.1 as bytes (X.690). Nothing is read here.
 *
 * Every function returns a whole element (identifier, length, contents) as a Uint8Array.
 */

/** Several arrays of bytes, one behind the other. */
export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let place = 0;
  for (const part of parts) {
    whole.set(part, place);
    place += part.length;
  }
  return whole;
}

/** An element with this identifier octet around its parts. X.690 §8.1.3: the shortest length. */
export function element(identifier, ...parts) {
  const contents = concat(...parts);
  return concat(Uint8Array.of(identifier, ...lengthOctets(contents.length)), contents);
}

export const sequence = (...parts) => element(0x30, ...parts);

/** A SET OF: its elements in the order of their bytes (X.690 §11.6). */
export function setOf(...elements) {
  return element(0x31, ...elements.sort(compareBytes));
}

/** An INTEGER of 0 or more: a number, or bytes with the most significant first (§8.3). */
export function integer(value) {
  let bytes = typeof value === "number" ? bytesOfNumber(value) : value;
  const first = bytes.findIndex((byte) => byte !== 0);
  bytes = first < 0 ? Uint8Array.of(0) : bytes.subarray(first);
  // The first bit is the sign: a zero before it keeps the number positive.
  return bytes[0] & 0x80 ? element(2, Uint8Array.of(0), bytes) : element(2, bytes);
}

/** An OBJECT IDENTIFIER, written with dots (§8.19). */
export function oid(text) {
  const [first, second, ...rest] = text.split(".").map(Number);
  return element(6, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)));
}

export const nothing = () => element(5);
export const octetString = (...parts) => element(4, ...parts);
/** A BIT STRING of whole bytes (§8.6.2.2: none of its last bits is unused). */
export const bitString = (bytes) => element(3, Uint8Array.of(0), bytes);
export const utf8String = (text) => element(0x0c, new TextEncoder().encode(text));
export const bmpString = (text) => element(0x1e, utf16(text));

/** `[number]` around a whole element (§8.14.2). */
export const explicit = (number, ...parts) => element(0xa0 | number, ...parts);
/** `[number]` in place of the identifier of something primitive (§8.14.3). */
export const implicit = (number, bytes) => element(0x80 | number, bytes);

/** Text in two bytes for each unit, the more significant first, as BMPString has it. */
export function utf16(text) {
  const bytes = new Uint8Array(text.length * 2);
  const view = new DataView(bytes.buffer);
  for (let place = 0; place < text.length; place += 1) {
    view.setUint16(place * 2, text.charCodeAt(place));
  }
  return bytes;
}

/** Text as IA5String has it; null where a character is not ASCII. */
export function ascii(text) {
  const bytes = new TextEncoder().encode(text);
  return bytes.every((byte) => byte < 0x80) ? bytes : null;
}

function lengthOctets(size) {
  if (size < 0x80) return [size];
  const octets = bytesOfNumber(size);
  return [0x80 | octets.length, ...octets];
}

function bytesOfNumber(value) {
  const bytes = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Uint8Array.from(bytes);
}

function base128(arc) {
  const septets = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) {
    septets.unshift((rest % 128) | 0x80);
  }
  return septets;
}

function compareBytes(one, other) {
  const shorter = Math.min(one.length, other.length);
  for (let place = 0; place < shorter; place += 1) {
    if (one[place] !== other[place]) return one[place] - other[place];
  }
  return one.length - other.length;
}
