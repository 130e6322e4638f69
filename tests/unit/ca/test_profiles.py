# SPDX-License-Identifier: Apache-2.0
"""Profiles: what somebody wrote becomes what may be issued by, or an error."""

from __future__ import annotations

import pytest

from authz.ca.profiles import CLIENT, INTERMEDIATE, OCSP, PROFILES, ROOT, ProfileSettings
from authz.errors import SettingsError


@pytest.mark.parametrize("kind", PROFILES)
def test_without_changes_the_profile_is_the_kind(kind: str) -> None:
    assert ProfileSettings(kind=kind).validated() == PROFILES[kind]


def test_client_certificates_are_for_clients_and_last_at_most_15_years() -> None:
    assert not CLIENT.is_ca
    assert CLIENT.extended_key_usage == ("1.3.6.1.5.5.7.3.2",)
    assert (CLIENT.default_days, CLIENT.max_days) == (365, 5475)


def test_authorities_and_responders() -> None:
    assert ROOT.is_ca
    assert ROOT.path_length is None
    assert INTERMEDIATE.path_length == 0
    assert OCSP.no_check
    assert OCSP.extended_key_usage == ("1.3.6.1.5.5.7.3.9",)


def test_limits_can_be_narrower() -> None:
    profile = ProfileSettings(max_days=90, backdate_seconds=0).validated()

    # The default follows the maximum when it is not said.
    assert (profile.max_days, profile.default_days, profile.backdate_seconds) == (90, 90, 0)
    assert ProfileSettings(kind="intermediate", path_length=1).validated().path_length == 1
    assert ProfileSettings(max_days=90, default_days=30).validated().default_days == 30


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ProfileSettings(kind="server"), "no profile 'server'"),
        (ProfileSettings(max_days=5476), "max_days is 5476"),
        (ProfileSettings(max_days=0), "max_days is 0"),
        (ProfileSettings(max_days=90, default_days=91), "default_days is 91"),
        (ProfileSettings(default_days=0), "default_days is 0"),
        (ProfileSettings(backdate_seconds=-1), "backdate_seconds is -1"),
        (ProfileSettings(backdate_seconds=86401), "backdate_seconds is 86401"),
        (ProfileSettings(path_length=0), "path_length means nothing"),
        (ProfileSettings(kind="root", path_length=-1), "path_length is -1"),
        (ProfileSettings(kind="root", path_length=9), "path_length is 9"),
    ],
)
def test_values_outside_the_kind_are_refused(settings: ProfileSettings, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as error:
        settings.validated()

    assert error.value.hint
