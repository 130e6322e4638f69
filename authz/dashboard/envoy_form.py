# SPDX-License-Identifier: Apache-2.0
"""What only the operator of Envoy knows, as fields of a form: Envoy's own addresses and files."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from authz.dashboard.installation import sds_options
from authz.envoy.options import EnvoyOptions
from authz.errors import AuthzError, InvalidInputError
from authz.settings import parse_address

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST: Final = 1000
_USUAL: Final = EnvoyOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyForm:
    """The fields; what is left empty is what `authz envoy config` takes.

    Args:
        listen, upstream: `host:port`.
        certificate, key: files of Envoy's own certificate.
        sds: "on" where Envoy gets the authorities of its clients from this service.
    """

    listen: str = _USUAL.listen
    upstream: str = _USUAL.upstream
    certificate: str = _USUAL.certificate
    key: str = _USUAL.key
    sds: str = ""

    @property
    def query(self) -> str:
        """The fields that are not as usual, as the query of an address with its `?`."""
        usual = EnvoyForm()
        given = {
            one.name: getattr(self, one.name)
            for one in fields(self)
            if getattr(self, one.name) != getattr(usual, one.name)
        }
        return f"?{urlencode(given)}" if given else ""

    def options(self) -> EnvoyOptions:
        """As the configuration is rendered with.

        Raises:
            InvalidInputError: a field is not what it should be.
        """
        for name, value in (("listen", self.listen), ("upstream", self.upstream)):
            try:
                is_socket = parse_address(value).is_unix
            except AuthzError as error:
                raise InvalidInputError(f"{name}: {error.message}", hint=error.hint) from None
            if is_socket and name == "listen":
                raise InvalidInputError("listen: not an address of a network", hint="0.0.0.0:8443")
        for name, value in (("certificate", self.certificate), ("key", self.key)):
            if len(value) > _MOST or not value.isprintable():
                raise InvalidInputError(f"{name}: not the name of a file", hint="write its path")
        return EnvoyOptions(
            listen=self.listen,
            upstream=self.upstream,
            certificate=self.certificate,
            key=self.key,
            sds=sds_options() if self.sds else None,
        )


def read_form(query: Mapping[str, str]) -> EnvoyForm:
    """The form out of the query of an address; fields that are empty are as usual."""
    given = {
        one.name: query[one.name].strip()
        for one in fields(EnvoyForm)
        if query.get(one.name, "").strip()
    }
    return EnvoyForm(**given)


def commands(form: EnvoyForm, host: str, path: str, file: str) -> tuple[str, str]:
    """Two requests to Envoy: one without a certificate, one with it.

    Args:
        host, path: what is asked for, as in an address (`protected_path.Example`).
        file: what the files of the certificate and its key are called, without their ends.
    """
    try:
        port = parse_address(form.listen).port
    except AuthzError:
        port = parse_address(_USUAL.listen).port
    url = shlex.quote(f"https://{host}:{port}{path}")
    # Envoy is taken to be on this machine, whatever the name means elsewhere.
    curl = f"curl -i --resolve {shlex.quote(f'{host}:{port}:127.0.0.1')}"
    files = f"--cert {shlex.quote(f'{file}.pem')} --key {shlex.quote(f'{file}.key')}"
    return f"{curl} {url}", f"{curl} {files} {url}"
