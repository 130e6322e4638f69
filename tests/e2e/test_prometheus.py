# SPDX-License-Identifier: Apache-2.0
"""The real Prometheus scrapes the demo with the shipped rules, and answers every dashboard.

Three services: the demo's, behind the real Envoy with store, SDS, management API and publication,
to which the demo's rows and story are sent; one that answers by a policy file alone and fetches a
CRL; and one on PostgreSQL. Between them they have every metric that a rule or a panel asks for.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import psutil
import pytest

from authz.demo.credentials import make_credentials
from authz.demo.processes import Children
from authz.demo.rows import send_row
from authz.demo.running import SETTINGS, Demo, envoy_config, require_api, require_bundle
from authz.demo.scenario import ROWS, policy_yaml
from authz.demo.stack import ask, data_of, start_authz, start_envoy
from authz.demo.story import Story
from tests.e2e.harness import eventually
from tests.factories.accepted import accepted
from tests.factories.http_server import response, serving
from tests.factories.postgres import running_server
from tests.factories.prometheus import Prometheus, require_prometheus
from tests.factories.promql import (
    DASHBOARDS,
    DEPLOY,
    RULES,
    alerts,
    annotation_queries,
    asks_the_cluster,
    dashboard_queries,
    dashboard_variables,
    grouped_by,
    labels_in,
    metrics_in,
    rule_queries,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from authz.demo.upstream import Upstream
    from tests.factories.http_server import Server

pytestmark = [pytest.mark.prometheus, pytest.mark.postgres, pytest.mark.deploy]

#: Labels that a record or a rule makes, that Prometheus has of itself, or that a target has.
OWN = {"alertname", "alertstate", "known_by", "job", "instance", "le", "pod"}


class Watched:
    """The three services, and Prometheus."""

    def __init__(
        self, home: Path, children: Children, upstream: Upstream, crls: Server, database: str
    ) -> None:
        credentials = make_credentials(home, at=time.time())
        (home / "policy.yaml").write_text(policy_yaml(credentials), encoding="utf-8")
        (home / "issuing.crl").write_bytes(credentials.issuing.crl().der)
        settings = {**SETTINGS, "publication": {"listen": "127.0.0.1:0"}}
        authz = start_authz(children, home, settings)
        envoy = start_envoy(children, home, envoy_config(home, authz, upstream.port))
        require_bundle(authz, envoy)
        envoy.child.wait_until(lambda: envoy.sees_healthy(1), "it saw authz healthy")
        self.demo = Demo(
            directory=home,
            credentials=credentials,
            authz=authz,
            envoy=envoy,
            api=require_api(authz, home),
        )
        self.plain_policy = home / "plain.yaml"
        self.plain_policy.write_text(
            "sites:\n  - name: plain\n    hosts: ['*']\n    trust:\n      - name: plain-ca\n"
            "        certificates: [trust/demo-ca.pem, trust/issuing-ca.pem]\n"
            f"        crl_urls: ['{crls.url('/issuing.crl')}']\n",
            encoding="utf-8",
        )
        self.plain = start_authz(
            children,
            home,
            {"policy": "plain.yaml", "fetch": {"allowed_hosts": ["127.0.0.1"]}},
            name="plain-authz",
        )
        shared = {"database": database, "publication": {"listen": "127.0.0.1:0"}}
        self.shared = start_authz(children, home, shared, name="shared-authz")
        (home / "prometheus").mkdir()
        self.addresses = sorted(one.metrics_address for one in (authz, self.plain, self.shared))
        self.prometheus = Prometheus(children, home / "prometheus", self.addresses)

    def traffic(self, ended: threading.Event) -> None:
        """Every row of the demo again and again, a question that is none to the OCSP responder, and
        a call of the API without a token."""
        addresses = json.loads((data_of(self.demo.directory) / "addresses.json").read_text())
        question = urllib.request.Request(
            f"http://{addresses['publication']}/ocsp", data=b"?", method="POST"
        )
        while not ended.is_set():
            for row in ROWS:
                send_row(self.demo, row)
            with contextlib.suppress(urllib.error.HTTPError):
                urllib.request.urlopen(question, timeout=10).close()
            ask(self.demo.api.address, "/client/v4/zones")
            ended.wait(0.5)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Watched]:
    require_prometheus()
    home = tmp_path_factory.mktemp("watched")
    ended = threading.Event()

    def published(_: object) -> bytes:
        return response((home / "issuing.crl").read_bytes())

    with (
        serving(published) as crls,
        running_server("-c fsync=off") as server,
        Children() as children,
    ):
        watched = Watched(home, children, upstream, crls, server.address(server.new_database()))
        Story(watched.demo).tell()
        thread = threading.Thread(target=watched.traffic, args=(ended,))
        thread.start()
        try:
            yield watched
        finally:
            ended.set()
            thread.join(30)


def test_every_rule_is_healthy(watched: Watched) -> None:
    def looked() -> bool:
        found = watched.prometheus.get("rules")["groups"]
        return all(one["health"] != "unknown" for group in found for one in group["rules"])

    eventually(looked, "every rule was evaluated", 60)
    groups = watched.prometheus.get("rules")["groups"]
    rules = [one for group in groups for one in group["rules"]]
    assert len(rules) == len(rule_queries())
    assert [(one["name"], one["lastError"]) for one in rules if one.get("lastError")] == []
    version = watched.prometheus.version
    for file in (*RULES, DEPLOY / "prometheus.yml"):
        accepted(file, version, "loaded beside a running service, every rule healthy")


def test_every_metric_and_label_that_is_named_exists(watched: Watched) -> None:
    prometheus = watched.prometheus
    asked = [*rule_queries(), *dashboard_queries()]
    queries = [one for one in asked if not asks_the_cluster(one.expression)]
    assert len(asked) - len(queries) == 2
    named = {metric for one in queries for metric in metrics_in(one.expression)} - {"ALERTS"}

    def missing() -> set[str]:
        return named - set(prometheus.get("label/__name__/values"))

    with contextlib.suppress(AssertionError):
        eventually(lambda: not missing(), "every metric was scraped or recorded", 60)
    assert missing() == set()
    have = {metric: prometheus.labels(metric) for metric in named}
    for one in queries:
        chosen_by = labels_in(one.expression)
        for metric, labels in chosen_by.items():
            if metric != "ALERTS":
                assert labels <= have[metric], f"{one.where}: {metric}"
        known = {label for metric in metrics_in(one.expression) for label in have.get(metric, ())}
        assert grouped_by(one.expression) <= known | OWN, one.where


def test_every_query_of_the_dashboards_returns_data(watched: Watched) -> None:
    queries = dashboard_queries()
    empty = list(queries)

    def all_of_them() -> bool:
        empty[:] = [one for one in empty if not _numbers(watched.prometheus, one.expression)]
        return not empty

    with contextlib.suppress(AssertionError):
        eventually(all_of_them, "data", 90)
    assert [(one.where, one.expression) for one in empty] == []
    for one in queries:
        found = [set(labels) for labels, _ in watched.prometheus.series(one.expression)]
        assert not one.legend or any(one.legend <= labels for labels in found), one.where
    for file in DASHBOARDS:
        accepted(
            file,
            watched.prometheus.version,
            f"{_count(file)} queries returned data during the demo",
        )


def _numbers(prometheus: Prometheus, expression: str) -> bool:
    return any(math.isfinite(value) for _, value in prometheus.series(expression))


def _count(file: Path) -> int:
    return sum(one.where.startswith(f"{file.stem}:") for one in dashboard_queries())


def test_every_variable_has_values(watched: Watched) -> None:
    variables = dashboard_variables()
    found = {label: watched.prometheus.values(label, series) for series, label in variables}

    assert found["job"] == ["authz"]
    assert sorted(found["instance"]) == watched.addresses
    assert {"api", "pinned", "admin", "partner"} <= set(found["site"])


def test_the_annotations_ask_what_there_is(watched: Watched) -> None:
    for expression in annotation_queries():
        # Nobody was started again, so nothing is what it returns; what it is made of is there.
        assert watched.prometheus.series(expression) == []
        assert watched.prometheus.series(expression.removesuffix(" > 0"))


def test_nothing_is_wrong_with_the_demo(watched: Watched) -> None:
    assert set(watched.prometheus.firing()) == set()


def test_alerts_fire_when_something_breaks(watched: Watched) -> None:
    prometheus = watched.prometheus

    # 1 A worker is killed.
    workers = [
        one
        for one in psutil.Process(watched.demo.authz.child.pid).children(recursive=True)
        if "authz.node.worker" in " ".join(one.cmdline())
    ]
    os.kill(workers[0].pid, signal.SIGKILL)
    eventually(lambda: "AuthzWorkerRestarts" in prometheus.firing(), "the worker was missed", 60)

    # 2 The policy file of the other service is broken.
    watched.plain_policy.write_text("sites: 7\n", encoding="utf-8")
    both = {"AuthzReloadFailed", "AuthzPolicyRefused"}
    eventually(lambda: both <= set(prometheus.firing()), "the policy was refused", 60)
    labels = prometheus.firing()["AuthzReloadFailed"]["labels"]
    assert (labels["kind"], labels["instance"]) == ("policy", watched.plain.metrics_address)

    # 3 That service is gone.
    watched.plain.child.stop()
    eventually(lambda: "AuthzDown" in prometheus.firing(), "the service was missed", 60)
    fired = prometheus.firing()["AuthzDown"]
    assert watched.plain.metrics_address in fired["annotations"]["description"]
    assert fired["labels"]["severity"] == "critical"
    assert set(prometheus.firing()) <= set(alerts())
