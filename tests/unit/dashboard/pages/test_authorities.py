# SPDX-License-Identifier: Apache-2.0
"""The pages of authorities: the account's, one of either kind, their files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from authz.certs.pem import write_pem
from authz.dashboard.pages import authorities
from authz.demo.pki import make_root
from authz.services.authorities import set_sources
from authz.services.authority_creation import create_authority, upload_authority
from authz.services.authority_lifecycle import rotate_authority, set_status
from authz.services.backend import Backend
from authz.services.crls import sign_crl
from authz.services.distrust import distrust_authority
from authz.services.permissions import EVERYTHING, Resource
from authz.services.revocation import revoke_serial
from authz.services.root_rotation import rotate_root
from authz.sources.fetched import FetchedFiles, Header, Stored
from tests.factories.dashboard import READ_ONLY
from tests.factories.issuing import issuing, root
from tests.factories.pki import AT

if TYPE_CHECKING:
    from pathlib import Path

    from authz.services.authorities import KnownAuthority
    from tests.factories.dashboard import Visitor

OWN = "/zones/{zone}/client-certificates/own-ca"


@pytest.fixture
def acme(visitor: Visitor) -> KnownAuthority:
    return visitor.bench.world.ca()


@pytest.fixture
def partner(visitor: Visitor) -> KnownAuthority:
    pem = "# of the partner\n" + "".join(
        write_pem(one.certificate.der, "CERTIFICATE") for one in (root(), issuing())
    )
    return upload_authority(visitor.bench.store, pem, name="Partner", actor="test", at=AT)


def _page(known: KnownAuthority, name: str = "") -> str:
    where = "" if known.zone is None else f"/zones/{known.zone.id}"
    return f"{where}/authorities/{known.authority.id}{name}"


def test_the_tab_of_the_users_own_has_what_was_uploaded(
    visitor: Visitor, acme: KnownAuthority, partner: KnownAuthority
) -> None:
    for page in (visitor.get(OWN), visitor.get("/authorities")):
        assert f'href="/authorities/{partner.authority.id}"' in page
        assert "and 1 more certificate" in page
        assert acme.authority.id not in page


def test_without_any_the_tab_invites_to_upload_one(visitor: Visitor) -> None:
    assert "No CA of your own yet" in visitor.get(OWN)
    assert "/authorities/upload" in visitor.get("/authorities")
    reader = visitor.as_reader()
    assert "/authorities/upload" not in reader.get(OWN) + reader.get("/authorities")


def test_who_may_not_read_them_is_not_shown_the_tab(visitor: Visitor) -> None:
    others = visitor.with_grants(
        one
        for one in EVERYTHING
        if not (one.resource is Resource.CERTIFICATES and one.place == "account")
    )

    assert "own-ca" not in others.get("/zones/{zone}/client-certificates")
    others.get(OWN, 403)
    others.get("/authorities", 403)


def test_an_embedded_one_says_what_depends_on_it(visitor: Visitor, acme: KnownAuthority) -> None:
    world = visitor.bench.world
    world.issue("alice")
    world.host("api.example.com")

    page = visitor.get(_page(acme))

    assert "CN=Acme" in page
    assert "1 certificate that it issued has not expired" in page
    assert "api.example.com" in page
    assert "It cannot be deleted while" in page
    assert "Not signed yet" in page
    assert "<code>publication.url</code> is not set" in page
    assert "It was rotated" not in page


def test_a_rotated_one_says_what_that_means(visitor: Visitor, acme: KnownAuthority) -> None:
    world = visitor.bench.world
    given = {"encryption": world.encryption, "actor": "test"}
    rotate_authority(world.store, "Acme", at=visitor.bench.now, **given)

    page = visitor.get(_page(acme))

    assert "What the previous key issued stays good" in page
    assert "Before a rotation" in page
    assert page.count("Sign now") == 2


def test_one_whose_root_was_rotated_says_what_that_means(visitor: Visitor) -> None:
    world = visitor.bench.world
    below = world.ca("Below", intermediate=True)
    given = {"encryption": world.encryption, "actor": "test"}
    assert "Its root was rotated" not in visitor.get(_page(below))
    rotate_root(world.store, "Below", at=visitor.bench.now, **given)

    page = visitor.get(_page(below))

    assert "What stands below the previous root stays good" in page
    assert "Root before a rotation" in page
    assert _page(below, "/retire-root") in page
    assert "Root rotated" in page
    # All four go on signing.
    assert page.count("Sign now") == 4
    assert "retire-root" not in visitor.as_reader().get(_page(below))


def test_how_fresh_its_crls_are_is_told(visitor: Visitor, acme: KnownAuthority) -> None:
    world, bench = visitor.bench.world, visitor.bench
    given = {"encryption": world.encryption, "actor": "test"}
    signed = sign_crl(world.store, "Acme", hours=2, at=bench.now, **given)
    sign_crl(world.store, "Acme", delta=True, hours=1, at=bench.now, **given)

    page = visitor.get(_page(acme))
    bench.now += 5400
    later = visitor.with_grants(EVERYTHING, "later").get(_page(acme))

    assert page.count(">Fresh<") == 2
    assert (later.count(">Fresh<"), later.count(">Stale<")) == (1, 1)
    assert f"No. {signed.number}" in page


def test_what_is_published_has_its_address(visitor: Visitor, acme: KnownAuthority) -> None:
    bench = visitor.bench
    backend = Backend(
        store=lambda: bench.store,
        encryption=lambda: bench.world.encryption,
        publication_url="http://pki.example.com",
    )
    bench.dashboard.use(backend)

    page = visitor.get(_page(acme))

    assert "http://pki.example.com/ocsp" in page
    assert f"http://pki.example.com/crl/{acme.certificates[0].id}.crl" in page


def test_the_root_above_signs_as_well(visitor: Visitor) -> None:
    world = visitor.bench.world
    made = create_authority(
        world.store,
        "Two",
        intermediate=True,
        encryption=world.encryption,
        actor="test",
        at=visitor.bench.now,
    )

    page = visitor.get(_page(made))

    assert page.count("Not signed yet") == 2
    assert "by CN=Two Root" in page


def test_an_uploaded_one_has_sources_and_no_keys(visitor: Visitor, partner: KnownAuthority) -> None:
    page = visitor.get(_page(partner))

    assert "Where revocations come from" in page
    for word in ("Rotate", "Stop issuing", "Sign now", "that it issued"):
        assert word not in page
    assert "Nothing uses it." in page
    assert "CN=Acme Issuing CA" in page


def test_how_fresh_fetched_crls_are_is_told(visitor: Visitor, tmp_path: Path) -> None:
    bench = visitor.bench
    ours = make_root("Fetched", at=bench.now)
    made = upload_authority(bench.store, ours.pem, name="F", actor="test", at=bench.now)
    urls = [f"http://crl.example.com/{name}.crl" for name in ("good", "old", "bad", "none")]
    set_sources(bench.store, made.authority.id, crl_urls=urls, actor="test", at=bench.now)
    files = FetchedFiles(tmp_path / "fetched")
    bodies = (ours.crl().pem, ours.crl(next_update=bench.now - 1).pem, b"no CRL")
    for url, body in zip(urls, bodies, strict=False):
        files.store(Stored(header=Header(url=url, fetched_at=bench.now), body=body))
    bench.dashboard.use(replace(bench.backend(), fetched=files))

    page = visitor.get(_page(made))

    for word in ("Fresh", "Stale", "Not usable", "Not fetched yet", *urls):
        assert word in page


def test_a_retired_one_can_issue_again(visitor: Visitor, acme: KnownAuthority) -> None:
    set_status(visitor.bench.store, "Acme", "retired", actor="test", at=0)

    page = visitor.get(_page(acme))

    assert "Let it issue again" in page
    assert "Issues nothing" in visitor.get("/zones/{zone}/client-certificates")


def test_distrusted_ones_are_shown_where_they_are_listed_and_not_offered(
    visitor: Visitor, acme: KnownAuthority
) -> None:
    store = visitor.bench.store
    partner = upload_authority(
        store, make_root("Partner", at=0).pem, name="Partner", actor="test", at=0
    )
    places = (
        "/zones/{zone}/client-certificates",
        "/zones/{zone}/client-certificates/own-ca",
        "/authorities",
    )
    assert not any("Distrusted" in visitor.get(place) for place in places)
    for known in (acme, partner):
        assert known.authority.id in visitor.get("/zones/{zone}/client-certificates/hosts")
        distrust_authority(store, known.authority.id, encryption=None, actor="test", at=0)

    assert all("Distrusted" in visitor.get(place) for place in places)
    hosts = visitor.get("/zones/{zone}/client-certificates/hosts")
    assert acme.authority.id not in hosts
    assert partner.authority.id not in hosts
    new = visitor.get("/zones/{zone}/client-certificates/new")
    assert "Every CA of this zone is distrusted" in new


def test_the_list_of_revoked_serial_numbers_has_pages(
    visitor: Visitor, acme: KnownAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authorities, "PER_PAGE", 2)
    for serial in ("0A", "0B", "0C"):
        revoke_serial(visitor.bench.store, "Acme", serial, actor="test", at=AT)

    first = visitor.get(_page(acme))
    second = visitor.get(_page(acme, "?after=B"))

    assert "3 serial numbers on the authority" in first
    assert "<code>A</code>" in first
    assert "<code>C</code>" not in first
    assert f'href="{_page(acme)}?after=B"' in first
    assert "<code>C</code>" in second
    assert f'rel="prev" href="{_page(acme)}"' in second
    visitor.get(_page(acme, "?after=lower"), 400)


def test_its_certificates_are_files(
    visitor: Visitor, acme: KnownAuthority, partner: KnownAuthority
) -> None:
    whole = visitor.send("GET", _page(partner, "/certificates.pem"))
    one = visitor.send("GET", _page(partner, f"/certificates/{partner.certificates[1].id}.pem"))
    own = visitor.send("GET", _page(acme, "/certificates.pem"))

    assert whole.text == partner.text
    assert whole.headers["Content-Disposition"] == 'attachment; filename="Partner.pem"'
    (read,) = x509.load_pem_x509_certificates(one.content)
    assert "Acme Issuing CA" in read.subject.rfc4514_string()
    (read,) = x509.load_pem_x509_certificates(own.content)
    assert read.subject.rfc4514_string() == "CN=Acme"
    visitor.get(_page(partner, f"/certificates/{acme.certificates[0].id}.pem"), 404)


def test_its_crls_are_files(visitor: Visitor, acme: KnownAuthority) -> None:
    world = visitor.bench.world
    own = acme.certificates[0].id
    visitor.get(_page(acme, f"/crls/{own}.crl"), 404)
    signed = sign_crl(
        world.store, "Acme", encryption=world.encryption, actor="test", at=visitor.bench.now
    )

    answer = visitor.send("GET", _page(acme, f"/crls/{own}.crl"))

    assert answer.content == signed.body
    assert answer.headers["Content-Type"] == "application/pkix-crl"
    visitor.get(_page(acme, f"/crls/{own}.crl?kind=delta"), 404)
    visitor.get(_page(acme, f"/crls/{own}.crl?kind=base"), 404)
    visitor.get(_page(acme, f"/crls/{'0' * 32}.crl"), 404)


def test_a_reader_is_offered_nothing(
    visitor: Visitor, acme: KnownAuthority, partner: KnownAuthority
) -> None:
    revoke_serial(visitor.bench.store, "Acme", "0A", actor="test", at=AT)
    revoke_serial(visitor.bench.store, "Partner", "0A", actor="test", at=AT)
    reader = visitor.as_reader()

    for known in (acme, partner):
        page = reader.get(_page(known)).partition("<main")[2]
        assert "<form" not in page
        assert "/rotate" not in page
        assert "/delete" not in page
        assert "History" in page
    few = visitor.with_grants(one for one in READ_ONLY if one.resource is Resource.CERTIFICATES)
    assert "History" not in few.get(_page(acme))


def test_when_lists_were_signed_is_a_column_once_one_was(
    visitor: Visitor, acme: KnownAuthority
) -> None:
    assert "This update, next update" not in visitor.get(_page(acme))

    (certificate,) = acme.certificates
    visitor.post(_page(acme, "/crls"), {"certificate_id": certificate.id})

    assert "This update, next update" in visitor.get(_page(acme))
