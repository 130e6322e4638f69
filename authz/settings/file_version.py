# SPDX-License-Identifier: Apache-2.0
"""The key `version` of authz.yaml and policy.yaml: which form of the file somebody wrote.

A file without it is of the form that this program writes. A file of a later form is refused as a
whole: what else is wrong with it would only be that this program does not know it (ADR 0033).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field, WithJsonSchema, WrapValidator
from pydantic_core import PydanticCustomError

from authz.settings.problems import WHOLE_FILE

if TYPE_CHECKING:
    from pydantic import ValidatorFunctionWrapHandler

#: The form that this program reads and writes, of both files.
FILE_VERSION: Final = 1


def _known(value: object, handler: ValidatorFunctionWrapHandler) -> int:
    version: int = handler(value)
    if version == FILE_VERSION:
        return version
    newer = version > FILE_VERSION
    raise PydanticCustomError(
        WHOLE_FILE,
        "{message}",
        {
            "message": f"the file is of version {version}, and this authz reads {FILE_VERSION}"
            if newer
            else f"there is no version {version} of this file",
            "hint": "it was made for a newer authz: upgrade this one, or take the file that you "
            "had before"
            if newer
            else f"write version: {FILE_VERSION}, or leave it out",
        },
    )


FileVersion = Annotated[
    int,
    WrapValidator(_known),
    WithJsonSchema({"type": "integer", "const": FILE_VERSION}),
    Field(
        description="The form of this file. Leave it out, or write it so that a program which "
        "knows only an earlier form says that, instead of what it does not know."
    ),
]
