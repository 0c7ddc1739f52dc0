"""A ZIP archive that is written from its beginning to its end and never looked at again (PKWARE APPNOTE 6.3).

The sizes of a file stand behind it ("data descriptor"), and are of four bytes: some readers of Excel's files
take larger ones amiss there. So no file in the archive may reach 4 GiB; the archive may.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

LARGEST: Final = 2**32 - 1
"""The most that a file in the archive may hold, in bytes."""

_VERSION, _VERSION_ZIP64 = 20, 45
_FLAGS: Final = 0x0008 | 0x0800  # a data descriptor follows; names are UTF-8
_DEFLATED: Final = 8
_DATE: Final = (1 << 5) | 1  # 1 January 1980: equal rows make equal files
_FAST: Final = 1  # a level of zlib: half the time of the usual one, for a tenth more bytes


@dataclass(frozen=True, slots=True)
class _Entry:
    name: bytes
    begin: int
    crc: int
    packed: int
    size: int

    def directory(self) -> bytes:
        """Its line in the directory at the end."""
        far = self.begin > LARGEST
        extra = struct.pack("<HHQ", 1, 8, self.begin) if far else b""
        version = _VERSION_ZIP64 if far else _VERSION
        begin = LARGEST if far else self.begin
        return (
            struct.pack("<4s4H", b"PK\1\2", version, version, _FLAGS, _DEFLATED)
            + struct.pack("<2H3L", 0, _DATE, self.crc, self.packed, self.size)
            + struct.pack("<5H2L", len(self.name), len(extra), 0, 0, 0, 0, begin)
            + self.name
            + extra
        )


class ZipStream:
    """Writes an archive, file by file. Without :meth:`close` it has no directory, and no program opens it."""

    def __init__(self, write_bytes: Callable[[bytes], object]) -> None:
        self._write_bytes = write_bytes
        self._entries: list[_Entry] = []
        self._position = 0

    def begin(self, name: str) -> None:
        """Begin the next file."""
        self._name, self._begin = name.encode(), self._position
        self._deflate = zlib.compressobj(_FAST, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._crc, self._packed, self.size = 0, 0, 0
        head = struct.pack("<4s5H", b"PK\3\4", _VERSION, _FLAGS, _DEFLATED, 0, _DATE)
        self._put(head + struct.pack("<3L2H", 0, 0, 0, len(self._name), 0) + self._name)

    def write(self, data: bytes) -> None:
        """Write more of the file that was begun. Raises ``ValueError`` where it becomes too large."""
        self.size += len(data)
        if self.size > LARGEST:
            raise ValueError("a file of 4 GiB in an archive")
        self._crc = zlib.crc32(data, self._crc)
        self._pack(self._deflate.compress(data))

    def end(self) -> None:
        """End the file that was begun."""
        self._pack(self._deflate.flush())
        self._put(struct.pack("<4s3L", b"PK\7\x08", self._crc, self._packed, self.size))
        self._entries.append(_Entry(self._name, self._begin, self._crc, self._packed, self.size))

    def add(self, name: str, text: str) -> None:
        """A whole file."""
        self.begin(name)
        self.write(text.encode())
        self.end()

    def close(self) -> None:
        """Write the directory: the archive is whole."""
        begin = self._position
        for entry in self._entries:
            self._put(entry.directory())
        size, count = self._position - begin, len(self._entries)
        if begin > LARGEST:
            far = self._position
            version = (_VERSION_ZIP64, _VERSION_ZIP64)
            self._put(
                struct.pack("<4sQ2H2L", b"PK\6\6", 44, *version, 0, 0)
                + struct.pack("<4Q", count, count, size, begin)
                + struct.pack("<4sLQL", b"PK\6\7", 0, far, 1)
            )
        self._put(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, min(begin, LARGEST), 0))

    def _pack(self, packed: bytes) -> None:
        self._packed += len(packed)
        self._put(packed)

    def _put(self, data: bytes) -> None:
        if data:
            self._position += len(data)
            self._write_bytes(data)
