# SPDX-License-Identifier: Apache-2.0
"""What was fetched for an authority of policy.yaml, added to it as it was read.

Somebody else wrote those files, from what servers sent: a file that is of no use is no error of the
policy, and counts as not there. Deltas that a fetched CRL names are taken along if they are there.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from authz.certs.crl import read_crl
from authz.certs.distribution import delta_urls_of_crl
from authz.certs.pem import split_crls
from authz.certs.trust import read_certificates
from authz.errors import CertificateError
from authz.sources.building import NotFetched
from authz.sources.fetch_targets import AuthorityId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from authz.certs.authority import AuthorityModel, CrlModel, OcspStatus
    from authz.certs.certificate import Certificate
    from authz.sources.building import Building, Place
    from authz.sources.fetched import FetchedFiles


def add_fetched(
    model: AuthorityModel,
    building: Building,
    place: Place,
    earlier: AuthorityModel | None,
    site: str,
) -> tuple[AuthorityModel, AuthorityModel | None]:
    """The authority with the CRLs of its URLs and its OCSP answers; URLs without are noted.

    Args:
        earlier: the authority as it was built before, or None.

    Returns:
        The authority, and `earlier` with the CRLs that were read here: nobody reads them again.
    """
    reading = _Reading(model, building.fetched, earlier)
    missing = 0
    for index, url in enumerate(model.crl_urls):
        if not reading.add(url):
            missing += 1
            where = building.where((*place, "crl_urls", index))
            building.not_fetched.append(NotFetched(where=where, url=url))
    crls = (*model.crls, *reading.ders)
    statuses: tuple[OcspStatus, ...] = ()
    if building.fetched is not None and model.ocsp:
        statuses = building.fetched.statuses(AuthorityId(site=site, authority=model.name))
    added = replace(
        model,
        crls=crls,
        # Counted by CRLs, of which a file may have several: none of them stands in for a URL.
        crl_sources_configured=max(model.crl_sources_configured, len(crls)) + missing,
        ocsp_statuses=statuses,
    )
    return added, reading.earlier(model)


class _Reading:
    """The CRLs of one authority's URLs as they are read."""

    def __init__(
        self, model: AuthorityModel, fetched: FetchedFiles | None, earlier: AuthorityModel | None
    ) -> None:
        self.ders: list[bytes] = []
        self._fetched = fetched
        self._given = earlier
        self._known: dict[bytes, CrlModel] = {}
        # Who may have signed a CRL depends on the certificates.
        if earlier is not None and earlier.certificates == model.certificates:
            self._known = {crl.sha256: crl for crl in earlier.read_crls}
        try:
            self._certificates: Sequence[Certificate] = read_certificates(model)
        except CertificateError:
            self._certificates = ()  # the compiler says what is wrong with them

    def add(self, url: str) -> bool:
        """Add the CRLs of a URL and the deltas they name; False when there are none."""
        found = self._read(url)
        self.ders += (der for der in found if der not in self.ders)
        for delta in _named_deltas(found):
            self.ders += (der for der in self._read(delta) if der not in self.ders)
        return bool(found)

    def earlier(self, model: AuthorityModel) -> AuthorityModel | None:
        """What was built before, with everything that was read by now."""
        if not self._known:
            return self._given
        return replace(
            self._given or model,
            certificates=model.certificates,
            read_crls=tuple(self._known.values()),
        )

    def _read(self, url: str) -> Sequence[bytes]:
        stored = None if self._fetched is None else self._fetched.stored(url)
        if stored is None:
            return ()
        try:
            ders = split_crls(stored.body)
            read = {
                sha256: self._known.get(sha256) or read_crl(der, self._certificates, where=url)
                for der in ders
                for sha256 in (hashlib.sha256(der).digest(),)
            }
        except CertificateError:
            return ()
        self._known.update(read)
        return ders


def _named_deltas(ders: Iterable[bytes]) -> Mapping[str, None]:
    return dict.fromkeys(url for der in ders for url in delta_urls_of_crl(der))
