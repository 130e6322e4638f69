# SPDX-License-Identifier: Apache-2.0
"""The command line over the file over the defaults, and errors that name the place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from authz.errors import SettingsError
from authz.settings import Override, load_settings
from authz.settings.loading import MAX_FILE_BYTES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    directory = tmp_path / "cwd"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


def write(directory: Path, text: str) -> Path:
    file = directory / "authz.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def failure(path: Path, *overrides: Override) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_settings(path, overrides)
    return caught.value


def test_without_a_file_everything_has_its_default(elsewhere: Path) -> None:
    settings = load_settings()

    assert settings.grpc.listen == "127.0.0.1:50051"
    assert str(settings.data_dir) == "authz-data"
    assert settings.policy is None


def test_the_file_in_the_working_directory_is_found(elsewhere: Path) -> None:
    write(elsewhere, "grpc: {workers: 3}\n")

    assert load_settings().grpc.workers == 3


def test_an_empty_file_is_all_defaults(elsewhere: Path) -> None:
    assert load_settings(write(elsewhere, "# nothing\n")).grpc.workers == 1


def test_paths_in_the_file_start_at_the_file(tmp_path: Path, elsewhere: Path) -> None:
    settings = load_settings(
        write(
            tmp_path,
            "policy: p/policy.yaml\n"
            "grpc: {listen: 'unix:a.sock', tls: {certificate: s.pem, key: /etc/s.key}}\n"
            "geoip: {city: c.mmdb}\n",
        )
    )

    assert settings.policy == tmp_path / "p/policy.yaml"
    assert settings.grpc.listen == f"unix:{tmp_path}/a.sock"
    assert settings.grpc.tls is not None
    assert settings.grpc.tls.certificate == tmp_path / "s.pem"
    assert str(settings.grpc.tls.key) == "/etc/s.key"
    assert settings.geoip.city == tmp_path / "c.mmdb"
    assert settings.data_dir == tmp_path / "authz-data"


def test_the_command_line_wins_and_its_paths_start_here(tmp_path: Path, elsewhere: Path) -> None:
    file = write(tmp_path, "policy: policy.yaml\ngrpc: {workers: 2, transport: native}\n")

    settings = load_settings(
        file,
        [
            Override(option="--policy", path=("policy",), value="other.yaml", is_path=True),
            Override(option="--workers", path=("grpc", "workers"), value=4),
        ],
    )

    assert str(settings.policy) == "other.yaml"
    assert (settings.grpc.workers, settings.grpc.transport) == (4, "native")


def test_a_mistake_names_file_line_and_key(tmp_path: Path) -> None:
    file = write(tmp_path, "log: {level: info}\ngrpc:\n  transport: auto\n  wrokers: 2\n")

    error = failure(file)

    assert error.where == f"{file}:4: grpc.wrokers"
    assert error.message == 'unknown key "wrokers"'
    assert error.hint == 'did you mean "workers"?'


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    file = write(tmp_path, "grpc: {workers: 0}\nlog: {level: loud}\npolcy: x\n")

    error = failure(file)

    assert [one.where for one in (error, *error.others)] == [
        f"{file}:1: grpc.workers",
        f"{file}:2: log.level",
        f"{file}:3: polcy",
    ]


def test_a_mistake_on_the_command_line_names_the_option(tmp_path: Path) -> None:
    file = write(tmp_path, "grpc: {workers: 2}\n")

    error = failure(file, Override(option="--workers", path=("grpc", "workers"), value=0))

    assert error.where == "--workers"


def test_a_section_that_an_option_made_wrong_names_the_option(tmp_path: Path) -> None:
    file = write(tmp_path, "log: {level: info}\n")

    error = failure(file, Override(option="--admin", path=("admin", "listen"), value="0.0.0.0:80"))

    assert error.where == "--admin"


def test_an_option_does_not_hide_that_its_section_is_no_mapping(tmp_path: Path) -> None:
    file = write(tmp_path, "grpc: 3\n")

    error = failure(file, Override(option="--workers", path=("grpc", "workers"), value=2))

    assert (error.where, error.message) == (
        f"{file}:1: grpc",
        "expected a mapping, not the number 3",
    )


def test_what_is_no_mapping_is_no_settings_file(tmp_path: Path) -> None:
    assert failure(write(tmp_path, "- a\n")).message == "the settings are not a mapping"


def test_what_is_no_yaml_names_the_line(tmp_path: Path) -> None:
    file = write(tmp_path, "log: {level: info}\ngrpc: [\n")

    assert str(failure(file).where).startswith(f"{file}:3")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    error = failure(tmp_path / "nope.yaml")

    assert error.where == str(tmp_path / "nope.yaml")
    assert "No such file" in error.message


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "authz.yaml"
    file.write_bytes(b"\xff\xfe")

    assert failure(file).message == "is not UTF-8 text"


def test_a_file_that_is_far_too_large_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "authz.yaml"
    file.write_bytes(b"#" * (MAX_FILE_BYTES + 1))

    assert "larger than" in failure(file).message


def test_the_environment_is_not_read(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC", "x")
    monkeypatch.setenv("AUTHZ_GRPC__WORKERS", "9")

    assert load_settings().grpc.workers == 1


def test_settings_know_where_a_value_was_set(elsewhere: Path) -> None:
    file = write(elsewhere, "grpc:\n  tls:\n    certificate: a.crt\n    key: a.key\n")
    option = Override(option="--grpc", path=("grpc", "listen"), value="127.0.0.1:0")

    settings = load_settings(file, [option])

    assert settings.where("grpc", "tls", "key") == f"{file}:4: grpc.tls.key"
    assert settings.where("grpc", "listen") == "--grpc"


def test_settings_without_a_file_name_the_key(elsewhere: Path) -> None:
    assert load_settings().where("grpc", "tls", "key") == "grpc.tls.key"
