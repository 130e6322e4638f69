# SPDX-License-Identifier: Apache-2.0
"""A dump of a worker, or of the supervisor, has no private key, no secret of keys and no API token.

Private keys are decrypted by the processes that sign, which no client reaches. The same search
finds, in the same processes, what is to be found there; and in the one that signs, the secret.
"""

from __future__ import annotations

import os
import secrets
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from authz.ca.keys import KeyEncryption
from authz.services.keys import opened
from authz.services.permissions import EVERYTHING
from authz.services.tokens import create_token
from authz.store.engine import open_store
from tests.attack.report import tried
from tests.factories.memory import forms_of, found_in, open_files
from tests.factories.populated import World, check_of
from tests.integration.harness import PATIENCE
from tests.integration.stores import ALLOWED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.integration.stores import Asker, StoreNode

#: What the settings have, and the supervisor therefore too.
PASSWORD = "the password of the database"


@pytest.fixture
def secret() -> bytes:
    """The secret of the keys."""
    return secrets.token_bytes(32)


@pytest.fixture
def password() -> str:
    """Of the database, where it has one."""
    return secrets.token_hex(16)


@pytest.fixture
def database(database: str, password: str) -> str:
    """Each database in turn; the server of the tests takes any password."""
    return database.replace("postgresql://postgres@", f"postgresql://postgres:{password}@")


@pytest.fixture
def world(tmp_path: Path, secret: bytes, database: str) -> Iterator[World]:
    """The store of the node, whose keys are encrypted by a secret of its own."""
    data = tmp_path / "node" / "data"
    data.mkdir(mode=0o700, parents=True)
    (data / "ca.key").touch(mode=0o600)
    (data / "ca.key").write_bytes(secret)
    made = World(open_store(database, data))
    made.encryption = KeyEncryption.from_key_file(secret)
    made.protect()
    yield made
    made.store.close()


def csr() -> str:
    """A signing request for the API."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alice")])
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def ca_keys(world: World) -> dict[str, bytes]:
    """Every private key of the store, in each form."""
    found = {}
    with world.store.read() as session:
        keys = session.authorities.keys()
    for number, key in enumerate(keys):
        pem = opened(key, world.encryption).to_pem()
        loaded = serialization.load_pem_private_key(pem, None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        found |= {f"key {number}, {name}": form for name, form in forms_of(loaded).items()}
    assert found
    return found


@pytest.mark.attack
def test_no_secret_is_in_a_worker_or_the_supervisor(
    start_store: Callable[..., StoreNode],
    world: World,
    secret: bytes,
    password: str,
    database: str,
    asker: Callable[[str], Asker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planted = f"planted-{secrets.token_hex(16)}.example"
    environment = f"environment-{secrets.token_hex(16)}"
    monkeypatch.setenv("PLANTED", environment)
    world.host(planted)
    token = create_token(world.store, "test", EVERYTHING, actor="test", at=time.time()).secret
    node = start_store(
        "--workers", "2", "--admin", "127.0.0.1:0", database=database
    ).until_serving()

    # Keys are opened and used: a certificate is issued, and the CRL is signed anew.
    address = str(node.events("serving")[0]["admin"]).replace("127.0.0.1", "localhost")
    with httpx.Client(
        base_url=f"http://{address}/client/v4",
        headers={"Authorization": f"Bearer {token}"},
        timeout=PATIENCE,
    ) as api:
        zone = api.get("/zones").json()["result"][0]["id"]
        asked = {"csr": csr(), "validity_days": 30}
        for _ in range(5):
            answer = api.post(f"/zones/{zone}/client_certificates", json=asked)
            assert answer.status_code == 200, answer.text
        api.delete(f"/zones/{zone}/client_certificates/{answer.json()['result']['id']}")
    known = world.issue()
    for one in node.addresses:
        asker(one).seconds_until(check_of(known), ALLOWED)

    needles = {"the secret of the keys": secret, "an API token": token.encode(), **ca_keys(world)}
    needles["the secret in hexadecimal"] = secret.hex().encode()
    needles[PASSWORD] = password.encode()
    controls = {"host": planted.encode(), "environment": environment.encode()}
    workers = [one.pid for one in node.workers()]
    assert len(workers) == 2
    try:
        for pid in (*workers, node.process.pid):
            found = found_in(pid, needles)
            if pid == node.process.pid:
                # It has read the settings, and gives them to those that use the store.
                found.discard(PASSWORD)
            tried("rights", "secrets looked for in memory", len(needles), wrong=len(found))
            assert found == set(), f"{pid} of {workers}, {node.process.pid}"
            assert not {path for path in open_files(pid) if _is_secret(path)}
        # The search can find: policy and environment in workers, the secret where it is used.
        for pid in workers:
            assert found_in(pid, controls) == set(controls)
        users = [*node._children("authz.node.admin"), *node._children("authz.node.control")]
        assert set().union(*(found_in(one.pid, needles) for one in users))
    except PermissionError:
        if os.geteuid() == 0:
            raise
        pytest.skip("this user may not read the memory of processes (kernel.yama.ptrace_scope)")


def _is_secret(path: str) -> bool:
    return path.endswith(("ca.key", "admin-token")) or "authz.db" in path
