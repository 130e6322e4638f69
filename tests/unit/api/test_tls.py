# SPDX-License-Identifier: Apache-2.0
"""A TLS context that follows its files."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Any

import pytest

from authz.api.tls import LOOK_SECONDS, ServerTls
from authz.demo.pki import make_root
from authz.errors import TransportError
from authz.extauthz.transport import TlsFiles

if TYPE_CHECKING:
    from pathlib import Path


class _Bench:
    def __init__(self, directory: Path) -> None:
        self.now = 0.0
        self.authority = make_root("CA", at=time.time())
        self.files = TlsFiles(
            certificate=directory / "c.pem", key=directory / "k.pem", client_ca=directory / "ca.pem"
        )
        (directory / "ca.pem").write_bytes(self.authority.pem)
        self.renew()
        self.tls = ServerTls(self.files, clock=lambda: self.now)

    def renew(self) -> None:
        server = self.authority.server("localhost", at=time.time())
        self.files.certificate.write_bytes(server.pem)
        self.files.key.write_bytes(server.key_pem)

    def later(self) -> ssl.SSLContext:
        self.now += LOOK_SECONDS
        return self.tls.context()


@pytest.fixture
def bench(tmp_path: Path) -> _Bench:
    return _Bench(tmp_path)


def test_it_is_modern_and_wants_a_certificate_where_an_authority_is_named(bench: _Bench) -> None:
    context = bench.tls.context()

    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    alone = TlsFiles(certificate=bench.files.certificate, key=bench.files.key)
    assert ServerTls(alone).context().verify_mode is ssl.CERT_NONE


def test_a_renewed_certificate_counts_soon(bench: _Bench) -> None:
    first = bench.tls.context()
    assert bench.later() is first
    bench.renew()
    assert bench.tls.context() is first, "not looked at again yet"

    second = bench.later()
    assert second is not first
    assert bench.later() is second


def test_files_that_cannot_be_used_leave_the_ones_before_and_are_told_once(
    bench: _Bench, log_lines: list[dict[str, Any]]
) -> None:
    first = bench.tls.context()
    content = bench.files.certificate.read_bytes()
    bench.files.certificate.write_text("nothing")
    assert bench.later() is first
    assert bench.later() is first
    bench.files.certificate.unlink()
    assert bench.later() is first
    bench.files.certificate.write_bytes(content)
    assert bench.later() is first
    bench.files.certificate.unlink()
    assert bench.later() is first

    told = [one["reason"] for one in log_lines if one["level"] == "error"]
    assert len(told) == 3, "each was told when it was new"


def test_files_that_never_could_be_used_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(TransportError):
        ServerTls(TlsFiles(certificate=tmp_path / "c", key=tmp_path / "k"))
