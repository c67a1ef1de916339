"""One call of ``face_enhance`` by gRPC, as every measurement makes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import tritonclient.grpc as triton

from ensemble.photo import UInt8

Report = Mapping[str, Any]


def enhance(
    client: triton.InferenceServerClient, photo: bytes, parameters: Mapping[str, Any], timeout: float
) -> tuple[UInt8, Report]:
    """The encoded result, uint8 [bytes], and the report.

    Raises:
        InferenceServerException: it failed, or took longer than ``timeout`` seconds.
    """
    query = triton.InferInput("IMAGE", [len(photo)], "UINT8")
    query.set_data_from_numpy(np.frombuffer(photo, np.uint8))
    answer = client.infer("face_enhance", [query], parameters=dict(parameters), client_timeout=timeout)
    report: Report = json.loads(answer.as_numpy("REPORT")[0])
    return answer.as_numpy("IMAGE"), report
