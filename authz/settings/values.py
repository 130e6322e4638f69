# SPDX-License-Identifier: Apache-2.0
"""What several settings are: addresses, names of hosts, and files beside the settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema

from authz.errors import SettingsError
from authz.settings.addresses import parse_address
from authz.settings.problems import fault

#: Instead of an address: nothing listens.
OFF = "off"


def _base(info: ValidationInfo) -> Path:
    """The directory that relative paths are taken from."""
    context = info.context
    return context["base"] if isinstance(context, dict) else Path()


def file_path(value: object, info: ValidationInfo) -> object:
    """A path as it is meant: relative ones start at the directory of the settings file."""
    if not isinstance(value, str):
        return value
    if not value or "\0" in value:
        raise fault("the path is empty", hint="name a file or remove the key")
    return _base(info) / value


def _address(value: str, info: ValidationInfo) -> str:
    try:
        return str(parse_address(value).resolved(_base(info)))
    except SettingsError as error:
        raise fault(error.message, hint=error.hint) from None


def _tcp_address(value: str, info: ValidationInfo) -> str:
    if value.startswith("unix:"):
        raise fault("a Unix socket cannot serve this", hint='write "host:port"')
    return _address(value, info)


def _tcp_address_or_off(value: str, info: ValidationInfo) -> str:
    return value if value == OFF else _tcp_address(value, info)


def _host_name(value: str) -> str:
    try:
        # As an address to listen on has it, without the port.
        return parse_address(f"{value}:0").host
    except SettingsError:
        raise fault(
            f'"{value}" is not the name of a host', hint="write a name or address without a port"
        ) from None


FilePath = Annotated[
    Path, BeforeValidator(file_path), WithJsonSchema({"type": "string", "minLength": 1})
]
Address = Annotated[str, AfterValidator(_address)]
TcpAddressOrOff = Annotated[str, AfterValidator(_tcp_address_or_off)]
HostName = Annotated[str, AfterValidator(_host_name)]
TrustedHops = Annotated[int, Field(ge=0, le=100)]
