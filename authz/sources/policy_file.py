# SPDX-License-Identifier: Apache-2.0
"""policy.yaml and every file it names as one PolicyModel.

    loaded = load_policy(Path("policy.yaml"))
    snapshot = compile_snapshot(loaded.model, …)

The whole file is read before anything is reported: an error carries the others. Expressions, hosts,
certificates and list items are judged later, by policy.snapshot; nothing is cached between loads.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import ValidationError

from authz.errors import PolicyError
from authz.policy.model import (
    DefaultAction,
    Misdirected,
    PathMode,
    PolicyModel,
    SiteModel,
    UpstreamHeaders,
)
from authz.settings.problems import problems_of
from authz.settings.yaml_document import YamlDocument, YamlError
from authz.sources.building import Building, NotFetched
from authz.sources.files import FileReader, UnreadableFileError
from authz.sources.policy_document import REFUSED_KEYS, PolicyDocument
from authz.sources.policy_lists import build_lists
from authz.sources.policy_rules import build_rules
from authz.sources.policy_trust import build_trust

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from authz.certs.authority import AuthorityModel
    from authz.sources.policy_document import SiteDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPolicy:
    """A policy and what it was read from.

    `files` is everything that was read, the policy file first; `contents` the SHA-256 of each;
    `digest` is equal for two loads exactly when names and contents of all files are. `not_fetched`
    are the URLs of which nothing good is there: sources that are missing.
    """

    model: PolicyModel
    files: tuple[Path, ...]
    contents: Mapping[Path, str | None]
    digest: str
    not_fetched: tuple[NotFetched, ...] = ()


def load_policy(
    path: Path,
    reader: FileReader | None = None,
    earlier: PolicyModel | None = None,
    fetched: Path | None = None,
) -> LoadedPolicy:
    """Read a policy file and the files it names.

    Args:
        reader: given by callers that watch files: after a failure as well, its `contents` say
            which files were looked at.
        earlier: the policy as it was loaded before: large sets that are the same are kept.
        fetched: the directory of what was fetched from the policy's URLs (sources.fetched).

    Raises:
        PolicyError: with file, line and key; further problems are in `others`.
        CertificateError: the same, where the first problem is a PEM or CRL file.
    """
    reader = reader or FileReader()
    document = _read(path, reader)
    building = Building(path, document, reader, fetched)
    try:
        policy = PolicyDocument.model_validate(document.value)
    except ValidationError as error:
        for problem in problems_of(error, PolicyDocument, REFUSED_KEYS):
            building.report(problem.path, problem.message, problem.hint)
        building.check()
        raise
    model = _build(policy, building, earlier or PolicyModel(sites=()))
    building.check()
    return LoadedPolicy(
        model=model,
        files=tuple(path for path, content in reader.contents.items() if content is not None),
        contents=dict(reader.contents),
        digest=_digest(reader),
        not_fetched=tuple(building.not_fetched),
    )


def large_parts(model: PolicyModel) -> PolicyModel:
    """What `load_policy` can make use of as `earlier`, without the files' own bytes."""
    sites: list[SiteModel] = []
    for site in model.sites:
        trust = [replace(one, crls=()) for one in site.trust if one.read_crls or one.revoked_base]
        if trust:
            sites.append(SiteModel(name=site.name, hosts=(), trust=tuple(trust)))
    return PolicyModel(
        sites=tuple(sites), lists=tuple(one for one in model.lists if one.packed is not None)
    )


def _read(path: Path, reader: FileReader) -> YamlDocument:
    try:
        document = YamlDocument(reader.read(path).decode("utf-8-sig"))
    except UnreadableFileError as error:
        hint = "is the path right? it is the one of the command line, or of policy in authz.yaml"
        raise PolicyError(f"the policy file {error.reason}", where=str(path), hint=hint) from None
    except UnicodeDecodeError:
        raise PolicyError("the policy file is not UTF-8 text", where=str(path)) from None
    except YamlError as error:
        where = f"{path}:{error.line}" if error.line else str(path)
        raise PolicyError(error.message, where=where, hint=error.hint) from None
    if not isinstance(document.value, dict):
        raise PolicyError(
            "the policy is not a mapping with sites",
            where=f"{path}:1",
            hint='begin with: sites: [{name: api, hosts: ["*"], rules: […]}]',
        )
    return document


def _build(policy: PolicyDocument, building: Building, earlier: PolicyModel) -> PolicyModel:
    seen: dict[str, int] = {}
    trust = {site.name: site.trust for site in earlier.sites}
    sites: list[SiteModel] = []
    for index, document in enumerate(policy.sites):
        if document.name in seen:
            building.report(
                ("sites", index, "name"),
                f'a second site "{document.name}"',
                f"sites[{seen[document.name]}] has the name already",
            )
        seen.setdefault(document.name, index)
        sites.append(_site(document, building, ("sites", index), trust.get(document.name, ())))
    lists = {one.name: one for one in earlier.lists}
    return PolicyModel(sites=tuple(sites), lists=build_lists(policy.lists, building, lists))


def _site(
    document: SiteDocument,
    building: Building,
    place: tuple[str | int, ...],
    earlier: Sequence[AuthorityModel],
) -> SiteModel:
    return SiteModel(
        name=document.name,
        hosts=tuple(document.hosts),
        trust=build_trust(document.trust, building, (*place, "trust"), earlier, site=document.name),
        default_action=DefaultAction(document.default_action),
        paths=PathMode(document.paths),
        misdirected=Misdirected(document.misdirected),
        upstream_headers=tuple(
            dict.fromkeys(UpstreamHeaders(kind) for kind in document.upstream_headers)
        ),
        rules=build_rules(document.rules, document.name, building, (*place, "rules")),
        where=building.where(place),
    )


def _digest(reader: FileReader) -> str:
    digest = hashlib.sha256()
    for path, content in reader.contents.items():
        digest.update(f"{path}\0{content}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
