"""Archives that are written as a stream open everywhere, whatever their size."""

from __future__ import annotations

import datetime as dt
import gc
import io
import zipfile
from pathlib import Path

import pytest

from apps.core.export import zip_stream
from apps.core.export.zip_stream import ZipStream


def test_archive_contains_the_written_files() -> None:
    pieces: list[bytes] = []
    stream = ZipStream(pieces.append)
    stream.add("a.txt", b"one")
    stream.begin("folder/ä.txt")
    for number in range(1_000):
        stream.write(str(number).encode())
    stream.end()
    stream.close()
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.txt", "folder/ä.txt"]
        assert archive.read("a.txt") == b"one"
        assert archive.read("folder/ä.txt") == "".join(map(str, range(1_000))).encode()


def test_abandoned_archive_is_never_completed() -> None:
    pieces: list[bytes] = []
    stream = ZipStream(pieces.append)
    stream.add("a.txt", b"one")
    stream.begin("b.txt")
    stream.write(b"two")
    sent = list(pieces)
    del stream
    gc.collect()
    assert pieces == sent
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(b"".join(pieces)))


def test_time_and_zip64_are_options() -> None:
    pieces: list[bytes] = []
    stream = ZipStream(pieces.append, modified=dt.datetime(2026, 3, 7, 9, 5, tzinfo=dt.UTC), zip64=True)
    stream.add("a.txt", b"one")
    stream.close()
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        assert archive.getinfo("a.txt").date_time == (2026, 3, 7, 9, 5, 0)
        assert archive.getinfo("a.txt").create_version == zipfile.ZIP64_VERSION


def test_files_beyond_the_first_four_gibibytes_are_found(tmp_path: Path) -> None:
    far = 2**32 + 1_000
    path = tmp_path / "large.zip"
    with path.open("wb") as file:
        stream = ZipStream(file.write)
        stream.add("near.txt", b"near")
        file.seek(far)  # a hole in the file simulates a large sheet
        stream._sink.position = far
        stream.add("far.txt", b"far")
        stream.close()
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("far.txt").header_offset == far
        assert [archive.read(name) for name in archive.namelist()] == [b"near", b"far"]


def test_file_of_two_gibibytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_stream, "LARGEST", 10)
    stream = ZipStream(len)
    stream.begin("a.txt")
    stream.write(b"0123456789")
    with pytest.raises(ValueError, match="2 GiB"):
        stream.write(b"0")
