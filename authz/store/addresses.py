# SPDX-License-Identifier: Apache-2.0
"""Addresses of databases, as people may see them: without the password.

What an address means is libpq's business (store.postgresql), which also takes several hosts.
https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

#: With which addresses begin.
SCHEME: Final = "postgresql://"

#: Of `user:password@`, as far as the last `@`: whoever forgets to encode one must not show a part.
_IN_FRONT: Final = re.compile(r"(?<=://)([^:/@?]*):[^/?]*@")
_AMONG_PARAMETERS: Final = re.compile(r"([?&](?:ssl)?password=)[^&]*", re.IGNORECASE)


def without_password(address: str) -> str:
    """The address with `***` for what is nobody's business."""
    return _AMONG_PARAMETERS.sub(r"\1***", _IN_FRONT.sub(r"\1:***@", address))


def digest_of(address: str, directory: Path) -> str:
    """Which database this is, as far as its address says (SHA-256, hexadecimal).

    Another password is no other database. For SQLite the address is where the file is.

    Args:
        address: as `open_store` takes it.
        directory: of the SQLite file.
    """
    where = without_password(address) if address.startswith(SCHEME) else str(directory.resolve())
    return hashlib.sha256(where.encode("utf-8", "surrogateescape")).hexdigest()
