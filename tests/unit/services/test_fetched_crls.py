# SPDX-License-Identifier: Apache-2.0
"""What a node has of each address of CRLs, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.demo.pki import DAY, make_root
from authz.services import fetched_crls as module
from authz.services.authorities import set_sources
from authz.services.authority_creation import upload_authority
from authz.services.fetched_crls import fetched_crls
from authz.sources.fetched import FetchedFiles, Header, Stored
from tests.factories.pki import AT, fixed_key

if TYPE_CHECKING:
    from pathlib import Path

    from authz.services.authorities import KnownAuthority
    from authz.store.engine import Store

URL = "http://crl.example.com/partner.crl"


@pytest.fixture
def partner(store: Store) -> KnownAuthority:
    made = upload_authority(store, ROOT.pem, name="Partner", actor="test", at=AT)
    return set_sources(store, made.authority.id, crl_urls=[URL, "certificate"], actor="test", at=AT)


ROOT = make_root("Partner", at=AT, key=fixed_key("Partner"), serial=3)


def _files(directory: Path, body: bytes) -> FetchedFiles:
    files = FetchedFiles(directory)
    files.store(Stored(header=Header(url=URL, fetched_at=AT + 5), body=body))
    return files


def test_what_was_fetched_says_until_when_it_is_good(
    partner: KnownAuthority, tmp_path: Path
) -> None:
    (found,) = fetched_crls(_files(tmp_path, ROOT.crl().pem), partner)

    assert (found.url, found.fetched_at, found.problem) == (URL, AT + 5, "")
    assert (found.this_update, found.next_update) == (AT - 3600, AT - 3600 + 7 * DAY)


def test_what_was_not_fetched_yet_is_said(partner: KnownAuthority, tmp_path: Path) -> None:
    for files in (None, FetchedFiles(tmp_path)):
        (found,) = fetched_crls(files, partner)
        assert (found.fetched_at, found.next_update, found.problem) == (None, None, "")


def test_what_is_of_no_use_says_why(partner: KnownAuthority, tmp_path: Path) -> None:
    other = make_root("Other", at=AT, key=fixed_key("Other"), serial=4)

    (found,) = fetched_crls(_files(tmp_path, other.crl().pem), partner)

    assert found.fetched_at == AT + 5
    assert found.next_update is None
    assert found.problem


def test_what_others_signed_is_passed_over(partner: KnownAuthority, tmp_path: Path) -> None:
    other = make_root("Other", at=AT, key=fixed_key("Other"), serial=4)

    (found,) = fetched_crls(_files(tmp_path, other.crl().pem + ROOT.crl().pem), partner)

    assert (found.next_update, found.problem) == (AT - 3600 + 7 * DAY, "")


def test_what_is_too_large_is_not_read(
    partner: KnownAuthority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 10)

    (found,) = fetched_crls(_files(tmp_path, ROOT.crl().pem), partner)

    assert (found.fetched_at, found.next_update, found.problem) == (AT + 5, None, "")
