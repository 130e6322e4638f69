# SPDX-License-Identifier: Apache-2.0
"""What was fetched for authorities of the store is a part of what is enforced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.certs.authority import AuthorityModel, OcspStatus
from authz.services.authorities import set_sources
from authz.services.authority_creation import upload_authority
from authz.services.hosts import add_host
from authz.services.model import StoreModels
from authz.services.revocation import revoke_serial
from authz.sources.fetch_targets import AuthorityId, crl_targets
from authz.sources.fetched import Header, Stored, UnchangedFiles
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from pathlib import Path

    from authz.policy.model import PolicyModel
    from authz.store.engine import Store

URL = "http://crl.example/ca.crl"
ACME = AuthorityId(site="", authority="acme")


def _prepare(store: Store, **sources: object) -> None:
    upload_authority(store, root().pem, name="acme", actor="t", at=AT)
    set_sources(store, "acme", actor="t", at=AT, **sources)  # type: ignore[arg-type]  # the sources of a test
    add_host(store, "api.example.com", authority="acme", actor="t", at=AT)


def _model(models: StoreModels, store: Store) -> PolicyModel:
    with store.read() as session:
        return models.build(session).model


def _acme(model: PolicyModel) -> AuthorityModel:
    return next(one for site in model.sites for one in site.trust)


def test_crls_and_answers_that_are_there_count(store: Store, tmp_path: Path) -> None:
    _prepare(store, crl_urls=[URL], ocsp="certificate")
    files = UnchangedFiles(tmp_path / "fetched")
    models = StoreModels(None, files)

    before = _acme(_model(models, store))
    assert (before.crl_urls, before.ocsp) == ((URL,), "certificate")
    assert (before.crls, before.crl_sources_configured) == ((), 1)

    crl = root().crl(range(1, 2001)).der
    status = OcspStatus(issuer=b"i" * 32, serial=b"s", revoked=True, this_update=1.0, until=2.0)
    files.store(Stored(header=Header(url=URL, fetched_at=AT), body=crl))
    files.store_statuses(ACME, [status])
    model = _model(models, store)
    after = _acme(model)
    assert (after.crls, after.crl_sources_configured) == ((crl,), 1)
    assert after.ocsp_statuses == (status,)
    assert len(after.read_crls) == 1
    assert [one.authority for one in crl_targets(model)] == [ACME]

    # A commit reads none of it again.
    revoke_serial(store, "acme", "A1", reason="unspecified", actor="t", at=AT)
    again = _acme(_model(models, store))
    assert again.revoked_serials == (0xA1,)
    assert again.crls[0] is after.crls[0]
    assert again.read_crls[0] is after.read_crls[0]
    assert again.ocsp_statuses is after.ocsp_statuses


def test_where_nobody_fetches_a_url_is_a_missing_source(store: Store) -> None:
    _prepare(store, crl_urls=[URL, "certificate"])
    authority = _acme(_model(StoreModels(), store))
    assert (authority.crls, authority.crl_sources_configured) == ((), 1)


def test_an_authority_without_sources_is_as_it_was(store: Store) -> None:
    _prepare(store)
    authority = _acme(_model(StoreModels(), store))
    assert (authority.crl_urls, authority.ocsp, authority.crl_sources_configured) == ((), "", 0)
