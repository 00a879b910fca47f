"""Shapes of customers on the wire, in document 3's camelCase."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from hub.errors import InvalidRequest
from hub.web.validation import Body, Email, Tags, fits, invalid, not_blank, refused

Status = Literal["prospect", "active", "inactive"]
CustomFieldValue = str | int | float | bool | None

MAX_BATCH = 100
MAX_NUMBER = 10**15
MAX_CUSTOM_BYTES = 20_000
"""Of custom fields in an answer. 50 customers with their events must stay below the 4 MB of a transaction, and a page
of 100 below Lambda's 6 MB."""

# With a control character a text is none of one line; the last code point is where ranges of names end.
_LINE = "^[^\x00-\x1f\x7f\U0010ffff]*$"
_PHONE = r"^\+?[ ()-]*([0-9][ ()-]*){5,15}$"
_LEAST = 1e-100
"""DynamoDB's numbers end at 1e-130."""


def _number(value: float) -> int | float:
    """A number as it is read back: whole ones without a fraction."""
    if 0 < abs(value) < _LEAST:
        raise refused("malformed")
    return int(value) if value == int(value) else value


def _custom_value(value: Any) -> CustomFieldValue:
    if value is None or isinstance(value, str | bool):
        return value
    if not isinstance(value, int | float):
        raise refused("must_be_scalar")
    if not -MAX_NUMBER <= value <= MAX_NUMBER:
        raise refused("out_of_bounds", bottom=-MAX_NUMBER, top=MAX_NUMBER)
    return _number(value)


def _or_error(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError as error:
        return invalid(error)


Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    AfterValidator(not_blank),
    Field(max_length=100, pattern=_LINE),
]
Phone = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    AfterValidator(not_blank),
    Field(max_length=32, pattern=_PHONE),
]
Amount = Annotated[float, Field(ge=0, le=MAX_NUMBER), AfterValidator(_number)]
CustomFieldName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(not_blank)]
CustomFields = Annotated[
    dict[CustomFieldName, Annotated[CustomFieldValue, BeforeValidator(_custom_value)]],
    Field(max_length=50),
    fits(MAX_CUSTOM_BYTES),
]


class NewCustomerContact(Body):
    """Whom to talk to at a customer: a phone number in E.164 or as it is dialled in its country."""

    name: Line
    phone: Phone
    email: Email | None = None


class NewCustomer(Body):
    """Body of `POST /v1/customers`, and a row of a batch or an import. No two customers have the same `name`."""

    name: Line
    industry: Line | None = None
    contact: NewCustomerContact | None = None
    status: Status = "active"
    amount: Amount | None = None
    tags: Tags = []
    customFields: CustomFields = {}


class CustomerChange(Body):
    """Body of `PUT` and `PATCH /v1/customers/{customer_id}`: the fields that are to change, each as a whole."""

    name: Line = ""
    industry: Line | None = None
    contact: NewCustomerContact | None = None
    status: Status = "active"
    amount: Amount | None = None
    tags: Tags = []
    customFields: CustomFields = {}


class NewCustomers(Body):
    """Body of `POST /v1/customers/batch`; a row that is wrong is answered for itself and keeps no other away."""

    customers: Annotated[
        list[Annotated[NewCustomer, WrapValidator(_or_error)]], Field(min_length=1, max_length=MAX_BATCH)
    ]

    @property
    def rows(self) -> list[NewCustomer | InvalidRequest]:
        """The rows, and instead of one that is wrong what is wrong with it."""
        return cast("list[NewCustomer | InvalidRequest]", self.customers)


class CustomerContact(TypedDict):
    """Whom to talk to at a customer."""

    name: str
    phone: str
    email: str | None


class Customer(TypedDict):
    """A customer as it is shown."""

    id: str
    name: str
    industry: str | None
    contact: CustomerContact | None
    status: Status
    amount: int | float | None
    tags: list[str]
    customFields: dict[str, CustomFieldValue]
    createdAt: str
    updatedAt: str
    version: int


class RowError(TypedDict):
    """What is wrong with one field of a row."""

    field: str
    message: str


class CustomerBatchRow(TypedDict):
    """What became of a row of a batch: `id` where it was made, otherwise what an answer to it alone would say."""

    index: int
    status: int
    id: NotRequired[str]
    code: NotRequired[int]
    message: NotRequired[str]
    errors: NotRequired[list[RowError]]


class CustomerBatch(TypedDict):
    """What became of the rows of a batch, in their order."""

    items: list[CustomerBatchRow]
    succeeded: int
    failed: int
