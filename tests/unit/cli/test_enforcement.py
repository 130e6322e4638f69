# SPDX-License-Identifier: Apache-2.0
"""Whether a change is in force, by what nodes say of themselves."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from authz.cli.enforcement import InForce, nodes_of, wait_until_enforced
from authz.cli.fetch import Answer
from authz.errors import TransportError
from authz.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def metrics(revision: int, generation: int, *workers: int) -> str:
    lines = [f"authz_store_revision {revision}", f"authz_store_generation {generation}"]
    lines += [
        f'authz_snapshot_generation{{worker="{number}"}} {one}'
        for number, one in enumerate(workers)
    ]
    return "\n".join(lines)


class Nodes:
    """What each node says, one after the other; the last one stays."""

    def __init__(self, **said: list[str | None]) -> None:
        self.said = said
        self.now = 0.0

    def get(self, node: str, path: str) -> Answer:
        assert path == "/metrics"
        answers = self.said[node]
        text = answers.pop(0) if len(answers) > 1 else answers[0]
        if text is None:
            raise TransportError("cannot be asked: connection refused", where=node)
        return Answer(url=node, body=text.encode())

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def wait(monkeypatch: pytest.MonkeyPatch, nodes: Nodes) -> list[InForce]:
    monkeypatch.setattr("authz.cli.fetch.get", nodes.get)
    return wait_until_enforced(
        list(nodes.said), 7, seconds=1.0, clock=nodes.clock, sleep=nodes.sleep
    )


def test_every_worker_of_every_node_answers_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = Nodes(
        a=[None, metrics(6, 3, 3, 3), metrics(7, 4, 4, 3), metrics(7, 4, 4, 4)],
        b=[metrics(9, 12, 13)],
    )

    a, b = wait(monkeypatch, nodes)

    assert (a.node, a.revision, a.generation, a.workers) == ("a", 7, 4, 2)
    assert (b.node, b.revision, b.generation, b.workers) == ("b", 9, 13, 1)
    assert (a.seconds, b.seconds) == (pytest.approx(0.06), 0.0)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (None, "connection refused"),
        ("", "it follows no store"),
        (metrics(6, 3, 3), "it has published revision 6"),
        (metrics(7, 4, 4, 3), "its workers answer by snapshot 3, not 4"),
        (metrics(7, 4), "its workers answer by snapshot 0, not 4"),
        # Of a release that does not say.
        ("authz_store_revision 7\nauthz_snapshot_generation 4\n", "not 0"),
    ],
)
def test_a_node_that_does_not_is_named_with_what_it_answers_by(
    monkeypatch: pytest.MonkeyPatch, said: str | None, why: str
) -> None:
    with pytest.raises(TransportError, match="the change is committed") as caught:
        wait(monkeypatch, Nodes(well=[metrics(7, 4, 4)], ill=[said]))

    assert caught.value.where == "ill"
    assert why in caught.value.message


def test_the_nodes_that_are_asked(tmp_path: Path) -> None:
    def of(named: list[str] | None = None, **values: object) -> list[str]:
        return nodes_of(Settings.model_validate({"data_dir": str(tmp_path), **values}), named)

    assert of(["127.0.0.1:1", "[::1]:2"]) == ["127.0.0.1:1", "[::1]:2"]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        here = f"127.0.0.1:{listening.getsockname()[1]}"
        assert of(metrics={"listen": here}) == [here]
    for listen in ("off", "127.0.0.1:0"):
        with pytest.raises(TransportError, match="no node says here"):
            of(metrics={"listen": listen})
    (tmp_path / "addresses.json").write_text(json.dumps({"metrics": "127.0.0.1:5"}))
    for listen in ("127.0.0.1:0", here):
        # Whoever says so runs: it may be about to listen.
        assert of(metrics={"listen": listen}) == ["127.0.0.1:5"]


def test_that_no_node_runs_here_is_said_at_once(tmp_path: Path) -> None:
    with socket.socket() as bound:
        # Bound and not listening: nobody else gets it, and whoever asks there is refused.
        bound.bind(("127.0.0.1", 0))
        here = f"127.0.0.1:{bound.getsockname()[1]}"
        settings = Settings.model_validate({"data_dir": str(tmp_path), "metrics": {"listen": here}})
        with pytest.raises(TransportError, match="no node runs on this machine") as caught:
            nodes_of(settings, None)
        assert nodes_of(settings, [here]) == [here]
    assert caught.value.where == here
    assert "--node HOST:9464" in str(caught.value.hint)
