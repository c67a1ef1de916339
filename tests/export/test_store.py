"""The folder of models: whole or not there, whatever ends an export."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import psutil
import pytest

from export.store import ModelStore
from limner.catalog import CATALOG_FILE, Catalog, CatalogEntry
from limner.errors import ExportError
from limner.settings import PROJECT_ROOT


def never() -> None:
    pytest.fail("nobody else holds the lock")


def stage(store: ModelStore, text: str) -> None:
    with store.lock(never), store.staging("net") as folder:
        (folder / "1").mkdir()
        for name in ("file", "1/model.xml", "1/model.bin"):
            (folder / name).write_text(text)
        store.publish(folder, "net")


def test_publishing_replaces(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "models")
    for text in ("one", "two"):
        stage(store, text)
        written = [path for path in (store.folder / "net").rglob("*") if path.is_file()]
        assert [path.read_text() for path in written] == [text] * 3
    assert sorted(path.name for path in store.folder.iterdir()) == [".lock", "net"]


def test_failure_leaves_the_old_model(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    stage(store, "one")

    def fail() -> None:
        with store.lock(never), store.staging("net") as folder:
            (folder / "file").write_text("two")
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail()
    assert (tmp_path / "net" / "file").read_text() == "one"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "net"]


def test_leftovers_of_a_killed_export_are_cleared(tmp_path: Path) -> None:
    (tmp_path / ".staging-net-123").mkdir()
    (tmp_path / ".replaced-net-123").mkdir()
    (tmp_path / ".replaced-net-123" / "file").write_text("one")
    (tmp_path / "other").mkdir()
    (tmp_path / ".replaced-other-5").mkdir()
    with ModelStore(tmp_path).lock(never):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "net", "other"]
    assert (tmp_path / "net" / "file").read_text() == "one"


def test_catalogue_is_rewritten_only_when_it_changes(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    assert store.catalog() == Catalog()
    catalog = Catalog((CatalogEntry("detector", "net", "Net", available=False, reason="No weights."),))
    store.write_catalog(catalog)
    stamp = (tmp_path / CATALOG_FILE).stat().st_mtime_ns
    store.write_catalog(catalog)
    assert (tmp_path / CATALOG_FILE).stat().st_mtime_ns == stamp
    (tmp_path / CATALOG_FILE).write_text("{")
    assert store.catalog() == Catalog()


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = ModelStore(tmp_path / "file" / "models")
    with pytest.raises(ExportError, match="LIMNER_DATA"), store.lock(never):
        pass
    with pytest.raises(ExportError, match="LIMNER_DATA"):
        store.write_catalog(Catalog())


def _hold(folder: Path, held: Event, release: Event) -> None:
    with ModelStore(folder).lock(lambda: None):
        held.set()
        release.wait(30)


def test_second_export_waits(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path, held, release))
    other.start()
    try:
        assert held.wait(30)
        with ModelStore(tmp_path).lock(waiting=release.set):
            assert release.is_set()
    finally:
        release.set()
        other.join(30)
    assert other.exitcode == 0


def test_killed_export_leaves_nothing_half_written(tmp_path: Path) -> None:
    """kill -9 while a real export has written some of its files: no model, and no process left behind."""
    models = tmp_path / "models"
    script = (
        "from pathlib import Path; from limner.settings import Settings; from export.prepare import prepare;"
        f"prepare(Settings(data=Path({str(tmp_path)!r}), offline=True, precision='fp32'), models=['retinaface'])"
    )
    exporting = subprocess.Popen([sys.executable, "-c", script], cwd=PROJECT_ROOT, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 300
        while not list(models.glob(".staging-*/1/*")) and time.monotonic() < deadline:
            time.sleep(0.005)
        assert list(models.glob(".staging-*/1/*"))
        workers = psutil.Process(exporting.pid).children()
    finally:
        os.kill(exporting.pid, signal.SIGKILL)
        exporting.wait()
    psutil.wait_procs(workers, timeout=30)
    assert workers
    assert not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers)
    assert [path.name for path in models.iterdir() if not path.name.startswith(".")] == []
    assert ModelStore(models).manifest("retinaface") is None
    with ModelStore(models).lock(never):
        assert sorted(path.name for path in models.iterdir()) == [".lock"]
