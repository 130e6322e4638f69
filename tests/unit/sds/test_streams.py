# SPDX-License-Identifier: Apache-2.0
"""The state of a stream: what is due after which requests, in both forms of the protocol."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authz.pb import secret_pb2 as pb
from authz.pb.core_pb2 import Status
from authz.sds.secrets import TYPE_URL
from authz.sds.streams import (
    MAX_NAME,
    MAX_NAMES,
    DeltaStream,
    Received,
    Rejection,
    StateOfTheWorldStream,
)
from tests.factories.pki import root
from tests.factories.trust_material import bundle, material, of, secrets

OTHER = of(root("Other CA"), name="other")
THIRD = of(root("Third CA"), name="third")

ONE = secrets(material(a=of(), b=OTHER), 1)
#: `a` as before, `b` changed.
TWO = secrets(material(a=of(), b=THIRD), 2)
#: Nothing changed.
SAME = secrets(material(a=of(), b=THIRD), 3)

A, B = "trust/a", "trust/b"


def sotw(
    stream: StateOfTheWorldStream, *names: str, nonce: str = "", error: str = "", **more: Any
) -> Received:
    request = pb.DiscoveryRequest(resource_names=names, response_nonce=nonce, **more)
    if error:
        request.error_detail.CopyFrom(Status(code=13, message=error))
    return stream.receive(request.SerializeToString())


def delta(
    stream: DeltaStream,
    *subscribe: str,
    unsubscribe: tuple[str, ...] = (),
    nonce: str = "",
    error: str = "",
    **more: Any,
) -> Received:
    request = pb.DeltaDiscoveryRequest(
        resource_names_subscribe=subscribe,
        resource_names_unsubscribe=unsubscribe,
        response_nonce=nonce,
        **more,
    )
    if error:
        request.error_detail.CopyFrom(Status(code=13, message=error))
    return stream.receive(request.SerializeToString())


def sotw_response(stream: StateOfTheWorldStream, given: Any) -> pb.DiscoveryResponse | None:
    response = stream.due(given)
    return None if response is None else pb.DiscoveryResponse.FromString(response.data)


def delta_response(stream: DeltaStream, given: Any) -> pb.DeltaDiscoveryResponse | None:
    response = stream.due(given)
    return None if response is None else pb.DeltaDiscoveryResponse.FromString(response.data)


def names_in(response: pb.DiscoveryResponse | pb.DeltaDiscoveryResponse | None) -> list[str]:
    assert response is not None
    if isinstance(response, pb.DeltaDiscoveryResponse):
        return [one.name for one in response.resources]
    return [pb.Secret.FromString(one.value).name for one in response.resources]


class TestStateOfTheWorld:
    def test_nothing_is_due_before_anything_is_asked_for(self) -> None:
        stream = StateOfTheWorldStream()

        assert stream.due(ONE) is None
        sotw(stream)
        assert stream.due(ONE) is None

    def test_what_is_asked_for_is_sent_once(self) -> None:
        stream = StateOfTheWorldStream()
        sotw(stream, A, node=pb.Node(id="envoy-1", cluster="edge"))

        response = sotw_response(stream, ONE)

        assert response is not None
        assert response.type_url == TYPE_URL
        (resource,) = response.resources
        assert resource.type_url == TYPE_URL
        assert bundle(resource.value) == (root().der,)
        assert response.nonce
        assert response.version_info.startswith("1.")
        assert stream.due(ONE) is None
        assert stream.node == "edge/envoy-1"

    def test_an_acknowledgement_makes_nothing_due(self) -> None:
        stream = StateOfTheWorldStream()
        sotw(stream, A)
        response = sotw_response(stream, ONE)
        assert response is not None

        received = sotw(stream, A, nonce=response.nonce, version_info=response.version_info)

        assert received == Received()
        assert stream.due(ONE) is None

    def test_only_a_change_of_its_own_names_is_sent(self) -> None:
        stream = StateOfTheWorldStream()
        sotw(stream, A)
        stream.due(ONE)

        assert stream.due(TWO) is None

        of_b = StateOfTheWorldStream()
        sotw(of_b, B)
        first = sotw_response(of_b, ONE)
        second = sotw_response(of_b, TWO)
        assert first is not None
        assert second is not None
        assert first.nonce != second.nonce
        assert first.version_info != second.version_info
        assert of_b.due(SAME) is None

    def test_a_response_has_all_of_its_names(self) -> None:
        stream = StateOfTheWorldStream()
        sotw(stream, B, A, B)

        assert names_in(sotw_response(stream, ONE)) == [B, A]
        assert names_in(sotw_response(stream, TWO)) == [B, A]

    def test_names_that_are_added_are_sent_and_names_that_are_dropped_are_not_missed(self) -> None:
        stream = StateOfTheWorldStream()
        sotw(stream, A)
        stream.due(ONE)

        sotw(stream, A, B, nonce="1")
        assert names_in(sotw_response(stream, ONE)) == [A, B]
        sotw(stream, A, nonce="2")
        assert stream.due(ONE) is None
        assert stream.due(TWO) is None
        # It comes back: the client has forgotten it.
        sotw(stream, A, B, nonce="2")
        assert names_in(sotw_response(stream, TWO)) == [A, B]
        sotw(stream, nonce="3")
        assert stream.due(ONE) is None

    def test_names_that_change_before_the_first_response_count(self) -> None:
        stream = StateOfTheWorldStream()
        sotw(stream, A)
        sotw(stream, B)

        assert names_in(sotw_response(stream, ONE)) == [B]

    def test_a_request_about_an_older_response_is_ignored(self) -> None:
        stream = StateOfTheWorldStream()
        sotw(stream, B)
        stream.due(ONE)
        stream.due(TWO)

        sotw(stream, A, nonce="1")

        assert stream.due(TWO) is None
        sotw(stream, A, nonce="2")
        assert names_in(sotw_response(stream, TWO)) == [A]

    def test_a_refused_response_is_not_sent_again_until_it_changes(self) -> None:
        stream = StateOfTheWorldStream()
        sotw(stream, B, node=pb.Node(id="envoy-1"))
        stream.due(ONE)

        received = sotw(stream, B, nonce="1", error="Failed to load trusted CA certificates")

        assert received.rejection == Rejection(
            node="envoy-1",
            names=(B,),
            nonce="1",
            message="Failed to load trusted CA certificates",
        )
        assert stream.due(ONE) is None
        assert names_in(sotw_response(stream, TWO)) == [B]

    def test_a_refusal_of_an_older_response_counts(self) -> None:
        stream = StateOfTheWorldStream()
        sotw(stream, B)
        stream.due(ONE)
        stream.due(TWO)

        assert sotw(stream, A, nonce="1", error="no").rejection is not None
        assert stream.due(TWO) is None

    def test_after_a_reconnect_it_is_sent_whatever_version_the_client_names(self) -> None:
        before = StateOfTheWorldStream()
        sotw(before, A)
        version = sotw_response(before, ONE)
        assert version is not None

        for nonce in ("", "1", "of another stream"):
            stream = StateOfTheWorldStream()
            sotw(stream, A, version_info=version.version_info, nonce=nonce)
            assert names_in(sotw_response(stream, ONE)) == [A]

    def test_a_name_that_nobody_has_is_answered_and_comes_to_exist(self) -> None:
        stream = StateOfTheWorldStream()
        sotw(stream, "trust/new")

        response = stream.due(ONE)
        assert response is not None
        assert [secret.why for secret in response.secrets] == ["no site has this name"]
        assert stream.due(TWO) is None
        assert names_in(sotw_response(stream, secrets(material(new=of())))) == ["trust/new"]


class TestDelta:
    def test_what_is_subscribed_to_is_sent_once(self) -> None:
        stream = DeltaStream()
        delta(stream, A, node=pb.Node(id="envoy-1", cluster="edge"))

        response = delta_response(stream, ONE)

        assert response is not None
        assert response.type_url == TYPE_URL
        (resource,) = response.resources
        assert (resource.name, resource.version) == (A, ONE.version(A))
        assert bundle(resource.resource.value) == (root().der,)
        assert response.nonce
        assert response.system_version_info.startswith("1.")
        assert not response.removed_resources
        assert delta(stream, nonce=response.nonce) == Received()
        assert stream.due(ONE) is None
        assert stream.node == "edge/envoy-1"

    def test_only_what_changed_is_sent(self) -> None:
        stream = DeltaStream()
        delta(stream, A, B)

        assert names_in(delta_response(stream, ONE)) == [A, B]
        assert names_in(delta_response(stream, TWO)) == [B]
        assert stream.due(SAME) is None

    def test_names_come_and_go(self) -> None:
        stream = DeltaStream()
        delta(stream, A)
        stream.due(ONE)

        delta(stream, B)
        assert names_in(delta_response(stream, ONE)) == [B]
        delta(stream, unsubscribe=(B, "trust/never-asked-for"))
        assert stream.due(TWO) is None
        delta(stream, B)
        assert names_in(delta_response(stream, TWO)) == [B]

    def test_subscribing_again_sends_again(self) -> None:
        stream = DeltaStream()
        delta(stream, A, B)
        stream.due(ONE)

        delta(stream, A)

        assert names_in(delta_response(stream, ONE)) == [A]

    def test_after_a_reconnect_only_what_changed_meanwhile_is_sent(self) -> None:
        stream = DeltaStream()
        have = {A: ONE.version(A), B: ONE.version(B), "trust/c": "not subscribed to"}
        delta(stream, A, B, initial_resource_versions=have)

        assert names_in(delta_response(stream, TWO)) == [B]

    def test_what_a_client_has_is_only_believed_in_the_first_request(self) -> None:
        stream = DeltaStream()
        delta(stream)
        delta(stream, A, initial_resource_versions={A: ONE.version(A)})

        assert names_in(delta_response(stream, ONE)) == [A]

    def test_a_refused_response_is_not_sent_again_until_it_changes(self) -> None:
        stream = DeltaStream()
        delta(stream, B, node=pb.Node(cluster="edge"))
        stream.due(ONE)

        received = delta(stream, nonce="1", error="no")

        assert received.rejection == Rejection(node="edge", names=(B,), nonce="1", message="no")
        assert stream.due(ONE) is None
        assert names_in(delta_response(stream, TWO)) == [B]

    def test_a_refusal_may_subscribe(self) -> None:
        stream = DeltaStream()
        delta(stream, B)
        stream.due(ONE)
        delta(stream, A, nonce="1", error="no")

        assert names_in(delta_response(stream, ONE)) == [A]

    def test_a_site_that_is_gone_is_replaced_and_not_removed(self) -> None:
        stream = DeltaStream()
        delta(stream, B)
        stream.due(ONE)

        response = delta_response(stream, secrets(material(a=of()), 2))

        assert names_in(response) == [B]
        assert response is not None
        assert not response.removed_resources
        assert stream.due(secrets(material(), 3)) is None


@pytest.mark.parametrize("kind", [StateOfTheWorldStream, DeltaStream])
class TestBoth:
    def test_bytes_that_are_no_request_end_the_stream(self, kind: Any) -> None:
        assert "is no " in kind().receive(b"\xff\xff").problem

    def test_other_resources_are_refused(self, kind: Any) -> None:
        request = pb.DeltaDiscoveryRequest if kind is DeltaStream else pb.DiscoveryRequest
        cluster = "type.googleapis.com/envoy.config.cluster.v3.Cluster"

        def problem(type_url: str) -> str:
            received: Received = kind().receive(request(type_url=type_url).SerializeToString())
            return received.problem

        assert problem(cluster) == "only secrets are served here"
        assert problem(TYPE_URL) == problem("") == ""

    def test_there_is_a_limit_to_names(self, kind: Any) -> None:
        names = [f"trust/{n}" for n in range(MAX_NAMES)]
        stream, full = kind(), f"more than {MAX_NAMES} names on one stream"
        ask: Any = delta if kind is DeltaStream else sotw

        assert ask(stream, *names).problem == ""
        assert ask(stream, *names, "trust/one-more").problem == full
        if kind is DeltaStream:
            assert ask(stream, "trust/one-more").problem == full

    def test_there_is_a_limit_to_the_length_of_a_name(self, kind: Any) -> None:
        ask: Any = delta if kind is DeltaStream else sotw
        stream = kind()

        assert ask(stream, "a" * MAX_NAME).problem == ""
        assert stream.names == 1
        assert ask(stream, "a" * (MAX_NAME + 1)).problem == "a name of more than 1024 characters"

    def test_a_clients_words_are_cut_short(self, kind: Any) -> None:
        ask: Any = delta if kind is DeltaStream else sotw

        received = ask(kind(), error="x" * 5000, node=pb.Node(id="y" * 5000))

        assert received.rejection == Rejection(
            node="y" * 1000, names=(), nonce="", message="x" * 1000
        )

    @given(data=st.binary(max_size=60))
    def test_any_bytes_are_taken(self, kind: Any, data: bytes) -> None:
        stream = kind()

        assert isinstance(stream.receive(data), Received)
        stream.due(ONE)


# --- what a client ends up with -------------------------------------------------------------

_NAMES = st.sampled_from([A, B, "trust", "trust/nobody"])
_SETS = st.sampled_from([ONE, TWO, SAME])


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("ask"), st.lists(_NAMES, max_size=3)),
            st.tuples(st.just("publish"), _SETS),
            st.tuples(st.just("nack"), st.none()),
        ),
        max_size=12,
    )
)
def test_whatever_happens_a_client_that_accepts_has_the_current_secrets(steps: list[Any]) -> None:
    """Both forms, by a client that keeps what it is sent and acknowledges it."""
    current, nonce = ONE, ""
    world, changes = StateOfTheWorldStream(), DeltaStream()
    wanted: tuple[str, ...] = ()
    of_world: dict[str, bytes] = {}
    of_changes: dict[str, bytes] = {}
    for step, value in [*steps, ("publish", TWO)]:
        if step == "ask":
            dropped = tuple(set(wanted) - set(value))
            added = tuple(set(value) - set(wanted))
            wanted = tuple(dict.fromkeys(value))
            sotw(world, *wanted, nonce=nonce)
            delta(changes, *added, unsubscribe=dropped)
            of_world = {name: one for name, one in of_world.items() if name in wanted}
            of_changes = {name: one for name, one in of_changes.items() if name in wanted}
        elif step == "publish":
            current = value
        else:
            # Refused by word only: what was sent is what the client is taken to have seen.
            sotw(world, *wanted, nonce=nonce, error="no")
            delta(changes, error="no")
        if response := sotw_response(world, current):
            nonce = response.nonce
            of_world.update(
                (pb.Secret.FromString(one.value).name, one.value) for one in response.resources
            )
        if change := delta_response(changes, current):
            of_changes.update((one.name, one.resource.value) for one in change.resources)
    expected = {name: current.secret(name).data for name in wanted}

    assert of_world == expected
    assert of_changes == expected
