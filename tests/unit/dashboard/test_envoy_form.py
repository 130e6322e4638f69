# SPDX-License-Identifier: Apache-2.0
"""What only the operator of Envoy knows."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from authz.dashboard.envoy_form import EnvoyForm, commands, read_form
from authz.envoy.options import EnvoyOptions, SdsOptions
from authz.errors import InvalidInputError
from tests.factories.hostile import HOSTILE


def test_what_is_left_empty_is_as_the_command_has_it() -> None:
    form = read_form({"listen": " ", "other": "x"})

    assert form == EnvoyForm()
    assert form.options() == EnvoyOptions()
    assert form.query == ""


def test_fields_become_options_and_stay_in_the_address() -> None:
    given = {
        "listen": "0.0.0.0:443",
        "upstream": "unix:/run/app.sock",
        "certificate": "/etc/a b.crt",
        "key": "k",
        "sds": "on",
    }

    form = read_form(given)

    assert form.options() == EnvoyOptions(
        listen="0.0.0.0:443",
        upstream="unix:/run/app.sock",
        certificate="/etc/a b.crt",
        key="k",
        sds=SdsOptions(),
    )
    assert "certificate=%2Fetc%2Fa+b.crt" in form.query


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"listen": "nowhere"}, "listen:"),
        ({"listen": "unix:/run/x"}, "not an address of a network"),
        ({"upstream": HOSTILE}, "upstream:"),
        ({"certificate": "a\nb"}, "certificate: not the name of a file"),
        ({"key": "x" * 1001}, "key: not the name of a file"),
    ],
)
def test_what_is_wrong_is_told_by_its_field(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        EnvoyForm(**changes).options()


def test_commands_ask_for_what_is_protected_with_the_files_of_a_certificate() -> None:
    form = EnvoyForm(listen="0.0.0.0:443")

    without, with_it = commands(form, "www.example.com", "/admin", "alice")

    assert shlex.split(without) == [
        "curl",
        "-i",
        "--resolve",
        "www.example.com:443:127.0.0.1",
        "https://www.example.com:443/admin",
    ]
    files = ["--cert", "alice.pem", "--key", "alice.key"]
    assert shlex.split(with_it)[4:] == [*files, "https://www.example.com:443/admin"]
    usual = EnvoyForm(listen="nowhere")
    assert "api.test:8443" in commands(usual, "api.test", "/", "client")[0]
