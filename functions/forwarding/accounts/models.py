"""Shapes of KOOK accounts on the wire (document 5 "账号管理API")."""

from typing import Annotated, TypedDict

from pydantic import Field

from functions.forwarding.accounts.store import Status
from hub.outcomes import Trouble
from hub.web.validation import Body, Email, Parameters

MAX_COOKIE = 32_768
KOOK_ID = r"^[A-Za-z0-9_-]{1,64}$"

Cookie = Annotated[str, Field(max_length=MAX_COOKIE)]
Password = Annotated[str, Field(max_length=256)]
Token = Annotated[str, Field(max_length=4096)]
EncryptKey = Annotated[str, Field(max_length=32)]
BaseUrl = Annotated[str, Field(max_length=2048)]


class NewKookAccount(Body):
    """Body of `POST /api/accounts`. `token` is that of the account's bot, the credential that KOOK's API takes.

    `verify_token` and `encrypt_key` check and open what KOOK calls back. `cookie` is a JSON array as text: a browser's
    cookies, kept for deployments that allow them.
    """

    email: Email
    cookie: Cookie | None = None
    password: Password | None = None
    token: Token | None = None
    verify_token: Token | None = None
    encrypt_key: EncryptKey | None = None
    base_url: BaseUrl | None = None


class KookAccountChange(Body):
    """Body of `PUT` and `PATCH /api/accounts/{account_id}`: what is to change. `***` keeps a secret, `null` ends it."""

    cookie: Cookie | None = None
    password: Password | None = None
    token: Token | None = None
    verify_token: Token | None = None
    encrypt_key: EncryptKey | None = None
    base_url: BaseUrl | None = None


class KookAccount(TypedDict):
    """An account as it is shown: secrets that there are as `***`; times in UTC, without a zone."""

    id: int
    email: str
    status: Status
    last_active: str | None
    created_at: str
    is_started: bool
    callback_url: str
    bot_user_id: str | None
    bot_name: str | None
    error: Trouble | None
    token: str | None
    verify_token: str | None
    encrypt_key: str | None
    base_url: str | None
    cookie: str | None
    password: str | None


class KookAccountList(TypedDict):
    """A list of accounts."""

    data: list[KookAccount]
    total: int
    page: int


class OneKookAccount(TypedDict):
    """An account."""

    data: KookAccount


class AddedKookAccount(TypedDict):
    """What adding an account is answered with."""

    message: str
    account_id: int


class KookAccountTold(TypedDict):
    """What a change is answered with."""

    message: str


class KookServer(TypedDict):
    """A server that the account's bot is in."""

    id: str
    name: str
    icon: str


class KookServers(TypedDict):
    """Servers that an account is in."""

    servers: list[KookServer]


class KookChannel(TypedDict):
    """A text channel of a server."""

    id: str
    name: str
    type: str
    server_id: str


class KookChannels(TypedDict):
    """Text channels of a server."""

    channels: list[KookChannel]


class KookChannelParameters(Parameters):
    """Query of `GET /api/accounts/{account_id}/channels`; `server_id` must be there."""

    server_id: Annotated[str, Field(pattern=KOOK_ID)] | None = None
