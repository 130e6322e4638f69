# SPDX-License-Identifier: Apache-2.0
"""What a running authz says of its store and of SDS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from authz.cli.doctor import control, envoy_dump, service
from authz.services.zones import create_zone
from authz.settings import Settings
from authz.store.engine import open_store
from tests.unit.cli.doctor import envoy

if TYPE_CHECKING:
    from pathlib import Path

WELL = """\
authz_control_restarts_total 0.0
authz_store_up 1.0
authz_store_revision 7.0
authz_sds_streams 1.0
authz_sds_rejections_total 0.0
"""


def ids(text: str, revision: int | None = 7, **values: Any) -> list[str]:
    samples = service.parse_metrics(text)
    found = control.look(samples, Settings.model_validate(values), revision, "authz")
    return [one.id for one in found]


def test_a_store_that_is_followed_has_no_findings() -> None:
    assert ids(WELL) == []
    assert ids(WELL, revision=None) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["no-control-process"]),
        ("authz_control_restarts_total 0.0\n", ["no-control-process"]),
        (WELL.replace("restarts_total 0", "restarts_total 2"), ["control-process-restarts"]),
        (WELL.replace("store_up 1", "store_up 0"), ["store-down"]),
        (WELL.replace("revision 7", "revision 6"), ["store-behind"]),
        (WELL.replace("revision 7", "revision 8"), []),
        # One trouble, not two: it is behind because it is down.
        (WELL.replace("store_up 1", "store_up 0").replace("revision 7", "revision 6"),
         ["store-down"]),
        (WELL.replace("rejections_total 0", "rejections_total 1"), ["sds-rejected"]),
        (WELL + 'authz_publication_failures_total{kind="content"} 1.0\n', ["not-published"]),
        (
            WELL
            + "".join(
                f'authz_publication_failures_total{{kind="{kind}"}} 2.0\n'
                for kind in ("store", "policy", "geoip")
            ),
            ["not-published"] * 3,
        ),
    ],
)  # fmt: skip
def test_what_the_control_process_says(text: str, found: list[str]) -> None:
    assert ids(text) == found


def test_a_policy_file_that_could_not_be_used_is_named() -> None:
    samples = service.parse_metrics(WELL + 'authz_publication_failures_total{kind="policy"} 2.0\n')
    settings = Settings.model_validate({"policy": "my policy.yaml", "store": "on"})

    (found,) = control.look(samples, settings, 7, "authz")

    assert found.do == "authz policy validate 'my policy.yaml' says why"


def test_a_policy_file_with_sds_has_no_store_to_speak_of() -> None:
    text = "authz_control_restarts_total 0.0\nauthz_sds_streams 1.0\n"

    assert ids(text, policy="p.yaml") == []
    assert ids("", policy="p.yaml") == ["no-control-process"]
    assert ids("", policy="p.yaml", sds={"enabled": False}) == []


def test_the_revision_is_that_of_the_store_and_reading_it_makes_none(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": str(tmp_path)})
    assert control.revision_of(settings) is None
    assert list(tmp_path.iterdir()) == []

    store = open_store("sqlite", tmp_path)
    before = control.revision_of(settings)
    create_zone(store, "example.com", actor="tester", at=1.0)
    store.close()

    assert before is not None
    assert control.revision_of(settings) == before + 1


def test_a_store_that_cannot_be_read_has_no_revision(tmp_path: Path) -> None:
    (tmp_path / "authz.db").write_bytes(b"no database at all" * 100)

    assert control.revision_of(Settings.model_validate({"data_dir": str(tmp_path)})) is None


def chains(*, sds: str | None) -> list[envoy_dump.Chain]:
    configuration = envoy.config()
    if sds is not None:
        (chain,) = envoy.listener(configuration)["filter_chains"]
        context = chain["transport_socket"]["typed_config"]["common_tls_context"]
        config = {"name": "trust", "sds_config": {"api_config_source": {}}}
        del context["validation_context"]
        if sds == "combined":
            context["combined_validation_context"] = {
                "validation_context_sds_secret_config": config
            }
        else:
            context["validation_context_sds_secret_config"] = config
    return [*envoy_dump.chains(envoy.dump(configuration))]


@pytest.mark.parametrize(
    ("sds", "text", "found"),
    [
        ("combined", "authz_sds_streams 0.0\n", ["no-sds-stream"]),
        ("alone", "authz_sds_streams 0.0\n", ["no-sds-stream"]),
        ("combined", "", ["no-sds-stream"]),
        ("combined", "authz_sds_streams 2.0\n", []),
        (None, "authz_sds_streams 0.0\n", []),
        ("combined", None, []),
    ],
)
def test_an_envoy_that_waits_for_its_bundle(
    sds: str | None, text: str | None, found: list[str]
) -> None:
    samples = None if text is None else service.parse_metrics(text)

    given = [*control.look_at_envoy(chains(sds=sds), samples, "Envoy")]

    assert [one.id for one in given] == found
    assert all('"trust"' in one.what for one in given)
