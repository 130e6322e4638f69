# SPDX-License-Identifier: Apache-2.0
"""The settings of both logs and of traces, where they can be used and where not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from authz.errors import SettingsError
from authz.node import plan_telling
from authz.node.messages import LogOtlpConfig, TracingConfig
from authz.node.plan_telling import decision_log_config, log_otlp_config, tracing_config
from authz.settings import Settings


def _settings(**values: Any) -> Settings:
    return Settings.model_validate(
        {"data_dir": "data", **values}, context={"base": Path("/nowhere")}
    )


def _log(path: Path | str, **values: Any) -> Settings:
    return _settings(decision_log={"enabled": True, "path": str(path), **values})


def test_what_is_off_is_nothing() -> None:
    assert decision_log_config(_settings()) is None
    assert tracing_config(_settings()) is None
    assert log_otlp_config(_settings()) is None


@pytest.mark.parametrize(
    ("values", "rates"),
    [
        ({}, (1.0, 1.0)),
        ({"what": "blocks"}, (0.0, 1.0)),
        ({"what": "sampled"}, (0.01, 1.0)),
        ({"what": "sampled", "sample": {"allowed": 0.5, "blocked": 0.25}}, (0.5, 0.25)),
        # A share that is not asked for does not count.
        ({"what": "all", "sample": {"allowed": 0.5}}, (1.0, 1.0)),
    ],
)
def test_what_is_written_of_which(
    tmp_path: Path, values: dict[str, Any], rates: tuple[float, float]
) -> None:
    found = decision_log_config(_log(tmp_path / "log.jsonl", **values))

    assert found is not None
    assert (found.allowed, found.blocked) == rates
    # It is made with the first line, by the process that writes it.
    assert not (tmp_path / "log.jsonl").exists()


def test_every_setting_arrives() -> None:
    found = decision_log_config(
        _log(
            "-",
            headers=["origin"],
            query="none",
            path_segments="words",
            client_ip="network",
            subject=True,
        )
    )

    assert found is not None
    assert (found.otlp, found.otlp_endpoint) == (False, None)
    assert (found.path, found.headers, found.query) == ("-", ("origin",), "none")
    assert (found.path_segments, found.client_ip, found.subject) == ("words", "network", True)


def test_a_file_that_cannot_be_written_is_refused_at_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="is a directory"):
        decision_log_config(_log(tmp_path))
    with pytest.raises(SettingsError, match="is not there") as found:
        decision_log_config(_log(tmp_path / "none" / "log.jsonl"))
    assert found.value.where == "decision_log.path"
    file = tmp_path / "log.jsonl"
    file.touch()
    assert decision_log_config(_log(file)) is not None
    # Root may write everything.
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(SettingsError, match="may not be written"):
        decision_log_config(_log(file))


def test_traces_without_their_packages_are_refused_at_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = _settings(tracing={"enabled": True, "endpoint": "http://c:4317", "sample": 0.5})
    assert tracing_config(settings) == TracingConfig(endpoint="http://c:4317", sample=0.5)

    for packages in (("opentelemetry.none",), ("no_such_package.sdk",)):
        monkeypatch.setattr(plan_telling, "_PACKAGES", packages)
        with pytest.raises(SettingsError, match="not installed") as found:
            tracing_config(settings)
        assert found.value.where == "tracing.enabled"
        assert "envoy-mtls-authz[otel]" in (found.value.hint or "")


def test_log_records_need_no_file_and_the_same_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    otlp = {"enabled": True, "endpoint": "http://c:4317"}
    settings = _settings(decision_log={"enabled": True, "path": None, "otlp": otlp})
    found = decision_log_config(settings)
    assert found is not None
    assert (found.path, found.otlp, found.otlp_endpoint) == (None, True, "http://c:4317")

    monkeypatch.setattr(plan_telling, "_PACKAGES", ("no_such_package.sdk",))
    with pytest.raises(SettingsError, match="log records take are not installed") as refused:
        decision_log_config(settings)
    assert refused.value.where == "decision_log.otlp.enabled"


def test_the_log_needs_the_same_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _settings(log={"otlp": {"enabled": True, "endpoint": "http://c:4317"}})
    assert log_otlp_config(settings) == LogOtlpConfig(endpoint="http://c:4317")

    monkeypatch.setattr(plan_telling, "_PACKAGES", ("opentelemetry.none",))
    with pytest.raises(SettingsError, match="not installed") as found:
        log_otlp_config(settings)
    assert found.value.where == "log.otlp.enabled"
