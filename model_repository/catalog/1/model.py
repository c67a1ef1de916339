"""``catalog``: hands out the model catalogue, so that a gateway elsewhere knows what this server can do."""

from __future__ import annotations

from typing import Any

import numpy as np

from model_repository.step_model import Array, StepModel


class TritonPythonModel(StepModel):
    def prepare(self) -> None:
        self.json = self.load_catalog().to_json().encode()

    def answer(self, request: Any) -> dict[str, Array]:  # noqa: ARG002 - the query holds nothing
        return {"CATALOG": np.array([self.json], dtype=object)}
