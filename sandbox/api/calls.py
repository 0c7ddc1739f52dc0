"""One request, independent of its socket."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, unquote

from sandbox.api.answers import Answer, not_found
from sandbox.data.store import Transaction
from sandbox.options import Options, Switches


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was read. `headers` have lower-case names; `base_url` is the address the caller used."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    base_url: str

    @property
    def segments(self) -> tuple[str, ...]:
        """The path's segments. Each is decoded by itself, so an encoded slash does not split a segment."""
        return tuple(unquote(segment) for segment in self.target.partition("?")[0].split("/")[1:])

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters. The last value of a repeated parameter counts."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Call:
    """A request to one of the API's operations, with everything its handler needs.

    `ref` is the reference in the path, empty if the path has none.
    """

    request: Request
    operation: str
    ref: str
    tx: Transaction
    options: Options
    switches: Switches
    now: datetime

    def url(self, *segments: str) -> str:
        """The address of a resource of this API."""
        return "/".join((self.request.base_url, "v2.1", *segments))

    def not_found_answer(self, kind: str) -> Answer:
        """The 404 for the reference in the path."""
        return not_found(kind, self.ref, self.options.client_key)
