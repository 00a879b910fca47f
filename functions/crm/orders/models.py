"""Shapes of orders on the wire, in document 3's camelCase. Money is whole minor units of its currency: fen, cents."""

from typing import Annotated, Literal, Self, TypedDict

from pydantic import AfterValidator, Field, model_validator

from functions.crm.orders.currencies import CURRENCIES
from hub.web.validation import Body, answer_bytes, fits, not_blank, refused

Status = Literal["pending", "paid", "partially_refunded", "refunded", "cancelled"]

MAX_AMOUNT = 2**53 - 1
"""The greatest whole number that JavaScript's receivers of webhooks, too, read exactly."""

MAX_ITEMS_BYTES = 22_000
"""With note, metadata and reasons at their limits an order's event stays below the 48 KB of a webhook's body."""


def _known(code: str) -> str:
    if code not in CURRENCIES:
        raise refused("unknown_currency")
    return code


CustomerId = Annotated[str, Field(min_length=1, max_length=128)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$"), AfterValidator(_known)]
Price = Annotated[int, Field(ge=0, le=MAX_AMOUNT)]
Positive = Annotated[int, Field(ge=1, le=MAX_AMOUNT)]
Note = Annotated[str, Field(max_length=1000), fits(3200)]
Reason = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(not_blank), fits(700)]
Label = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(not_blank), fits(400)]
ItemName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(not_blank)]

MetadataKey = Annotated[str, Field(min_length=1, max_length=40)]
MetadataValue = Annotated[str, Field(max_length=500)]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=50), fits(6000)]


class NewOrderItem(Body):
    """A line of a new order; its price in minor units."""

    name: ItemName
    sku: Label | None = None
    quantity: Positive
    unitPrice: Price


def _fit(lines: list[NewOrderItem]) -> list[NewOrderItem]:
    if answer_bytes([line.model_dump() for line in lines]) > MAX_ITEMS_BYTES:
        raise refused("too_many_bytes", limit=MAX_ITEMS_BYTES)
    return lines


class NewOrder(Body):
    """Body of `POST /v1/orders`. `amount` is what the items come to; where it is sent, it must be that."""

    customerId: CustomerId
    items: Annotated[list[NewOrderItem], Field(min_length=1, max_length=100), AfterValidator(_fit)]
    amount: Price | None = None
    currency: Currency
    note: Note | None = None
    metadata: Metadata = {}

    @property
    def total(self) -> int:
        """What the items come to."""
        return sum(item.quantity * item.unitPrice for item in self.items)

    @model_validator(mode="after")
    def _added_up(self) -> Self:
        if self.total > MAX_AMOUNT:
            raise refused("too_large", field="amount", le=MAX_AMOUNT)
        if self.amount not in (None, self.total):
            raise refused("not_the_sum", field="amount", sum=self.total)
        return self


class OrderChange(Body):
    """Body of `PATCH /v1/orders/{order_id}`: the fields that are to change; `metadata` is replaced as a whole."""

    note: Note | None = None
    metadata: Metadata = {}


class Payment(Body):
    """Body of `POST /v1/orders/{order_id}/pay`: how it was paid, and under which number the payment is found."""

    method: Label | None = None
    reference: Label | None = None


class Cancellation(Body):
    """Body of `POST /v1/orders/{order_id}/cancel`."""

    reason: Reason | None = None


class NewRefund(Body):
    """Body of `POST /v1/orders/{order_id}/refund`; without `amount` all that is left is refunded."""

    amount: Positive | None = None
    reason: Reason | None = None


class OrderItem(TypedDict):
    """A line of an order as it is shown."""

    name: str
    sku: str | None
    quantity: int
    unitPrice: int


class Refund(TypedDict):
    """A refund of an order as it is shown."""

    amount: int
    reason: str | None
    createdAt: str


class Order(TypedDict):
    """An order as it is shown; `customerName` is the customer's when it was made, `refundedAmount` of all refunds."""

    id: str
    customerId: str
    customerName: str
    items: list[OrderItem]
    amount: int
    currency: str
    note: str | None
    metadata: dict[str, str]
    status: Status
    paymentMethod: str | None
    paymentReference: str | None
    cancelReason: str | None
    refunds: list[Refund]
    refundedAmount: int
    createdAt: str
    updatedAt: str
    paidAt: str | None
    cancelledAt: str | None
    refundedAt: str | None
    version: int
