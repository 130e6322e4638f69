# SPDX-License-Identifier: Apache-2.0
"""Every page that there is, by its path: what must hold of all of them is tested of all of them.

    for route in page_routes(): page.goto(served.url + path_of(route, furnished.values))

A route that is no page is named here, with why; a new one that is neither fails a test.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fastapi.routing import APIRoute

from authz.dashboard.app import ROUTERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Routes that answer GET with something else than a page of their own.
NO_PAGES: Final[Mapping[str, str]] = {
    "/": "leads to the first page of the menu",
    "/audit/{entry_id}/entry.json": "a file to download",
    "/favicon.ico": "a picture",
    "/events/tail": "JSON for the script of the page of events",
    "/zones/{zone_id}/events/tail": "the same",
    "/lists/{list_id}/items.txt": "a file to download",
    "/sign-in": "leads on whoever is signed in; tests/browser/test_frame.py has it",
    "/start": "leads to the first steps of a zone",
    "/static/{digest}/{name:path}": "files",
    "/zones/{zone_id}/expression/catalogue": "JSON for the expression builder",
    "/zones/{zone_id}/client-certificates/{certificate_id}/certificate.pem": "a file",
    "/zones/{zone_id}/authorities/{authority_id}/certificates.pem": "a file",
    "/authorities/{uploaded_id}/certificates.pem": "a file",
    "/zones/{zone_id}/authorities/{authority_id}/certificates/{certificate_id}.pem": "a file",
    "/authorities/{uploaded_id}/certificates/{certificate_id}.pem": "a file",
    "/zones/{zone_id}/authorities/{authority_id}/crls/{certificate_id}.crl": "a file",
    "/zones/{zone_id}/start/arrived": "JSON for a script of the page",
    "/zones/{zone_id}/start/envoy.yaml": "a file to download",
}


def page_routes() -> Iterator[str]:
    """The paths of all routes that answer GET with a page, with their parameters."""
    for router in ROUTERS:
        for route in router.routes:
            is_read = isinstance(route, APIRoute) and "GET" in route.methods
            if is_read and route.path not in NO_PAGES:
                yield route.path


def path_of(route: str, values: Mapping[str, str]) -> str:
    """The path of a page, with these values for its parameters; those of the account's pages may
    be others (`account_rule_id`)."""
    of_account = (
        {}
        if route.startswith("/zones/")
        else {
            name.removeprefix("account_"): value
            for name, value in values.items()
            if name.startswith("account_")
        }
    )
    given = {**values, **of_account}
    return re.sub(r"{(\w+)(?::\w+)?}", lambda found: given[found[1]], route)
