# SPDX-License-Identifier: Apache-2.0
"""The form of "Create a mTLS rule": its fields, and the expression and advice that come of them.

The same is made of a form that a browser posts and of what a script sends while somebody types.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from authz.dashboard.problems import text_of
from authz.errors import InvalidInputError
from authz.services.certificates import list_certificates
from authz.services.fingerprint_text import read_fingerprints
from authz.services.mtls_advice import NAMING, mtls_advice
from authz.services.mtls_rules import DESCRIPTION, Shape, check_named, mtls_expression, read_form
from authz.services.namespace import normalise_hostname
from authz.services.permissions import Level, Resource
from authz.services.protection import check_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from authz.dashboard.forms import Form
    from authz.dashboard.viewers import Viewer
    from authz.services.mtls_advice import Advice, ZoneTrust
    from authz.services.mtls_rules import MtlsRule
    from authz.store.records import ClientCertificate

#: Certificates that can be chosen by a box each, the latest; others are pasted.
MOST_BOXES: Final = 20
#: Paths and hostnames of one form: more would be no expression.
MOST_VALUES: Final = 500

#: Values of one field that are told to be wrong.
_MOST_TOLD: Final = 3
_SEPARATORS: Final = re.compile(r"[\s,]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class MtlsForm:
    """What stands in the fields, as it was written.

    Args:
        paths, hostnames: one a line.
        chosen: fingerprints of certificates whose box is checked; `pasted`: others, as text.
    """

    description: str = DESCRIPTION
    paths: str = ""
    hostnames: str = ""
    shape: str = Shape.SAFE.value
    chosen: tuple[str, ...] = ()
    pasted: str = ""
    issuers: tuple[str, ...] = ()
    action: str = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What there is to choose from: hostnames, certificates and issuers of the zone.

    Args:
        may_see: whether these are for who asks.
        certificates: the latest that are not revoked; `more` says whether there are others.
        issuers: name and key identifier of each.
    """

    may_see: bool = False
    hostnames: tuple[str, ...] = ()
    certificates: tuple[ClientCertificate, ...] = ()
    more: bool = False
    issuers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What comes of a form.

    Args:
        rule: what was filled in; None when something is wrong with it.
        expression: "" when nothing can be made of it.
        problems: by field.
    """

    rule: MtlsRule | None = None
    expression: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)
    advice: tuple[Advice, ...] = ()


def form_from(posted: Form) -> MtlsForm:
    """A form that was posted."""
    return MtlsForm(
        description=posted.text("description"),
        paths=posted.raw("paths"),
        hostnames="\n".join([*posted.many("host"), posted.raw("hostnames")]).strip(),
        shape=posted.text("shape", Shape.SAFE),
        chosen=tuple(posted.many("chosen")),
        pasted=posted.raw("pasted"),
        issuers=tuple(posted.many("issuers")),
        action=posted.text("action", "block"),
    )


def choices_of(viewer: Viewer, trust: ZoneTrust) -> Choices:
    """What there is to choose from, as far as they may see it."""
    if not _may_see(viewer):
        return Choices()
    found = list_certificates(viewer.store, viewer.zone_id, status="active", per_page=MOST_BOXES)
    return Choices(
        may_see=True,
        hostnames=tuple(trust.hosts),
        certificates=found.certificates,
        more=found.total > len(found.certificates),
        issuers=tuple((one.name, ski) for one in trust.authorities.values() for ski in one.skis),
    )


def preview(viewer: Viewer, form: MtlsForm, trust: ZoneTrust) -> Preview:
    """What comes of a form."""
    problems: dict[str, str] = {}
    paths = _values(form.paths, "paths", check_path, problems)
    hostnames = _values(form.hostnames, "hostnames", normalise_hostname, problems)
    if not problems:
        try:
            check_named(paths, hostnames)
        except InvalidInputError as error:
            problems["paths"] = text_of(error)
    fingerprints: tuple[str, ...] = ()
    if form.shape == Shape.PINNED:
        try:
            fingerprints = read_fingerprints("\n".join([*form.chosen, form.pasted]))
        except InvalidInputError as error:
            problems["pasted"] = text_of(error)
    if problems:
        return Preview(problems=problems)
    try:
        rule = read_form(
            paths, hostnames, shape=form.shape, fingerprints=fingerprints, issuers=form.issuers
        )
    except InvalidInputError as error:
        return Preview(problems={"shape": text_of(error)})
    return Preview(
        rule=rule,
        expression=mtls_expression(rule),
        advice=tuple(
            one
            for one in mtls_advice(viewer.store, trust, rule, at=viewer.at)
            if one.code not in NAMING or _may_see(viewer)
        ),
    )


def _may_see(viewer: Viewer) -> bool:
    """Whether certificates, CAs and which hosts ask for them are for them to see."""
    return viewer.may(Resource.CERTIFICATES, Level.READ)


def _values(
    text: str, name: str, check: Callable[[str], object], problems: dict[str, str]
) -> list[str]:
    """The values of a field; what is wrong with them goes to `problems`."""
    values = [one for one in _SEPARATORS.split(text) if one]
    if len(values) > MOST_VALUES:
        problems[name] = f"At most {MOST_VALUES} are possible: put them into a list instead."
        return []
    wrong = []
    for one in values:
        try:
            check(one)
        except InvalidInputError as error:
            wrong.append(text_of(error))
    if wrong:
        problems[name] = " ".join(wrong[:_MOST_TOLD])
    return values
