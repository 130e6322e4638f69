# SPDX-License-Identifier: Apache-2.0
"""A page that is wrong is not followed: each of these has one mistake."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.factories import page_blocks
from tests.factories.page_session import follow
from tests.guides.stand_ins import made, stand_in

if TYPE_CHECKING:
    from pathlib import Path

PAGE = """\
# A guide

```console
$ echo one > file
$ cat file
one
```

```sh
grep one file
mv file other
```
"""
#: What is changed in it, and what is promised of it.
WRONG: dict[str, tuple[str, str, list[tuple[str, str]]]] = {
    "a command that fails": ("$ cat file", "$ cat fiel", []),
    "an output that is another": ("\none\n", "\ntwo\n", []),
    "a line of several that fails": ("grep one", "grep two", []),
    "a promise that is not kept": ("", "", [("cat", "[ -e other ]")]),
    "a promise of a command that is not there": ("", "", [("tac", "true")]),
    "a promise in another order": ("", "", [("cat", "true"), ("echo", "true")]),
}


def followed(text: str, directory: Path, **more: Any) -> int:
    """How many commands were run."""
    page = directory / "page.md"
    page.write_text(text, encoding="utf-8")
    ran = follow(str(page), cwd=directory, environment={}, languages=("console", "sh"), **more)
    return len(ran)


@pytest.fixture(autouse=True)
def _pages_are_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_blocks, "ROOT", tmp_path)


def test_a_page_that_is_right_is_followed(tmp_path: Path) -> None:
    then = [("echo", "[ -s file ]"), ("cat", "[ ! -e other ]"), ("grep", "[ -e other ]")]

    assert followed(PAGE, tmp_path, then=then) == 3


@pytest.mark.parametrize("wrong", WRONG)
def test_a_page_that_is_wrong_is_not(wrong: str, tmp_path: Path) -> None:
    there, instead, then = WRONG[wrong]

    with pytest.raises(AssertionError):
        followed(PAGE.replace(there, instead, 1) if there else PAGE, tmp_path, then=then)


REFUSED = {
    "a file that is not there": "kubectl create configmap a --from-file=client-ca.crt",
    "a namespace that nobody made": "kubectl --namespace nowhere create configmap a",
    "an object for such a namespace": "kubectl apply --filename object.yaml",
    "a chart without its version": "helm upgrade istiod istio/istiod --values object.yaml",
    "a command that nothing stands in for": "kubectl delete namespace default",
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_a_stand_in_refuses(wrong: str, tmp_path: Path) -> None:
    (tmp_path / "object.yaml").write_text(
        json.dumps({"kind": "ConfigMap", "metadata": {"name": "a", "namespace": "nowhere"}})
    )
    record = tmp_path / "made.jsonl"
    environment = stand_in(tmp_path, record, "kubectl", "helm")
    environment["PATH"] = f"{tmp_path}:/usr/bin:/bin"
    page = f"# A guide\n\n```sh\nkubectl create namespace here\n{REFUSED[wrong]}\n```\n"

    with pytest.raises(AssertionError):
        followed(
            page,
            tmp_path,
            change=lambda text: (
                f"export PATH={environment['PATH']}\nexport CLUSTER={record}\n{text}"
            ),
        )
    assert [one["name"] for one in made(record)] == ["here"]
