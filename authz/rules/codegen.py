# SPDX-License-Identifier: Apache-2.0
"""Turns a typed tree into the source text of one Python lambda (see compiler.py for why).

Only the shape of the tree and constants written by `repr` get into the text; names and literals of
an expression are string, bytes and int constants, everything else is passed in as an object. What
each construct means is written down in evaluator.py; this module only says it faster.

Two things to know. Where Python allows no `:=` (inside the iterable of a comprehension), a missing
value is tested by an inner lambda instead; `_iterable` counts how deep we are in such places. And
an access with `[*]` becomes the clauses of a comprehension and the name of its innermost variable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from authz.rules.ast import (
    EACH,
    Access,
    Combination,
    Comparison,
    Constant,
    FieldRef,
    Literal,
    Logic,
    Not,
    Quantity,
    Truth,
    is_nullable,
)
from authz.rules.codegen_comparison import comparison_test
from authz.rules.runtime import HELPERS
from authz.rules.types import Map, Type

if TYPE_CHECKING:
    from authz.rules.ast import Argument, Call, Logical, Quantifier, Step

# Python's own precedence, as far as it is needed: or < and < not < comparison.
_OR: Final = 0
_AND: Final = 1
_NOT: Final = 2


class Emitter:
    """One expression being written. `constants` are the objects that the text refers to."""

    def __init__(self) -> None:
        self.constants: dict[str, object] = dict(HELPERS)
        self._names = 0
        self._iterable = 0

    def source(self, root: Logical) -> str:
        """The source of a lambda from the field values to the verdict."""
        return f"lambda v: {self._truth(root, _OR)}"

    def constant(self, value: object) -> str:
        """Text for an object: a literal if it has a short one, else a name for it."""
        if isinstance(value, bytes | int):
            return repr(value)
        name = self._name("k")
        self.constants[name] = value
        return name

    def _name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    # Conditions of type Bool.

    def _truth(self, node: Logical, binding: int) -> str:
        negated = False
        while isinstance(node, Not):
            negated, node = not negated, node.operand
        if negated:
            return f"not {self._truth(node, _NOT)}"
        if isinstance(node, Constant):
            return repr(node.value)
        if isinstance(node, Truth):
            code = self._read(node.operand)
            return f"({code} is True)" if node.operand.nullable else code
        if isinstance(node, Comparison):
            code, nullable = self._read(node.left), node.left.nullable
            return self._compare(node, code, nullable=nullable)
        if isinstance(node, Combination):
            return self._combination(node, binding)
        return self._quantifier(node)

    def _combination(self, node: Combination, binding: int) -> str:
        if node.logic is Logic.XOR:
            operands = ", ".join([self._truth(one, _OR) for one in node.operands])
            return f"odd({operands})"
        own, word = (_AND, " and ") if node.logic is Logic.AND else (_OR, " or ")
        code = word.join([self._truth(one, own + 1) for one in node.operands])
        return f"({code})" if own < binding else code

    def _quantifier(self, node: Quantifier) -> str:
        argument, any_of = node.argument, node.quantity is Quantity.ANY
        if not isinstance(argument, Access):
            member = self._membership(argument) if any_of else None
            return member or f"{node.quantity.value}({self._answers(argument)})"
        code = self._read(argument)
        if not argument.nullable:
            return f"{node.quantity.value}({code})"
        # Given directly, a missing array makes even all() false (surprise 49).
        return f"any({code} or ())" if any_of else f"all_present({code})"

    def _membership(self, node: Logical) -> str | None:
        """`any(array[*] == x)` as `x in array`, the commonest use of any()."""
        if not isinstance(node, Comparison) or node.operator.value != "eq":
            return None
        left, right = node.left, node.right
        if left.steps.index(EACH) != len(left.steps) - 1 or left.hex:
            return None
        if not isinstance(right, Literal) or not isinstance(right.value, bytes | int):
            return None
        code, nullable, kind = self._prefix(left)
        if isinstance(kind, Map):
            return None
        return f"({right.value!r} in {f'({code} or ())' if nullable else code})"

    # Conditions of type Array(Bool): the text of a list of answers.

    def _answers(self, node: Logical) -> str:
        if isinstance(node, Not):
            self._iterable += 1
            answers = self._answers(node.operand)
            self._iterable -= 1
            name = self._name("a")
            return f"[not {name} for {name} in {answers}]"
        if isinstance(node, Combination):
            operands = ", ".join([self._answers(one) for one in node.operands])
            return f"zip_{node.logic.value}({operands})"
        if isinstance(node, Comparison):
            clauses, name = self._clauses(node.left)
            return f"[{self._compare(node, name, nullable=False)} {clauses}]"
        assert isinstance(node, Truth)
        if node.operand.each:
            clauses, name = self._clauses(node.operand)
            return f"[{name} {clauses}]"
        code = self._read(node.operand)
        return f"({code} or ())" if node.operand.nullable else code

    # Values.

    def _read(self, access: Access) -> str:
        """An access without `[*]`; None if the value is missing."""
        code, _, _ = self._steps(access, access.steps)
        return code

    def _prefix(self, access: Access) -> tuple[str, bool, Type]:
        """What stands before the first `[*]`: text, whether it may be missing, type."""
        return self._steps(access, access.steps[: access.steps.index(EACH)])

    def _steps(self, access: Access, steps: tuple[Step, ...]) -> tuple[str, bool, Type]:
        base = access.base
        kind, nullable = base.type, base.nullable
        code = f"v[{base.field.name!r}]" if isinstance(base, FieldRef) else self._call(base)
        for step in steps:
            code = self._index(code, step, nullable=nullable)
            assert kind.element is not None
            kind, nullable = kind.element, True
        return code, nullable, kind

    def _index(self, code: str, step: Step, *, nullable: bool) -> str:
        if not isinstance(step, int):
            return f"key({code}, {step!r})" if nullable else f"{code}.get({step!r})"
        if self._iterable:
            return f"at({code}, {step})"
        name = self._name("t")
        if step == 0:
            return f"({name}[0] if ({name} := {code}) else None)"
        if nullable:
            return f"({name}[{step}] if ({name} := {code}) and len({name}) > {step} else None)"
        return f"({name}[{step}] if len({name} := {code}) > {step} else None)"

    def _clauses(self, access: Access) -> tuple[str, str]:
        """The `for` clauses that visit an access with `[*]`, and the innermost variable."""
        self._iterable += 1
        code, nullable, kind = self._prefix(access)
        self._iterable -= 1
        return self._visit(access, code, kind, nullable=nullable)

    def _visit(self, access: Access, code: str, kind: Type, *, nullable: bool) -> tuple[str, str]:
        clauses: list[str] = []
        for step in access.steps[access.steps.index(EACH) :]:
            name = self._name("e")
            if step is EACH:
                if isinstance(kind, Map):
                    code = f"sorted_values({code})"
                elif nullable:
                    code = f"({code} or ())"
                clauses.append(f"for {name} in {code}")
            else:
                helper = "key" if isinstance(kind, Map) else "at"
                # An element without the index is skipped (surprise 50).
                clauses.append(f"for {name} in ({helper}({code}, {step!r}),) if {name} is not None")
            assert kind.element is not None
            code, kind, nullable = name, kind.element, False
        return " ".join(clauses), code

    # Calls.

    def _call(self, call: Call) -> str:
        if call.mapped:
            return self._mapped(call)
        arguments = [self._argument(one) for one in call.arguments]
        function = self._function(call, any(map(is_nullable, call.arguments)))
        return f"{function}({', '.join(arguments)})"

    def _function(self, call: Call, nullable: bool) -> str:
        if not nullable or call.function.handles_missing:
            return self.constant(call.implementation)
        implementation = call.implementation
        return self.constant(lambda *given: None if None in given else implementation(*given))

    def _argument(self, argument: Argument) -> str:
        if isinstance(argument, Literal):
            return self.constant(argument.value)
        if isinstance(argument, Access):
            return self._read(argument)
        if argument.type.element is None:
            return self._truth(argument, _OR)
        return self._answers(argument)

    def _mapped(self, call: Call) -> str:
        """A call once per element; None if the array is missing, without missing results."""
        first, *others = call.arguments
        assert isinstance(first, Access)
        self._iterable += 1
        prefix, nullable, kind = self._prefix(first)
        rest = "".join([f", {self._argument(one)}" for one in others])
        self._iterable -= 1
        missing = any(map(is_nullable, others))
        function = self._function(call, missing)
        array = self._name("m") if nullable else prefix
        clauses, element = self._visit(first, array, kind, nullable=False)
        result = f"{function}({element}{rest})"
        if missing or call.function.may_be_missing:
            name = self._name("r")
            code = f"[{name} {clauses} for {name} in ({result},) if {name} is not None]"
        else:
            code = f"[{result} {clauses}]"
        if not nullable:
            return code
        if self._iterable:
            return f"(lambda {array}: None if {array} is None else {code})({prefix})"
        return f"(None if ({array} := {prefix}) is None else {code})"

    # Comparisons.

    def _compare(self, node: Comparison, code: str, *, nullable: bool) -> str:
        test = comparison_test(node, self.constant)
        if not nullable or test.takes_missing:
            return test.write(code)
        name = self._name("t")
        if self._iterable:
            return f"(lambda {name}: {name} is not None and {test.write(name)})({code})"
        return f"(({name} := {code}) is not None and {test.write(name)})"
