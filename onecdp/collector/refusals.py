"""Why a request, or one event of it, is not taken."""

from __future__ import annotations


class Refusal(Exception):
    """A request that is not taken: an HTTP status, a code for programs and a message for people."""

    def __init__(self, status: int, code: str, message: str, retry_after: int = 0) -> None:
        """Sets what the answer says; `retry_after` is in seconds, 0 for none."""
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.retry_after = retry_after

    def document(self) -> dict[str, object]:
        """The body of the answer."""
        return {"success": False, "code": self.code, "message": self.message}


class BadEvent(Exception):
    """An event that can't be taken; the message is the reason and contains no value of it."""
