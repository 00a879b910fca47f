"""Lists that a provider did not answer with what it documents: read later, from where they were."""

import pytest

from hub.connectors import connector, tokens
from hub.connectors.protocol import ProviderError, Temporary
from tests.contract.connectors.fakes import CLOSED_EARLY, GARBAGE, OUT_OF_ORDER, SILENT, Fake, Reply, told
from tests.unit.connectors.configs import CONFIGS

TYPES = [one for one in CONFIGS if "records" in connector(one).abilities]


def trouble(provider: Fake, service_type: str) -> ProviderError:
    """The error that reading records ends with."""
    tokens._kept.clear()
    found = connector(service_type)
    where = {"records_url": f"{provider.url}/records"} if service_type == "http" else {"base_url": provider.url}
    with pytest.raises(ProviderError) as caught:
        found.records(found.config.model_validate({**CONFIGS[service_type], **where}), None)
    return caught.value


@pytest.mark.parametrize("body", [b"7", b"null", b'{"ok": true}', b'{"id": {}}', b'{"data": 7, "code": 0}'])
@pytest.mark.parametrize("service_type", [one for one in TYPES if one != "http"])
def test_a_list_that_is_none_is_read_later(provider: Fake, service_type: str, body: bytes) -> None:
    provider.will(*[Reply(200, body)] * 2)
    assert type(trouble(provider, service_type)) is Temporary


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("reply", "code"),
    [
        pytest.param(SILENT, "timed_out", id="silent"),
        pytest.param(CLOSED_EARLY, "closed_early", id="closed early"),
        pytest.param(OUT_OF_ORDER, "502", id="out of order"),
        pytest.param(GARBAGE, "bad_answer", id="a page"),
    ],
)
@pytest.mark.parametrize("service_type", TYPES)
def test_a_list_that_does_not_come_is_read_later(provider: Fake, service_type: str, reply: Reply, code: str) -> None:
    provider.will(reply)
    found = trouble(provider, service_type)
    assert (type(found), found.code) == (Temporary, code)


SAME = {
    "slack": [{"ok": True, "channels": [], "response_metadata": {"next_cursor": "here"}}],
    "feishu": [
        {"code": 0, "tenant_access_token": "t", "expire": 7200},
        {"code": 0, "data": {"items": [], "has_more": True, "page_token": "here"}},
    ],
    "jira": [{"issues": [], "isLast": False, "nextPageToken": "here"}],
}


@pytest.mark.parametrize("service_type", SAME)
def test_a_list_that_would_never_end_is_not_read_on(provider: Fake, service_type: str) -> None:
    tokens._kept.clear()
    found = connector(service_type)
    provider.will(*map(told, SAME[service_type]))
    config = found.config.model_validate({**CONFIGS[service_type], "base_url": provider.url})
    with pytest.raises(Temporary, match="bad_answer"):
        found.records(config, "channel:here" if service_type == "slack" else "here")
