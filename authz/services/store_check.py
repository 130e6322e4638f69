# SPDX-License-Identifier: Apache-2.0
"""Whether what a store keeps can be used: certificates, private keys, rules, and the store itself.

What the database can tell is in store.checking; here is what only who reads certificates and opens
keys can find. Everything is read as a stream: a million certificates take no memory.
"""

from __future__ import annotations

from contextlib import closing
from hashlib import sha256
from typing import TYPE_CHECKING

from authz.ca.envelope import check_form
from authz.certs.certificate import Certificate
from authz.errors import AuthzError, KeyUnavailableError, PolicyError, StoreDamagedError
from authz.services.account_rules import kept_rules, models_in, names_taken
from authz.services.context import account_of
from authz.services.keys import opened
from authz.services.scopes import Scope, scope_of
from authz.store.checking import DATABASE, NOT_JSON, Finding, check, damage, some_of
from authz.store.engine import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from authz.ca.keys import KeyEncryption
    from authz.store.session import Session


def check_store_at(
    database: str, data_dir: Path, encryption: Callable[[], KeyEncryption | None]
) -> list[Finding]:
    """Everything that is wrong with a store, also with one too damaged to be opened.

    Args:
        database: as `open_store` takes it, with `data_dir`.
        encryption: what private keys are opened with, asked for when there are any; None: only
            their form is looked at.

    Raises:
        StoreUnavailableError: it is not there, or cannot be reached.
    """
    try:
        with closing(open_store(database, data_dir, create=False)) as store:
            found = check(store)
            if any(one.where == DATABASE for one in found):
                return found
            with store.read() as session:
                for part in (
                    _certificates(session),
                    _authority_certificates(session),
                    _keys(session, encryption),
                ):
                    found += some_of(part)
                # What is no JSON was found already, and cannot be read.
                if not any(one.message.endswith(NOT_JSON) for one in found):
                    found += some_of(_rules(session))
            return found
    except StoreDamagedError as error:
        return damage(database, data_dir, error)


def _certificates(session: Session) -> Iterator[Finding]:
    # Read by nothing but their SHA-256, which is known from when they were issued: whatever has
    # become of one is found, at a thousandth of what parsing costs.
    for certificate_id, der, fingerprint in session.certificates.contents():
        if sha256(der).hexdigest() != fingerprint:
            yield Finding(
                where=f"certificate {certificate_id}",
                message=_unread(der) or "it is not the one of its SHA-256",
            )


def _authority_certificates(session: Session) -> Iterator[Finding]:
    for one in session.authorities.certificates():
        wrong = _unread(one.der)
        if wrong is None and sha256(one.der).hexdigest() != one.fingerprint_sha256:
            wrong = "it is not the one of its SHA-256"
        if wrong is not None:
            yield Finding(where=f"authority certificate {one.id}", message=wrong)


def _keys(session: Session, encryption: Callable[[], KeyEncryption | None]) -> Iterator[Finding]:
    keys = session.authorities.keys()
    secret = encryption() if keys else None
    for key in keys:
        try:
            if secret is None:
                check_form(key.record)
            else:
                opened(key, secret)
        except KeyUnavailableError as error:
            yield Finding(where=f"key {key.id}", message=error.message)


def _rules(session: Session) -> Iterator[Finding]:
    # Not compiled: that takes lists and GeoIP databases. What publishes them says what that finds.
    account = account_of(session)
    for scope in (Scope(account_id=account.id), *map(scope_of, session.zones.all())):
        try:
            models = models_in(scope, kept_rules(session, scope))
        except PolicyError as error:
            for one in (error, *error.others):
                yield Finding(where=f"{one.where}", message=one.message)
            continue
        if scope.zone is not None:
            for _, taken in names_taken(session, scope, [one.ref for one in models]):
                yield Finding(where=scope.where, message=taken.message)


def _unread(der: bytes) -> str | None:
    try:
        Certificate.from_der(der, allow_zero_serial=True)
    except AuthzError as error:
        return f"it cannot be read: {error.message}"
    return None
