"""Shapes of received messages on the wire."""

from typing import TypedDict


class ReceivedAttachment(TypedDict):
    """What came along."""

    url: str
    name: str


ReceivedMessage = TypedDict(
    "ReceivedMessage",
    {
        "id": str,
        "platform": str,
        "integrationId": str,
        "messageId": str,
        "from": str,
        "name": str,
        "content": str,
        "type": str,
        "attachments": list[ReceivedAttachment],
        "createdAt": str,
    },
)
"""A message of a person's: `from` is what `to` of an answer takes, `messageId` the platform's own."""
