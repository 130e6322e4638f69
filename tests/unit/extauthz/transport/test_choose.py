# SPDX-License-Identifier: Apache-2.0
"""Which transport serves which listener, and what is said about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from authz.errors import TransportError
from authz.extauthz.health import HealthState
from authz.extauthz.transport import TlsFiles, TransportKind, TransportOptions, open_transport
from authz.extauthz.transport.choose import choose
from authz.settings.addresses import ListenAddress
from tests.unit.extauthz.transport.conftest import LOOPBACK, Service

TLS = TlsFiles(certificate=Path("tls.crt"), key=Path("tls.key"))
UNIX = ListenAddress(path="/run/authz.sock")
ANYWHERE = ListenAddress(host="0.0.0.0", port=50051)


class Reachable(ListenAddress):
    """A loopback address that passes for one that others reach: no test listens beyond it."""

    is_local = False


def chosen(
    listen: ListenAddress, kind: TransportKind = TransportKind.AUTO, tls: TlsFiles | None = None
) -> str:
    return choose(TransportOptions(listen=listen, kind=kind, tls=tls))[0].value


@pytest.mark.parametrize("listen", [LOOPBACK, UNIX, ListenAddress(host="::1", port=1)], ids=str)
def test_auto_is_native_where_only_this_machine_reaches(listen: ListenAddress) -> None:
    assert chosen(listen) == "native"


def test_auto_is_grpcio_where_others_reach() -> None:
    assert chosen(ANYWHERE) == "grpcio"


@pytest.mark.parametrize("listen", [LOOPBACK, UNIX, ANYWHERE], ids=str)
def test_auto_is_grpcio_with_tls(listen: ListenAddress) -> None:
    assert chosen(listen, tls=TLS) == "grpcio"


def test_grpcio_may_be_asked_for_anywhere() -> None:
    assert chosen(LOOPBACK, TransportKind.GRPCIO) == "grpcio"


def test_native_may_be_asked_for_beyond_loopback() -> None:
    assert chosen(ANYWHERE, TransportKind.NATIVE) == "native"


def test_native_with_tls_is_refused_with_a_hint() -> None:
    with pytest.raises(TransportError, match="no TLS") as raised:
        chosen(LOOPBACK, TransportKind.NATIVE, TLS)

    assert "grpcio" in str(raised.value.hint)


def test_the_choice_is_logged_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    open_transport(TransportOptions(listen=LOOPBACK), Service(), HealthState()).stop(0)

    line = json.loads(capsys.readouterr().err)
    assert (line["transport"], line["why"]) == ("native", "only this machine reaches the listener")
    assert line["address"].startswith("127.0.0.1:")


@pytest.mark.parametrize("kind", [TransportKind.NATIVE, TransportKind.GRPCIO])
def test_an_open_port_without_tls_is_warned_about(
    kind: TransportKind, capsys: pytest.CaptureFixture[str]
) -> None:
    listen = Reachable(host="127.0.0.1", port=0)

    open_transport(TransportOptions(listen=listen, kind=kind), Service(), HealthState()).stop(0)

    levels = [json.loads(line)["level"] for line in capsys.readouterr().err.splitlines()]
    assert levels == ["info", "warning"]
