"""What a file is by its first bytes. Its name may mislead: pages and texts are often named ``.xls``."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

from apps.batches.reading.table import NotReadable, TableFault


class Kind(Enum):
    """How a file is read."""

    TEXT = auto()
    PACKAGE = auto()  # a zip file: Excel or OpenDocument


_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE: Final = "EncryptedPackage".encode("utf-16-le")
_WORKBOOKS: Final = ("Workbook".encode("utf-16-le"), "Book".encode("utf-16-le"))
_OLD_SHEETS: Final = (
    b"\x09\x00\x04\x00",
    b"\x09\x02\x06\x00",
    b"\x09\x04\x06\x00",
    b"\x09\x08",
)  # BIFF 2 to 5
_OTHER: Final = (
    b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"{\\rtf", b"\x1f\x8b", b"BZh", b"7z\xbc\xaf", b"Rar!",
    b"BEGIN:V", b"ID;PWXL", b"%!PS", b"PAR1", b"SQLite format 3",
)  # fmt: skip
_PAGE: Final = re.compile(
    rb"(?:<!doctype\s+html|<html|<head|<body|<table|<meta|<style|mime-version:)", re.IGNORECASE
)
_COMMENTS: Final = re.compile(rb"\A(?:\s+|<!--.*?-->|<\?xml.*?\?>)*", re.DOTALL)
# Characters that no text has, apart from NUL, which is removed and reported.
_NO_TEXT: Final = "[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]"
_NO_TEXT_BYTES: Final = re.compile(_NO_TEXT.encode())
_NO_TEXT_CHARACTERS: Final = re.compile(_NO_TEXT)


def kind_of(content: bytes) -> Kind:
    """How the file is read. Raises :class:`NotReadable`, with what the file is, if it is not a table."""
    if not content:
        raise NotReadable(TableFault.EMPTY)
    if content.startswith(_ZIP):
        return Kind.PACKAGE
    if content.startswith(_OLE):
        raise NotReadable(_fault_of_ole(content))
    if content.startswith(_OLD_SHEETS):
        raise NotReadable(TableFault.OLD_EXCEL)
    start = content[:4_000].removeprefix(b"\xef\xbb\xbf")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or (start.count(0) > len(start) / 3):
        start = start[2:] if start.startswith((b"\xff\xfe", b"\xfe\xff")) else start
        start = start.replace(b"\0", b"")  # UTF-16
        is_wide = True
    else:
        is_wide = False
    start = start[_COMMENTS.match(start).end() :]  # type: ignore[union-attr]  # matches also nothing
    if _PAGE.match(start):
        raise NotReadable(TableFault.HTML)
    if start.startswith((*_OTHER, b"<")):
        raise NotReadable(TableFault.NOT_A_TABLE)
    if not is_wide and _NO_TEXT_BYTES.search(content):
        raise NotReadable(TableFault.NOT_A_TABLE)
    return Kind.TEXT


def check_text(text: str) -> None:
    """Raise :class:`NotReadable` if a decoded text has characters that only programs and pictures have."""
    if _NO_TEXT_CHARACTERS.search(text):
        raise NotReadable(TableFault.NOT_A_TABLE)


def _fault_of_ole(content: bytes) -> TableFault:
    """What a file in Microsoft's old container is: an encrypted new workbook, an old one, or no workbook."""
    if _ENCRYPTED_PACKAGE in content:
        return TableFault.HAS_PASSWORD
    if any(name in content for name in _WORKBOOKS):
        return TableFault.OLD_EXCEL
    return TableFault.NOT_A_TABLE
