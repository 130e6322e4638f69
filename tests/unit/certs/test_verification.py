# SPDX-License-Identifier: Apache-2.0
"""Which reason is named when there are several; the reasons are in tests/vectors/certs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from cryptography import x509

from authz.certs.certificate import Certificate
from authz.certs.failure import VerifyFailure
from authz.certs.trust import AuthorityModel, compile_trust
from authz.certs.verification import Verification, _explain, verify
from authz.demo.pki import SERVER_AUTH, Issued
from tests.factories.pki import AT, DAY, authority, fixed_key, intermediate, root


def _verify(
    leaf: Issued, *sent: Issued, models: list[AuthorityModel] | None = None
) -> Verification:
    bundle = compile_trust([authority()] if models is None else models)
    read = [Certificate.from_der(one.der) for one in sent]
    return verify(Certificate.from_der(leaf.der), read, bundle, AT, 8)


def test_a_path_is_leaf_first_and_anchor_last() -> None:
    ca = intermediate()

    found = _verify(ca.client("alice"), ca)

    assert [one.subject_dn for one in found.paths[0].certificates] == [
        "CN=alice",
        "CN=Test Issuing CA",
        "CN=Test Root CA",
    ]
    assert (found.paths[0].authority, found.failure) == ("acme", None)


def test_the_authority_is_that_of_the_anchor() -> None:
    models = [authority(), authority(root("Other"), name="other")]

    assert _verify(root("Other").client("a"), models=models).paths[0].authority == "other"


def test_a_path_leads_through_what_it_has_to() -> None:
    ours, sibling = intermediate(), intermediate("Sibling CA")
    below = ours.intermediate("Below")
    model = replace(authority(root(), ours), through=(ours.der,))

    for leaf, sent in ((ours.client("a"), ()), (below.client("b"), (below,))):
        assert _verify(leaf, *sent, models=[model]).failure is None
    for leaf, sent in ((sibling.client("c"), (sibling,)), (root().client("d"), ())):
        found = _verify(leaf, *sent, models=[model])
        assert (found.failure, found.paths) == (VerifyFailure.UNKNOWN_ISSUER, ())
        assert _verify(leaf, *sent, models=[authority(root(), ours)]).failure is None


def test_judgements_are_made_anew_when_paths_have_to_lead_elsewhere() -> None:
    ours = intermediate()
    models = [authority(root(), ours), replace(authority(root(), ours), through=(ours.der,))]

    assert len({compile_trust([one]).digest for one in models}) == 2


def test_nobody_is_verified_by_an_empty_bundle() -> None:
    assert _verify(root().client("a"), models=[]).failure is VerifyFailure.UNKNOWN_ISSUER


@pytest.mark.parametrize(
    ("issuer", "changes", "failure"),
    [
        ("Other", {"not_after": AT - 1, "eku": [SERVER_AUTH]}, VerifyFailure.UNKNOWN_ISSUER),
        ("Test Root CA", {"not_after": AT - 1, "eku": [SERVER_AUTH]}, VerifyFailure.WRONG_USAGE),
        ("Test Root CA", {"not_after": AT - 1}, VerifyFailure.EXPIRED),
    ],
)
def test_who_comes_before_what_and_what_before_when(
    issuer: str, changes: dict[str, object], failure: VerifyFailure
) -> None:
    leaf = root(issuer).client("a", **changes)  # type: ignore[arg-type]

    assert _verify(leaf).failure is failure


def test_of_several_paths_the_nearest_to_good_gives_the_reason() -> None:
    key = fixed_key("two ways")
    server = root().intermediate("CA", key=key, eku=[SERVER_AUTH])
    expired = root().intermediate("CA", key=key, not_after=AT - DAY)
    leaf = server.client("a")

    assert _verify(leaf, server).failure is VerifyFailure.WRONG_USAGE
    assert _verify(leaf, server, expired).failure is VerifyFailure.EXPIRED
    assert _verify(leaf, expired, server).failure is VerifyFailure.EXPIRED


def test_a_name_in_a_detail_is_bounded() -> None:
    long = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "x" * 60_000)])
    leaf = root().client("a", issuer_name=long)

    found = _verify(leaf)

    assert found.failure is VerifyFailure.UNKNOWN_ISSUER
    assert len(found.detail) < 400


@pytest.mark.parametrize(
    ("at", "failure"),
    [
        (AT, None),
        (1e15, VerifyFailure.EXPIRED),
        (-1e15, VerifyFailure.NOT_YET_VALID),
        (math.inf, VerifyFailure.EXPIRED),
        (math.nan, VerifyFailure.UNSUPPORTED),
    ],
)
def test_any_time_has_an_answer(at: float, failure: VerifyFailure | None) -> None:
    bundle = compile_trust([authority()])
    leaf = Certificate.from_der(root().client("a").der)

    assert verify(leaf, [], bundle, at, 8).failure is failure


def test_a_refusal_of_the_library_that_we_do_not_know_is_not_repeated() -> None:
    problem = _explain("something new about <Name(CN=evil)>")

    assert problem.failure is VerifyFailure.UNSUPPORTED
    assert "evil" not in problem.detail
