# SPDX-License-Identifier: Apache-2.0
"""The part of the story that is told over the management API, in Cloudflare's calls.

A certificate for a signing request, its revocation and its return, a rule, and a token that may
not do what it asks for. Each is proved by a request through Envoy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from authz.demo.commands import Client
from authz.demo.keys import key_pem, make_key
from authz.demo.pki import signing_request
from authz.demo.story_steps import CLOSED_PATH, HOST
from authz.errors import DemoError

if TYPE_CHECKING:
    from pathlib import Path

    from authz.demo.telling import Telling

SENSOR: Final = Client(certificate="clients/sensor/client.pem", key="clients/sensor/client.key")

#: The zone that `authz host add` puts a host into when it names none.
ZONE: Final = "default"

#: As Cloudflare names the permission to read client certificates, and no more.
READER: Final = "SSL and Certificates Read"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeOverApi:
    """Identifiers to go on with: the zone, its ruleset, and the certificate of SENSOR."""

    zone: str = ""
    ruleset: str = ""
    certificate: str = ""


def tell_api(telling: Telling) -> MadeOverApi:
    """Every step over the API; nothing of it keeps SENSOR out of `/` in the end.

    Raises:
        DemoError: a call was refused, so that the rest makes no sense.
    """
    zone_id = _only(telling.call("GET", f"/zones?name={ZONE}"), f"zone {ZONE}")
    zone = f"/zones/{zone_id}"

    # 1 A certificate for a key that stays here.
    csr = _new_key(telling.directory)
    issued = telling.call(
        "POST",
        f"{zone}/client_certificates",
        {"csr": csr, "validity_days": 30, "label": "sensor"},
    )
    (telling.directory / SENSOR.certificate).write_text(issued["certificate"], encoding="ascii")
    certificate = f"{zone}/client_certificates/{issued['id']}"
    kept = telling.open_connection(SENSOR)
    telling.on("api-issued", kept)

    # 2 Revoked and restored, while a connection is open.
    telling.call("DELETE", certificate)
    telling.on("api-revoked", kept)
    telling.call("PATCH", certificate, {"reactivate": True})
    telling.on("api-restored", kept)

    # 3 A rule for one path, behind the one that keeps others out.
    telling.on("api-before-rule", kept, CLOSED_PATH)
    entry = "phases/http_request_firewall_custom/entrypoint"
    ruleset = telling.call("GET", f"{zone}/rulesets/{entry}")["id"]
    telling.call(
        "POST", f"{zone}/rulesets/{ruleset}/rules", closing_rule("maintenance", CLOSED_PATH)
    )
    telling.on("api-rule", kept, CLOSED_PATH)
    telling.on("api-beside-rule", kept)

    # 4 A token that may read certificates, and does not get to revoke one.
    groups = telling.call("GET", f"/user/tokens/permission_groups?name={quote(READER)}")
    made = telling.call(
        "POST",
        "/user/tokens",
        {
            "name": "reader",
            "policies": [
                {
                    "effect": "allow",
                    "permission_groups": [{"id": _only(groups, READER)}],
                    "resources": {f"com.cloudflare.api.account.zone.{zone_id}": "*"},
                }
            ],
        },
    )
    telling.call_with("reader", made["value"], "api-not-permitted", "DELETE", certificate)
    telling.on("api-still-in", kept)
    return MadeOverApi(zone=zone_id, ruleset=ruleset, certificate=issued["id"])


def closing_rule(ref: str, path: str) -> dict[str, Any]:
    """A rule that blocks one path of the host."""
    return {
        "ref": ref,
        "action": "block",
        "expression": f'http.host eq "{HOST}" and http.request.uri.path eq "{path}"',
    }


def _new_key(directory: Path) -> str:
    """Write a key for SENSOR, and make its signing request in PEM."""
    key = make_key()
    file = directory / SENSOR.key
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_bytes(key_pem(key))
    return signing_request("sensor", key).decode("ascii")


def _only(found: list[dict[str, Any]], what: str) -> str:
    """The identifier of the one object that was found."""
    if len(found) != 1:
        raise DemoError(f"the API knows {len(found)} of {what}, not one")
    return str(found[0]["id"])
