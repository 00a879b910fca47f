"""Routes of an endpoint group, and what every request goes through: who, how often, what is asked, the answer.

API Gateway matches the route and says which in `routeKey`, so resolving is one look-up. A route's function is
declared by its signature: `body` (JSON), `form` (a form or JSON) and `query` name the pydantic models of the request,
the other parameters are the path's, and the return annotation is the shape of the answer (`Raw` names its media type
and the statuses that it can have beside the route's own: `Annotated[Raw, "text/html", 303]`):

    @api.post("/v1/webhooks", permission="write", status=201)
    def create_webhook(request: Request, body: NewWebhook) -> WebhookWithSecret: ...

Every route needs a credential unless it says `public=True`, or the deployment opens its group (`PUBLIC_TENANT`) and it
is not one that only administrators may use. One with a `list_of` takes document 3's query language
over that schema, and its `query` is a `ListQuery`.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from hub import auth
from hub.auth import Bucket, Credential, RateLimit, RateLimited
from hub.errors import Forbidden, HubError, NotFound, Unavailable
from hub.store.paging import CursorPage, OffsetPage
from hub.telemetry import logger, metrics
from hub.web import idempotency
from hub.web.request import Accepted, Raw, Request, Versioned, entity_tag
from hub.web.styles import Style
from hub.web.validation import parse_body, parse_parameters

if TYPE_CHECKING:
    from hub.store.query import Schema

Permission = Literal["read", "write", "admin"]
RouteFunction = Callable[..., Any]

MAX_ID_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Route:
    """One route: what API Gateway calls it, what it needs, what serves it."""

    method: str
    path: str
    function: RouteFunction
    permission: Permission
    status: int
    public: bool
    bucket: Bucket | None
    list_of: "Schema | None" = None

    @property
    def key(self) -> str:
        """API Gateway's route key."""
        return f"{self.method} {self.path}"


class Api:
    """The routes of one Lambda, in one wire style."""

    def __init__(self, group: str, style: Style, *, bucket: Bucket | None = None) -> None:
        """Take the group's name in permissions (`webhooks:read`), its style, its rate limit bucket if it has one."""
        self.group = group
        self.style = style
        self.bucket = bucket
        self.routes: dict[str, Route] = {}

    def get(
        self,
        path: str,
        *,
        permission: Permission = "read",
        public: bool = False,
        list_of: "Schema | None" = None,
    ) -> Callable[[RouteFunction], RouteFunction]:
        """Declare a route that reads."""
        return self._route("GET", path, permission, public=public, list_of=list_of)

    def post(
        self,
        path: str,
        *,
        permission: Permission = "write",
        status: int = 200,
        public: bool = False,
        bucket: Bucket | None = None,
    ) -> Callable[[RouteFunction], RouteFunction]:
        """Declare a route that makes or does something; `bucket` where its limit differs from the group's."""
        return self._route("POST", path, permission, status=status, public=public, bucket=bucket)

    def put(self, path: str, *, permission: Permission = "write") -> Callable[[RouteFunction], RouteFunction]:
        """Declare a route that changes or replaces."""
        return self._route("PUT", path, permission)

    def patch(self, path: str, *, permission: Permission = "write") -> Callable[[RouteFunction], RouteFunction]:
        """Declare a route that changes."""
        return self._route("PATCH", path, permission)

    def delete(self, path: str, *, permission: Permission = "write") -> Callable[[RouteFunction], RouteFunction]:
        """Declare a route that deletes and answers 204."""
        return self._route("DELETE", path, permission, status=204)

    def _route(
        self,
        method: str,
        path: str,
        permission: Permission,
        *,
        status: int = 200,
        public: bool = False,
        bucket: Bucket | None = None,
        list_of: "Schema | None" = None,
    ) -> Callable[[RouteFunction], RouteFunction]:
        def declare(function: RouteFunction) -> RouteFunction:
            route = Route(method, path, function, permission, status, public, bucket or self.bucket, list_of)
            self.routes[route.key] = route
            return function

        return declare

    def resolve(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one request of API Gateway's; errors become answers in the group's style here and nowhere else."""
        started = time.perf_counter()
        request = Request(event)
        route = self.routes[event["routeKey"]]
        rate: RateLimit | None = None
        try:
            if not route.public:
                request.credential = _accepted(route, request)
            response = self._answer(route, request)
        except RateLimited as error:
            rate = error.rate
            response = self._error(error, request)
        except HubError as error:
            response = self._error(error, request)
        except BotoCoreError:
            logger().exception("an AWS service did not answer", extra={"request_id": request.request_id})
            response = self._error(Unavailable(), request)
        except ClientError:
            logger().exception("an AWS service refused", extra={"request_id": request.request_id})
            response = self._error(HubError(), request)
        except Exception:  # noqa: BLE001 - the last line: whatever went wrong, the caller gets the group's own 500
            logger().exception("unexpected error", extra={"request_id": request.request_id})
            response = self._error(HubError(), request)
        if request.credential:
            rate = request.credential.rate
        if rate:
            response["headers"] |= _rate_headers(rate)
        self._record(route, request, response["statusCode"], started)
        return response

    def _answer(self, route: Route, request: Request) -> dict[str, Any]:
        if request.credential is None:
            return self._serve(route, request)
        if not request.credential.allows(self.group, route.permission):
            raise Forbidden
        if route.method == "POST":
            return idempotency.once(request, route.key, lambda: self._serve(route, request))
        return self._serve(route, request)

    def _serve(self, route: Route, request: Request) -> dict[str, Any]:
        arguments: dict[str, Any] = dict(request.path_parameters)
        if any(not 1 <= len(value) <= MAX_ID_LENGTH for value in arguments.values()):
            raise NotFound
        annotations = route.function.__annotations__
        if route.list_of:
            from hub.store import query

            arguments["query"] = query.parse(request.parameters, route.list_of)
        elif "query" in annotations:
            arguments["query"] = parse_parameters(annotations["query"], request.parameters)
        if "form" in annotations:
            arguments["form"] = parse_body(annotations["form"], request.form_or_json_body())
        if "body" in annotations:
            arguments["body"] = parse_body(annotations["body"], request.json_body())
        return self._success(route, request, route.function(request, **arguments))

    def _success(self, route: Route, request: Request, result: Any) -> dict[str, Any]:
        if isinstance(result, Raw):
            headers = _headers(request) | {"Content-Type": result.content_type} | dict(result.headers or {})
            response = {"statusCode": result.status or route.status, "headers": headers, "body": result.body}
            return response | {"cookies": list(result.cookies)} if result.cookies else response
        if route.status == 204:
            return {"statusCode": 204, "headers": _headers(request)}
        if isinstance(result, Versioned):
            tag = {"ETag": entity_tag(result.version)}
            if route.method == "GET" and request.has(result.version):
                return {"statusCode": 304, "headers": _headers(request) | tag}
            return _json(route.status, self.style.ok(result.data), request, tag)
        if isinstance(result, Accepted):
            return _json(202, self.style.ok(result.data), request, {"Location": result.location})
        if isinstance(result, OffsetPage | CursorPage):
            following = {} if self.style.pages_in_body else _link(request, result)
            return _json(route.status, self.style.page(result), request, following)
        return _json(route.status, self.style.ok(result), request)

    def _error(self, error: HubError, request: Request) -> dict[str, Any]:
        response = _json(error.status, self.style.error(error, request.language, request.request_id), request)
        if error.status == 401:
            response["headers"]["WWW-Authenticate"] = self.style.challenge
        if error.retry_after is not None:
            response["headers"]["Retry-After"] = str(error.retry_after)
        return response

    def _record(self, route: Route, request: Request, status: int, started: float) -> None:
        """Write the request's one line: what the log search reads and the metrics are made of."""
        line = metrics()
        line.add_metric("Latency", MetricUnit.Milliseconds, round((time.perf_counter() - started) * 1000, 3))
        line.add_metric("ServerErrors", MetricUnit.Count, int(status >= 500))
        line.add_metric("RateLimited", MetricUnit.Count, int(status == 429))
        line.add_metadata("route", route.key)
        line.add_metadata("status", status)
        line.add_metadata("request_id", request.request_id)
        if request.credential:
            line.add_metadata("tenant", request.credential.tenant)
            line.add_metadata("credential", request.credential.id)


def _accepted(route: Route, request: Request) -> Credential:
    """Whose request it is. Raises `Unauthorized`, `CredentialExpired` or `RateLimited`."""
    if route.permission != "admin" and (tenant := request.public_tenant):
        return auth.accept(auth.public(tenant), route.bucket)
    return auth.authenticate(request.token(), request.base_url, route.bucket)


def _headers(request: Request) -> dict[str, str]:
    return {
        "X-Request-ID": request.request_id,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }


def _json(status: int, body: Any, request: Request, more_headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    headers = {
        **_headers(request),
        "Content-Type": "application/json; charset=utf-8",
        "Content-Language": request.language,
        **(more_headers or {}),
    }
    return {
        "statusCode": status,
        "headers": headers,
        "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
    }


def _link(request: Request, page: OffsetPage[Any] | CursorPage[Any]) -> dict[str, str]:
    """Where a list goes on (RFC 8288), for styles whose lists are nothing but their rows."""
    asked = {name: value for name, value in request.parameters.items() if name not in ("page", "cursor")}
    if page.next is not None:
        place = {"cursor": page.next}
    elif isinstance(page, OffsetPage) and page.page < page.pages:
        place = {"page": str(page.page + 1)}
    else:
        return {}
    return {"Link": f'<{request.path}?{urlencode({**asked, **place})}>; rel="next"'}


def _rate_headers(rate: RateLimit) -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(rate.limit),
        "X-RateLimit-Remaining": str(rate.remaining),
        "X-RateLimit-Reset": str(rate.reset),
    }
