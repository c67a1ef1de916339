"""The task of one photo: enhanced, sealed, kept until it is fetched."""

from __future__ import annotations

import json
from typing import Any

from gateway.audit import Audit
from gateway.clock import now
from gateway.metrics import Metrics
from gateway.report import Report
from gateway.state.record import RESULT_PART
from gateway.state.sealing import Seal
from gateway.tasks.desk import TaskBody
from gateway.tasks.queue import Ticket
from gateway.tasks.running import Running
from gateway.tasks.work import Job, Work

RESULT = RESULT_PART["photo"]
DETAIL = "detail"


def photo_task(job: Job, ticket: Ticket, work: Work, metrics: Metrics, audit: Audit) -> TaskBody:
    """What the desk is to run for ``job``, whose place in the queue is ``ticket``."""

    async def run(running: Running) -> dict[str, Any]:
        async def on_turn(expected: float | None) -> None:
            await running.update(status="processing", started=now(), queue_position=None, estimate=expected)

        with metrics.counted(), audit.processing(task=running.name, kind="photo"):
            result = await work.enhance(job, ticket, on_turn, patient=True)
        detail = {"filename": job.filename, "format": result.format, "report": result.report}
        with running.seal() as seal:
            sealed, sealed_detail = seal.seal(RESULT, result.image), seal_detail(seal, detail)
        await running.keep(RESULT, sealed)
        await running.keep(DETAIL, sealed_detail)
        return {"result_bytes": len(result.image)}

    return run


def seal_detail(seal: Seal, detail: Report) -> bytearray:
    return seal.seal(DETAIL, json.dumps(detail, ensure_ascii=False).encode())


def open_detail(seal: Seal, sealed: bytes | bytearray) -> Report:
    """What :func:`seal_detail` was given."""
    detail: Report = json.loads(seal.open(DETAIL, sealed))
    return detail
