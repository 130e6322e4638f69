# SPDX-License-Identifier: Apache-2.0
"""No password of an address is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.store.addresses import digest_of, without_password

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://h/d", "postgresql://h/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("postgresql://u:secret@h:1/d?a=b", "postgresql://u:***@h:1/d?a=b"),
        ("postgresql://u:secr@et@h:1/d", "postgresql://u:***@h:1/d"),
        ("postgresql://u:se:cret@h1:1,h2:2/d", "postgresql://u:***@h1:1,h2:2/d"),
        ("postgresql://:secret@h/d", "postgresql://:***@h/d"),
        ("postgresql://h/d?password=secret", "postgresql://h/d?password=***"),
        ("postgresql://h/d?a=b&PASSWORD=secret&c=d", "postgresql://h/d?a=b&PASSWORD=***&c=d"),
        ("postgresql://h/d?sslpassword=secret", "postgresql://h/d?sslpassword=***"),
        ("postgresql:///d?host=/tmp&port=1", "postgresql:///d?host=/tmp&port=1"),
    ],
)
def test_addresses(address: str, shown: str) -> None:
    assert without_password(address) == shown


def test_a_database_is_told_by_its_address(tmp_path: Path) -> None:
    def pg(address: str) -> str:
        return digest_of(f"postgresql://{address}", tmp_path)

    (tmp_path / "link").symlink_to(tmp_path)
    sqlite = digest_of("sqlite", tmp_path)

    assert pg("u:one@h/d") == pg("u:two@h/d")
    assert digest_of("sqlite", tmp_path / "link") == sqlite
    assert len({pg("u@h/d"), pg("u@h/e"), sqlite, digest_of("sqlite", tmp_path / "x")}) == 4
