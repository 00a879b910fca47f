"""A person at the sign-in pages, by plain HTTP."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from tests.contract.forms import hidden_fields

REQUEST_SECONDS = 30


@dataclass(frozen=True)
class Person:
    """A user of the tenant, and the password."""

    id: str
    email: str
    password: str


class Browser:
    """Follows addresses and sends forms, with cookies, as long as they stay on one server."""

    def __init__(self, base_url: str) -> None:
        self._origin = urlsplit(base_url).netloc
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def authorize(self, url: str, person: Person) -> str:
        """Sign in, allow what is asked, and answer with the address that the application gets."""
        page = self._open(url)
        page = self._submit(page, email=person.email, password=person.password)
        return self._submit(page, action="allow").headers["Location"]

    def _open(self, url: str) -> requests.Response:
        return self._session.get(url, timeout=REQUEST_SECONDS, allow_redirects=False)

    def _submit(self, page: requests.Response, **fields: str) -> requests.Response:
        assert page.status_code == 200, page.text
        form = {**hidden_fields(page.text), **fields}
        answer = self._session.post(page.url, data=form, timeout=REQUEST_SECONDS, allow_redirects=False)
        assert answer.status_code == 303, answer.text
        location = answer.headers["Location"]
        return self._open(location) if urlsplit(location).netloc == self._origin else answer
