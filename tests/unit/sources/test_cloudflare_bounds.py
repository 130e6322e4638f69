# SPDX-License-Identifier: Apache-2.0
"""What is taken of an API, by kind of call."""

from __future__ import annotations

import pytest

from authz.errors import FetchError
from authz.sources.cloudflare_bounds import BOUNDS, Taken


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("/zones", "zones"),
        ("/accounts/1/rules/lists", "items of lists"),
        ("/accounts/1/rules/lists/2/items", "items of lists"),
        ("/zones/1/client_certificates", "client certificates"),
        ("/zones/1/rulesets/2", "rulesets"),
        ("/accounts/1/rulesets", "rulesets"),
        ("/accounts/1/mtls_certificates", "authorities and hostnames"),
        ("/zones/1/certificate_authorities", "authorities and hostnames"),
    ],
)
def test_each_kind_of_call_is_counted_by_itself(path: str, what: str) -> None:
    (bound,) = (one for one in BOUNDS if one.what == what)
    taken = Taken()

    taken.objects(path, bound.objects, "GET x")
    taken.objects("/accounts/1/rulesets" if what == "zones" else "/zones", 1, "GET y")
    with pytest.raises(FetchError, match=f"more than {bound.objects} {what}") as caught:
        taken.objects(path, 1, "GET x")
    assert caught.value.where == "GET x"
