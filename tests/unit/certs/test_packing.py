# SPDX-License-Identifier: Apache-2.0
"""An authority that was packed says what it said before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from authz.certs import packing
from authz.certs.judgement import judge
from authz.certs.packing import pack_authority
from authz.certs.revocation import revocation_of
from authz.certs.serials import MAX_CHANGES
from authz.certs.trust import compile_trust
from authz.errors import CertificateError
from tests.factories.pki import AT, DAY, authority, intermediate, presented, root

MANY = range(10**20, 10**20 + MAX_CHANGES + 1)


def revoked(model: object, serial: int) -> bool:
    bundle = compile_trust([model])  # type: ignore[list-item]  # an authority
    judgement = judge(presented(root().client("alice", serial=serial)), bundle, AT)
    return revocation_of(judgement, bundle, AT).revoked


def test_crls_and_serials_mean_what_they_meant() -> None:
    complete = root().crl([5, 6], number=9).der
    delta = root().crl([7], removed=[6], number=10, base_number=9).der
    model = authority(crls=[complete, delta], revoked_serials=[*MANY, 11])

    packed = pack_authority(model)

    assert packed.revoked_base is not None
    assert packed.revoked_serials == ()
    assert len(packed.read_crls) == 2
    without_der = replace(packed, crls=())
    for serial in (5, 6, 7, 8, 11, MANY[0], MANY[-1] + 1):
        assert revoked(without_der, serial) is revoked(model, serial)


def test_few_serials_stay_as_they_are() -> None:
    packed = pack_authority(authority(revoked_serials=[5], crls=[root().crl([6]).der]))

    assert (packed.revoked_base, packed.revoked_serials) == (None, (5,))


def test_what_is_the_same_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model = authority(crls=[root().crl([5]).der], revoked_serials=MANY)
    first = pack_authority(model)
    monkeypatch.setattr(packing, "read_crl", None)

    again = pack_authority(replace(model, revoked_serials=(*MANY, 3)), first)

    assert again.read_crls == first.read_crls
    assert again.revoked_base is first.revoked_base
    assert again.revoked_serials == (3,)


def test_a_crl_is_read_again_when_the_certificates_changed() -> None:
    signed_by_other = intermediate().crl([5]).der
    first = pack_authority(authority(root(), intermediate(), crls=[signed_by_other]))

    with pytest.raises(CertificateError, match="issued by none of this authority"):
        pack_authority(authority(root(), crls=[signed_by_other]), first)


def test_a_crl_that_changed_is_read() -> None:
    first = pack_authority(authority(crls=[root().crl([5]).der]))
    later = root().crl([6], number=2, this_update=AT - 60, next_update=AT + DAY).der

    again = pack_authority(authority(crls=[later]), first)

    assert revoked(again, 6)
    assert not revoked(again, 5)
