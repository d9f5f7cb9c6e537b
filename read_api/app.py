"""The read API as an ASGI application."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from litestar import Litestar, Request, Router
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import BeforeRequestHookHandler

from core.clock import Clock, utc_now
from core.settings import ApiSettings, AuthSettings, GatewaySettings, HubSettings, require_mode, url_as
from domain.common.vocabulary import FreebitVocabulary
from read_api.auth.caller import caller_of
from read_api.auth.controller import DoorController, PersonController, key_set
from read_api.auth.cookies import NAME
from read_api.auth.door import Door
from read_api.auth.email_changes import EmailChanges
from read_api.auth.factor_controller import FactorController, StepUpController
from read_api.auth.factors import Factors
from read_api.auth.guard import BearerGuard, bearer_token
from read_api.auth.passkeys import Passkeys
from read_api.auth.people import People
from read_api.auth.people_controller import InvitationController, MemberController
from read_api.auth.problems import AUTH_HANDLERS
from read_api.auth.service_keys import CUSTOMER_HEADER, KeyUses, is_service_key
from read_api.auth.sign_up_controller import LinkController, SignUpController
from read_api.auth.sign_ups import SignUps
from read_api.auth.tokens import InvalidTokenError
from read_api.auth.verification import Verification
from read_api.auth.view_as import Views
from read_api.auth.view_controller import VIEWERS, ViewController
from read_api.billing.controller import BillingController
from read_api.catalog.controller import CatalogController
from read_api.commands.controller import CommandController
from read_api.customer.controller import CustomerController, EligibilityController
from read_api.customer.identity import IdentityController
from read_api.dashboard.controller import DashboardController
from read_api.gateway import Gateway
from read_api.health.controller import HealthController
from read_api.http.cross_origin import VariesByOrigin, cross_origin
from read_api.http.documentation import PlainPages, no_other_page, sum_up
from read_api.http.doors import MOST_BYTES, Doors
from read_api.http.input_schemas import InputSchemas
from read_api.http.problems.controller import explain
from read_api.http.problems.errors import InvalidFieldError
from read_api.http.problems.handlers import HANDLERS
from read_api.http.requests import Envelope, HubRequest
from read_api.http.services import KEY, Services
from read_api.live.controller import LiveController, live_socket
from read_api.live.follower import Follower
from read_api.live.seats import Seats
from read_api.live.tags import UNTAGGED, Unchanged, unchanged
from read_api.orders.controller import OrderController
from read_api.sim.controller import SimController
from read_api.store.database import Database
from read_api.subscriptions.controller import SubscriptionController
from read_api.support.controller import SupportController
from read_api.webhooks.controller import WebhookController
from read_api.webhooks.signature import Signature

FEATURES = (
    CustomerController,
    EligibilityController,
    IdentityController,
    DashboardController,
    BillingController,
    SubscriptionController,
    SimController,
    CatalogController,
    OrderController,
    SupportController,
    CommandController,
    LiveController,
)

ABOUT = (
    "What the portal shows a customer, from the hub's own copy of Salesforce, WHMCS and Freebit. Every answer says how"
    " old its data is (`meta`); a token sees its own customer's data and nothing else. Lists go on with `cursor`."
)


def create_app(
    hub: HubSettings,
    api: ApiSettings,
    now: Clock = utc_now,
    *,
    gateway: GatewaySettings | None = None,
    plans: Collection[str] = tuple(FreebitVocabulary().plan_names),
    auth: AuthSettings | None = None,
    device_codes: bool = False,
) -> Litestar:
    """The application; it connects when it starts, and starts without a database too.

    Without a `gateway`, pay links and identity documents are not offered. `plans`: codes of those that a SIM line may
    change to. `device_codes`: whether a password alone is not enough on a device that was not seen before.

    Raises:
        SettingsError: there is no database URL, or what is for development is set in production.
    """
    require_mode(hub, api)
    database = Database(url_as(hub, "hub_api"), api.pool_size)
    follower = Follower(url_as(hub, "hub_api"))
    database.resolved = follower.resolved
    auth = auth or AuthSettings()
    log_in = Database(url_as(hub, "hub_auth"), auth.pool_size)
    door = Door(api, auth, log_in, device_codes=device_codes)
    factors = Factors(door, log_in, now)
    verification = Verification(url_as(hub, "hub_api"), database, api.jwt_minutes)
    key_uses = KeyUses(log_in)
    guard = BearerGuard(hub, api, verification, key_uses)
    factors = Factors(door, log_in, now)
    views = Views(door.issuer, factors, log_in, now)
    passing = Gateway(gateway) if gateway else None
    zone = ZoneInfo(api.timezone)

    @asynccontextmanager
    async def connected(_: Litestar) -> AsyncIterator[None]:
        await database.open()
        await log_in.open()
        verification.open()
        follower.open()
        try:
            yield
        finally:
            await follower.close()
            await verification.close()
            door.close()
            await key_uses.close()
            await log_in.close()
            if passing:
                await passing.close()
            await database.close()

    def today(at: datetime | None = None) -> str:
        return (at or now()).astimezone(zone).date().isoformat()

    services = Services(
        settings=api,
        database=database,
        follower=follower,
        guard=guard,
        verification=verification,
        door=door,
        factors=factors,
        sign_ups=SignUps(auth, log_in, door.passwords, passing),
        views=views,
        people=People(auth, factors, door.passwords, log_in),
        email_changes=EmailChanges(factors, log_in),
        passkeys=Passkeys(door, factors, log_in),
        seats=Seats(api.streams, api.streams_per_customer, api.streams_per_address),
        today=today,
        plans=plans,
        gateway=passing,
        whmcs_signature=_signature(api, now),
    )
    guarded = Router(
        "/",
        route_handlers=FEATURES,
        before_request=_admission(guard, views, follower, today),
        security=[{"bearerAuth": []}, {"serviceKey": [], "namedCustomer": []}],
    )
    persons = Router(
        "/",
        route_handlers=[
            PersonController,
            StepUpController,
            FactorController,
            ViewController,
            MemberController,
            InvitationController,
        ],
        before_request=_admission_of_persons(guard, views),
        security=[{"bearerAuth": []}],
    )
    app = Litestar(
        route_handlers=[
            guarded,
            persons,
            DoorController,
            SignUpController,
            LinkController,
            key_set,
            live_socket,
            WebhookController,
            HealthController,
            explain,
        ],
        exception_handlers={**HANDLERS, **AUTH_HANDLERS},
        lifespan=[connected],
        openapi_config=_openapi(),
        cors_config=cross_origin(auth.origins),
        plugins=[InputSchemas(prefer_alias=True)],
        state=State({KEY: services}),
        logging_config=None,
        request_class=HubRequest,
        request_max_body_size=MOST_BYTES,
    )
    sum_up(app)
    if auth.origins:
        app.asgi_handler = VariesByOrigin(app.asgi_handler)
    app.asgi_handler = Envelope(Doors(app.asgi_handler, api.proxies, api.patience_seconds))
    return app


def _signature(api: ApiSettings, now: Clock) -> Signature | None:
    secret = api.whmcs_webhook_secret
    return None if secret is None else Signature(secret.get_secret_value(), now)


def _admission(
    guard: BearerGuard, views: Views, follower: Follower, today: Callable[[], str]
) -> BeforeRequestHookHandler:
    """What happens before a request under /api is looked at any closer."""

    async def admit(request: Request[Any, Any, Any]) -> Unchanged | None:
        guard(request)
        await views.admit(caller_of(request), request)
        only_known_parameters(request)
        if request.method != "GET" or request.route_handler.opt.get(UNTAGGED):
            return None
        return unchanged(request, follower, today())

    return admit


def _admission_of_persons(guard: BearerGuard, views: Views) -> BeforeRequestHookHandler:
    """The same under /auth, where only somebody who logged in has anything to do."""

    async def admit(request: Request[Any, Any, Any]) -> None:
        if is_service_key(bearer_token(request)):
            raise InvalidTokenError("a system has no log-in of a person")
        guard(request)
        caller = caller_of(request)
        is_viewed = caller.actor is not None and not request.route_handler.opt.get(VIEWERS)
        if caller.session is None or is_viewed:
            raise InvalidTokenError("nobody logged in for this token")
        if request.method == "GET":
            await views.note(caller, request)
        only_known_parameters(request)

    return admit


def only_known_parameters(request: Request[Any, Any, Any]) -> None:
    """A misspelt filter must not silently show everything.

    Raises:
        InvalidFieldError: the query names a parameter that the operation does not have.
    """
    if request.scope["query_string"]:
        known = _parameters(request.route_handler)
        for name in request.query_params:
            if name not in known:
                raise InvalidFieldError(name[:100], "is not a parameter of this operation")


@lru_cache
def _parameters(handler: BaseRouteHandler) -> frozenset[str]:
    found = handler.parsed_fn_signature.parameters
    return frozenset(
        getattr(each.kwarg_definition, "query", None) or getattr(each.kwarg_definition, "name", None) or name
        for name, each in found.items()
    )


def _openapi() -> OpenAPIConfig:
    bearer = SecurityScheme(
        type="http",
        scheme="bearer",
        bearer_format="JWT",
        description="`POST /auth/login` gives one; for development, `hub token` does",
    )
    service_key = SecurityScheme(
        type="http",
        scheme="bearer",
        bearer_format="hubkey_<id>_<secret>",
        description=(
            "For systems, never for a browser: an operator makes one with `hub service-key add`. Each request names the"
            f" customer that it is for in `{CUSTOMER_HEADER}`"
        ),
    )
    customer = SecurityScheme(
        type="apiKey",
        name=CUSTOMER_HEADER,
        security_scheme_in="header",
        description="With a service key: the id of the one customer that the request is for. No secret",
    )
    cookie = SecurityScheme(
        type="apiKey", name=NAME, security_scheme_in="cookie", description="Set by logging in, for browsers alone"
    )
    return OpenAPIConfig(
        title="Data-sync hub: read API",
        version="1.0.0",
        description=ABOUT,
        path="/schema",
        openapi_router=Router("/schema", route_handlers=[], include_in_schema=False, before_request=no_other_page),
        use_handler_docstrings=True,
        render_plugins=[PlainPages(path="/"), JsonRenderPlugin(path="/openapi.json")],
        components=Components(
            security_schemes={
                "bearerAuth": bearer,
                "serviceKey": service_key,
                "namedCustomer": customer,
                "refreshCookie": cookie,
            }
        ),
    )
