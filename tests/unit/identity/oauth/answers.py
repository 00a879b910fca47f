"""What the server's answers come to."""

from tests.contract.sign_in_server import Answer, Server


def refused(answer: Answer, error: str, status: int = 400) -> bool:
    """Whether it is an error in OAuth's words (RFC 6749 section 5.2)."""
    return (answer.status, answer.json().get("error")) == (status, error)


def calls(server: Server, token: str) -> int:
    """The status of a call of the API with a token."""
    return server.request("GET", "/v1/webhooks", token=token).status
