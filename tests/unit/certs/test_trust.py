# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from authz.certs.trust import RevocationMode, compile_trust
from authz.demo.pki import make_root
from authz.errors import CertificateError, MalformedCertificateError
from tests.factories.pki import (
    AT,
    DAY,
    KeyKind,
    authority,
    fixed_key,
    intermediate,
    resign,
    root,
    slow_key,
)


def _names(certificates: object) -> list[str]:
    return [one.subject_dn for one in certificates]  # type: ignore[attr-defined]


def test_a_root_is_an_anchor_and_what_it_issued_an_intermediate() -> None:
    (compiled,) = compile_trust([authority(intermediate(), root())]).authorities

    assert _names(compiled.anchors) == ["CN=Test Root CA"]
    assert _names(compiled.intermediates) == ["CN=Test Issuing CA"]


def test_an_intermediate_alone_is_an_anchor() -> None:
    (compiled,) = compile_trust([authority(intermediate())]).authorities

    assert _names(compiled.anchors) == ["CN=Test Issuing CA"]
    assert compiled.intermediates == ()


def test_an_intermediate_of_another_authority_stays_an_anchor_of_its_own() -> None:
    bundle = compile_trust([authority(), authority(intermediate(), name="partial")])

    assert [len(one.anchors) for one in bundle.authorities] == [1, 1]


def test_cas_that_certify_each_other_are_all_anchors() -> None:
    first, second = fixed_key("one"), fixed_key("two")
    one = make_root("One", at=AT, key=first)
    two = one.intermediate("Two", key=second)
    one_by_two = two.intermediate("One", key=first)

    (compiled,) = compile_trust([authority(two, one_by_two)]).authorities

    assert _names(compiled.anchors) == ["CN=Two", "CN=One"]


def test_a_key_that_is_too_slow_is_loaded_and_told_of() -> None:
    """It was trusted before there was a bound: whatever else is trusted goes on counting."""
    slow = make_root("Slow", at=AT, key=slow_key(33))

    bundle = compile_trust([authority(slow, root())])

    assert _names(bundle.authorities[0].anchors) == ["CN=Slow", "CN=Test Root CA"]
    (note,) = bundle.notes
    assert note.where == "policy.yaml: trust acme"
    assert note.message.startswith("certificate 1 of 'acme' has a key that takes too long")
    assert note.message.endswith("(RSA 2048 with an exponent of 33 bits): nobody is verified by it")


def test_what_a_key_that_is_too_slow_issued_is_no_anchor() -> None:
    """Its issuer's CRLs and constraints would count no more."""
    slow = make_root("Slow", at=AT, key=slow_key(33))
    below = slow.intermediate("Below")

    (compiled,) = compile_trust([authority(below, slow)]).authorities

    assert _names(compiled.anchors) == ["CN=Slow"]
    assert _names(compiled.intermediates) == ["CN=Below"]


def test_a_root_of_the_same_name_as_one_that_is_too_slow_stays_an_anchor() -> None:
    slow = make_root("Same", at=AT, key=slow_key(33))
    successor = make_root("Same", at=AT, key=fixed_key("successor"))

    (compiled,) = compile_trust([authority(slow, successor)]).authorities

    assert compiled.intermediates == ()


def test_a_key_that_is_too_small_is_refused_still() -> None:
    weak = make_root("Weak", at=AT, key=fixed_key("weak", KeyKind.RSA1024))

    with pytest.raises(CertificateError, match="not supported"):
        compile_trust([authority(weak)])


def test_a_repeated_certificate_counts_once() -> None:
    (compiled,) = compile_trust([authority(root(), root())]).authorities

    assert len(compiled.anchors) == 1


def test_no_authorities_make_an_empty_bundle() -> None:
    bundle = compile_trust([])

    assert bundle.is_empty
    assert not compile_trust([authority()]).is_empty


def test_the_digest_changes_with_certificates_and_names_and_not_with_revocation() -> None:
    plain = compile_trust([authority()]).digest

    assert plain == compile_trust([authority()]).digest
    assert plain == compile_trust([authority(crls=[root().crl([1]).der])]).digest
    assert plain == compile_trust([authority(revocation=RevocationMode.OFF)]).digest
    others = [
        compile_trust([]).digest,
        compile_trust([authority(name="other")]).digest,
        compile_trust([authority(intermediate())]).digest,
        compile_trust([authority(root(), intermediate())]).digest,
        compile_trust([authority(root()), authority(intermediate(), name="b")]).digest,
    ]
    assert len({plain, *others}) == 6


def test_an_expired_anchor_is_allowed_and_can_be_asked_for() -> None:
    old = make_root("Old", at=AT, not_after=AT)
    bundle = compile_trust([authority(old, root())])

    assert not bundle.expired_anchors(AT)
    assert _names(bundle.expired_anchors(AT + 1)) == ["CN=Old"]


def test_a_root_with_serial_number_zero_is_trusted() -> None:
    key = fixed_key("zero")
    made = make_root("Zero", at=AT, key=key, serial=0x33)
    data = resign(made.certificate, key, (bytes.fromhex("020133"), bytes.fromhex("020100")))
    model = authority(root())
    bundle = compile_trust([type(model)(name="zero", certificates=(data,))])

    assert len(bundle.authorities[0].anchors) == 1


def test_an_error_says_which_certificate_of_which_authority() -> None:
    model = authority(root(), root().client("alice"))

    with pytest.raises(CertificateError, match=r"certificate 2 of 'acme'.*not a CA") as raised:
        compile_trust([model])

    assert raised.value.where == model.where
    assert raised.value.hint


def test_junk_is_malformed_and_hinted() -> None:
    with pytest.raises(MalformedCertificateError) as raised:
        compile_trust([type(authority())(name="a", certificates=(b"junk",))])

    assert raised.value.hint


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ([authority(), authority(root("Other"))], "two authorities are named 'acme'"),
        ([authority(), authority(name="other")], "is an anchor of 'acme' as well"),
        ([type(authority())(name="none", certificates=())], "has no certificates"),
    ],
)
def test_what_contradicts_itself_is_refused(models: list[object], message: str) -> None:
    with pytest.raises(CertificateError, match=message) as raised:
        compile_trust(models)  # type: ignore[arg-type]

    assert raised.value.hint


def test_what_is_configured_in_vain_is_noted() -> None:
    def notes(*crls: bytes, mode: RevocationMode = RevocationMode.STRICT) -> list[str]:
        bundle = compile_trust([authority(crls=crls, revocation=mode)])
        return [note.message for note in bundle.notes]

    assert notes(root().crl().der) == []
    assert "its complete CRL is missing" in notes(root().crl(number=2, base_number=1).der)[0]
    assert (
        "without a number" in notes(root().crl().der, root().crl(number=None, base_number=1).der)[0]
    )
    assert "revocation is off" in notes(root().crl().der, mode=RevocationMode.OFF)[0]


def test_crl_next_updates_are_by_authority() -> None:
    crl = root().crl(next_update=AT + DAY).der
    bundle = compile_trust([authority(crls=[crl]), authority(root("Other"), name="other")])

    assert bundle.crl_next_updates() == {"acme": AT + DAY}


def test_the_first_anchor_of_an_authority_to_expire_counts() -> None:
    first, last = (make_root(str(end), at=AT, not_after=AT + end * DAY) for end in (1, 2))

    assert compile_trust([authority(last, first)]).anchor_ends() == {"acme": AT + DAY}
    assert compile_trust([]).anchor_ends() == {}
