"""Configuration, recording rules and alerts, by promtool itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from limner import errors
from tests.debian_programs import require_program
from tests.deploy.promql import FOLDER, rules

TESTS = sorted((FOLDER / "tests").glob("*.yml"))
ENHANCED = 'enhancement_requests_total{job="limner-gateway"'
ALERTS = [rule for rule in rules() if "alert" in rule]

pytestmark = pytest.mark.timeout(120)


def promtool(*arguments: object) -> subprocess.CompletedProcess[str]:
    program = require_program("promtool", "prometheus")
    command = [program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def test_configuration(tmp_path: Path) -> None:
    folder = tmp_path / "prometheus"
    shutil.copytree(FOLDER, folder)
    file, key = folder / "prometheus.yml", tmp_path / "key"
    key.write_text("limner_key")
    file.write_text(file.read_text().replace("/run/secrets/metrics_key", str(key)))
    checked = promtool("check", "config", file)
    assert checked.returncode == 0, checked.stderr
    assert "2 rule files found" in checked.stdout
    key.unlink()
    assert promtool("check", "config", file).returncode != 0


def test_rules() -> None:
    checked = promtool("check", "rules", "--lint-fatal", *(FOLDER / "rules").glob("*.yml"))
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.stem)
def test_alerts_fire_when_they_must(file: Path) -> None:
    tested = promtool("test", "rules", file)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("burn", "limner:valid_requests:increase1h >= 100", "limner:valid_requests:increase1h >= 10"),
        ("burn", "and limner:errors:ratio5m > 14.4 * 0.001", ""),
        ("burn", "limner:errors:ratio6h > 6 * 0.001", "limner:errors:ratio6h > 60 * 0.001"),
        ("capacity", "limner:places:share_taken > 0.8", "limner:places:share_taken > 0.3"),
        ("clients", 'outcome=~"completed|failed"', 'outcome=~".+"'),
        ("availability", "[1h])) >= 3", "[1h])) >= 1"),
        ("availability", f'or increase({ENHANCED}, reason="state-unavailable"}}[5m])', ""),
        ("capacity", f'{ENHANCED}, reason="temporary-reduced-capacity"}}', f'{ENHANCED}, status="503"}}'),
    ],
)
def test_a_wrong_rule_fails_the_tests(tmp_path: Path, file: str, right: str, wrong: str) -> None:
    shutil.copytree(FOLDER, tmp_path / "prometheus")
    alerts = tmp_path / "prometheus" / "rules" / "alerts.yml"
    text = alerts.read_text()
    assert right in text
    alerts.write_text(text.replace(right, wrong))
    assert promtool("test", "rules", tmp_path / "prometheus" / "tests" / f"{file}.yml").returncode == 1


def cases() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for file in TESTS:
        for test in yaml.safe_load(file.read_text())["tests"]:
            for case in test.get("alert_rule_test", []):
                yield case["alertname"], [alert["exp_labels"] for alert in case["exp_alerts"]]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: f"{alert['alert']} {alert['labels'].get('window', '')}")
def test_each_alert_is_seen_to_fire_and_to_be_silent(alert: dict[str, Any]) -> None:
    def fires(labels: list[dict[str, Any]]) -> bool:
        return any(alert["labels"].items() <= fired.items() for fired in labels)

    outcomes = {fires(labels) for name, labels in cases() if name == alert["alert"]}
    assert outcomes == {True, False}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: f"{alert['alert']} {alert['labels'].get('window', '')}")
def test_each_alert_says_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"page", "ticket"}
    annotations = alert["annotations"]
    assert set(annotations) == {"summary", "description", "runbook_url"}
    assert annotations["runbook_url"] == f"{{{{ $externalLabels.runbooks }}}}docs/runbooks/{alert['alert']}.md"
    assert annotations["description"].endswith(".")


def test_burn_rates_are_those_of_the_objective() -> None:
    burns = [alert for alert in ALERTS if alert["alert"] == "LimnerErrorBudgetBurn"]
    found = {
        (
            alert["labels"]["severity"],
            *re.findall(r"ratio(\w+)", alert["expr"]),
            *set(re.findall(r"> (.+)", alert["expr"])),
        )
        for alert in burns
    }
    assert found == {
        ("page", "1h", "5m", "14.4 * 0.001"),
        ("page", "6h", "30m", "6 * 0.001"),
        ("ticket", "1d", "2h", "3 * 0.001"),
        ("ticket", "3d", "6h", "0.001"),
    }
    for alert in burns:
        factor = float(re.findall(r"> ([\d.]+)", alert["expr"])[0])
        least = int(re.findall(r">= (\d+)", alert["expr"])[0])
        assert 1 / least <= (factor if factor < 0.01 else factor * 0.001), "one failure alone fires"


ELSEWHERE = (errors.SettingsError, errors.WeightsError, errors.ExportError, errors.PageBuildError, errors.ServingError)
"""Nothing that a gateway answers with."""


def all_errors(root: type[errors.LimnerError] = errors.LimnerError) -> Iterator[type[errors.LimnerError]]:
    yield root
    for child in root.__subclasses__():
        yield from all_errors(child)


def test_refusals_that_count_as_failures_are_those_with_a_5xx() -> None:
    text = (FOLDER / "rules" / "recording.yml").read_text()
    (pattern,) = set(re.findall(r'reason=~"([^"]+)"', text))
    # Programs of the project have kinds of their own, as far as their modules were imported.
    ours = [error for error in all_errors() if error.__module__ == errors.__name__]
    answers = [error for error in ours if not issubclass(error, ELSEWHERE)]
    assert len(answers) > 20
    for error in answers:
        assert bool(re.fullmatch(pattern, error.type)) == (error.status >= 500), error.type
