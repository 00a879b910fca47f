"""What the connectors say of their limits, against the table that callers read (docs/integrations.md)."""

import re
from pathlib import Path

import pytest

from hub import connectors
from hub.connectors.protocol import Limits
from tests.unit.connectors.configs import CONFIGS

TABLE = Path(__file__).parents[3] / "docs" / "integrations.md"
UNITS = {"characters": "characters", "utf16": "UTF-16 units", "bytes": "bytes"}

every_type = pytest.mark.parametrize("service_type", connectors.SERVICE_TYPES)


def row(service_type: str) -> list[str]:
    """The cells of a connector's row in the table of what it can do."""
    table = TABLE.read_text().split("## What a connector can do")[1]
    [found] = re.findall(rf"^\| `{service_type}` \|(.*)\|$", table, re.MULTILINE)
    return [cell.strip() for cell in str(found).split(" | ")]


def numbers(cell: str) -> set[int]:
    return {int(one.replace(",", "")) for one in re.findall(r"\b[0-9][0-9,]*\b(?!-)", cell)}


@every_type
def test_the_table_names_every_ability(service_type: str) -> None:
    named = set(re.findall(r"\b(send|edit|delete|records|contacts|targets|callbacks|changes)\b", row(service_type)[0]))
    assert named == connectors.connector(service_type).abilities


@every_type
def test_the_table_tells_every_limit_of_a_text(service_type: str) -> None:
    found, cell = connectors.connector(service_type), row(service_type)[1]
    config = found.config.model_validate(CONFIGS[service_type])
    limits = found.limits
    own = {limits.text, found.limits_for(config).text, *limits.formats.values()}
    assert own <= numbers(cell)
    assert UNITS[limits.unit] in cell
    assert set(re.findall(r"`(text|markdown|html|post|card)`", cell)) == {"text", *limits.formats}


@every_type
def test_the_table_tells_the_size_of_a_file(service_type: str) -> None:
    found, cell = connectors.connector(service_type), row(service_type)[2]
    config = found.config.model_validate(CONFIGS[service_type])
    told = {int(size) for size in re.findall(r"([0-9]+) MiB", cell)}
    assert told == {size // 2**20 for size in found.limits_for(config).files.values()}


def test_a_format_has_its_own_limit_and_another_the_texts() -> None:
    limits = Limits(text=2048, unit="bytes", per_second=2, formats={"markdown": 4096})
    assert (limits.of("markdown").text, limits.of("card").text, limits.of("text")) == (4096, 2048, limits)
    assert limits.of("markdown").unit == "bytes"
