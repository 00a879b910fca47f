"""Every provider, by the bytes of its documentation: a message that is accepted, one that comes too soon, one that will
never be accepted, and a credential or a place that is gone. What does not come in time is in `test_troubles`."""

from dataclasses import dataclass
from typing import Any

import pytest

from hub.connectors import SERVICE_TYPES, connector, tokens
from hub.connectors.protocol import Disabled, Outgoing, Permanent, ProviderError, Sent, Temporary
from tests.conftest import Clock
from tests.contract.connectors.fakes import Fake, Reply, told
from tests.unit.connectors.configs import CONFIGS

FEISHU_TOKEN = told('{"code":0,"msg":"ok","tenant_access_token":"t-caecc734c2e3328a62489fe0648c4b98","expire":7200}')
WECHAT_TOKEN = told('{"access_token":"ACCESS_TOKEN","expires_in":7200}')
DAY = "the next day in China"


@dataclass(frozen=True, slots=True)
class Provider:
    """What a provider answers, after `first`. `waits` are the seconds that it asks for; `None`: it names no time."""

    accepted: Reply
    sent: str
    soon: Reply
    waits: float | str | None
    never: Reply
    disabled: Reply
    to: str = "1"
    first: tuple[Reply, ...] = ()
    soon_is: type[ProviderError] = Temporary


PROVIDERS = {
    "slack": Provider(
        told('{"ok":true,"channel":"C123ABC456","ts":"1503435956.000247","message":{"text":"Here\'s a message"}}'),
        "C123ABC456:1503435956.000247",
        Reply(429, b"", {"Retry-After": "30"}),
        30,
        told('{"ok":false,"error":"msg_too_long"}'),
        told('{"ok":false,"error":"token_revoked"}'),
        to="C123ABC456",
    ),
    "discord": Provider(
        told('{"id":"1098765432109876543","type":0,"content":"text","channel_id":"199737254929760256"}'),
        "1098765432109876543",
        told('{"message":"You are being rate limited.","retry_after":64.57,"global":false}', 429),
        64.57,
        told('{"message":"Cannot send an empty message","code":50006}', 400),
        told('{"message":"Unknown Webhook","code":10015}', 404),
    ),
    "telegram": Provider(
        told('{"ok":true,"result":{"message_id":1365,"date":1441645532,"chat":{"id":1,"type":"private"}}}'),
        "1:1365",
        told(
            '{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 14",'
            '"parameters":{"retry_after":14}}',
            429,
        ),
        14,
        told('{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}', 400),
        told('{"ok":false,"error_code":401,"description":"Unauthorized"}', 401),
    ),
    "feishu": Provider(
        told('{"code":0,"msg":"success","data":{"message_id":"om_dc13264520392913993dd051dba21dcf"}}'),
        "om_dc13264520392913993dd051dba21dcf",
        told('{"code":99991400,"msg":"request trigger frequency limit"}', 400, {"x-ogw-ratelimit-reset": "13"}),
        13,
        told('{"code":230025,"msg":"The length of the message content reaches its limit."}', 400),
        told('{"code":230006,"msg":"Bot ability is not activated."}', 400),
        to="oc_a0553eda9014c201e6969b478895c230",
        first=(FEISHU_TOKEN,),
    ),
    "dingtalk": Provider(
        told('{"errcode":0,"errmsg":"ok"}'),
        "msg_1",
        told('{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}'),
        600,
        told('{"errcode":40035,"errmsg":"缺少参数 json"}'),
        told('{"errcode":300001,"errmsg":"token is not exist"}'),
    ),
    "wecom": Provider(
        told('{"errcode":0,"errmsg":"ok"}'),
        "msg_1",
        told('{"errcode":45009,"errmsg":"api freq out of limit"}'),
        60,
        told('{"errcode":40058,"errmsg":"text.content exceed max length 2048"}'),
        told('{"errcode":93000,"errmsg":"invalid webhook url"}'),
    ),
    "whatsapp": Provider(
        told('{"messaging_product":"whatsapp","contacts":[{"wa_id":"1"}],"messages":[{"id":"wamid.HBgLMTY0"}]}'),
        "wamid.HBgLMTY0",
        told('{"error":{"message":"(#130429) Rate limit hit","type":"OAuthException","code":130429}}', 429),
        None,
        told('{"error":{"message":"Re-engagement message","code":131047}}', 400),
        told('{"error":{"message":"Error validating access token","type":"OAuthException","code":190}}', 401),
        to="+16505551234",
    ),
    "wechat": Provider(
        told('{"errcode":0,"errmsg":"ok"}'),
        "msg_1",
        told('{"errcode":45009,"errmsg":"reach max api daily quota limit"}'),
        DAY,
        told('{"errcode":45015,"errmsg":"response out of time limit or subscription is canceled"}'),
        told('{"errcode":48001,"errmsg":"api unauthorized"}'),
        to="OPENID",
        first=(WECHAT_TOKEN,),
    ),
    "signal": Provider(
        told('{"timestamp":"1717171717171"}', 201),
        "1717171717171",
        told('{"error":"Rate limit exceeded","challenge_tokens":["a"],"account":"+431212131491291"}', 429),
        None,
        told('{"error":"Unregistered user \\"+12345678\\""}', 400),
        told('{"error":"User +431212131491291 is not registered."}', 404),
        to="+16505551234",
        # A person must solve a captcha.
        soon_is=Disabled,
    ),
    "kook": Provider(
        told(
            '{"code":0,"message":"操作成功","data":{"msg_id":"50974c-364c","msg_timestamp":1607072537177,"nonce":""}}'
        ),
        "50974c-364c",
        told(
            '{"code":429,"message":"请求过于频繁","data":{}}',
            429,
            {
                "X-Rate-Limit-Limit": "5",
                "X-Rate-Limit-Remaining": "0",
                "X-Rate-Limit-Reset": "14",
                "X-Rate-Limit-Bucket": "message/create",
            },
        ),
        14,
        told('{"code":40000,"message":"找不到资源","data":{}}'),
        told('{"code":401,"message":"你的用户凭证不正确","data":{}}', 401),
    ),
    "github": Provider(
        told('{"id":1,"node_id":"MDU6SXNzdWUx","number":1347,"title":"text"}', 201),
        "1347",
        told(
            '{"message":"API rate limit exceeded for user ID 1."}',
            403,
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "NOW+90"},
        ),
        90,
        told('{"message":"Validation Failed","errors":[{"resource":"Issue","code":"missing_field"}]}', 422),
        told('{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest"}', 401),
        to="",
    ),
    "jira": Provider(
        told('{"id":"10000","key":"EX-24","self":"https://your-domain.atlassian.net/rest/api/3/issue/10000"}', 201),
        "EX-24",
        Reply(429, b"", {"Retry-After": "25"}),
        25,
        told('{"errorMessages":["Field \'priority\' is required"],"errors":{}}', 400),
        Reply(401, b"Client must be authenticated to access this resource."),
        to="",
    ),
    "http": Provider(
        told('{"id":"theirs"}'),
        "theirs",
        Reply(429, b"", {"Retry-After": "5"}),
        5,
        Reply(422, b"no"),
        Reply(410, b"gone"),
    ),
}
FIELDS = {"discord": "webhook_url", "http": "url"}

every_type = pytest.mark.parametrize("service_type", SERVICE_TYPES)


@pytest.fixture(autouse=True)
def _no_token_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_kept", {})


def send(fake: Fake, service_type: str, reply: Reply) -> Sent:
    """Send a text to a provider that gives this answer; it is asked once."""
    row, found = PROVIDERS[service_type], connector(service_type)
    values: dict[str, Any] = {
        name: one for name, one in CONFIGS[service_type].items() if name not in ("issue", "webhook_url")
    }
    path = "/api/webhooks/223704706495545344/3d89bb7572e0" if service_type == "discord" else ""
    config = found.config.model_validate({**values, FIELDS.get(service_type, "base_url"): fake.url + path})
    fake.will(*row.first, reply)
    try:
        return found.send(config, Outgoing("msg_1", row.to, "text"))
    finally:
        assert len(fake.asked) == 1 + len(row.first), "nothing is tried twice by itself"


def dated(reply: Reply, clock: Clock) -> Reply:
    """An answer that names a time, as of the test's clock."""
    now = int(clock.seconds)
    headers = {name: str(now + 90) if value == "NOW+90" else value for name, value in reply.headers.items()}
    return Reply(reply.status, reply.body, headers)


def test_every_provider_is_here() -> None:
    assert set(PROVIDERS) == set(SERVICE_TYPES)


@every_type
def test_a_message_is_accepted(provider: Fake, service_type: str) -> None:
    assert send(provider, service_type, PROVIDERS[service_type].accepted).provider_id == PROVIDERS[service_type].sent


@every_type
def test_one_that_comes_too_soon_waits_as_long_as_it_is_told(provider: Fake, clock: Clock, service_type: str) -> None:
    row = PROVIDERS[service_type]
    with pytest.raises(row.soon_is) as caught:
        send(provider, service_type, dated(row.soon, clock))
    if not isinstance(caught.value, Temporary):
        return
    now = round(clock.seconds * 1000)
    if row.waits == DAY:
        assert caught.value.retry_at is not None
        assert (caught.value.retry_at // 1000 + 8 * 3600) % 86_400 == 0
        assert caught.value.retry_at > now
    else:
        assert caught.value.retry_at == (None if row.waits is None else now + round(float(row.waits) * 1000))


@every_type
def test_one_that_is_wrong_is_never_accepted(provider: Fake, service_type: str) -> None:
    with pytest.raises(Permanent) as caught:
        send(provider, service_type, PROVIDERS[service_type].never)
    assert type(caught.value) is Permanent, "the connection is none the worse"
    assert caught.value.code
    assert caught.value.message


@every_type
def test_a_credential_or_a_place_that_is_gone_disables(provider: Fake, service_type: str) -> None:
    with pytest.raises(Disabled) as caught:
        send(provider, service_type, PROVIDERS[service_type].disabled)
    assert caught.value.code
