"""Samples of the forwarder's configuration: accounts, bots, mappings, and the worker that ends their changes."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from hub import ids
from tests.benchmarks.deployment import Tenant
from tests.benchmarks.subject import Subject, request
from tests.contract.connectors.fakes import Asked, Fake, Reply
from tests.kook import TOKEN, Kook

ACCOUNTS, BOTS = "functions.forwarding.accounts.api", "functions.forwarding.bots.api"
SMART_MAPPING, BACKUPS = "functions.forwarding.smart_mapping.api", "functions.forwarding.backups.api"
MAPPINGS, FINISH = "functions.forwarding.mappings.api", "functions.forwarding.finish"
NEW_BOT = {
    "platform": "discord",
    "name": "测试Discord Bot",
    "config": {"webhook_url": "https://discord.com/api/webhooks/123456/abc..."},
}

_ACCOUNT, _BOT, _MAPPING = "/api/accounts/{account_id}", "/api/bots/{bot_id}", "/api/mappings/{mapping_id}"


def subjects() -> list[Subject]:
    """All of them."""
    return [*_accounts(), *_bots(), *_mappings(), *_smart_mapping(), *_backups()]


def workers() -> list[Subject]:
    """The worker."""
    return [Subject("finish, a change that has ended", FINISH, _finish)]


def _accounts() -> list[Subject]:
    return [
        Subject("POST /api/accounts", ACCOUNTS, lambda tenant, _: lambda: tenant.event("POST /api/accounts", _email())),
        _on_account("GET /api/accounts"),
        _on_account(f"GET {_ACCOUNT}"),
        _on_account(f"PUT {_ACCOUNT}", {"password": "b"}, anew=True),
        _on_account(f"PATCH {_ACCOUNT}", {"password": "b"}, anew=True),
        _on_account(f"DELETE {_ACCOUNT}", anew=True),
        _on_account(f"POST {_ACCOUNT}/start"),
        _on_account(f"POST {_ACCOUNT}/stop"),
        _on_account(f"GET {_ACCOUNT}/servers"),
        _on_account(f"GET {_ACCOUNT}/channels", query={"server_id": "1234567890"}),
    ]


def _bots() -> list[Subject]:
    return [
        request(BOTS, "POST /api/bots", NEW_BOT),
        _on_bot("GET /api/bots"),
        _on_bot(f"GET {_BOT}"),
        _on_bot(f"PUT {_BOT}", {"name": "新的名称"}, anew=True),
        _on_bot(f"DELETE {_BOT}", anew=True),
        _on_bot(f"POST {_BOT}/test"),
    ]


def _mappings() -> list[Subject]:
    return [
        _new_each_time("POST /api/mappings", lambda tenant, bot: _wanted(bot)),
        _new_each_time(
            "POST /api/mappings/batch", lambda tenant, bot: {"mappings": [_wanted(bot) for _ in range(20)]}, " (20)"
        ),
        _new_each_time(
            "POST /api/mappings/import", lambda tenant, bot: {"mappings": [_wanted(bot) for _ in range(20)]}, " (20)"
        ),
        _on_mapping("GET /api/mappings"),
        _on_mapping("GET /api/mappings/export"),
        _on_mapping(f"GET {_MAPPING}"),
        _on_mapping(f"PUT {_MAPPING}", {"enabled": 0}, anew=True),
        _on_mapping(f"DELETE {_MAPPING}", anew=True),
    ]


@cache
def _kook() -> Kook:
    """A KOOK that serves until the process ends."""
    kook = Kook()
    kook.server("1234567890", "游戏公会", ("9876543210", "公告频道"))
    return kook.__enter__()


class Taker(Fake):
    """Takes everything, until the process ends."""

    def answer(self, asked: Asked) -> Reply:
        """As it came."""
        return Reply()


@cache
def _taker() -> Taker:
    return Taker().__enter__()


def _smart_mapping() -> list[Subject]:
    place = "/api/smart-mapping"
    channels = {"server_id": "1234567890"}
    judged = {"accepted": [{"kook_channel_name": "公告频道", "target_name": "announcements"}]}
    return [
        _with_account(f"GET {place}/kook-servers", query=True),
        _with_account(f"GET {place}/kook-channels", query=True, **channels),
        _with_account(f"POST {place}/auto-match", platform="discord"),
        _new_each_time(f"POST {place}/apply", lambda _, bot: {"matches": [_wanted(bot)]}, " (1)", module=SMART_MAPPING),
        request(SMART_MAPPING, f"POST {place}/feedback", judged),
    ]


def _with_account(route: str, *, query: bool = False, **more: Any) -> Subject:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        account: int = tenant.ask(ACCOUNTS, "POST /api/accounts", _email(base_url=_kook().base_url))["account_id"]
        if query:
            return lambda: tenant.event(route, query={"account_id": str(account), **more})
        return lambda: tenant.event(route, {"account_id": account, **more})

    return Subject(route, SMART_MAPPING, events_of)


def _backups() -> list[Subject]:
    return [
        request(BACKUPS, "POST /api/backup/create"),
        _on_backup("GET /api/backup/list"),
        _on_backup("POST /api/backup/restore"),
        _on_backup("GET /api/backup/{backup_id}/download"),
        _on_backup("DELETE /api/backup/{backup_id}", anew=True),
    ]


def _on_backup(route: str, *, anew: bool = False) -> Subject:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        bot = _new_bot(tenant)
        for _number in range(20):
            tenant.ask(MAPPINGS, "POST /api/mappings", _wanted(bot))

        def made() -> str:
            return str(tenant.ask(BACKUPS, "POST /api/backup/create")["backup_id"])

        one = made()

        def event() -> Any:
            backup = made() if anew else one
            if "{" in route:
                return tenant.event(route, backup_id=backup)
            return tenant.event(route, {"backup_id": backup} if route.startswith("POST") else None)

        return event

    return Subject(route, BACKUPS, events_of)


def _email(**more: Any) -> dict[str, Any]:
    return {"email": f"{ids.new('u')}@example.com", "token": TOKEN, **more}


def _on_account(route: str, body: Any = None, *, anew: bool = False, **more: Any) -> Subject:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        def made() -> str:
            wanted = _email(base_url=_kook().base_url)
            return str(tenant.ask(ACCOUNTS, "POST /api/accounts", wanted)["account_id"])

        one = made()

        def event() -> Any:
            account = one
            if anew:
                account = made()
            return tenant.event(route, body, account_id=account, **more) if "{" in route else tenant.event(route)

        return event

    return Subject(route, ACCOUNTS, events_of)


def _new_bot(tenant: Tenant, **config: Any) -> int:
    wanted = NEW_BOT | {"platform": "http", "config": config} if config else NEW_BOT
    made: int = tenant.ask(BOTS, "POST /api/bots", wanted)["bot_id"]
    return made


def _on_bot(route: str, body: Any = None, *, anew: bool = False) -> Subject:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        one = _new_bot(tenant, url=_taker().url)
        if "{" not in route:
            return lambda: tenant.event(route, body)
        return lambda: tenant.event(route, body, bot_id=str(_new_bot(tenant) if anew else one))

    return Subject(route, BOTS, events_of)


def _wanted(bot: int) -> dict[str, Any]:
    return {
        "kook_server_id": "1234567890",
        "kook_channel_id": ids.new("c"),
        "kook_channel_name": "公告频道",
        "target_platform": "discord",
        "target_bot_id": bot,
        "target_channel_id": "discord_channel_123",
    }


def _new_each_time(
    route: str, body: Callable[[Tenant, int], Any], note: str = "", *, module: str = MAPPINGS
) -> Subject:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        bot = _new_bot(tenant)
        return lambda: tenant.event(route, body(tenant, bot))

    return Subject(route + note, module, events_of)


def _on_mapping(route: str, body: Any = None, *, anew: bool = False) -> Subject:
    def events_of(tenant: Tenant, _: str) -> Callable[[], Any]:
        bot = _new_bot(tenant)

        def made() -> str:
            return str(tenant.ask(MAPPINGS, "POST /api/mappings", _wanted(bot))["mapping_id"])

        made_ids = [made() for _number in range(20)]
        if "{" not in route:
            return lambda: tenant.event(route, body)
        return lambda: tenant.event(route, body, mapping_id=made() if anew else made_ids[0])

    return Subject(route, MAPPINGS, events_of)


def _finish(tenant: Tenant, _: str) -> Callable[[], Any]:
    def event() -> Any:
        body = json.dumps({"tenant": tenant.name, "change_id": ids.new("change")})
        return {"Records": [{"messageId": "1", "body": body}]}

    return event
