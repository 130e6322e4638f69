# SPDX-License-Identifier: Apache-2.0
"""deploy/envoy-gateway by Envoy Gateway itself: the schemas and rules of its CRDs, its translator.

egctl checks every object of the Gateway API and of its own by the CRDs that it installs (unknown
fields, types, CEL rules). What it generates is compared with the files in tests/e2e/generated,
which the end-to-end tests run on a real Envoy.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.factories.accepted import ROOT, accepted, followed, tool
from tests.factories.translations import EGCTL, FORMS, VERSIONS, Form, form_named, translate

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.deploy

EG_FORMS = [form for form in FORMS if form.program == EGCTL]
POLICIES = "deploy/envoy-gateway/policies.yaml"
GATEWAY = "deploy/envoy-gateway/gateway.yaml"
GUIDE = ROOT / "docs" / "how-to" / "behind-envoy-gateway.md"
#: An application in a namespace of its own, and its route.
ELSEWHERE = """\
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: shop}
spec:
  clusterIP: 10.96.0.30
  ports: [{name: http, port: 8080, targetPort: 8080}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec:
  parentRefs: [{name: mtls, namespace: default}]
  hostnames: [shop.localhost]
  rules: [{backendRefs: [{name: shop, port: 8080}]}]
"""
OF_THE_ROUTES = """\
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: limit, namespace: default}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: mtls}]
  circuitBreaker: {maxParallelRequests: 777}
"""
#: A policy that somebody adds to a route for something else.
CORS = """\
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: cors, namespace: default}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: app}]
  cors: {allowOrigins: ["https://example.com"]}
"""


def changed(tmp_path: Path, *changes: tuple[str, str], added: str = "") -> dict[str, Any]:
    """The shipped form with changes to policies.yaml, translated."""
    text = (ROOT / POLICIES).read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return with_file(tmp_path, POLICIES, f"{text}\n---\n{added}" if added else text)


def with_file(tmp_path: Path, name: str, text: str) -> dict[str, Any]:
    """The shipped form, another text in the place of one file, translated."""
    other = tmp_path / "other.yaml"
    other.write_text(text, encoding="utf-8")
    shipped = form_named("envoy_gateway/gateway")
    arguments = tuple(str(other) if one == name else one for one in shipped.arguments)
    form = Form(name="changed", program=EGCTL, arguments=arguments, secrets=shipped.secrets)
    return translate(form, tool(EGCTL), tmp_path)


def conditions(made: dict[str, Any], name: str) -> dict[str, str]:
    """The conditions of a policy: type and message, those that hold."""
    return {
        one["type"]: one["message"]
        for ancestor in made["status"][name]["ancestors"]
        for one in ancestor["conditions"]
        if one["status"] == "True"
    }


@pytest.mark.parametrize("form", EG_FORMS, ids=lambda form: form.name)
def test_envoy_gateway_still_generates_the_same(form: Form, tmp_path: Path) -> None:
    """Otherwise: python -m tests.deploy.translate"""
    made = translate(form, tool(EGCTL), tmp_path)

    assert made == json.loads(form.file.read_text(encoding="utf-8"))
    for name in form.inputs:
        if name.startswith("deploy/"):
            accepted(ROOT / name, VERSIONS[EGCTL], "egctl: CRDs, and Envoy's configuration from it")


@pytest.mark.parametrize("form", EG_FORMS, ids=lambda form: form.name)
def test_it_accepts_every_policy(form: Form) -> None:
    made = json.loads(form.file.read_text(encoding="utf-8"))
    shipped = [
        f"{one['kind']}/{one['metadata']['name']}"
        for name in form.inputs
        for one in yaml.safe_load_all((ROOT / name).read_text(encoding="utf-8"))
        if one["kind"].endswith("Policy")
    ]

    assert shipped
    for name in shipped:
        assert list(conditions(made, name)) == ["Accepted"]


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("escapedSlashesAction:", "escapedSlashAction:", b"unknown field"),
        ("mode: SanitizeSet", "mode: SanitiseSet", b"Unsupported value"),
        ("failOpen: false", "failOpen: maybe", b"must be of type boolean"),
        ("statusOnError: 503", "statusOnError: 302", b"Unsupported value"),
    ],
)
def test_it_would_notice_a_mistake(
    tmp_path: Path, before: str, after: str, complaint: bytes
) -> None:
    with pytest.raises(subprocess.CalledProcessError) as error:
        changed(tmp_path, (before, after))

    assert complaint in error.value.stderr


def test_without_a_circuit_breaker_of_the_policy_it_is_that_of_envoy(tmp_path: Path) -> None:
    """1,024, which is not written; a BackendTrafficPolicy is about the routes' own backends."""
    limit = "circuitBreaker: {maxParallelRequests: 1000, maxPendingRequests: 1000}"

    made = changed(tmp_path, (limit, ""), added=OF_THE_ROUTES)

    limits = {
        one["name"]: one["circuitBreakers"]["thresholds"][0].get("maxRequests")
        for one in made["clusters"]
    }
    assert limits == {
        "httproute/default/app/rule/0": 777,
        "securitypolicy/default/authz/extauth/0": None,
    }


def test_http_3_is_not_served_where_clients_are_validated(tmp_path: Path) -> None:
    """Asked for, it is refused with a warning: no way around the client certificates."""
    made = changed(tmp_path, ("  path:\n", "  http3: {}\n  path:\n"))

    assert "quic" not in json.dumps(made["listeners"]).lower()
    assert "HTTP/3 was disabled" in conditions(made, "ClientTrafficPolicy/mtls")["Warning"]


def test_another_security_policy_on_a_route_takes_the_authorization_away(tmp_path: Path) -> None:
    """The closest policy counts, whole: the guide warns of it."""
    made = changed(tmp_path, added=CORS)

    assert "ext_authz" not in json.dumps([made["listeners"], made["routes"]])
    assert "default/app" in conditions(made, "SecurityPolicy/authz")["Overridden"]


def test_with_a_merge_type_it_stays(tmp_path: Path) -> None:
    shipped = json.loads(form_named("envoy_gateway/gateway").file.read_text(encoding="utf-8"))

    made = changed(tmp_path, added=CORS.replace("  cors:", "  mergeType: StrategicMerge\n  cors:"))

    for found in (made, shipped):
        for host in found["routes"][0]["virtualHosts"]:
            (route,) = host["routes"]
            assert [name for name in route["typedPerFilterConfig"] if "ext_authz" in name]


_REFUSED = "NotAllowedByListeners"


@pytest.mark.parametrize(
    ("allowed", "app", "shop"),
    [
        ("from: Same", "Accepted", _REFUSED),
        ("from: All", "Accepted", "Accepted"),
        # egctl knows no labels of namespaces: that of the Gateway needs one as any other.
        ("from: Selector, selector: {matchLabels: {gateway: mtls}}", _REFUSED, _REFUSED),
    ],
)
def test_routes_of_which_namespaces_are_taken_is_what_the_guide_says(
    tmp_path: Path, allowed: str, app: str, shop: str
) -> None:
    text = (ROOT / GATEWAY).read_text(encoding="utf-8")
    assert allowed in GUIDE.read_text(encoding="utf-8")
    assert "{from: Same}" in text

    changed_text = text.replace("from: Same", allowed)
    made = with_file(tmp_path, GATEWAY, f"{changed_text}\n---\n{ELSEWHERE}")

    assert (taken(made, "app"), taken(made, "shop")) == (app, shop)
    assert ("shop.localhost" in json.dumps(made["routes"])) == (shop == "Accepted")
    how = "its Gateway and policies, and the routes that it says are taken"
    followed("how-to/behind-envoy-gateway.md", VERSIONS[EGCTL], how)


def taken(made: dict[str, Any], route: str) -> str:
    """Why the Gateway takes a route or does not."""
    (parent,) = made["status"][f"HTTPRoute/{route}"]["parents"]
    (reason,) = [one["reason"] for one in parent["conditions"] if one["type"] == "Accepted"]
    said: str = reason
    return said
