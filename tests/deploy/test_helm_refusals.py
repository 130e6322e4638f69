# SPDX-License-Identifier: Apache-2.0
"""Values that cannot work are refused before anything is installed, and told what to do."""

from __future__ import annotations

import pytest

from tests.factories.helm import changed, template, values_of

pytestmark = pytest.mark.deploy

#: Values of ci/, what is changed about them, and what helm has to say.
REFUSED = [
    ("deployment-policy", {"form": "statefulset"}, "'/form': value must be one of 'deployment'"),
    ("deployment-policy", {"replicas": 3}, "additional properties 'replicas' not allowed"),
    ("deployment-policy", {"grpc.ports": 1}, "'/grpc': additional properties 'ports'"),
    ("deployment-policy", {"replicaCount": "2"}, "'/replicaCount': got string, want integer"),
    ("deployment-policy", {"grpc.port": 70000}, "'/grpc/port': maximum: got 70,000"),
    ("deployment-policy", {"image.digest": "sha256:abc"}, "'/image/digest'"),
    ("deployment-policy", {"listenHost": "::"}, "'/listenHost'"),
    ("deployment-policy", {"trust": [{"name": "a"}]}, "'/trust/0': missing property 'configMap'"),
    ("deployment-policy", {"publication.url": "https://pki"}, "'/publication/url'"),
    # SQLite: one file, one pod.
    ("deployment-sqlite", {"replicaCount": 2}, "'/replicaCount': maximum: got 2, want 1"),
    (
        "deployment-sqlite",
        {"autoscaling.enabled": True},
        "'/autoscaling/enabled': value must be false",
    ),
    ("deployment-sqlite", {"form": "daemonset"}, "'/form': value must be one of 'deployment'"),
    ("daemonset-service", {"autoscaling.enabled": True}, "'/autoscaling/enabled'"),
    # PostgreSQL: everything that is secret is in a secret.
    (
        "deployment-postgresql",
        {"store.postgresql.existingSecret": ""},
        "'/store/postgresql/existingSecret': minLength",
    ),
    ("deployment-postgresql", {"keys.existingSecret": ""}, "'/keys/existingSecret': minLength"),
    ("deployment-postgresql", {"keys.fileKey": "k"}, "name either keys.passphraseKey or"),
    ("deployment-postgresql", {"keys.passphraseKey": ""}, "name either keys.passphraseKey or"),
    (
        "deployment-postgresql",
        {"networkPolicy.egress.postgresql": []},
        "networkPolicy.egress.postgresql names nobody",
    ),
    ("deployment-sqlite", {"admin.allowPlaintext": False}, "tokens would cross the network"),
    ("deployment-policy", {"policy.enabled": False}, "neither a policy nor a store would answer"),
    ("deployment-sqlite", {"policy.existingSecret": "b"}, "both set: remove one of the two"),
    ("deployment-policy", {"settings.policy": "p"}, "settings.policy is what the chart writes"),
    (
        "deployment-policy",
        {"settings.grpc": {"listen": "x"}},
        "settings.grpc.listen is what the chart writes",
    ),
    (
        "deployment-policy",
        {"settings.admin": {"tls": {}}},
        "settings.admin.tls is what the chart writes",
    ),
    ("deployment-policy", {"publication.enabled": True}, "no store whose CRLs could be published"),
    (
        "deployment-policy",
        {"terminationGracePeriodSeconds": 9},
        "terminationGracePeriodSeconds is too short",
    ),
    (
        "sidecar-policy",
        {"terminationGracePeriodSeconds": 19},
        "terminationGracePeriodSeconds is too short",
    ),
    # Every address of the node, or one that others reach, is for whoever has a certificate.
    ("daemonset-hostport", {"grpc.tls.clientCaKey": ""}, "daemonset.hostPort: whoever reaches"),
    ("daemonset-hostport", {"grpc.tls": {}}, "daemonset.hostPort: whoever reaches the node"),
    (
        "daemonset-hostport",
        {"grpc.tls.clientCaKey": "", "daemonset.hostIP": "10.0.0.7"},
        "daemonset.hostPort: whoever reaches the node",
    ),
    ("daemonset-hostport", {"daemonset.hostIP": "node"}, "'/daemonset/hostIP'"),
    ("sidecar-policy", {"envoy.upstream.host": ""}, "envoy.upstream.host: name the application"),
    ("sidecar-policy", {"envoy.tls.existingSecret": ""}, "envoy.tls.existingSecret: name the"),
    (
        "sidecar-policy",
        {"settings.certificate_source": "xfcc"},
        "the Envoy of this chart sends source.certificate",
    ),
    ("sidecar-policy", {"tests.grpc": True}, "tests.grpc: there is no Service that answers"),
    ("deployment-postgresql", {"tests.grpc": True}, "tests.grpc: there is no Service"),
    ("sidecar-postgresql", {"grpc.portPerWorker": False}, "cannot share one Unix socket"),
    (
        "deployment-policy",
        {"policy.content": " "},
        "policy.content: there is no policy",
    ),
]


@pytest.mark.parametrize(
    ("name", "changes", "message"), REFUSED, ids=[f"{n}-{'-'.join(c)}" for n, c, _ in REFUSED]
)
def test_it_is_refused_and_told_why(name: str, changes: dict[str, object], message: str) -> None:
    values = values_of(name)
    assert template(values).returncode == 0
    for path, value in changes.items():
        values = changed(values, path, value)

    run = template(values)

    assert run.returncode != 0
    assert message in run.stderr
