# SPDX-License-Identifier: Apache-2.0
"""The schema of policy.yaml: keys, types and everything that one value can be wrong about.

What needs a second value or another file (unique names, PEM, lists) is checked where the model is
built. Descriptions are the reference page (docs/reference/policy-file.md is generated from them).
Source of the rule keys: Cloudflare, custom rules.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema, WrapValidator

from authz.certs.authority import CRLS_OF_CERTIFICATES, OCSP_OF_CERTIFICATE
from authz.errors import FetchError
from authz.settings.file_version import FILE_VERSION, FileVersion
from authz.settings.problems import Section, describe, did_you_mean, fault
from authz.sources.fetch_url import parse_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidatorFunctionWrapHandler

#: `ocsp` when no responder is asked.
OFF: Final = "off"

ACTIONS: Final = ("block", "skip", "log")

#: The ruleset that a rule stands in, where `skip` names rules of it.
CURRENT: Final = "current"

#: Cloudflare: custom error responses of custom rules.
MAX_RESPONSE_BYTES: Final = 2048

_CHALLENGE = "challenges need Cloudflare's challenge platform: use block"
_ELSEWHERE = "this service decides about requests and does not change them: use Envoy's routes"

#: Actions that Cloudflare knows and this service refuses, each with the reason.
REFUSED_ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "managed_challenge": _CHALLENGE,
        "js_challenge": _CHALLENGE,
        "challenge": _CHALLENGE,
        "execute": "there are no other rulesets to run here: write their rules into this site",
        "score": "there is no bot or attack score to add to: use block or log",
        "rewrite": _ELSEWHERE,
        "redirect": _ELSEWHERE,
        "route": _ELSEWHERE,
        "set_config": _ELSEWHERE,
        "set_cache_settings": _ELSEWHERE,
        "serve_error": _ELSEWHERE,
        "compress_response": _ELSEWHERE,
        "log_custom_field": _ELSEWHERE,
        "ddos_dynamic": "there is no DDoS protection here: use block",
        "force_connection_close": "ext_authz cannot close connections: use block",
        "allow": "skip the remaining rules instead: action: skip with ruleset: current",
        "bypass": "skip the remaining rules instead: action: skip with ruleset: current",
    }
)

#: Keys of Cloudflare's rule objects that mean nothing in a file.
REFUSED_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "id": "rules of a file are named by ref",
        "version": "rules of a file have no versions; leave it out",
        "last_updated": "set by Cloudflare's API; leave it out",
        "categories": "set by Cloudflare's API; leave it out",
        "logging": "every decision is logged and counted; leave it out",
        "position": "rules run in the order of the file; leave it out",
        "ratelimit": "there is no rate limiting here; Envoy has a filter for it",
        "exposed_credential_check": "there is no credential check here; leave it out",
    }
)

_NAME = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,98}[^\s\x00-\x1f\x7f])?")
# What can stand after "$" in an expression; 50 characters as in Cloudflare's lists.
_LIST_NAME = re.compile(r"(?=.{1,50}\Z)[a-z0-9_]+(?:\.[a-z0-9_]+)*")


def _name(value: str) -> str:
    if not _NAME.fullmatch(value) or not value.isprintable():
        raise fault("is no name", hint="1 to 100 printable characters, no blanks at the ends")
    return value


def _action(value: object, handler: ValidatorFunctionWrapHandler) -> str:
    if isinstance(value, str) and value not in ACTIONS:
        if value in REFUSED_ACTIONS:
            raise fault(f'the action "{value}" is not available here', hint=REFUSED_ACTIONS[value])
        raise fault(f'unknown action "{value}"', hint=did_you_mean(value, ACTIONS))
    text: str = handler(value)
    return text


def _content(value: str) -> str:
    size = len(value.encode("utf-8", "surrogatepass"))
    if size > MAX_RESPONSE_BYTES:
        raise fault(
            f"the content has {size} bytes", hint=f"at most {MAX_RESPONSE_BYTES} are allowed"
        )
    return value


def _list_name(value: str) -> str:
    if not _LIST_NAME.fullmatch(value):
        raise fault(
            f'"{value}" is no list name',
            hint='up to 50 of a-z, 0-9 and "_", parts joined by "."',
        )
    return value


def _not_empty(value: str) -> str:
    if not value.strip():
        raise fault("is empty", hint="write a value")
    return value


def _serial(value: object, handler: ValidatorFunctionWrapHandler) -> str:
    if isinstance(value, (int, float)):
        # 0123 is the number 123 to YAML, and 12E4 is 120000.
        raise fault(
            f"the serial number is a number ({value}), not text",
            hint='put it in quotes, in hexadecimal: "0A1B2C"',
        )
    text: str = handler(value)
    return text


def _item(value: object) -> str | int:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise fault(f"expected text or a whole number, not {describe(value)}", hint="use quotes")
    return value


def _url(value: str) -> str:
    try:
        return parse_url(value).text
    except FetchError as error:
        raise fault(f"{error.message} ({error.where})", hint=error.hint) from None


def _crl_url(value: str) -> str:
    return value if value == CRLS_OF_CERTIFICATES else _url(value)


def _ocsp(value: str) -> str:
    return value if value in {OFF, OCSP_OF_CERTIFICATE} else _url(value)


# What a JSON Schema can say of the validators, for editors: never more than they ask.
Name = Annotated[
    str,
    AfterValidator(_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 100}),
]
Text = Annotated[
    str, AfterValidator(_not_empty), WithJsonSchema({"type": "string", "minLength": 1})
]
CrlUrl = Annotated[str, AfterValidator(_crl_url)]
Serial = Annotated[str, WrapValidator(_serial)]
Item = Annotated[str | int, PlainValidator(_item), WithJsonSchema({"type": ["string", "integer"]})]
Content = Annotated[
    str,
    AfterValidator(_content),
    # Characters; a text of so many has at least as many bytes.
    WithJsonSchema({"type": "string", "maxLength": MAX_RESPONSE_BYTES}),
]
ListName = Annotated[
    str,
    AfterValidator(_list_name),
    WithJsonSchema({"type": "string", "maxLength": 50, "pattern": r"^[a-z0-9_]+(\.[a-z0-9_]+)*$"}),
]


class ResponseDocument(Section):
    """The answer of a block rule; all three keys together."""

    status_code: Annotated[int, Field(ge=400, le=499)] = Field(
        description="HTTP status, 400 to 499."
    )
    content_type: Literal["text/html", "text/plain", "application/json", "text/xml"] = Field(
        description="Media type of the content."
    )
    content: Content = Field(description="The body, at most 2 KB.")


class ActionParametersDocument(Section):
    """What an action needs to know: `response` for block, everything else for skip."""

    response: ResponseDocument | None = Field(
        default=None, description="block: the answer instead of a bare 403."
    )
    ruleset: Literal["current"] | None = Field(
        default=None, description="skip: leave out the rest of this ruleset."
    )
    phase: Literal["current"] | None = Field(
        default=None, description="skip: leave out the rest of this phase (the same thing here)."
    )
    rules: dict[str, list[Text]] | None = Field(
        default=None,
        description="skip: leave out these rules, as `{current: [ref, …]}`. The key is the "
        "ruleset they stand in, which can only be this one.",
        json_schema_extra={"propertyNames": {"const": CURRENT}},
    )
    phases: (
        list[Literal["http_ratelimit", "http_request_sbfm", "http_request_firewall_managed"]] | None
    ) = Field(default=None, description="skip: other phases; no effect here (linted).")
    products: (
        list[Literal["zoneLockdown", "uaBlock", "bic", "hot", "securityLevel", "rateLimit", "waf"]]
        | None
    ) = Field(default=None, description="skip: other products; no effect here (linted).")
    rulesets: list[Text] | None = Field(
        default=None, description="skip: other rulesets; no effect here (linted)."
    )


class RuleDocument(Section):
    """One rule; rules run in the order of the file."""

    ref: Name | None = Field(
        default=None,
        description="Its name in logs, metadata and skip rules, unique in the site; "
        "`SITE-rule-N` (N from 1) when left out.",
    )
    description: str = Field(default="", description="For people.")
    expression: Text = Field(description="When the rule applies, in the Rules language.")
    action: Annotated[
        str, WrapValidator(_action), WithJsonSchema({"type": "string", "enum": list(ACTIONS)})
    ] = Field(
        description="`block` ends evaluation and denies, `skip` leaves rules out, `log` goes on."
    )
    action_parameters: ActionParametersDocument | None = Field(
        default=None, description="Needed by skip, optional for block."
    )
    enabled: bool = Field(default=True, description="A rule that is off is checked all the same.")


class TrustDocument(Section):
    """One certificate authority that a site trusts."""

    name: Name = Field(description="Its name in metrics and explanations, unique in the site.")
    certificates: Annotated[list[Text], Field(min_length=1)] = Field(
        description="PEM files (several certificates each): anchors and intermediates."
    )
    crls: list[Text] = Field(
        default_factory=list, description="CRL files, PEM (several each) or DER, full or delta."
    )
    crl_urls: list[CrlUrl] = Field(
        default_factory=list,
        description="Where CRLs are fetched from in the background, `http://` or `https://`; full "
        "or delta, PEM or DER. A private address needs `fetch.allowed_hosts`. `certificate` stands "
        "for those that certificates name, whose hosts have to be in `fetch.allowed_hosts`.",
    )
    ocsp: Annotated[str, AfterValidator(_ocsp)] = Field(
        default="off",
        description="Whose OCSP responder is asked in the background: `off` for nobody's, "
        "`certificate` for the one that each certificate names (its host has to be in "
        "`fetch.allowed_hosts`), or the URL of one.",
    )
    revoked_serials: list[Serial] = Field(
        default_factory=list,
        description="Serial numbers in hexadecimal, in quotes; either case, colons allowed.",
    )
    revoked_serials_file: Text | None = Field(
        default=None, description="The same, one a line; `#` begins a comment."
    )
    revocation: Literal["strict", "soft", "off"] = Field(
        default="strict",
        description="`strict`: a CRL that is stale or missing leaves certificates unverified, and "
        "so does, with `ocsp`, the lack of a current answer; `soft`: what there is is used as it "
        "is; `off`: nothing is looked up.",
    )


class SiteDocument(Section):
    """Some hosts, whom they trust and what they ask."""

    name: Name = Field(description="Its name in metrics and logs, unique.")
    hosts: Annotated[list[Text], Field(min_length=1)] = Field(
        description="Exact names, `*.example.com` (any depth, not the apex) or `*`; the most "
        "specific one wins. In quotes: a bare `*` is an alias to YAML."
    )
    trust: list[TrustDocument] = Field(
        default_factory=list,
        description="Certificate authorities; without any, no certificate is ever verified.",
    )
    default_action: Literal["allow", "block"] = Field(
        default="allow", description="What happens when no rule ended evaluation."
    )
    paths: Literal["compare", "refuse", "as_sent"] = Field(
        default="compare",
        description="A path with several readings: `compare` allows it only if every reading is "
        "allowed, `refuse` denies it, `as_sent` judges it as it came.",
    )
    misdirected: Literal["answer_421", "ignore"] = Field(
        default="answer_421",
        description="When SNI and Host belong to sites with different trust.",
    )
    upstream_headers: list[Literal["cf-cert", "client-cert"]] = Field(
        default_factory=list,
        description="Certificate headers to send upstream when verified and not revoked.",
    )
    rules: list[RuleDocument] = Field(default_factory=list, description="What is asked, in order.")


class ListDocument(Section):
    """A named list, `$name` in expressions."""

    kind: Literal["ip", "hostname", "asn", "string", "integer"] = Field(
        description="What its items are."
    )
    items: list[Item] | None = Field(
        default=None,
        description="The items: an address, network (`10.0.0.0/8`, `10/8`) or range "
        "(`10.0.0.1..10.0.0.9`); a host name, `*.` for any depth below; an AS number; a text; "
        "a whole number.",
    )
    items_file: Text | None = Field(
        default=None,
        description="A file with more items, one a line; `#` begins a comment.",
    )


class PolicyDocument(Section):
    """A whole policy file."""

    version: FileVersion = FILE_VERSION
    sites: Annotated[list[SiteDocument], Field(min_length=1)] = Field(
        description="The sites; a host of none of them is denied."
    )
    lists: dict[ListName, ListDocument] = Field(
        default_factory=dict, description="Named lists, for all sites."
    )
