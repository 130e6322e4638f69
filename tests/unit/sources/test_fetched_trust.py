# SPDX-License-Identifier: Apache-2.0
"""What is there of fetched files, for an authority that asks again and again; what it means for one
of a policy file is in test_policy_fetched."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from authz.certs.authority import CRLS_OF_CERTIFICATES, AuthorityModel, OcspStatus
from authz.sources import fetched_trust as module
from authz.sources.fetch_targets import AuthorityId
from authz.sources.fetched import Header, Stored, UnchangedFiles
from authz.sources.fetched_trust import FetchedTrust
from authz.sources.policy_trust import packed_where_large
from tests.factories.pki import AT, authority, root

if TYPE_CHECKING:
    from pathlib import Path

    from authz.certs.authority import CrlModel

URL = "http://crl.example/ca.crl"
OTHER = "http://crl.example/other.crl"
ACME = AuthorityId(site="", authority="acme")
MODEL = replace(authority(), crl_urls=(URL,))


class _Place:
    """The files, and how often a CRL was read."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files = UnchangedFiles(directory)
        self.trust = FetchedTrust(self.files)
        self.read = 0
        read_crl = module.read_crl

        def counted(*arguments: object, **options: object) -> CrlModel:
            self.read += 1
            return read_crl(*arguments, **options)  # type: ignore[arg-type]  # passed on as they are

        monkeypatch.setattr(module, "read_crl", counted)
        monkeypatch.setattr("authz.certs.packing.read_crl", counted)

    def store(self, body: bytes, url: str = URL) -> None:
        self.files.store(Stored(header=Header(url=url, fetched_at=AT), body=body))

    def built(
        self, model: AuthorityModel = MODEL, earlier: AuthorityModel | None = None
    ) -> AuthorityModel:
        self.trust.begin()
        added = self.trust.add(model, ACME, earlier)
        return packed_where_large(added.model, added.earlier)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Place:
    return _Place(tmp_path, monkeypatch)


@pytest.mark.parametrize("serials", [3, 2000])
def test_an_unchanged_crl_is_read_once_whatever_else_changes(place: _Place, serials: int) -> None:
    place.store(root().crl(range(1, serials + 1)).der)
    first = place.built()
    second = place.built(replace(MODEL, revoked_serials=(7,)), first)

    assert place.read == 1
    assert second.crls[0] is first.crls[0]
    assert [id(one) for one in second.read_crls] == [id(one) for one in first.read_crls]
    assert bool(second.read_crls) is (serials == 2000)
    assert second.revoked_serials == (7,)

    place.store(root().crl(range(1, serials + 2), number=2).der)
    third = place.built(MODEL, second)
    assert place.read == 2
    assert third.crls[0] != first.crls[0]


def test_the_hash_of_the_same_bytes_is_not_computed_again(
    place: _Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.store(root().crl(range(1, 2001)).der)
    first = place.built()

    class Unused:
        def sha256(self, _: bytes) -> None:
            raise AssertionError("hashed")

    for name in ("authz.sources.fetched_trust.hashlib", "authz.certs.packing.hashlib"):
        monkeypatch.setattr(name, Unused())
    assert place.built(MODEL, first) == first


def test_other_certificates_read_it_anew(place: _Place) -> None:
    place.store(root().crl().der)
    place.built()
    other = replace(MODEL, certificates=(root("Other Root CA").der,))

    assert place.built(other).crls == ()
    assert place.read == 2


def test_what_others_signed_does_not_take_this_authoritys_crl_away(place: _Place) -> None:
    """Another authority named the URL as well, or a certificate of this one is gone."""
    mine = root().crl([7])
    place.store(root("Other Root CA").crl().pem + mine.pem)

    built = place.built()

    assert (built.crls, built.crl_sources_configured) == ((mine.der,), 1)


def test_what_certificates_name_is_added_and_nothing_of_it_is_missing(place: _Place) -> None:
    named = replace(MODEL, crl_urls=(CRLS_OF_CERTIFICATES, URL))
    crl = root().crl()
    place.files.store_urls(ACME, [OTHER, "http://crl.example/nothing"])
    place.store(crl.der, OTHER)

    added = place.trust.add(named, ACME, None)

    assert added.model.crls == (crl.der,)
    # The URL that the authority names is, and no CRL of another one stands in for it.
    assert added.missing == (1,)
    assert added.model.crl_sources_configured == 2


def test_where_nobody_fetches_every_url_is_missing() -> None:
    named = replace(MODEL, crl_urls=(CRLS_OF_CERTIFICATES, URL), ocsp="certificate")
    trust = FetchedTrust(None)
    trust.begin()

    added = trust.add(named, ACME, None)

    assert added.missing == (1,)
    assert (added.model.crls, added.model.ocsp_statuses, added.earlier) == ((), (), None)


def test_ocsp_answers(place: _Place) -> None:
    status = OcspStatus(issuer=b"i" * 32, serial=b"s", revoked=True, this_update=1.0, until=2.0)
    place.files.store_statuses(ACME, [status])

    assert place.built(replace(MODEL, ocsp="certificate")).ocsp_statuses == (status,)
    assert place.built().ocsp_statuses == ()
