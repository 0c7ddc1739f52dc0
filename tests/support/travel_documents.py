"""Made travel documents, written as MRZ by the package ``mrz``: a second implementation of ICAO Doc 9303."""

from __future__ import annotations

import datetime
import random
import string
from dataclasses import dataclass

from mrz.checker.mrva import MRVACodeChecker
from mrz.checker.mrvb import MRVBCodeChecker
from mrz.checker.td1 import TD1CodeChecker
from mrz.checker.td2 import TD2CodeChecker
from mrz.checker.td3 import TD3CodeChecker
from mrz.generator.mrva import MRVACodeGenerator
from mrz.generator.mrvb import MRVBCodeGenerator
from mrz.generator.td1 import TD1CodeGenerator
from mrz.generator.td2 import TD2CodeGenerator
from mrz.generator.td3 import TD3CodeGenerator

from apps.consumers.paste.mrz_lines import Format

TODAY = datetime.date(2026, 3, 7)
SPECIMEN = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"
"""The specimen of Doc 9303-4, appendix B."""
_CODES = {Format.TD1: "I", Format.TD2: "I", Format.TD3: "P", Format.MRV_A: "V", Format.MRV_B: "V"}
_NAMES = {Format.TD1: 30, Format.TD2: 31, Format.TD3: 39, Format.MRV_A: 39, Format.MRV_B: 31}
_OPTIONAL = {Format.TD1: 15, Format.TD2: 7, Format.TD3: 14, Format.MRV_A: 16, Format.MRV_B: 8}
_STATES = ("IRL", "D", "GBR", "ESP", "UTO", "XXA", "USA", "POL", "GBD", "RKS")
_SERIAL = string.ascii_uppercase + string.digits
_WRITERS = {
    Format.TD2: TD2CodeGenerator, Format.TD3: TD3CodeGenerator, Format.MRV_A: MRVACodeGenerator,
    Format.MRV_B: MRVBCodeGenerator,
}  # fmt: skip
_CHECKERS = {
    Format.TD1: TD1CodeChecker, Format.TD2: TD2CodeChecker, Format.TD3: TD3CodeChecker,
    Format.MRV_A: MRVACodeChecker, Format.MRV_B: MRVBCodeChecker,
}  # fmt: skip


@dataclass(frozen=True)
class Document:
    """What a document says, in the characters of an MRZ."""

    format: Format
    issuer: str
    number: str
    last_name: str
    first_name: str
    nationality: str
    sex: str
    born: datetime.date
    expires: datetime.date
    optional: str

    def mrz(self) -> str:
        """The MRZ, as the other implementation writes it."""
        born, expires = f"{self.born:%y%m%d}", f"{self.expires:%y%m%d}"
        code = _CODES[self.format]
        if self.format is Format.TD1:
            return str(
                TD1CodeGenerator(
                    code, self.issuer, self.number, born, self.sex, expires, self.nationality,
                    self.last_name, self.first_name, self.optional, force=True,
                )
            )  # fmt: skip
        return str(
            _WRITERS[self.format](
                code, self.issuer, self.last_name, self.first_name, self.number, self.nationality, born,
                self.sex, expires, self.optional, force=True,
            )
        )  # fmt: skip


def made_document(chance: random.Random) -> Document:
    """A random document of any format. Some names are as long as their field."""
    kind = chance.choice(list(Format))
    room = _NAMES[kind]
    last = " ".join(_word(chance) for _ in range(chance.choice((1, 1, 2))))[: room - 4].strip()
    first = " ".join(_word(chance) for _ in range(chance.choice((0, 1, 1, 2))))[
        : room - len(last) - 2
    ].strip()
    return Document(
        format=kind,
        issuer=chance.choice(_STATES),
        number="".join(chance.choices(_SERIAL, k=chance.choice((9, 9, 8, 6)))),
        last_name=last,
        first_name=first,
        nationality=chance.choice(_STATES),
        sex=chance.choice(("M", "F", "<")),
        born=TODAY - datetime.timedelta(days=chance.randrange(1, 99 * 365)),
        expires=TODAY + datetime.timedelta(days=chance.randrange(-3000, 3650)),
        optional="".join(chance.choices(_SERIAL, k=chance.choice((0, 0, 5, _OPTIONAL[kind])))),
    )


def check_digits(kind: Format, text: str) -> tuple[bool, bool, bool, bool | None]:
    """Whether the other implementation accepts the check digits of number, birth, expiry, and all of them."""
    checker = _CHECKERS[kind](text)
    composite = None if kind in (Format.MRV_A, Format.MRV_B) else checker.final_hash
    return checker.document_number_hash, checker.birth_date_hash, checker.expiry_date_hash, composite


def _word(chance: random.Random) -> str:
    return "".join(chance.choices(string.ascii_uppercase, k=chance.randrange(2, 14)))
