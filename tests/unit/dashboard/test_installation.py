# SPDX-License-Identifier: Apache-2.0
"""This node, and Envoy's configuration for it."""

from __future__ import annotations

import pytest
import yaml

from authz.dashboard.installation import Addresses, Installation, sds_options
from authz.envoy.config import render_envoy_config
from authz.envoy.options import EnvoyOptions
from authz.errors import SettingsError
from authz.settings import Settings


def test_without_more_it_is_what_the_command_prints() -> None:
    assert Installation().envoy(EnvoyOptions()).whole == render_envoy_config(Settings())


def test_where_the_node_listens_goes_before_what_its_settings_say() -> None:
    settings = Settings.model_validate({"grpc": {"listen": "127.0.0.1:0"}})
    addresses = Addresses(grpc=("0.0.0.0:1234", "unix:/run/authz.sock"), sds="[::]:5678")

    text = Installation(settings=settings, addresses=lambda: addresses).envoy(
        EnvoyOptions(sds=sds_options())
    )

    clusters = {
        one["name"]: one for one in yaml.safe_load(text.whole)["static_resources"]["clusters"]
    }
    assert "127.0.0.1" in str(clusters["authz"])
    assert "/run/authz.sock" in str(clusters["authz"])
    assert "'::1'" in str(clusters["sds"])
    assert [one.name for one in text.pieces] == ["tls", "requests", "filter", "cluster", "sds"]


def test_a_port_that_nobody_knows_is_told() -> None:
    settings = Settings.model_validate({"grpc": {"listen": "127.0.0.1:0"}})

    with pytest.raises(SettingsError, match="port 0"):
        Installation(settings=settings).envoy(EnvoyOptions())


def test_where_there_is_no_sds_it_is_not_offered() -> None:
    assert Installation().offers_sds
    for values in ({"sds": {"listen": "off"}}, {"xfcc": {"trusted_hops": 2}}):
        assert not Installation(settings=Settings.model_validate(values)).offers_sds
    assert sds_options(strict=True).strict
