"""A shared library of a few bytes, written without a compiler: none is to be expected where Limner runs.

The format is the System V ABI's (gABI, chapter 5, "Dynamic Linking"; AMD64 supplement), for x86-64. The loader insists
on the tables for hash, strings and symbols; they are as empty as they may be. No symbol has a version, which the
loader takes for any version that is asked for. glibc before 2.35 writes into the dynamic section, which is therefore
mapped a second time, one page further on, where it may be written to; so is the one address that the loader fills in.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

_PAGE: Final = 0x1000
_TEXT: Final = 64 + 4 * 56
"""Where the code lies: behind the ELF header and four program headers."""

_DT_HASH, _DT_STRTAB, _DT_SYMTAB, _DT_RELA, _DT_RELASZ, _DT_RELAENT = 4, 5, 6, 7, 8, 9
_DT_STRSZ, _DT_SYMENT, _DT_INIT = 10, 11, 12
_PT_LOAD, _PT_DYNAMIC, _PT_GNU_STACK = 1, 2, 0x6474E551
_RX, _RW = 5, 6
_GLOBAL_FUNCTION: Final = 1 << 4 | 2
_DEFINED: Final = 1
"""Any number of a section but 0; there are no sections."""

_EXPORTED, _IMPORTED = 1, 2
"""Places in the table of symbols."""

_R_X86_64_GLOB_DAT: Final = 6
_JUMP_INDIRECT: Final = bytes.fromhex("ff25")


@dataclass(frozen=True)
class Function:
    """A function that others find by its name, ahead of one of the same name in a library that comes later.

    ``code`` ends with a jump, added here, to ``then``: a function of another library, whose result becomes its own.
    """

    name: str
    code: bytes
    then: str


def shared_object(initialiser: bytes, function: Function) -> bytes:
    """The library as a file's bytes.

    Args:
        initialiser: machine code that the loader calls before the program begins.
        function: the one function that it offers.
    """
    function_at = _TEXT + _padded(len(initialiser))
    jump_ends = function_at + len(function.code) + len(_JUMP_INDIRECT) + 4
    names = f"\0{function.name}\0{function.then}\0".encode("ascii")
    strings_at = _padded(jump_ends)
    symbols_at = strings_at + _padded(len(names))
    symbols = bytes(24) + b"".join(
        (
            _symbol(1, _DEFINED, function_at, jump_ends - function_at),
            _symbol(2 + len(function.name), 0, 0, 0),
        )
    )
    hashes_at = symbols_at + len(symbols)
    hashes = struct.pack("<6I", 1, 3, _EXPORTED, 0, 0, 0)  # one chain, with one symbol in it
    relocation_at = hashes_at + len(hashes)
    slot_at = relocation_at + 24
    relocation = struct.pack("<QQq", slot_at + _PAGE, _IMPORTED << 32 | _R_X86_64_GLOB_DAT, 0)
    entries = (
        (_DT_HASH, hashes_at),
        (_DT_STRTAB, strings_at),
        (_DT_SYMTAB, symbols_at),
        (_DT_STRSZ, len(names)),
        (_DT_SYMENT, 24),
        (_DT_RELA, relocation_at),
        (_DT_RELASZ, len(relocation)),
        (_DT_RELAENT, 24),
        (_DT_INIT, _TEXT),
        (0, 0),
    )
    dynamic = b"".join(struct.pack("<qQ", tag, value) for tag, value in entries)
    dynamic_at = slot_at + 8
    size = dynamic_at + len(dynamic)
    segments = (
        _segment(_PT_LOAD, _RX, 0, 0, size, _PAGE),
        _segment(_PT_LOAD, _RW, slot_at, slot_at + _PAGE, size - slot_at, _PAGE),
        _segment(_PT_DYNAMIC, _RW, dynamic_at, dynamic_at + _PAGE, len(dynamic), 8),
        _segment(_PT_GNU_STACK, _RW, 0, 0, 0, 16),
    )
    jump = _JUMP_INDIRECT + struct.pack("<i", slot_at + _PAGE - jump_ends)
    parts = {
        0: b"".join((_header(), *segments)),
        _TEXT: initialiser,
        function_at: function.code + jump,
        strings_at: names,
        symbols_at: symbols,
        hashes_at: hashes,
        relocation_at: relocation,
        dynamic_at: dynamic,
    }
    image = bytearray(size)
    for place, part in parts.items():
        image[place : place + len(part)] = part
    return bytes(image)


def _padded(length: int) -> int:
    return -(-length // 8) * 8


def _header() -> bytes:
    return struct.pack(
        "<4sBBBB8xHHIQQQIHHHHHH",
        *(b"\x7fELF", 2, 1, 1, 0),  # 64 bits, little-endian
        *(3, 62, 1, 0, 64, 0, 0),  # a shared object for x86-64; program headers follow, no sections
        *(64, 56, 4, 64, 0, 0),
    )


def _segment(kind: int, access: int, offset: int, address: int, size: int, alignment: int) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, access, offset, address, address, size, size, alignment)


def _symbol(name_at: int, section: int, value: int, size: int) -> bytes:
    return struct.pack("<IBBHQQ", name_at, _GLOBAL_FUNCTION, 0, section, value, size)
