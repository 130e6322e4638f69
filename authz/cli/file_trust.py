# SPDX-License-Identifier: Apache-2.0
"""What the policy file beside a store trusts. It is its authors': only they can change it, so
commands that change what it works with say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from authz.cli import messages
from authz.cli.options import fetched_of
from authz.errors import AuthzError

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from authz.settings import Settings


def trusted_by_file(settings: Settings, keys: AbstractSet[str]) -> tuple[str, ...]:
    """The names of the authorities of the policy file that have one of these keys.

    None where there is no file; where it cannot be read, that is told as a warning.

    Args:
        keys: SHA-256 of public keys (SubjectPublicKeyInfo).
    """
    from authz.services.same_key import KeysOf
    from authz.sources.policy_file import load_policy

    if settings.policy is None or not keys:
        return ()
    try:
        sites = load_policy(settings.policy, fetched=fetched_of(settings)).model.sites
    except AuthzError as error:
        messages.warning(f"whether the policy file trusts this key is not known: {error}")
        return ()
    of = KeysOf().of
    found = {one.name for site in sites for one in site.trust if keys & of(one.certificates)}
    return tuple(sorted(found))
