# SPDX-License-Identifier: Apache-2.0
"""Signing: the embedded certificate authority, its CRLs and OCSP answers.

Everything here is computed: no I/O, no store, no clock (`at` is Unix seconds), no logging. Random
numbers are drawn for keys and serial numbers. Certificates go in and out as
`authz.certs.certificate.Certificate` (`.der`, `.serial_number`, `.not_after_at`, ...), all else as
bytes and plain values, so that nobody outside needs a cryptography library. RFC 5280, RFC 2986,
RFC 6960. The public functions, module by module:

    key_kinds.py  KeyKind, DEFAULT_KEY_KIND, parse_key_kind(text) -> KeyKind
    keys.py       generate_key(kind) -> LocalSigner
                  load_key(pem, passphrase=None) -> LocalSigner       .to_pem(passphrase=None)
                  KeyEncryption.from_passphrase(text) | .from_key_file(data)
                      .encrypt(signer, bound_to=) -> bytes     .decrypt(record, bound_to=)
                  Signer: what a PKCS#11 token would have to offer (`spki`, `sign`)
    reasons.py    RevocationReason, parse_reason(text), check_revocable(reason)
    names.py      Subject.of("alice", organization="Acme"), AlternativeNames(dns=...), KeptName
    profiles.py   ROOT, INTERMEDIATE, CLIENT, OCSP; ProfileSettings(...).validated() -> Profile
    csr.py        read_csr(text or bytes) -> CsrFacts
    issuance.py   prepare(CertificateRequest(...), profile=, issuer=, chain=, at=, urls=)
                      -> Prepared
                  issue(prepared, signer) -> Certificate
                  PublicationUrls(crl=, ocsp=, issuer=)
    rsa_keys.py   weakness(n, e): what is wrong with an RSA key
    authority.py  create_root(...), create_intermediate(...), import_authority(...), rotate(...)
                  -> NewAuthority; cross_certify(...) -> Certificate; trusted_until(...);
                  chain_above(certificate, others)
    uploaded.py   check_uploaded(pem, at=) -> UploadedAuthority: an authority of the user's own
    description.py  describe(certificate) -> CertificateFacts, in Cloudflare's forms
    crl.py        build_crl(issuer, signer, revoked, number=, ...) -> DER
    ocsp.py       answer(request, responders, find, at=, ...) -> DER; issue_responder(...)
    bundle.py     pem_bundle(certificate, chain), pkcs12(...)
    expiry.py     expiry_warning(not_after, at) -> ExpiryLevel | None
    lints/        what is looked at before anything is signed

To issue a certificate to a CSR:

    facts = read_csr(text)
    request = CertificateRequest(subject=facts.subject, names=facts.names, spki=facts.spki, days=90)
    prepared = prepare(request, profile=CLIENT, issuer=authority.certificate, at=at, urls=urls)
    certificate = issue(prepared, key_encryption.decrypt(record, bound_to=authority_id))

`prepare` needs no private key and raises everything a caller can be blamed for; `prepared.serial`
is known then, so that it can be committed before anything is signed. `issue` redeems `prepared`
once. Errors are the `IssuanceError` and `CertificateError` branches of authz/errors.py.
"""
