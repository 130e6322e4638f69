# SPDX-License-Identifier: Apache-2.0
"""What was fetched for a policy file beside the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.node.control.parts import FileParts
from authz.sources.fetched import FetchedFiles, Header, Stored
from tests.factories.pki import AT, root

if TYPE_CHECKING:
    from pathlib import Path

    from authz.errors import AuthzError

URL = "http://crl.example/ca.crl"


def test_a_crl_that_arrives_is_a_change_and_in_the_model(tmp_path: Path) -> None:
    def failed(kind: str, error: AuthzError) -> None:
        raise AssertionError((kind, error))

    policy = tmp_path / "policy.yaml"
    (tmp_path / "ca.pem").write_bytes(root().pem)
    policy.write_text(
        "sites: [{name: api, hosts: ['*'], trust: "
        f"[{{name: acme, certificates: [ca.pem], crl_urls: ['{URL}']}}]}}]\n"
    )
    files = FetchedFiles(tmp_path / "fetched")
    parts = FileParts(
        policy=policy,
        fetched=tmp_path / "fetched",
        geoip={},
        geo_directory=tmp_path / "geoip",
        failed=failed,
        sleep=lambda _: None,
    )
    parts.first()
    assert parts.take_fresh()
    assert parts.model.sites[0].trust[0].crls == ()
    parts.look()
    assert not parts.take_fresh()

    crl = root().crl().der
    files.store(Stored(header=Header(url=URL, fetched_at=AT), body=crl))

    parts.look()
    assert parts.take_fresh()
    assert parts.model.sites[0].trust[0].crls == (crl,)
