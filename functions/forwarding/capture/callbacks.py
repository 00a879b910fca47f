"""`POST /kook/callback/{callback_id}`: KOOK calls with what is said, and wants an answer within a second."""

from typing import Any, TypedDict

from functions.forwarding.accounts import store as accounts
from functions.forwarding.capture import intake
from hub.connectors import callbacks, kook
from hub.connectors.protocol import Unverified
from hub.errors import Forbidden
from hub.telemetry import count, lambda_handler
from hub.web.request import Request
from hub.web.resolver import Api
from hub.web.styles import D5


class _Kook(D5):
    """KOOK reads `challenge` and nothing else."""

    def ok(self, data: Any) -> Any:
        """As it stands."""
        return data


class Heard(TypedDict, total=False):
    """What KOOK is answered: its challenge where it asks whether the address is ours, else nothing."""

    challenge: str


api = Api("kook", _Kook())


@api.post("/kook/callback/{callback_id}", public=True)
def hear_kook(request: Request, callback_id: str) -> Heard:
    """Take what KOOK tells an account: an event, plain or encrypted, deflated or not."""
    tenant, account = accounts.by_callback(callback_id)
    if not account.has_token:
        raise Forbidden
    try:
        data = kook.event(accounts.opened(tenant, account), request.body)
    except Unverified:
        raise Forbidden from None
    if data.get("channel_type") == "WEBHOOK_CHALLENGE":
        return {"challenge": str(data.get("challenge", ""))[:256]}
    if not account.is_started:
        count("CallbacksOfStoppedAccounts")
        return {}
    intake.take(tenant, account, callbacks.readable(intake.heard, [data]))
    accounts.seen(tenant, account, is_accepted=False)
    return {}


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
