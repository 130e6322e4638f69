# SPDX-License-Identifier: Apache-2.0
"""doctor over HTTP: an Envoy and an authz that are two small servers here."""

from __future__ import annotations

import copy
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from authz.cli import fetch
from authz.cli.main import main
from authz.errors import TransportError
from authz.node.addresses_file import AddressesFile
from tests.unit.cli.doctor import envoy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def server(pages: dict[str, bytes], date: str | None = None) -> Iterator[str]:
    """An HTTP server of these pages; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(body or b"")

        def date_time_string(self, timestamp: float | None = None) -> str:
            return date or super().date_time_string(timestamp)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


def pages(configuration: dict[str, Any]) -> dict[str, bytes]:
    stats = {"stats": [{"name": "http.ingress.ext_authz.ok", "value": 1}]}
    return {
        "/config_dump": json.dumps(envoy.dump(configuration)).encode(),
        "/certs": b'{"certificates": []}',
        "/clusters?format=json": b'{"cluster_statuses": []}',
        "/stats?format=json": json.dumps(stats).encode(),
    }


def run(
    directory: Path,
    capsys: pytest.CaptureFixture[str],
    admin: str,
    metrics: str = "off",
) -> tuple[int, list[str]]:
    (directory / "policy.yaml").write_text('sites: [{name: api, hosts: ["*"]}]\n')
    (directory / "s.yaml").write_text(
        f'policy: policy.yaml\nmetrics: {{listen: "{metrics}"}}\nsds: {{enabled: false}}\n'
    )
    with pytest.raises(SystemExit) as exit_:
        main(["doctor", "--config", str(directory / "s.yaml"), "--envoy-admin", admin, "--json"])
    out = capsys.readouterr().out
    return int(exit_.value.code or 0), [one["id"] for one in json.loads(out)] if out else []


def test_a_good_envoy_has_no_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with server(pages(envoy.config())) as admin:
        assert run(tmp_path, capsys, admin) == (0, [])


def test_mistakes_of_envoy_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configuration = envoy.config()
    envoy.ext_authz(configuration)["failure_mode_allow"] = True
    with server(pages(configuration)) as admin:
        assert run(tmp_path, capsys, admin) == (1, ["failure-mode-allow"])


def test_an_envoy_that_asks_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configuration = envoy.config()
    del envoy.manager(envoy.listener(configuration))["http_filters"][0]
    with server(pages(configuration)) as admin:
        assert run(tmp_path, capsys, admin) == (1, ["no-ext-authz"])


def limited(limit: int, *timeouts: str, health: dict[str, Any] | None = None) -> dict[str, bytes]:
    """An Envoy with a filter for each time-out, all of which ask one cluster in two places."""
    configuration = envoy.config()
    envoy.authz_cluster(configuration)["circuit_breakers"] = {
        "thresholds": [{"max_requests": limit, "max_pending_requests": limit}]
    }
    filters = envoy.manager(envoy.listener(configuration))["http_filters"]
    first = filters.pop(0)
    for timeout in reversed(timeouts):
        filters.insert(0, copy.deepcopy(first))
        filters[0]["typed_config"]["grpc_service"]["timeout"] = timeout
    hosts = [
        {"address": {"socket_address": {"address": f"10.0.0.{n}"}}, "health_status": health or {}}
        for n in (1, 2)
    ]
    status = {"cluster_statuses": [{"name": "authz", "host_statuses": hosts}]}
    return pages(configuration) | {"/clusters?format=json": json.dumps(status).encode()}


def test_the_limit_is_judged_by_the_endpoints_and_by_the_filter_that_waits_least(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with server(limited(5000, "0.5s")) as admin:
        assert run(tmp_path, capsys, admin) == (0, [])
    with server(limited(5001, "0.5s")) as admin:
        assert run(tmp_path, capsys, admin) == (1, ["many-checks-at-once"])
    with server(limited(5000, "0.5s", "0.4s")) as admin:
        assert run(tmp_path, capsys, admin) == (1, ["many-checks-at-once"])


def test_what_is_not_known_of_the_limit_is_noted_and_no_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "policy.yaml").write_text('sites: [{name: api, hosts: ["*"]}]\n')
    (tmp_path / "s.yaml").write_text(
        'policy: policy.yaml\nmetrics: {listen: "off"}\nsds: {enabled: false}\n'
    )
    sick = {"failed_active_health_check": True}
    with server(limited(5000, "0.5s", health=sick)) as admin, pytest.raises(SystemExit) as exit_:
        main(["doctor", "--config", str(tmp_path / "s.yaml"), "--envoy-admin", admin])

    said = capsys.readouterr()
    assert exit_.value.code == 0
    assert said.out == "nothing to say\n"
    assert (
        "note: cluster authz: whether 5,000 checks at once are too many was not judged" in said.err
    )
    assert "of its 2 endpoints, 0 can be asked now" in said.err


def test_clocks_that_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with server(pages(envoy.config()), date="Sun, 01 Mar 2020 12:00:00 GMT") as admin:
        assert run(tmp_path, capsys, admin) == (1, ["clock-skew"])


def test_a_running_authz_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = {"/metrics": b'authz_certificates_total{result="absent",source="envoy"} 99\n'}
    with server(pages(envoy.config())) as admin, server(metrics) as own:
        assert run(tmp_path, capsys, admin, own) == (1, ["no-certificate-ever"])


def test_a_running_authz_is_found_where_the_system_put_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = {"/metrics": b'authz_certificates_total{result="absent",source="envoy"} 99\n'}
    with server(pages(envoy.config())) as admin, server(metrics) as own:
        running = AddressesFile(tmp_path / "authz-data")
        running.write(grpc=["127.0.0.1:50051"], metrics=own)

        assert run(tmp_path, capsys, admin, "127.0.0.1:0") == (1, ["no-certificate-ever"])
        running.remove()


@pytest.mark.parametrize("content", [None, "", "[]", '{"metrics": null}', '{"pid": 1}'])
def test_an_authz_that_says_nowhere_where_it_is_is_not_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    (tmp_path / "policy.yaml").write_text('sites: [{name: api, hosts: ["*"]}]\n')
    (tmp_path / "s.yaml").write_text('policy: policy.yaml\nmetrics: {listen: "127.0.0.1:0"}\n')
    if content is not None:
        (tmp_path / "authz-data").mkdir()
        (tmp_path / "authz-data" / "addresses.json").write_text(content)

    with pytest.raises(SystemExit) as exit_:
        main(["doctor", "--config", str(tmp_path / "s.yaml")])

    assert exit_.value.code == 0
    noted = capsys.readouterr().err
    assert f"port 0 and no authz is running in {tmp_path / 'authz-data'}" in noted


def test_what_is_no_envoy_cannot_be_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with server({"/config_dump": b"hello"}) as other:
        assert run(tmp_path, capsys, other) == (2, [])
    with server({}) as nothing:
        assert run(tmp_path, capsys, nothing) == (2, [])


def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 3)
    with server({"/": b"xxxx"}) as address, pytest.raises(TransportError, match="too large"):
        fetch.get(address, "/")
