# SPDX-License-Identifier: Apache-2.0
"""`authz import cloudflare` from the API, with what goes wrong on the way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from authz.cli.main import main
from tests.factories.cloudflare import (
    BASE,
    MANAGED_CA,
    TOKEN,
    Failure,
    FakeCloudflare,
    client_certificate,
    rule,
    ruleset,
    typical,
)
from tests.factories.http_server import serving

if TYPE_CHECKING:
    from pathlib import Path

ERRORS = ({"code": 10000, "message": "Authentication error"},)


class Command:
    """Runs `authz` and has what it said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        self.out, self.err = self._capsys.readouterr()
        assert TOKEN not in self.out + self.err
        return int(ended.value.code or 0)

    def imports(self, fake: FakeCloudflare, *words: str) -> int:
        with serving(fake.answer) as server:
            return self("import", "cloudflare", "--api", server.url(BASE), *words)


@pytest.fixture
def authz(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
    return Command(capsys)


def test_a_report_needs_no_store_and_makes_none(authz: Command, tmp_path: Path) -> None:
    assert authz.imports(typical()) == 0

    assert "  carries over  rule protect (block)\n" in authz.out
    assert "  would change: authority Own CA: uploaded\n" in authz.out
    assert authz.err == "authz: note: nothing was changed (--yes applies it)\n"
    assert list(tmp_path.iterdir()) == []


def test_it_is_taken_and_then_there(authz: Command) -> None:
    assert authz.imports(typical(), "--yes") == 0
    assert "  changed: rules new: protect\n" in authz.out

    assert authz.imports(typical(), "--yes", "--json") == 0
    parts = json.loads(authz.out)["parts"]
    assert [(one["applied"], one["changes"]) for one in parts] == [(False, [])] * 2
    assert authz("host", "list", "--json") == 0
    assert json.loads(authz.out)[0]["hostname"] == "api.example.com"


def test_losses_are_told_first_and_have_to_be_accepted(authz: Command) -> None:
    fake = typical(rulesets=[ruleset(rule("bots", "ssl", "managed_challenge"))])

    assert authz.imports(fake, "--yes") == 2
    assert authz.out.startswith(
        "protected at Cloudflare and not here:\n"
        "  zone example.com: rule bots (managed_challenge) is left out\n\n"
    )
    assert "--accept-loosening: 1 things that are protected at Cloudflare" in authz.err
    assert authz("zone", "list", "--json") == 0
    assert [one["name"] for one in json.loads(authz.out)] == ["default"]

    assert authz.imports(fake, "--yes", "--accept-loosening") == 1
    # Nothing is to change any more, and nothing to be accepted.
    assert authz.imports(fake, "--yes") == 1
    assert authz.imports(fake, "--yes", "--challenge", "block") == 1
    assert "  changes       rule bots (managed_challenge)\n" in authz.out


def test_an_expression_that_cannot_be_used_shows_where(authz: Command) -> None:
    fake = typical(rulesets=[ruleset(rule("bad", 'http.hots eq "a"'))])

    assert authz.imports(fake) == 1
    assert '                    http.hots eq "a"\n                    ^^^^^^^^^\n' in authz.out
    assert authz.imports(fake, "--json") == 1
    (bad,) = [one for one in json.loads(authz.out)["parts"][1]["objects"] if one["kind"] == "rule"]
    assert (bad["verdict"], bad["error"]["column"]) == ("cannot", 1)


def test_a_zone_that_fails_is_said(authz: Command) -> None:
    twice = [rule("same"), {**rule("same"), "id": "f" * 32}]

    assert authz.imports(typical(rulesets=[ruleset(*twice)]), "--yes") == 1
    assert "  failed: rules of the zone" in authz.out
    assert authz.imports(typical(rulesets=[ruleset(*twice)]), "--json") == 1
    assert "a second rule" in json.loads(authz.out)["parts"][1]["error"]["message"]


def test_a_call_that_fails_names_itself(authz: Command) -> None:
    fake = typical()
    fake.failures = [Failure(path="/rules/lists", status="403 Forbidden", errors=ERRORS)]

    assert authz.imports(fake) == 2
    assert "/rules/lists: answered with status 403: 10000 Authentication error" in authz.err
    assert "Account / Account Filter Lists / Read" in authz.err


def test_the_token_may_stand_in_a_file(
    authz: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLOUDFLARE_API_TOKEN")
    assert authz.imports(typical()) == 2
    assert "authz: error: CLOUDFLARE_API_TOKEN: there is no API token\n" in authz.err

    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert authz.imports(typical(), "--token-file", "token") == 0
    (tmp_path / "token").write_text("two words")
    assert authz.imports(typical(), "--token-file", "token") == 2
    assert "--token-file: this is no API token" in authz.err


def test_what_was_saved_is_imported_as_it_was_read(authz: Command) -> None:
    assert authz.imports(typical(), "--save", "saved.json", "--json") == 0
    first = json.loads(authz.out)

    assert authz("import", "cloudflare", "--file", "saved.json", "--json") == 0
    assert json.loads(authz.out) == first
    assert authz("import", "cloudflare", "--file", "saved.json", "--save", "no/where.json") == 2
    assert '--save: "no/where.json" cannot be written' in authz.err


def test_the_managed_ca_may_be_given(authz: Command, tmp_path: Path) -> None:
    fake = typical(hosts={"": ["api.example.com"]}, certificates=[client_certificate("a")])
    # Another CA of the account would make trust narrower here.
    fake.certificates = []
    (tmp_path / "managed.pem").write_bytes(MANAGED_CA.pem)

    assert authz.imports(fake) == 1
    assert "cannot        client certificates 1 active, 0 revoked" in authz.out
    assert authz.imports(fake, "--managed-ca", "managed.pem") == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--file", "a", "--terraform", "b"], "cannot be read together"),
        (["--file", "missing.json"], '--file: "missing.json" cannot be read'),
        (["--challenge", "dance"], '--challenge: "dance" is nothing to make of a challenge'),
        (["--terraform", "state", "--zone-name", "x"], "a zone's identifier and its name"),
        (["--api", "http://api.example.com"], "in clear text"),
        (["--api", "ftp://api.example.com"], "ftp URLs are not fetched"),
    ],
)
def test_usage(authz: Command, tmp_path: Path, words: list[str], says: str) -> None:
    (tmp_path / "state").write_text("{}")

    assert authz("import", "cloudflare", *words) == 2
    assert says in authz.err


def test_exports_go_round(authz: Command, tmp_path: Path) -> None:
    assert authz.imports(typical(), "--yes") == 0
    assert authz("export", "json") == 0
    (tmp_path / "export.json").write_text(authz.out)

    words = ("import", "cloudflare", "--file", "export.json", "--yes")
    assert authz(*words) == 0
    assert "would change" not in authz.out
    assert authz(*words, "--data-dir", "elsewhere") == 0
    assert authz("export", "json", "--data-dir", "elsewhere", "--zone", "example.com") == 0
    exported: dict[str, Any] = json.loads(authz.out)
    assert exported["zones"][0]["rulesets"][0]["rules"][0]["ref"] == "protect"


def test_terraform_is_printed_or_written(authz: Command, tmp_path: Path) -> None:
    assert authz.imports(typical(), "--yes") == 0

    assert authz("export", "terraform", "--out", "infra/cloudflare") == 0
    names = ["provider.tf", "account.tf", "zone_example_com.tf", "zone_default.tf"]
    written = tmp_path / "infra" / "cloudflare"
    assert {one.name for one in written.iterdir()} == set(names)
    assert authz.out.splitlines()[0] == "infra/cloudflare/provider.tf"

    assert authz("export", "terraform", "--zone", "example.com") == 0
    assert 'resource "cloudflare_ruleset" "example_com" {' in authz.out
    assert 'resource "cloudflare_zone" "default"' not in authz.out
    (tmp_path / "file").write_text("")
    assert authz("export", "terraform", "--out", "file") == 2
    assert "--out:" in authz.err
