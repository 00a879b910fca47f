"""Every error that Hub answers with.

    HubError                         500  INTERNAL_ERROR         50000
    ├── InvalidRequest               400  INVALID_REQUEST        40001 (40002 when only types are wrong)
    ├── Unauthorized                 401  UNAUTHORIZED           40101
    │   └── CredentialExpired        401  UNAUTHORIZED           40102
    ├── Forbidden                    403  FORBIDDEN              40301
    │   └── AccessRestricted         403  FORBIDDEN              40302
    ├── NotFound                     404  NOT_FOUND              40401
    ├── Conflict                     409  CONFLICT               40901
    ├── PreconditionFailed           412  PRECONDITION_FAILED    40901
    ├── PayloadTooLarge              413  PAYLOAD_TOO_LARGE      40001
    ├── UnsupportedMediaType         415  UNSUPPORTED_MEDIA_TYPE 40001
    ├── Unprocessable                422  UNPROCESSABLE          42201
    ├── TooManyRequests              429  RATE_LIMITED           42901
    └── Unavailable                  503  UNAVAILABLE            50000

An error carries the key of a message and its values; `hub.web.localisation` words it and `hub.web.styles` shapes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request.

    `field` is the path in the body or the query (`contact.email`, `events.0`), `reason` a key of
    `hub.web.localisation`, `values` what its text needs.
    """

    field: str
    reason: str
    values: dict[str, Any] = default(default_factory=dict)
    wrong_type: bool = False


class HubError(Exception):
    """Base of all errors with an answer of their own; as itself it is a fault of ours."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL_ERROR"
    business_code: int = 50000
    message: ClassVar[str] = "internal_error"

    def __init__(
        self, message: str | None = None, *, code: str | None = None, retry_after: int | None = None, **values: Any
    ) -> None:
        """Take a message key (default: the class's own), a more telling code, seconds until a retry makes sense."""
        self.message_key = message or self.message
        self.error_code = code or self.code
        self.values = values
        self.retry_after = retry_after
        self.fields: tuple[FieldError, ...] = ()
        super().__init__(self.message_key, values)


class InvalidRequest(HubError):
    """The request can never succeed as it stands."""

    status = 400
    code = "INVALID_REQUEST"
    business_code = 40001
    message = "invalid_request"

    def __init__(
        self, fields: Sequence[FieldError] | FieldError = (), message: str | None = None, **values: Any
    ) -> None:
        """Take what is wrong field by field; business code 40002 when nothing but types is wrong."""
        super().__init__(message, **values)
        self.fields = (fields,) if isinstance(fields, FieldError) else tuple(fields)
        if self.fields and all(error.wrong_type for error in self.fields):
            self.business_code = 40002
            if message is None:
                self.message_key = "invalid_type"


class Unauthorized(HubError):
    """No credential, or one that never was or no longer is valid."""

    status = 401
    code = "UNAUTHORIZED"
    business_code = 40101
    message = "unauthorized"


class CredentialExpired(Unauthorized):
    """A credential that was valid until a time that has passed."""

    business_code = 40102
    message = "credential_expired"


class Forbidden(HubError):
    """A valid credential without the permission that this operation needs."""

    status = 403
    code = "FORBIDDEN"
    business_code = 40301
    message = "forbidden"


class AccessRestricted(Forbidden):
    """The operation is allowed, but not on this resource."""

    business_code = 40302
    message = "access_restricted"


class NotFound(HubError):
    """No such thing in this tenant."""

    status = 404
    code = "NOT_FOUND"
    business_code = 40401
    message = "not_found"


class Conflict(HubError):
    """What is asked for contradicts what is stored."""

    status = 409
    code = "CONFLICT"
    business_code = 40901
    message = "conflict"


class PreconditionFailed(HubError):
    """The resource changed since the caller read it (`If-Match`, RFC 9110 section 13.1.1)."""

    status = 412
    code = "PRECONDITION_FAILED"
    business_code = 40901
    message = "precondition_failed"


class PayloadTooLarge(HubError):
    """A body over the limit of its endpoint."""

    status = 413
    code = "PAYLOAD_TOO_LARGE"
    business_code = 40001
    message = "payload_too_large"


class UnsupportedMediaType(HubError):
    """A body in a format the endpoint does not read."""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"
    business_code = 40001
    message = "unsupported_media_type"


class Unprocessable(HubError):
    """Well formed, and against a business rule."""

    status = 422
    code = "UNPROCESSABLE"
    business_code = 42201
    message = "unprocessable"


class TooManyRequests(HubError):
    """Over a rate limit; `retry_after` says when the window turns."""

    status = 429
    code = "RATE_LIMITED"
    business_code = 42901
    message = "rate_limited"


class Unavailable(HubError):
    """A service Hub stands on cannot answer just now; the same request may succeed later."""

    status = 503
    code = "UNAVAILABLE"
    message = "unavailable"
