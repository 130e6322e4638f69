# SPDX-License-Identifier: Apache-2.0
"""Cloudflare's Terraform provider as it was seen to speak (5.24.0, with Terraform 1.11.4).

Each resource is what somebody wrote, and does what the provider does at an apply, at a refresh, at
an import and at a destroy: these requests, with these keys, and nothing else. `differs` is what a
plan after a refresh would change: what the provider compares, as it compares it. Nothing here
decides what is right; the tests do.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PHASE: Final = "http_request_firewall_custom"

#: A token that is not like that is refused before anything is sent.
TOKEN: Final = re.compile(r"[0-9A-Za-z\-_]{40,80}")
IDENTIFIER: Final = re.compile(r"[0-9a-f]{32}")

_NOTHING: Final = object()
_HEADERS: Final = {
    "accept-encoding": "gzip",
    "user-agent": (
        "terraform-provider-cloudflare/5.24.0 terraform-plugin-framework/1.19.0 terraform/1.11.4"
    ),
    "x-stainless-arch": "x64",
    "x-stainless-lang": "Terraform",
    "x-stainless-os": "Linux",
    "x-stainless-package-version": "5.24.0",
    "x-stainless-runtime": "terraform-plugin-framework",
    "x-stainless-runtime-version": "1.19.0",
}


class RefusedError(Exception):
    """An answer that is no success: what Terraform shows, and ends the apply with."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(answer.text)
        self.status = answer.status_code
        self.errors: list[dict[str, Any]] = answer.json()["errors"]

    @property
    def codes(self) -> list[int]:
        return [one["code"] for one in self.errors]

    @property
    def pointers(self) -> list[str]:
        return [one["source"]["pointer"] for one in self.errors]


class Provider:
    """Sends requests as the provider does.

    Attributes:
        sent: method and path with query of every request, the latest last.
    """

    def __init__(self, base_url: str, token: str) -> None:
        assert TOKEN.fullmatch(token)
        self._client = httpx.Client(
            base_url=base_url, headers={**_HEADERS, "authorization": f"Bearer {token}"}, timeout=30
        )
        self.sent: list[str] = []

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def call(
        self, method: str, path: str, body: Any = _NOTHING, *, accept: str = "application/json"
    ) -> Any:
        """The envelope of a success, None where there is no body.

        As cloudflare-go does it: what failed on the way is sent twice more, and says so.

        Raises:
            RefusedError: it is none.
        """
        headers = {"accept": accept}
        content = None
        if body is not _NOTHING:
            headers["content-type"] = "application/json"
            content = json.dumps(body, separators=(",", ":"), sort_keys=True)
        self.sent.append(f"{method} {path}")
        for count in range(3):
            headers["x-stainless-retry-count"] = str(count)
            answer = self._client.request(method, path, content=content, headers=headers)
            if answer.status_code < 500 and answer.status_code not in (408, 409, 429):
                break
        if not answer.is_success:
            raise RefusedError(answer)
        return answer.json() if answer.content else None

    def result(self, method: str, path: str, body: Any = _NOTHING) -> Any:
        """The `result` of a call."""
        return self.call(method, path, body)["result"]

    def gone(self, path: str) -> bool:
        """Whether a refresh takes a resource out of the state: only for this status."""
        try:
            self.call("GET", path)
        except RefusedError as error:
            if error.status != 404:
                raise
            return True
        return False


@dataclass(kw_only=True)
class Zone:
    """`cloudflare_zone`; an import is by the identifier, and a refresh."""

    account_id: str
    name: str
    paused: bool = False
    type: str = "full"
    id: str = ""

    def create(self, provider: Provider) -> dict[str, Any]:
        made = provider.result("POST", "/zones", self._attributes())
        self.id = made["id"]
        return dict(made)

    def read(self, provider: Provider) -> dict[str, Any]:
        return dict(provider.result("GET", f"/zones/{self.id}"))

    def differs(self, provider: Provider) -> dict[str, Any]:
        seen = self.read(provider)
        wanted = self._attributes()
        seen["account"] = {"id": seen["account"]["id"]}
        return {key: seen.get(key) for key, value in wanted.items() if seen.get(key) != value}

    def destroy(self, provider: Provider) -> None:
        provider.call("DELETE", f"/zones/{self.id}")

    def _attributes(self) -> dict[str, Any]:
        return {
            "account": {"id": self.account_id},
            "name": self.name,
            "paused": self.paused,
            "type": self.type,
        }


@dataclass(kw_only=True)
class Ruleset:
    """`cloudflare_ruleset`; `scope` is `zones/ID` or `accounts/ID`.

    A rule has what somebody wrote of it. `logging` of a rule that skips is taken from the API
    where nobody wrote it; so are identifiers, by `ref`.
    """

    scope: str
    name: str = "default"
    description: str = ""
    rules: list[dict[str, Any]] = field(default_factory=list)
    id: str = ""
    version: str = ""
    #: Of the state: by ref, what the API said of a rule.
    known: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return "zone" if self.scope.startswith("zones/") else "root"

    def create(self, provider: Provider, *, dry_run: bool = False) -> Any:
        return self._taken(provider.result("POST", self._path("", dry_run), self._body()))

    def update(self, provider: Provider, *, dry_run: bool = False) -> Any:
        path = self._path(f"/{self.id}", dry_run)
        return self._taken(provider.result("PUT", path, self._body()))

    def read(self, provider: Provider) -> dict[str, Any]:
        return dict(provider.result("GET", self._path(f"/{self.id}")))

    def imported(self, provider: Provider) -> dict[str, Any]:
        """What the state has after an import: read once for it, and once as a refresh."""
        first, second = self.read(provider), self.read(provider)
        assert first == second
        return second

    def gone(self, provider: Provider) -> bool:
        return provider.gone(self._path(f"/{self.id}"))

    def destroy(self, provider: Provider) -> None:
        # Nothing is read of the answer.
        assert provider.call("DELETE", self._path(f"/{self.id}"), accept="*/*") is None

    def differs(self, provider: Provider) -> list[Any]:
        seen = self.read(provider)
        found: list[Any] = [
            (key, seen[key])
            for key in ("name", "description", "kind", "phase")
            if seen[key] != getattr(self, key, PHASE)
        ]
        rules = [_attributes(one) for one in seen["rules"]]
        wanted = [_planned(one) for one in self.rules]
        if len(rules) != len(wanted):
            found.append(("rules", len(rules)))
        for index, (one, plan) in enumerate(zip(rules, wanted, strict=False)):
            found += [(index, key, one[key]) for key, value in plan.items() if one[key] != value]
        return found

    def _path(self, rest: str, dry_run: bool = False) -> str:
        return f"/{self.scope}/rulesets{rest}" + ("?dry_run=true" if dry_run else "")

    def _body(self) -> dict[str, Any]:
        rules = []
        for one in self.rules:
            sent = {
                key: value
                for key, value in {"action_parameters": {}, **_planned(one)}.items()
                if value is not None
            }
            known = self.known.get(str(one.get("ref")), {})
            if "logging" not in one and known.get("action") == one["action"]:
                sent |= {"logging": known["logging"]} if known.get("logging") else {}
            rules.append(sent)
        return {
            "description": self.description,
            "kind": self.kind,
            "name": self.name,
            "phase": PHASE,
            "rules": rules,
        }

    def _taken(self, result: Any) -> Any:
        if result is not None:
            self.id, self.version = result["id"], result["version"]
            self.known = {one["ref"]: one for one in result["rules"]}
        return result


def _planned(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule with the provider's defaults; what it leaves to the API is not there."""
    return {"action_parameters": {}, "description": "", "enabled": True, **rule}


def _attributes(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule of an answer as the state has it: what is missing and what is empty are the same."""
    return {
        "action": rule["action"],
        "action_parameters": rule.get("action_parameters") or {},
        "description": rule.get("description") or "",
        "enabled": rule["enabled"],
        "expression": rule["expression"],
        "logging": rule.get("logging"),
        "ref": rule["ref"],
    }


@dataclass(kw_only=True)
class ClientCertificate:
    """`cloudflare_client_certificate`: another CSR or term is another certificate."""

    zone_id: str
    csr: str
    validity_days: int
    id: str = ""

    def create(self, provider: Provider) -> dict[str, Any]:
        body = {"csr": self.csr, "validity_days": self.validity_days}
        made = provider.result("POST", self._path(), body)
        self.id = made["id"]
        return dict(made)

    def read(self, provider: Provider) -> dict[str, Any]:
        return dict(provider.result("GET", f"{self._path()}/{self.id}"))

    def reactivate(self, provider: Provider) -> dict[str, Any]:
        """What `reactivate = true` does where it was not there."""
        return dict(provider.result("PATCH", f"{self._path()}/{self.id}", {"reactivate": True}))

    def differs(self, provider: Provider) -> list[str]:
        seen = self.read(provider)

        def lines(text: str) -> str:
            return text.replace("\r\n", "\n").rstrip("\n")

        found = [] if lines(seen["csr"]) == lines(self.csr) else ["csr"]
        return found + (["validity_days"] if seen["validity_days"] != self.validity_days else [])

    def destroy(self, provider: Provider) -> None:
        provider.result("DELETE", f"{self._path()}/{self.id}")

    def _path(self) -> str:
        return f"/zones/{self.zone_id}/client_certificates"


@dataclass(kw_only=True)
class MtlsCertificate:
    """`cloudflare_mtls_certificate`: another attribute is another certificate."""

    account_id: str
    certificates: str
    name: str | None = None
    id: str = ""

    def create(self, provider: Provider) -> dict[str, Any]:
        body = {"ca": True, "certificates": self.certificates}
        made = provider.result(
            "POST", self._path(), body | ({"name": self.name} if self.name else {})
        )
        self.id = made["id"]
        return dict(made)

    def read(self, provider: Provider) -> dict[str, Any]:
        return dict(provider.result("GET", f"{self._path()}/{self.id}"))

    def differs(self, provider: Provider) -> list[str]:
        seen = self.read(provider)
        found = [] if seen["ca"] is True and seen["name"] == self.name else ["ca or name"]
        same = seen["certificates"].rstrip("\n") == self.certificates.rstrip("\n")
        return found + ([] if same else ["certificates"])

    def gone(self, provider: Provider) -> bool:
        return provider.gone(f"{self._path()}/{self.id}")

    def destroy(self, provider: Provider) -> None:
        provider.result("DELETE", f"{self._path()}/{self.id}")

    def _path(self) -> str:
        return f"/accounts/{self.account_id}/mtls_certificates"


@dataclass(kw_only=True)
class Hosts:
    """`cloudflare_certificate_authorities_hostname_associations`; a destroy sends nothing."""

    zone_id: str
    hostnames: list[str]
    mtls_certificate_id: str | None = None

    def apply(self, provider: Provider) -> None:
        """What both a create and an update do."""
        body: dict[str, Any] = {"hostnames": self.hostnames}
        if self.mtls_certificate_id is not None:
            body["mtls_certificate_id"] = self.mtls_certificate_id
        assert provider.result("PUT", self._path(), body)["hostnames"] == self.hostnames

    def read(self, provider: Provider) -> list[str]:
        of = self.mtls_certificate_id
        query = "" if of is None else f"?mtls_certificate_id={of}"
        found: list[str] = provider.result("GET", self._path() + query)["hostnames"]
        return found

    def differs(self, provider: Provider) -> list[list[str]]:
        seen = self.read(provider)
        return [] if seen == self.hostnames else [seen]

    def _path(self) -> str:
        return f"/zones/{self.zone_id}/certificate_authorities/hostname_associations"


@dataclass(kw_only=True)
class List:
    """`cloudflare_list`; `items` None: nobody wrote any, and none are read."""

    account_id: str
    name: str
    kind: str
    description: str = ""
    items: list[dict[str, Any]] | None = None
    id: str = ""

    def create(self, provider: Provider) -> dict[str, Any]:
        body = {"description": self.description, "kind": self.kind, "name": self.name}
        made = provider.result("POST", f"/accounts/{self.account_id}/rules/lists", body)
        self.id = made["id"]
        if self.items is not None:
            self._put(provider)
        return dict(made)

    def update(self, provider: Provider) -> None:
        provider.result("PUT", self.path, {"description": self.description})
        if self.items is not None:
            self._put(provider)

    def read(self, provider: Provider) -> dict[str, Any]:
        return dict(provider.result("GET", self.path))

    def read_items(self, provider: Provider) -> list[dict[str, Any]]:
        """All pages; as the state has them, without what the API alone gives."""
        query = "?per_page=500&search="
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            envelope = provider.call("GET", f"{self.path}/items{query}{cursor}")
            found += [_item(one) for one in envelope["result"]]
            after = envelope["result_info"]["cursors"].get("after")
            if not after or not envelope["result"]:
                return found
            cursor = f"&cursor={after}"

    def differs(self, provider: Provider) -> list[Any]:
        seen = self.read(provider)
        found: list[Any] = [
            (key, seen[key]) for key in ("name", "kind") if seen[key] != getattr(self, key)
        ]
        # Written as nothing and read as nothing: an empty text would be a difference.
        if seen.get("description") != (self.description or None):
            found.append(("description", seen.get("description")))
        if self.items is not None:
            found += _but_order(self.read_items(provider), self.items)
        return found

    def gone(self, provider: Provider) -> bool:
        return provider.gone(self.path)

    def destroy(self, provider: Provider) -> None:
        provider.result("DELETE", self.path)

    @property
    def path(self) -> str:
        return f"/accounts/{self.account_id}/rules/lists/{self.id}"

    def _put(self, provider: Provider) -> None:
        wait(provider, self.account_id, provider.result("PUT", f"{self.path}/items", self.items))
        # It compares what it wrote with what it reads at once: other items end the apply.
        assert not _but_order(self.read_items(provider), self.items or [])


@dataclass(kw_only=True)
class Item:
    """`cloudflare_list_item`: another attribute is another item."""

    of: List
    value: dict[str, Any]
    id: str = ""

    def create(self, provider: Provider) -> dict[str, Any]:
        wait(provider, self.of.account_id, provider.result("POST", self._path(), [self.value]))
        found = provider.call("GET", f"{self._path()}?search={self._term()}")["result"]
        wanted = {key: value for key, value in self.value.items() if key != "comment"}
        self.id = next(
            one["id"] for one in found if {key: one.get(key) for key in wanted} == wanted
        )
        return self.read(provider)

    def read(self, provider: Provider) -> dict[str, Any]:
        return dict(provider.result("GET", f"{self._path()}/{self.id}"))

    def differs(self, provider: Provider) -> list[Any]:
        return _but_order([_item(self.read(provider))], [self.value])

    def gone(self, provider: Provider) -> bool:
        return provider.gone(f"{self._path()}/{self.id}")

    def destroy(self, provider: Provider) -> None:
        provider.result("DELETE", self._path(), {"items": [{"id": self.id}]})

    def _path(self) -> str:
        return f"{self.of.path}/items"

    def _term(self) -> str:
        if "hostname" in self.value:
            return str(self.value["hostname"]["url_hostname"])
        return str(self.value.get("ip") or self.value.get("asn"))


def wait(provider: Provider, account_id: str, result: Mapping[str, Any]) -> None:
    """Ask for an operation until it is done; the provider waits longer and longer in between."""
    path = f"/accounts/{account_id}/rules/lists/bulk_operations/{result['operation_id']}"
    for _ in range(20):
        status = provider.result("GET", path)["status"]
        assert status in ("pending", "running", "completed")
        if status == "completed":
            return
    raise AssertionError("the operation does not end")


def _item(one: Mapping[str, Any]) -> dict[str, Any]:
    given = ("id", "created_on", "modified_on")
    found = {key: value for key, value in one.items() if key not in given}
    # An object without anything in it would be another item than none.
    assert None not in found.values()
    assert {} not in found.values()
    return found


def _but_order(seen: Iterable[Any], wanted: Iterable[Any]) -> list[Any]:
    """What is in one of two sets and not in the other."""
    texts = [{json.dumps(one, sort_keys=True) for one in some} for some in (seen, wanted)]
    return sorted(texts[0] ^ texts[1])
