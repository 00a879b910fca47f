"""`/api/accounts`: KOOK accounts (document 5 "账号管理API")."""

from typing import Any

from functions.forwarding.accounts import service
from functions.forwarding.accounts.models import (
    AddedKookAccount,
    KookAccountChange,
    KookAccountList,
    KookAccountTold,
    KookChannelParameters,
    KookChannels,
    KookServers,
    NewKookAccount,
    OneKookAccount,
)
from functions.forwarding.lists import ListParameters
from hub.telemetry import lambda_handler
from hub.web.localisation import text
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D5

api = Api("forwarding", D5())


@api.get("/api/accounts")
def list_accounts(request: Request, query: ListParameters) -> KookAccountList:
    """List accounts, the oldest first."""
    return service.listed(request.caller.tenant, query, request.base_url)


@api.post("/api/accounts", status=201)
def add_account(request: Request, body: NewKookAccount) -> AddedKookAccount:
    """Add an account. What it needs to be started is `token`, a KOOK bot's."""
    return service.add(request.caller, body, request.language)


@api.get("/api/accounts/{account_id}")
def get_account(request: Request, account_id: str) -> OneKookAccount:
    """Show an account, and the address that KOOK calls it back at."""
    return service.get(request.caller.tenant, account_id, request.base_url)


@api.put("/api/accounts/{account_id}")
def update_account(request: Request, account_id: str, body: KookAccountChange) -> OneKookAccount:
    """Change the fields sent. A started account gets no credential that KOOK refuses."""
    return service.change(request.caller, account_id, body, request.base_url)


@api.patch("/api/accounts/{account_id}")
def patch_account(request: Request, account_id: str, body: KookAccountChange) -> OneKookAccount:
    """Change the fields sent, as PUT does."""
    return service.change(request.caller, account_id, body, request.base_url)


@api.delete("/api/accounts/{account_id}")
def delete_account(request: Request, account_id: str) -> None:
    """Delete an account, which stops it. Mappings stay."""
    service.delete(request.caller, account_id)


@api.post("/api/accounts/{account_id}/start")
def start_account(request: Request, account_id: str) -> KookAccountTold:
    """Ask KOOK who the account is, and begin to capture what its channels say."""
    service.start(request.caller, account_id)
    return {"message": text("account_started", request.language)}


@api.post("/api/accounts/{account_id}/stop")
def stop_account(request: Request, account_id: str) -> KookAccountTold:
    """Capture nothing more for an account."""
    service.stop(request.caller, account_id)
    return {"message": text("account_stopped", request.language)}


@api.get("/api/accounts/{account_id}/servers")
def list_account_servers(request: Request, account_id: str) -> KookServers:
    """Read from KOOK which servers the account's bot is in, 1,000 at most."""
    return service.servers(request.caller.tenant, account_id)


@api.get("/api/accounts/{account_id}/channels")
def list_account_channels(request: Request, account_id: str, query: KookChannelParameters) -> KookChannels:
    """Read from KOOK which text channels a server has, 1,000 at most."""
    return service.channels(request.caller.tenant, account_id, query.server_id)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
