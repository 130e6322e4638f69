# SPDX-License-Identifier: Apache-2.0
"""What was fetched for an authority, added to it: of a policy file, and of the store alike.

Somebody else wrote those files, from what servers sent: one that is of no use is no error of
whoever named it, and counts as not there. Deltas that a fetched CRL names are taken along if they
are there. A CRL is read once for as long as its file is the same: the next publication must not
wait for a million entries that everybody knows.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from authz.certs.authority import CRLS_OF_CERTIFICATES
from authz.certs.crl import read_crl
from authz.certs.distribution import delta_urls_of_crl
from authz.certs.pem import split_crls
from authz.certs.trust import read_certificates
from authz.errors import CertificateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.certs.authority import AuthorityModel, CrlModel, OcspStatus
    from authz.sources.fetch_targets import AuthorityId
    from authz.sources.fetched import FetchedFiles, Stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """An authority with what was fetched for it.

    `missing` are those of its URLs, by their places, that nothing good is there of. `earlier` is
    the authority as it was before, with the CRLs that were read here: nobody reads them again.
    """

    model: AuthorityModel
    earlier: AuthorityModel | None
    missing: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Body:
    """The CRLs of one file as one set of certificates signed them; none when it is of no use."""

    stored: Stored
    crls: Mapping[bytes, CrlModel]
    deltas: tuple[str, ...]


_Key = tuple[str, tuple[bytes, ...]]


class FetchedTrust:
    """Adds what is there of fetched files, and remembers what it read of those that stay the same.

    Args:
        files: where they are; None where nobody fetches.
    """

    def __init__(self, files: FetchedFiles | None) -> None:
        self._files = files
        self._bodies: dict[_Key, _Body] = {}
        self._used: dict[_Key, _Body] = {}

    def begin(self) -> None:
        """Forget what no authority has used since the last call."""
        if self._files is not None:
            self._files.begin()
        self._bodies, self._used = self._used, {}

    def add(
        self, model: AuthorityModel, identity: AuthorityId, earlier: AuthorityModel | None
    ) -> Added:
        """The authority with the CRLs of its URLs, those that its certificates name, and its OCSP
        answers.

        Args:
            earlier: the authority as it was built before, or None.
        """
        reading = _Reading(self, model, earlier)
        missing: list[int] = []
        for index, url in enumerate(model.crl_urls):
            if url == CRLS_OF_CERTIFICATES:
                # Which of them have to be there, each certificate says (certs.revocation).
                for named in () if self._files is None else self._files.urls(identity):
                    reading.add(named)
            elif not reading.add(url):
                missing.append(index)
        crls = (*model.crls, *(der for der in reading.read if der not in model.crls))
        statuses: tuple[OcspStatus, ...] = ()
        if self._files is not None and model.ocsp:
            statuses = self._files.statuses(identity)
        added = replace(
            model,
            crls=crls,
            # Counted by CRLs, of which a file may have several: none of them stands in for a URL.
            crl_sources_configured=max(model.crl_sources_configured, len(crls)) + len(missing),
            ocsp_statuses=statuses,
        )
        return Added(model=added, earlier=reading.earlier(), missing=tuple(missing))

    def body(
        self, url: str, model: AuthorityModel, known: Mapping[bytes, CrlModel]
    ) -> _Body | None:
        """The CRLs of a URL, None when nothing is there.

        Args:
            known: CRLs of this authority that were read before, by the SHA-256 of their DER.
        """
        stored = None if self._files is None else self._files.stored(url)
        if stored is None:
            return None
        key = url, model.certificates
        body = self._used.get(key) or self._bodies.get(key)
        if body is None or body.stored is not stored:
            body = _read(url, stored, model, known)
        self._used[key] = body
        return body


class _Reading:
    """The CRLs of one authority's URLs as they are read, by their DER."""

    def __init__(
        self, trust: FetchedTrust, model: AuthorityModel, earlier: AuthorityModel | None
    ) -> None:
        self.read: dict[bytes, CrlModel] = {}
        self._trust = trust
        self._model = model
        self._given = earlier
        self._known: dict[bytes, CrlModel] = {}
        # Who may have signed a CRL depends on the certificates.
        if earlier is not None and earlier.certificates == model.certificates:
            self._known = {crl.sha256: crl for crl in earlier.read_crls}

    def add(self, url: str) -> bool:
        """Add the CRLs of a URL and the deltas they name; False when there are none."""
        body = self._trust.body(url, self._model, self._known)
        if body is None or not body.crls:
            return False
        self.read.update(body.crls)
        for named in body.deltas:
            delta = self._trust.body(named, self._model, self._known)
            if delta is not None:
                self.read.update(delta.crls)
        return True

    def earlier(self) -> AuthorityModel | None:
        """What was built before, with everything that was read by now."""
        if not self.read:
            return self._given
        here = {crl.sha256 for crl in self.read.values()}
        others = (crl for crl in self._known.values() if crl.sha256 not in here)
        return replace(
            self._given or self._model,
            certificates=self._model.certificates,
            crls=tuple(self.read),
            read_crls=(*self.read.values(), *others),
        )


def _read(
    url: str, stored: Stored, model: AuthorityModel, known: Mapping[bytes, CrlModel]
) -> _Body:
    crls: dict[bytes, CrlModel] = {}
    deltas: dict[str, None] = {}
    # What is wrong with the certificates, the compiler says.
    with suppress(CertificateError):
        certificates = read_certificates(model)
        for der in split_crls(stored.body):
            sha256 = hashlib.sha256(der).digest()
            # An authority with other certificates may have named the URL as well, and those of this
            # one may have changed: what others signed is not theirs to take away.
            with suppress(CertificateError):
                crls[der] = known.get(sha256) or read_crl(der, certificates, where=url)
                deltas |= dict.fromkeys(delta_urls_of_crl(der))
    return _Body(stored=stored, crls=crls, deltas=tuple(deltas))
