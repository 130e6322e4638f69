// SPDX-License-Identifier: Apache-2.0
/**
 * A PKCS #12 file (RFC 7292): a certificate, its chain and its private key under a password, as
 * browsers and systems import it.
 *
 * Encrypted by AES-256 under a key of PBKDF2 with HMAC-SHA-256 (PBES2, RFC 8018 §6.2), and with an
 * HMAC-SHA-256 over all of it (RFC 7292 §5.1). Systems of the years of 3DES cannot read that.
 */

import {
  bmpString,
  explicit,
  implicit,
  integer,
  nothing,
  octetString,
  oid,
  sequence,
  setOf,
} from "./der.js";
import { randomBytes } from "./key_pair.js";
import { MAC_KEY, pkcs12Key } from "./pkcs12_key.js";

const DATA = "1.2.840.113549.1.7.1";
const ENCRYPTED_DATA = "1.2.840.113549.1.7.6";
const SHROUDED_KEY_BAG = "1.2.840.113549.1.12.10.1.2";
const CERTIFICATE_BAG = "1.2.840.113549.1.12.10.1.3";
const X509_CERTIFICATE = "1.2.840.113549.1.9.22.1";
const FRIENDLY_NAME = "1.2.840.113549.1.9.20";
const LOCAL_KEY_ID = "1.2.840.113549.1.9.21";
const PBES2 = "1.2.840.113549.1.5.13";
const PBKDF2 = "1.2.840.113549.1.5.12";
const HMAC_SHA256 = "1.2.840.113549.2.9";
const AES_256_CBC = "2.16.840.1.101.3.4.1.42";
const SHA256 = "2.16.840.1.101.3.4.2.1";

/** Rounds of PBKDF2: importers refuse files that would take them long, some from 600,000 on. */
const ENCRYPTION_ROUNDS = 100_000;
/** Rounds of the MAC's key, each a call of WebCrypto. */
const MAC_ROUNDS = 10_000;

/**
 * A file, as bytes.
 *
 * @param {object} of
 * @param {Uint8Array} of.privateKey the PrivateKeyInfo in DER
 * @param {Uint8Array[]} of.certificates in DER, the key's own first
 * @param {string} of.name what importers show beside it
 * @param {string} of.password not empty
 */
export async function makePkcs12({ privateKey, certificates, name, password }) {
  if (!password) throw new RangeError("the password is empty");
  const [own, ...chain] = certificates;
  // By which importers find the key of a certificate: any text that both have.
  const keyId = new Uint8Array(await crypto.subtle.digest("SHA-256", own));
  const attributes = setOf(
    sequence(oid(FRIENDLY_NAME), setOf(bmpString(inBasicPlane(name)))),
    sequence(oid(LOCAL_KEY_ID), setOf(octetString(keyId))),
  );
  const encryption = await encryptionBy(password);
  const certificateBags = sequence(
    certificateBag(own, attributes),
    ...chain.map((one) => certificateBag(one)),
  );
  const shrouded = await encryption(privateKey);
  const keyBags = sequence(
    bag(SHROUDED_KEY_BAG, sequence(shrouded.algorithm, octetString(shrouded.bytes)), attributes),
  );
  const safe = sequence(encryptedContent(await encryption(certificateBags)), content(keyBags));
  return sequence(integer(3), content(safe), await macOf(safe, password));
}

/** X.680 §41.15: a BMPString has no other characters, and importers drop names that have some. */
function inBasicPlane(text) {
  return text.replace(/[\u{10000}-\u{10ffff}]/gu, "\ufffd");
}

function content(bytes) {
  return sequence(oid(DATA), explicit(0, octetString(bytes)));
}

/** RFC 2315 §13: EncryptedData. */
function encryptedContent({ algorithm, bytes }) {
  const info = sequence(oid(DATA), algorithm, implicit(0, bytes));
  return sequence(oid(ENCRYPTED_DATA), explicit(0, sequence(integer(0), info)));
}

function certificateBag(certificate, attributes) {
  const value = sequence(oid(X509_CERTIFICATE), explicit(0, octetString(certificate)));
  return bag(CERTIFICATE_BAG, value, attributes);
}

/** RFC 7292 §4.2: a SafeBag. */
function bag(type, value, ...attributes) {
  return sequence(oid(type), explicit(0, value), ...attributes.filter(Boolean));
}

/** What encrypts under a password: each time with a salt and an IV of its own. */
async function encryptionBy(password) {
  const secret = new TextEncoder().encode(password);
  const base = await crypto.subtle.importKey("raw", secret, "PBKDF2", false, ["deriveKey"]);
  return async (plain) => {
    const salt = randomBytes(16);
    const iv = randomBytes(16);
    const derivation = { name: "PBKDF2", hash: "SHA-256", salt, iterations: ENCRYPTION_ROUNDS };
    const cipher = { name: "AES-CBC", length: 256 };
    const key = await crypto.subtle.deriveKey(derivation, base, cipher, false, ["encrypt"]);
    const bytes = await crypto.subtle.encrypt({ name: "AES-CBC", iv }, key, plain);
    return { algorithm: encryptionAlgorithm(salt, iv), bytes: new Uint8Array(bytes) };
  };
}

/** RFC 8018 §A.4: how it is encrypted. */
function encryptionAlgorithm(salt, iv) {
  const prf = sequence(oid(HMAC_SHA256), nothing());
  const derivation = sequence(octetString(salt), integer(ENCRYPTION_ROUNDS), prf);
  return sequence(
    oid(PBES2),
    sequence(
      sequence(oid(PBKDF2), derivation),
      sequence(oid(AES_256_CBC), octetString(iv)),
    ),
  );
}

/** RFC 7292 §4: MacData. */
async function macOf(bytes, password) {
  const salt = randomBytes(16);
  const secret = await pkcs12Key(password, salt, MAC_KEY, MAC_ROUNDS);
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", secret, algorithm, false, ["sign"]);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes));
  const digest = sequence(sequence(oid(SHA256), nothing()), octetString(mac));
  return sequence(digest, octetString(salt), integer(MAC_ROUNDS));
}
