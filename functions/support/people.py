"""Whom conversations and tickets name: agents and customers, by ids of whatever system knows them."""

from typing import Annotated

from pydantic import Field

PersonId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9+@][A-Za-z0-9._:@+-]*$")]
