"""``face_enhance``: the entry point. A photo to the enhanced photo and the report."""

from __future__ import annotations

from model_repository.entry import EntryModel


class TritonPythonModel(EntryModel):
    outputs = {"IMAGE": "ENHANCED", "REPORT": "REPORT"}  # noqa: RUF012 - ClassVar is said in the base
