"""What becomes of a photo: the same, whichever way it goes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from gateway.report import compact_report
from limner.errors import LimnerError
from limner.options import parse_options
from limner.triton_messages import from_triton
from tests.conftest import Enhance, enhancing
from tests.reliability.photos import Case

VARYING = ("milliseconds",)
"""What a report says of one run only."""


@dataclass(frozen=True)
class Outcome:
    """A result, or an error. Reports are without times; ``compact`` is what a header has of one."""

    sha256: str = ""
    report: str = ""
    compact: str = ""
    error: str = ""

    @property
    def is_error(self) -> bool:
        return bool(self.error)


def of_result(image: bytes, report: dict[str, Any]) -> Outcome:
    return Outcome(
        hashlib.sha256(image).hexdigest(), without_times(report), without_times(json.loads(compact_report(report)))
    )


def of_error(kind: str, message: str) -> Outcome:
    return Outcome(error=f"{kind.removeprefix('urn:limner:problem:')}: {message}")


def of_failure(failure: InferenceServerException) -> Outcome:
    """What Triton says of a photo that our models have refused."""
    told = from_triton(failure.message() or "")
    if told is None:
        raise failure
    return of_error(told.type, told.message)


def without_times(report: dict[str, Any]) -> str:
    return json.dumps({name: report[name] for name in sorted(report) if name not in VARYING}, sort_keys=True)


class Alone:
    """Enhances cases one by one on a server where nothing else is at work, and remembers what became of each."""

    def __init__(self, client: triton.InferenceServerClient) -> None:
        self._enhance: Enhance = enhancing(client)
        self._known: dict[tuple[bytes, tuple[tuple[str, object], ...]], Outcome] = {}
        self.images: dict[Case, bytes] = {}

    def of(self, case: Case) -> Outcome:
        key = (case.photo, case.options)
        if key not in self._known:
            self._known[key] = self.anew(case)
        return self._known[key]

    def require(self, case: Case, outcome: Outcome, way: str) -> None:
        """See that ``outcome`` is that of the case alone."""
        found = difference(self.of(case), outcome)
        assert found is None, f"{case.name}, {case.options}, {way}: other {found}"

    def anew(self, case: Case) -> Outcome:
        """Without looking at what is known."""
        try:
            image, report = self._enhance(case.photo, parse_options(case.parameters).to_parameters())
        except LimnerError as error:
            return of_error(error.type, error.message)
        except InferenceServerException as failure:
            return of_failure(failure)
        self.images[case] = image
        return of_result(image, report)


def difference(expected: Outcome, got: Outcome) -> str | None:
    """In which of its parts an outcome is another one; an answer without the whole report is not asked for it."""
    if expected.error != got.error:
        return f"error: {got.error or 'none'}, not {expected.error or 'none'}"
    if expected.sha256 != got.sha256:
        return "pixels"
    if got.report and expected.report != got.report:
        return f"report: {got.report}, not {expected.report}"
    if expected.compact != got.compact:
        return f"header: {got.compact}, not {expected.compact}"
    return None


def query_of(photo: bytes) -> triton.InferInput:
    data = np.frombuffer(photo, np.uint8)
    query = triton.InferInput("IMAGE", [data.size], "UINT8")
    query.set_data_from_numpy(data)
    return query
