# SPDX-License-Identifier: Apache-2.0
"""Every exception this project raises on purpose.

    AuthzError
    ├── SettingsError                    authz.yaml or the command line
    ├── PolicyError                      policy.yaml and its lists
    ├── ExpressionError                  a rule's expression, with the place
    │   ├── ParseError
    │   └── TypeCheckError
    ├── CertificateError                 a certificate or CRL that an operator gave us
    │   ├── MalformedCertificateError
    │   ├── UnsupportedCertificateError
    │   └── CertificateTooLargeError
    ├── IssuanceError                    a certificate that is not issued
    │   ├── InvalidCsrError
    │   ├── WeakKeyError
    │   ├── LintFailedError
    │   ├── IssuerInactiveError
    │   ├── KeyUnavailableError
    │   └── InvalidRequestError
    ├── StoreError                       what the store does not have, or does not do
    │   ├── NotFoundError
    │   ├── ConflictError
    │   ├── InvalidInputError
    │   │   └── RulesetError
    │   ├── PreconditionError
    │   └── StoreUnavailableError
    │       └── StoreDamagedError
    ├── AccessError                      who asks is not known, or may not
    │   ├── UnauthenticatedError
    │   ├── ForbiddenError
    │   ├── ThrottledError
    │   └── ProviderError
    ├── FetchError                       an answer of another server that could not be had
    ├── TransportError                   a listener that cannot be opened
    ├── DemoError                        the demo, or the Envoy it needs, cannot run
    └── LoaderError                      the process that loads a policy came to no end

Client's fault is a value (`VerifyFailure`, `Reason`), operator's fault is one of these, ours is a
bug: any other exception that escapes a public function is a defect. Each leaf has an integer
`code`, unique and never reused. A message states the fact in lower case without a full stop; a
hint states the action. Nothing here prints, logs or exits.
"""

from __future__ import annotations

from typing import ClassVar


class AuthzError(Exception):
    """Base of everything raised on purpose; never raised itself.

    Args:
        message: the fact, lower case, no full stop.
        hint: what to do about it, or None.
        where: where it was found (`policy.yaml:12: sites[0].rules[1].expression`), or None.
    """

    code: ClassVar[int] = 1000

    #: What else the same reading found, for callers that report everything at once.
    others: tuple[AuthzError, ...] = ()

    def __init__(self, message: str, *, hint: str | None = None, where: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message

    def render(self) -> str:
        """The error as a person reads it on standard error, hint included."""
        return f"{self}\nhint: {self.hint}" if self.hint else str(self)


class SettingsError(AuthzError):
    """authz.yaml or an option of the command line is wrong."""

    code = 1100


class PolicyError(AuthzError):
    """A policy file, or a file it names, cannot be used."""

    code = 1200


class ExpressionError(AuthzError):
    """An expression that cannot be used, with the place of the offence.

    Args:
        source: the whole expression as it was given.
        span: `(start, end)` as offsets in characters into `source`, end exclusive.
    """

    code = 1300

    def __init__(
        self,
        message: str,
        *,
        source: str,
        span: tuple[int, int],
        hint: str | None = None,
        where: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, where=where)
        self.source = source
        self.span = span

    @property
    def line(self) -> int:
        """Line of the first offending character, from 1."""
        return self.source.count("\n", 0, self.span[0]) + 1

    @property
    def column(self) -> int:
        """Column of the first offending character, in characters from 1."""
        return self.span[0] - (self.source.rfind("\n", 0, self.span[0]) + 1) + 1

    def __str__(self) -> str:
        """`WHERE:LINE:COLUMN: message`, line and column being those in the expression."""
        return f"{self.where or 'expression'}:{self.line}:{self.column}: {self.message}"

    def render(self) -> str:
        """Message, the offending line and a row of carets under the exact characters."""
        line, carets = self.pointed()
        text = f"{self}\n  {line}\n  {carets}"
        return f"{text}\nhint: {self.hint}" if self.hint else text

    def pointed(self) -> tuple[str, str]:
        """The offending line, and blanks and carets to stand under it."""
        start, end = self.span
        begin = self.source.rfind("\n", 0, start) + 1
        stop = self.source.find("\n", start)
        stop = len(self.source) if stop < 0 else stop
        carets = "^" * max(1, min(end, stop) - start)
        # Control characters would misalign the carets (and could drive a terminal).
        line = "".join(c if c.isprintable() else " " for c in self.source[begin:stop])
        return line, " " * (start - begin) + carets


class ParseError(ExpressionError):
    """The text is not an expression of the Rules language."""

    code = 1301


class TypeCheckError(ExpressionError):
    """The text is grammatical, but a name, type, list or limit is wrong."""

    code = 1302


class CertificateError(AuthzError):
    """A certificate, key or CRL that an operator configured is wrong."""

    code = 1400


class MalformedCertificateError(CertificateError):
    """The bytes are not a certificate (or CRL)."""

    code = 1401


class UnsupportedCertificateError(CertificateError):
    """A well-formed certificate that this service cannot judge by."""

    code = 1402


class CertificateTooLargeError(CertificateError):
    """Larger than `limits.certificate_bytes` or longer than `limits.chain_length`."""

    code = 1403


class TransportError(AuthzError):
    """A listener cannot be opened, or a transport cannot do what the settings ask."""

    code = 1500


class DemoError(AuthzError):
    """The demo, or a program it needs (Envoy), cannot be started."""

    code = 1600


class LoaderError(AuthzError):
    """The process that loads a policy died, or took too long."""

    code = 1700


class IssuanceError(AuthzError):
    """A certificate or CRL that is not signed."""

    code = 1800


class InvalidCsrError(IssuanceError):
    """A certificate signing request that cannot be used (RFC 2986)."""

    code = 1801


class WeakKeyError(IssuanceError):
    """A key that is too weak, or of a kind that is not supported."""

    code = 1802


class LintFailedError(IssuanceError):
    """What was about to be signed breaks a rule; `others` has every further one."""

    code = 1803


class IssuerInactiveError(IssuanceError):
    """The authority does not issue: it is retired, expired, or has no key here."""

    code = 1804


class KeyUnavailableError(IssuanceError):
    """A private key cannot be decrypted: wrong passphrase or key file, or a damaged record."""

    code = 1805


class InvalidRequestError(IssuanceError):
    """What was asked for is outside the profile: a name, a validity, an address."""

    code = 1806


class StoreError(AuthzError):
    """What the store was asked for cannot be done."""

    code = 1900


class NotFoundError(StoreError):
    """The store has no such object."""

    code = 1901


class ConflictError(StoreError):
    """The store has something that this would clash with, or it was changed meanwhile."""

    code = 1902


class InvalidInputError(StoreError):
    """A value that the store does not take: what, and what would be right, is in the message."""

    code = 1903


class RulesetError(InvalidInputError):
    """What was given for a ruleset cannot be one; `others` has everything else that is wrong.

    Args:
        number: the code that Cloudflare's API has for it; None: this class's own.
        path: where it stands in what was given, keys and indices; None: nowhere in it.
    """

    code = 1906

    def __init__(
        self,
        message: str,
        *,
        path: tuple[str | int, ...] | None = (),
        number: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.number = self.code if number is None else number


class PreconditionError(StoreError):
    """A change that was to be made to another version than the one that is there."""

    code = 1907


class StoreUnavailableError(StoreError):
    """The database cannot be reached, opened or written to."""

    code = 1904


class StoreDamagedError(StoreUnavailableError):
    """The database can be opened, but what is in it cannot be read."""

    code = 1905


class FetchError(AuthzError):
    """A CRL, an OCSP answer or an answer of Cloudflare's API that could not be fetched, or is not
    what was asked for."""

    code = 2000


class AccessError(AuthzError):
    """A call of the management API that is refused because of who makes it."""

    code = 2100


class UnauthenticatedError(AccessError):
    """No token, or one that is not known, revoked, expired or not valid yet."""

    code = 2101


class ForbiddenError(AccessError):
    """A token that does not have the permission for this call."""

    code = 2102


class ThrottledError(AccessError):
    """Too many failed attempts from one address; `retry_after` is in seconds."""

    code = 2103

    def __init__(self, message: str, *, retry_after: float, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class ProviderError(AccessError):
    """A provider of sign-ins (OpenID Connect) that cannot be asked, or answers what it must not."""

    code = 2104
