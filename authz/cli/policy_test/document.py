# SPDX-License-Identifier: Apache-2.0
"""The schema of a file of policy test cases.

Descriptions are the reference page (docs/reference/policy-tests.md is generated from them). What
needs another file (certificates, the policy) is checked in `loading`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainValidator

from authz.certs.failure import VerifyFailure
from authz.cli.check import in_utc
from authz.policy.decision import Reason
from authz.settings.problems import Section, describe, did_you_mean, fault

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What `failure` and `certificate` say when there is none.
NONE = "none"


def _seconds(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        raise fault(f"expected a time, not {describe(value)}", hint="write 2026-03-01T12:00:00Z")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise fault(f'"{value}" is not a time', hint="write 2026-03-01T12:00:00Z") from None
    if moment.tzinfo is None:
        raise fault(f'"{value}" has no time zone', hint=f'write "{in_utc(value)}" for UTC')
    return moment.timestamp()


def _lines(value: object) -> dict[str, list[str]]:
    """Headers: a text for each name, or a list of texts."""
    if not isinstance(value, dict):
        raise fault(f"expected a mapping, not {describe(value)}", hint='write {"x-name": "value"}')
    found: dict[str, list[str]] = {}
    for name, lines in value.items():
        every = lines if isinstance(lines, list) else [lines]
        if not all(isinstance(line, str) for line in every):
            raise fault(f'the header "{name}" is not text', hint="put it in quotes")
        found[name] = every
    return found


def _one_of(known: Iterable[str], what: str) -> AfterValidator:
    choices = tuple(known)

    def check(value: str) -> str:
        if value not in choices:
            raise fault(f'"{value}" is no {what}', hint=did_you_mean(value, choices))
        return value

    return AfterValidator(check)


Time = Annotated[float, PlainValidator(_seconds)]
HeaderLines = Annotated[dict[str, list[str]], PlainValidator(_lines)]
ReasonName = Annotated[str, _one_of(Reason, "reason")]
FailureName = Annotated[str, _one_of([*VerifyFailure, NONE], "failure")]
Port = Annotated[int, Field(ge=0, le=65535)]


class RequestDocument(Section):
    """What the client sent, as Envoy describes it."""

    method: str = Field(default="GET", description="HTTP method.")
    host: str = Field(description="Host or `:authority`, as sent.")
    path: str = Field(default="/", description="The request target with its query, as sent.")
    headers: HeaderLines = Field(
        default_factory=dict,
        description="A text for each name, or a list of texts for a name that repeats.",
    )
    body: str = Field(default="", description="The body; Envoy sends it with `with_request_body`.")
    scheme: Literal["https", "http"] = Field(default="https", description="Scheme.")
    protocol: str = Field(default="HTTP/2", description="`HTTP/1.1`, `HTTP/2` or `HTTP/3`.")
    source_address: str = Field(default="192.0.2.1", description="Address of the TCP peer.")
    source_port: Port = Field(default=49152, description="Its port.")
    destination_address: str = Field(
        default="192.0.2.10", description="Address that took the request."
    )
    destination_port: Port = Field(default=443, description="Its port.")
    sni: str | None = Field(
        default=None,
        description="Server name of the TLS handshake; the host when left out, none for `http`.",
    )
    request_id: str = Field(default="policy-test", description="Envoy's request id.")
    time: Time | None = Field(
        default=None, description="When Envoy got the request; `at` when left out."
    )
    metadata: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="`metadata_context`: values by namespace and key."
    )


class ExpectDocument(Section):
    """What should be decided. Only what is named is compared."""

    verdict: Literal["allow", "deny"] = Field(description="The verdict.")
    reason: ReasonName | None = Field(default=None, description="Why: one of the reasons.")
    rule: str | None = Field(
        default=None, description='`ref` of the rule that decided; `""` when none should.'
    )
    action: str | None = Field(default=None, description="What that rule did.")
    site: str | None = Field(default=None, description="Name of the site that answered.")
    status: int | None = Field(default=None, description="HTTP status of a denial.")
    logged: list[str] | None = Field(
        default=None, description="`ref`s of the log rules that matched, in order."
    )
    presented: bool | None = Field(default=None, description="A certificate was presented.")
    verified: bool | None = Field(default=None, description="It is verified.")
    revoked: bool | None = Field(default=None, description="It is revoked.")
    failure: FailureName | None = Field(
        default=None, description=f"Why it is not verified; `{NONE}` when it should be."
    )
    headers: dict[str, str] = Field(
        default_factory=dict,
        description="Headers of the answer: to the upstream when allowed, to the client when "
        "denied. Others may be there as well.",
    )
    body: str | None = Field(default=None, description="Body of a denial.")


class CaseDocument(Section):
    """One request and what should be decided about it."""

    name: Annotated[str, Field(min_length=1)] = Field(
        description="A sentence that says what should be so; unique in the file."
    )
    request: RequestDocument = Field(description="The request.")
    certificate: str = Field(
        default=NONE,
        description="PEM file with the client's certificate, intermediates behind it; "
        f"`{NONE}` for a client without one.",
    )
    at: Time | None = Field(default=None, description="Decide as of this time; the file's `at`.")
    expect: ExpectDocument = Field(description="What should be decided.")


class TestDocument(Section):
    """A file of cases for one policy."""

    __test__ = False  # Not a class of tests, whatever its name says.

    policy: str | None = Field(
        default=None,
        description="The policy file; `--policy` goes before it, what the settings answer by comes "
        "last.",
    )
    at: Time | None = Field(
        default=None,
        description="Decide as of this time (`2026-03-01T12:00:00Z` or Unix seconds), so that "
        "certificates do not expire under the test; now when left out.",
    )
    cases: Annotated[list[CaseDocument], Field(min_length=1)] = Field(description="The cases.")
