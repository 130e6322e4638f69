# SPDX-License-Identifier: Apache-2.0
"""What is asked for when a certificate is to be issued, and when two requests are the same one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from authz.ca.key_kinds import DEFAULT_KEY_KIND, KeyKind
from authz.ca.names import AlternativeNames, Subject
from authz.errors import InvalidInputError

if TYPE_CHECKING:
    from authz.ca.csr import CsrFacts
    from authz.ca.profiles import Profile
    from authz.services.authorities import KnownAuthority

MAX_REQUEST_KEY: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """Instead of a CSR: a key that is made here, and whom the certificate is about."""

    subject: Subject
    names: AlternativeNames = field(default_factory=AlternativeNames)
    kind: KeyKind = DEFAULT_KEY_KIND
    pkcs12_password: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """By which a repeated request is known.

    Args:
        text: 1 to 128 printable characters.
        since: of a key that is made from the request itself: what was answered from this Unix time
            on is the answer, and later requests take the key over. None: the key is the client's,
            stands for one request, and for that one as long as it is kept.
        anew: whether this is a new request, whatever was answered before.
    """

    text: str
    since: float | None = None
    anew: bool = False

    @property
    def derived(self) -> bool:
        """Whether it is made from the request itself."""
        return self.since is not None


def digest_of(
    known: KnownAuthority,
    facts: CsrFacts | None,
    made: NewKey | None,
    label: str,
    days: int | None,
    profile: Profile,
) -> str:
    """What tells one request from another, whatever their keys (SHA-256)."""
    asked: dict[str, Any] = {
        "authority": known.authority.id,
        "label": label,
        "days": days,
        "profile": profile.name,
    }
    if facts is not None:
        asked["csr"] = facts.pem
    if made is not None:
        asked["subject"] = made.subject.der.hex()
        asked["names"] = made.names.der.hex()
        asked["kind"] = str(made.kind)
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def check_request_key(text: str) -> None:
    """Make sure that a request key can be kept.

    Raises:
        InvalidInputError: it cannot.
    """
    if not text or len(text) > MAX_REQUEST_KEY or not text.isprintable():
        raise InvalidInputError(
            "the request key is empty, too long or has control characters",
            hint=f"1 to {MAX_REQUEST_KEY} printable characters, a new one for each certificate",
        )
