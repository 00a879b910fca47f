"""`/v1/orders`: what customers order, and what becomes of it."""

from typing import Any

from functions.crm.orders import service, store
from functions.crm.orders.models import Cancellation, NewOrder, NewRefund, Order, OrderChange, Payment
from hub.store.paging import Page
from hub.store.query import ListQuery
from hub.telemetry import lambda_handler
from hub.web.request import Request, Versioned
from hub.web.resolver import Api
from hub.web.styles import D3

api = Api("orders", D3())


@api.post("/v1/orders", status=201)
def create_order(request: Request, body: NewOrder) -> Versioned[Order]:
    """Make an order of a customer. It keeps the customer's name as it is now, also when the customer is deleted."""
    return service.create(request.caller, body)


@api.get("/v1/orders", list_of=store.LISTING.schema)
def list_orders(request: Request, query: ListQuery) -> Page[Order]:
    """List orders, filtered, sorted, searched and cut down as document 3's query language says."""
    return service.listed(request.caller.tenant, query)


@api.get("/v1/orders/{order_id}")
def get_order(request: Request, order_id: str) -> Versioned[Order]:
    """Show an order."""
    return service.get(request.caller.tenant, order_id)


@api.patch("/v1/orders/{order_id}")
def change_order(request: Request, order_id: str, body: OrderChange) -> Versioned[Order]:
    """Change note and metadata, in any status. Sent with `If-Match`, it changes only what the caller has read."""
    return service.change(request.caller, order_id, body, request.expects)


@api.post("/v1/orders/{order_id}/pay")
def pay_order(request: Request, order_id: str, body: Payment) -> Versioned[Order]:
    """Note that a pending order was paid."""
    return service.pay(request.caller, order_id, body)


@api.post("/v1/orders/{order_id}/cancel")
def cancel_order(request: Request, order_id: str, body: Cancellation) -> Versioned[Order]:
    """Cancel a pending order."""
    return service.cancel(request.caller, order_id, body)


@api.post("/v1/orders/{order_id}/refund")
def refund_order(request: Request, order_id: str, body: NewRefund) -> Versioned[Order]:
    """Refund a part of a paid order, or all that is left of it."""
    return service.refund(request.caller, order_id, body)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
