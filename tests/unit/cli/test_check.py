# SPDX-License-Identifier: Apache-2.0
"""Times on the command line, and that check decides as CheckService does."""

from __future__ import annotations

import pytest
from cryptography import x509

from authz.cli.check import decide, parse_time
from authz.errors import SettingsError
from authz.extauthz.decode import DecodeOptions
from authz.pb.ext_authz_pb2 import CheckRequest
from authz.settings import Settings
from tests.factories.pki import AT, root, url_encoded
from tests.factories.policies import rule, site, snapshot


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-03-01T12:00:00Z", AT),
        ("2026-03-01T13:00:00+01:00", AT),
        ("1772366400", AT),
        ("1772366400.5", AT + 0.5),
        ("0", 0.0),
    ],
)
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "now", "2026-03-01", "2026-03-01T12:00:00", "9" * 40, "-1"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_time(text)


def request(certificate: str = "", **headers: str) -> bytes:
    message = CheckRequest()
    message.attributes.source.certificate = certificate
    http = message.attributes.request.http
    http.method, http.host, http.path = "GET", "api.example.com", "/admin"
    http.headers.update(headers)
    return message.SerializeToString()


def test_the_certificate_source_of_the_settings_counts() -> None:
    leaf = url_encoded(root().client("alice", at=AT).pem)
    over_xfcc = request(**{"x-forwarded-client-cert": f'Cert="{leaf}"'})
    envoy = Settings()
    xfcc = Settings.model_validate({"certificate_source": "xfcc"})

    verdicts = [
        decide(settings, snapshot(), data, AT, with_trace=False)["verdict"]
        for settings in (envoy, xfcc)
        for data in (request(leaf), over_xfcc)
    ]

    assert verdicts == ["allow", "deny", "deny", "allow"]


def test_the_limits_of_the_settings_count() -> None:
    names = [x509.DNSName(f"{'a' * 60}{number}.example") for number in range(20)]
    leaf = url_encoded(root().client("alice", at=AT, san=names).pem)
    small = Settings.model_validate({"limits": {"certificate_bytes": 1024}})

    decided = decide(small, snapshot(), request(leaf), AT, with_trace=True)

    assert decided["certificate"]["failure"] == "too_large"
    assert decided["explain"]["certificate"]["failure"] == "too_large"


def test_the_trace_explains_the_decision_that_was_made_with_its_random_bytes() -> None:
    policy = snapshot(site(rule('substring(cf.random_seed, 0, 1) lt "\\x80"')))

    for _ in range(20):
        decided = decide(Settings(), policy, request(), AT, with_trace=True)
        trace = decided["explain"]

        assert trace["decision"]["verdict"] == decided["verdict"]
        assert trace["rules"][0]["rules"][0]["matches"] is (decided["verdict"] == "deny")


def test_random_bytes_that_are_given_are_those() -> None:
    policy = snapshot(site(rule('cf.random_seed eq "abc"')))

    verdicts = [
        decide(Settings(), policy, request(), AT, with_trace=False, seed=seed)["verdict"]
        for seed in (b"abc", None)
    ]

    assert verdicts == ["deny", "allow"]


def test_what_cannot_be_decoded_is_denied_and_explained() -> None:
    decided = decide(Settings(), snapshot(), b"\xff", AT, with_trace=True)

    assert (decided["verdict"], decided["reason"]) == ("deny", "undecodable")
    assert "undecodable" in decided["explain"]


def test_options_have_the_defaults_of_the_settings() -> None:
    """Nobody writes a default twice and forgets one of them."""
    settings = Settings()

    assert DecodeOptions().certificate_source == settings.certificate_source
    assert DecodeOptions().xfcc_trusted_hops == settings.xfcc.trusted_hops
    assert DecodeOptions().client_ip_trusted_hops == settings.client_ip.trusted_hops
