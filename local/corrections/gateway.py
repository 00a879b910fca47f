"""API Gateway: what a function that fails, or refuses a connection, is answered as."""

import json
from contextvars import ContextVar
from typing import Any

from ministack.services import apigateway, lambda_svc


def answer_failures_as_api_gateway() -> None:
    """Answer 500 `Internal Server Error` for a function that failed: an HTTP API never shows the exception's text."""
    convert = lambda_svc.lambda_execute_result_to_api_proxy_response

    def convert_failure(result: dict[str, Any]) -> Any:
        if result.get("error") and not result.get("throttle"):
            body = json.dumps({"message": "Internal Server Error"}, separators=(",", ":"))
            return {"statusCode": 500, "headers": {"Content-Type": "application/json"}, "body": body}, None
        return convert(result)

    lambda_svc.lambda_execute_result_to_api_proxy_response = convert_failure


def answer_connects_as_api_gateway() -> None:
    """Give a WebSocket's client what the function of `$connect` answers: its subprotocol, or why it is refused.

    MiniStack looks at nothing but whether the status is a success, and refuses with 403 always.
    """
    handle, invoke = apigateway.handle_websocket, apigateway._invoke_ws_lambda
    openings: ContextVar[dict[str, Any]] = ContextVar("openings")

    async def invoke_and_keep(*given: Any, **more: Any) -> Any:
        answer = await invoke(*given, **more)
        if "CONNECT" in given:
            openings.get().update(answer or {})
        return answer

    async def handle_and_answer(scope: Any, receive: Any, send: Any, *given: Any, **more: Any) -> None:
        opening: dict[str, Any] = {}
        openings.set(opening)

        async def send_as_answered(message: dict[str, Any]) -> None:
            refused = opening and not 200 <= int(opening.get("statusCode", 500)) < 300
            if message["type"] == "websocket.accept":
                headers = {name.lower(): value for name, value in (opening.get("headers") or {}).items()}
                message = {**message, "subprotocol": headers.get("sec-websocket-protocol")}
            elif message["type"] == "websocket.close" and refused:
                await apigateway._refuse_ws_handshake(scope, send, int(opening.get("statusCode", 500)), "", "", "")
                return
            await send(message)

        await handle(scope, receive, send_as_answered, *given, **more)

    apigateway._invoke_ws_lambda = invoke_and_keep
    apigateway.handle_websocket = handle_and_answer
