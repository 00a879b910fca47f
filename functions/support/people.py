"""Whom conversations and tickets name: agents, customers and contacts, by ids of whatever system knows them."""

from typing import Annotated

from pydantic import AfterValidator, Field

from hub.web.validation import not_blank, refused


def _printable(person_id: str) -> str:
    # Line breaks, other controls and what is seen by nobody: two such ids would look alike.
    if not person_id.isprintable():
        raise refused("malformed")
    return person_id


PersonId = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_printable), AfterValidator(not_blank)]
