# SPDX-License-Identifier: Apache-2.0
"""`authz serve` with a GeoIP database: it decides, is replaced while running, a bad one is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.factories.mmdb import city_file
from tests.integration.harness import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.harness import Client, Node

    Start = Callable[..., Node]
    Connect = Callable[[str], Client]

#: google.rpc.Code UNAUTHENTICATED: denied, and no certificate was presented.
DENIED = 16

#: The harness asks from 198.51.100.7.
POLICY = """\
sites:
  - name: api
    hosts: ["*"]
    rules: [{ref: country, expression: 'ip.src.country eq "GB"', action: block}]
"""


def _database(path: Path, country: str) -> None:
    """As geoipupdate does it: a new file under the old name."""
    new = path.with_suffix(".new")
    city_file(new, {"198.51.100.0/24": {"country": {"iso_code": country}}})
    new.replace(path)


@pytest.fixture
def configured(tmp_path: Path) -> tuple[Path, Path]:
    """A settings file that names a database, and the database."""
    path = tmp_path / "city.mmdb"
    _database(path, "GB")
    (tmp_path / "authz.yaml").write_text("geoip: {city: city.mmdb}\n")
    return tmp_path / "authz.yaml", path


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_database_decides_and_is_replaced_while_running(
    start: Start, client: Connect, configured: tuple[Path, Path], workers: str
) -> None:
    config, database = configured
    node = start("--config", str(config), "--workers", workers, policy=POLICY).until_serving()
    asking = client(node.addresses[0])
    assert asking.ask() == DENIED

    _database(database, "FR")
    eventually(lambda: asking.ask() == 0, "the new database decides")

    database.write_bytes(b"a page that says the licence has run out")
    line = node.until_logged("a GeoIP database cannot be used; the last good copy stays")
    assert "city.mmdb" in line["reason"]
    assert node.metric("authz_reload_failures_total", kind="geoip") == 1

    # The policy is not held up by it.
    node.rewrite(POLICY.replace("GB", "FR"))
    eventually(lambda: asking.ask() == DENIED, "the new policy and the last good database decide")


def test_without_a_database_the_rule_is_refused_at_start(start: Start) -> None:
    node = start(policy=POLICY)

    assert node.wait() == 2
    assert "geoip.city" in node.log


def test_a_bad_database_is_refused_at_start(start: Start, configured: tuple[Path, Path]) -> None:
    config, database = configured
    database.write_bytes(b"text")
    node = start("--config", str(config), policy=POLICY)

    assert node.wait() == 2
    assert "geoip.city" in node.log
    assert "no intact MaxMind DB file" in node.log
