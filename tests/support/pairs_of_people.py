"""Pairs of invented people with the truth about each: the same person twice, or two people.

The kinds follow what happens on an order: families, twins, father and son, namesakes; names as several people
type and transliterate them, exchanged fields and typing errors. A seed gives the same pairs each time.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from apps.cdp.consumers import Identifier, NewConsumer

SEED = 17
PAIRS_OF_A_KIND = 60

WOMEN = (
    "Aoife", "Anna", "Beatriz", "Camille", "Charlotte", "Dorothea", "Elena", "Emilia", "Fatima",
    "Francesca", "Gabriela", "Grace", "Hannah", "Ines", "Ingrid", "Johanna", "Katarzyna", "Leilani",
    "Lucia", "Magdalena", "Marisol", "Miriam", "Natalia", "Olivia", "Patricia", "Priya", "Rebecca",
    "Sabine", "Siobhan", "Stephanie", "Thandiwe", "Ursula", "Valentina", "Veronika", "Wilhelmina",
    "Yasmin", "Zuzanna",
)  # fmt: skip
MEN = (
    "Alistair", "Bogdan", "Callum", "Dominik", "Edward", "Federico", "Frederick", "Gustavo", "Hamish",
    "Henrik", "Ibrahim", "Jonathan", "Kenji", "Lorenzo", "Matthias", "Michael", "Nicholas", "Oliver",
    "Patrick", "Philippe", "Rafael", "Roberto", "Samuel", "Sebastian", "Stanislav", "Sven", "Theodor",
    "Thomas", "Tobias", "Valentin", "Vincent", "Wolfgang", "Zachary",
)  # fmt: skip
LAST = (
    "Achterberg", "Andersson", "Brannigan", "Castellano", "Davenport", "Drummond", "Eriksen", "Ferrante",
    "Fitzgerald", "Gallagher", "Haverkamp", "Hernandez", "Ibanez", "Jankowski", "Kahananui", "Kowalczyk",
    "Lindqvist", "Mabena", "Marchetti", "McAllister", "Morisaki", "Nakamura", "Okonkwo", "Papadimitriou",
    "Penhaligon", "Quintero", "Raghunathan", "Romanowski", "Schneider", "Silva", "Smith", "Sorensen",
    "Thompson", "Vasquez", "Wisniewski", "Yamamoto", "Zimmermann", "Jones", "Garcia", "Khan", "Nguyen",
    "Li",
)  # fmt: skip
ACCENTED = (
    ("Étienne", "Etienne"), ("Zoë", "Zoe"), ("José", "Jose"), ("Siobhán", "Siobhan"), ("Łukasz", "Lukasz"),
    ("Renée", "Renee"), ("Ångström", "Angstrom"), ("Muñoz", "Munoz"), ("Wiśniewski", "Wisniewski"),
    ("Nováková", "Novakova"), ("Đorđević", "Dordevic"), ("Işık", "Isik"), ("Mägi", "Magi"),
    ("D’Souza", "D'Souza"), ("O’Hara", "OHara"), ("Sørensen", "Sorensen"),
)  # fmt: skip
TRANSLITERATED = (
    ("Müller", "Mueller"), ("Jürgen", "Juergen"), ("Bjørn", "Bjoern"), ("Håkon", "Haakon"), ("Weiß", "Weiss"),
    ("Дмитрий", "Dmitry"), ("Юлия", "Julia"), ("Наталья", "Natalia"), ("Александр", "Alexander"),
    ("Сергей", "Sergei"), ("Екатерина", "Ekaterina"), ("Чайковский", "Tchaikovsky"), ("Хрущёв", "Khrushchev"),
    ("Шевченко", "Shevchenko"), ("Παπαδόπουλος", "Papadopoulos"), ("Γεωργίου", "Georgiou"),
    ("Ελένη", "Eleni"), ("Mohammed", "Muhammad"), ("Mohamed", "Mohammad"), ("Yusuf", "Youssef"),
    ("Hussein", "Husain"), ("Aleksandr", "Alexandre"), ("Katharina", "Katarina"), ("Dmitrij", "Dmitry"),
    ("Tatjana", "Tatiana"), ("Philippe", "Filipe"), ("Schmidt", "Schmitt"), ("Meyer", "Meier"),
    ("Abdullah", "Abdallah"), ("Jekaterina", "Yekaterina"),
)  # fmt: skip
NICKNAMES = (
    ("Robert", "Bob"), ("William", "Bill"), ("Elizabeth", "Liz"), ("Margaret", "Peggy"),
    ("Francisco", "Paco"), ("Aleksandr", "Sasha"), ("Johanna", "Hanna"), ("Christopher", "Chris"),
)  # fmt: skip
ALIKE_SISTERS = (
    ("Anna", "Hanna"), ("Maria", "Marie"), ("Marta", "Marla"), ("Elena", "Elina"), ("Jana", "Jane"),
    ("Kristina", "Kristine"), ("Carolina", "Caroline"), ("Lena", "Lene"),
)  # fmt: skip
ALIKE_BROTHER_AND_SISTER = (
    ("Daniel", "Daniela"), ("Gabriel", "Gabriela"), ("Martin", "Martina"), ("Christian", "Christina"),
    ("Mario", "Maria"), ("Julian", "Juliana"), ("Marcel", "Marcela"), ("Denis", "Denise"),
)  # fmt: skip
NEIGHBOURS = {
    "a": "s",
    "e": "r",
    "i": "o",
    "o": "p",
    "n": "m",
    "t": "r",
    "r": "e",
    "l": "k",
    "s": "d",
    "c": "v",
}


@dataclass(frozen=True)
class Pair:
    """Two records, and whether they are the same person."""

    kind: str
    entry: NewConsumer
    other: NewConsumer
    is_same: bool


class Maker:
    """Makes people and pairs from one source of chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # repeatable test data

    def person(self, **given: Any) -> NewConsumer:
        """A person with name, date of birth, e-mail, phone and passport."""
        chance = self.chance
        gender = given.get("gender") or chance.choice(("female", "male"))
        first = chance.choice(WOMEN if gender == "female" else MEN)
        last = chance.choice(LAST)
        number = chance.randrange(10**6)
        values: dict[str, Any] = {
            "first_name": first,
            "last_name": last,
            "gender": gender,
            "date_of_birth": self.date(),
            "emails": (f"{first}.{last}.{number}@example.com".lower(),),
            "phone_numbers": (f"+4420{chance.randrange(10**8):08}",),
            "passport_number": self.passport(),
        }
        return NewConsumer(**{**values, **given})

    def date(self, first_year: int = 1940, last_year: int = 2015) -> dt.date:
        """A date of birth."""
        days = (dt.date(last_year, 12, 31) - dt.date(first_year, 1, 1)).days
        return dt.date(first_year, 1, 1) + dt.timedelta(self.chance.randrange(days))

    def passport(self) -> str:
        """A passport number."""
        return f"{self.chance.choice('ABCDEFGHKLMNPX')}{self.chance.randrange(10**8):08}"

    def elsewhere(self, one: NewConsumer, **changes: Any) -> NewConsumer:
        """The same person as another system has them: with less, or with another address or number."""
        chance = self.chance
        values: dict[str, Any] = {}
        if chance.random() < 0.5:
            values["passport_number"] = ""
        if chance.random() < 0.4:
            values["phone_numbers"] = ()
        if chance.random() < 0.3:
            values["emails"] = (f"office{chance.randrange(10**6)}@example.org",)
        if chance.random() < 0.3:
            values["gender"] = ""
        return replace(one, **{**values, **changes})

    def relative(self, one: NewConsumer, **changes: Any) -> NewConsumer:
        """Another member of the household: the same last name, e-mail and phone."""
        other = self.person()
        while other.first_name == one.first_name:
            other = self.person()
        shared = {name: getattr(one, name) for name in ("last_name", "emails", "phone_numbers")}
        return replace(self.maybe_without_passport(other), **{**shared, **changes})

    def maybe_without_passport(self, one: NewConsumer) -> NewConsumer:
        """The person, in two of three cases without a passport number, which would prove two people."""
        return replace(one, passport_number="") if self.chance.random() < 2 / 3 else one

    def mistyped(self, name: str) -> str:
        """The name with one typing error: a letter missing, doubled, wrong, or two exchanged."""
        place = self.chance.randrange(1, len(name) - 1)
        match self.chance.randrange(4):
            case 0:
                wrong = name[:place] + name[place + 1 :]
            case 1:
                wrong = name[:place] + name[place] + name[place:]
            case 2:
                wrong = name[:place] + NEIGHBOURS.get(name[place], "u") + name[place + 1 :]
            case _:
                wrong = name[:place] + name[place + 1] + name[place] + name[place + 2 :]
        return wrong if wrong != name else self.mistyped(name)

    def with_exchanged_day(self) -> tuple[dt.date, dt.date]:
        """A date, and the same with day and month exchanged."""
        born = self.date()
        while born.day > 12 or born.day == born.month:
            born = self.date()
        return born, dt.date(born.year, born.day, born.month)

    def with_wrong_digit(self) -> tuple[dt.date, dt.date]:
        """A date, and the same with one digit wrong."""
        while True:
            born = self.date()
            digits = list(f"{born:%Y%m%d}")
            digits[self.chance.choice((3, 7))] = str(self.chance.randrange(10))
            try:
                other = dt.datetime.strptime("".join(digits), "%Y%m%d").date()  # noqa: DTZ007  # a date
            except ValueError:
                continue
            if other != born:
                return born, other


def pairs(seed: int = SEED) -> list[Pair]:
    """The pairs of every kind, the same for a seed."""
    make = Maker(seed)
    return [
        Pair(kind, *made(make), is_same)
        for kinds, is_same in ((SAME, True), (TWO, False))
        for kind, made in kinds.items()
        for _ in range(PAIRS_OF_A_KIND)
    ]


Two = tuple[NewConsumer, NewConsumer]


def _copied(make: Maker) -> Two:
    one = make.person()
    return one, make.elsewhere(one, first_name=one.first_name.upper())


def _without_dates(make: Maker) -> Two:
    one = make.person()
    return one, make.elsewhere(one, date_of_birth=None)


def _from_list(values: tuple[tuple[str, str], ...]) -> Callable[[Maker], Two]:
    def made(make: Maker) -> Two:
        one = make.person()
        name = make.chance.choice(("first_name", "last_name"))
        written, other = make.chance.choice(values)
        changed = (
            replace(one, first_name=written) if name == "first_name" else replace(one, last_name=written)
        )
        return changed, make.elsewhere(one, **{name: other})

    return made


def _hyphens(make: Maker) -> Two:
    one = make.person()
    first, second = make.chance.sample(WOMEN, 2)
    written = make.chance.choice((f"{first} {second}", f"{first}{second.lower()}"))
    return replace(one, first_name=f"{first}-{second}"), make.elsewhere(one, first_name=written)


def _exchanged(make: Maker) -> Two:
    one = make.person()
    born = make.chance.choice((one.date_of_birth, None))
    return one, make.elsewhere(one, first_name=one.last_name, last_name=one.first_name, date_of_birth=born)


def _second_name_elsewhere(make: Maker) -> Two:
    one = make.person()
    second = make.chance.choice(WOMEN)
    one = replace(one, first_name=f"{one.first_name} {second}")
    first = one.first_name.split()[0]
    return one, make.elsewhere(one, first_name=first, last_name=f"{second} {one.last_name}")


def _mistyped(name: str, **changes: Any) -> Callable[[Maker], Two]:
    def made(make: Maker) -> Two:
        one = make.person()
        while len(getattr(one, name)) < 4:
            one = make.person()
        return one, make.elsewhere(one, **{name: make.mistyped(getattr(one, name))}, **changes)

    return made


def _mistyped_without_dates(make: Maker) -> Two:
    one = make.person()
    wrong = make.mistyped(one.last_name) if len(one.last_name) > 3 else f"{one.last_name}k"
    return one, make.elsewhere(one, last_name=wrong, date_of_birth=None, emails=one.emails)


def _mistyped_twice(make: Maker) -> Two:
    one = make.person(last_name=make.chance.choice([name for name in LAST if len(name) > 4]))
    return one, make.elsewhere(
        one, first_name=make.mistyped(one.first_name), last_name=make.mistyped(one.last_name)
    )


def _second_first_name(make: Maker) -> Two:
    one = make.person()
    return replace(one, first_name=f"{one.first_name} {make.chance.choice(WOMEN + MEN)}"), make.elsewhere(one)


def _second_last_name(make: Maker) -> Two:
    one = make.person()
    other = make.elsewhere(one)
    return replace(one, last_name=f"{one.last_name} {make.chance.choice(LAST)}"), other


def _initial(make: Maker) -> Two:
    one = make.person()
    return one, make.elsewhere(one, first_name=f"{one.first_name[0]}.")


def _exchanged_day(make: Maker) -> Two:
    born, other = make.with_exchanged_day()
    one = make.person(date_of_birth=born)
    return one, make.elsewhere(one, date_of_birth=other)


def _wrong_digit(make: Maker) -> Two:
    born, other = make.with_wrong_digit()
    one = make.person(date_of_birth=born)
    return one, make.elsewhere(one, date_of_birth=other)


def _other_date(make: Maker) -> Two:
    one = make.person()
    return one, make.elsewhere(one, date_of_birth=make.date())


def _married(make: Maker) -> Two:
    one = make.person()
    return one, make.elsewhere(one, last_name=make.chance.choice(LAST), emails=one.emails, passport_number="")


def _married_with_new_address(make: Maker) -> Two:
    one = make.person()
    contacts = {"emails": (f"x{make.chance.randrange(10**6)}@example.net",), "phone_numbers": ()}
    return one, make.elsewhere(one, last_name=make.chance.choice(LAST), passport_number="", **contacts)


def _nickname(*kept: str) -> Callable[[Maker], Two]:
    def made(make: Maker) -> Two:
        first, short = make.chance.choice(NICKNAMES)
        one = make.person(first_name=first)
        same = {name: getattr(one, name) for name in kept}
        return one, make.elsewhere(one, first_name=short, **{"passport_number": "", **same})

    return made


def _same_identifier(make: Maker) -> Two:
    identifiers = (Identifier("LoyaltyProgramme", f"LP-{make.chance.randrange(10**7)}"),)
    first, short = make.chance.choice(NICKNAMES)
    one = make.person(first_name=first, identifiers=identifiers)
    return one, make.elsewhere(one, first_name=short, date_of_birth=None)


def _wrong_passport(make: Maker) -> Two:
    one = make.person()
    place = make.chance.randrange(1, 9)
    digit = str((int(one.passport_number[place]) + make.chance.randrange(1, 10)) % 10)
    wrong = one.passport_number[:place] + digit + one.passport_number[place + 1 :]
    return one, make.elsewhere(one, passport_number=wrong, date_of_birth=None)


def _new_passport(make: Maker) -> Two:
    one = make.person()
    return one, make.elsewhere(one, passport_number=make.passport())


def _mistyped_name_and_date(make: Maker) -> Two:
    born, other = make.with_wrong_digit()
    one = make.person(date_of_birth=born, last_name=make.chance.choice([n for n in LAST if len(n) > 4]))
    return one, make.elsewhere(one, last_name=make.mistyped(one.last_name), date_of_birth=other)


SAME: dict[str, Callable[[Maker], Two]] = {
    "copied, in capitals": _copied,
    "same name, no date of birth": _without_dates,
    "accents": _from_list(ACCENTED),
    "transliteration": _from_list(TRANSLITERATED),
    "hyphen or blank": _hyphens,
    "exchanged names": _exchanged,
    "second name in the other field": _second_name_elsewhere,
    "typing error in the first name": _mistyped("first_name"),
    "typing error in the last name": _mistyped("last_name"),
    "typing error, no date, same e-mail": _mistyped_without_dates,
    "typing errors in both names": _mistyped_twice,
    "second first name missing": _second_first_name,
    "second last name missing": _second_last_name,
    "initial": _initial,
    "day and month exchanged": _exchanged_day,
    "one digit of the date wrong": _wrong_digit,
    "another date": _other_date,
    "another last name, same e-mail": _married,
    "another last name and address": _married_with_new_address,
    "short name, same passport": _nickname("passport_number"),
    "short name, same date and e-mail": _nickname("emails"),
    "same identifier": _same_identifier,
    "typing error in the passport, no date": _wrong_passport,
    "new passport": _new_passport,
    "typing errors in name and date": _mistyped_name_and_date,
}
"""One person twice."""


def _relatives(**changes: Any) -> Callable[[Maker], Two]:
    def made(make: Maker) -> Two:
        one = replace(make.person(), **changes)
        return one, make.relative(one, **changes)

    return made


def _consecutive_passports(make: Maker) -> Two:
    number = make.chance.randrange(10**7, 10**8 - 1)
    one = make.person(passport_number=f"X{number}")
    return one, make.relative(one, passport_number=f"X{number + 1}", date_of_birth=None)


def _same_address_as_identifier(make: Maker) -> Two:
    one = make.person()
    shared = (Identifier("email", one.emails[0]),)
    return replace(one, identifiers=shared), make.relative(one, identifiers=shared)


def _twins(make: Maker) -> Two:
    one = make.person(date_of_birth=make.date(2000, 2018))
    return one, make.relative(one, date_of_birth=one.date_of_birth)


def _second_names_of_twins(make: Maker) -> Two:
    first, second, third = make.chance.sample(WOMEN, 3)
    one = make.person(first_name=f"{first} {second}", date_of_birth=make.date(2000, 2018))
    return one, make.relative(one, first_name=f"{first} {third}", date_of_birth=one.date_of_birth)


def _alike_twins(names: tuple[tuple[str, str], ...], *genders: str) -> Callable[[Maker], Two]:
    def made(make: Maker) -> Two:
        first, second = make.chance.choice(names)
        one = make.person(first_name=first, gender=genders[0], passport_number="")
        born = one.date_of_birth
        return one, make.relative(
            one, first_name=second, date_of_birth=born, gender=genders[-1], passport_number=""
        )

    return made


def _alike_twins_with_passports(make: Maker) -> Two:
    one, other = _alike_twins(ALIKE_SISTERS, "female")(make)
    return replace(one, passport_number=make.passport()), replace(other, passport_number=make.passport())


def _alike_sisters(**changes: Any) -> Callable[[Maker], Two]:
    def made(make: Maker) -> Two:
        first, second = make.chance.choice(ALIKE_SISTERS)
        one = make.person(first_name=first, gender="female", **changes)
        return one, make.relative(one, first_name=second, gender="female", **changes)

    return made


def _junior(**changes: Any) -> Callable[[Maker], Two]:
    def made(make: Maker) -> Two:
        one = make.person(gender="male", date_of_birth=make.date(1940, 1975))
        child = make.relative(one, first_name=one.first_name, gender="male", passport_number="")
        return one, replace(child, date_of_birth=make.date(1976, 2012), **changes)

    return made


def _junior_by_name(make: Maker) -> Two:
    one, child = _junior()(make)
    named = replace(child, last_name=f"{child.last_name} {make.chance.choice(('Jr', 'Jr.', 'II', 'Junior'))}")
    return replace(one, date_of_birth=None), replace(named, date_of_birth=None)


def _namesakes(make: Maker) -> Two:
    one, other = make.person(), make.person()
    return one, replace(other, first_name=one.first_name, last_name=one.last_name, passport_number="")


def _namesakes_with_passports(make: Maker) -> Two:
    one, other = _namesakes(make)
    other = replace(other, passport_number=make.passport(), date_of_birth=None)
    return one, other


def _born_the_same_day(make: Maker) -> Two:
    one = make.person()
    other = make.person()
    while {one.first_name, one.last_name} & {other.first_name, other.last_name}:
        other = make.person()
    return one, replace(make.maybe_without_passport(other), date_of_birth=one.date_of_birth)


def _same_first_name_and_day(make: Maker) -> Two:
    one, other = make.person(), make.person()
    while other.last_name == one.last_name:
        other = make.person()
    other = replace(other, first_name=one.first_name, date_of_birth=one.date_of_birth)
    return one, make.maybe_without_passport(other)


def _strangers(make: Maker) -> Two:
    one, other = make.person(), make.person()
    while (one.first_name, one.last_name) == (other.first_name, other.last_name):
        other = make.person()
    return one, make.maybe_without_passport(other)


def _placeholder(make: Maker) -> Two:
    number = make.chance.choice(("TBA", "N/A", "000000", "UNKNOWN", "XXXXXXX"))
    return replace(make.person(), passport_number=number), replace(
        make.person(last_name="Abendroth"), passport_number=number
    )


def _one_office(make: Maker) -> Two:
    """Colleagues: the e-mail address and phone of one office, and last names that differ by a letter."""
    name = make.chance.choice([each for each in LAST if len(each) > 4])
    one = make.person(last_name=name)
    return one, make.relative(one, last_name=make.mistyped(name))


TWO: dict[str, Callable[[Maker], Two]] = {
    "family": _relatives(),
    "family, no dates": _relatives(date_of_birth=None),
    "family, consecutive passports": _consecutive_passports,
    "family, one address as identifier": _same_address_as_identifier,
    "twins": _twins,
    "twins with a common first name": _second_names_of_twins,
    "twin sisters with close names": _alike_twins(ALIKE_SISTERS, "female"),
    "twin sisters with close names, passports": _alike_twins_with_passports,
    "twins Daniel and Daniela": _alike_twins(ALIKE_BROTHER_AND_SISTER, "male", "female"),
    "sisters with close names": _alike_sisters(),
    "sisters with close names, no dates": _alike_sisters(date_of_birth=None),
    "father and son": _junior(),
    "father and son, Jr, no dates": _junior_by_name,
    "namesakes": _namesakes,
    "namesakes, other passports, a date missing": _namesakes_with_passports,
    "born the same day": _born_the_same_day,
    "same first name and day": _same_first_name_and_day,
    "strangers": _strangers,
    "placeholder for a passport": _placeholder,
    "one office, close last names": _one_office,
}
"""Two people."""


def kinds() -> Iterator[tuple[str, bool]]:
    """Every kind, and whether it is the same person."""
    yield from ((kind, True) for kind in SAME)
    yield from ((kind, False) for kind in TWO)
