"""The pages of sign-in and consent: plain HTML that works without script, in both languages."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape

from hub.web.localisation import Language
from hub.web.request import Raw

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #60646c; --paper: #fff; --ground: #f2f3f5; --act: #0b57d0; --no: #b3261e; --line: #8b8d98; }
@media (prefers-color-scheme: dark) { :root { --ink: #edeef0; --soft: #b0b4ba; --paper: #18191b; --ground: #0d0e0f; --act: #8ab4f8; --no: #f2b8b5; --line: #696e77; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--ground); color: var(--ink); font: 1rem/1.6 system-ui, "PingFang SC", "Microsoft YaHei", sans-serif; }
main { width: 100%; max-width: 26rem; padding: 2rem; background: var(--paper); border-radius: .75rem; box-shadow: 0 1px 8px rgb(0 0 0 / .12); }
h1 { margin: 0 0 .25rem; font-size: 1.4rem; line-height: 1.3; overflow-wrap: anywhere; }
p { margin: .25rem 0 1rem; color: var(--soft); overflow-wrap: anywhere; }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600; }
input { width: 100%; padding: .6rem .7rem; font: inherit; color: inherit; background: transparent; border: 1px solid var(--line); border-radius: .4rem; }
ul { margin: 0 0 1.25rem; padding-left: 1.25rem; }
.buttons { display: flex; gap: .75rem; margin-top: 1.5rem; }
button { flex: 1; padding: .65rem; font: inherit; font-weight: 600; border: 1px solid var(--act); border-radius: .4rem; cursor: pointer; background: var(--act); color: var(--paper); }
button.plain, button.quiet { background: transparent; color: var(--act); }
button.quiet { border-color: transparent; margin-top: -.5rem; font-weight: 400; text-decoration: underline; }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px; }
.error { color: var(--no); font-weight: 600; }
[aria-invalid] { border-color: var(--no); }
"""  # noqa: E501
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_STATUS = {"": 200, "too_often": 429}

TEXTS: dict[str, tuple[str, str]] = {
    "sign_in": ("登录", "Sign in"),
    "to_continue": ("登录后继续访问 {app}", "to continue to {app}"),
    "email": ("邮箱", "Email"),
    "password": ("密码", "Password"),
    "wrong": ("邮箱或密码错误", "The email or the password is wrong"),
    "too_often": ("尝试次数过多，请 {minutes} 分钟后再试", "Too many attempts: try again in {minutes} minutes"),
    "expired": ("页面已过期，请重试", "The page has expired: please try again"),
    "consent": ("{app} 请求访问您的账号", "{app} asks for access to your account"),
    "signed_in_as": ("当前账号：{email}", "Signed in as {email}"),
    "will_be_able": ("同意后，该应用可以：", "If you allow it, it will be able to:"),
    "goes_to": ("随后将返回 {host}", "You will then return to {host}"),
    "allow": ("同意", "Allow"),
    "deny": ("拒绝", "Deny"),
    "other_account": ("使用其他账号", "Use another account"),
    "cannot": ("无法继续", "Unable to continue"),
    "tell_developer": ("请将以下信息告知应用的开发者：", "Tell the application's developer:"),
    "read": ("读取您的数据", "Read your data"),
    "write": ("修改您的数据", "Change your data"),
    "admin": ("管理用户、密钥和系统", "Administer users, keys and the system"),
    "group_read": ("读取{group}", "Read {group}"),
    "group_write": ("修改{group}", "Change {group}"),
}

GROUPS: dict[str, tuple[str, str]] = {
    "plugins": ("插件", "plugins"),
    "integrations": ("集成", "integrations"),
    "webhooks": ("Webhook", "webhooks"),
    "oauth": ("授权", "permissions of applications"),
    "conversations": ("对话", "conversations"),
    "tickets": ("工单", "tickets"),
    "statistics": ("统计数据", "statistics"),
    "customers": ("客户", "customers"),
    "files": ("文件", "files"),
    "orders": ("订单", "orders"),
    "iot": ("设备", "devices"),
    "messaging": ("消息", "messages"),
    "forwarding": ("消息转发", "message forwarding"),
}
"""What a scope of one group of endpoints is about."""


def sign_in(
    app: str,
    csrf: str,
    language: Language,
    *,
    email: str = "",
    error: str = "",
    values: Mapping[str, object] | None = None,
) -> Raw:
    """The sign-in page; posts `email`, `password`, `csrf` and `action=sign_in` to its own address."""
    problem = f'<p class="error" role="alert" id="problem">{_text(error, language, values)}</p>' if error else ""
    invalid = ' aria-invalid="true" aria-describedby="problem"' if error == "wrong" else ""
    form = (
        f"<h1>{_text('sign_in', language)}</h1><p>{_text('to_continue', language, {'app': app})}</p>{problem}"
        f'<form method="post">{_hidden(csrf, "sign_in")}'
        f'<label for="email">{_text("email", language)}</label>'
        f'<input id="email" name="email" type="email" autocomplete="username" required value="{escape(email)}"'
        f"{invalid}{'' if email else ' autofocus'}>"
        f'<label for="password">{_text("password", language)}</label>'
        f'<input id="password" name="password" type="password" autocomplete="current-password" required'
        f"{invalid}{' autofocus' if email else ''}>"
        f'<div class="buttons"><button>{_text("sign_in", language)}</button></div></form>'
    )
    return _page(_text("sign_in", language), form, language, _STATUS.get(error, 400))


def consent(app: str, email: str, host: str, scopes: Sequence[str], csrf: str, language: Language) -> Raw:
    """The consent page; posts `csrf` and `action` (`allow`, `deny` or `sign_out`) to its own address."""
    title = _text("consent", language, {"app": app})
    wanted = "".join(f"<li>{_scope(scope, language)}</li>" for scope in scopes)
    form = (
        f"<h1>{title}</h1><p>{_text('signed_in_as', language, {'email': email})}</p>"
        f"<div>{_text('will_be_able', language)}</div><ul>{wanted}</ul>"
        f"<p>{_text('goes_to', language, {'host': host})}</p>"
        f'<form method="post"><input type="hidden" name="csrf" value="{escape(csrf)}"><div class="buttons">'
        f'<button class="plain" name="action" value="deny">{_text("deny", language)}</button>'
        f'<button name="action" value="allow">{_text("allow", language)}</button></div>'
        f'<div class="buttons"><button class="quiet" name="action" value="sign_out">'
        f"{_text('other_account', language)}</button></div></form>"
    )
    return _page(title, form, language, 200)


def error(description: str, language: Language, status: int = 400) -> Raw:
    """The page of an error that must not be sent to the redirect URI."""
    title = _text("cannot", language)
    said = f"<h1>{title}</h1><p>{_text('tell_developer', language)}</p>"
    return _page(title, f'{said}<p class="error" role="alert">{escape(description)}</p>', language, status)


def redirect(location: str, cookies: Sequence[str] = ()) -> Raw:
    """Go on elsewhere with a GET, whatever the request was."""
    return Raw("", "text/plain", {"Location": location, "Referrer-Policy": "no-referrer"}, 303, tuple(cookies))


def _page(title: str, content: str, language: Language, status: int) -> Raw:
    html = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{title} · Hub</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main>{content}</main></body></html>"
    )
    # No form-action: Chromium applies it to the redirect that follows the form, whose target is the client's.
    policy = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"
    headers = {
        "Content-Security-Policy": policy,
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Content-Language": language,
        "Vary": "Accept-Language, Cookie",
    }
    return Raw(html, "text/html; charset=utf-8", headers, status)


def _hidden(csrf: str, action: str) -> str:
    return (
        f'<input type="hidden" name="csrf" value="{escape(csrf)}"><input type="hidden" name="action" value="{action}">'
    )


def _scope(scope: str, language: Language) -> str:
    group, colon, verb = scope.partition(":")
    if not colon:
        return _text(scope, language)
    return _text(f"group_{verb}", language, {"group": GROUPS[group][language == "en-US"]})


def _text(key: str, language: Language, values: Mapping[str, object] | None = None) -> str:
    worded = TEXTS[key][language == "en-US"]
    return worded.format_map({name: escape(str(value)) for name, value in (values or {}).items()})
