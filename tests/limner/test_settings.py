"""Settings: every variable is read, checked, named when wrong, and documented."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import get_args

import limits
import pytest
from pydantic import SecretStr

from limner.errors import SettingsError
from limner.settings import NO_RATE_LIMIT, PROJECT_ROOT, Settings, check_rate_limit, get_settings
from tests.limner.settings_page import PAGE, default_text, settings_page

pytestmark = pytest.mark.usefixtures("no_settings")

WRONG = {
    "host": ["x y"],
    "port": ["-1", "65536", "http", "80.5"],
    "triton_url": ["localhost", "localhost:", "localhost:grpc", "8001", "http://x:8001"],
    "triton_host": ["x y"],
    "triton_grpc_port": ["-1", "65536", "x"],
    "triton_metrics_port": ["-1", "65536", "x"],
    "triton_open_apis": ["maybe", "2"],
    "profile": ["cuda", "CPU"],
    "precision": ["fp8", "int4"],
    "winograd": ["on", "1"],
    "custom_weights": ["perhaps"],
    "offline": ["perhaps"],
    "mirrors": ["ftp://mirror.example", "mirror.example", "https://one.example,two"],
    "download_timeout": ["0", "-1", "601", "soon", "nan"],
    "ai_label": ["perhaps"],
    "ai_label_producer": ["one\ntwo", "\x1b[31m", "\x85", "x" * 201, "\udcff"],
    "allow_anonymous": ["perhaps"],
    "api_keys": [",", " , ", "geheim!", "ключ-ключ-ключ-ключ", "a\nb"],
    "trusted_proxies": ["*", "proxy.example", "10.0.0.1/8", "0.0.0.0/0", "::/0", "::ffff:10.0.0.0/104", "10.0.0.1,x"],
    "rate_limit": [
        "0/minute",
        "100000/minute",
        "10",
        "10/month",
        "10/0minute",
        "10/minute;9/minute",
        "10/minute;",
        "no",
    ],
    "redis_url": ["localhost:6379", "http://localhost", "redis://", "redis:///0", "redis://a b", "unix://"],
    "max_upload_bytes": ["0", "20MB"],
    "max_archive_bytes": ["0", "100MB"],
    "max_archive_entries": ["0", "65536", "many"],
    "max_unpacked_bytes": ["0", "1e9"],
    "max_tasks": ["0", "1001", "ten"],
    "max_queue": ["-1", "10001", "long"],
    "max_batches": ["0", "101", "two"],
    "batch_concurrency": ["0", "101", "two"],
    "max_held_bytes": ["0", "2GB"],
    "task_timeout": ["0", "-5", "long", "inf"],
    "result_ttl": ["0.5", "86401", "long", "nan"],
    "shutdown_timeout": ["-1", "3601", "long", "inf"],
    "audit_retention_days": ["0", "3651", "1.5", "always"],
    "canary_interval": ["0", "3601", "often"],
}
ANYTHING_GOES = {"data", "weights", "triton_home", "tls_cert", "tls_key", "audit_log"}
"""Any text is a path."""

ENTRY = f"alice:{'ab' * 32}:enhance+metrics:100/minute;5000/day"

RIGHT = {
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("0", 0),
    "triton_url": ("[::1]:8001", "[::1]:8001"),
    "triton_home": ("/opt/tritonserver", Path("/opt/tritonserver")),
    "triton_host": ("0.0.0.0", "0.0.0.0"),
    "triton_grpc_port": ("65535", 65535),
    "triton_metrics_port": ("0", 0),
    "triton_open_apis": ("1", True),
    "profile": ("tensorrt", "tensorrt"),
    "precision": ("int8", "int8"),
    "winograd": ("off", "off"),
    "data": ("/data", Path("/data")),
    "weights": ("/weights", Path("/weights")),
    "custom_weights": ("true", True),
    "offline": ("yes", True),
    "mirrors": ("https://one.example", ("https://one.example/",)),
    "download_timeout": ("600", 600.0),
    "ai_label": ("0", False),
    "ai_label_producer": ('某某科技 <"001" & Co.>', '某某科技 <"001" & Co.>'),
    "allow_anonymous": ("1", True),
    "api_keys": (ENTRY, SecretStr(ENTRY)),
    "trusted_proxies": ("10.0.0.0/8, ::1", (ip_network("10.0.0.0/8"), ip_network("::1"))),
    "rate_limit": ("100 per 2 hours;1000/day", "100 per 2 hours;1000/day"),
    "tls_cert": ("/tls/cert.pem", Path("/tls/cert.pem")),
    "tls_key": ("/tls/key.pem", Path("/tls/key.pem")),
    "redis_url": ("rediss://:secret@redis.example:6379/0", SecretStr("rediss://:secret@redis.example:6379/0")),
    "max_upload_bytes": ("1", 1),
    "max_archive_bytes": ("1", 1),
    "max_archive_entries": ("65535", 65535),
    "max_unpacked_bytes": ("1", 1),
    "max_tasks": ("1000", 1000),
    "max_queue": ("0", 0),
    "max_batches": ("100", 100),
    "batch_concurrency": ("100", 100),
    "max_held_bytes": ("1", 1),
    "task_timeout": ("0.5", 0.5),
    "result_ttl": ("86400", 86400.0),
    "shutdown_timeout": ("0", 0.0),
    "audit_log": ("/var/log/limner/audit.log", Path("/var/log/limner/audit.log")),
    "audit_retention_days": ("3650", 3650),
    "canary_interval": ("3600", 3600.0),
}

TOGETHER = {"tls_cert": "tls_key", "tls_key": "tls_cert"}
"""Settings that make no sense without another."""

SECRETS = ("api_keys", "redis_url")


def test_tables_above_name_every_setting() -> None:
    assert set(RIGHT) == set(WRONG) | ANYTHING_GOES == set(Settings.model_fields)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in WRONG.items() for text in texts])
def test_wrong_value_is_refused_by_name(no_settings: pytest.MonkeyPatch, name: str, text: str) -> None:
    variable = f"LIMNER_{name.upper()}"
    no_settings.setenv(variable, text)
    with pytest.raises(SettingsError) as refused:
        get_settings()
    message = refused.value.message
    assert message.startswith(f"{variable} is ")
    assert set(re.findall(r"LIMNER_\w+", message)) == {variable}
    assert message.endswith("See docs/settings.md.")


@pytest.mark.parametrize("name", RIGHT)
def test_right_value_is_read(no_settings: pytest.MonkeyPatch, name: str) -> None:
    text, value = RIGHT[name]
    no_settings.setenv(f"LIMNER_{name.upper()}", text)
    if name in TOGETHER:
        no_settings.setenv(f"LIMNER_{TOGETHER[name].upper()}", "/other")
    read = getattr(get_settings(), name)
    assert (tuple(map(str, read)) if name == "mirrors" else read) == value
    assert read != Settings.model_fields[name].default


def test_all_wrong_variables_are_named_at_once(no_settings: pytest.MonkeyPatch) -> None:
    no_settings.setenv("LIMNER_PORT", "x")
    no_settings.setenv("LIMNER_MAX_TASKS", "0")
    with pytest.raises(SettingsError, match=r"LIMNER_PORT is 'x'.*; LIMNER_MAX_TASKS is '0'"):
        get_settings()


@pytest.mark.parametrize("name", RIGHT)
def test_empty_text_leaves_the_default(no_settings: pytest.MonkeyPatch, name: str) -> None:
    no_settings.setenv(f"LIMNER_{name.upper()}", "")
    assert getattr(get_settings(), name) == Settings.model_fields[name].default


@pytest.mark.parametrize("name", SECRETS)
def test_secret_is_never_shown(no_settings: pytest.MonkeyPatch, name: str) -> None:
    no_settings.setenv(f"LIMNER_{name.upper()}", "sésame ouvre-toi")
    no_settings.setenv("LIMNER_PORT", "x")
    with pytest.raises(SettingsError) as refused:
        get_settings()
    assert f"LIMNER_{name.upper()} is wrong: " in refused.value.message
    assert "LIMNER_PORT is 'x': " in refused.value.message
    assert "ouvre" not in refused.value.message


def test_settings_that_are_secret_are_those_above() -> None:
    assert [name for name, field in Settings.model_fields.items() if SecretStr in get_args(field.annotation)] == [
        *SECRETS
    ]


@pytest.mark.parametrize("name", TOGETHER)
def test_certificate_and_key_belong_together(no_settings: pytest.MonkeyPatch, name: str) -> None:
    no_settings.setenv(f"LIMNER_{name.upper()}", "/tls/file.pem")
    for secret in SECRETS:
        no_settings.setenv(f"LIMNER_{secret.upper()}", RIGHT[secret][0])
    with pytest.raises(SettingsError) as refused:
        get_settings()
    assert refused.value.message == (
        "LIMNER_TLS_CERT and LIMNER_TLS_KEY belong together: set both or neither. See docs/settings.md."
    )


@pytest.mark.parametrize("text", ["10/minute", "10 per minute", "5/30seconds", "1/second; 99999/99 days", "off"])
def test_rate_limits_in_the_notation_of_limits(text: str) -> None:
    assert check_rate_limit(text) == text
    if text != NO_RATE_LIMIT:
        assert len(limits.parse_many(text)) == text.count(";") + 1


def test_mirrors_are_a_list_with_commas(no_settings: pytest.MonkeyPatch) -> None:
    no_settings.setenv("LIMNER_MIRRORS", " https://one.example/weights , http://two.example:8080,, ")
    assert [str(url) for url in get_settings().mirrors] == ["https://one.example/weights", "http://two.example:8080/"]


def test_folders_lie_in_the_data_folder(no_settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert get_settings().weights_dir == PROJECT_ROOT / ".limner" / "weights"
    get_settings.cache_clear()
    no_settings.setenv("LIMNER_DATA", str(tmp_path))
    settings = get_settings()
    assert [settings.weights_dir, settings.models_dir, settings.run_dir] == [
        tmp_path / name for name in ("weights", "models", "run")
    ]


def test_weights_folder_of_ones_own_comes_before_the_data_folder(no_settings: pytest.MonkeyPatch) -> None:
    no_settings.setenv("LIMNER_DATA", "/data")
    no_settings.setenv("LIMNER_WEIGHTS", "/mine")
    assert get_settings().weights_dir == Path("/mine")
    assert get_settings().models_dir == Path("/data/models")


def test_relative_paths_start_at_the_current_folder(no_settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    no_settings.chdir(tmp_path)
    no_settings.setenv("LIMNER_DATA", "here")
    no_settings.setenv("LIMNER_WEIGHTS", "../there")
    settings = get_settings()
    assert settings.models_dir.resolve() == tmp_path / "here" / "models"
    assert settings.weights_dir.resolve() == tmp_path.parent / "there"


def test_settings_are_read_once(no_settings: pytest.MonkeyPatch) -> None:
    first = get_settings()
    no_settings.setenv("LIMNER_PORT", "9000")
    assert get_settings() is first
    get_settings.cache_clear()
    assert get_settings().port == 9000


def test_foreign_variables_are_ignored(no_settings: pytest.MonkeyPatch) -> None:
    no_settings.setenv("LIMNER_REQUIRE_ALL", "1")
    no_settings.setenv("PORT", "9000")
    assert get_settings() == Settings()


def test_page_documents_all_settings_with_their_defaults() -> None:
    rows = re.findall(r"^\| `LIMNER_(\w+)` \| (.+?) \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    fields = Settings.model_fields
    assert [(name.lower(), default) for name, default, _ in rows] == [
        (name, default_text(field)) for name, field in fields.items()
    ]
    assert all(field.description and field.description.endswith(".") for field in fields.values())


def test_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == settings_page(), "run: python -m tests.limner.settings_page"


def test_page_shows_no_path_of_this_machine() -> None:
    assert str(PROJECT_ROOT) not in PAGE.read_text("utf-8")


@pytest.fixture
def secrets(no_settings: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder such as Docker's, in its place."""
    no_settings.setitem(Settings.model_config, "secrets_dir", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["limner_redis_url", "LIMNER_REDIS_URL"])
def test_secrets_may_be_files(secrets: Path, name: str) -> None:
    (secrets / name).write_text("redis://:geheim@redis:6379/0\n")
    (secrets / "limner_port").write_text("8010")
    (secrets / "tls_key").write_text("not ours")
    settings = get_settings()
    assert settings.redis_url == SecretStr("redis://:geheim@redis:6379/0")
    assert settings.port == 8010


def test_the_environment_goes_before_files(secrets: Path, no_settings: pytest.MonkeyPatch) -> None:
    (secrets / "limner_port").write_text("8010")
    no_settings.setenv("LIMNER_PORT", "8020")
    assert get_settings().port == 8020


def test_a_wrong_file_is_named_and_not_shown(secrets: Path) -> None:
    (secrets / "limner_redis_url").write_text("sésame ouvre-toi")
    with pytest.raises(SettingsError, match="LIMNER_REDIS_URL is wrong") as refused:
        get_settings()
    assert "ouvre" not in refused.value.message


def test_a_file_that_this_user_may_not_read_is_named(secrets: Path, no_settings: pytest.MonkeyPatch) -> None:
    secret = secrets / "limner_redis_url"
    secret.write_text("redis://redis:6379/0")

    def forbidden(path: Path, *_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    no_settings.setattr(Path, "read_text", forbidden)
    with pytest.raises(SettingsError, match=r"limner_redis_url cannot be read \(Permission denied\)"):
        get_settings()
