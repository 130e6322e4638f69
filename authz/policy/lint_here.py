# SPDX-License-Identifier: Apache-2.0
"""What is known of values where a rule is: hosts, site names, and whether anybody is verified.

The same rule may be in several sites, which a zone or a YAML anchor makes of one text: what is said
holds in all of them, so that a rule for one host is no mistake in the sites of the others. What is
known of values everywhere is authz.rules.lint_domain; whom it is told is lint_site.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from authz.policy.hosts import normalise_host
from authz.policy.lint_lists import ListItems
from authz.rules.ast import Comparison, FieldRef, ItemSet, ListRef, Literal, Operator
from authz.rules.evaluator import evaluate_node
from authz.rules.lint_domain import never_equal
from authz.rules.lint_fault import Known
from authz.rules.lint_tree import fields_of, is_test_of
from authz.rules.lint_worlds import ISSUER_FIELDS, REVOKED_FIELD, VERIFIED_FIELD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from authz.certs.certificate import Certificate
    from authz.certs.trust import TrustBundle
    from authz.policy.model import PolicyModel, RuleModel, SiteModel
    from authz.rules import Expression
    from authz.rules.ast import Logical

HOST: Final = "http.host"
SITE_FIELDS: Final = frozenset({"authz.site", "cf.zone.name"})
#: Beyond so many, a host is looked up, and patterns of hosts are not gone through.
MAX_HOSTS: Final = 256
_SHOWN: Final = 4
# The fields of the issuer are those of its certificate: its subject, for one.
_DN: Final = "subject_dn"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIssuer:
    """The values that the issuer fields have for one certificate of a trusted authority."""

    authority: str
    values: Mapping[str, bytes]

    @classmethod
    def of(cls, authority: str, certificate: Certificate) -> KnownIssuer:
        """What the fields show of a certificate that issued another."""
        values = {
            name: str(getattr(certificate, name.rpartition("cert_issuer_")[2].replace("dn", _DN)))
            for name in ISSUER_FIELDS
        }
        return cls(
            authority=authority, values={name: text.encode() for name, text in values.items()}
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Here:
    """The sites that have a rule, taken together.

    Args:
        sites: their names.
        hosts: what they answer for, as in the policy.
        site_of: the name of the site that a host belongs to, of all sites.
        named: the hosts that some site answers for by name.
        issuers: the certificates of their authorities.
    """

    sites: tuple[str, ...]
    hosts: tuple[str, ...]
    site_of: Callable[[str], str | None]
    named: frozenset[bytes]
    issuers: tuple[KnownIssuer, ...]

    @cached_property
    def words(self) -> dict[str, tuple[frozenset[bytes], str]]:
        """Fields that have one of a few values here, and why no others."""
        names = frozenset(name.encode() for name in self.sites)
        found = dict.fromkeys(SITE_FIELDS, (names, f"the rule is in {self.place}"))
        if not any("*" in host for host in self.hosts) and len(self.hosts) <= MAX_HOSTS:
            found[HOST] = (_by_name(self.hosts), self.answers_for)
        if not self.issuers:
            for name in ISSUER_FIELDS:
                found[name] = (frozenset({b""}), self.trusts_nobody)
        return found

    @property
    def place(self) -> str:
        """The sites, as a message names them."""
        names = ", ".join(f'"{name}"' for name in self.sites[:_SHOWN])
        more = f" and {len(self.sites) - _SHOWN} more" if len(self.sites) > _SHOWN else ""
        return f"{'site' if len(self.sites) == 1 else 'sites'} {names}{more}"

    @property
    def answers_for(self) -> str:
        """What hosts there are here, as a reason."""
        shown = ", ".join(self.hosts[:_SHOWN])
        more = f" and {len(self.hosts) - _SHOWN} more" if len(self.hosts) > _SHOWN else ""
        return f"{self.place} {self.verb('answer')} for {shown}{more} only"

    @property
    def trusts_nobody(self) -> str:
        """That nobody is ever verified here, as a reason."""
        return f"{self.place} {self.verb('trust')} no authority, so nobody is verified"

    def serves(self, host: bytes) -> bool:
        """Whether a host, written as http.host has it, belongs to one of these sites."""
        return self.site_of(host.decode("ascii")) in self.sites

    def known(self, leaf: Logical) -> Known | None:
        """The truth of a condition, if it is the same for every request here."""
        if not self.issuers and (
            is_test_of(leaf, VERIFIED_FIELD) or is_test_of(leaf, REVOKED_FIELD)
        ):
            return Known(value=False, why=self.trusts_nobody)
        read = {one.name for one in fields_of(leaf)}
        is_list = isinstance(leaf, Comparison) and isinstance(leaf.right, ListRef)
        if len(read) != 1 or is_list:
            # What is in a list is data, and changes.
            return None
        (name,) = read
        if name in self.words:
            values, why = self.words[name]
            truths = {evaluate_node(leaf, {name: value}) is True for value in values}
            return Known(value=truths.pop(), why=why) if len(truths) == 1 else None
        if name == HOST and isinstance(leaf, Comparison) and isinstance(leaf.left.base, FieldRef):
            texts = texts_of(leaf)
            if texts and not any(map(self._may_be_host, texts)):
                return Known(value=leaf.operator is Operator.NE, why=self.answers_for)
        return None

    def never(self, leaf: Comparison) -> list[bytes]:
        """The literals of `eq`, `ne` or `in` that a field of hosts or sites never equals here."""
        base = leaf.left.base
        if not isinstance(base, FieldRef):
            return []
        name = base.field.name
        texts = [text for text in texts_of(leaf) if text and never_equal(leaf.left, text) is None]
        if name == HOST:
            return [text for text in texts if not self._may_be_host(text)]
        return [text for text in texts if name in SITE_FIELDS and text not in self.words[name][0]]

    def _may_be_host(self, text: bytes) -> bool:
        # An empty host is one that is not known, and what is no host is found by itself.
        return not text or not text.isascii() or self.serves(text)

    def verb(self, verb: str) -> str:
        """A verb as it stands behind `place`."""
        return f"{verb}s" if len(self.sites) == 1 else verb


def _by_name(hosts: Iterable[str]) -> frozenset[bytes]:
    """Hosts as http.host has them, without the patterns among them."""
    names = (normalise_host(host.encode()) for host in hosts if "*" not in host)
    return frozenset(name.encode() for name in names if name)


class Places:
    """Where the rules of a policy are, and what is in its lists.

    Args:
        model: the policy, `bundles` the trust of its sites.
        site_of: as in `Here`.
        expressions: those of all rules.

    Attributes:
        items: of the lists.
    """

    def __init__(
        self,
        model: PolicyModel,
        bundles: Sequence[TrustBundle],
        site_of: Callable[[str], str | None],
        expressions: Iterable[Expression] = (),
    ) -> None:
        self.items = ListItems(model.lists, expressions)
        self._site_of = site_of
        self._named = _by_name(host for site in model.sites for host in site.hosts)
        self._sites = list(zip(model.sites, bundles, strict=True))
        # Sites that share their rules are many: they are told apart by the rules they have.
        self._having: dict[int, list[int]] = {}
        self._rules: dict[str, dict[int, None]] = {}
        self._known: dict[tuple[int, ...], Here] = {}
        for position, (site, _) in enumerate(self._sites):
            mine = id(site.rules)
            if mine not in self._having:
                for rule in site.rules:
                    if rule.enabled:
                        self._rules.setdefault(rule.expression, {})[mine] = None
            self._having.setdefault(mine, []).append(position)

    def of(self, rule: RuleModel) -> Here:
        """The sites that have a rule with the condition of this one."""
        key = tuple(self._rules[rule.expression])
        found = self._known.get(key)
        if found is None:
            sites = [self._sites[position] for one in key for position in self._having[one]]
            found = self._known[key] = _together(sites, self._site_of, self._named)
        return found


def _together(
    sites: Iterable[tuple[SiteModel, TrustBundle]],
    site_of: Callable[[str], str | None],
    named: frozenset[bytes],
) -> Here:
    names: dict[str, None] = {}
    hosts: dict[str, None] = {}
    issuers: dict[Certificate, str] = {}
    for site, bundle in sites:
        names[site.name] = None
        hosts.update(dict.fromkeys(site.hosts))
        for authority in bundle.authorities:
            for certificate in (*authority.anchors, *authority.intermediates):
                issuers.setdefault(certificate, authority.name)
    return Here(
        sites=tuple(names),
        hosts=tuple(hosts),
        site_of=site_of,
        named=named,
        issuers=tuple(KnownIssuer.of(name, certificate) for certificate, name in issuers.items()),
    )


def texts_of(leaf: Comparison) -> tuple[bytes, ...]:
    """The texts that `eq`, `ne` or `in` compares with."""
    right = leaf.right
    if isinstance(right, ItemSet):
        return tuple(one for one in right.items if isinstance(one, bytes))
    equality = leaf.operator in (Operator.EQ, Operator.NE)
    if equality and isinstance(right, Literal) and isinstance(right.value, bytes):
        return (right.value,)
    return ()
