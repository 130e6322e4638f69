# SPDX-License-Identifier: Apache-2.0
"""The form of the simulator: its fields, what they mean, and how a pasted request fills them.

`values` are the texts of the fields, as they are shown again. Which rules decide and whose
certificate it is are chosen here and looked up by the page (pages/simulator.py).
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from authz.certs.pem import split_pem
from authz.errors import CertificateError, InvalidInputError
from authz.policy.hosts import normalise_host
from authz.services.simulated_request import SimulatedRequest

if TYPE_CHECKING:
    from authz.dashboard.forms import Form
    from authz.services.pasted import Pasted

#: What a form has that nobody filled in.
DEFAULTS: Final = {
    "paste": "",
    "exact": "",
    "method": "GET",
    "scheme": "https",
    "host": "",
    "path": "/",
    "protocol": "HTTP/2",
    "headers": "user-agent: simulator\naccept: */*",
    "body": "",
    "body_form": "text",
    "forwards_bodies": "",
    "source_address": "192.0.2.1",
    "source_port": "49152",
    "sni": "",
    "at": "",
    "client": "none",
    "find": "",
    "certificate_id": "",
    "pem": "",
    "rules": "live",
    "draft": "",
    "expression": "",
    "place": "front",
}
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
#: What stands for "TLS without a server name" in the field of the SNI.
NO_SNI: Final = "-"

_MOST_CERTIFICATES: Final = 16
_LONE: Final = re.compile("[\ud800-\udfff]")


def values_of(form: Form) -> dict[str, str]:
    """The texts of the fields of a posted form; boxes that are not checked are ""."""
    return {
        name: form.raw(name, "" if name in _BOXES else default)
        for name, default in DEFAULTS.items()
    }


_BOXES: Final = ("exact", "forwards_bodies")


def filled(values: dict[str, str], pasted: Pasted) -> dict[str, str]:
    """The fields as a pasted text describes the request; others stay as they are."""
    body, body_form = _body_text(pasted.body)
    found = {
        "method": pasted.method,
        "scheme": pasted.scheme or "https",
        "host": pasted.host,
        "path": pasted.path,
        "protocol": pasted.protocol or "HTTP/2",
        "headers": "\n".join(f"{name}: {value}" for name, value in pasted.headers),
        "body": body,
        "body_form": body_form,
        "source_address": pasted.source_address or DEFAULTS["source_address"],
        "source_port": str(pasted.source_port or DEFAULTS["source_port"]),
        "sni": "" if pasted.sni is None else pasted.sni or NO_SNI,
        "at": "" if pasted.time is None else moment_text(pasted.time),
        "exact": "" if pasted.data is None else "on",
    }
    if pasted.pem:
        found |= {"client": "pem", "pem": pasted.pem}
    # A page cannot hold half a character.
    return {**values, **{name: _LONE.sub("\ufffd", text) for name, text in found.items()}}


def request_of(
    values: dict[str, str], certificates: tuple[bytes, ...], now: float, request_id: str
) -> SimulatedRequest:
    """The request that the fields describe.

    Raises:
        InvalidInputError: a field has something that it cannot have.
    """
    host, scheme = values["host"].strip(), values["scheme"]
    return SimulatedRequest(
        host=host,
        method=values["method"].strip(),
        path=values["path"].strip(),
        scheme=scheme,
        protocol=values["protocol"],
        headers=headers_of(values["headers"]),
        body=_body(values),
        source_address=values["source_address"].strip(),
        source_port=_port(values["source_port"].strip()),
        sni=_sni(values["sni"].strip(), scheme, host),
        certificates=certificates,
        time=now,
        request_id=request_id,
    )


def headers_of(text: str) -> tuple[tuple[str, str], ...]:
    """The headers of a text that has one in each line.

    Raises:
        InvalidInputError: a line is none; its number is told.
    """
    found: list[tuple[str, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise InvalidInputError(
                f'headers, line {number}: "{line.strip()[:60]}" is no header',
                hint="write Name: value, one in each line",
            )
        found.append((name.strip(), value.strip()))
    return tuple(found)


def certificates_of(pem: str) -> tuple[bytes, ...]:
    """The client's certificates, DER, the end-entity certificate first.

    Raises:
        InvalidInputError: the text has none, or a private key.
    """
    try:
        found = split_pem(pem.encode())
    except CertificateError as error:
        if "private key" in error.message:
            raise InvalidInputError(
                "the certificate is pasted with its private key",
                hint="paste the certificate alone, and keep the key to yourself: nothing of it "
                "was kept here",
            ) from None
        raise InvalidInputError(
            f"certificate: {error.message.replace('the file', 'the text')}",
            hint="paste what is between -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----, "
            "with these lines",
        ) from None
    if len(found) > _MOST_CERTIFICATES:
        raise InvalidInputError(
            f"{len(found)} certificates were pasted, {_MOST_CERTIFICATES} are possible here",
            hint="paste the client's certificate and those between it and the root",
        )
    return found


def moment_of(text: str, now: float) -> float:
    """The time that a text says, Unix seconds; `now` where it is empty.

    Raises:
        InvalidInputError: it is none.
    """
    if not text.strip():
        return now
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp()
    except (ValueError, OverflowError):
        raise InvalidInputError(
            f'"{text.strip()[:40]}" is not a time', hint="write 2026-03-01T12:00:00Z"
        ) from None


def moment_text(at: float) -> str:
    """Unix seconds as that field has them."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def prefilled(query: dict[str, Any]) -> dict[str, str]:
    """The fields as a link to the page asks for them."""
    given = {name: str(value) for name, value in query.items() if name in _FROM_LINKS}
    if given.get("draft"):
        given["rules"] = "saved"
    return {**DEFAULTS, **given}


#: What other pages may link to the simulator with.
_FROM_LINKS: Final = frozenset(
    {
        "method",
        "scheme",
        "host",
        "path",
        "source_address",
        "sni",
        "client",
        "certificate_id",
        "rules",
        "draft",
        "expression",
        "place",
    }
)


def _body_text(body: bytes) -> tuple[str, str]:
    """A body for the text field, and in which form."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), "base64"
    # A form changes line ends and cannot hold control characters.
    plain = not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text)
    return (text, "text") if plain else (base64.b64encode(body).decode(), "base64")


def _body(values: dict[str, str]) -> bytes:
    if values["body_form"] != "base64":
        return values["body"].encode()
    try:
        return base64.b64decode("".join(values["body"].split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInputError(
            "the body is not Base64", hint="write it as text, or encode it"
        ) from None


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise InvalidInputError(f'"{text[:20]}" is no port', hint="a number from 0 to 65535")
    return int(text)


def _sni(text: str, scheme: str, host: str) -> str | None:
    if scheme == "http":
        return None
    if text:
        return "" if text == NO_SNI else text
    name = normalise_host(host.encode()) or ""
    # RFC 6066 3: addresses are no server names.
    is_address = name.startswith("[") or name.replace(".", "").isdigit()
    return "" if is_address else name
