"""The guests of a new sandbox. All of them are invented.

E-mail addresses are in domains reserved for examples (RFC 2606). Phone numbers are in ranges that the
regulators of GB, US, AU, FR and DE reserve for drama. Passport numbers are invented.
"""

from dataclasses import dataclass

from sandbox.data.store import JsonObject


@dataclass(frozen=True, slots=True)
class SeedGuest:
    """One guest; `identifiers` are pairs of provider and id."""

    ref: str
    guest_type: str
    title: str
    first_name: str
    last_name: str
    gender: str
    born: str = ""
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    nationality: str = ""
    country: str = ""
    passport: str = ""
    identifiers: tuple[tuple[str, str], ...] = ()

    def person(self) -> JsonObject:
        """The fields that guests, contacts and consumers have in common, without the empty ones."""
        fields: JsonObject = {
            "title": self.title,
            "firstName": self.first_name,
            "lastName": self.last_name,
            "gender": self.gender,
            "dateOfBirth": f"{self.born}T00:00:00Z" if self.born else "",
            "emails": list(self.emails),
            "phoneNumbers": list(self.phones),
            "nationality": self.nationality,
            "passportNumber": self.passport,
            "country": self.country,
            "identifiers": [{"provider": provider, "id": value} for provider, value in self.identifiers],
        }
        return {name: value for name, value in fields.items() if value}


def _profile(value: str, loyalty: str = "", email: str = "") -> tuple[tuple[str, str], ...]:
    pairs = (("ProfileSystem", value), ("LoyaltyProgramme", loyalty), ("email", email))
    return tuple(pair for pair in pairs if pair[1])


# One guest for each identity provider of the default rules.
GUEST_WITH_PROFILE = "f6fadfa7-e5c1-4b62-9362-da5cc13da58a"
GUEST_WITH_LOYALTY = "2c63888f-28f0-4481-be6d-dce7a7ace732"
GUEST_WITH_EMAIL = "8a119b9e-16bc-4732-8f7b-7676d015b0dc"
# Two guests who share an address.
SHARED_EMAIL = "lindqvist.family@example.org"
GUESTS_SHARING_EMAIL = (
    "bc67ba94-637d-4efa-a09e-467ada679f81",
    "fab36728-a78b-4b7e-8787-c0de2f960063",
)

# fmt: off
GUESTS = (
    SeedGuest(GUEST_WITH_PROFILE, "customer", "Ms", "Aoife", "Brannigan", "female", "1986-03-14",
        ("aoife.brannigan@example.com",), ("+442079460101",), "Irish", "IE", "XN4410293",
        _profile("B7524AE6-CF1C-440F-B1A2-0C9D42F5CB41")),
    SeedGuest(GUEST_WITH_LOYALTY, "customer", "Mr", "Tobias", "Ferrante", "male", "1974-11-02",
        ("t.ferrante@example.net",), ("+12125550142",), "American", "US", "", _profile("", "LP-0048213")),
    SeedGuest(GUEST_WITH_EMAIL, "customer", "Dr", "Priya", "Raghunathan", "female", "1990-07-29",
        ("priya.raghunathan@example.com",), ("+447700900118",), "British", "GB", "",
        _profile("", "", "priya.raghunathan@example.com")),
    SeedGuest(GUESTS_SHARING_EMAIL[0], "customer", "Mr", "Sven", "Lindqvist", "male", "1968-01-20",
        (SHARED_EMAIL,), ("+442079460177",), "Swedish", "SE", "",
        _profile("5D0E2C7A-11F4-4B0C-9E8A-7B1C55D20A01", "LP-0051177")),
    SeedGuest(GUESTS_SHARING_EMAIL[1], "customer", "Mrs", "Ingrid", "Lindqvist", "female", "1971-05-09",
        (SHARED_EMAIL,), ("+447700900177",), "Swedish", "SE", "", _profile("", "LP-0051178")),
    SeedGuest("a712755f-6cac-44d5-99d5-269512e74f7b", "traveller", "Mstr", "Olle", "Lindqvist", "male",
        "2014-08-30", nationality="Swedish", country="SE"),
    SeedGuest("ac8efe12-1c59-49f1-ba2d-de83458bfed0", "customer", "Mr", "Étienne", "Maréchal", "male",
        "1982-12-05", ("e.marechal@example.org",), ("+33199001234", "+33639981234"), "French", "FR",
        "PZ4A9565", _profile("0A9C1D44-5E1B-4C8D-8B11-60A3A1C5E707")),
    SeedGuest("5796a670-482c-490e-8d97-82bfcdc83011", "customer", "Ms", "Grace", "Okonkwo", "female",
        "1995-09-17", ("grace.okonkwo@example.com", "g.okonkwo@example.net"), ("+447700900201",),
        "Nigerian", "NG", "", _profile("", "LP-0060004")),
    SeedGuest("0b80a255-53a1-4945-a932-58ef7777682c", "customer", "Mr", "Hamish", "Drummond", "male",
        "1959-04-01", ("hamish@drummond.example",), ("+441314960123",), "British", "GB", "",
        _profile("7C3F0E95-2B6A-4C55-AF3B-3D0B8F8E1C22", "LP-0000017")),
    SeedGuest("45ac16b9-c20d-4c21-8f8a-7abff2e91ac7", "customer", "Prof", "Marisol", "Quintero Vega",
        "female", "1966-10-11", ("marisol.quintero@example.org",), ("+13055550166",), "Spanish", "ES", "",
        _profile("E81B7D02-9C3A-47F1-8A5E-0F4D2B6C7E90")),
    SeedGuest("dd2ee150-d284-4277-b89c-1af40ce8fcc9", "customer", "Mr", "Kenji", "Morisaki", "male",
        "1988-06-23", ("kenji.morisaki@example.com",), ("+14155550133",), "Japanese", "JP", "",
        _profile("", "LP-0071230")),
    SeedGuest("3c3ae353-fb14-428e-90b4-01a6c1cc0aff", "customer", "Mrs", "Ursula", "Achterberg", "female",
        "1979-02-27", ("u.achterberg@example.net",), ("+493023125042",), "German", "DE", "",
        _profile("", "", "u.achterberg@example.net")),
    SeedGuest("b9c8b9ff-e46e-4627-9419-c7723226db94", "customer", "Sir", "Alistair", "Penhaligon", "male",
        "1948-08-08", ("office@penhaligon.example",), ("+442079460199",), "British", "GB", "",
        _profile("2F7A6B10-64E3-4D5C-9B7F-A1E0C4D83B55")),
    SeedGuest("bbeeb636-1d33-4c6d-96f0-da847a2a3b87", "customer", "Ms", "Leilani", "Kahananui", "female",
        "1999-12-31", ("leilani.k@example.com",), ("+18085550111",), "American", "US", "",
        _profile("", "LP-0090909")),
    SeedGuest("68e58909-ccb2-4416-925a-56c9a30f4300", "customer", "Mr", "Bogdan", "Wiśniewski", "male",
        "1983-03-03", ("bogdan.w@example.org",), (), "Polish", "PL", "",
        _profile("", "", "bogdan.w@example.org")),
    SeedGuest("ff53a46f-5ead-403a-84c4-b877678537a3", "traveller", "Miss", "Freya", "Drummond", "female",
        "2009-01-15", nationality="British", country="GB"),
    SeedGuest("e179f773-a6e0-43c0-9514-b7dde2ad0478", "traveller", "Mrs", "Morag", "Drummond", "female",
        "1962-07-19", phones=("+441314960124",), nationality="British", country="GB"),
    SeedGuest("0c28cec1-b947-42af-a4b9-36976b4b76b0", "customer", "Capt", "Rafael", "D'Souza", "male",
        "1977-05-30", ("rafael.dsouza@example.com",), ("+61491570156",), "Australian", "AU", "",
        _profile("94D2C3F8-0E7B-4A16-B6C9-58E1F7A2D044")),
    SeedGuest("a398d022-d435-4df4-8322-905089933837", "customer", "Ms", "Zoë", "van der Heijden", "female",
        "1992-04-18", ("zoe.vdheijden@example.net",), (), "Dutch", "NL", "", _profile("", "LP-0083311")),
    SeedGuest("4c8b1eb4-4f1e-4ccf-8372-a2a784a67245", "customer", "Mr", "Nikos", "Papadimitriou", "male",
        "1970-09-09", ("nikos@papadimitriou.example",), (), "Greek", "GR", "",
        _profile("", "", "nikos@papadimitriou.example")),
    SeedGuest("ac9130f4-547c-47d3-8e3a-655f20731ab2", "customer", "Rev", "Thandiwe", "Mabena", "female",
        "1964-06-16", ("thandiwe.mabena@example.org",), ("+447700900333",), "South African", "ZA", "",
        _profile("C05E7A91-3D48-4F2B-8C6D-19B7E4F0A366")),
    SeedGuest("ca3ab343-ac33-4b68-be9b-f77c6519a9d5", "customer", "Mr", "Callum", "O'Hara", "male",
        "2001-10-25", ("callum.ohara@example.com",), ("+447700900444",), "Irish", "IE", "",
        _profile("", "LP-0100001")),
    SeedGuest("03c472ca-4495-48b4-b8d8-89d2b47a5c1d", "visitor", "", "Wen", "Li", "unknown", "",
        ("wen.li@example.com",)),
    SeedGuest("77dde229-df88-4e4d-ac23-86e5cc86ba64", "visitor", "", "Dana", "Petrov", "unknown", "",
        ("dana.petrov@example.net",)),
    SeedGuest("c3dd75f6-8085-48e6-ac92-5f09a227f039", "traveller", "Ms", "Siobhán", "Brannigan", "female",
        "1988-11-21", nationality="Irish", country="IE"),
    SeedGuest("bb262a93-4ce1-4c61-aa03-36d98b8c82f1", "traveller", "Mr", "Luca", "Ferrante", "male",
        "2005-02-14", nationality="American", country="US"),
    SeedGuest("b183256e-a16e-4121-b07a-6fc42fd7b23a", "traveller", "Mr", "Arjun", "Raghunathan", "male",
        "1987-01-08", nationality="British", country="GB"),
    SeedGuest("8f39aaa5-729a-453c-b891-da33e83a9d40", "traveller", "Mme", "Colette", "Maréchal", "female",
        "1984-03-22", nationality="French", country="FR"),
    SeedGuest("e5a9f6b1-a297-49bf-adf4-38f7b27c1c74", "traveller", "Mr", "Emeka", "Okonkwo", "male",
        "1993-08-02", nationality="Nigerian", country="NG"),
    SeedGuest("f1a38d32-6834-4c65-927c-b2382bedda16", "traveller", "Ms", "Hana", "Morisaki", "female",
        "1991-12-12", nationality="Japanese", country="JP"),
)
# fmt: on
