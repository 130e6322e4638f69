# SPDX-License-Identifier: Apache-2.0
"""What in the packages of the check path no check calls, and why.

A name is `file:function`, both as patterns (fnmatch); one reason each. What is here and is called
after all, or is not there any more, fails test_check_path.py as well.
"""

from __future__ import annotations

from typing import Final

_MODULES: Final = "runs when the module is imported, before any check"
_COMPILED: Final = (
    "runs when a policy is compiled: what comes of it is asked, by generated code too"
)
_TRUST: Final = "runs when an operator's certificates, CRLs and answers are read for a snapshot"
_MADE: Final = "runs when the process starts, or a snapshot is swapped in"
_LINTED: Final = "tells people who write policies what looks wrong"
_EXPLAINED: Final = "explains a decision to people, after it or without a request"
_KEPT: Final = "keeps a request that was answered, outside of its check"
_WRITTEN: Final = "writes what checks read; it is not read here"
_ISSUED: Final = "is for whoever issues or shows certificates"
_TRANSPORT: Final = "carries checks: test_broken_transports.py breaks it"
_ALONE: Final = "judges one certificate for whoever has no memo: explanations and tests"
_PROTOCOL: Final = "says what somebody else has to do, and has no body"
_REFERENCE: Final = "is what the generated code is compared with"
_TOLD: Final = "is for whoever counts and tells of decisions, after the answer"

NOT_ASKED: Final[dict[str, str]] = {
    # certs
    "certs/certificate.py:Certificate.__repr__": "is for people who look for a mistake",
    "certs/certificate.py:Certificate.is_critical": _ISSUED,
    "certs/certificate.py:Certificate.issuer_dn_legacy": _ISSUED,
    "certs/certificate.py:_load_silently": "serial number 0 is an operator's affair: "
    "a peer's is refused before it is read",
    "certs/clauses.py:*": _EXPLAINED,
    "certs/crl.py:*": _TRUST,
    "certs/crl_entries.py:*": _TRUST,
    "certs/distribution.py:*_urls": "is for whoever fetches CRLs and answers, in the background",
    "certs/distribution.py:_access": "is for whoever fetches CRLs and answers, in the background",
    "certs/distribution.py:delta_urls_of_crl": "is for whoever fetches CRLs, in the background",
    "certs/distribution.py:scope_names": _TRUST,
    "certs/failure_clauses.py:*": _EXPLAINED,
    "certs/judgement.py:Judgement.authority": _EXPLAINED,
    "certs/lazy.py:lazy.__get__": "of its three two are for type checkers",
    "certs/lazy.py:lazy.__init__": _MODULES,
    "certs/names.py:value_text": _ISSUED,
    "certs/nobody.py:*": "makes the bundle that nobody satisfies, for SDS",
    "certs/ocsp.py:*": _TRUST,
    "certs/ocsp_answers.py:OcspAnswers.__init__*": _TRUST,
    "certs/ocsp_answers.py:OcspAnswers.__len__": _TRUST,
    "certs/outlook.py:union_of_small": _TRUST,
    "certs/packing.py:*": _TRUST,
    "certs/pem.py:_labelled": _TRUST,
    "certs/pem.py:split_*": _TRUST,
    "certs/pem.py:without_private_keys": _TRUST,
    "certs/pem.py:write_pem": _WRITTEN,
    "certs/profile.py:check_authority_certificate": _TRUST,
    "certs/revocation.py:AuthorityRevocation.next_update": _EXPLAINED,
    "certs/revocation.py:_scope*": _TRUST,
    "certs/revocation.py:compile_revocation": _TRUST,
    "certs/serials.py:Serials.__init__": _TRUST,
    "certs/serials.py:Serials.__iter__": _TRUST,
    "certs/serials.py:_changed*": _TRUST,
    "certs/serials.py:pack_serials": _TRUST,
    "certs/serials.py:rebase": _TRUST,
    "certs/serials.py:revise": _TRUST,
    "certs/signature.py:crl_signed_by": _TRUST,
    "certs/trust.py:*": _TRUST,
    "certs/xfcc.py:_pairs": _WRITTEN,
    "certs/xfcc.py:_quoted": _WRITTEN,
    "certs/xfcc.py:format_xfcc*": _WRITTEN,
    # extauthz
    "extauthz/decision_id.py:DecisionIds.__init__": _MADE,
    "extauthz/decision_id.py:decision_ids": _MADE,
    "extauthz/encode.py:_around": _MODULES,
    "extauthz/encode.py:_metadata": _MODULES,
    "extauthz/health.py:*": "answers Envoy's health checks",
    "extauthz/large_values.py:LargeValues.__init__": _MADE,
    "extauthz/memo.py:ClientMemo.__init__": _MADE,
    "extauthz/memo.py:ClientMemo.__len__": _TOLD,
    "extauthz/memo.py:ClientMemo.let_go": _MADE,
    "extauthz/memo.py:ask_nobody": "has no body but its docstring, and is for tests",
    "extauthz/recording.py:*": _KEPT,
    "extauthz/service.py:CheckService.__init__": _MADE,
    "extauthz/service.py:CheckService.snapshot": _MADE,
    "extauthz/service.py:Observer.*": _PROTOCOL,
    "extauthz/service.py:_denied": _MADE,
    "extauthz/service.py:nothing_about": "is nothing but an empty dictionary",
    "extauthz/transport/*": _TRANSPORT,
    # policy
    "policy/budget.py:Budget.__init__": _COMPILED,
    "policy/budget.py:Budget.surely_within": _COMPILED,
    **{f"policy/budget.py:{name}": _COMPILED for name in ("_ample", "_bound", "_factor", "_most")},
    "policy/catalogue.py:*": "lists what there is, for the reference pages",
    "policy/client.py:identify": _ALONE,
    "policy/client.py:judged": _ALONE,
    **{
        f"policy/decision.py:Decision.{name}": _TOLD
        for name in (
            *("__bool__", "action", "anonymous", "generation", "logged"),
            *("reason", "response", "rule", "site", "verdict"),
        )
    },
    "policy/explain*.py:*": _EXPLAINED,
    "policy/explanation.py:*": _EXPLAINED,
    "policy/facts.py:*": "requests without bytes of Envoy's, for explanations and tests",
    "policy/fields.py:_why_missing": _COMPILED,
    "policy/fields.py:scheme_for": _COMPILED,
    "policy/fields_authz.py:_names": _MODULES,
    "policy/fields_body.py:_of_each": _MODULES,
    "policy/fields_body.py:_row": _MODULES,
    "policy/fields_geo.py:_aliased": _MODULES,
    "policy/fields_geo.py:_names": _MODULES,
    "policy/fields_geo.py:_text": _MODULES,
    "policy/fields_metadata.py:_claims": _MODULES,
    "policy/fields_metadata.py:_rows": _MODULES,
    "policy/fields_request.py:<lambda>": "of them only the path has none: it is put in beforehand",
    "policy/fields_tls.py:_issuer": _MODULES,
    "policy/fields_tls.py:_leaf": _MODULES,
    "policy/fields_tls.py:_*row": _MODULES,
    "policy/geo.py:*": _PROTOCOL,
    "policy/hosts.py:HostTable.__init__": _COMPILED,
    "policy/hosts.py:HostTable.add": _COMPILED,
    "policy/hosts.py:HostTable.pattern_of": _EXPLAINED,
    "policy/lint*.py:*": _LINTED,
    "policy/parts.py:*": _COMPILED,
    "policy/recorded.py:*": _KEPT,
    "policy/rule_index.py:*": _COMPILED,
    "policy/ruleset.py:Ruleset.__init__": _COMPILED,
    "policy/ruleset.py:Ruleset.outcomes": _EXPLAINED,
    "policy/rulings.py:Rulings.__init__": _COMPILED,
    "policy/snapshot.py:*": _COMPILED,
    # rules
    "rules/*_suggestions.py:*": _LINTED,
    "rules/addresses.py:*": _COMPILED,
    "rules/ast.py:*": _COMPILED,
    "rules/ast_json.py:*": _EXPLAINED,
    "rules/calls.py:*": _COMPILED,
    "rules/codegen.py:Emitter._[!f]*": _COMPILED,
    "rules/codegen.py:Emitter._function": _COMPILED,
    "rules/codegen.py:Emitter.constant": _COMPILED,
    "rules/codegen.py:Emitter.source": _COMPILED,
    "rules/codegen_comparison.py:*": _COMPILED,
    "rules/compiler.py:*": _COMPILED,
    "rules/cost.py:_Counter.*": _COMPILED,
    **{
        f"rules/cost.py:{name}": _COMPILED
        for name in ("_add", "_has_size", "_limited", "_product", "_scaled", "cost_of", "total")
    },
    "rules/evaluator.py:*": _REFERENCE,
    "rules/formatter.py:*": _COMPILED,
    "rules/functions/collections.py:_*_type": _COMPILED,
    "rules/functions/encoding.py:_bind_url_decode": _COMPILED,
    "rules/functions/json_lookup.py:_bind_integer": _COMPILED,
    "rules/functions/json_lookup.py:_bind_string": _COMPILED,
    "rules/functions/json_lookup.py:_path": _COMPILED,
    "rules/functions/model.py:*": _COMPILED,
    "rules/functions/network.py:<lambda>": _COMPILED,
    "rules/functions/network.py:_bits": _COMPILED,
    "rules/functions/network.py:_masker": _COMPILED,
    "rules/functions/text.py:_concat_type": _COMPILED,
    "rules/functions/timed_hmac.py:_bind": _COMPILED,
    "rules/idn.py:*": _COMPILED,
    "rules/lexer.py:*": _COMPILED,
    "rules/lint*.py:*": _LINTED,
    "rules/list_items.py:*": _COMPILED,
    "rules/lists.py:NamedList.has_folded": _COMPILED,
    "rules/lists.py:_folded_test": _COMPILED,
    "rules/lists.py:_hostname_test": _COMPILED,
    "rules/lists.py:_set_of": _COMPILED,
    "rules/lists.py:_set_of.<locals>.<lambda>": "of a list without such items nobody asks it: "
    "lengths are looked at first, and a mixed list has items in lower case",
    "rules/lists.py:compile_list": _COMPILED,
    "rules/lists.py:pack_list": _COMPILED,
    "rules/lists.py:place_of_item": _COMPILED,
    "rules/literals.py:*": _COMPILED,
    "rules/necessary.py:*": _COMPILED,
    "rules/parser.py:*": _COMPILED,
    "rules/parser_errors.py:*": _COMPILED,
    "rules/partial.py:*": _EXPLAINED,
    "rules/problems.py:*": _COMPILED,
    "rules/regex.py:*": _COMPILED,
    "rules/regex_*.py:*": _COMPILED,
    "rules/row*.py:*": "reads and writes rules as rows of a form",
    "rules/runtime.py:*_test": _COMPILED,
    "rules/runtime.py:at": _REFERENCE,
    "rules/runtime.py:key": _REFERENCE,
    "rules/scheme.py:*": _COMPILED,
    "rules/strings.py:*": _COMPILED,
    "rules/suggestion*.py:*": _LINTED,
    "rules/tokens.py:*": _COMPILED,
    "rules/trace*.py:*": _EXPLAINED,
    "rules/types.py:*": _COMPILED,
    "rules/wildcard.py:Wildcard._fold": _COMPILED,
    "rules/wildcard.py:Wildcard.matcher": _COMPILED,
    "rules/wildcard.py:Wildcard.matches_everything": _COMPILED,
    "rules/wildcard.py:WildcardError.__init__": _COMPILED,
    "rules/wildcard.py:compile_wildcard": _COMPILED,
}
