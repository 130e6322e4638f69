# SPDX-License-Identifier: Apache-2.0
"""The pieces of a configuration are in it, each once and in their order."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
import yaml

from authz.envoy.config import render_envoy_config
from authz.envoy.options import EnvoyOptions, SdsOptions
from authz.envoy.pieces import Piece, marked, pieces_of
from authz.settings import Settings

_XFCC = {"certificate_source": "xfcc", "client_ip": {"trusted_hops": 1}}


@pytest.mark.parametrize(
    "values", [{}, _XFCC, {**_XFCC, "xfcc": {"trusted_hops": 2}}, {"grpc": {"workers": 3}}]
)
def test_every_piece_is_found_in_the_whole_configuration(values: dict[str, Any]) -> None:
    settings, options = Settings.model_validate(values), EnvoyOptions()
    pieces, whole = pieces_of(settings, options), render_envoy_config(settings, options)

    parts = list(marked(whole, pieces))

    assert [one.name for _, one in parts if one] == ["tls", "requests", "filter", "cluster"]
    assert "".join(text for text, _ in parts) == whole


def test_with_sds_its_cluster_is_a_piece_too() -> None:
    options = EnvoyOptions(sds=SdsOptions())
    pieces = pieces_of(Settings(), options)

    parts = list(marked(render_envoy_config(Settings(), options), pieces))

    assert [one.name for _, one in parts if one] == ["tls", "requests", "filter", "cluster", "sds"]


def test_every_piece_is_yaml_by_itself_and_says_what_it_is_for() -> None:
    for piece in pieces_of(Settings(), EnvoyOptions()):
        assert yaml.safe_load(textwrap.dedent(piece.text).replace("alpn", "#")), piece.name
        assert piece.why.endswith(".")
        assert piece.where


def test_what_only_begins_like_a_piece_is_not_one() -> None:
    piece = Piece(name="a", where="", why="", text="a: 1\nb: 2\n")

    assert list(marked("  a: 1\n  c: 3\n  a: 1\n  b: 2\nend", [piece])) == [
        ("  a: 1\n  c: 3\n", None),
        ("  a: 1\n  b: 2\n", piece),
        ("end", None),
    ]
    assert list(marked("nothing", [piece])) == [("nothing", None)]
    assert list(marked("a: 1\nb: 2\n", [piece])) == [("a: 1\nb: 2\n", piece)]
