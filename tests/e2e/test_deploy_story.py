# SPDX-License-Identifier: Apache-2.0
"""Every command of deploy/README.md about Compose, from the first to the last.

The processes are those of compose.yaml and its forms: the real Envoy, the real Prometheus.
"""

from __future__ import annotations

import http.server
import re
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from authz.demo.processes import Children
from authz.demo.story_steps import STEP
from tests.e2e.composed import FORMS, Topology, require_programs
from tests.e2e.composed_shell import CERTIFICATE, PAGE, STORY, follow, form_of, story
from tests.factories.accepted import accepted
from tests.factories.page_blocks import texts_of
from tests.factories.shipped import DEPLOY, documents, make_certificates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.prometheus, pytest.mark.deploy]

#: What lines of the page print, by the heading they are below; others only start something.
PRINTED = {
    STORY: [],
    CERTIFICATE: ["403", "200", "200", "403", "403", "200", "200", "true"],
    "A second authority": ["403", "200", "403", "200"],
    "What a client does not get away with": ["403", "403", "421", "null"],
    "Over the API": [
        *("401", "200", "200", "true", "403", "true", "200"),
        *("200", "403", "403", "200", "true", "200"),
        *("200", "403", "200"),
    ],
    "Who watches": ["up", "1", "true"],
    "Where Envoy verifies": ["200", "000", "403", "000", "200", "200", "200"],
    "With trust bundles alone, or with HTTP/3": [],
    "By a file instead": [],
}
_ANY, _STRICT = "https://devices.localhost:8443/", "https://devices.localhost:8444/"
#: Each step of the demo's story (authz.demo.story_steps), in the order of the page.
TOLD = {
    "no-certificate": f"ask {_ANY}  # 403",
    "issued": f"ask_as tablet {_ANY}  # 200",
    "kept-open": "ask_held tablet 8443  # 200",
    "revoked-open": "ask_held tablet 8443  # 403",
    "revoked-new": f"ask_as tablet {_ANY}  # 403",
    "restored-open": "ask_held tablet 8443  # 200",
    "restored-new": f"ask_as tablet {_ANY}  # 200",
    "last-seen": "jq '.last_seen_on != null'  # true",
    "other-authority": f"ask_as partner {_ANY}  # 403",
    "api-issued": "ask_held sensor 8443  # 200",
    "api-revoked": "ask_held sensor 8443  # 403",
    "api-restored": "ask_held sensor 8443  # 200",
    "api-before-rule": f"ask_as sensor {_ANY}maintenance  # 200",
    "api-rule": "ask_held sensor 8443 /maintenance  # 403",
    "api-beside-rule": "ask_held sensor 8443  # 200",
    "api-not-permitted": 'client_certificates/$sensor"  # 403',
    "api-still-in": f"ask_as sensor {_ANY}  # 200",
    "strict": "ask_held tablet 8444  # 200",
    "new-authority-before": f"ask_as laptop {_ANY}  # 403",
    "new-authority-before-strict": f"ask_as laptop {_STRICT}  # 000",
    "new-authority": f"ask_as laptop {_ANY}  # 200",
    "new-authority-strict": f"ask_as laptop {_STRICT}  # 200",
    "strict-still-open": "ask_held tablet 8444  # 200",
}
#: Those that only a container engine could run.
BUILDS = ("docker buildx build ", "docker build ")


def test_every_command_of_the_page_is_followed_or_builds_an_image() -> None:
    followed = [block for blocks in story().values() for block in blocks]

    assert list(story()) == list(PRINTED)
    others = [one for one in texts_of(PAGE, "sh") if one not in followed]
    assert len(others) == len(BUILDS)
    assert all(one.startswith(BUILDS) and one.count("\n") == 1 for one in others)


def test_the_page_names_every_port_that_is_published() -> None:
    (said,) = re.findall(
        r"^- .*Only (.*) are published, on loopback", PAGE.read_text(), re.MULTILINE
    )
    files = {"compose.yaml", *(name for names in FORMS.values() for name in names)}

    ports = [
        port
        for name in files
        for service in documents(DEPLOY / name)[0]["services"].values()
        for port in service.get("ports", ())
    ]

    assert len(ports) == 6
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert set(re.findall(r"\b\d{4}\b", said)) == {port.split(":")[1] for port in ports}
    assert any(port.endswith("/udp") for port in ports) == ("UDP" in said)


def test_the_page_tells_every_step_of_the_demo() -> None:
    text = "".join(block for blocks in story().values() for block in blocks)

    assert set(TOLD) == set(STEP)
    at = 0
    for step, line in TOLD.items():
        at = text.find(f"{line}\n", at) + len(line)
        assert at >= len(line), f"{step}: {line}"


def test_the_whole_story_is_told_as_it_is_written(tmp_path: Path) -> None:
    """Certificates, a second authority, the API, who watches, Envoy that verifies, every form."""
    require_programs()
    with Children() as children:
        topology = Topology(tmp_path, children, "native")

        blocks = story()
        forms = [name for name, printed in PRINTED.items() if not printed and name != STORY]

        told = [one for name, some in blocks.items() if name not in forms for one in some]
        printed = follow(topology, told)

        assert printed == [one for many in PRINTED.values() for one in many]
        assert topology.form == "strict"
        # Why curl got no answer from the strict listener, once for each.
        for reason in ("fail_verify_no_cert", "fail_verify_error"):
            assert topology.envoy.stat(f"listener.127.0.0.1_0.ssl.{reason}") > 0, reason
        follow(topology, [one for name in forms for one in blocks[name]])
        assert topology.form == "policy file"
    for name in ("compose.yaml", "compose.sds.yaml", "compose.strict.yaml", "compose.http3.yaml"):
        accepted(DEPLOY / name, "Envoy, Prometheus, authz", "run as processes, the whole guide")
    accepted(DEPLOY / "envoy-strict.yaml", "Envoy", "runs, and refuses strangers in the handshake")


def test_a_command_that_prints_something_else_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.e2e.composed_shell._PATIENCE", 0)
    with Children() as children, pytest.raises(AssertionError, match='printed "2", not 1: echo 2'):
        follow(Topology(tmp_path, children, "native"), ["echo 2  # 1\n"])


class Answering(http.server.BaseHTTPRequestHandler):
    """Every request with 200, on a connection that stays open."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def server_with(certs: Path) -> Iterator[int]:
    """A TLS server by what make-certificates.sh made; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs / "server.crt", certs / "server.key")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_a_held_connection_that_is_gone_gets_no_answer_of_before(tmp_path: Path) -> None:
    """An answer that is there already says nothing of what would be answered now."""
    require_programs()
    certs = make_certificates(tmp_path / "certs")
    (tmp_path / "issued").mkdir()
    (certs / "client.crt").rename(tmp_path / "issued" / "tablet.pem")
    (certs / "client.key").rename(tmp_path / "issued" / "tablet.key")
    _, functions = story()[STORY]
    # What `hold` leaves in the background, and $!, is then openssl itself.
    own = 'openssl() { exec openssl "$@"; }'
    with server_with(certs) as port, Children() as children:
        hold, ask = f"hold tablet {port}", f"ask_held tablet {port}  # "
        steps = [hold, f"{ask}200", f"{ask}200", "kill $!; wait $! || true"]

        printed = follow(
            Topology(tmp_path, children, "native"),
            [functions, own, *steps, f"{ask}closed", hold, f"{ask}200"],
        )

    assert printed == ["200", "200", "closed", "200"]


def test_a_form_that_is_none_is_noticed() -> None:
    assert form_of(["up", "--build", "--detach", "--wait"]) == "store"
    with pytest.raises(StopIteration):
        form_of(["--file", "compose.yaml", "--file", "none", "up", "--build", "--detach", "--wait"])
