"""Errors of RFC 6749 sections 4.1.2.1 and 5.2, and RFC 8707 section 2.

HubError
└── OAuthError               400
    ├── InvalidOAuthRequest  400  invalid_request
    ├── InvalidClient        401  invalid_client
    ├── InvalidGrant         400  invalid_grant
    ├── UnauthorizedClient   400  unauthorized_client
    ├── UnsupportedGrantType 400  unsupported_grant_type
    ├── UnsupportedResponse  400  unsupported_response_type
    ├── InvalidScope         400  invalid_scope
    ├── InvalidTarget        400  invalid_target
    └── AccessDenied         403  access_denied
"""

from hub.errors import HubError


class OAuthError(HubError):
    """An error in OAuth's own words; `description` is for the developer, in English as RFC 6749 has it (ASCII)."""

    status = 400
    message = "oauth_error"

    def __init__(self, description: str) -> None:
        """Take the description."""
        super().__init__(description=description)


class InvalidOAuthRequest(OAuthError):
    """A parameter is missing, malformed or repeated."""

    code = "invalid_request"


class InvalidClient(OAuthError):
    """The client is unknown or did not authenticate as it must."""

    status = 401
    code = "invalid_client"


class InvalidGrant(OAuthError):
    """The code or refresh token is unknown, used, expired, revoked, or another client's."""

    code = "invalid_grant"


class UnauthorizedClient(OAuthError):
    """The client may not use this grant type."""

    code = "unauthorized_client"


class UnsupportedGrantType(OAuthError):
    """A grant type the server does not have."""

    code = "unsupported_grant_type"


class UnsupportedResponse(OAuthError):
    """A response type other than `code`."""

    code = "unsupported_response_type"


class InvalidScope(OAuthError):
    """A scope beyond what the application registered or the user granted."""

    code = "invalid_scope"


class InvalidTarget(OAuthError):
    """A resource that is not this API (RFC 8707)."""

    code = "invalid_target"


class AccessDenied(OAuthError):
    """The user said no."""

    status = 403
    code = "access_denied"
