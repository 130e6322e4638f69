# SPDX-License-Identifier: Apache-2.0
"""YAML files that remember where everything stood.

Reads one document into plain values (dict, list, str, int, float, bool, None) and answers "on which
line is `sites[0].rules[1].expression`?". Scalars follow the YAML 1.2 core schema (section 10.3.2),
because 1.1 reads `off` as a boolean, `1:30` as ninety and `012` as ten. Duplicate keys, tags beyond
that schema and several documents are refused; anchors, aliases and merge keys work. What the values
mean is decided elsewhere (settings.model, sources.policy_document).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Nodes of a document after its aliases are followed. An alias of an alias of an alias doubles a
#: few bytes into gigabytes; a policy with this many nodes belongs in list files.
MAX_NODES = 2_000_000

#: Characters of an integer. No key takes one of 20 digits, and Python converts none of 4,301.
MAX_INT_CHARACTERS = 100

_STR = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
_BASE: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# YAML 1.2.2, 10.3.2 "Tag Resolution", in the order in which the forms are tried.
_CORE_SCHEMA = (
    ("null", re.compile(r"^(?:null|Null|NULL|~|)$"), [*"nN~", ""]),
    ("bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), [*"tTfF"]),
    ("int", re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"), [*"-+0123456789"]),
    (
        "float",
        re.compile(
            r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
        ),
        [*"-+0123456789."],
    ),
    ("merge", re.compile(r"^(?:<<)$"), ["<"]),
)


class _CoreLoader(_BASE):  # type: ignore[misc, valid-type]  # a base chosen at run time: libyaml or not
    """The parser of PyYAML with the scalars of YAML 1.2 and without constructors."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's own class attribute


for _name, _form, _first in _CORE_SCHEMA:
    _CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _form, _first)


class YamlError(Exception):
    """A document that cannot be read; callers turn it into their own error.

    Args:
        message: the fact, lower case, no full stop.
        line: where, from 1; 0 when no line can be named.
        hint: what to do about it, or None.
    """

    def __init__(self, message: str, *, line: int = 0, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.hint = hint


class YamlDocument:
    """One parsed document: its `value`, and the line of every key in it."""

    def __init__(self, text: str) -> None:
        """Parse `text`.

        Raises:
            YamlError: not YAML, a duplicate key, an unknown tag, a key that is no text.
        """
        self._root = _compose(text)
        self.value: Any = None
        if self._root is not None:
            _check_size(self._root)
            self.value = _construct(self._root, {})

    def line(self, path: Sequence[str | int]) -> int:
        """The line (from 1) of the key or item at `path`, or of its nearest parent."""
        return self._find(path)[1]

    def text_at(self, path: Sequence[str | int]) -> tuple[int, int] | None:
        """Which text is at `path`, as line and column: an alias has that of its anchor.

        None where there is no such key or item.
        """
        node, _, is_there = self._find(path)
        if node is None or not is_there:
            return None
        return node.start_mark.line + 1, node.start_mark.column + 1

    def has(self, path: Sequence[str | int]) -> bool:
        """Whether there is a key or item at `path`."""
        return self._find(path)[2]

    def _find(self, path: Sequence[str | int]) -> tuple[yaml.Node | None, int, bool]:
        node, line = self._root, 1
        for part in path:
            if isinstance(node, yaml.MappingNode) and isinstance(part, str):
                found = _pairs(node).get(part)
                if found is None:
                    return node, line, False
                key, node = found
                line = key.start_mark.line + 1
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
                if not 0 <= part < len(node.value):
                    return node, line, False
                node = node.value[part]
                line = node.start_mark.line + 1
            else:
                return node, line, False
        return node, line, True


def format_path(path: Sequence[str | int]) -> str:
    """A path as people write it: `sites[0].rules[1].expression`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def _compose(text: str) -> yaml.Node | None:
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=_CoreLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 0
        problem = error.problem or error.context or "unreadable"
        if "expected a single document" in f"{error.context} {problem}":
            raise YamlError("more than one YAML document", line=line) from None
        raise YamlError(
            f"not YAML: {problem}", line=line, hint=_syntax_hint(text, line, problem)
        ) from None
    except yaml.reader.ReaderError as error:
        raise YamlError(f"not YAML: {error.reason}", line=_line_at(text, error.position)) from None
    except yaml.YAMLError as error:
        raise YamlError(f"not YAML: {error}") from None
    except RecursionError:
        raise YamlError("nested too deeply") from None
    return node


def _line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _syntax_hint(text: str, line: int, problem: str) -> str | None:
    """What usually causes a syntax error on this line."""
    lines = text.splitlines()
    source = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\t" in source[: len(source) - len(source.lstrip())]:
        return "indent with spaces, not with tabs"
    # `*.example.com` and `*` read as aliases unless quoted.
    if "alias" in problem or re.search(r"(?:^|[\[,:-])\s*\*", source):
        return 'put a value that starts with "*" in quotes'
    if re.search(r":\s.*:\s", source):
        return 'put a value that contains ": " in quotes'
    return None


def _check_size(root: yaml.Node) -> None:
    """Refuse aliases that contain themselves and documents that grow beyond `MAX_NODES`."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> int:
        known = sizes.get(id(node))
        if known is not None:
            return known
        if id(node) in open_nodes:
            raise YamlError("an alias contains itself", line=node.start_mark.line + 1)
        open_nodes.add(id(node))
        total = 1 + sum(size(child) for child in _children(node))
        if total > MAX_NODES:
            raise YamlError("too many values", hint="move long lists into files of their own")
        open_nodes.discard(id(node))
        sizes[id(node)] = total
        return total

    try:
        size(root)
    except RecursionError:
        raise YamlError("nested too deeply") from None


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value


def _pairs(node: yaml.MappingNode) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Key to `(key node, value node)`, merge keys resolved; what is written here wins."""
    merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    merge_line = 0
    for key, value in node.value:
        line = key.start_mark.line + 1
        if key.tag == _MERGE:
            if merge_line:
                raise YamlError(
                    'the key "<<" is there twice',
                    line=line,
                    hint=f"the first one is on line {merge_line}; merge a list: <<: [*a, *b]",
                )
            merge_line = line
            # Earlier maps override later ones (yaml.org/type/merge).
            for source in value.value if isinstance(value, yaml.SequenceNode) else (value,):
                if not isinstance(source, yaml.MappingNode):
                    raise YamlError('"<<" merges mappings only', line=line)
                for name, pair in _pairs(source).items():
                    merged.setdefault(name, pair)
        elif key.tag != _STR or not isinstance(key, yaml.ScalarNode):
            text = f' "{key.value}"' if isinstance(key, yaml.ScalarNode) else ""
            raise YamlError(f"the key{text} is not text", line=line, hint="put the key in quotes")
        elif key.value in own:
            first = own[key.value][0].start_mark.line + 1
            raise YamlError(
                f'the key "{key.value}" is there twice',
                line=line,
                hint=f"the first one is on line {first}; keep one of them",
            )
        else:
            own[key.value] = (key, value)
    return {**merged, **own}


def _construct(node: yaml.Node, done: dict[int, Any]) -> Any:
    """The value of a node; an alias yields the very object of its anchor."""
    if id(node) in done:
        return done[id(node)]
    value: Any
    if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
        value = {name: _construct(child, done) for name, (_, child) in _pairs(node).items()}
    elif isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
        value = [_construct(child, done) for child in node.value]
    elif isinstance(node, yaml.ScalarNode):
        value = _scalar(node)
    else:
        raise _unknown_tag(node)
    done[id(node)] = value
    return value


def _scalar(node: yaml.ScalarNode) -> str | int | float | bool | None:
    text: str = node.value
    match node.tag.removeprefix("tag:yaml.org,2002:"):
        case "str" | "merge":
            return text
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int" if _CORE_SCHEMA[2][1].match(text):
            if len(text) > MAX_INT_CHARACTERS:
                raise YamlError(
                    f"a number of {len(text)} characters",
                    line=node.start_mark.line + 1,
                    hint="put it in quotes if it is text",
                )
            return int(text, 0) if text[:2] in {"0x", "0o"} else int(text)
        case "float" if _CORE_SCHEMA[3][1].match(text):
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        case _:
            raise _unknown_tag(node)


def _unknown_tag(node: yaml.Node) -> YamlError:
    return YamlError(
        f'the tag "{node.tag}" is not supported',
        line=node.start_mark.line + 1,
        hint="only plain text, numbers, true, false, null, lists and mappings are",
    )
