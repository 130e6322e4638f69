# SPDX-License-Identifier: Apache-2.0
"""The settings of `decision_log`: where a line for each decision goes, of which, and what is in it.

What is left out by default is what ADR 0031 leaves out of recorded requests.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from authz.settings.problems import Section, fault
from authz.settings.tracing import OtlpEndpoint  # noqa: TC001 - pydantic evaluates it
from authz.settings.values import file_path

#: Standard output in the place of a file.
STDOUT: Final = "-"

#: Headers whose values are written unless the settings name others.
HEADERS: Final = ("user-agent",)

#: What lets somebody in. A log is read by more people than may have these, and kept for longer.
REFUSED_HEADERS: Final = frozenset(
    {
        "authorization",
        "cf-access-jwt-assertion",
        "cookie",
        "proxy-authorization",
        "set-cookie",
        "x-amz-security-token",
        "x-amzn-oidc-accesstoken",
        "x-amzn-oidc-data",
        "x-amzn-oidc-identity",
        "x-api-key",
        "x-auth-request-access-token",
        "x-auth-token",
        "x-csrf-token",
        "x-forwarded-access-token",
        "x-goog-iap-jwt-assertion",
    }
)

#: What says where somebody is, too.
ADDRESS_HEADERS: Final = frozenset(
    {
        "cf-connecting-ip",
        "cf-connecting-ipv6",
        "fastly-client-ip",
        "forwarded",
        "true-client-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-envoy-external-address",
        "x-forwarded-for",
        "x-original-forwarded-for",
        "x-real-ip",
    }
)

#: What has an address of a page, path and query, in it.
TARGET_HEADERS: Final = frozenset(
    {"referer", "x-envoy-original-path", "x-forwarded-uri", "x-original-uri", "x-original-url"}
)

#: What has the subject of a certificate in it, and the certificate.
CERTIFICATE_HEADERS: Final = frozenset(
    {"client-cert", "client-cert-chain", "x-forwarded-client-cert"}
)

# RFC 9110 section 5.1.
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")


def _header(value: str) -> str:
    name = value.lower()
    if not _NAME.fullmatch(name):
        raise fault(f'"{value}" is no name of a header', hint='write "user-agent"')
    if name in REFUSED_HEADERS:
        raise fault(
            f'"{value}" lets somebody in, and is written into no log',
            hint="remove it; rules may read it all the same",
        )
    return name


def _target(value: object, info: ValidationInfo) -> object:
    """A file, from the directory of the settings on; standard output stays what it is."""
    found = value if value == STDOUT else file_path(value, info)
    return str(found) if isinstance(found, Path) else found


class SampleSettings(Section):
    """Which share of the decisions is written, with `what: sampled`.

    Whether one is written follows from its decision id alone, so every copy of the service and
    every reader of another log comes to the same answer.
    """

    allowed: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.01, description="Of those that allow: 1 is all of them, 0 none."
    )
    blocked: Annotated[float, Field(ge=0, le=1)] = Field(
        default=1.0, description="Of those that deny, and of those that a `log` rule matched."
    )


class OtlpSettings(Section):
    """Each line as a log record as well, handed to an OpenTelemetry collector over OTLP (gRPC)
    ([guide](../how-to/keep-a-decision-log.md#send-it-to-a-collector)).

    Takes the extra `otel`, as traces do, and reads the environment as they do
    ([tracing](#tracing)). It goes where it is said to here, and never by itself where traces go:
    it tells more.
    """

    enabled: bool = Field(default=False, description="Whether log records are sent.")
    endpoint: OtlpEndpoint | None = Field(
        default=None,
        description="Who takes them: `http://host:port`, or `https://` for TLS. Without it, as "
        "`OTEL_EXPORTER_OTLP_LOGS_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT` says, or "
        "`http://localhost:4317`.",
    )


class DecisionLogSettings(Section):
    """One line of JSON for each decision ([reference](decision-log.md),
    [guide](../how-to/keep-a-decision-log.md)).

    Off unless it is asked for: it tells who did what when, and whoever has it has to guard it, keep
    it as long as the law says and throw it away then. Counters and `events` do without it.
    """

    enabled: bool = Field(default=False, description="Whether lines are written.")
    path: Annotated[str | None, BeforeValidator(_target)] = Field(
        default=STDOUT,
        description="The file that lines are appended to, or `-`: standard output. Its directory "
        "has to be there. A file that is moved away is made anew. `null`: no lines, where log "
        "records (`otlp`) are all that is wanted.",
    )
    otlp: OtlpSettings = Field(default_factory=OtlpSettings)
    what: Literal["all", "blocks", "sampled"] = Field(
        default="all",
        description="Of which decisions: `all`; `blocks`: those that deny, and those that a `log` "
        "rule matched; `sampled`: as `sample` says.",
    )
    sample: SampleSettings = Field(default_factory=SampleSettings)
    headers: list[Annotated[str, AfterValidator(_header)]] = Field(
        default=list(HEADERS),
        description="Headers whose values are written, as far as the request has them. What lets "
        "somebody in (`authorization`, `cookie` and the like) is refused, and so is what says what "
        "another key leaves out (`referer`, `x-forwarded-for`, `x-forwarded-client-cert`).",
    )
    query: Literal["none", "names", "values"] = Field(
        default="names",
        description="What of the query is written: nothing, the names of arguments, or all of it. "
        "What stands in it without a value may be a value itself (`names` leaves it out).",
    )
    path_segments: Literal["all", "words", "none"] = Field(
        default="all",
        description="Which segments of the path are written: `all`; `words`: those that look like "
        "names, `*` standing for the others, and no parameters; or `none`.",
    )
    client_ip: Literal["full", "network", "none"] = Field(
        default="full",
        description="The client's address: all of it, its network (/24 of IPv4, /48 of IPv6), or "
        "nothing.",
    )
    subject: bool = Field(
        default=False,
        description="Whether the subject of a verified certificate is written, which may be a "
        "person's name. The fingerprint is in any case.",
    )

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Self:
        """There is a log, and somebody has it."""
        if self.enabled and self.path is None and not self.otlp.enabled:
            raise fault(
                "the decision log goes nowhere: path is null, and otlp is off",
                hint="set path, or otlp.enabled: true",
            )
        if self.otlp.enabled and not self.enabled:
            raise fault(
                "log records are made of a decision log, and there is none",
                hint="set decision_log.enabled: true; with path: null, no line is written",
            )
        return self

    @model_validator(mode="after")
    def _headers_agree(self) -> Self:
        """No header says what another key leaves out."""
        for names, key, value, whole in (
            (ADDRESS_HEADERS, "client_ip", self.client_ip, "full"),
            (TARGET_HEADERS, "query", self.query, "values"),
            (TARGET_HEADERS, "path_segments", self.path_segments, "all"),
            (CERTIFICATE_HEADERS, "subject", str(self.subject).lower(), "true"),
        ):
            named = sorted(names & set(self.headers))
            if named and value != whole:
                raise fault(
                    f'"{named[0]}" in headers says what {key}: {value} leaves out',
                    hint=f"remove the header, or set {key}: {whole}",
                )
        return self
