# SPDX-License-Identifier: Apache-2.0
"""Decisions into CheckResponses: nothing Envoy could read as an allow that is none."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from authz.certs.failure import VerifyFailure
from authz.extauthz.encode import CONSTANT_DENIAL, DECISION_ID_LENGTH, encode
from authz.extauthz.upstream_headers import CF_CERT_HEADERS
from authz.pb.core_pb2 import HeaderValueOption
from authz.pb.ext_authz_pb2 import CheckResponse
from authz.policy.client import Client
from authz.policy.decision import DENIALS, BlockResponse, Decision, Reason
from tests.factories.decisions import ANONYMOUS, allowed, blocked, client, refused
from tests.factories.pki import intermediate, root

ID = b"0123456789abcdefghij"


def answer(decision: Decision) -> CheckResponse:
    return CheckResponse.FromString(encode(decision, ID))


def set_headers(response: CheckResponse) -> dict[str, str]:
    return {option.header.key: option.header.value for option in response.ok_response.headers}


def test_the_id_has_the_length_answers_are_put_together_with() -> None:
    assert len(ID) == DECISION_ID_LENGTH


# --- denials -------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_to_deny_is_a_denied_response_with_a_status(reason: Reason) -> None:
    response = answer(refused(reason))

    assert response.HasField("status")
    assert response.status.code == 7
    assert response.WhichOneof("http_response") == "denied_response"
    assert response.denied_response.status.code == DENIALS[reason].http_status
    assert response.denied_response.body.endswith("\n")
    assert response.dynamic_metadata["reason"] == reason.value
    assert response.dynamic_metadata["verdict"] == "deny"


def test_a_denial_without_a_certificate_is_unauthenticated() -> None:
    assert answer(blocked(client=ANONYMOUS)).status.code == 16


@pytest.mark.parametrize(
    "presented",
    [client(), client(revoked=True), client(failure=VerifyFailure.UNKNOWN_ISSUER)],
    ids=["verified", "revoked", "unverified"],
)
def test_a_denial_with_a_certificate_is_permission_denied(presented: object) -> None:
    assert answer(blocked(client=presented)).status.code == 7


def test_a_rules_own_response_is_sent() -> None:
    own = BlockResponse(status_code=429, content_type="application/json", content='{"e":"ü"}')

    denied = answer(blocked(response=own)).denied_response

    assert denied.status.code == 429
    assert denied.body == '{"e":"ü"}'
    assert [(h.header.key, h.header.value) for h in denied.headers] == [
        ("content-type", "application/json")
    ]
    assert denied.headers[0].append_action == HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD


def test_a_content_type_cannot_end_the_header() -> None:
    own = BlockResponse(status_code=403, content_type="a/b\r\nset-cookie: x", content="")

    header = answer(blocked(response=own)).denied_response.headers[0].header

    assert header.value == "a/b%0D%0Aset-cookie: x"


def test_a_denial_sets_and_removes_no_request_headers() -> None:
    families = frozenset({"cf-cert", "client-cert"})

    assert not answer(blocked(upstream_headers=families)).HasField("ok_response")


def test_the_constant_denial_is_a_denial_with_a_status() -> None:
    response = CheckResponse.FromString(CONSTANT_DENIAL)

    assert response.status.code == 7
    assert response.denied_response.status.code == 403


# --- allowed -------------------------------------------------------------------------------


def test_an_allow_has_its_status_set_to_ok() -> None:
    response = answer(allowed())

    assert response.HasField("status")
    assert response.status.code == 0
    assert response.WhichOneof("http_response") in (None, "ok_response")


def test_nothing_goes_upstream_unless_the_site_asks_for_it() -> None:
    assert not answer(allowed()).HasField("ok_response")


def test_the_headers_of_two_certificates_are_not_mixed_up() -> None:
    families = frozenset({"cf-cert"})
    names = []
    for name in ("alice", "bob", "alice"):
        one = client(root().client(name))
        names.append(
            set_headers(answer(allowed(client=one, upstream_headers=families)))[
                "cf-cert-subject-dn"
            ]
        )

    assert names[0] == names[2] != names[1]


def test_the_headers_of_two_sent_chains_are_not_mixed_up() -> None:
    families = frozenset({"client-cert"})
    with_chain = client(sent_chain=(intermediate().der,))

    first = set_headers(answer(allowed(client=with_chain, upstream_headers=families)))
    second = set_headers(answer(allowed(client=client(), upstream_headers=families)))

    assert "client-cert-chain" in first
    assert "client-cert-chain" not in second


@pytest.mark.parametrize(
    "families",
    [
        frozenset({"cf-cert"}),
        frozenset({"client-cert"}),
        frozenset({"cf-cert", "client-cert"}),
    ],
)
@pytest.mark.parametrize(
    "presented",
    [None, ANONYMOUS, client(), client(revoked=True), client(failure=VerifyFailure.EXPIRED)],
    ids=["unknown", "anonymous", "verified", "revoked", "expired"],
)
def test_no_header_is_both_set_and_removed(families: frozenset[str], presented: object) -> None:
    response = answer(allowed(client=presented, upstream_headers=families)).ok_response
    wanted = {option.header.key for option in response.headers}
    removed = list(response.headers_to_remove)

    assert not wanted & set(removed)
    assert len(removed) == len(set(removed))
    assert wanted | set(removed) >= {*CF_CERT_HEADERS, "client-cert", "client-cert-chain"}


def test_what_is_remembered_is_bounded() -> None:
    from authz.extauthz import encode as module

    families = frozenset({"cf-cert"})
    one = client()
    for number in range(module._REMEMBERED_LIMIT + 5):
        chain = (number.to_bytes(4),)
        judgement = replace(one.judgement, sent_chain=chain)
        encode(allowed(client=Client(judgement, False, None), upstream_headers=families), ID)

    assert len(module._remembered) <= module._REMEMBERED_LIMIT


# --- dynamic metadata ----------------------------------------------------------------------


def test_the_access_log_learns_what_was_decided_and_why() -> None:
    presented = client()
    assert presented.certificate is not None

    decision = blocked(client=presented, logged=("watch", "count"))
    metadata = dict(answer(decision).dynamic_metadata.items())

    assert list(metadata.pop("logged")) == ["watch", "count"]
    assert metadata == {
        "decision_id": ID.decode(),
        "verdict": "deny",
        "reason": "rule",
        "site": "api",
        "action": "block",
        "rule": "protect-admin",
        "generation": 7.0,
        "verified": True,
        "fingerprint": presented.certificate.fingerprint_sha256,
    }


def test_an_unverified_certificate_is_named_by_fingerprint_and_failure() -> None:
    presented = client(failure=VerifyFailure.UNKNOWN_ISSUER)
    assert presented.certificate is not None

    metadata = answer(blocked(client=presented)).dynamic_metadata

    assert metadata["fingerprint"] == presented.certificate.fingerprint_sha256
    assert (metadata["presented"], metadata["failure"]) == (True, "unknown_issuer")
    assert "verified" not in metadata


def test_what_is_empty_or_false_is_left_out() -> None:
    metadata = answer(blocked(client=ANONYMOUS)).dynamic_metadata

    assert set(metadata) == {
        "verdict",
        "reason",
        "site",
        "action",
        "rule",
        "generation",
        "failure",
        "decision_id",
    }


def test_a_revoked_certificate_is_verified_and_revoked() -> None:
    metadata = answer(blocked(client=client(revoked=True))).dynamic_metadata

    assert (metadata["verified"], metadata["revoked"]) == (True, True)


def test_the_usual_allow_fits_into_a_frame_that_is_sent_together_with_others() -> None:
    """The native transport copies what is shorter than 256 bytes with its gRPC prefix of five."""
    usual = allowed(client=client())

    assert len(encode(usual, ID, ())) <= 250


def test_every_key_has_its_row_in_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/answer-metadata.md").read_text()
    rows = set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE))
    keys: set[str] = set()
    for decision in (
        blocked(logged=("a",)),
        blocked(client=client(revoked=True)),
        blocked(client=client(failure=VerifyFailure.EXPIRED)),
    ):
        keys |= set(answer(decision).dynamic_metadata)

    assert keys == rows


def test_answers_of_two_generations_are_not_mixed_up() -> None:
    first = answer(allowed(generation=1)).dynamic_metadata["generation"]
    second = answer(allowed(generation=2)).dynamic_metadata["generation"]

    assert (first, second) == (1.0, 2.0)


# --- what is taken off the request ----------------------------------------------------------


def removed(*given: object) -> set[str]:
    response = CheckResponse.FromString(encode(allowed(**given[0]), ID, *given[1:]))  # type: ignore[arg-type]
    return set(response.ok_response.headers_to_remove)


def test_what_is_to_be_removed_is_removed_and_nothing_else() -> None:
    assert removed({}, ("cf-cert-verified", "cf_cert_verified")) == {
        "cf-cert-verified",
        "cf_cert_verified",
    }
    assert removed({}, ()) == set()


def test_a_site_that_sends_headers_removes_the_names_it_does_not_set() -> None:
    names = removed({"upstream_headers": frozenset({"cf-cert"})}, ("client-cert", "client_cert"))

    assert names >= {"client-cert", "client-cert-chain", "client_cert"}
    assert "cf-cert-verified" not in names
