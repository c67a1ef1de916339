"""A shared library of a few bytes that makes the program it is loaded into undumpable.

``exec`` makes a process dumpable again, and the kernel keeps no wish to the contrary, so ``tritonserver`` has to ask
for it from inside. It reads no Python; but the dynamic loader runs the initialiser of every library named in
``LD_PRELOAD`` before ``main``. Ours makes one system call, ``prctl(PR_SET_DUMPABLE, 0)``, and returns. It is written
here byte by byte, since a compiler is not to be expected where Limner runs. x86-64 only, as the embedded server is.

The format is the System V ABI's (gABI, chapter 5, "Dynamic Linking"; AMD64 supplement). The loader insists on the
tables for hash, strings and symbols; they are as empty as they may be. glibc before 2.35 writes into the dynamic
section, which is therefore mapped a second time, one page further on, where it may be written to.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

_PAGE: Final = 0x1000
_BASE: Final = 64 + 4 * 56
"""Where the code lies: behind the ELF header and four program headers."""

_CODE: Final = bytes.fromhex(
    "b89d000000"  # mov eax, 157     prctl
    "bf04000000"  # mov edi, 4       PR_SET_DUMPABLE
    "31f6"  # xor esi, esi           0: no dumps, no tracing by the same user
    "31d2"  # xor edx, edx
    "4531d2"  # xor r10d, r10d
    "4531c0"  # xor r8d, r8d
    "0f05"  # syscall
    "c3"  # ret
)
_DT_HASH, _DT_STRTAB, _DT_SYMTAB, _DT_STRSZ, _DT_SYMENT, _DT_INIT = 4, 5, 6, 10, 11, 12
_PT_LOAD, _PT_DYNAMIC, _PT_GNU_STACK = 1, 2, 0x6474E551
_RX, _RW = 5, 6


def write_library(path: Path) -> bool:
    """Write the library to a file that ``LD_PRELOAD`` can name; False where no path with such characters can be."""
    if set(" :") & set(str(path)):  # they part one library from the next (ld.so(8))
        return False
    path.write_bytes(_library())
    return True


def _library() -> bytes:
    strings, symbols, hashes = b"\0" * 8, bytes(24), struct.pack("<4I", 1, 1, 0, 0)
    code_at = _BASE
    strings_at = code_at + -(-len(_CODE) // 8) * 8
    symbols_at = strings_at + len(strings)
    hashes_at = symbols_at + len(symbols)
    dynamic_at = hashes_at + len(hashes)
    entries = (
        (_DT_HASH, hashes_at),
        (_DT_STRTAB, strings_at),
        (_DT_SYMTAB, symbols_at),
        (_DT_STRSZ, 1),
        (_DT_SYMENT, len(symbols)),
        (_DT_INIT, code_at),
        (0, 0),
    )
    dynamic = b"".join(struct.pack("<qQ", tag, value) for tag, value in entries)
    size = dynamic_at + len(dynamic)
    header = struct.pack(
        "<4sBBBB8xHHIQQQIHHHHHH",
        *(b"\x7fELF", 2, 1, 1, 0),  # 64 bits, little-endian
        *(3, 62, 1, 0, 64, 0, 0),  # a shared object for x86-64; program headers follow, no sections
        *(64, 56, 4, 64, 0, 0),
    )
    segments = (
        _segment(_PT_LOAD, _RX, 0, 0, size, _PAGE),
        _segment(_PT_LOAD, _RW, dynamic_at, dynamic_at + _PAGE, len(dynamic), _PAGE),
        _segment(_PT_DYNAMIC, _RW, dynamic_at, dynamic_at + _PAGE, len(dynamic), 8),
        _segment(_PT_GNU_STACK, _RW, 0, 0, 0, 16),
    )
    return b"".join((header, *segments, _CODE.ljust(strings_at - code_at, b"\0"), strings, symbols, hashes, dynamic))


def _segment(kind: int, access: int, offset: int, address: int, size: int, alignment: int) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, access, offset, address, address, size, size, alignment)
