# SPDX-License-Identifier: Apache-2.0
"""From `trust` in policy.yaml to AuthorityModel: PEM, CRL and serial files are read here.

Bytes are split into certificates and CRLs; whether those are any good is for certs.trust. Large
CRLs and many serial numbers are packed, once for all processes; an authority that certs.trust will
refuse stays as it is, so that everything else that is wrong is found as well. A file that is named
and missing is an error even under `revocation: soft`: a typo must not look like a CA without
revocations.

Nothing is fetched here. What others fetched is read from files; a URL of which there is none, or
none that this authority can use, is a source that is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.certs.packing import pack_authority
from authz.certs.pem import split_crls, split_pem
from authz.certs.serials import MAX_CHANGES
from authz.certs.trust import AuthorityModel, RevocationMode
from authz.errors import AuthzError, CertificateError, PolicyError
from authz.sources.lines import parse_serial, read_serials
from authz.sources.policy_document import OFF
from authz.sources.policy_fetched import add_fetched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from authz.sources.building import Building, Place
    from authz.sources.policy_document import TrustDocument


#: CRLs with more bytes than this in all (a thousand entries) are read and packed here.
PACKED_FROM: Final = 32 * 1024


def build_trust(
    documents: Sequence[TrustDocument],
    building: Building,
    place: Place,
    earlier: Sequence[AuthorityModel] = (),
    *,
    site: str = "",
) -> tuple[AuthorityModel, ...]:
    """Every authority of a site; problems are reported to `building`.

    Args:
        earlier: the site's authorities as they were built before; what is the same is kept.
        site: the name of the site.
    """
    before = {one.name: one for one in earlier}
    seen: set[str] = set()
    authorities: list[AuthorityModel] = []
    for index, document in enumerate(documents):
        here = (*place, index)
        if document.name in seen:
            building.report(
                (*here, "name"),
                f'a second authority "{document.name}"',
                "give it a name of its own, or list its files under the first one",
            )
        seen.add(document.name)
        authorities.append(_authority(document, building, here, before.get(document.name), site))
    return tuple(authorities)


def _authority(
    document: TrustDocument,
    building: Building,
    place: Place,
    earlier: AuthorityModel | None,
    site: str,
) -> AuthorityModel:
    model = AuthorityModel(
        name=document.name,
        certificates=_blocks(document.certificates, split_pem, building, (*place, "certificates")),
        crls=_blocks(document.crls, split_crls, building, (*place, "crls")),
        revoked_serials=_serials(document, building, place),
        revocation=RevocationMode(document.revocation),
        crl_sources_configured=len(document.crls),
        crl_urls=tuple(dict.fromkeys(document.crl_urls)),
        ocsp="" if document.ocsp == OFF else document.ocsp,
        where=building.where(place),
    )
    if document.crl_urls or document.ocsp != OFF:
        model, earlier = add_fetched(model, building, place, earlier, site)
    return packed_where_large(model, earlier)


def packed_where_large(model: AuthorityModel, earlier: AuthorityModel | None) -> AuthorityModel:
    """The same authority, its CRLs read and its serial numbers packed if they are many.

    Args:
        earlier: the authority as it was before; what is the same is kept.
    """
    if len(model.revoked_serials) <= MAX_CHANGES and sum(map(len, model.crls)) <= PACKED_FROM:
        return model
    try:
        return pack_authority(model, earlier)
    except CertificateError:
        return model


def _blocks(
    names: Sequence[str],
    split: Callable[[bytes], tuple[bytes, ...]],
    building: Building,
    place: Place,
) -> tuple[bytes, ...]:
    found: list[bytes] = []
    for index, name in enumerate(names):
        data = building.read((*place, index), name, kind=CertificateError)
        if data is None:
            continue
        try:
            found += split(data)
        except CertificateError as error:
            building.report_error((*place, index), name, error)
    return tuple(found)


def _serials(document: TrustDocument, building: Building, place: Place) -> tuple[int, ...]:
    found: list[int] = []
    for index, text in enumerate(document.revoked_serials):
        try:
            found.append(parse_serial(text))
        except PolicyError as error:
            building.report((*place, "revoked_serials", index), error.message, error.hint)
    name = document.revoked_serials_file
    if name is not None:
        here = (*place, "revoked_serials_file")
        data = building.read(here, name)
        if data is not None:
            try:
                found += read_serials(data)
            except AuthzError as error:
                building.report_error(here, name, error)
    return tuple(found)
