"""The platforms of document 4, and the connection that a message goes over."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from hub import connections
from hub.connections import Connection
from hub.errors import FieldError, InvalidRequest, Unprocessable

Platform = Literal["whatsapp", "telegram", "wechat", "signal"]
PLATFORMS: tuple[Platform, ...] = get_args(Platform)

TEMPLATES: Mapping[Platform, Sequence[str]] = {
    # https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages#template-object
    "whatsapp": ("name", "language.code"),
    # https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html
    "wechat": ("template_id", "data"),
}
"""The platforms that have templates, and what each must say."""

_ACCOUNTS = ("phone_number", "phone_number_id", "number", "app_id", "chat_id")
"""Fields of configs that people know an account by."""


def known(platform: str) -> Platform:
    """A platform of a path. Raises `InvalidRequest` for one that document 4 does not have."""
    for one in PLATFORMS:
        if one == platform:
            return one
    raise InvalidRequest(FieldError("platform", "not_one_of", {"expected": ", ".join(PLATFORMS)}))


def connection(tenant: str, platform: Platform, sender: str) -> Connection:
    """The connection that `from` means: the only one there is, or the one of that id, name or account.

    Raises `Unprocessable` where the tenant has none, `InvalidRequest` where `from` means none of several.
    """
    found = connections.of_type(tenant, platform)
    if not found:
        raise Unprocessable("no_connection", platform=platform)
    if len(found) == 1:
        return found[0]
    for one in found:
        if sender in (one.id, one.name, *(one.config.get(name) for name in _ACCOUNTS)):
            return one
    raise InvalidRequest(FieldError("from", "does_not_exist"))


def lacks(platform: Platform, template: Mapping[str, Any]) -> list[str]:
    """What a template must say on its platform, and does not."""
    return [name for name in TEMPLATES[platform] if _inner(template, name) in (None, "")]


def _inner(value: Any, name: str) -> Any:
    for one in name.split("."):
        value = value.get(one) if isinstance(value, Mapping) else None
    return value


def said(platform: Platform, text: str, media_url: str) -> str:
    """What counts against a platform's limit of a text: WeChat is sent the address of a file with it."""
    return f"{text}\n{media_url}".strip() if media_url and platform == "wechat" else text
