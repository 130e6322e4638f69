# SPDX-License-Identifier: Apache-2.0
"""What was fetched for an authority of policy.yaml, added to it as it was read.

How that is done is fetched_trust's; here URLs that nothing good is there of are noted with the line
that names them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.sources.building import NotFetched
from authz.sources.fetch_targets import AuthorityId

if TYPE_CHECKING:
    from authz.certs.authority import AuthorityModel
    from authz.sources.building import Building, Place


def add_fetched(
    model: AuthorityModel,
    building: Building,
    place: Place,
    earlier: AuthorityModel | None,
    site: str,
) -> tuple[AuthorityModel, AuthorityModel | None]:
    """The authority with the CRLs of its URLs and its OCSP answers; URLs without are noted.

    Args:
        earlier: the authority as it was built before, or None.

    Returns:
        The authority, and `earlier` with the CRLs that were read here: nobody reads them again.
    """
    added = building.fetched.add(model, AuthorityId(site=site, authority=model.name), earlier)
    for index in added.missing:
        where = building.where((*place, "crl_urls", index))
        building.not_fetched.append(NotFetched(where=where, url=model.crl_urls[index]))
    return added.model, added.earlier
