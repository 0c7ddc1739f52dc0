"""ZIP archives that are sent while they are made: no temporary file, no step back in the output."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Callable
from typing import Any, Final

LARGEST: Final = 2**31 - 1
"""Maximum size in bytes of one file in an archive without ``zip64`` (``zipfile.ZIP64_LIMIT``)."""

_FAST: Final = 1  # zlib level: half the time of the default level, 10 % more bytes


class ZipStream:
    """Writes an archive with the standard library's ``zipfile``, file by file.

    ``write_bytes`` receives the archive in order. Until :meth:`close` the archive has no directory, and no
    program opens it; an archive that is abandoned never gets one.
    ``modified``: the time of all files. Without it they have the date 1 January 1980, so that equal content
    makes equal archives, and are compressed at zlib's level 1; with it, at zlib's default level (``zipfile``
    applies a level only to files that it dates itself).
    ``zip64``: allow files above :data:`LARGEST`. Not for Excel files: some programs refuse sheets with the
    64-bit sizes of APPNOTE 4.3.9.2.
    """

    def __init__(
        self,
        write_bytes: Callable[[bytes], object],
        *,
        modified: dt.datetime | None = None,
        zip64: bool = False,
    ) -> None:
        self._write_bytes = write_bytes
        self._modified = modified
        self._zip64 = zip64
        self._sink = _Sink()
        self._archive = _Archive(self._sink, "w", zipfile.ZIP_DEFLATED, compresslevel=_FAST)

    def begin(self, name: str) -> None:
        """Begin the next file."""
        self.size = 0
        self._file = self._archive.open(self._entry(name), "w", force_zip64=self._zip64)
        self._send()

    def write(self, data: bytes) -> None:
        """Append to the current file. Raises ``ValueError`` above :data:`LARGEST` without ``zip64``."""
        self.size += len(data)
        if self.size > LARGEST and not self._zip64:
            raise ValueError("a file of 2 GiB in an archive without ZIP64")
        self._file.write(data)
        self._send()

    def end(self) -> None:
        """End the current file."""
        self._file.close()
        self._send()

    def add(self, name: str, data: bytes) -> None:
        """Write a whole file."""
        self.begin(name)
        self.write(data)
        self.end()

    def close(self) -> None:
        """Write the directory, which completes the archive."""
        self._archive.close()
        self._send()

    def _entry(self, name: str) -> str | zipfile.ZipInfo:
        if self._modified is None:
            return name
        entry = zipfile.ZipInfo(name, self._modified.timetuple()[:6])
        entry.compress_type = zipfile.ZIP_DEFLATED
        return entry

    def _send(self) -> None:
        if data := self._sink.take():
            self._write_bytes(data)


class _Archive(zipfile.ZipFile):
    def __del__(self) -> None:
        """Do not complete an abandoned archive, as ``ZipFile`` would."""


class _Sink(io.RawIOBase):
    """An output that cannot seek. It buffers, so that what ``zipfile`` writes on disposal is never sent."""

    def __init__(self) -> None:
        self.position = 0
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def write(self, data: Any, /) -> int:
        part = bytes(data)
        self._parts.append(part)
        self.position += len(part)
        return len(part)

    def take(self) -> bytes:
        """Return what was written since the last call."""
        parts, self._parts = self._parts, []
        return b"".join(parts)
