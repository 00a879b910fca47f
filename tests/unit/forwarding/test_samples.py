"""The forwarder's Lambdas take their sample inputs (as `tests/unit/test_samples.py` has it)."""

import json
from typing import Any

import pytest

from functions.forwarding import changes, gate
from functions.forwarding.bots import store as bots
from hub.store import keys, table
from tests.unit.samples import invoke, sample

pytestmark = pytest.mark.usefixtures("aws", "sample_key")


def made(function: str) -> Any:
    answer = invoke(function)
    assert answer["statusCode"] == 201, answer["body"]
    return json.loads(answer["body"])


def test_accounts() -> None:
    assert made("KookAccountsFunction")["account_id"] == 1


def test_bots_and_mappings() -> None:
    assert made("ForwardBotsFunction")["bot_id"] == 1
    assert made("ForwardMappingsFunction")["mapping_id"] == 1


def test_smart_mapping_and_backups() -> None:
    answer = invoke("SmartMappingFunction")
    assert (answer["statusCode"], json.loads(answer["body"])["learned"]) == (200, 1)
    assert made("ForwardBackupsFunction")["size_mb"] > 0


def test_a_change_whose_maker_died_is_ended() -> None:
    change_id = json.loads(sample("ForwardingChangesFunction")["Records"][0]["body"])["change_id"]
    gate.close("default", change_id)
    wanted = {**keys.entity("default", bots.KIND, "000000000001"), "name": "公告"}
    changes.keep("default", change_id, [table.Put(table.entities(), wanted)])
    assert invoke("ForwardingChangesFunction") == {"batchItemFailures": []}
    assert table.get(table.entities(), keys.entity("default", bots.KIND, "000000000001")) == wanted
    assert table.get(table.entities(), gate.key("default")) is None
