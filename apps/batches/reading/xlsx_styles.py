"""The styles of an Excel file without their looks: what remains are the formats of numbers and dates.

openpyxl refuses a workbook whose fonts, fills or borders are not as the standard says, as some programs write
them. A person sees nothing wrong in Excel. Without Django: the child process imports this module.
"""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
import zipfile
from typing import Final
from xml.sax.saxutils import quoteattr

_STYLES: Final = "xl/styles.xml"
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PLAIN: Final = (
    '<styleSheet xmlns="{main}"><numFmts count="{count}">{formats}</numFmts><fonts><font/></fonts>'
    '<fills><fill><patternFill patternType="none"/></fill></fills><borders><border/></borders>'
    "<cellStyleXfs><xf/></cellStyleXfs><cellXfs>{cells}</cellXfs></styleSheet>"
)


def with_plain_styles(package: zipfile.ZipFile) -> bytes:
    """A copy of the package whose styles have only formats.

    The package has passed its checks, so no entity is expanded. Raises ``KeyError`` without styles, and
    ``ParseError``.
    """
    styles = ET.fromstring(package.read(_STYLES))  # noqa: S314  # see above
    formats = [
        f"<numFmt numFmtId={_attribute(one, 'numFmtId')} formatCode={_attribute(one, 'formatCode')}/>"
        for one in styles.iterfind(f"{{{_MAIN}}}numFmts/{{{_MAIN}}}numFmt")
    ]
    cells = "".join(
        f"<xf numFmtId={_attribute(one, 'numFmtId')}/>"
        for one in styles.iterfind(f"{{{_MAIN}}}cellXfs/{{{_MAIN}}}xf")
    )
    plain = _PLAIN.format(main=_MAIN, count=len(formats), formats="".join(formats), cells=cells or "<xf/>")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy:
        for name in package.namelist():
            copy.writestr(name, plain if name == _STYLES else package.read(name))
    return stream.getvalue()


def _attribute(element: ET.Element, name: str) -> str:
    """The value of an attribute between quotation marks; 0, which is the general format, if it is absent."""
    return quoteattr(element.get(name, "0"))
