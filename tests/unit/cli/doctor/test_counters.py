# SPDX-License-Identifier: Apache-2.0
"""What counters of authz and of Envoy give away."""

from __future__ import annotations

from typing import Any

import pytest

from authz.cli.doctor import envoy_stats, service
from authz.settings import Settings


def of_service(text: str, **values: Any) -> list[str]:
    settings = Settings.model_validate(values)
    return [one.id for one in service.look(service.parse_metrics(text), settings, "authz")]


def of_envoy(*stats: tuple[str, int]) -> list[str]:
    found = {"stats": [{"name": name, "value": value} for name, value in stats]}
    found["stats"].append({"histograms": {}})  # type: ignore[dict-item]  # as Envoy has it
    return [one.id for one in envoy_stats.look(found, ["authz"], "Envoy")]


ABSENT = 'authz_certificates_total{result="absent",source="envoy"} 10.0\n'
UNKNOWN = 'authz_decisions_total{site="",action="",reason="unknown_host"} 10.0\n'
BUSY = ("http.ingress.ext_authz.ok", 9)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", []),
        (
            ABSENT,
            ["no-certificate-ever"],
        ),
        ('authz_certificates_total{result="absent",source="envoy"} 9.0\n', []),
        (
            f'{ABSENT}authz_certificates_total{{result="verified"}} 1.0\n',
            [],
        ),
        (
            'authz_certificates_total{source="xfcc",result="malformed"} 1.0\n',
            ["xfcc-malformed"],
        ),
        (
            f'authz_checks_total{{verdict="deny"}} 10.0\n{UNKNOWN}',
            ["only-unknown-hosts"],
        ),
        (
            f'authz_checks_total{{verdict="deny"}} 11.0\n{UNKNOWN}',
            [],
        ),
        ('authz_decisions_total{site="a",action="",reason="misdirected"} 1\n', ["misdirected"]),
        ("authz_internal_errors_total 1.0\n", ["internal-errors"]),
        ('authz_reload_failures_total{kind="policy"} 1.0\n', ["reload-failed"]),
        ('authz_reload_failures_total{kind="tls"} 1.0\n', ["reload-failed"]),
        (
            "".join(
                f'authz_reload_failures_total{{kind="{kind}"}} 1.0\n'
                for kind in ("tls", "geoip", "certificate")
            ),
            ["reload-failed"] * 3,
        ),
    ],
)
def test_what_authz_counted(text: str, ids: list[str]) -> None:
    assert of_service("# HELP x y\n# TYPE x counter\n" + text) == ids


def test_the_advice_fits_the_certificate_source() -> None:
    samples = service.parse_metrics('authz_certificates_total{result="absent"} 10\n')

    (envoy,) = service.look(samples, Settings(), "authz")
    (xfcc,) = service.look(
        samples, Settings.model_validate({"certificate_source": "xfcc"}), "authz"
    )

    assert "include_peer_certificate" in envoy.do
    assert "set_current_client_cert_details" in xfcc.do


@pytest.mark.parametrize(
    ("kind", "what", "do"),
    [
        ("certificate", "a changed policy", "authz policy validate F says why"),
        ("snapshot", "a changed policy", "authz policy validate F says why"),
        ("tls", "changed TLS files", "grpc.tls"),
        ("geoip", "a changed GeoIP database", "replace the file"),
    ],
)
def test_the_advice_fits_what_was_reloaded(kind: str, what: str, do: str) -> None:
    samples = service.parse_metrics(f'authz_reload_failures_total{{kind="{kind}"}} 2\n')

    (finding,) = service.look(samples, Settings(), "authz")

    assert finding.what.startswith(what)
    assert do in finding.do


@pytest.mark.parametrize(("count", "what"), [(1, "1 check ended"), (12, "12 checks ended")])
def test_one_is_not_many(count: int, what: str) -> None:
    samples = service.parse_metrics(f"authz_internal_errors_total {count}.0\n")

    (found,) = service.look(samples, Settings(), "authz")

    assert found.what.startswith(what)


def test_the_text_format_is_read() -> None:
    (first, second) = service.parse_metrics(
        'a_total{x="1\\"2",y=""} 1.5 1700000000\n# a comment\nb NaN\nbroken line\nc one\n'
    )

    assert (first.name, dict(first.labels), first.value) == (
        "a_total",
        {"x": '1\\"2', "y": ""},
        1.5,
    )
    assert second.name == "b"


@pytest.mark.parametrize(
    ("stats", "ids"),
    [
        ([], ["never-asked"]),
        ([BUSY], []),
        ([BUSY, ("http.ingress.ext_authz.error", 1)], ["authorizer-errors"]),
        (
            [BUSY, ("http.ingress.ext_authz.failure_mode_allowed", 1)],
            ["failure-mode-allowed"],
        ),
        ([BUSY, ("http.ingress.ext_authz.disabled", 1)], ["filter-disabled"]),
        ([BUSY, ("http.ingress.ext_authz.invalid", 1)], ["invalid-answers"]),
        ([("cluster.authz.ext_authz.denied", 1)], []),
        ([("http.ingress.ext_authz.denied", 10)], ["everything-denied"]),
        ([BUSY, ("http.ingress.ext_authz.denied", 10)], []),
        ([BUSY, ("cluster.authz.membership_healthy", 0)], ["authorizer-unhealthy"]),
        ([BUSY, ("cluster.authz.membership_healthy", 2)], []),
    ],
)
def test_what_envoy_counted(stats: list[tuple[str, int]], ids: list[str]) -> None:
    assert of_envoy(*stats) == ids


def test_stats_that_are_none_are_no_reason_to_fail() -> None:
    assert [one.id for one in envoy_stats.look([], [], "Envoy")] == ["never-asked"]
