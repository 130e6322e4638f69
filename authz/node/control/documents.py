# SPDX-License-Identifier: Apache-2.0
"""The CRLs and CA certificates that are served, held in memory.

While the store is down they go on being served, CRLs as long as they are in force.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from authz.services.crls import COMPLETE, DELTA
from authz.services.publication import signing_certificates
from authz.services.publication_urls import complete_crl_url, delta_crl_url, issuer_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authz.store.engine import Store
    from authz.store.records import AuthorityCertificate, PublishedCrl
    from authz.store.session import Session

_CRL_TYPE: Final = "application/pkix-crl"
_CERTIFICATE_TYPE: Final = "application/pkix-cert"
_URLS: Final = {COMPLETE: complete_crl_url, DELTA: delta_crl_url}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Something that is served under a path. Times are Unix seconds.

    Args:
        until: when it is not in force any more.
        replaced: whether another one may take its place before that.
    """

    body: bytes
    content_type: str
    etag: str
    since: float
    until: float
    replaced: bool


class Documents:
    """What there is. `take` in one thread, the rest in any.

    Attributes:
        by_path: None before the store was ever read.
        next_updates: of each authority by its name, the earliest nextUpdate of its CRLs.
    """

    def __init__(self) -> None:
        self.by_path: Mapping[str, Document] | None = None
        self.next_updates: Mapping[str, float] = {}
        # By issuing certificate and kind: the CRL without its body, and what is served of it.
        self._crls: dict[tuple[str, str], tuple[PublishedCrl, Document]] = {}

    def take(self, store: Store, at: float) -> None:
        """Take the latest of everything; bodies are read when they are new.

        Raises:
            StoreUnavailableError: the store cannot be read; what there was stays.
        """
        by_path: dict[str, Document] = {}
        crls: dict[tuple[str, str], tuple[PublishedCrl, Document]] = {}
        next_updates: dict[str, float] = {}
        with store.read() as session:
            signing = {one.certificate.id: one for one in signing_certificates(session, at)}
            for head in session.published.heads():
                if head.kind not in _URLS:
                    continue
                key = (head.certificate_id, head.kind)
                known = self._crls.get(key)
                if known is None or known[0] != head:
                    known = (head, _crl(session, head))
                crls[key] = known
                by_path[_URLS[head.kind]("", head.certificate_id)] = known[1]
                if head.certificate_id in signing:
                    name = signing[head.certificate_id].authority.name
                    earliest = next_updates.get(name, head.next_update)
                    next_updates[name] = min(head.next_update, earliest)
            for one in session.authorities.certificates():
                if one.key_id:
                    by_path[issuer_url("", one.id)] = _certificate(one)
        self._crls, self.next_updates, self.by_path = crls, next_updates, by_path


def etag_of(body: bytes) -> str:
    """The entity tag of what is served: the same for the same bytes, on every node."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def _crl(session: Session, head: PublishedCrl) -> Document:
    crl = session.published.get(head.certificate_id, head.kind)
    assert crl is not None, "read in one moment"
    return Document(
        body=crl.body,
        content_type=_CRL_TYPE,
        etag=etag_of(crl.body),
        since=crl.this_update,
        until=crl.next_update,
        replaced=True,
    )


def _certificate(one: AuthorityCertificate) -> Document:
    return Document(
        body=one.der,
        content_type=_CERTIFICATE_TYPE,
        etag=etag_of(one.der),
        since=one.added_at,
        until=one.not_after,
        replaced=False,
    )
