# SPDX-License-Identifier: Apache-2.0
"""What is small to send and dear to read is refused quickly: API, forms of the dashboard, commands.

The API and the dashboard are behind the guard, with the limits that a node has.
"""

from __future__ import annotations

import json
import time
import tracemalloc
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

import pytest

from authz.api.guard import Guard
from authz.api.hosts import Hosts
from authz.api.limits import Limits
from authz.api.metrics import ApiMetrics
from authz.cli.main import main
from authz.dashboard.csrf import token_of
from tests.attack.report import tried
from tests.factories.bombs import bombs, named_certificate, named_request, packed, pem
from tests.fuzz.targets.app import APPS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.attack

#: Of processor time, and of Python's memory; every body has at most a megabyte.
MOST_SECONDS = 2.0
MOST_BYTES = 100 * 1024 * 1024

CERTIFICATES = tuple(bombs("certificate"))
REQUESTS = tuple(bombs("request"))
DEEP = "[" * 200_000
OBJECTS = '{"a":' * 100_000 + "1" + "}" * 100_000


class Bounded:
    """Processor time and memory of what is done within."""

    def __enter__(self) -> Self:
        tracemalloc.start()
        self._began = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        seconds = time.process_time() - self._began
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        # Tracing makes it several times slower.
        assert seconds < 5 * MOST_SECONDS, f"{seconds:.1f} s"
        assert peak < MOST_BYTES, f"{peak} bytes"


@pytest.fixture(scope="module")
def guard() -> Guard:
    """Both, as a node serves them."""
    return Guard(
        APPS.api,
        pages=APPS.dashboard,
        hosts=Hosts(local=True),
        limits=Limits(),
        metrics=ApiMetrics(),
    )


@pytest.fixture(scope="module")
def session() -> bytes:
    """The secret of a session."""
    return APPS.signed_in()


def call(guard: Guard, method: str, path: str, body: bytes, **headers: str) -> int:
    """One call of the API by somebody who may do everything; it must be refused in the envelope."""
    given = {
        "host": "localhost",
        "authorization": f"Bearer {APPS.token}",
        "content-type": "application/json",
        "content-length": str(len(body)),
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    pairs = [(name.encode(), value.encode()) for name, value in given.items()]
    path = APPS.path(f"/client/v4{path}")
    with Bounded():
        status, _, answer = APPS.ask(guard, method, path, pairs, body)
    value: dict[str, Any] = json.loads(answer)
    assert value["success"] is False
    assert value["errors"]
    return status


def post(guard: Guard, session: bytes, path: str, fields: dict[str, str]) -> tuple[int, str]:
    """One form."""
    body = urlencode({"csrf": token_of(session.decode()), **fields}).encode()
    headers = [
        (b"host", b"localhost"),
        (b"cookie", b"authz-session=" + session),
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"content-length", str(len(body)).encode()),
    ]
    with Bounded():
        status, _, text = APPS.ask(guard, "POST", APPS.path(path), headers, body)
    return status, text.decode()


@pytest.mark.parametrize(("what", "text"), CERTIFICATES, ids=[name for name, _ in CERTIFICATES])
def test_certificates_over_the_api(what: str, text: str, guard: Guard) -> None:
    body = json.dumps({"ca": True, "certificates": text}).encode()

    status = call(guard, "POST", "/accounts/{account}/mtls_certificates", body)

    tried("corpus", "bombs to the API", 1, wrong=status not in {400, 413})
    assert status in {400, 413}, what


@pytest.mark.parametrize(("what", "text"), REQUESTS, ids=[name for name, _ in REQUESTS])
def test_signing_requests_over_the_api(what: str, text: str, guard: Guard) -> None:
    body = json.dumps({"csr": text, "validity_days": 30}).encode()

    status = call(guard, "POST", "/zones/{zone}/client_certificates", body)

    tried("corpus", "bombs to the API", 1, wrong=status not in {400, 413})
    assert status in {400, 413}, what


@pytest.mark.parametrize("body", [DEEP, OBJECTS], ids=["arrays", "objects"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/zones/{zone}/rulesets"),
        ("POST", "/accounts/{account}/rules/lists"),
        ("POST", "/user/tokens"),
        ("POST", "/zones/{zone}/replays"),
    ],
)
def test_json_that_is_deep(body: str, method: str, path: str, guard: Guard) -> None:
    status = call(guard, method, path, body.encode())

    tried("corpus", "bombs to the API", 1, wrong=status not in {400, 413})
    assert status in {400, 413}


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_what_is_packed_is_not_unpacked(encoding: str, guard: Guard) -> None:
    body = packed(50_000_000)
    assert len(body) < 60_000

    status = call(guard, "POST", "/user/tokens", body, content_encoding=encoding)

    tried("corpus", "bombs to the API", 1, wrong=status not in {400, 413, 415})
    assert status in {400, 413, 415}


@pytest.mark.parametrize("kind", ["certificate", "request"])
def test_forms_of_the_dashboard(kind: str, guard: Guard, session: bytes) -> None:
    forms = {
        "certificate": ("/authorities/upload", "certificates", {"name": "bomb"}),
        "request": ("/zones/{zone}/client-certificates/new", "csr", {"label": "bomb"}),
    }
    path, field, others = forms[kind]
    wrong = []
    for what, text in CERTIFICATES if kind == "certificate" else REQUESTS:
        status, page = post(guard, session, path, {field: text, **others})
        # The form again with what is wrong, or a page that says so.
        if status not in {200, 400, 413, 422} or "Internal" in page:
            wrong.append((what, status))
        assert "bomb" not in post_names(guard, session)

    tried("corpus", "bombs to forms", len(CERTIFICATES), wrong=len(wrong))
    assert wrong == []


def post_names(guard: Guard, session: bytes) -> str:
    """The page of what was uploaded."""
    headers = [(b"host", b"localhost"), (b"cookie", b"authz-session=" + session)]
    _, _, text = APPS.ask(guard, "GET", "/authorities", headers)
    return text.decode()


def test_the_simulator(guard: Guard, session: bytes) -> None:
    wrong = []
    for what, text in CERTIFICATES:
        fields = {"client": "pem", "pem": text, "url": "https://a.example/"}
        status, _ = post(guard, session, "/zones/{zone}/simulator", fields)
        if status not in {200, 400, 413, 422}:
            wrong.append((what, status))

    tried("corpus", "bombs to forms", len(CERTIFICATES), wrong=len(wrong))
    assert wrong == []


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("certificate", ("ca", "upload", "FILE", "--name", "bomb")),
        ("certificate", ("fingerprint", "FILE")),
        ("request", ("cert", "issue", "--label", "bomb", "--days", "30", "--csr", "FILE")),
    ],
)
def test_commands(
    kind: str,
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bomb.pem"
    with pytest.raises(SystemExit):
        main(["ca", "create", "--name", "Acme"])
    # One that is none is taken.
    made = named_certificate(2) if kind == "certificate" else named_request(2)
    path.write_text(pem(made, kind))
    with pytest.raises(SystemExit) as ended:
        main([word.replace("FILE", str(path)) for word in words])
    assert ended.value.code in {None, 0}
    capsys.readouterr()
    wrong = []
    inputs = CERTIFICATES if kind == "certificate" else REQUESTS
    for what, text in inputs:
        path.write_text(text)
        with Bounded(), pytest.raises(SystemExit) as ended:
            main([word.replace("FILE", str(path)) for word in words])
        said = capsys.readouterr()
        # `fingerprint` describes what is a certificate: that one has many names is no fault.
        fine = words[0] == "fingerprint" and "names" in what
        if ended.value.code not in ({0, 2} if fine else {1, 2}) or "Traceback" in said.err:
            wrong.append((what, ended.value.code, said.err[-300:]))

    tried("corpus", "bombs to commands", len(inputs), wrong=len(wrong))
    assert wrong == []
