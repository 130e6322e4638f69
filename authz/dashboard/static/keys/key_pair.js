// SPDX-License-Identifier: Apache-2.0
/**
 * Key pairs that are made in this browser, by WebCrypto. The private key leaves it in the files
 * that its user saves, and in no other way: nothing here or around it sends one anywhere.
 */

import { bitString, integer, nothing, oid, sequence } from "./der.js";
import { writePem } from "./pem.js";

/** The kinds of key that can be made, as the service names them (ca.key_kinds). */
const KEY_KINDS = Object.freeze({
  "ecdsa-p256": {
    generation: { name: "ECDSA", namedCurve: "P-256" },
    signing: { name: "ECDSA", hash: "SHA-256" },
    // RFC 5758 §3.2: no parameters.
    algorithm: () => sequence(oid("1.2.840.10045.4.3.2")),
    signature: ecdsaSignature,
  },
  "rsa-2048": {
    generation: {
      name: "RSASSA-PKCS1-v1_5",
      hash: "SHA-256",
      modulusLength: 2048,
      publicExponent: Uint8Array.of(1, 0, 1),
    },
    signing: { name: "RSASSA-PKCS1-v1_5" },
    // RFC 8017 §A.2.4: the parameters are NULL.
    algorithm: () => sequence(oid("1.2.840.113549.1.1.11"), nothing()),
    signature: (raw) => raw,
  },
});

/** Whether keys can be made here: browsers offer it to pages of HTTPS and of loopback alone. */
export function canMakeKeys() {
  return globalThis.isSecureContext === true && globalThis.crypto?.subtle !== undefined;
}

/** A key pair with what requests and files need of it. Make one with `makeKeyPair`. */
export class KeyPair {
  #keys;
  #kind;

  constructor(keys, kind) {
    this.#keys = keys;
    this.#kind = kind;
  }

  /** The SubjectPublicKeyInfo in DER (RFC 5280 §4.1). */
  async publicKey() {
    return new Uint8Array(await crypto.subtle.exportKey("spki", this.#keys.publicKey));
  }

  /** The PrivateKeyInfo in DER (RFC 5208): unencrypted. */
  async privateKey() {
    return new Uint8Array(await crypto.subtle.exportKey("pkcs8", this.#keys.privateKey));
  }

  /** The same in PEM. */
  async privateKeyPem() {
    return writePem(await this.privateKey(), "PRIVATE KEY");
  }

  /** `bytes` signed: the SEQUENCE of them, the algorithm and the signature (RFC 2986 §4.2). */
  async signed(bytes) {
    const { signing, algorithm, signature } = this.#kind;
    const raw = await crypto.subtle.sign(signing, this.#keys.privateKey, bytes);
    return sequence(bytes, algorithm(), bitString(signature(new Uint8Array(raw))));
  }
}

/** A new key pair of one of KEY_KINDS. */
export async function makeKeyPair(name) {
  const kind = KEY_KINDS[name];
  if (kind === undefined) throw new RangeError(`there is no kind of key "${name}"`);
  // Extractable: its user takes it along, and it is kept nowhere else.
  const keys = await crypto.subtle.generateKey(kind.generation, true, ["sign", "verify"]);
  return new KeyPair(keys, kind);
}

/** WebCrypto has r and s side by side, certificates a SEQUENCE of them (RFC 3279 §2.2.3). */
function ecdsaSignature(raw) {
  const half = raw.length / 2;
  return sequence(integer(raw.subarray(0, half)), integer(raw.subarray(half)));
}

/** Random bytes, also where keys cannot be made. */
export function randomBytes(size) {
  return crypto.getRandomValues(new Uint8Array(size));
}

/** A text that nobody guesses and nobody had before: 32 hexadecimal digits. */
export function randomText() {
  return [...randomBytes(16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
