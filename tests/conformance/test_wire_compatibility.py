# SPDX-License-Identifier: Apache-2.0
"""Our protobuf subset against Envoy's full API set: same fields, same bytes, same JSON.

The other side (xds_peer.py) runs in an environment of its own, `.venv-xds`, which `make test`
makes; see protos/README.md.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given, settings
from hypothesis import strategies as st

from authz.pb import core_pb2, ext_authz_pb2, health_pb2, secret_pb2
from tests.conformance.wire_fields import describe
from tests.conformance.wire_messages import MESSAGES, PARTIAL
from tests.conftest import absent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-xds" / "bin" / "python"

Ask = dict[str, str]


@pytest.fixture(scope="module")
def xds() -> Iterator[Callable[[Ask], Any]]:
    """Asks the other side."""
    if not PYTHON.exists():
        absent("xds", ".venv-xds is missing; make test makes it")
    script = Path(__file__).with_name("xds_peer.py")
    with subprocess.Popen(
        [PYTHON, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(question: Ask) -> Any:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield ask
        process.stdin.close()


def message_type(name: str) -> Any:
    return descriptor_pool.Default().FindMessageTypeByName(name)


def test_every_message_of_ours_has_its_counterpart() -> None:
    def names(message: Any) -> Iterator[str]:
        if not message.GetOptions().map_entry:
            yield message.full_name
            for nested in message.nested_types:
                yield from names(nested)

    ours = {
        name
        for module in (core_pb2, ext_authz_pb2, health_pb2, secret_pb2)
        for message in module.DESCRIPTOR.message_types_by_name.values()
        for name in names(message)
    }

    assert ours == set(MESSAGES)


@pytest.mark.parametrize("ours", MESSAGES)
def test_the_fields_are_envoys(ours: str, xds: Callable[[Ask], Any]) -> None:
    theirs = xds({"describe": MESSAGES[ours]})["fields"]

    have = json.loads(json.dumps(describe(message_type(ours))))
    if ours in PARTIAL:
        assert [field for field in have if field not in theirs] == []
    else:
        assert have == theirs


# --- random messages ------------------------------------------------------------------------

_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_INTEGERS = {
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
}
_DEPTH = 4


def _scalars(field: Any) -> st.SearchStrategy[Any]:
    if field.enum_type is not None:
        # Open enums: a number without a name survives as well.
        return st.sampled_from([v.number for v in field.enum_type.values]) | st.just(599)
    if field.type == FieldDescriptor.TYPE_STRING:
        return _TEXT
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=12)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return st.booleans()
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        # JSON has no infinities; Struct refuses them there.
        return st.floats(allow_nan=False, allow_infinity=False)
    return _INTEGERS[field.type]


@st.composite
def messages(draw: st.DrawFn, name: str, depth: int = _DEPTH) -> Any:
    """A message of ours with some of its fields set."""
    descriptor = message_type(name)
    message = message_factory.GetMessageClass(descriptor)()
    if name == "google.protobuf.Any":
        return message  # JSON of an Any needs the type it names.
    if name == "google.protobuf.Timestamp":
        message.seconds = draw(st.integers(0, 2**33))
        message.nanos = draw(st.integers(0, 10**9 - 1))
        return message
    for field in descriptor.fields:
        if name == "google.protobuf.Value" and not field.message_type:
            continue
        if draw(st.integers(0, 2)):
            _fill(draw, message, field, depth)
    if name == "google.protobuf.Value" and message.WhichOneof("kind") is None:
        message.string_value = draw(_TEXT)
    return message


def _fill(draw: st.DrawFn, message: Any, field: Any, depth: int) -> None:
    kind = field.message_type
    if kind is None:
        value = draw(_scalars(field))
        if field.is_repeated:
            getattr(message, field.name).extend([value])
        else:
            setattr(message, field.name, value)
    elif depth == 0:
        return
    elif kind.GetOptions().map_entry:
        value_field = kind.fields_by_name["value"]
        target = getattr(message, field.name)
        for key in draw(st.lists(_TEXT, max_size=3)):
            if value_field.message_type is None:
                target[key] = draw(_scalars(value_field))
            else:
                inner = draw(messages(value_field.message_type.full_name, depth - 1))
                target[key].CopyFrom(inner)
    elif field.is_repeated:
        for _ in range(draw(st.integers(0, 3))):
            getattr(message, field.name).append(draw(messages(kind.full_name, depth - 1)))
    else:
        getattr(message, field.name).CopyFrom(draw(messages(kind.full_name, depth - 1)))


@pytest.mark.parametrize("name", MESSAGES)
@settings(max_examples=25)
@given(data=st.data())
def test_random_messages_are_the_same_bytes_and_json_on_both_sides(
    name: str, xds: Callable[[Ask], Any], data: st.DataObject
) -> None:
    message = data.draw(messages(name))
    ours = message.SerializeToString(deterministic=True)

    theirs = xds({"name": MESSAGES[name], "data": ours.hex()})

    assert theirs["unknown"] == 0
    assert bytes.fromhex(theirs["data"]) == ours
    back = type(message).FromString(bytes.fromhex(theirs["data"]))
    assert back == message
    assert theirs["json"] == json_format.MessageToDict(message)
    assert json_format.ParseDict(theirs["json"], type(message)()) == message
