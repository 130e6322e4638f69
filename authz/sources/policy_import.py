# SPDX-License-Identifier: Apache-2.0
"""A policy file on its way into the store: its rules as JSON, its lists with every item.

`policy_file.load_policy` reads and checks the file, and what comes out is good for compiling; the
store keeps what was written instead. What a zone does not take from a file is refused here: trust
and several sites that differ. Which hosts are a zone's is for authz.services to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from authz.errors import PolicyError
from authz.settings.yaml_document import YamlDocument
from authz.sources.files import FileReader
from authz.sources.lines import read_items
from authz.sources.policy_document import PolicyDocument
from authz.sources.policy_file import load_policy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from authz.policy.model import RuleModel, SiteModel
    from authz.rules.lists import ListModel
    from authz.sources.policy_document import ListDocument, SiteDocument

#: What all sites of a file must agree on.
_SETTINGS: Final = ("default_action", "paths", "misdirected", "upstream_headers", "rules")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedList:
    """A named list as it was written; `kind` as in the file."""

    name: str
    kind: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedPolicy:
    """What a zone takes from a policy file.

    Args:
        file: its name, for messages.
        hosts: every host that the file names.
        rules: JSON as the API takes it.
        models, list_models: the same rules and lists as they compile, with their places.
    """

    file: str
    hosts: tuple[str, ...]
    default_action: str
    paths: str
    misdirected: str
    upstream_headers: tuple[str, ...]
    rules: tuple[dict[str, Any], ...]
    lists: tuple[ImportedList, ...]
    models: tuple[RuleModel, ...]
    list_models: tuple[ListModel, ...]


def import_policy(path: Path) -> ImportedPolicy:
    """Read a policy file for a zone.

    Raises:
        PolicyError, CertificateError: what `load_policy` raises; or the file has trust, or sites
            that differ.
    """
    reader = FileReader()
    loaded = load_policy(path, reader).model
    # Read once more out of memory, and known to be good: what was written, not what it means.
    document = PolicyDocument.model_validate(YamlDocument(_text(reader, path)).value)
    _check_sites(document.sites, loaded.sites)
    site, model = document.sites[0], loaded.sites[0]
    return ImportedPolicy(
        file=str(path),
        hosts=tuple(host for one in document.sites for host in one.hosts),
        default_action=site.default_action,
        paths=site.paths,
        misdirected=site.misdirected,
        upstream_headers=tuple(site.upstream_headers),
        rules=tuple(
            rule.model_dump(exclude_unset=True, exclude_none=True) | {"ref": built.ref}
            for rule, built in zip(site.rules, model.rules, strict=True)
        ),
        lists=tuple(_list(name, one, path, reader) for name, one in document.lists.items()),
        models=model.rules,
        list_models=loaded.lists,
    )


def _check_sites(sites: Sequence[SiteDocument], models: Sequence[SiteModel]) -> None:
    for site, model in zip(sites, models, strict=True):
        if site.trust:
            raise PolicyError(
                "trust cannot be loaded into the store",
                where=f"{model.where}.trust",
                hint="authz ca upload takes a CA of your own, authz host add lets a host ask for "
                "it; remove trust from the file",
            )
        different = [name for name in _SETTINGS if getattr(site, name) != getattr(sites[0], name)]
        if different:
            raise PolicyError(
                f"the sites differ ({', '.join(different)}), and a zone has one set of rules",
                where=model.where,
                hint="make a zone for each (authz zone create, policy apply --zone), or tell the "
                "hosts apart in the rules: http.host",
            )


def _list(name: str, document: ListDocument, path: Path, reader: FileReader) -> ImportedList:
    items = [str(item) for item in document.items or ()]
    if document.items_file is not None:
        items += read_items(reader.read(path.parent / document.items_file))
    return ImportedList(name=name, kind=document.kind, items=tuple(items))


def _text(reader: FileReader, path: Path) -> str:
    return reader.read(path).decode("utf-8-sig")
