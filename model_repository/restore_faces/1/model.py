"""``restore_faces``: the face-restoration step.

This version exports and serves restorers, but does not put restored faces back into photos yet: the step leaves the
faces as they are and says so in the report.
"""

from __future__ import annotations

from typing import Any

from limner.errors import InvalidOption
from model_repository.step_model import Array, StepModel, Stopwatch, json_tensor, read_options


class TritonPythonModel(StepModel):
    def prepare(self) -> None:
        catalog = self.load_catalog()
        served = catalog.available("face_restorer")
        # Either way it is one plain sentence.
        self.reason = catalog.reason("face_restorer") or (
            f"{served[0].variant} is served as the model {served[0].model}, but this version does not put restored "
            "faces back into photos yet."
        )

    def answer(self, request: Any) -> dict[str, Array]:
        watch = Stopwatch()
        wanted = read_options(request).restorer
        if wanted == "none":
            reason = "Switched off by restorer=none."
        elif wanted == "auto":
            reason = self.reason
        else:
            raise InvalidOption(f"restorer={wanted} is not available here: {self.reason} Send restorer=auto or none.")
        model = {"name": None, "reason": reason}
        return {"RESTORATION": json_tensor({"model": model, "milliseconds": watch.milliseconds})}
