"""Files on their way to a provider: fetched through the guarded way out, within bounds, under a name."""

from collections.abc import Iterator

import pytest

from hub.connectors import files
from hub.connectors.files import File
from hub.connectors.protocol import Media, Temporary
from tests.contract.connectors.fakes import PNG, SILENT, Fake, Reply, picture


@pytest.fixture
def elsewhere() -> Iterator[Fake]:
    """Another server, to be led to."""
    with Fake() as fake:
        yield fake


def fetched(url: str, name: str = "", most: int = 10_000) -> File:
    with files.fetched(Media("image", url, name), most) as file:
        return file


def test_a_file_keeps_its_name_and_its_type(provider: Fake) -> None:
    provider.will(picture())
    assert fetched(f"{provider.url}/a/%E5%9B%BE.png?size=1") == File("图.png", "image/png", PNG)


@pytest.mark.parametrize(
    ("name", "path", "headers", "found"),
    [
        ("given.jpg", "/a.png", {}, "given.jpg"),
        ("../../etc/passwd", "/a.png", {}, "passwd.png"),
        ("a\r\nX: y.png", "/a", {}, "aX: y.png"),
        ("", "/", {}, "image.png"),
        ("", "/attachment", {"Content-Disposition": "attachment; filename*=UTF-8''%E5%9B%BE.gif"}, "图.gif"),
        ("", "/attachment", {"Content-Disposition": 'attachment; filename="C:\\\\a\\\\b.gif"'}, "b.gif"),
        ("x" * 300 + ".png", "/", {}, "x" * 120 + ".png"),
        ("", "/unknown", {"Content-Type": "application/x-unheard-of"}, "unknown.bin"),
    ],
)
def test_a_file_has_a_name_that_is_one(
    provider: Fake, name: str, path: str, headers: dict[str, str], found: str
) -> None:
    provider.will(picture(headers=headers))
    assert fetched(provider.url + path, name).name == found


@pytest.mark.parametrize(
    "reply",
    [Reply(404), Reply(403), picture(b""), picture(b"x" * 10_001), Reply(302), Reply(204)],
    ids=["gone", "kept", "empty", "too large", "nowhere", "no content"],
)
def test_what_is_no_file_is_not_taken(provider: Fake, reply: Reply) -> None:
    provider.will(reply)
    with pytest.raises(files.Unfit):
        fetched(f"{provider.url}/a")


def test_a_file_at_the_limit_is_whole(provider: Fake) -> None:
    provider.will(picture(b"x" * 10_000))
    assert len(fetched(f"{provider.url}/a").content) == 10_000


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("reply", [Reply(500), Reply(429), SILENT, Reply(200, b"x", is_cut=True)])
def test_a_trouble_of_its_server_may_pass(provider: Fake, reply: Reply) -> None:
    provider.will(reply)
    with pytest.raises(files.Unreachable):
        fetched(f"{provider.url}/a")


def test_a_file_that_moved_is_followed(provider: Fake, elsewhere: Fake) -> None:
    provider.will(Reply(302, b"", {"Location": f"{elsewhere.url}/b.png"}))
    elsewhere.will(Reply(308, b"", {"Location": "/c.png"}), picture())
    assert fetched(f"{provider.url}/a") == File("c.png", "image/png", PNG)


def test_nobody_is_led_around_for_ever(provider: Fake) -> None:
    provider.will(*[Reply(302, b"", {"Location": "/a"})] * 10)
    with pytest.raises(files.Unfit):
        fetched(f"{provider.url}/a")
    assert len(provider.asked) == 4


@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "file:///etc/passwd"]
)
def test_nobody_is_led_inside(provider: Fake, address: str) -> None:
    with pytest.raises(files.Unfit, match="address_refused"):
        fetched(address)
    provider.will(Reply(302, b"", {"Location": address}))
    with pytest.raises(files.Unfit, match="address_refused"):
        fetched(f"{provider.url}/a")


def test_no_more_files_are_held_at_once_than_fit(provider: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "WAIT_SECONDS", 0.01)
    provider.will(*[picture()] * files.MAX_AT_ONCE)
    held = [files.fetched(Media("image", f"{provider.url}/a"), 1000) for _ in range(files.MAX_AT_ONCE)]
    for one in held:
        one.__enter__()
    with pytest.raises(Temporary, match="busy"):
        fetched(f"{provider.url}/a")
    for one in held:
        one.__exit__(None, None, None)
    assert files._room.acquire(blocking=False)
    files._room.release()


@pytest.mark.parametrize("kind", ["", "text/html\r\n X-Evil: 1", 'a"b/c', "image", 'image/png; charset="x'])
def test_a_type_that_is_none_is_not_passed_on(provider: Fake, kind: str) -> None:
    provider.will(picture(headers={"Content-Type": kind}))
    assert fetched(f"{provider.url}/a.png").type in ("application/octet-stream", "image/png")
