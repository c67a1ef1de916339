"""Whether results can be written: tried out before any is made, since a server gives each of them only once."""

from __future__ import annotations

import errno
import secrets
from contextlib import suppress
from pathlib import Path

from limner.errors import InvalidOption, LimnerError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


def require_writable(folder: Path) -> None:
    """Make a file in ``folder``, and the folder where it is not there; nothing is left of either.

    Raises:
        InvalidOption: that cannot be done.
    """
    missing: list[Path] = []
    part = folder / f".limner-{secrets.token_hex(8)}.part"
    try:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        part.write_bytes(b"limner")
    except OSError as error:
        raise InvalidOption(f"{folder} cannot be written ({error.strerror}). Name another folder with -o.") from None
    finally:
        with suppress(OSError):
            part.unlink()
        for path in missing:
            with suppress(OSError):  # not made, or another command's file is in it by now
                path.rmdir()


def require_room(photo: Path, error: Exception) -> None:
    """Return where ``error``, which ``photo`` failed with, says nothing of the results of others.

    Raises:
        LimnerError: none of them could be written either.
    """
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        raise LimnerError(
            f"The result of {photo} cannot be written ({error.strerror}), nor could others. "
            "Make room, or name another folder with -o."
        ) from None
