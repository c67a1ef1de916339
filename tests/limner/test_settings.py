"""Settings: every variable is read, checked, named when wrong, and documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from limner.errors import SettingsError
from limner.settings import PROJECT_ROOT, Settings, get_settings
from tests.limner.settings_page import PAGE, default_text, settings_page

pytestmark = pytest.mark.usefixtures("no_settings")

WRONG = {
    "host": ["x y"],
    "port": ["-1", "65536", "http", "80.5"],
    "triton_url": ["localhost", "localhost:", "localhost:grpc", "8001", "http://x:8001"],
    "triton_grpc_port": ["-1", "65536", "x"],
    "triton_metrics_port": ["-1", "65536", "x"],
    "triton_open_apis": ["maybe", "2"],
    "profile": ["cuda", "CPU"],
    "precision": ["fp8", "int4"],
    "custom_weights": ["perhaps"],
    "offline": ["perhaps"],
    "mirrors": ["ftp://mirror.example", "mirror.example", "https://one.example,two"],
    "download_timeout": ["0", "-1", "601", "soon", "nan"],
    "ai_label": ["perhaps"],
    "ai_label_producer": ["one\ntwo", "\x1b[31m", "\x85", "x" * 201, "\udcff"],
    "max_upload_bytes": ["0", "20MB"],
    "max_tasks": ["0", "1001", "ten"],
    "task_timeout": ["0", "-5", "long", "inf"],
    "canary_interval": ["0", "3601", "often"],
}
ANYTHING_GOES = {"data", "weights"}
"""Any text is a path."""

RIGHT = {
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("0", 0),
    "triton_url": ("[::1]:8001", "[::1]:8001"),
    "triton_grpc_port": ("65535", 65535),
    "triton_metrics_port": ("0", 0),
    "triton_open_apis": ("1", True),
    "profile": ("tensorrt", "tensorrt"),
    "precision": ("int8", "int8"),
    "data": ("/data", Path("/data")),
    "weights": ("/weights", Path("/weights")),
    "custom_weights": ("true", True),
    "offline": ("yes", True),
    "mirrors": ("https://one.example", ("https://one.example/",)),
    "download_timeout": ("600", 600.0),
    "ai_label": ("0", False),
    "ai_label_producer": ('某某科技 <"001" & Co.>', '某某科技 <"001" & Co.>'),
    "max_upload_bytes": ("1", 1),
    "max_tasks": ("1000", 1000),
    "task_timeout": ("0.5", 0.5),
    "canary_interval": ("3600", 3600.0),
}


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
