# SPDX-License-Identifier: Apache-2.0
"""TLS files that cannot be used: which of the three, and where its key is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import TransportError
from authz.extauthz.transport import TlsFiles
from authz.extauthz.transport.tls_files import load, read
from tests.factories.pki import root

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    server = root().server("authz")
    (tmp_path / "tls.crt").write_bytes(server.pem)
    (tmp_path / "tls.key").write_bytes(server.key_pem)
    (tmp_path / "ca.pem").write_bytes(root().pem)
    return TlsFiles(
        certificate=tmp_path / "tls.crt", key=tmp_path / "tls.key", client_ca=tmp_path / "ca.pem"
    )


def place(key: str) -> str:
    return f"authz.yaml:7: grpc.tls.{key}"


def remove(file: Path) -> None:
    file.unlink()


def empty(file: Path) -> None:
    file.write_bytes(b"")


def make_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def replace_by_key_of_another(file: Path) -> None:
    file.write_bytes(root("Other Root CA").key_pem)


def test_files_that_fit_are_loaded_as_they_are(files: TlsFiles) -> None:
    assert files.client_ca is not None
    expected = tuple(file.read_bytes() for file in (files.certificate, files.key, files.client_ca))

    assert load(files, place) == read(files) == expected


def test_without_a_client_ca_there_is_none(files: TlsFiles) -> None:
    assert load(TlsFiles(certificate=files.certificate, key=files.key))[2] is None


@pytest.mark.parametrize("key", ["certificate", "key", "client_ca"])
@pytest.mark.parametrize("spoil", [remove, empty, make_directory, replace_by_key_of_another])
def test_whatever_is_wrong_the_key_of_the_settings_is_named(
    files: TlsFiles, key: str, spoil: Callable[[Path], None]
) -> None:
    spoil(getattr(files, key))

    with pytest.raises(TransportError) as caught:
        load(files, place)

    assert caught.value.where == place(key)
    assert caught.value.hint
    assert str(getattr(files, key)) in caught.value.message


def test_without_a_place_the_message_is_all(files: TlsFiles) -> None:
    files.key.unlink()

    with pytest.raises(TransportError) as caught:
        load(files)

    assert caught.value.where is None
    assert str(files.key) in str(caught.value)
