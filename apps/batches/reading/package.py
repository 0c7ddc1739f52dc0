"""The zip file of a spreadsheet, checked before anything in it is parsed.

Without Django: the child process imports this module.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, Final, NoReturn
from xml.parsers import expat

from apps.batches.reading.table import NotReadable, TableFault

MAX_MEMBERS: Final = 1_000
MAX_UNPACKED: Final = 50_000_000
"""Bytes of all members together: 25 times the size limit of a file. Excel packs a sheet to about a tenth."""
_CHUNK: Final = 65_536
_ENCRYPTED: Final = 0x1  # bit of a member's flags


def open_package(content: bytes) -> zipfile.ZipFile:
    """The zip file after its checks.

    Each member is unpacked once, in parts, and counted: sizes in the directory may be false. None may have a
    document type, so no entity is ever expanded. Raises :class:`NotReadable`.
    """
    try:
        package = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError):
        raise NotReadable(TableFault.DAMAGED) from None
    members = package.infolist()
    if len(members) > MAX_MEMBERS:
        raise NotReadable(TableFault.TOO_COMPLEX)
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise NotReadable(TableFault.HAS_PASSWORD)
    if len({member.filename for member in members}) < len(members):
        raise NotReadable(TableFault.DAMAGED)  # two programs may read two different sheets
    unpacked = 0
    for member in members:
        try:
            unpacked += _checked_size(package, member, MAX_UNPACKED - unpacked)
        except NotReadable:
            raise
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError):
            raise NotReadable(TableFault.DAMAGED) from None
    return package


def _checked_size(package: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int) -> int:
    """The unpacked size of a member. Raises :class:`NotReadable` above ``limit`` and for a document type."""
    size = 0
    parser: expat.XMLParserType | None = _parser()
    with package.open(member) as part:
        while chunk := part.read(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise NotReadable(TableFault.TOO_COMPLEX)
            if parser is not None:
                try:
                    parser.Parse(chunk)
                except NotReadable:
                    raise
                except (expat.ExpatError, LookupError, ValueError):
                    parser = None  # not XML; if it should be, its reader says so at the same place
    return size


def _parser() -> expat.XMLParserType:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse_document_type
    return parser


def _refuse_document_type(*_declared: object) -> NoReturn:
    raise NotReadable(TableFault.DAMAGED)


def parse(package: zipfile.ZipFile, name: str, prepare: Callable[[expat.XMLParserType], Any]) -> None:
    """Parse a member in parts. ``prepare`` sets the handlers. Raises :class:`NotReadable` for broken XML."""
    parser = _parser()
    parser.buffer_text = True
    prepare(parser)
    try:
        with package.open(name) as part:
            while chunk := part.read(_CHUNK):
                parser.Parse(chunk)
            parser.Parse(b"", True)  # the end
    except NotReadable:
        raise
    except (expat.ExpatError, LookupError, ValueError):
        raise NotReadable(TableFault.DAMAGED) from None


def is_encrypted_open_document(package: zipfile.ZipFile) -> bool:
    """Whether members are encrypted as OpenDocument does it, which a zip program does not see."""
    try:
        manifest = package.read("META-INF/manifest.xml")
    except KeyError:
        return False
    return re.search(rb"<(?:\w+:)?encryption-data\b", manifest) is not None
