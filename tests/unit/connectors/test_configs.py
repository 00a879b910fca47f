"""Configs of all connectors: what is secret is sealed, never shown, and comes back as it was."""

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from hub import connections, connectors
from hub.connectors.protocol import Config, Connector
from tests.unit.connectors.configs import CONFIGS

SECRET_NAME = re.compile(r"token|secret|password|key")
SECRET_ADDRESSES = {("slack", "webhook_url"), ("discord", "webhook_url"), ("feishu", "webhook_url")}
"""Who has such an address can post to it."""

every_type = pytest.mark.parametrize("service_type", connectors.SERVICE_TYPES)


@dataclass
class Kept:
    """What an item holds of a connection."""

    id: str
    service_type: str
    config: dict[str, Any]
    sealed: bytes | None


def config_of(service_type: str) -> Config:
    found: Config = connectors.connector(service_type).config.model_validate(CONFIGS[service_type])
    return found


@every_type
def test_a_service_type_has_its_connector(service_type: str) -> None:
    found = connectors.connector(service_type)
    assert found.service_type == service_type
    assert found.limits.text > 0
    assert found.limits.per_second > 0


@every_type
def test_a_connector_can_do_what_it_says_and_nothing_else(service_type: str) -> None:
    found = connectors.connector(service_type)
    own = {
        name
        for name in ("send", "edit", "delete", "contacts", "records", "targets")
        if getattr(type(found), name) is not getattr(Connector, name)
    }
    assert found.abilities - {"callbacks", "changes"} == own
    hears = type(found).hear is not Connector.hear
    assert len(found.abilities & {"callbacks", "changes"}) == hears, "one address takes the one, another the other"


def test_an_unknown_service_type_has_none() -> None:
    with pytest.raises(ValueError, match="protocol"):
        connectors.connector("protocol")


@every_type
def test_the_examples_give_every_field(service_type: str) -> None:
    assert set(CONFIGS[service_type]) == set(connectors.connector(service_type).config.model_fields)


@every_type
def test_every_field_that_sounds_secret_is(service_type: str) -> None:
    shape = connectors.connector(service_type).config
    sounding = {name for name in shape.model_fields if SECRET_NAME.search(name)}
    addresses = {name for of, name in SECRET_ADDRESSES if of == service_type}
    assert set(connections.secret_fields(shape)) == sounding | addresses


@every_type
def test_a_secret_that_may_be_absent_is_empty_then(service_type: str) -> None:
    shape = connectors.connector(service_type).config
    for name in connections.secret_fields(shape):
        field = shape.model_fields[name]
        assert field.is_required() or field.default == "", name


@every_type
def test_a_base_address_is_configurable(service_type: str) -> None:
    shape = connectors.connector(service_type).config
    assert {"base_url", "url", "webhook_url"} & set(shape.model_fields)


@every_type
@pytest.mark.usefixtures("aws")
def test_a_config_comes_back_as_it_was(service_type: str) -> None:
    config = config_of(service_type)
    shown, sealed = connections.closed("acme", "int_1", config)
    assert connections.opened("acme", Kept("int_1", service_type, shown, sealed)) == config


@every_type
@pytest.mark.usefixtures("aws")
def test_what_is_kept_in_the_open_reveals_no_secret(service_type: str) -> None:
    shown, sealed = connections.closed("acme", "int_1", config_of(service_type))
    secret = connections.secret_fields(connectors.connector(service_type).config)
    assert secret
    for name in secret:
        value = CONFIGS[service_type][name]
        assert shown[name] == "***"
        assert value not in json.dumps(shown)
        assert sealed is not None
        assert value.encode() not in sealed


@every_type
@pytest.mark.usefixtures("aws")
def test_a_config_with_what_it_must_have_alone_comes_back_too(service_type: str) -> None:
    shape = connectors.connector(service_type).config
    needed = {name for name, field in shape.model_fields.items() if field.is_required()}
    needed |= {"slack": {"bot_token"}, "feishu": {"webhook_url"}}.get(service_type, set())
    config = shape.model_validate({name: CONFIGS[service_type][name] for name in needed})
    shown, sealed = connections.closed("acme", "int_1", config)
    assert set(shown) == needed
    assert connections.opened("acme", Kept("int_1", service_type, shown, sealed)) == config


@every_type
@pytest.mark.parametrize("wrong", [None, 1, True, [], {}, "x" * 5000])
def test_a_value_of_another_type_or_beyond_measure_is_refused(service_type: str, wrong: Any) -> None:
    shape = connectors.connector(service_type).config
    for name, given in CONFIGS[service_type].items():
        if not isinstance(given, str):
            continue
        with pytest.raises(ValueError, match=name):
            shape.model_validate({**CONFIGS[service_type], name: wrong})


@every_type
def test_an_unknown_field_is_refused(service_type: str) -> None:
    with pytest.raises(ValueError, match="pass_word"):
        connectors.connector(service_type).config.model_validate({**CONFIGS[service_type], "pass_word": "a"})


@every_type
@pytest.mark.parametrize("address", ["ftp://example.com", "javascript:alert(1)", "https://", "https://a b", "//a", "a"])
def test_an_address_that_is_none_of_the_webs_is_refused(service_type: str, address: str) -> None:
    shape = connectors.connector(service_type).config
    for name in set(shape.model_fields) & {"base_url", "url", "webhook_url", "records_url"}:
        with pytest.raises(ValueError, match=name):
            shape.model_validate({**CONFIGS[service_type], name: address})
