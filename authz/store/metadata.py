# SPDX-License-Identifier: Apache-2.0
"""What all tables are made of: where they belong to, and the types of their columns.

Times are Unix seconds in double precision, identifiers 32 lower-case hexadecimal digits, serial
numbers upper-case hexadecimal without leading zeros.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, MetaData

from authz.store.columns import CheckedInteger, CheckedText

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id: Final = CheckedText(32)
Name: Final = CheckedText(255)
Text: Final = CheckedText()
Integer: Final = CheckedInteger(32)
Large: Final = CheckedInteger()
#: Counted by the database.
Number: Final = CheckedInteger(counted=True)


def identifier(name: str = "id", *, primary_key: bool = False) -> Column[str]:
    """A column of identifiers."""
    return Column(name, Id, primary_key=primary_key, nullable=False)
