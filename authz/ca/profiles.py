# SPDX-License-Identifier: Apache-2.0
"""What is issued: the kinds of certificate, each with its usage and its limits.

`ProfileSettings` is what somebody wrote; `Profile` is what may be issued by. RFC 5280 §4.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from authz.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

# RFC 5280 §4.2.1.3: bits of the key usage.
DIGITAL_SIGNATURE: Final = 0
KEY_CERT_SIGN: Final = 5
CRL_SIGN: Final = 6

# RFC 5280 §4.2.1.12.
CLIENT_AUTH: Final = "1.3.6.1.5.5.7.3.2"
OCSP_SIGNING: Final = "1.3.6.1.5.5.7.3.9"

#: Cloudflare: client certificates of its managed CA last at most 15 years.
MAX_CLIENT_DAYS: Final = 5475
_MAX_BACKDATE: Final = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of certificate. Make one with `ProfileSettings.validated`, or take one below.

    Attributes:
        is_ca: basicConstraints CA:TRUE (RFC 5280 §4.2.1.9).
        path_length: how many CA certificates may stand below it; None: no limit (§4.2.1.9).
        key_usage: bits (§4.2.1.3).
        extended_key_usage: object identifiers; none: any usage (§4.2.1.12).
        max_days, default_days: of validity.
        backdate_seconds: how long before it is issued it is valid, for clocks that are slow.
        takes_names: whether it may have alternative names.
        no_check: nobody need ask whether it is revoked (RFC 6960 §4.2.2.2.1).
    """

    name: str
    is_ca: bool = False
    path_length: int | None = None
    key_usage: tuple[int, ...]
    extended_key_usage: tuple[str, ...] = ()
    max_days: int
    default_days: int
    backdate_seconds: int = 300
    takes_names: bool = False
    no_check: bool = False


#: The usages of a CA certificate: certificates and CRLs. OCSP answers have a key of their own.
_CA_USAGE: Final = (KEY_CERT_SIGN, CRL_SIGN)

ROOT: Final = Profile(
    name="root", is_ca=True, key_usage=_CA_USAGE, max_days=36525, default_days=9131
)
#: pathlen 0: it issues end-entity certificates only.
INTERMEDIATE: Final = Profile(
    name="intermediate",
    is_ca=True,
    path_length=0,
    key_usage=_CA_USAGE,
    max_days=18263,
    default_days=3653,
)
CLIENT: Final = Profile(
    name="client",
    key_usage=(DIGITAL_SIGNATURE,),
    extended_key_usage=(CLIENT_AUTH,),
    max_days=MAX_CLIENT_DAYS,
    default_days=365,
    takes_names=True,
)
#: A delegated responder lives shortly, because nobody can ask whether it is revoked.
OCSP: Final = Profile(
    name="ocsp",
    key_usage=(DIGITAL_SIGNATURE,),
    extended_key_usage=(OCSP_SIGNING,),
    max_days=30,
    default_days=7,
    no_check=True,
)
PROFILES: Mapping[str, Profile] = MappingProxyType(
    {one.name: one for one in (ROOT, INTERMEDIATE, CLIENT, OCSP)}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSettings:
    """A profile as somebody wrote it: one of the kinds here, with other limits. Not yet checked."""

    kind: str = "client"
    max_days: int | None = None
    default_days: int | None = None
    path_length: int | None = None
    backdate_seconds: int | None = None

    def validated(self) -> Profile:
        """The profile.

        Raises:
            SettingsError: a value is outside what the kind allows.
        """
        base = PROFILES.get(self.kind)
        if base is None:
            raise SettingsError(
                f"there is no profile {self.kind[:40]!r}", hint=f"one of {', '.join(PROFILES)}"
            )
        max_days = base.max_days if self.max_days is None else self.max_days
        _within("max_days", max_days, 1, base.max_days)
        days = min(base.default_days, max_days)
        days = days if self.default_days is None else self.default_days
        _within("default_days", days, 1, max_days)
        backdate = self.backdate_seconds
        backdate = base.backdate_seconds if backdate is None else backdate
        _within("backdate_seconds", backdate, 0, _MAX_BACKDATE)
        path_length = base.path_length
        if self.path_length is not None:
            # RFC 5280 §4.2.1.9: only in CA certificates.
            if not base.is_ca:
                raise SettingsError(
                    f"path_length means nothing in the profile {base.name}", hint="leave it out"
                )
            _within("path_length", self.path_length, 0, 8)
            path_length = self.path_length
        return Profile(
            name=base.name,
            is_ca=base.is_ca,
            path_length=path_length,
            key_usage=base.key_usage,
            extended_key_usage=base.extended_key_usage,
            max_days=max_days,
            default_days=days,
            backdate_seconds=backdate,
            takes_names=base.takes_names,
            no_check=base.no_check,
        )


def _within(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise SettingsError(f"{name} is {value}", hint=f"from {least} to {most}")
