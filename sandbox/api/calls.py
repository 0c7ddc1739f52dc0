"""One request as the sandbox sees it, without its socket."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, unquote

from apps.sandbox.answers import Answer, not_found
from apps.sandbox.options import Options, Switches
from apps.sandbox.store import Transaction


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it was read; `headers` by lower-case name, `base_url` as the caller calls this server."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    base_url: str

    @property
    def segments(self) -> tuple[str, ...]:
        """The path's segments, decoded one by one: an encoded slash does not make two of one."""
        return tuple(unquote(segment) for segment in self.target.partition("?")[0].split("/")[1:])

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, the last of a repeated one."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Call:
    """A request to one of the API's operations, with all that its handler may use.

    `ref` is the reference in the path, empty where the path has none.
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

    def no_such(self, kind: str) -> Answer:
        """The 404 for the reference in the path."""
        return not_found(kind, self.ref, self.options.client_key)
