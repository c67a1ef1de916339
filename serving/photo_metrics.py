"""What a server's metrics say of photos: how many are at work, and how many were finished."""

from __future__ import annotations

import http.client
import re

from serving.process import Endpoint, own_url

AT_WORK = "limner_photos_at_work"
"""The gauge that the entry points keep (:mod:`model_repository.entry`)."""

_AT_WORK = re.compile(rf"^{AT_WORK}\{{[^}}]*\}} (\S+)$", re.MULTILINE)
_FINISHED = re.compile(r'^nv_inference_request_success\{[^}]*model="enhance_photo"[^}]*\} (\S+)$', re.MULTILINE)


def photos_at_work(endpoint: Endpoint) -> int:
    """How many photos the server works on.

    Raises:
        OSError, http.client.HTTPException: its metrics do not answer.
    """
    return _sum(_AT_WORK, endpoint)


def photos_finished(endpoint: Endpoint) -> int:
    """How many photos went all the way through since the server started; raises as :func:`photos_at_work` does."""
    return _sum(_FINISHED, endpoint)


def _sum(values: re.Pattern[str], endpoint: Endpoint) -> int:
    connection = http.client.HTTPConnection(own_url(endpoint.host, endpoint.metrics), timeout=5)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode("utf-8", "replace")
    finally:
        connection.close()
    return round(sum(float(value) for value in values.findall(text)))
