"""What becomes of a message at its provider: how far it got, and the provider's words for why it did not."""

from collections.abc import Mapping
from typing import Literal, TypedDict

Status = Literal["pending", "sent", "delivered", "read", "failed"]

RANK: Mapping[Status, int] = {"pending": 0, "sent": 1, "failed": 2, "delivered": 2, "read": 3}
"""A status gives way to one of a higher rank: news come in any order, and what was delivered has not failed."""


class Trouble(TypedDict):
    """A provider's own words for what it did not accept."""

    code: str
    message: str
