# SPDX-License-Identifier: Apache-2.0
"""Runs tests/vectors/certs: one test a vector, and OpenSSL's opinion beside ours."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from authz import errors
from authz.certs.certificate import Certificate
from authz.certs.judgement import judge
from authz.certs.ocsp import read_answer
from authz.certs.pem import split_crls, split_pem
from authz.certs.presented import CertificateLimits
from authz.certs.revocation import revocation_of
from authz.certs.trust import AuthorityModel, RevocationMode, TrustBundle, compile_trust
from tests.conftest import absent
from tests.factories.pki import presented_pem
from tests.vectors import build_certs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.certs.authority import OcspStatus

FOLDER = Path(__file__).parent.parent / "vectors" / "certs"
VECTORS: list[dict[str, Any]] = [
    vector
    for path in sorted(FOLDER.glob("*.json"))
    for vector in json.loads(path.read_text())["cases"]
]
KEYS = {
    "id",
    "description",
    "clause",
    "trusted",
    "intermediates",
    "peer",
    "crls",
    "revoked_serials",
    "revocation",
    "at",
    "expect",
    "openssl",
    "differs",
    "ocsp",
}


def _name(vector: dict[str, Any]) -> str:
    return str(vector["id"])


def _bundle(vector: dict[str, Any]) -> TrustBundle:
    return compile_trust(
        [
            AuthorityModel(
                name="vector",
                certificates=tuple(split_pem(pem.encode())[0] for pem in vector["trusted"]),
                crls=tuple(split_crls(pem.encode())[0] for pem in vector["crls"]),
                revoked_serials=tuple(int(serial, 16) for serial in vector["revoked_serials"]),
                revocation=RevocationMode(vector["revocation"]),
                crl_sources_configured=len(vector["crls"]),
                ocsp="certificate" if "ocsp" in vector else "",
                ocsp_statuses=tuple(_statuses(vector)),
            )
        ]
    )


def _statuses(vector: dict[str, Any]) -> Iterator[OcspStatus]:
    """What the answers of a vector that can be believed say, its issuer being the first CA."""
    for answer in vector.get("ocsp", []):
        peer, issuer = (
            Certificate.from_der(split_pem(pem.encode())[0])
            for pem in (vector["peer"], vector["trusted"][0])
        )
        with contextlib.suppress(errors.CertificateError):
            found = read_answer(base64.b64decode(answer), peer, issuer, at=vector["at"], where="")
            if status := found.about(peer, issuer):
                yield status


@pytest.mark.parametrize("vector", VECTORS, ids=_name)
def test_a_vector_gives_what_it_expects(vector: dict[str, Any]) -> None:
    assert vector.keys() <= KEYS
    expect = dict(vector["expect"])
    if error := expect.pop("load_error", None):
        with pytest.raises(getattr(errors, error)) as raised:
            _bundle(vector)
        assert type(raised.value).__name__ == error
        assert raised.value.hint
        return
    bundle = _bundle(vector)
    peer = presented_pem(vector["peer"], *vector["intermediates"])

    judgement = judge(peer, bundle, vector["at"], CertificateLimits())
    status = revocation_of(judgement, bundle, vector["at"])

    failure = judgement.failure or status.failure
    found: dict[str, Any] = {"verified": failure is None, "revoked": status.revoked}
    if failure is not None:
        found["failure"] = failure.value
    if "path" in expect:
        found["path"] = [certificate.subject_dn for certificate in judgement.path]
    assert found == expect, judgement.detail or status.detail


@pytest.mark.parametrize("vector", VECTORS, ids=_name)
def test_openssl_agrees_or_the_vector_says_why_not(vector: dict[str, Any]) -> None:
    if vector["openssl"] is None:
        assert "differs" not in vector
        return
    expect = vector["expect"]
    ours = "OK" if expect.get("verified") and not expect["revoked"] else "FAIL"

    assert (vector["openssl"] != ours) == ("differs" in vector)


def test_every_failure_of_a_path_has_a_vector() -> None:
    failures = {vector["expect"].get("failure") for vector in VECTORS} - {None}

    # The other two need no path: tests/unit/certs/test_judgement.py has them.
    assert failures == {
        "bad_signature",
        "constraint_violated",
        "crl_stale",
        "expired",
        "malformed",
        "not_yet_valid",
        "ocsp_missing",
        "too_large",
        "unknown_issuer",
        "unsupported",
        "wrong_usage",
    }


def test_ids_are_unique_and_described() -> None:
    ids = [vector["id"] for vector in VECTORS]

    assert len(ids) == len(set(ids))
    assert all(vector["description"] and vector["clause"] for vector in VECTORS)


def test_the_files_are_what_the_builder_makes() -> None:
    if shutil.which("openssl") is None:
        absent("openssl", "needs the openssl command")

    made = build_certs.documents()

    assert sorted(made) == sorted(path.stem for path in FOLDER.glob("*.json"))
    for name, cases in made.items():
        stored = json.loads((FOLDER / f"{name}.json").read_text())["cases"]
        # What OpenSSL says depends on its version; what it is asked does not.
        for case in (*cases, *stored):
            case.pop("openssl")
        assert cases == stored
