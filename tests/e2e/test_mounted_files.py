# SPDX-License-Identifier: Apache-2.0
"""Policies and trust in a mounted ConfigMap: kubelet renames a link, no file is written over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz import __version__
from authz.demo.stack import start_authz
from tests.e2e.harness import eventually
from tests.factories.accepted import accepted
from tests.factories.mounts import MountedFiles

if TYPE_CHECKING:
    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.stack import Authz

POLICY = b"""\
sites:
  - name: api
    hosts: ["*"]
    trust:
      - {name: clients, certificates: [ca.pem], crls: [ca.crl]}
"""


def generation(authz: Authz) -> float:
    return authz.metric("authz_snapshot_generation")


@pytest.mark.deploy
def test_a_swapped_link_is_a_change_of_every_file_behind_it(
    children: Children, credentials: Credentials
) -> None:
    authority = credentials.authority
    files = {"policy.yaml": POLICY, "ca.pem": authority.pem, "ca.crl": authority.crl().pem}
    mounted = MountedFiles(credentials.directory / "mounted", files)
    policy = mounted.directory / "policy.yaml"
    authz = start_authz(children, credentials.directory, {"policy": str(policy)})
    assert generation(authz) == 1

    files["ca.crl"] = authority.crl([credentials.clients["valid"].serial], number=2).pem
    mounted.update(files)
    eventually(lambda: generation(authz) == 2, "the new CRL is in force")

    mounted.update({**files, "policy.yaml": POLICY.replace(b"sites:", b"sights:")})
    eventually(lambda: authz.metric("authz_reload_failures_total") >= 1, "it is refused")
    assert generation(authz) == 2

    mounted.update({**files, "policy.yaml": POLICY.replace(b"name: api", b"name: shop")})
    eventually(lambda: generation(authz) == 3, "the next good one is in force")
    accepted(
        "a mounted ConfigMap",
        f"authz {__version__}",
        "links are swapped: policy and CRL are in force",
    )
