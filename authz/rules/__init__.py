# SPDX-License-Identifier: Apache-2.0
"""Cloudflare's Rules language: read, check, run, write.

    scheme = Scheme(fields={"http.host": Field("http.host", Bytes)})
    expression = parse('http.host eq "example.com"', scheme)     # or ParseError, TypeCheckError
    rule = compile_expression(expression)
    rule.matches({"http.host": b"example.com"})                  # True

The grammar is in docs/reference/grammar.txt, the decisions where we differ from the public engine
in the tests' vectors (tests/vectors/rules). No I/O, no clock, no locks, no logging: a rule is a
pure function of the values it reads.
"""

from __future__ import annotations

from authz.rules.ast import Expression
from authz.rules.compiler import Filter, compile_expression
from authz.rules.evaluator import evaluate
from authz.rules.formatter import format_expression
from authz.rules.functions.model import Function
from authz.rules.lint import Finding, KnownAuthority, Role, lint
from authz.rules.lists import ListKind, ListModel, NamedList, compile_list
from authz.rules.parser import MAX_LENGTH, MAX_NESTING, MAX_SOURCE, parse
from authz.rules.regex_size import MAX_REGEX_BYTES, MAX_REGEXES, regex_bytes_of
from authz.rules.scheme import Field, Scheme
from authz.rules.types import (
    Array,
    Bool,
    Bytes,
    Int,
    Ip,
    Map,
    Type,
    Value,
    default_value,
)

__all__ = [
    "MAX_LENGTH",
    "MAX_NESTING",
    "MAX_REGEXES",
    "MAX_REGEX_BYTES",
    "MAX_SOURCE",
    "Array",
    "Bool",
    "Bytes",
    "Expression",
    "Field",
    "Filter",
    "Finding",
    "Function",
    "Int",
    "Ip",
    "KnownAuthority",
    "ListKind",
    "ListModel",
    "Map",
    "NamedList",
    "Role",
    "Scheme",
    "Type",
    "Value",
    "compile_expression",
    "compile_list",
    "default_value",
    "evaluate",
    "format_expression",
    "lint",
    "parse",
    "regex_bytes_of",
]
