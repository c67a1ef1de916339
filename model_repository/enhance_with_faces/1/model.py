"""``enhance_with_faces``: as ``face_enhance``, with the faces before and after, for those who keep them."""

from __future__ import annotations

from model_repository.entry import EntryModel


class TritonPythonModel(EntryModel):
    outputs = {"IMAGE": "ENHANCED", "REPORT": "REPORT", "CROPPED": "CROPPED", "RESTORED": "RESTORED"}  # noqa: RUF012
