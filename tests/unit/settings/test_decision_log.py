# SPDX-License-Identifier: Apache-2.0
"""What the decision log says of people is the operator's choice, and little unless they say so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from authz.settings.decision_log import (
    ADDRESS_HEADERS,
    CERTIFICATE_HEADERS,
    HEADERS,
    REFUSED_HEADERS,
    TARGET_HEADERS,
    DecisionLogSettings,
)


def _settings(**values: Any) -> DecisionLogSettings:
    return DecisionLogSettings.model_validate(values, context={"base": Path("/etc/authz")})


def test_it_is_off_and_would_tell_no_secret_and_no_name() -> None:
    settings = _settings()

    assert not settings.enabled
    assert settings.headers == list(HEADERS) == ["user-agent"]
    assert settings.query == "names"
    assert not settings.subject
    assert settings.path == "-"


@pytest.mark.parametrize(
    ("path", "kept"),
    [("log.jsonl", "/etc/authz/log.jsonl"), ("/var/log/a.jsonl", "/var/log/a.jsonl"), ("-", "-")],
)
def test_a_file_is_named_from_the_settings_on(path: str, kept: str) -> None:
    assert _settings(path=path).path == kept


def test_without_a_file_somebody_else_has_it() -> None:
    otlp = {"enabled": True, "endpoint": "http://collector:4317"}

    assert _settings(enabled=True, path=None, otlp=otlp).path is None
    with pytest.raises(ValidationError, match="goes nowhere"):
        _settings(enabled=True, path=None)
    # What is off may say anything.
    assert _settings(path=None).path is None


def test_log_records_are_made_of_a_log_that_is_on() -> None:
    with pytest.raises(ValidationError, match="made of a decision log"):
        _settings(otlp={"enabled": True})
    assert not _settings(enabled=True, otlp={"endpoint": "http://collector:4317"}).otlp.enabled


@pytest.mark.parametrize("endpoint", ["collector:4317", "http://a/v1/logs", "http://u:p@a"])
def test_log_records_go_to_the_address_of_a_server(endpoint: str) -> None:
    with pytest.raises(ValidationError, match="not the address of a server"):
        _settings(otlp={"endpoint": endpoint})


@pytest.mark.parametrize("path", ["", "a\0b", 5])
def test_what_is_no_file_is_refused(path: object) -> None:
    with pytest.raises(ValidationError):
        _settings(path=path)


@pytest.mark.parametrize("name", sorted(REFUSED_HEADERS | {"Authorization", "COOKIE"}))
def test_what_lets_somebody_in_is_written_nowhere(name: str) -> None:
    with pytest.raises(ValidationError, match="lets somebody in"):
        _settings(headers=[name])


@pytest.mark.parametrize("name", ["", "a b", "a:b", "ä", "a" * 257])
def test_what_is_no_header_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="no name of a header"):
        _settings(headers=[name])


@pytest.mark.parametrize("name", sorted(ADDRESS_HEADERS))
@pytest.mark.parametrize("client_ip", ["network", "none"])
def test_an_address_that_is_left_out_does_not_come_in_a_header(name: str, client_ip: str) -> None:
    with pytest.raises(ValidationError, match=f"what client_ip: {client_ip} leaves out"):
        _settings(headers=["origin", name], client_ip=client_ip)
    assert _settings(headers=[name]).headers == [name]


@pytest.mark.parametrize("name", sorted(TARGET_HEADERS))
@pytest.mark.parametrize(
    ("key", "value"), [("query", "names"), ("query", "none"), ("path_segments", "words")]
)
def test_a_query_or_path_that_is_left_out_does_not_come_in_a_header(
    name: str, key: str, value: str
) -> None:
    whole = {"query": "values", "path_segments": "all"}
    with pytest.raises(ValidationError, match=f"what {key}: {value} leaves out"):
        _settings(headers=[name], **(whole | {key: value}))
    assert _settings(headers=[name], **whole).headers == [name]


@pytest.mark.parametrize("name", sorted(CERTIFICATE_HEADERS))
def test_a_subject_that_is_left_out_does_not_come_in_a_header(name: str) -> None:
    with pytest.raises(ValidationError, match="what subject: false leaves out"):
        _settings(headers=[name])
    assert _settings(headers=[name], subject=True).headers == [name]


@pytest.mark.parametrize(
    "name",
    [
        *("cf-access-jwt-assertion", "x-amzn-oidc-data", "x-amzn-oidc-accesstoken"),
        *("referer", "x-forwarded-client-cert"),
    ],
)
def test_what_proxies_add_is_known(name: str) -> None:
    with pytest.raises(ValidationError):
        _settings(headers=[name])


@pytest.mark.parametrize("name", ["true-client-ip", "cf-connecting-ip"])
def test_addresses_that_proxies_add_are_known(name: str) -> None:
    with pytest.raises(ValidationError, match="leaves out"):
        _settings(headers=[name], client_ip="network")


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_between_none_and_all(share: float) -> None:
    with pytest.raises(ValidationError):
        _settings(sample={"allowed": share})
