"""`/api/bots`: bots that write to the platforms (document 5 "Bot配置API")."""

from typing import Any

from functions.forwarding.bots import service
from functions.forwarding.bots.models import (
    AddedBot,
    BotChange,
    BotList,
    BotParameters,
    BotTest,
    BotTested,
    NewBot,
    OneBot,
)
from hub.telemetry import lambda_handler
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D5

api = Api("forwarding", D5())


@api.get("/api/bots")
def list_bots(request: Request, query: BotParameters) -> BotList:
    """List bots, the oldest first; those of a platform."""
    return service.listed(request.caller.tenant, query)


@api.post("/api/bots", status=201)
def add_bot(request: Request, body: NewBot) -> AddedBot:
    """Add a bot. Its config is checked as its platform asks; the platform is not called."""
    return service.add(request.caller, body, request.language)


@api.get("/api/bots/{bot_id}")
def get_bot(request: Request, bot_id: str) -> OneBot:
    """Show a bot."""
    return service.get(request.caller.tenant, bot_id)


@api.put("/api/bots/{bot_id}")
def update_bot(request: Request, bot_id: str, body: BotChange) -> OneBot:
    """Change the fields sent; its platform is its for good."""
    return service.change(request.caller, bot_id, body)


@api.delete("/api/bots/{bot_id}")
def delete_bot(request: Request, bot_id: str) -> None:
    """Delete a bot. One that mappings name stays, with a 409."""
    service.delete(request.caller, bot_id)


@api.post("/api/bots/{bot_id}/test")
def test_bot(request: Request, bot_id: str, body: BotTest) -> BotTested:
    """Send a test message. Where no chat is known, and none is named, the bot only says who it is.

    A bot whose platform takes nothing from it any more is in `error`, until a test succeeds or it is changed.
    """
    return service.test(request.caller, bot_id, body, request.language)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
