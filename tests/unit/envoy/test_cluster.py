# SPDX-License-Identifier: Apache-2.0
"""The cluster of this service: what each form of listening needs, as its page says."""

from __future__ import annotations

from textwrap import indent
from typing import Any

import pytest
import yaml

from authz.envoy.cluster import authz_cluster_text
from authz.envoy.config import render_envoy_config
from authz.envoy.options import AuthzCluster, EnvoyOptions
from tests.factories.pages import WorkersForm, workers_forms

PROTOCOL = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def cluster(**changes: Any) -> Any:
    given = AuthzCluster(**{"endpoints": ("127.0.0.1:50051",), **changes})
    (found,) = yaml.safe_load(authz_cluster_text(given, EnvoyOptions()))
    return found


def test_each_worker_is_asked_for_its_health_when_it_has_a_port_of_its_own() -> None:
    found = cluster(endpoints=("127.0.0.1:1", "127.0.0.1:2"))

    (check,) = found["health_checks"]
    assert check["grpc_health_check"] == {}
    assert "common_http_protocol_options" not in found["typed_extension_protocol_options"][PROTOCOL]


def test_behind_a_shared_port_nobody_is_asked_and_connections_are_made_anew() -> None:
    found = cluster(shared_port=True)

    # One worker would answer for all, and its restart would take all of them out.
    assert "health_checks" not in found
    options = found["typed_extension_protocol_options"][PROTOCOL]
    assert options["common_http_protocol_options"]["max_requests_per_connection"] > 0


@pytest.mark.parametrize("form", workers_forms(), ids=lambda form: form.name)
def test_the_page_shows_the_cluster_that_is_generated(form: WorkersForm) -> None:
    """Otherwise: copy the cluster from `authz envoy config` with the settings on the page."""
    assert indent(form.cluster, "  ") in render_envoy_config(form.settings)
