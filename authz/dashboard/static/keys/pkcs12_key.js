// SPDX-License-Identifier: Apache-2.0
/** How PKCS #12 makes a key of a password (RFC 7292, appendix B), by SHA-256. */

import { concat, utf16 } from "./der.js";

/** What the key is for (§B.3). */
export const MAC_KEY = 3;

/** Bytes that SHA-256 works on at a time: `v` of §B.2. */
const BLOCK = 64;

/**
 * A key of 32 bytes: as long as the hash, so that its first block (i = 1) is the whole key, and
 * what §B.2 does between two blocks is never done.
 *
 * @param {string} password not empty
 * @param {Uint8Array} salt
 * @param {number} purpose MAC_KEY
 * @param {number} rounds how often it is hashed
 */
export async function pkcs12Key(password, salt, purpose, rounds) {
  // §B.1: two bytes a character, and two zeros behind the last one.
  const secret = concat(utf16(password), Uint8Array.of(0, 0));
  const diversifier = new Uint8Array(BLOCK).fill(purpose);
  let digest = concat(diversifier, filled(salt), filled(secret));
  for (let round = 0; round < rounds; round += 1) {
    digest = await crypto.subtle.digest("SHA-256", digest);
  }
  return new Uint8Array(digest);
}

/** Bytes repeated up to the end of a block. */
function filled(bytes) {
  const size = BLOCK * Math.ceil(bytes.length / BLOCK);
  return Uint8Array.from({ length: size }, (_, place) => bytes[place % bytes.length]);
}
