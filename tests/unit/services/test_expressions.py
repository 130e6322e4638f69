# SPDX-License-Identifier: Apache-2.0
"""What the API says of it is in tests/unit/api/routes/test_expressions.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import InvalidInputError, ParseError
from authz.services.expressions import (
    check_expression,
    checked_object,
    explain_expression,
    finding_object,
)
from authz.services.hosts import add_host
from tests.factories.pki import AT

if TYPE_CHECKING:
    from tests.unit.services.conftest import World


def _zone(world: World) -> str:
    with world.store.read() as session:
        return session.zones.all()[0].id


def test_findings_know_the_authorities_of_the_host_that_has_the_most(world: World) -> None:
    for name in ("Acme", "Beta"):
        world.ca(name)
        add_host(world.store, "a.example", authority=name, actor="me", at=AT)
    add_host(world.store, "b.example", authority="Acme", actor="me", at=AT)
    source = "cf.tls_client_auth.cert_verified and not cf.tls_client_auth.cert_revoked"

    checked = check_expression(world.store, _zone(world), source, action="skip", geo=None)

    (found,) = checked.findings
    assert found.code == "issuer_not_checked"
    assert "Acme" in f"{found.message} {found.hint}"
    assert "Beta" in f"{found.message} {found.hint}"


def test_a_finding_has_its_place_in_the_source(world: World) -> None:
    source = 'ssl or\n  http.host eq "A"'
    checked = check_expression(world.store, _zone(world), source, geo=None)

    (found,) = [finding_object(one, source) for one in checked.findings]
    assert (found["line"], found["column"]) == (2, 3)
    assert found["suggestion"] == 'ssl or http.host eq "a"'
    shown = checked_object(checked)
    assert shown["warnings"] == [found]
    assert shown["notes"] == []


def test_what_is_no_expression(world: World) -> None:
    with pytest.raises(ParseError):
        check_expression(world.store, _zone(world), "ssl and", geo=None)


def test_every_level_of_nesting_counts_once_more(world: World) -> None:
    """A part is evaluated again for each part that it is in."""
    body = {"http.request.body.raw": "%41" * 10_000}
    flat = 'url_decode(http.request.body.raw) eq "x"'

    assert explain_expression(world.store, flat, body, {}).value is False
    with pytest.raises(InvalidInputError, match="takes too long"):
        explain_expression(world.store, "not (ssl or " * 40 + flat + ")" * 40, body, {})
