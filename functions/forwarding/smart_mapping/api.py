"""`/api/smart-mapping`: proposals of mappings (document 5 "智能映射API")."""

from typing import Any

from functions.forwarding.accounts import service as accounts
from functions.forwarding.accounts.models import KookChannels, KookServers
from functions.forwarding.mappings.models import MappingBatch
from functions.forwarding.smart_mapping import service
from functions.forwarding.smart_mapping.models import (
    AutoMatch,
    ChannelsOf,
    ChosenMatches,
    Feedback,
    Learned,
    Matches,
    ServersOf,
)
from hub.telemetry import lambda_handler
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D5

api = Api("forwarding", D5())


@api.get("/api/smart-mapping/kook-servers")
def list_kook_servers(request: Request, query: ServersOf) -> KookServers:
    """Read from KOOK which servers an account's bot is in."""
    return accounts.servers(request.caller.tenant, str(query.account_id))


@api.get("/api/smart-mapping/kook-channels")
def list_kook_channels(request: Request, query: ChannelsOf) -> KookChannels:
    """Read from KOOK which text channels a server has."""
    return accounts.channels(request.caller.tenant, str(query.account_id), query.server_id)


@api.post("/api/smart-mapping/auto-match", bucket="batch")
def match_channels(request: Request, body: AutoMatch) -> Matches:
    """Propose which channels go where, by their names and by what was accepted and rejected. Nothing is applied."""
    return service.propose(request.caller, body, request.language)


@api.post("/api/smart-mapping/apply", bucket="batch")
def apply_matches(request: Request, body: ChosenMatches) -> MappingBatch:
    """Make the mappings of chosen proposals, and learn from them; the answer tells of each."""
    return service.apply(request.caller, body, request.language)


@api.post("/api/smart-mapping/feedback")
def judge_matches(request: Request, body: Feedback) -> Learned:
    """Learn from proposals that were accepted or rejected. What is learned is half forgotten in 30 days."""
    return service.judge(request.caller, body, request.language)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
