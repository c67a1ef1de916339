"""``restore_faces``: the face-restoration step.

No restorer can be exported by this version, so the step leaves the faces as they are and says so in the report.
"""

from __future__ import annotations

from typing import Any

from limner.errors import InvalidOption
from model_repository.step_model import Array, StepModel, Stopwatch, json_tensor, read_options


class TritonPythonModel(StepModel):
    def prepare(self) -> None:
        self.reason = self.load_catalog().reason("face_restorer")

    def answer(self, request: Any) -> dict[str, Array]:
        watch = Stopwatch()
        wanted = read_options(request).restorer
        if wanted == "none":
            reason: str | None = "Switched off by restorer=none."
        elif wanted == "auto":
            reason = self.reason
        else:
            raise InvalidOption(f"restorer={wanted} is not available here: {self.reason} Send restorer=auto or none.")
        model = {"name": None, "reason": reason}
        return {"RESTORATION": json_tensor({"model": model, "milliseconds": watch.milliseconds})}
