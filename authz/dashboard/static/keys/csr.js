// SPDX-License-Identifier: Apache-2.0
/** A certificate signing request (PKCS #10, RFC 2986), signed by its own key. */

import { generalNames } from "./alternative_names.js";
import { explicit, integer, octetString, oid, sequence, setOf, utf8String } from "./der.js";
import { writePem } from "./pem.js";

const COMMON_NAME = "2.5.4.3";
const SUBJECT_ALTERNATIVE_NAME = "2.5.29.17";
const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";

/** RFC 5280, appendix A.1: of a common name, in characters. */
export const MAX_COMMON_NAME = 64;

/**
 * A request in PEM.
 *
 * @param {KeyPair} pair of key_pair.js
 * @param {{commonName: string, names?: object[]}} asked names as alternative_names.js reads them
 */
export async function makeCsr(pair, { commonName, names = [] }) {
  const attribute = sequence(oid(COMMON_NAME), utf8String(commonName));
  const subject = sequence(setOf(attribute));
  // §4.1: [0] IMPLICIT, and there also when it is empty.
  const attributes = explicit(0, ...(names.length ? [extensionRequest(names)] : []));
  const info = sequence(integer(0), subject, await pair.publicKey(), attributes);
  return writePem(await pair.signed(info), "CERTIFICATE REQUEST");
}

/** RFC 2985 §5.4.2: the extensions that the certificate is to have. */
function extensionRequest(names) {
  const extension = sequence(oid(SUBJECT_ALTERNATIVE_NAME), octetString(generalNames(names)));
  return sequence(oid(EXTENSION_REQUEST), setOf(sequence(extension)));
}
