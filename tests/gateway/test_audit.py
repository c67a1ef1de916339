"""The audit log: what is in it, what is not, and that it never stands in the way."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from gateway.audit import Audit
from gateway.logs import JsonFormatter
from gateway.state.sealing import name_of, new_task_id
from limner.errors import DamagedImage, SettingsError
from limner.settings import Settings

TASK = name_of(new_task_id())
DAY = 86_400.0


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_all(audit: Audit) -> None:
    """One event of each kind."""
    audit.upload(kind="photo", client="address:203.0.113.7", task=TASK, input_bytes=7, input_type="jpeg")
    with audit.processing(kind="photo", task=TASK):
        pass
    audit.delivery(kind="photo", client="address:203.0.113.7", task=TASK, output_bytes=9)
    audit.cleanup(task=TASK, reason="delivered")


def test_events_of_a_photo(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    audit = Audit.from_settings(Settings(audit_log=path))
    write_all(audit)
    audit.close()
    events = lines(path)
    for event in events:
        assert event.pop("@timestamp").endswith("+00:00")
        assert (event.pop("log.level"), event.pop("log.logger")) == ("info", "limner.audit")
    upload, processing, delivery, cleanup = events
    assert processing.pop("event.duration") > 0
    client = upload["limner.client"]
    common = {"event.dataset": "limner.audit", "event.outcome": "success", "limner.task": TASK}
    photo = {**common, "limner.kind": "photo"}
    assert upload == {
        **photo,
        "message": "upload: success",
        "event.action": "upload",
        "limner.client": client,
        "limner.input.bytes": 7,
        "limner.input.type": "jpeg",
    }
    assert processing == {**photo, "message": "processing: success", "event.action": "processing"}
    assert delivery == {
        **photo,
        "message": "delivery: success",
        "event.action": "delivery",
        "limner.client": client,
        "limner.output.bytes": 9,
    }
    assert cleanup == {
        **common,
        "message": "cleanup: success",
        "event.action": "cleanup",
        "event.reason": "delivered",
    }
    assert "203.0.113.7" not in path.read_text()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (DamagedImage("secret"), "damaged-image"),
        (KeyError("secret"), "internal-error"),
        (asyncio.CancelledError(), "cancelled"),
    ],
)
def test_failures_are_told_by_their_type(tmp_path: Path, error: BaseException, kind: str) -> None:
    path = tmp_path / "audit.log"
    audit = Audit.from_settings(Settings(audit_log=path))
    with pytest.raises(type(error)), audit.processing(kind="synchronous"):
        raise error
    audit.delivery(kind="batch", client="key:a", output_bytes=5, error=kind)
    audit.close()
    for event in lines(path):
        assert (event["event.outcome"], event["error.type"]) == ("failure", kind)
        assert "limner.task" not in event
    assert "secret" not in path.read_text()


def test_client_is_another_one_every_day(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "limner.audit")
    now = 20_000 * DAY
    audit = Audit(logging.getLogger("limner.audit"), now=lambda: now)
    other_gateway = Audit(logging.getLogger("limner.audit"), now=lambda: now)

    def pseudonym(of: Audit, client: str) -> str:
        of.upload(kind="photo", client=client)
        return str(vars(caplog.records[-1])["fields"]["limner.client"])

    first, second = pseudonym(audit, "address:203.0.113.7"), pseudonym(audit, "key:\u738b")
    assert len(first) == len(second) == 16
    assert first != second
    assert pseudonym(other_gateway, "address:203.0.113.7") != first
    now += DAY - 1
    assert pseudonym(audit, "address:203.0.113.7") == first
    now += 1
    assert pseudonym(audit, "address:203.0.113.7") != first


def test_without_a_file_it_is_in_the_ordinary_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "limner.audit")
    caplog.handler.setFormatter(JsonFormatter())
    audit = Audit.from_settings(Settings())
    write_all(audit)
    audit.close()
    events = [json.loads(line) for line in caplog.text.splitlines()]
    assert [event["event.action"] for event in events] == ["upload", "processing", "delivery", "cleanup"]
    assert {event["event.dataset"] for event in events} == {"limner.audit"}


def test_file_is_private_and_goes_on_after_a_restart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "audit.log"
    for _ in range(2):
        audit = Audit.from_settings(Settings(audit_log=path))
        write_all(audit)
        audit.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(lines(path)) == 8
    assert not caplog.records


def test_a_file_a_day_and_old_ones_go(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    for days_ago in (4, 3, 2):
        audit = Audit.from_settings(Settings(audit_log=path, audit_retention_days=2))
        audit.cleanup(task=str(days_ago), reason="expired")
        audit.close()
        then = path.stat().st_mtime - days_ago * DAY
        os.utime(path, (then, then))
    audit = Audit.from_settings(Settings(audit_log=path, audit_retention_days=2))
    audit.cleanup(task="now", reason="expired")
    audit.close()
    old = sorted(tmp_path.glob("audit.log.*"))
    assert [lines(file)[0]["limner.task"] for file in [*old, path]] == ["3", "2", "now"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("place", ["missing/audit.log", "."])
def test_file_that_cannot_be_opened_is_told_at_start(tmp_path: Path, place: str) -> None:
    with pytest.raises(SettingsError, match=r"LIMNER_AUDIT_LOG cannot be opened: .* folder that exists") as refused:
        Audit.from_settings(Settings(audit_log=tmp_path / place))
    assert str(tmp_path) not in refused.value.message


def test_full_disk_costs_lines_and_not_requests(caplog: pytest.LogCaptureFixture) -> None:
    audit = Audit.from_settings(Settings(audit_log=Path("/dev/full")))
    for _ in range(100):
        write_all(audit)
    audit.close()
    assert [record.getMessage() for record in caplog.records] == [
        "the audit log cannot be written; its lines are lost until it can"
    ]
