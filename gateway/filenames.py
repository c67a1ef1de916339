"""The name of a result, derived from the name of the upload."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp"}
_ENDINGS = {"jpeg": {"jpg", "jpeg", "jpe", "jfif"}, "png": {"png"}, "webp": {"webp"}}
MAX_STEM_CHARACTERS = 80


def result_name(uploaded: str, image_format: str) -> str:
    """``<stem>_enhanced.<ext>``; folders, control and direction-changing characters are left out."""
    last = uploaded.replace("\\", "/").rpartition("/")[2]
    # Categories C* are control, format (such as right-to-left override), surrogate and unassigned characters.
    clean = "".join(character for character in last if unicodedata.category(character)[0] != "C")
    stem = (clean.rpartition(".")[0] or clean).strip(" .")[:MAX_STEM_CHARACTERS]
    return f"{stem or 'photo'}_enhanced.{EXTENSIONS[image_format]}"


def content_disposition(uploaded: str, image_format: str) -> str:
    """Header value for a result shown in place, RFC 6266; ASCII whatever the name.

    Programs that do not read ``filename*``, such as curl, get a name without the uploaded one.
    """
    plain = f"enhanced.{EXTENSIONS[image_format]}"
    return f"inline; filename={plain}; filename*=UTF-8''{quote(result_name(uploaded, image_format), safe='')}"


def named_for_format(name: str, image_format: str) -> str:
    """``name`` with an ending that fits the format; one that fits already stays as it is."""
    stem, dot, ending = name.rpartition(".")
    if dot and "/" not in ending:
        if ending.lower() in _ENDINGS[image_format]:
            return name
        return f"{stem}.{EXTENSIONS[image_format]}"
    return f"{name}.{EXTENSIONS[image_format]}"
