# SPDX-License-Identifier: Apache-2.0
"""What was read of an installation at Cloudflare: one schema, wherever it was read from.

The API (cloudflare_reader), a saved export (`read_export`, `write_export`) and Terraform state
(terraform_state) all end here, with the names of Cloudflare's API. Rules stay JSON: what is in them
is judged where they are translated. Keys that mean nothing here are left out. What only this
service has (settings of a zone, revoked serial numbers) has keys of its own, which Cloudflare's
objects do not have.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from authz.errors import PolicyError
from authz.settings.problems import MAX_PROBLEMS, problems_of
from authz.settings.yaml_document import format_path

if TYPE_CHECKING:
    from collections.abc import Iterator

_Object = TypeVar("_Object", bound=BaseModel)

FORMAT: Final = "authz-cloudflare-export"

#: Larger files are not exports.
MAX_FILE_BYTES: Final = 256 * 1024 * 1024

CUSTOM_RULES: Final = "http_request_firewall_custom"

#: The kinds of ruleset that are entry points: of a zone, of an account.
ENTRY_POINTS: Final = ("zone", "root")


#: What certificates of an authority of this service do that sign here, or did.
SIGNING: Final = ("issuing", "previous")


class CloudflareObject(BaseModel):
    """An object of Cloudflare's API: what is not known is left out, nothing is converted."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class NamedObject(CloudflareObject):
    """An object by its identifier."""

    id: str | None = None
    name: str | None = None


class RulesetObject(CloudflareObject):
    """A ruleset; `rules` is None where only a list of rulesets was read."""

    id: str = ""
    name: str | None = None
    description: str | None = None
    kind: str
    phase: str
    version: str | None = None
    rules: list[dict[str, Any]] | None = None


class HostnameObject(CloudflareObject):
    """A hostname of a list; without the name itself unless `exclude_exact_hostname` is False."""

    url_hostname: str
    exclude_exact_hostname: bool | None = None


class ItemObject(CloudflareObject):
    """An item of a list; `string` and `integer` are of kinds that only this service has."""

    ip: str | None = None
    hostname: HostnameObject | None = None
    asn: int | None = None
    redirect: dict[str, Any] | None = None
    string: str | None = None
    integer: int | None = None
    comment: str | None = None


class ListObject(CloudflareObject):
    """A list of an account, with its items."""

    id: str = ""
    name: str
    kind: str
    description: str | None = None
    items: list[ItemObject] = Field(default_factory=list)


class RevokedObject(CloudflareObject):
    """A revoked serial number, in hexadecimal."""

    serial_number: str
    reason: str | None = None


class MtlsCertificateObject(CloudflareObject):
    """A certificate of an account: a CA to trust (`ca`), or one that Workers present.

    `revoked`, `revocation`, `crl_urls` and `ocsp` are ours.
    """

    id: str
    name: str | None = None
    ca: bool | None = None
    certificates: str = ""
    type: str | None = None
    revoked: list[RevokedObject] = Field(default_factory=list)
    revocation: str | None = None
    crl_urls: list[str] | None = None
    ocsp: str | None = None


class EmbeddedCertificateObject(CloudflareObject):
    """A certificate of an authority of this service."""

    role: str
    certificate: str
    has_private_key: bool


class SourcesObject(CloudflareObject):
    """Where the revocations of an authority of this service come from."""

    crl_urls: list[str] = Field(default_factory=list)
    ocsp: str


class EmbeddedObject(CloudflareObject):
    """An authority of this service whose key is there; only its own API has them."""

    id: str
    name: str
    revocation: str
    sources: SourcesObject
    certificates: list[EmbeddedCertificateObject]


class ClientCertificateObject(CloudflareObject):
    """The public part of a client certificate; `serial_number` is lower-case hexadecimal.

    `reason` of a revoked one is ours.
    """

    id: str = ""
    certificate: str | None = None
    certificate_authority: NamedObject | None = None
    common_name: str | None = None
    serial_number: str | None = None
    fingerprint_sha256: str | None = None
    expires_on: str | None = None
    status: str | None = None
    reason: str | None = None


class AssociationObject(CloudflareObject):
    """The hostnames that ask for certificates of a CA: the managed one without an identifier."""

    mtls_certificate_id: str | None = None
    hostnames: list[str] = Field(default_factory=list)


class SettingsObject(CloudflareObject):
    """Settings of a zone that only this service has."""

    default_action: str
    paths: str
    misdirected: str
    upstream_headers: list[str] = Field(default_factory=list)


class AccountObject(CloudflareObject):
    """An account: what its zones share."""

    id: str = ""
    name: str | None = None
    rulesets: list[RulesetObject] = Field(default_factory=list)
    lists: list[ListObject] = Field(default_factory=list)
    mtls_certificates: list[MtlsCertificateObject] = Field(default_factory=list)


class ZoneObject(CloudflareObject):
    """A zone."""

    id: str
    name: str
    account: NamedObject = NamedObject()
    paused: bool | None = None
    rulesets: list[RulesetObject] = Field(default_factory=list)
    client_certificates: list[ClientCertificateObject] = Field(default_factory=list)
    hostname_associations: list[AssociationObject] = Field(default_factory=list)
    settings: SettingsObject | None = None


class ExportDocument(CloudflareObject):
    """Everything that was read; `source` says where from, for people."""

    format: Literal["authz-cloudflare-export"] = FORMAT
    version: Literal[1] = 1
    source: str = ""
    accounts: list[AccountObject] = Field(default_factory=list)
    zones: list[ZoneObject] = Field(default_factory=list)

    def account_of(self, zone: ZoneObject) -> AccountObject:
        """The account of a zone; an empty one when it was not read."""
        wanted = zone.account.id or ""
        found = [one for one in self.accounts if one.id == wanted]
        return found[0] if found else AccountObject(id=wanted)

    def only(self, names: list[str]) -> ExportDocument:
        """The zones of these names and identifiers, with their accounts; all for none.

        Raises:
            PolicyError: there is no zone of a name.
        """
        if not names:
            return self
        wanted = [name.lower().removesuffix(".") for name in names]
        known = {key for zone in self.zones for key in (zone.name.lower(), zone.id)}
        missing = [name for name in wanted if name not in known]
        if missing:
            raise PolicyError(
                f'there is no zone "{missing[0]}"',
                where=self.source or None,
                hint=f"there are: {', '.join(zone.name for zone in self.zones[:20]) or 'none'}",
            )
        zones = [one for one in self.zones if one.name.lower() in wanted or one.id in wanted]
        ids = {one.account.id or "" for one in zones}
        accounts = [one for one in self.accounts if one.id in ids]
        return self.model_copy(update={"zones": zones, "accounts": accounts})


def read_export(data: bytes, where: str) -> ExportDocument:
    """A saved export.

    Raises:
        PolicyError: it is none; `where` names the file and the key.
    """
    value = read_json(data, where)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise PolicyError(
            "is no saved export",
            where=where,
            hint="authz import cloudflare --save F writes one; --terraform reads Terraform state",
        )
    return checked(ExportDocument, value, where)


def write_export(document: ExportDocument) -> str:
    """The text of a saved export: what is empty is left out."""
    return json.dumps(_without_empty(document), indent=2, ensure_ascii=False) + "\n"


def read_json(data: bytes, where: str) -> Any:
    """The JSON in a file.

    Raises:
        PolicyError: it is none.
    """
    if len(data) > MAX_FILE_BYTES:
        raise PolicyError(
            f"has {len(data)} bytes",
            where=where,
            hint=f"at most {MAX_FILE_BYTES} are read",
        )
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise PolicyError(
            f"is not JSON: {error}", where=where, hint="is it the file that was meant?"
        ) from None


def checked(model: type[_Object], value: object, where: str) -> _Object:
    """A value as one of these objects.

    Raises:
        PolicyError: it is none; the first problem, the others in `others`.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first, *others = _problems(error, model, where)
        first.others = tuple(others[: MAX_PROBLEMS - 1])
        raise first from None


def _problems(error: ValidationError, model: type[BaseModel], where: str) -> Iterator[PolicyError]:
    for problem in problems_of(error, model):
        path = format_path(problem.path)
        yield PolicyError(
            problem.message, where=f"{where}: {path}" if path else where, hint=problem.hint
        )


def _without_empty(value: Any) -> Any:
    """Plain values, without what is None or an empty list of an object's."""
    if isinstance(value, BaseModel):
        return {
            name: _without_empty(one)
            for name in type(value).model_fields
            if (one := getattr(value, name)) not in (None, [], "")
        }
    if isinstance(value, list):
        return [_without_empty(one) for one in value]
    return value
