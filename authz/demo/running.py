# SPDX-License-Identifier: Apache-2.0
"""The demo's programs, started in the order in which they need each other.

authz comes first, with its store and its SDS port: Envoy opens no listener before it has its trust
bundle. What is asked of them then is in `rows` and `story`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from authz.demo.api_client import Api
from authz.demo.credentials import Credentials, make_credentials
from authz.demo.processes import READY_SECONDS
from authz.demo.scenario import policy_yaml
from authz.demo.stack import Authz, Envoy, access_log_of, data_of, start_authz, start_envoy
from authz.envoy.config import render_envoy_config
from authz.envoy.options import EnvoyOptions, SdsOptions
from authz.errors import DemoError
from authz.services.first_token import FILE_NAME
from authz.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from authz.demo.processes import Children

#: What the demo's authz.yaml says besides addresses: a policy file, a store beside it, SDS and the
#: management API. The system chooses the ports: the default ones may be taken.
SETTINGS: Final = {
    "policy": "policy.yaml",
    "store": "on",
    "sds": {"listen": "127.0.0.1:0"},
    "admin": {"enabled": True, "listen": "127.0.0.1:0"},
}

#: The listener whose Envoy lets anybody through the handshake, and the one whose Envoy verifies.
LENIENT: Final = "https"
STRICT: Final = "strict"

#: How long the trust bundle may take once Envoy listens, in seconds: it has waited for it already.
BUNDLE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """The running demo."""

    directory: Path
    credentials: Credentials
    authz: Authz
    envoy: Envoy
    api: Api


def start_demo(directory: Path, children: Children, upstream_port: int) -> Demo:
    """Make certificates and files below `directory`, start authz and then Envoy.

    Raises:
        DemoError: one of them cannot be started, Envoy got no trust bundle, or authz serves no
            management API.
    """
    credentials = make_credentials(directory, at=time.time())
    (directory / "policy.yaml").write_text(policy_yaml(credentials), encoding="utf-8")
    authz = start_authz(children, directory, SETTINGS)
    config = envoy_config(directory, authz, upstream_port)
    envoy = start_envoy(children, directory, config)
    require_bundle(authz, envoy)
    envoy.child.wait_until(lambda: envoy.sees_healthy(1), "it saw authz healthy")
    api = require_api(authz, directory)
    return Demo(directory=directory, credentials=credentials, authz=authz, envoy=envoy, api=api)


def envoy_config(directory: Path, authz: Authz, upstream_port: int) -> str:
    """Envoy's configuration: a lenient and a strict listener, their trust bundle over SDS.

    Raises:
        DemoError: authz serves no SDS.
    """
    if authz.sds is None:
        raise DemoError(
            "authz serves checks, but not SDS: Envoy would wait for its trust bundle in vain",
            hint=f"its last lines were:\n{authz.child.tail()}",
        )
    lenient = EnvoyOptions(
        name=LENIENT,
        listen="127.0.0.1:0",
        admin="127.0.0.1:0",
        certificate=str(directory / "server.crt"),
        key=str(directory / "server.key"),
        upstream=f"127.0.0.1:{upstream_port}",
        authz=authz.grpc,
        access_log=str(access_log_of(directory)),
        sds=SdsOptions(address=authz.sds),
    )
    strict = replace(lenient, name=STRICT, sds=SdsOptions(address=authz.sds, strict=True))
    return render_envoy_config(load_settings(directory / "authz.yaml"), lenient, strict)


def require_bundle(authz: Authz, envoy: Envoy, seconds: float = BUNDLE_SECONDS) -> None:
    """Make sure that Envoy has its trust bundle, without which it cuts every handshake off.

    Raises:
        DemoError: authz has sent none.
    """
    envoy.child.wait_until(
        lambda: authz.metric("authz_sds_updates_total") >= 1,
        f"the trust bundle from authz's SDS port {authz.sds} (what authz says: {authz.child.log})",
        seconds,
    )


def require_api(authz: Authz, directory: Path, seconds: float = READY_SECONDS) -> Api:
    """The management API, once its first token is there and gets an answer.

    Args:
        seconds: how long each of the two may take.

    Raises:
        DemoError: authz serves none, wrote no token, or does not answer.
    """
    if authz.admin is None:
        raise DemoError(
            "authz serves checks, but not the management API",
            hint=f"its last lines were:\n{authz.child.tail()}",
        )
    api = Api(address=authz.admin, token_file=data_of(directory) / FILE_NAME)
    authz.child.wait_until(
        api.token_file.exists, f"the API's first token in {api.token_file}", seconds
    )
    authz.child.wait_until(
        api.takes_its_token, f"an answer of the API on {api.address} to its first token", seconds
    )
    return api
