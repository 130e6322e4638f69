# SPDX-License-Identifier: Apache-2.0
"""docs/how-to/rotate-a-ca.md followed on a running installation, under load: during the overlap no
request of an old or a new certificate fails, where the authorizer verifies and where Envoy does."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.e2e.drill import HOST, LENIENT, REFUSED, STRICT, Drill, start_drill
from tests.e2e.harness import more
from tests.factories.accepted import followed
from tests.factories.envoy import envoy_name

if TYPE_CHECKING:
    from authz.demo.credentials import Credentials
    from authz.demo.processes import Children
    from authz.demo.upstream import Upstream

pytestmark = pytest.mark.deploy

PAGE = "how-to/rotate-a-ca.md"


@pytest.fixture
def drill(children: Children, credentials: Credentials, upstream: Upstream) -> Drill:
    return start_drill(children, credentials, upstream)


def test_no_request_fails_while_both_are_good(drill: Drill) -> None:
    drill.shell.follow(PAGE, "Rotate a CA")
    drill.shell.run(f"authz host add {HOST} --ca Acme --protect '/*'")
    for listener in (LENIENT, STRICT):
        drill.becomes(200, "before", listener)
    assert drill.status("") == 403

    old = [drill.load("before", listener) for listener in (LENIENT, STRICT)]
    with old[0].running(), old[1].running():
        for load in old:
            more(load, 20)
        drill.shell.follow(PAGE, "Give it a new key")
        drill.becomes(200, "after", STRICT)
        new = [drill.load("after", listener) for listener in (LENIENT, STRICT)]
        with new[0].running(), new[1].running():
            for load in (*old, *new):
                more(load, 20)

    for load in (*old, *new):
        assert load.counts == {"200": load.total}, load.details


def test_the_old_one_is_good_no_more_when_it_is_retired(drill: Drill) -> None:
    drill.shell.follow(PAGE, "Rotate a CA")
    drill.shell.run(f"authz host add {HOST} --ca Acme --protect '/*'")
    drill.shell.follow(PAGE, "Give it a new key")
    for client in ("before", "after"):
        drill.becomes(200, client, STRICT)
    refused = drill.shell.run("authz ca retire Acme --yes", status=2)
    assert "have not expired" in refused or "has not expired" in refused

    new = drill.load("after", STRICT)
    with new.running():
        more(new, 20)
        drill.shell.follow(PAGE, "Stop trusting the old one")
        drill.becomes(403, "before", LENIENT)
        # Envoy's handshake: the root still leads to the intermediate that went, which the
        # authorizer knows to be revoked.
        drill.becomes(403, "before", STRICT)
        more(new, 20)

    assert new.counts == {"200": new.total}, new.details
    followed(PAGE, envoy_name(), "followed under load")


def test_the_root_is_followed_without_a_failed_request_and_goes(drill: Drill) -> None:
    drill.shell.follow(PAGE, "Rotate a CA")
    drill.shell.run(f"authz host add {HOST} --ca Acme --protect '/*'")
    drill.shell.follow(PAGE, "Give it a new key")
    for listener in (LENIENT, STRICT):
        drill.becomes(200, "after", listener)

    # The old chain, and beside it the new one as soon as there is one.
    old = [drill.load("after", listener) for listener in (LENIENT, STRICT)]
    with old[0].running(), old[1].running():
        for load in old:
            more(load, 20)
        drill.shell.follow(PAGE, "Give its root a new key")
        for listener in (LENIENT, STRICT):
            drill.becomes(200, "later", listener)
        new = [drill.load("later", listener) for listener in (LENIENT, STRICT)]
        with new[0].running(), new[1].running():
            for load in (*old, *new):
                more(load, 20)
    for load in (*old, *new):
        assert load.counts == {"200": load.total}, load.details

    refused = drill.shell.run("authz ca retire Acme --root --yes", status=2)
    assert "neither expired nor been revoked" in refused
    assert drill.status("after", STRICT) == 200
    with contextlib.closing(drill.connect("after", STRICT)) as kept:
        assert kept.send_request("/", hosts=(HOST,)).status == 200
        new = [drill.load("later", listener) for listener in (LENIENT, STRICT)]
        with new[0].running(), new[1].running():
            for load in new:
                more(load, 20)
            drill.shell.follow(PAGE, "Stop trusting the old root")
            drill.becomes(403, "after", LENIENT)
            # Nothing that Envoy trusts leads there any more.
            drill.becomes(REFUSED, "after", STRICT)
            for load in new:
                more(load, 20)
        assert kept.send_request("/", hosts=(HOST,)).status == 403
    for load in new:
        assert load.counts == {"200": load.total}, load.details

    drill.shell.follow(PAGE, "Stop issuing")
    drill.shell.follow(PAGE, "Change the secret of the keys")
    assert drill.status("later") == 200
    followed(PAGE, envoy_name(), "its root followed under load")
