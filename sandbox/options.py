"""The options of a sandbox at its start, and the switches that change it while it runs."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8031
DEFAULT_DATA = Path("var/sandbox.sqlite3")
PRACTICE_CLIENT_KEY = "practice-client-key"
PRACTICE_API_TOKEN = "practice-api-token"  # noqa: S105 - a practice value, published on purpose
DEFAULT_IDENTITY_PROVIDERS = ("ProfileSystem", "LoyaltyProgramme", "email")

CREATE_STATUSES = (200, 201)
LIST_ITEMS = ("asked", "links", "refs", "expanded")
FLAVOURS = ("current", "legacy")
NEXT_LINKS = ("right", "documented", "same", "elsewhere", "missing")
LINK_NAMES = ("lower", "capitalised")
KEY_CASES = ("documented", "capitalised", "lower", "upper")
CREATED_AT = ("flavour", "always", "never", "number")
CACHES = ("none", "obeying", "stubborn", "silent")
RETRIEVED = ("own", "oldest")
PAGING = ("steady", "shuffled", "overlapping", "gap")
TLS_MODES = ("", "good", "wrong_host", "expired", "self_signed")  # empty: plain HTTP


@dataclass(frozen=True, slots=True)
class Options:
    """The options that a sandbox is started with.

    `host` must be a loopback address, because the practice credentials are public. `identity_providers` are
    the tenant's identity rules in their order. `tls` names the certificate to present; empty means plain
    HTTP.
    Raises ValueError for an invalid option.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    data: Path = DEFAULT_DATA
    client_key: str = PRACTICE_CLIENT_KEY
    api_token: str = PRACTICE_API_TOKEN
    create_status: int = 200
    identity_providers: tuple[str, ...] = DEFAULT_IDENTITY_PROVIDERS
    tls: str = ""

    def __post_init__(self) -> None:
        if not is_loopback(self.host):
            raise ValueError(f"SANDBOX_HOST: {self.host} is not a loopback address")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"SANDBOX_PORT: {self.port} is not a port")
        if self.create_status not in CREATE_STATUSES:
            raise ValueError("SANDBOX_CREATE_STATUS: must be 200 or 201")
        if self.tls not in TLS_MODES:
            raise ValueError(f"SANDBOX_TLS: must be one of {', '.join(filter(None, TLS_MODES))}, or empty")
        if not self.client_key or ":" in self.client_key or not self.api_token:
            raise ValueError("SANDBOX_CLIENT_KEY and SANDBOX_API_TOKEN: must have a value, the key no colon")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Options":
        """Read the SANDBOX_ variables; an absent or empty one has its default. Raises ValueError."""

        def number(name: str, default: int) -> int:
            text = environment.get(name) or str(default)
            if not (text.isascii() and text.isdigit()):
                raise ValueError(f"{name}: must be a whole number")
            return int(text)

        providers = environment.get("SANDBOX_IDENTITY_PROVIDERS") or ",".join(DEFAULT_IDENTITY_PROVIDERS)
        return cls(
            host=environment.get("SANDBOX_HOST") or DEFAULT_HOST,
            port=number("SANDBOX_PORT", DEFAULT_PORT),
            data=Path(environment.get("SANDBOX_DATA") or DEFAULT_DATA),
            client_key=environment.get("SANDBOX_CLIENT_KEY") or PRACTICE_CLIENT_KEY,
            api_token=environment.get("SANDBOX_API_TOKEN") or PRACTICE_API_TOKEN,
            create_status=number("SANDBOX_CREATE_STATUS", 200),
            identity_providers=tuple(name.strip() for name in providers.split(",") if name.strip()),
            tls=environment.get("SANDBOX_TLS") or "",
        )


@dataclass(frozen=True, slots=True)
class Switches:
    """Behaviour that the vendor's pages describe inconsistently or not at all.

    `create_status`, `retrieve_status`: 200 or 201; the vendor documents both.
    `list_items`: format of the items in the list of an order's consumers. `asked` follows the `expand`
    parameter; the other values ignore it.
    `flavour`: `legacy` formats consumers as v2 does.
    `lag_seconds`: seconds after its creation for which a consumer is missing from the list of its order.
    `updates`: whether consumers can be changed.
    `key_case`: case of the names in every answer. `link_names`: case of the names of a collection's links.
    `next_link`: target of the link `next`. `page_size`: maximum page size for any `limit` (0: none).
    `created_at`: whether consumers have `createdAt`, in either flavour. `number` writes it in milliseconds
    since 1970, which no page of the vendor documents.
    `paging`: how the pages of a list relate to each other.
    `cache`: the cache in front of the lists of order consumers.
    `retrieved`: the consumer that is returned for a reference: the right one, or the oldest of its order.
    """

    create_status: int = 200
    retrieve_status: int = 200
    list_items: str = "asked"
    flavour: str = "current"
    lag_seconds: float = 0
    updates: bool = False
    key_case: str = "documented"
    link_names: str = "lower"
    next_link: str = "right"
    page_size: int = 0
    created_at: str = "flavour"
    paging: str = "steady"
    cache: str = "none"
    retrieved: str = "own"

    def changed(self, changes: Mapping[str, object]) -> "Switches":
        """A copy with changed switches. Raises ValueError with the name and the valid values of a switch."""
        for name, value in changes.items():
            if name in _CHOICES:
                # Equality alone would accept 200.0 for 200 and 1 for True.
                if not any(type(value) is type(choice) and value == choice for choice in _CHOICES[name]):
                    raise ValueError(f"{name}: must be one of {', '.join(map(str, _CHOICES[name]))}")
            elif name == "lag_seconds":
                if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 86_400:
                    raise ValueError("lag_seconds: must be a number of seconds from 0 to 86400")
            elif name == "page_size":
                if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
                    raise ValueError("page_size: must be a whole number from 0 to 100")
            else:
                known = ", ".join(field.name for field in fields(self))
                raise ValueError(f"{name}: not a switch; the switches are {known}")
        return replace(self, **changes)  # type: ignore[arg-type]  # each value was checked above


_CHOICES: dict[str, tuple[object, ...]] = {
    "create_status": CREATE_STATUSES,
    "retrieve_status": CREATE_STATUSES,
    "list_items": LIST_ITEMS,
    "flavour": FLAVOURS,
    "updates": (False, True),
    "key_case": KEY_CASES,
    "link_names": LINK_NAMES,
    "next_link": NEXT_LINKS,
    "created_at": CREATED_AT,
    "paging": PAGING,
    "cache": CACHES,
    "retrieved": RETRIEVED,
}


def is_loopback(host: str) -> bool:
    """Whether a host name or address is a loopback address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
