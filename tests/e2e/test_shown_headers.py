# SPDX-License-Identifier: Apache-2.0
"""A listener that keeps headers back from the check (`allowed_headers`), through a real Envoy."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from authz.demo.credentials import make_credentials
from authz.demo.processes import Children
from tests.e2e.harness import http_client, start_stack, unique

if TYPE_CHECKING:
    from collections.abc import Iterator

    from authz.demo.upstream import Upstream
    from tests.e2e.harness import Stack

POLICY = """\
sites:
  - name: headers
    hosts: ["headers.localhost"]
    rules:
      - {ref: bad, action: block, expression: 'http.request.headers["x-bad"][0] eq "1"'}
  - name: paths
    hosts: ["paths.localhost"]
    rules:
      - {ref: path, action: block, expression: 'http.request.uri.path eq "/closed"'}
"""


def _choosing(config: str) -> str:
    found, times = re.subn(
        r"^( +)transport_api_version: V3$",
        r"\g<0>\n\1allowed_headers: {patterns: [{exact: user-agent}]}",
        config,
        flags=re.MULTILINE,
    )
    assert times == 1
    return found


@pytest.fixture(scope="module", params=[True, False], ids=["some", "all"])
def shown(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    upstream: Upstream,
    transport: str,
) -> Iterator[tuple[Stack, bool]]:
    credentials = make_credentials(tmp_path_factory.mktemp("shown"), at=time.time())
    with Children() as children:
        yield (
            start_stack(
                children,
                credentials,
                POLICY,
                upstream=upstream,
                transport=transport,
                change=_choosing if request.param else lambda config: config,
            ),
            request.param,
        )


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("bad", [False, True])
def test_a_rule_on_a_header_that_is_kept_back_blocks(
    shown: tuple[Stack, bool], version: str, bad: bool
) -> None:
    """What was not shown may have been sent: only what reads no header is decided as usual."""
    stack, some = shown
    headers = {"x-bad": "1"} if bad else {}

    assert _get(stack, version, "headers.localhost", headers) == (403 if some or bad else 200)
    assert _get(stack, version, "paths.localhost", headers) == 200


def _get(stack: Stack, version: str, host: str, headers: dict[str, str]) -> int:
    path, _ = unique("/")
    with http_client(version, stack.credentials) as client:
        return client.get(
            f"https://127.0.0.1:{stack.envoy.port}{path}",
            headers={"host": host, **headers},
            extensions={"sni_hostname": "localhost"},
        ).status_code
