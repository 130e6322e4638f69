# SPDX-License-Identifier: Apache-2.0
"""Policies that pages show, loaded with the files that they name: certificates, CRLs, lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from authz.policy.snapshot import compile_snapshot
from authz.sources.policy_document import PolicyDocument, RuleDocument, SiteDocument, TrustDocument
from authz.sources.policy_file import load_policy
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SITE = set(SiteDocument.model_fields)
RULE = set(RuleDocument.model_fields)
TRUST = set(TrustDocument.model_fields)


def is_policy(document: Any) -> bool:
    """Whether it has keys of a policy and no others."""
    return isinstance(document, dict) and set(document) <= set(PolicyDocument.model_fields)


def completed(document: Any) -> dict[str, Any] | None:
    """A fragment (sites, rules, trust) as a policy; None: it is none."""
    if is_policy(document):
        return {"sites": [{"name": "site", "hosts": ["*"]}], **document}
    entries = document if isinstance(document, list) else [document]
    if not entries or not all(isinstance(entry, dict) and entry for entry in entries):
        return None
    keys = {key for entry in entries for key in entry}
    if {"hosts"} <= keys <= SITE:
        return {"sites": entries}
    if {"expression", "action"} <= keys <= RULE:
        return {"sites": [{"name": "site", "hosts": ["*"], "rules": entries}]}
    if {"certificates"} <= keys <= TRUST:
        return {"sites": [{"name": "site", "hosts": ["*"], "trust": entries}]}
    return None


def load(text: str, document: dict[str, Any], directory: Path) -> None:
    """Load and compile; the file is as the page has it when it is whole.

    Raises:
        AuthzError: it cannot be used.
        AssertionError: lint has something to say.
    """
    write_files(document, directory)
    file = directory / "policy.yaml"
    whole = "sites" in (yaml.safe_load(text) or {})
    file.write_text(text if whole else yaml.safe_dump(document), encoding="utf-8")
    snapshot = compile_snapshot(load_policy(file).model, 1, AT)
    assert [found.code for found in snapshot.findings] == []


def write_files(document: Any, directory: Path) -> None:
    """Make the files that a policy names, where they are not there."""
    for name, content in _files(document):
        target = directory / name
        assert target.resolve().is_relative_to(directory), f"{name} is a path of some machine"
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            target.write_bytes(content)


def _files(document: Any) -> Iterator[tuple[str, bytes]]:
    """Each file that a policy names, with something that can stand in it."""
    if isinstance(document, list):
        for entry in document:
            yield from _files(entry)
    elif isinstance(document, dict):
        names = document.get("certificates", [])
        authorities = [root(str(name)) for name in names]
        yield from ((name, ca.pem) for name, ca in zip(names, authorities, strict=True))
        # A CRL has to be one of its own authority's.
        yield from ((name, authorities[0].crl().pem) for name in document.get("crls", []))
        for key, value in document.items():
            if key in {"items_file", "revoked_serials_file"}:
                yield value, b"# none\n"
            elif key not in {"certificates", "crls"}:
                yield from _files(value)
