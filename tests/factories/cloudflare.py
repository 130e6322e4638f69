# SPDX-License-Identifier: Apache-2.0
"""A small Cloudflare: its objects, and its API on loopback with pages, cursors and failures.

    fake = FakeCloudflare(zones=[zone("example.com", rules=[…])])
    with serving(fake.answer) as server:
        CloudflareClient(server.url("/client/v4"), TOKEN)

Answers have the shape that is documented; values are ours.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.factories.http_server import response
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from tests.factories.http_server import Request

TOKEN = "t" * 40
ACCOUNT = "a" * 32
BASE = "/client/v4"

#: Cloudflare's managed CA, whose key and certificate nobody outside has.
MANAGED_CA = root("Managed CA 7f")
#: A CA that was uploaded.
OWN_CA = root("Own CA")
OWN_CA_ID = "2458ce5a-0c35-4c7f-82c7-8e9487d3ff60"

PROTECT = (
    '(http.host in {"api.example.com"} and '
    "(not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked))"
)


def hex_id(number: int) -> str:
    """An identifier."""
    return f"{number:032x}"


def rule(ref: str, expression: str = PROTECT, action: str = "block", **more: Any) -> dict[str, Any]:
    """A custom rule as the API gives it."""
    return {
        "id": hex_id(0x1000 + sum(ref.encode())),
        "version": "3",
        "action": action,
        "expression": expression,
        "description": "",
        "last_updated": "2026-06-22T12:35:58.144683Z",
        "ref": ref,
        "enabled": True,
        **more,
    }


def ruleset(
    *rules: dict[str, Any],
    kind: str = "zone",
    phase: str = "http_request_firewall_custom",
    number: int = 0x77,
) -> dict[str, Any]:
    """A ruleset with its rules."""
    return {
        "id": hex_id(number),
        "name": "default",
        "description": "",
        "kind": kind,
        "version": "7",
        "phase": phase,
        "last_updated": "2026-06-22T12:35:58.144683Z",
        "rules": list(rules),
    }


def client_certificate(name: str, status: str = "active", serial: int = 1) -> dict[str, Any]:
    """A client certificate of the managed CA."""
    issued = MANAGED_CA.client(name, at=AT, serial=serial)
    digits = f"{serial:x}"
    return {
        "id": hex_id(0x5000 + serial),
        "certificate": issued.pem.decode(),
        "certificate_authority": {
            "id": "568b6b74-7b0c-4755-8840-4e3b8c24adeb",
            "name": "Cloudflare Managed CA for account",
        },
        "common_name": name,
        "expires_on": "2033-02-20T23:18:00Z",
        "serial_number": digits.zfill(len(digits) + len(digits) % 2),
        "status": status,
        "validity_days": 3650,
    }


@dataclass(kw_only=True)
class FakeZone:
    """A zone; `hosts` by the identifier of their CA, "" for the managed one."""

    name: str
    number: int = 1
    rulesets: list[dict[str, Any]] = field(default_factory=list)
    certificates: list[dict[str, Any]] = field(default_factory=list)
    hosts: dict[str, list[str]] = field(default_factory=dict)
    paused: bool = False

    @property
    def id(self) -> str:
        return hex_id(0xF000 + self.number)

    @property
    def object(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "status": "active",
            "paused": self.paused,
            "type": "full",
            "account": {"id": ACCOUNT, "name": "Acme"},
        }


@dataclass(frozen=True, kw_only=True)
class Failure:
    """An answer that is none, to the next call whose path has this in it."""

    path: str
    status: str = "500 Internal Server Error"
    headers: tuple[str, ...] = ()
    errors: tuple[dict[str, Any], ...] = ()
    body: bytes | None = None


@dataclass(kw_only=True)
class FakeCloudflare:
    """An account and its API."""

    zones: list[FakeZone] = field(default_factory=list)
    rulesets: list[dict[str, Any]] = field(default_factory=list)
    lists: list[dict[str, Any]] = field(default_factory=list)
    certificates: list[dict[str, Any]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    page: int = 2
    #: For pages that are not looked at.
    ignores_pages: bool = False

    def answer(self, request: Request) -> bytes:
        """What the API says."""
        parts = urlsplit(request.target)
        for failure in self.failures:
            if failure.path in request.target:
                self.failures.remove(failure)
                body = failure.body
                if body is None:
                    body = _json(success=False, errors=list(failure.errors), result=None)
                return response(body, *failure.headers, status=failure.status)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error("403 Forbidden", 10000, "Authentication error")
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix(BASE).strip("/").split("/")
        if path[0] == "zones":
            return self._zones(path[1:], query)
        if path[:2] == ["accounts", ACCOUNT]:
            return self._account(path[2:], query)
        return _not_found()

    def _zones(self, path: list[str], query: dict[str, str]) -> bytes:
        if not path:
            found = [one.object for one in self.zones if query.get("name") in (None, one.name)]
            return self._paged(found, query)
        zone = next((one for one in self.zones if one.id == path[0]), None)
        if zone is None:
            return _not_found()
        if path[1] == "rulesets":
            return self._rulesets(zone.rulesets, path[2:], query)
        if path[1] == "client_certificates":
            return self._paged(zone.certificates, query)
        hosts = zone.hosts.get(query.get("mtls_certificate_id", ""), [])
        return response(_json(result={"hostnames": hosts}))

    def _account(self, path: list[str], query: dict[str, str]) -> bytes:
        if path == ["mtls_certificates"]:
            return response(_json(result=self.certificates))
        if path[0] == "rulesets":
            return self._rulesets(self.rulesets, path[1:], query)
        if path == ["rules", "lists"]:
            listed = [{key: one[key] for key in one if key != "items"} for one in self.lists]
            return response(_json(result=listed))
        items = next(one["items"] for one in self.lists if one["id"] == path[2])
        start = int(query.get("cursor", "0"))
        end = start + self.page
        cursors = {"after": str(end)} if end < len(items) else {}
        return response(_json(result=items[start:end], result_info={"cursors": cursors}))

    def _rulesets(
        self, rulesets: list[dict[str, Any]], path: list[str], query: dict[str, str]
    ) -> bytes:
        if path:
            found = next((one for one in rulesets if one["id"] == path[0]), None)
            return _not_found() if found is None else response(_json(result=found))
        start = int(query.get("cursor", "0"))
        end = start + self.page
        listed = [{key: one[key] for key in one if key != "rules"} for one in rulesets]
        info = {"count": len(listed), "cursor": str(end) if end < len(listed) else ""}
        return response(_json(result=listed[start:end], result_info=info))

    def _paged(self, found: list[dict[str, Any]], query: dict[str, str]) -> bytes:
        number = 1 if self.ignores_pages else int(query["page"])
        return response(_json(result=found[(number - 1) * self.page : number * self.page]))


def fake_list(name: str, kind: str, *items: dict[str, Any], number: int = 1) -> dict[str, Any]:
    """A list with its items."""
    return {
        "id": hex_id(0x9000 + number),
        "name": name,
        "kind": kind,
        "description": "",
        "num_items": len(items),
        "items": [{"id": hex_id(0xA000 + place), **item} for place, item in enumerate(items)],
    }


def own_ca(**changes: Any) -> dict[str, Any]:
    """An uploaded CA."""
    return {
        "id": OWN_CA_ID,
        "name": "Own CA",
        "ca": True,
        "certificates": OWN_CA.pem.decode(),
        "type": "custom",
        "serial_number": "123",
        "uploaded_on": "2022-11-22T17:32:30.467938Z",
        **changes,
    }


def typical(**zone: Any) -> FakeCloudflare:
    """One zone whose host asks for certificates of an uploaded CA, with one rule and one list."""
    given: dict[str, Any] = {
        "rulesets": [ruleset(rule("protect"))],
        "hosts": {OWN_CA_ID: ["api.example.com"]},
        **zone,
    }
    return FakeCloudflare(
        zones=[FakeZone(name="example.com", **given)],
        certificates=[own_ca()],
        lists=[fake_list("office", "ip", {"ip": "192.0.2.0/24", "comment": "here"})],
    )


def _json(**envelope: Any) -> bytes:
    return json.dumps({"success": True, "errors": [], "messages": [], **envelope}).encode()


def _error(status: str, code: int, message: str) -> bytes:
    errors = [{"code": code, "message": message}]
    return response(_json(success=False, errors=errors, result=None), status=status)


def _not_found() -> bytes:
    return _error("404 Not Found", 7003, "Could not route to it")
