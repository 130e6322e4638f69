# SPDX-License-Identifier: Apache-2.0
"""A line of Envoy's access log as the request that it tells of.

Three forms: JSON, as the shipped listener writes it (envoy/envoy.yaml) or with the names that Istio
gives; Envoy's default text; and Istio's default text, which begins alike. A log says little of a
request: what it does not say is left out, and the notes say what that is.
https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from authz.errors import InvalidInputError
from authz.services.events import hex_of
from authz.services.pasted import Kind, Pasted
from authz.settings.problems import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Most characters of one line.
MAX_LINE: Final = 256 * 1024

_NOTHING: Final = ("", "-")
#: What a log has not, so that a rule that reads it may decide otherwise here.
_INCOMPLETE: Final = (
    "A log has only some of a request: its other headers and its body are missing here."
)
_FROM_SECOND: Final = "Only the first line counts."

#: Names in JSON logs: the shipped listener's, Istio's, and those people choose.
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "time": ("time", "start_time", "timestamp", "@timestamp"),
    "client": (
        "client",
        "downstream_remote_address",
        "downstream_remote_address_without_port",
        "downstream_direct_remote_address",
        "remote_address",
        "client_ip",
    ),
    "sni": ("sni", "requested_server_name"),
    "protocol": ("protocol",),
    "method": ("method", ":method", "request_method"),
    "host": ("host", "authority", ":authority"),
    "path": ("path", "x-envoy-original-path", "x_envoy_original_path", ":path", "request_path"),
    "scheme": ("scheme", ":scheme"),
    "fingerprint": ("fingerprint", "downstream_peer_fingerprint_256", "peer_fingerprint"),
}
#: Headers that logs have under these names.
_HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "user-agent": ("user_agent", "user-agent"),
    "referer": ("referer",),
    "x-forwarded-for": ("x_forwarded_for", "x-forwarded-for"),
}

_TEXT: Final = re.compile(r'\[(?P<time>[^\]\n]{1,80})\] "(?P<request>[^"\n]*)" (?P<rest>[^\n]*)')
#: x-forwarded-for, user-agent, x-request-id, authority, upstream host, in quotes each.
_QUOTED: Final = re.compile(r'"([^"\n]*)" "([^"\n]*)" "([^"\n]*)" "([^"\n]*)" "([^"\n]*)"(.*)')
_PROTOCOL: Final = re.compile(r"HTTP/(?:1\.0|1\.1|2|3)")
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
#: Behind the quoted texts Istio has: upstream cluster and local address, downstream local address,
#: downstream remote address, server name, route.
_OF_ISTIO: Final = 6


def read_access_log(text: str) -> Pasted:
    """The request of the first line.

    Raises:
        InvalidInputError: it is none of these, or does not say which request it tells of.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    line = lines[0].strip() if lines else ""
    if len(line) > MAX_LINE:
        raise InvalidInputError(
            f"the line has {len(line):,} characters, {MAX_LINE:,} are possible here",
            hint="paste one line of the log",
        )
    notes = [_INCOMPLETE, *([_FROM_SECOND] if len(lines) > 1 else [])]
    if not line.startswith("{"):
        return _pasted(_of_text(line), notes)
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        try:
            # One object, written over several lines.
            found = json.loads(text)
            notes = [_INCOMPLETE]
        except (ValueError, RecursionError):
            raise InvalidInputError(
                "the line begins with { and is not JSON", hint="paste the whole line"
            ) from None
    return _pasted(_of_json(found), notes)


def _of_json(given: Mapping[str, Any]) -> dict[str, str]:
    # Names are compared as people write them: in either case, with "-" or "_".
    by_name = {_folded(name): value for name, value in given.items()}
    found: dict[str, str] = {}
    for what, names in (*_NAMES.items(), *_HEADERS.items()):
        for name in names:
            value = by_name.get(_folded(name))
            if value is None or value in _NOTHING:
                continue
            if not isinstance(value, str):
                raise InvalidInputError(
                    f'"{name}" of the log is {describe(value)} and not text',
                    hint="paste a line as Envoy writes it",
                )
            found[what] = value
            break
    return found


def _folded(name: str) -> str:
    return name.lower().replace("-", "_")


def _of_text(line: str) -> dict[str, str]:
    head = _TEXT.match(line)
    quoted = _QUOTED.search(head["rest"]) if head else None
    if head is None or quoted is None:
        raise InvalidInputError(
            "this is no line of an access log as Envoy writes it",
            hint='expected [TIME] "METHOD PATH PROTOCOL" … or {"method": …, "host": …, "path": …}',
        )
    method, _, target = head["request"].partition(" ")
    path, _, protocol = target.rpartition(" ")
    forwarded, agent, _request_id, host, _upstream, behind = quoted.groups()
    found = {
        "time": head["time"],
        "method": method,
        "path": path,
        "protocol": protocol,
        "x-forwarded-for": forwarded,
        "user-agent": agent,
        "host": host,
    }
    more = behind.split()
    if len(more) >= _OF_ISTIO:
        found["client"], found["sni"] = more[3], more[4]
    return {name: value for name, value in found.items() if value not in _NOTHING}


def _pasted(found: Mapping[str, str], notes: Iterable[str]) -> Pasted:
    missing = [name for name in ("host", "path") if not found.get(name)]
    if missing:
        raise InvalidInputError(
            f"the line does not say the {' and the '.join(missing)} of the request",
            hint="have the log say %REQ(:AUTHORITY)% and %REQ(:PATH)%",
        )
    notes = list(notes)
    address, port = _address(found.get("client", ""))
    forwarded = found.get("x-forwarded-for", "")
    if not address and forwarded:
        # Envoy appends the peer (use_remote_address): the last one is who came to it.
        *before, last = (one.strip() for one in forwarded.split(","))
        address, forwarded = last, ",".join(before)
    elif address and forwarded.split(",")[-1].strip() == address:
        forwarded = forwarded.rpartition(",")[0]
    protocol = found.get("protocol", "")
    fingerprint = hex_of(found.get("fingerprint", ""))
    is_known = _FINGERPRINT.fullmatch(fingerprint) is not None
    if not is_known:
        notes.append("The log does not say which certificate the client had: choose one beside.")
    headers = {**found, "x-forwarded-for": forwarded}
    return Pasted(
        kind=Kind.ACCESS_LOG,
        host=found["host"],
        method=found.get("method", "GET"),
        path=found["path"],
        scheme=found.get("scheme", "https"),
        protocol=protocol if _PROTOCOL.fullmatch(protocol) else None,
        headers=tuple((name, headers[name]) for name in _HEADERS if headers.get(name)),
        source_address=address or None,
        source_port=port,
        sni=found.get("sni"),
        fingerprint=fingerprint if is_known else "",
        time=_seconds(found.get("time", "")),
        notes=tuple(notes),
    )


def _address(text: str) -> tuple[str, int | None]:
    """An address, and the port where there is one: `192.0.2.1:443`, `[2001:db8::1]:443`."""
    host, _, port = text.rpartition(":")
    if port.isascii() and port.isdigit() and len(port) <= 5:
        if host.startswith("[") and host.endswith("]"):
            return host[1:-1], int(port)
        if host and ":" not in host:
            return host, int(port)
    return text.strip("[]"), None


def _seconds(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else moment.timestamp()
    except (ValueError, OverflowError):
        return None
