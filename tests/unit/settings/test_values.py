# SPDX-License-Identifier: Apache-2.0
"""What several settings are."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from authz.settings.values import Address, FilePath, HostName, TcpAddressOrOff


def test_relative_paths_and_sockets_start_at_the_settings_file() -> None:
    context = {"base": Path("/etc/authz")}
    assert TypeAdapter(FilePath).validate_python("a.pem", context=context) == Path(
        "/etc/authz/a.pem"
    )
    found = TypeAdapter(Address).validate_python("unix:a.sock", context=context)
    assert found == "unix:/etc/authz/a.sock"


@pytest.mark.parametrize("kind", [FilePath, TcpAddressOrOff, Address, HostName])
def test_what_is_none_of_them_is_refused(kind: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python("")


def test_a_name_has_no_port() -> None:
    names = TypeAdapter(HostName)
    assert names.validate_python("authz.example.com") == "authz.example.com"
    with pytest.raises(ValidationError):
        names.validate_python("authz.example.com:8080")
