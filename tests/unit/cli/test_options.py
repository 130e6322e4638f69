# SPDX-License-Identifier: Apache-2.0
"""What commands answer by: a policy file, the store as it is now, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.cli.options import fetched_of, has_store, model_of, snapshot_of
from authz.errors import SettingsError, StoreUnavailableError
from authz.services.authorities import set_sources
from authz.services.authority_creation import upload_authority
from authz.services.hosts import add_host
from authz.settings import Settings
from authz.sources.fetched import FetchedFiles, Header, Stored
from authz.store.engine import open_store
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from pathlib import Path


def settings(directory: Path, **values: Any) -> Settings:
    return Settings.model_validate({"data_dir": str(directory / "data"), **values})


@pytest.fixture
def policy(tmp_path: Path) -> str:
    file = tmp_path / "policy.yaml"
    file.write_text('sites: [{name: api, hosts: ["api.example.com"]}]\n')
    return str(file)


def fill(directory: Path) -> None:
    store = open_store("sqlite", directory / "data")
    upload_authority(store, root().pem, name="acme", actor="tester", at=AT)
    for host in ("api.example.com", "devices.example.com"):
        add_host(store, host, authority="acme", actor="tester", at=AT)
    store.close()


def hosts(given: Settings) -> dict[str, bool]:
    """Every host that is answered for, and whether it has somebody to trust."""
    return {host: bool(site.trust) for site in model_of(given).sites for host in site.hosts}


def test_the_store_answers_where_there_is_no_policy_file(tmp_path: Path) -> None:
    fill(tmp_path)

    assert hosts(settings(tmp_path)) == {
        "*": False,
        "api.example.com": True,
        "devices.example.com": True,
    }
    assert len(snapshot_of(settings(tmp_path), AT).sites) == 3


def test_a_policy_file_answers_alone_unless_the_store_is_on(tmp_path: Path, policy: str) -> None:
    fill(tmp_path)

    assert hosts(settings(tmp_path, policy=policy)) == {"api.example.com": False}
    assert hosts(settings(tmp_path, policy=policy, store="on")) == {
        "api.example.com": False,
        "devices.example.com": True,
    }


def test_without_either_there_is_nothing_to_decide_by_and_no_store_is_made(
    tmp_path: Path, policy: str
) -> None:
    with pytest.raises(SettingsError, match="no policy to decide by, and no store"):
        model_of(settings(tmp_path))

    assert hosts(settings(tmp_path, policy=policy, store="on")) == {"api.example.com": False}
    assert not (tmp_path / "data").exists()


def test_a_store_that_is_off_is_none(tmp_path: Path) -> None:
    fill(tmp_path)

    assert has_store(settings(tmp_path))
    assert not has_store(settings(tmp_path, store="off"))
    with pytest.raises(SettingsError):
        model_of(settings(tmp_path, store="off"))


def test_a_store_that_cannot_be_read_is_not_left_out(tmp_path: Path, policy: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "authz.db").write_bytes(b"no database at all" * 100)

    with pytest.raises(StoreUnavailableError):
        model_of(settings(tmp_path, policy=policy, store="on"))


def test_what_serve_fetched_counts(tmp_path: Path) -> None:
    fill(tmp_path)
    url, crl = "http://crl.example/ca.crl", root().crl().der
    store = open_store("sqlite", tmp_path / "data")
    set_sources(store, "acme", crl_urls=[url], actor="tester", at=AT)
    store.close()
    files = FetchedFiles(fetched_of(settings(tmp_path)))
    files.store(Stored(header=Header(url=url, fetched_at=AT), body=crl))

    trust = {one for site in model_of(settings(tmp_path)).sites for one in site.trust}
    assert [one.crls for one in trust] == [(crl,)]
