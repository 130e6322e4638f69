# SPDX-License-Identifier: Apache-2.0
"""The policies that are measured, written as an operator's files would be.

JSON is YAML, so no YAML writer is needed. Every policy trusts one authority with a CRL.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.demo.pki import DAY, Issued, make_root
from benchmarks.messages import HOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

PATHS: Final = '{"/orders" "/orders/2026/items" "/admin" "/admin/users" "/v1/keys" "/v1/payments"}'
#: Cloudflare's rule for verified and not revoked, for the paths that are measured.
MTLS: Final = (
    "(not cf.tls_client_auth.cert_verified or cf.tls_client_auth.cert_revoked) "
    f"and http.request.uri.path in {PATHS}"
)


def pinned(certificate: Issued) -> str:
    """Cloudflare's recommended rule: this one certificate and no other, unless it is revoked."""
    return (
        "(not (cf.tls_client_auth.cert_verified and cf.tls_client_auth.cert_fingerprint_sha256 "
        f'eq "{certificate.fingerprint.upper()}") or cf.tls_client_auth.cert_revoked) '
        f"and http.request.uri.path in {PATHS}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A CA with some revoked certificates, its files, and one client certificate that is fine."""

    directory: Path
    root: Issued
    client: Issued
    revoked_serials: tuple[str, ...]

    def trust(self, **changes: Any) -> dict[str, Any]:
        """An item of `trust`."""
        return {
            "name": "acme",
            "certificates": [str(self.directory / "ca.pem")],
            "crls": [str(self.directory / "acme.crl")],
            "revoked_serials": list(self.revoked_serials),
            **changes,
        }


def make_authority(directory: Path) -> Authority:
    """Issue, write and return it: valid now, a hundred serials in the CRL, ten beside it."""
    root = make_root("Bench Client CA", at=time.time() - DAY)
    (directory / "ca.pem").write_bytes(root.pem)
    crl = root.crl(range(1_000_001, 1_000_101), next_update=time.time() + DAY)
    (directory / "acme.crl").write_bytes(crl.pem)
    return Authority(
        directory=directory,
        root=root,
        client=root.client("alice"),
        revoked_serials=tuple(f"{serial:X}" for serial in range(2_000_001, 2_000_011)),
    )


def rule(expression: str, ref: str) -> dict[str, Any]:
    """A rule that blocks."""
    return {"ref": ref, "expression": expression, "action": "block"}


def site(
    name: str, hosts: Sequence[str], rules: Iterable[dict[str, Any]], trust: dict[str, Any]
) -> dict[str, Any]:
    """A site with one authority."""
    return {"name": name, "hosts": list(hosts), "trust": [trust], "rules": list(rules)}


def write_policy(
    file: Path, sites: Sequence[dict[str, Any]], lists: dict[str, Any] | None = None
) -> Path:
    """A policy file, replaced whole as an editor does it."""
    document = {"sites": sites, **({"lists": lists} if lists else {})}
    new = file.with_suffix(".new")
    new.write_text(json.dumps(document, indent=1), encoding="utf-8")
    new.replace(file)
    return file


def full_policy(file: Path, authority: Authority, *more: dict[str, Any]) -> Path:
    """The pinned certificate's policy: verification, fingerprint, revocation, path."""
    rules = [rule(pinned(authority.client), "pinned"), *more]
    return write_policy(file, [site("api", [HOST], rules, authority.trust())])
