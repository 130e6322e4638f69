# SPDX-License-Identifier: Apache-2.0
"""What the store hands out and takes: plain immutable values, one for each kind of object.

Times are Unix seconds, identifiers 32 lower-case hexadecimal digits, serial numbers upper-case
hexadecimal without leading zeros (`serial_text`). Values are checked by whoever makes them
(authz.services); the store only keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class AuthorityKind(StrEnum):
    """Whose the key is: ours (`managed`), or somebody else's who uploaded the certificates."""

    MANAGED = "managed"
    UPLOADED = "uploaded"


class AuthorityStatus(StrEnum):
    """A `retired` authority issues nothing; what it issued counts on."""

    ACTIVE = "active"
    RETIRED = "retired"


class CertificateRole(StrEnum):
    """What a certificate does for its authority.

    `issuing` signs; `previous` did until a rotation and is trusted until it goes; `previous_root`
    stands above such a one, and was followed itself; `trusted` is an anchor or intermediate;
    `chain` is trusted as well and sent along with what is issued.
    """

    ISSUING = "issuing"
    PREVIOUS = "previous"
    PREVIOUS_ROOT = "previous_root"
    TRUSTED = "trusted"
    CHAIN = "chain"

    @property
    def is_of_before(self) -> bool:
        """Whether another certificate has taken its place."""
        return self in (CertificateRole.PREVIOUS, CertificateRole.PREVIOUS_ROOT)


class CertificateStatus(StrEnum):
    """Of a client certificate (Cloudflare). An expired one keeps the status it had."""

    ACTIVE = "active"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who owns zones, uploaded authorities and lists."""

    id: str
    name: str
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """Some hosts and their rules. Settings as in policy.yaml; `default` answers for every host."""

    id: str
    account_id: str
    name: str
    default_action: str = "allow"
    paths: str = "compare"
    misdirected: str = "answer_421"
    upstream_headers: tuple[str, ...] = ()
    created_at: float
    modified_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where an authority's revocations come from, beside its own list.

    Args:
        crl_urls: addresses that CRLs are fetched from; `certificate` for those that certificates
            name.
        ocsp: `off`, `certificate` (the address in the certificate) or an address.
    """

    crl_urls: tuple[str, ...] = ()
    ocsp: str = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate authority: one of ours, or an uploaded one."""

    id: str
    account_id: str
    zone_id: str | None
    name: str
    kind: AuthorityKind
    status: AuthorityStatus = AuthorityStatus.ACTIVE
    revocation: str = "strict"
    sources: Sources = Sources()
    created_at: float
    modified_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityCertificate:
    """A certificate of an authority; `position` orders them, `key_id` names its encrypted key."""

    id: str
    authority_id: str
    position: int
    role: CertificateRole
    key_id: str | None
    der: bytes
    fingerprint_sha256: str
    not_before: float
    not_after: float
    added_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A private key, encrypted (ca.keys). Only signing reads it."""

    id: str
    kind: str
    record: bytes
    created_at: float

    def __repr__(self) -> str:
        return f"Key(id={self.id!r}, kind={self.kind!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAssociation:
    """A hostname asks for certificates of an authority."""

    zone_id: str
    hostname: str
    authority_id: str
    position: int
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """A client certificate that was issued here. `number` orders them, 0 before it is stored.

    The names are those of the API: `common_name` to `organizational_unit` come from the subject.
    """

    id: str
    zone_id: str
    authority_id: str
    serial: str
    fingerprint_sha256: str
    ski: str
    der: bytes
    csr: str
    label: str
    common_name: str
    country: str
    state: str
    location: str
    organization: str
    organizational_unit: str
    signature: str
    status: CertificateStatus
    validity_days: int
    issued_at: float
    expires_at: float
    revoked_at: float | None = None
    reason: str | None = None
    last_seen_at: float | None = None
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuanceRequest:
    """A request to issue that was answered: `digest` is of what was asked."""

    zone_id: str
    request_key: str
    digest: str
    certificate_id: str
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """A serial number on an authority's own list; `reason` as RFC 5280 names it."""

    authority_id: str
    serial: str
    revoked_at: float
    reason: str
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationChange:
    """A serial number was revoked, or restored, in the transaction `revision`."""

    revision: int
    authority_id: str
    serial: str
    revoked: bool
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """A ruleset without its rules. `zone_id` is None for the account's."""

    id: str
    account_id: str
    zone_id: str | None
    kind: str
    phase: str
    name: str
    description: str
    version: int
    created_at: float
    modified_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesetVersion:
    """The rules of one version, as JSON objects in the shape of the API, in order."""

    ruleset_id: str
    version: int
    description: str
    rules: tuple[dict[str, Any], ...]
    actor: str
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class List:
    """A named list without its items.

    Args:
        zone_id: the zone whose policy file it came with; None: made by itself.
        items: how many it has.
        replaced: the revision in which all of them were last replaced, None for never.
    """

    id: str
    account_id: str
    zone_id: str | None
    name: str
    kind: str
    description: str
    items: int
    revision: int
    created_at: float
    modified_at: float
    replaced: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListItem:
    """One item of a list.

    Args:
        exclude_exact: of `*.example.com`, whether example.com itself is left out; so it is when
            this is None.
        number: orders them, 0 before it is stored.
    """

    id: str
    list_id: str
    value: str
    comment: str
    created_at: float
    modified_at: float
    exclude_exact: bool | None = None
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOperation:
    """Something that is done to the items of a list; `completed_at` when it is done."""

    id: str
    account_id: str
    list_id: str
    status: str
    created_at: float
    completed_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An API token, without the token: `sha256` is its hash in hexadecimal."""

    id: str
    name: str
    sha256: str
    scopes: tuple[dict[str, Any], ...]
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    last_used_at: float | None = None
    not_before: float | None = None
    disabled_at: float | None = None
    modified_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A session of the dashboard, without what the browser keeps: `sha256` is its hash.

    `token_id` is whose it is, and `subject` that token's hash when it began: one that was rolled
    since is another one. None for somebody whom a provider knows; then `subject` says who, and
    `grants` are what they may, each with its `resource`, `level` and `place`.
    """

    id: str
    sha256: str
    name: str
    token_id: str | None
    subject: str
    grants: tuple[dict[str, Any], ...] | None
    address: str
    agent: str
    created_at: float
    last_used_at: float
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did what to which object. `before` and `after` never hold a secret."""

    id: str
    at: float
    actor: str
    action: str
    object_type: str
    object_id: str
    zone_id: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedCrl:
    """A CRL that an authority signed: `kind` is `complete` or `delta`.

    `base` is the complete CRL that deltas are to, which may be an earlier one than `complete`; its
    body is not kept.
    """

    authority_id: str
    certificate_id: str
    kind: str
    number: int
    revision: int
    this_update: float
    next_update: float
    body: bytes


def serial_text(serial: int) -> str:
    """A serial number as the store keeps it."""
    return f"{serial:X}"
