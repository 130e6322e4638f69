# SPDX-License-Identifier: Apache-2.0
"""Many clients of the management API at once, in a process of their own (api_load.py).

Every client has one connection and waits for each answer before its next call. Writers remember
what was acknowledged, and `lost` compares that with what the API says in the end. HTTP is spoken by
hand: with a library, the clients would need more of the machine than what they measure.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PREFIX: Final = "/client/v4"

#: How many zones and lists the writers share, so that they meet.
ZONES: Final = 5
LISTS: Final = 5
#: Of each writer, before it removes its oldest one.
RULES: Final = 3
#: Of somebody who replaces a version that is no longer the latest.
TRIES: Final = 20


@dataclass(slots=True, kw_only=True)
class Target:
    """Where the API is, and who calls."""

    host: str
    port: int
    token: str


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of it: answers by call and status, seconds of each, and what was lost."""

    answers: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    kept: int = 0


class Connection:
    """One connection that stays open."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def call(
        self, method: str, path: str, body: Any = None, *, match: str | None = None
    ) -> tuple[int, Any]:
        """One call: status, and the body as JSON.

        Args:
            match: the version for If-Match.

        Raises:
            OSError, ValueError: no whole answer came.
        """
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                self._target.host, self._target.port
            )
        assert self._reader is not None
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {PREFIX}{path} HTTP/1.1\r\n"
            f"Host: {self._target.host}:{self._target.port}\r\n"
            f"Authorization: Bearer {self._target.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
            + ("" if match is None else f'If-Match: "{match}"\r\n')
            + "\r\n"
        )
        try:
            self._writer.write(head.encode() + data)
            return await self._answer(self._reader)
        except BaseException:
            self.close()
            raise

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, Any]:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }
        content = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return int(lines[0].split(" ")[1]), json.loads(content) if content else None

    def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


class Clients:
    """Readers and writers of one API.

    Args:
        zones, lists: identifiers of what they share; `account` of the account.
        rulesets: the ruleset of each zone.
    """

    def __init__(self, target: Target, account: str) -> None:
        self._target = target
        self._account = account
        self._zones: list[str] = []
        self._rulesets: dict[str, str] = {}
        self._lists: list[str] = []
        self._outcome = Outcome()
        self._until = 0.0
        self._numbers = itertools.count(1)
        self._groups: list[str] = []
        # What one client alone changes: its authority, its list, its rule in each zone.
        self._authorities: dict[Connection, str] = {}
        self._own_lists: dict[Connection, str] = {}
        self._own_rules: dict[tuple[Connection, str], str] = {}
        # What was acknowledged: refs by zone, values by list, statuses by certificate, hostnames
        # by zone and authority, all values by own list, and which tokens are there.
        self._refs: dict[str, dict[str, bool]] = {}
        self._values: dict[str, set[str]] = {}
        self._statuses: dict[tuple[str, str], str] = {}
        self._names: dict[tuple[str, str], list[str]] = {}
        self._whole: dict[str, set[str]] = {}
        self._tokens: dict[str, bool] = {}

    async def prepare(self) -> None:
        """Make what the clients share."""
        self._connection = Connection(self._target)
        for number in range(ZONES):
            zone = await self._made(
                "POST", "/zones", {"name": f"zone{number}.example", "force": True}
            )
            ruleset = await self._made(
                "PUT",
                f"/zones/{zone['id']}/rulesets/phases/http_request_firewall_custom/entrypoint",
                {"rules": []},
            )
            self._zones.append(zone["id"])
            self._rulesets[zone["id"]] = ruleset["id"]
        for number in range(LISTS):
            made = await self._made(
                "POST",
                f"/accounts/{self._account}/rules/lists",
                {"kind": "ip", "name": f"load{number}"},
            )
            self._lists.append(made["id"])
        groups = await self._made("GET", "/user/tokens/permission_groups", None)
        self._groups = [one["id"] for one in groups if one["name"] == "Zone Read"]

    async def _made(self, method: str, path: str, body: Any) -> Any:
        status, answer = await self._connection.call(method, path, body)
        assert status == 200, answer
        return answer["result"]

    async def run(self, clients: int, seconds: float) -> Outcome:
        """Have that many clients call for that long; half of them write."""
        writers: list[Callable[[Connection], Awaitable[None]]] = [
            self._rules,
            self._items,
            self._certificates,
            self._entry_points,
            self._hosts,
            self._whole_lists,
            self._some_tokens,
        ]
        self._until = time.monotonic() + seconds
        bodies = [
            writers[number // 2 % len(writers)] if number % 2 else self._read
            for number in range(clients)
        ]
        await asyncio.gather(*(self._client(body) for body in bodies))
        await self._compare()
        return self._outcome

    async def _client(self, body: Callable[[Connection], Awaitable[None]]) -> None:
        connection = Connection(self._target)
        while time.monotonic() < self._until:
            try:
                await body(connection)
            except (OSError, ValueError, asyncio.IncompleteReadError) as error:
                self._outcome.failures.append(f"{body.__name__}: {type(error).__name__}: {error}")
        connection.close()

    async def _call(
        self,
        connection: Connection,
        name: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        match: str | None = None,
    ) -> Any:
        """The result, None when it was refused; with `match`, 412 is no failure."""
        began = time.monotonic()
        status, answer = await connection.call(method, path, body, match=match)
        self._outcome.seconds.append(time.monotonic() - began)
        self._outcome.answers[f"{name} {status}"] += 1
        if status == 412 and match is not None:
            return None
        if status != 200:
            self._outcome.failures.append(f"{name}: {status} {json.dumps(answer)[:300]}")
            return None
        return answer["result"]

    # --- readers ---------------------------------------------------------------------------------

    async def _read(self, connection: Connection) -> None:
        number = next(self._numbers)
        zone = self._zones[number % ZONES]
        some = (
            ("read rules", f"/zones/{zone}/rulesets/{self._rulesets[zone]}"),
            ("read certificates", f"/zones/{zone}/client_certificates?per_page=20"),
            (
                "read items",
                (
                    f"/accounts/{self._account}/rules/lists/{self._lists[number % LISTS]}"
                    "/items?per_page=50"
                ),
            ),
            ("read zones", "/zones"),
        )
        name, path = some[number % len(some)]
        await self._call(connection, name, "GET", path)

    # --- writers ---------------------------------------------------------------------------------

    async def _rules(self, connection: Connection) -> None:
        """Append some rules, change the last, and remove the others again."""
        zone = self._zones[next(self._numbers) % ZONES]
        path = f"/zones/{zone}/rulesets/{self._rulesets[zone]}/rules"
        known = self._refs.setdefault(zone, {})
        made: list[tuple[str, str]] = []
        for _ in range(RULES):
            ref = f"r{next(self._numbers)}"
            rule = {"ref": ref, "action": "block", "expression": f'http.host eq "{ref}.example"'}
            ruleset = await self._call(connection, "append rule", "POST", path, rule)
            if ruleset is not None:
                known[ref] = True
                made += [(ref, one["id"]) for one in ruleset["rules"] if one["ref"] == ref]
            if time.monotonic() >= self._until:
                return
        for ref, rule_id in made[:-1]:
            if await self._call(connection, "remove rule", "DELETE", f"{path}/{rule_id}"):
                known[ref] = False
        if len(known) > 50 * ZONES and made:
            ref, rule_id = made[-1]
            if await self._call(connection, "remove rule", "DELETE", f"{path}/{rule_id}"):
                known[ref] = False

    async def _items(self, connection: Connection) -> None:
        number = next(self._numbers)
        one = self._lists[number % LISTS]
        value = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        path = f"/accounts/{self._account}/rules/lists/{one}/items"
        if await self._call(connection, "append item", "POST", path, [{"ip": value}]):
            self._values.setdefault(one, set()).add(value)

    async def _certificates(self, connection: Connection) -> None:
        zone = self._zones[next(self._numbers) % ZONES]
        path = f"/zones/{zone}/client_certificates"
        asked = {"csr": CSR, "validity_days": 30}
        made = await self._call(connection, "issue", "POST", path, asked)
        if made is None:
            return
        this = (zone, made["id"])
        self._statuses[this] = "active"
        if await self._call(connection, "revoke", "DELETE", f"{path}/{made['id']}"):
            self._statuses[this] = "revoked"
        if next(self._numbers) % 2:
            again = {"reactivate": True}
            if await self._call(connection, "restore", "PATCH", f"{path}/{made['id']}", again):
                self._statuses[this] = "active"

    async def _entry_points(self, connection: Connection) -> None:
        """Replace all rules of a zone, this client's by another: of the version that was read."""
        zone = self._zones[next(self._numbers) % ZONES]
        path = f"/zones/{zone}/rulesets/phases/http_request_firewall_custom/entrypoint"
        before = self._own_rules.get((connection, zone))
        ref = f"p{next(self._numbers)}"
        mine = {"ref": ref, "action": "log", "expression": f'http.host eq "{ref}.example"'}
        for _ in range(TRIES):
            found = await self._call(connection, "read entry point", "GET", path)
            if found is None:
                return
            rules = [
                {key: one[key] for key in ("ref", "action", "expression")}
                for one in found["rules"]
                if one["ref"] != before
            ]
            changed = {"rules": [*rules, mine]}
            if await self._call(
                connection, "put entry point", "PUT", path, changed, match=found["version"]
            ):
                known = self._refs.setdefault(zone, {})
                known[ref] = True
                if before is not None:
                    known[before] = False
                self._own_rules[connection, zone] = ref
                return
            if time.monotonic() >= self._until:
                return

    async def _hosts(self, connection: Connection) -> None:
        """Replace the hostnames of this client's authority in a zone."""
        authority = self._authorities.get(connection)
        if authority is None:
            path = f"/accounts/{self._account}/mtls_certificates"
            own = {"ca": True, "certificates": _authority(next(self._numbers))}
            made = await self._call(connection, "upload", "POST", path, own)
            if made is None:
                return
            authority = self._authorities[connection] = made["id"]
        number = next(self._numbers)
        zone = self._zones[number % ZONES]
        names = [f"h{number}-{one}.zone{number % ZONES}.example" for one in range(number % 4)]
        asked = {"hostnames": names, "mtls_certificate_id": authority}
        path = f"/zones/{zone}/certificate_authorities/hostname_associations"
        if await self._call(connection, "put hostnames", "PUT", path, asked):
            self._names[zone, authority] = names

    async def _whole_lists(self, connection: Connection) -> None:
        """Replace all items of this client's list."""
        one = self._own_lists.get(connection)
        if one is None:
            asked = {"kind": "ip", "name": f"own{next(self._numbers)}"}
            path = f"/accounts/{self._account}/rules/lists"
            made = await self._call(connection, "make list", "POST", path, asked)
            if made is None:
                return
            one = self._own_lists[connection] = made["id"]
        number = next(self._numbers)
        values = {f"11.{number >> 8 & 255}.{number & 255}.{item}" for item in range(number % 9)}
        path = f"/accounts/{self._account}/rules/lists/{one}/items"
        items = [{"ip": value} for value in sorted(values)]
        if await self._call(connection, "put items", "PUT", path, items):
            self._whole[one] = values

    async def _some_tokens(self, connection: Connection) -> None:
        """Make a token, and remove it, but for every fourth one."""
        number = next(self._numbers)
        zone = f"com.cloudflare.api.account.zone.{self._zones[number % ZONES]}"
        policy = {
            "effect": "allow",
            "permission_groups": [{"id": one} for one in self._groups],
            "resources": {zone: "*"},
        }
        asked = {"name": f"load {number}", "policies": [policy]}
        made = await self._call(connection, "make token", "POST", "/user/tokens", asked)
        if made is None:
            return
        self._tokens[made["id"]] = True
        path = f"/user/tokens/{made['id']}"
        if number % 4 and await self._call(connection, "remove token", "DELETE", path):
            self._tokens[made["id"]] = False

    # --- what was acknowledged is there ----------------------------------------------------------

    async def _compare(self) -> None:
        outcome, connection = self._outcome, Connection(self._target)

        async def read(path: str) -> Any:
            status, answer = await connection.call("GET", path)
            assert status == 200, answer
            return answer

        for zone, known in self._refs.items():
            ruleset = (await read(f"/zones/{zone}/rulesets/{self._rulesets[zone]}"))["result"]
            there = {rule["ref"] for rule in ruleset["rules"]}
            outcome.lost += [f"rule {ref}" for ref, kept in known.items() if kept != (ref in there)]
            outcome.kept += len(known)

        async def items(one: str) -> set[str]:
            found: set[str] = set()
            cursor = ""
            while True:
                path = f"/accounts/{self._account}/rules/lists/{one}/items?per_page=500"
                page = await read(path + (f"&cursor={cursor}" if cursor else ""))
                found |= {item["ip"] for item in page["result"]}
                cursor = page["result_info"]["cursors"].get("after") or ""
                if not cursor:
                    return found

        for one, values in self._values.items():
            outcome.lost += [f"item {value}" for value in values - await items(one)]
            outcome.kept += len(values)
        for one, values in self._whole.items():
            if await items(one) != values:
                outcome.lost.append(f"items of {one}: not {sorted(values)}")
        outcome.kept += len(self._whole)
        for (zone, authority), names in self._names.items():
            path = f"/zones/{zone}/certificate_authorities/hostname_associations"
            answer = await read(f"{path}?mtls_certificate_id={authority}")
            if answer["result"]["hostnames"] != names:
                outcome.lost.append(f"hostnames of {authority} in {zone}: not {names}")
        outcome.kept += len(self._names)
        for token, there in self._tokens.items():
            status, _ = await connection.call("GET", f"/user/tokens/{token}")
            if status != (200 if there else 404):
                outcome.lost.append(f"token {token}: {status}")
        outcome.kept += len(self._tokens)
        for (zone, certificate), status in self._statuses.items():
            path = f"/zones/{zone}/client_certificates/{certificate}"
            if (await read(path))["result"]["status"] != status:
                outcome.lost.append(f"certificate {certificate}: not {status}")
        outcome.kept += len(self._statuses)
        connection.close()


def run_clients(target: Target, account: str, clients: int, seconds: float) -> Outcome:
    """Prepare, call, compare."""

    async def run() -> Outcome:
        some = Clients(target, account)
        await some.prepare()
        return await some.run(clients, seconds)

    return asyncio.run(run())


def _csr() -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "load")])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(_KEY, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def _authority(number: int) -> str:
    """A CA of its own name, signed by itself."""
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"load {number}")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(_KEY.public_key())
        .serial_number(number)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(_KEY, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


_KEY: Final = ec.generate_private_key(ec.SECP256R1())
CSR: Final = _csr()
