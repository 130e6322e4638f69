# SPDX-License-Identifier: Apache-2.0
"""What routes say that they need; that it is so: tests/attack/test_rights_of_the_dashboard.py."""

from __future__ import annotations

from authz.dashboard.privileges import pages


def test_a_page_says_what_it_needs() -> None:
    rows = {(one.method, one.path): one.needs for one in pages()}

    def words(method: str, path: str) -> list[tuple[str, str, str]]:
        return [(one.resource, one.level, one.of) for one in rows[method, path] or ()]

    own = "/zones/{zone_id}/client-certificates/own-ca"
    certificates = "ssl_and_certificates"
    assert words("GET", own) == [(certificates, "read", "account"), (certificates, "read", "zone")]
    assert words("POST", "/rules/order") == [("waf", "write", "account")]
    assert words("POST", "/zones/{zone_id}/rules/order") == [("waf", "write", "zone")]
    assert rows["GET", "/sessions"] == ()
    assert rows["POST", "/sign-in"] is None
