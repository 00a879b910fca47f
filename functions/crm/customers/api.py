"""`/v1/customers`: whom the tenant does business with."""

from typing import Any

from functions.crm.customers import service, store
from functions.crm.customers.models import Customer, CustomerBatch, CustomerChange, NewCustomer, NewCustomers
from hub.store.paging import Page
from hub.store.query import ListQuery
from hub.telemetry import lambda_handler
from hub.web.request import Request, Versioned
from hub.web.resolver import Api
from hub.web.styles import D3

api = Api("customers", D3())


@api.post("/v1/customers", status=201)
def create_customer(request: Request, body: NewCustomer) -> Versioned[Customer]:
    """Make a customer."""
    return service.create(request.caller, body)


@api.post("/v1/customers/batch", bucket="batch")
def create_customers(request: Request, body: NewCustomers) -> CustomerBatch:
    """Make up to 100 customers. What is wrong with one keeps no other away: the answer tells of each row."""
    return service.create_batch(request.caller, body.rows, request.language)


@api.get("/v1/customers", list_of=store.LISTING.schema)
def list_customers(request: Request, query: ListQuery) -> Page[Customer]:
    """List customers, filtered, sorted, searched and cut down as document 3's query language says."""
    return service.listed(request.caller.tenant, query)


@api.get("/v1/customers/{customer_id}")
def get_customer(request: Request, customer_id: str) -> Versioned[Customer]:
    """Show a customer."""
    return service.get(request.caller.tenant, customer_id)


@api.put("/v1/customers/{customer_id}")
def update_customer(request: Request, customer_id: str, body: CustomerChange) -> Versioned[Customer]:
    """Change the fields sent. Sent with `If-Match`, it changes only what the caller has read."""
    return service.change(request.caller, customer_id, body, request.expects)


@api.patch("/v1/customers/{customer_id}")
def patch_customer(request: Request, customer_id: str, body: CustomerChange) -> Versioned[Customer]:
    """Change the fields sent, as PUT does."""
    return service.change(request.caller, customer_id, body, request.expects)


@api.delete("/v1/customers/{customer_id}")
def delete_customer(request: Request, customer_id: str) -> None:
    """Delete a customer; its name is free again. Its orders stay."""
    service.delete(request.caller, customer_id)


@lambda_handler
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer one request."""
    return api.resolve(event)
