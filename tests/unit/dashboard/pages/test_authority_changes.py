# SPDX-License-Identifier: Apache-2.0
"""What is done to authorities on their pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.certs.pem import write_pem
from authz.errors import KeyUnavailableError, NotFoundError
from authz.services.audit_log import latest_entries
from authz.services.authorities import get_authority
from authz.services.authority_creation import upload_authority
from authz.services.authority_lifecycle import rotate_authority
from authz.services.authority_state import authority_state
from authz.services.backend import Backend
from authz.services.distrust import distrust_authority
from authz.services.revocation import list_revoked
from authz.store.records import AuthorityStatus, CertificateRole
from tests.factories.issuing import root
from tests.factories.pki import AT

if TYPE_CHECKING:
    from authz.services.authorities import KnownAuthority
    from tests.factories.dashboard import Visitor


@pytest.fixture
def acme(visitor: Visitor) -> KnownAuthority:
    return visitor.bench.world.ca()


@pytest.fixture
def partner(visitor: Visitor) -> KnownAuthority:
    pem = write_pem(root().certificate.der, "CERTIFICATE")
    return upload_authority(visitor.bench.store, pem, name="Partner", actor="test", at=AT)


def _page(known: KnownAuthority, name: str = "") -> str:
    where = "" if known.zone is None else f"/zones/{known.zone.id}"
    return f"{where}/authorities/{known.authority.id}{name}"


def _now(visitor: Visitor, known: KnownAuthority) -> KnownAuthority:
    return get_authority(visitor.bench.store, known.authority.id)


def _last(visitor: Visitor) -> tuple[str, str]:
    (row,) = latest_entries(visitor.bench.store, most=1)
    return row.action, row.actor.partition(" (")[0]


def test_both_kinds_are_renamed(
    visitor: Visitor, acme: KnownAuthority, partner: KnownAuthority
) -> None:
    for known in (acme, partner):
        name = f"New {known.authority.name}"
        answer = visitor.post(_page(known, "/name"), {"name": name})
        assert answer.headers["Location"] == _page(known)
        assert _now(visitor, known).authority.name == name
        assert _last(visitor) == ("authority.rename", "token test")
    page = visitor.post(_page(acme, "/name"), {"name": "New Partner"}, 400).text
    assert "There is an authority" in page
    assert 'value="New Partner"' in page


def test_it_stops_issuing_and_begins_again(visitor: Visitor, acme: KnownAuthority) -> None:
    for status in ("retired", "active"):
        visitor.post(_page(acme, "/status"), {"status": status})
        assert _now(visitor, acme).authority.status is AuthorityStatus(status)
    assert "is no status" in visitor.post(_page(acme, "/status"), {"status": "x"}, 400).text


def test_one_that_was_distrusted_is_not_made_active(
    visitor: Visitor, acme: KnownAuthority, partner: KnownAuthority
) -> None:
    for known in (acme, partner):
        distrust_authority(
            visitor.bench.store, known.authority.id, encryption=None, actor="test", at=AT
        )
        page = visitor.get(_page(known))
        assert "Distrusted" in page
        assert "Its key leaked" in page
        assert "Let it issue again" not in page
        assert "Distrusted because of an incident" in page  # its history
    refused = visitor.post(_page(acme, "/status"), {"status": "active"}, 400).text
    assert "was distrusted on" in refused
    assert "because of an incident" in refused
    assert _now(visitor, acme).is_distrusted


def test_the_mode_of_revocation(
    visitor: Visitor, acme: KnownAuthority, partner: KnownAuthority
) -> None:
    for known in (acme, partner):
        visitor.post(_page(known, "/revocation"), {"mode": "soft"})
        assert _now(visitor, known).authority.revocation == "soft"
    page = visitor.post(_page(acme, "/revocation"), {"mode": "loose"}, 400).text
    assert "is no revocation mode" in page


def test_where_revocations_come_from(visitor: Visitor, partner: KnownAuthority) -> None:
    fields = {"crl_urls": "http://a.example/x.crl\r\ncertificate\r\n", "ocsp": "certificate"}
    visitor.post(_page(partner, "/sources"), fields)

    sources = _now(visitor, partner).authority.sources
    assert sources.crl_urls == ("http://a.example/x.crl", "certificate")
    assert sources.ocsp == "certificate"
    page = visitor.get(_page(partner))
    assert "http://a.example/x.crl\ncertificate</textarea>" in page

    refused = visitor.post(_page(partner, "/sources"), {"crl_urls": "ftp://x", "ocsp": ""}, 400)

    assert "is no address to fetch from" in refused.text
    assert "ftp://x</textarea>" in refused.text
    assert _now(visitor, partner).authority.sources == sources
    visitor.post(_page(partner, "/sources"), {"crl_urls": "", "ocsp": ""})
    assert _now(visitor, partner).authority.sources.ocsp == "off"


def test_the_sources_of_an_embedded_one_are_its_own(visitor: Visitor, acme: KnownAuthority) -> None:
    visitor.post(_page(acme, "/sources"), {"crl_urls": "", "ocsp": ""}, 404)


def test_a_serial_number_goes_on_the_list_and_off_it(
    visitor: Visitor, acme: KnownAuthority, partner: KnownAuthority
) -> None:
    for known in (acme, partner):
        fields = {"serial": "0a:1B", "reason": "keyCompromise"}
        visitor.post(_page(known, "/revoked"), fields)
        (one,) = list_revoked(visitor.bench.store, known.authority.id)
        assert (one.serial, one.reason) == ("A1B", "keyCompromise")
        assert _last(visitor) == ("serial.revoke", "token test")
        assert "A1B</code>" in visitor.get(_page(known))
        visitor.post(_page(known, "/revoked"), {"serial": "A1B", "restore": "yes"})
        assert list_revoked(visitor.bench.store, known.authority.id) == []


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"serial": "no"}, "serial"),
        ({"serial": ""}, "serial"),
        ({"serial": "0A", "reason": "boredom"}, "Unknown revocation reason"),
        ({"serial": "0A", "restore": "yes"}, "is not on the list"),
    ],
)
def test_what_cannot_be_on_the_list_is_told(
    visitor: Visitor, acme: KnownAuthority, fields: dict[str, str], told: str
) -> None:
    page = visitor.post(_page(acme, "/revoked"), fields, 400).text

    assert told in page
    assert list_revoked(visitor.bench.store, "Acme") == []


def test_a_crl_is_signed_now(visitor: Visitor, acme: KnownAuthority) -> None:
    fields = {"certificate_id": acme.certificates[0].id}
    visitor.post(_page(acme, "/crls"), fields)

    state = authority_state(visitor.bench.store, acme.authority.id, at=visitor.bench.now)
    assert [one.kind for one in state.crls] == ["complete"]
    assert _last(visitor) == ("authority.crl", "token test")
    page = visitor.post(_page(acme, "/crls"), {"certificate_id": "0" * 32}, 400).text
    assert "has no certificate" in page


def test_it_is_rotated_and_its_previous_keys_are_retired(
    visitor: Visitor, acme: KnownAuthority
) -> None:
    assert "What happens" in visitor.get(_page(acme, "/rotate"))
    assert "no certificate of before a rotation" in visitor.get(_page(acme, "/retire"))

    visitor.post(_page(acme, "/rotate"), {"kind": "rsa-2048", "years": "3"})

    now = _now(visitor, acme)
    assert [one.role for one in now.certificates] == [
        CertificateRole.PREVIOUS,
        CertificateRole.ISSUING,
    ]
    assert "RSA 2048" in visitor.get(_page(acme))
    assert _last(visitor) == ("authority.rotate", "token test")
    assert "This cannot be undone" in visitor.get(_page(acme, "/retire"))
    visitor.post(_page(acme, "/retire"))
    assert len(_now(visitor, acme).certificates) == 1
    assert _last(visitor) == ("authority.retire_previous", "token test")
    page = visitor.post(_page(acme, "/retire"), status=400).text
    assert "has no certificate of before a rotation" in page


@pytest.mark.parametrize(
    ("fields", "told"),
    [({"kind": "ed25519"}, "not supported"), ({"years": "900"}, "days"), ({"years": "x"}, "whole")],
)
def test_a_rotation_that_cannot_be_is_told(
    visitor: Visitor, acme: KnownAuthority, fields: dict[str, str], told: str
) -> None:
    page = visitor.post(_page(acme, "/rotate"), fields, 400).text

    assert told in page
    assert len(_now(visitor, acme).certificates) == 1


def test_retiring_is_refused_while_certificates_are_out_and_can_be_forced(
    visitor: Visitor, acme: KnownAuthority
) -> None:
    world = visitor.bench.world
    world.issue("alice")
    visitor.bench.now += 60
    given = {"encryption": world.encryption, "actor": "test", "at": visitor.bench.now}
    rotate_authority(world.store, "Acme", **given)
    assert 'name="force"' not in visitor.get(_page(acme, "/retire"))

    page = visitor.post(_page(acme, "/retire"), status=400).text

    assert "1 certificate that it issued before" in page
    assert 'name="force"' in page
    visitor.post(_page(acme, "/retire"), {"force": "yes"})
    assert len(_now(visitor, acme).certificates) == 1


def test_its_root_is_rotated_and_the_previous_one_is_retired(
    visitor: Visitor, acme: KnownAuthority
) -> None:
    world = visitor.bench.world
    below = world.ca("Below", intermediate=True)
    world.issue("alice", authority="Below")
    assert 'name="root"' not in visitor.get(_page(acme, "/rotate"))
    assert 'name="root"' in visitor.get(_page(below, "/rotate"))
    assert "It has no root of before a rotation" in visitor.get(_page(below, "/retire-root"))
    visitor.bench.now += 60

    visitor.post(_page(below, "/rotate"), {"root": "yes", "years": "3"})

    assert [one.role for one in _now(visitor, below).certificates] == [
        CertificateRole.PREVIOUS,
        CertificateRole.PREVIOUS_ROOT,
        CertificateRole.ISSUING,
        CertificateRole.TRUSTED,
    ]
    assert _last(visitor) == ("authority.rotate_root", "token test")
    page = visitor.get(_page(below, "/retire-root"))
    assert "nobody verifies them" in page
    assert "with what issued below it" in page
    assert 'name="force"' not in page
    refused = visitor.post(_page(below, "/retire-root"), status=400).text
    assert "1 certificate below the root of before" in refused
    assert 'name="force"' in refused
    visitor.post(_page(below, "/retire-root"), {"force": "yes"})
    assert len(_now(visitor, below).certificates) == 2
    assert _last(visitor) == ("authority.retire_root", "token test")


def test_where_no_root_stands_above_none_is_rotated(visitor: Visitor, acme: KnownAuthority) -> None:
    page = visitor.post(_page(acme, "/rotate"), {"root": "yes"}, 400).text

    assert "issues by its root itself" in page
    assert len(_now(visitor, acme).certificates) == 1


def test_one_that_nothing_uses_is_deleted(
    visitor: Visitor, acme: KnownAuthority, partner: KnownAuthority
) -> None:
    for known, where in (
        (acme, visitor.bench.path("/zones/{zone}/client-certificates")),
        (partner, "/authorities"),
    ):
        assert "This cannot be undone" in visitor.get(_page(known, "/delete"))
        answer = visitor.post(_page(known, "/delete"))
        assert answer.headers["Location"] == where
        assert "is deleted" in visitor.get(where)
        with pytest.raises(NotFoundError):
            _now(visitor, known)
        assert _last(visitor) == ("authority.delete", "token test")


def test_who_deletes_is_told_that_a_policy_file_keeps_no_list(
    visitor: Visitor, partner: KnownAuthority
) -> None:
    advice = "put these numbers into its <code>revoked_serials</code> first"
    assert advice not in visitor.get(_page(partner, "/delete"))

    visitor.post(_page(partner, "/revoked"), {"serial": "A1B", "reason": "keyCompromise"})

    assert advice in visitor.get(_page(partner, "/delete"))


def test_one_in_use_is_kept_and_the_page_says_by_what(
    visitor: Visitor, acme: KnownAuthority
) -> None:
    visitor.bench.world.issue("alice")
    visitor.bench.world.host("api.example.com")

    page = visitor.get(_page(acme, "/delete"))
    refused = visitor.post(_page(acme, "/delete"), status=400).text

    for text in (page, refused):
        assert "is in use" in text
        assert "api.example.com" in text
        assert "1 certificate that it issued has not expired" in text
        assert "/client-certificates/hosts" in text
    assert _now(visitor, acme)


def test_one_that_was_distrusted_is_kept_and_the_page_says_until_when(
    visitor: Visitor, partner: KnownAuthority
) -> None:
    bench = visitor.bench
    distrust_authority(
        bench.store, partner.authority.id, encryption=None, actor="tester", at=bench.now
    )

    page = visitor.get(_page(partner, "/delete"))
    refused = visitor.post(_page(partner, "/delete"), status=400).text

    for text in (page, refused):
        assert "is in use" in text
        assert "It was distrusted because of an incident" in text
        assert "Keep it until then" in text
    assert "it is kept until its certificates expire" in visitor.get(_page(partner))
    assert _now(visitor, partner)


def test_keys_that_cannot_be_opened_are_the_operators_business(
    visitor: Visitor, acme: KnownAuthority
) -> None:
    def locked() -> Any:
        raise KeyUnavailableError("the key file is gone: /etc/secret", hint="put it back")

    bench = visitor.bench
    bench.dashboard.use(Backend(store=lambda: bench.store, encryption=locked))

    for name in ("/rotate", "/crls"):
        assert "/etc/secret" not in visitor.post(_page(acme, name), status=503).text


@pytest.mark.parametrize(
    "name",
    [
        "name",
        "status",
        "revocation",
        "revoked",
        "crls",
        "rotate",
        "retire",
        "retire-root",
        "delete",
    ],
)
def test_a_reader_can_do_none_of_it(visitor: Visitor, acme: KnownAuthority, name: str) -> None:
    reader = visitor.as_reader()

    reader.post(_page(acme, f"/{name}"), {"name": "x", "status": "retired"}, 403)
    if name in ("rotate", "retire", "retire-root", "delete"):
        reader.get(_page(acme, f"/{name}"), 403)
    assert _now(visitor, acme) == acme


@pytest.mark.parametrize("name", ["name", "revocation", "sources", "revoked", "delete"])
def test_nor_to_one_of_the_account(visitor: Visitor, partner: KnownAuthority, name: str) -> None:
    visitor.as_reader().post(_page(partner, f"/{name}"), {"name": "x", "mode": "off"}, 403)

    assert _now(visitor, partner).authority == partner.authority
