# SPDX-License-Identifier: Apache-2.0
"""The composition root, called as the command calls it. More of it: tests/integration."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from authz.app import serve
from authz.errors import PolicyError, SettingsError, TransportError
from authz.node.reloader import Reloader
from authz.settings import Override, load_settings
from tests.integration.harness import ALLOW_ALL, BROKEN, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from authz.settings import Settings


@pytest.fixture(autouse=True)
def _log_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """`serve` configures this process's logging; others' tests want it as it was."""
    from authz.observability import log

    monkeypatch.setattr(log._config, "level", log._config.level)
    monkeypatch.setattr(log._config, "json", log._config.json)


def _settings(directory: Path, policy: str = ALLOW_ALL, **changes: str | int) -> Settings:
    (directory / "policy.yaml").write_text(policy)
    values: dict[str, str | int] = {
        "policy": str(directory / "policy.yaml"),
        "data_dir": str(directory / "data"),
        "grpc.listen": "127.0.0.1:0",
        "metrics.listen": "127.0.0.1:0",
        "sds.listen": "off",
        "admin.listen": "off",
        **changes,
    }
    return load_settings(
        None,
        [
            Override(option=name, path=tuple(name.split(".")), value=value)
            for name, value in values.items()
        ],
    )


def _serve_and(settings: Settings, act: Callable[[str], None]) -> int:
    """Serve; once that is announced, `act` on the metrics address and stop. Main thread only."""
    addresses = settings.data_dir / "addresses.json"

    def _act() -> None:
        try:
            eventually(addresses.exists, "the node serves")
            act(json.loads(addresses.read_text())["metrics"])
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    # A future carries what goes wrong over to this thread.
    with ThreadPoolExecutor(max_workers=1) as pool:
        acted = pool.submit(_act)
        status = serve(settings)
    acted.result()
    return status


def _status(address: str, path: str) -> int:
    try:
        with urlopen(f"http://{address}{path}", timeout=10) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code


@pytest.mark.parametrize("workers", [1, 2])
def test_it_serves_until_a_stop_signal_and_returns_0(tmp_path: Path, workers: int) -> None:
    statuses: list[int] = []

    def act(metrics: str) -> None:
        statuses.extend(_status(metrics, path) for path in ("/readyz", "/metrics", "/other"))

    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    settings = _settings(tmp_path, **{"grpc.workers": workers})
    assert _serve_and(settings, act) == 0
    assert statuses == [200, 200, 404]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
    assert not (tmp_path / "data" / "addresses.json").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_readyz_says_when_changes_would_go_unseen(
    tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses: list[int] = []

    def act(metrics: str) -> None:
        statuses.append(_status(metrics, "/readyz"))
        monkeypatch.setattr(Reloader, "alive", False)
        statuses.append(_status(metrics, "/readyz"))

    settings = _settings(tmp_path, **{"grpc.workers": workers})
    assert _serve_and(settings, act) == 0
    assert statuses == [200, 503]


def test_without_a_policy_there_is_nothing_to_answer_by(tmp_path: Path) -> None:
    settings = _settings(tmp_path).model_copy(update={"policy": None, "store": "off"})
    with pytest.raises(SettingsError, match="neither a policy nor a store") as caught:
        serve(settings)
    assert "--policy" in str(caught.value.hint)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_first_policy_that_is_wrong_is_the_operators_error(tmp_path: Path, workers: int) -> None:
    with pytest.raises(PolicyError, match="maybe"):
        serve(_settings(tmp_path, policy=BROKEN, **{"grpc.workers": workers}))


def test_several_workers_on_one_unix_socket_are_refused_before_anything_starts(
    tmp_path: Path,
) -> None:
    settings = _settings(tmp_path, **{"grpc.workers": 2, "grpc.listen": f"unix:{tmp_path}/a"})
    with pytest.raises(TransportError, match="Unix socket"):
        serve(settings)
    assert not (tmp_path / "data").exists()
