# SPDX-License-Identifier: Apache-2.0
"""Which sets can say "revoked", and until when that is all there is to ask."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from authz.certs.authority import OcspStatus
from authz.certs.certificate import Certificate
from authz.certs.judgement import judge
from authz.certs.outlook import SMALL, Outlook, outlook_of
from authz.certs.revocation import revocation_of
from authz.certs.serials import pack_serials
from authz.certs.trust import AuthorityModel, RevocationMode, compile_trust
from authz.policy.client import settle
from tests.factories.pki import AT, DAY, authority, intermediate, presented, root

_CA = intermediate()
_SERIAL = 0xA11CE
_ALICE = _CA.client("alice", serial=_SERIAL)
_CA_SERIAL = Certificate.from_der(_CA.der).serial_number
_ALICE_PRESENTED = presented(_ALICE, _CA)


def test_an_unverified_certificate_has_nothing_to_ask() -> None:
    bundle = compile_trust([])

    outlook = outlook_of(judge(_ALICE_PRESENTED, bundle, AT), bundle, AT)

    assert (outlook.lookups, outlook.valid_from, outlook.valid_until) == ((), -math.inf, math.inf)


def test_every_certificate_but_the_anchor_is_asked_about() -> None:
    model = authority(
        root(), _CA, revoked_serials=[1], crls=[_CA.crl([2]).der, root().crl([3]).der]
    )
    bundle = compile_trust([model])

    outlook = outlook_of(judge(_ALICE_PRESENTED, bundle, AT), bundle, AT)

    assert [serial for _, serial in outlook.lookups] == [_SERIAL, _CA_SERIAL]
    assert bundle.listed == {1, 2, 3}


def test_a_large_list_is_asked_by_itself() -> None:
    crl = _CA.crl(range(1, SMALL + 2)).der
    bundle = compile_trust([authority(root(), _CA, crls=[crl], revoked_serials=[9_999])])

    outlook = outlook_of(judge(_ALICE_PRESENTED, bundle, AT), bundle, AT)

    assert bundle.listed == {9_999}
    assert [serial for _, serial in outlook.lookups] == [_SERIAL, _SERIAL, _CA_SERIAL]


def test_many_serials_of_an_authority_are_asked_by_themselves() -> None:
    many = list(range(1, SMALL + 1))
    for model in (
        authority(root(), _CA, revoked_serials=[*many, _SERIAL]),
        replace(authority(root(), _CA), revoked_base=pack_serials([*many, _SERIAL])),
    ):
        bundle = compile_trust([model])

        outlook = outlook_of(judge(_ALICE_PRESENTED, bundle, AT), bundle, AT)

        assert bundle.listed == frozenset()
        asked = [(has(serial), serial) for has, serial in outlook.lookups]
        assert (True, _SERIAL) in asked
        assert (False, _CA_SERIAL) in asked


def test_it_ends_when_a_list_goes_stale_and_when_one_comes_into_force() -> None:
    now = _CA.crl([2], next_update=AT + 2 * DAY, number=1).der
    later = _CA.crl([2], this_update=AT + DAY, next_update=AT + 9 * DAY, number=2).der
    bundle = compile_trust([authority(root(), _CA, crls=[now, later])])
    judgement = judge(_ALICE_PRESENTED, bundle, AT)

    assert outlook_of(judgement, bundle, AT).valid_until == AT + DAY
    stale = outlook_of(judgement, bundle, AT + DAY).valid_until
    assert AT + 2 * DAY < stale <= math.nextafter(AT + 2 * DAY, math.inf)


def test_an_ocsp_answer_ends_it_and_one_that_revokes_is_asked() -> None:
    def outlook(**changes: Any) -> Outlook:
        status = OcspStatus(
            issuer=hashlib.sha256(Certificate.from_der(_CA.der).spki).digest(),
            serial=_SERIAL.to_bytes(20),
            this_update=AT,
            until=AT + DAY,
            **changes,
        )
        model = replace(authority(root(), _CA), ocsp="certificate", ocsp_statuses=(status,))
        bundle = compile_trust([model])
        return outlook_of(judge(_ALICE_PRESENTED, bundle, AT), bundle, AT)

    good, revoked = outlook(revoked=False), outlook(revoked=True)

    assert good.valid_until == math.nextafter(AT + DAY, math.inf)
    assert not any(has(serial) for has, serial in good.lookups)
    assert len(good.lookups) == 2
    assert revoked.valid_until == math.inf
    assert any(has(serial) for has, serial in revoked.lookups)


_DAYS = st.integers(-3, 3).map(lambda n: AT + n * DAY)


@st.composite
def _models(draw: st.DrawFn) -> AuthorityModel:
    crls = [
        _CA.crl(
            draw(st.lists(st.sampled_from([_SERIAL, 1, 2]), max_size=2, unique=True)),
            this_update=start,
            next_update=start + draw(st.integers(1, 4)) * DAY,
            number=draw(st.integers(1, 4)),
        ).der
        for start in draw(st.lists(_DAYS, max_size=3))
    ]
    statuses = [
        OcspStatus(
            issuer=hashlib.sha256(Certificate.from_der(_CA.der).spki).digest(),
            serial=draw(st.sampled_from([_SERIAL, 1])).to_bytes(20),
            revoked=draw(st.booleans()),
            this_update=start,
            until=start + draw(st.integers(1, 4)) * DAY,
        )
        for start in draw(st.lists(_DAYS, max_size=2))
    ]
    model = authority(
        root(),
        _CA,
        crls=crls,
        revoked_serials=draw(st.lists(st.sampled_from([_SERIAL, 9]), max_size=2, unique=True)),
        revocation=draw(st.sampled_from(RevocationMode)),
    )
    required = draw(st.sampled_from(["", "certificate"]))
    return replace(model, ocsp=required, ocsp_statuses=tuple(statuses))


@given(model=_models(), moments=st.lists(_DAYS, min_size=1, max_size=4))
def test_asking_by_the_outlook_is_asking_anew(model: AuthorityModel, moments: list[float]) -> None:
    bundle = compile_trust([model])
    judgement = judge(_ALICE_PRESENTED, bundle, AT)
    settled = settle(judgement, bundle, moments[0])

    for at in moments:
        if not settled.valid_from <= at < settled.valid_until:
            settled = settle(judgement, bundle, at)
        status = revocation_of(judgement, bundle, at)
        if not any(has(serial) for has, serial in settled.lookups):
            assert not status.revoked
            assert settled.failure is status.failure
