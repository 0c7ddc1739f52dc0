"""The failure of an attempt."""

from __future__ import annotations


class NotAcceptedError(Exception):
    """The message was not accepted, or it is unknown. ``code`` says why, without any text of the receiver.

    ``retry_after``: seconds that the receiver asks to wait; 0 if it does not.
    """

    def __init__(self, code: str, *, retry_after: float = 0.0) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after = retry_after
