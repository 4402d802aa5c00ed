"""Every environment variable, read once. Nothing else in the relay looks at the environment."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from relay.errors import Misconfigured
from relay.settings import values
from relay.settings.values import origin as origin

ROOT = Path(__file__).resolve().parents[2]
"""The checkout: where `data/`, `.env` and the built front end live, whatever the working directory is."""

ENV_FILE = ROOT / ".env"
SECRETS = (
    "SECRET_KEY",
    "ANTHROPIC_API_KEY",
    "STRIPE_API_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "STRIPE_THIN_WEBHOOK_SECRET",
    "RESEND_API_KEY",
    "RESEND_WEBHOOK_SECRET",
    "METRICS_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "DATABASE_URL",
    "REDIS_URL",
)
"""What may also come as `NAME_FILE`, and what no message repeats. An address counts: it can hold a password."""

FILE_SUFFIX = "_FILE"
RUNNING_FILE = ROOT / "data" / "running.json"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a setting, and what to do. `found` never holds a secret."""

    name: str
    found: str
    expected: str
    fix: str

    def __str__(self) -> str:
        return f"{self.name}: found {self.found}, expected {self.expected}. {self.fix}"


class Settings(BaseSettings):
    """Each field is the environment variable of the same name; its description becomes `.env.example`."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE, env_ignore_empty=True, case_sensitive=True, extra="ignore", frozen=True
    )

    DATABASE_URL: str = Field("sqlite:///data/account.db", description="SQLite file, or postgresql://…")
    REDIS_URL: str | None = Field(None, description="redis://…; needed for more than one worker")
    SECRET_KEY: SecretStr | None = Field(None, description="at least 32 random characters; signs and hashes")
    ACCOUNT_ORIGIN: str = Field("http://localhost:3000", description="where people open the dashboard")
    API_ORIGIN: str = Field("", description="where API and event socket answer; empty: the same")
    EDITOR_ORIGINS: str = Field("", description="comma-separated origins that may embed the panel")
    COOKIE_DOMAIN: str | None = Field(None, description="empty: cookies for this host only")
    TRUSTED_PROXIES: int = Field(0, ge=0, le=10, description="how many proxy hops to believe")
    ANTHROPIC_API_KEY: SecretStr | None = Field(None, description="our key at Anthropic")
    ANTHROPIC_BASE_URL: str = Field("https://api.anthropic.com", description="where Claude answers")
    STRIPE_API_KEY: SecretStr | None = Field(None, description="our secret key at Stripe")
    STRIPE_API_BASE: str = Field("https://api.stripe.com", description="where Stripe answers")
    STRIPE_WEBHOOK_SECRET: SecretStr | None = Field(None, description="signs Stripe's events to us")
    STRIPE_THIN_WEBHOOK_SECRET: SecretStr | None = Field(None, description="signs its thin events, if they come")
    STRIPE_PRICE_PLAN: str = Field("price_plan", description="Stripe's price of the monthly plan")
    STRIPE_PRICE_OVERAGE: str = Field("price_overage", description="Stripe's metered price of one cent")
    STRIPE_METER_EVENT: str = Field("overage_cents", description="event name of Stripe's meter")
    STRIPE_PORTAL_CONFIGURATION: str = Field("", description="Stripe's portal configuration; empty: the default one")
    RESEND_API_KEY: SecretStr | None = Field(None, description="our key at Resend")
    RESEND_API_URL: str = Field("https://api.resend.com", description="where Resend answers")
    RESEND_WEBHOOK_SECRET: SecretStr | None = Field(
        None, description="signs Resend's events to us: bounces, complaints"
    )
    MAIL_FROM: str = Field("Account <sign-in@localhost.test>", description="sender of our mail")
    STORAGE_URL: str = Field("file://data/assets", description="file://… or s3://bucket, for the files of people")
    STORAGE_QUOTA_MB: int = Field(1000, ge=1, le=1_000_000, description="what an account may keep in all")
    ASSET_MB_MAX: int = Field(50, ge=1, le=5000, description="the largest single file")
    AWS_ENDPOINT_URL: str | None = Field(None, description="where the bucket of s3:// answers; empty: Amazon")
    AWS_REGION: str | None = Field(None, description="the bucket's region; `auto` at Cloudflare")
    AWS_ACCESS_KEY_ID: str | None = Field(None, description="our key to the bucket; empty: the machine's own role")
    AWS_SECRET_ACCESS_KEY: SecretStr | None = Field(None, description="its secret")
    AWS_SESSION_TOKEN: SecretStr | None = Field(None, description="with a key that does not last")
    MARKUP_PERCENT: int = Field(20, ge=0, le=1000, description="baked into a price version by `migrate`")
    PLAN_MONTHLY_CREDIT_USD: str = Field("10", description="credit that comes with a month of the plan")
    DEFAULT_SPEND_CAP_USD: str = Field("50", description="overage per period to begin with")
    SPEND_CAP_MAX_USD: int = Field(1000, ge=0, le=100_000, description="largest spend cap that a person may choose")
    TOPUP_MIN_USD: int = Field(5, ge=1, description="smallest top-up")
    TOPUP_MAX_USD: int = Field(1000, ge=1, le=10_000, description="largest top-up")
    SIGN_UP_GRANT_USD: str = Field("0", description="promo credit for every new account")
    RATE_REQUESTS_PER_MINUTE: int = Field(60, ge=1, description="per account")
    RATE_TOKENS_PER_MINUTE: int = Field(200_000, ge=1, description="per account")
    RATE_CONCURRENT: int = Field(8, ge=1, description="open streams per account")
    SYNC_INTERVAL_SECONDS: int = Field(3600, ge=1, le=86_400, description="how often windows are sealed and sent")
    HOLD_TTL_SECONDS: int = Field(900, ge=1, le=86_400, description="after this a dead process's hold is settled")
    UNBOOKED_DIR: str = Field(
        "data/unbooked",
        description="where settlements wait for a database that is away: a disk that outlives us",
    )
    HEAD_SECONDS: float = Field(10, gt=0, le=86_400, description="for a request's head")
    BODY_SILENCE_SECONDS: float = Field(30, gt=0, le=86_400, description="between two pieces of a request's body")
    BODY_SECONDS: float = Field(300, gt=0, le=86_400, description="for the whole of a request's body")
    BODIES_MB_MAX: int = Field(
        512, ge=32, description="request bodies that a worker keeps at once; beyond, it answers 529"
    )
    CONNECTIONS_MAX: int = Field(10_000, ge=10, description="open connections of a worker; beyond, idle ones make room")
    UPSTREAM_CONNECT_SECONDS: float = Field(10, gt=0, le=86_400, description="to reach Claude")
    UPSTREAM_FIRST_SECONDS: float = Field(120, gt=0, le=86_400, description="until Claude's first event")
    UPSTREAM_SILENCE_SECONDS: float = Field(90, gt=0, le=86_400, description="between two events; pings do not count")
    UPSTREAM_PLAIN_SECONDS: float = Field(600, gt=0, le=86_400, description="for a whole answer that is not streamed")
    DRAIN_SECONDS: float = Field(20, ge=0, le=86_400, description="for open streams when the server is told to stop")
    OPERATOR_EMAILS: str = Field("", description="comma-separated; may open the operator page")
    WEB_ANALYTICS_TOKEN: str | None = Field(
        None, pattern="^[0-9a-f]{32}$", description="Cloudflare Web Analytics, on production alone"
    )
    METRICS_TOKEN: SecretStr | None = Field(
        None, description="bearer token that /metrics asks for; empty: only this machine may read it"
    )
    CF_ACCESS_TEAM: str | None = Field(None, description="Cloudflare Access: TEAM of TEAM.cloudflareaccess.com")
    CF_ACCESS_AUD: str | None = Field(None, description="Cloudflare Access: the application's audience tag")
    OTEL_EXPORTER_OTLP_ENDPOINT: str | None = Field(None, description="OpenTelemetry collector, OTLP over HTTP")
    OTEL_SERVICE_NAME: str = Field("account-app", description="what traces call this service")
    ACCEPT_REVISION: str | None = Field(
        None, description="a newer database revision that this older version may run on, to roll back"
    )
    LOG_FORMAT: str = Field("json", pattern="^(json|text)$", description="json, or text to read by eye")

    _addresses = field_validator(
        "ANTHROPIC_BASE_URL", "STRIPE_API_BASE", "RESEND_API_URL", "OTEL_EXPORTER_OTLP_ENDPOINT", "AWS_ENDPOINT_URL"
    )(values.address)
    _own_origins = field_validator("ACCOUNT_ORIGIN", "API_ORIGIN")(values.own_origin)
    _editors = field_validator("EDITOR_ORIGINS")(values.origins)
    _database = field_validator("DATABASE_URL")(values.database)
    _redis = field_validator("REDIS_URL")(values.redis)
    _storage = field_validator("STORAGE_URL")(values.storage)

    @property
    def api_origin(self) -> str:
        return self.API_ORIGIN or self.ACCOUNT_ORIGIN

    @property
    def editor_origins(self) -> tuple[str, ...]:
        return tuple(filter(None, self.EDITOR_ORIGINS.split(",")))

    @property
    def allowed_origins(self) -> frozenset[str]:
        """Every origin that may call with credentials: ours and the editors', compared exactly."""
        return frozenset({self.ACCOUNT_ORIGIN, self.api_origin, *self.editor_origins})

    @property
    def database_url(self) -> str:
        """As SQLAlchemy wants it: a driver named, SQLite's file placed below the checkout."""
        if self.DATABASE_URL.startswith(("postgresql://", "postgres://")):
            return "postgresql+psycopg://" + self.DATABASE_URL.split("://", 1)[1]
        path = self.DATABASE_URL.removeprefix("sqlite:///")
        return f"sqlite:///{ROOT / path}"

    @property
    def unbooked_folder(self) -> Path:
        return ROOT / self.UNBOOKED_DIR

    @property
    def assets_folder(self) -> Path | None:
        """Where files are kept on this machine's own disk; None when they are in a bucket."""
        scheme, _, rest = self.STORAGE_URL.partition("://")
        return ROOT / rest if scheme == "file" else None

    @property
    def secure_cookies(self) -> bool:
        return self.api_origin.startswith("https://")

    def secret(self, name: str) -> str:
        """The value of a secret; Misconfigured, naming it, when it is not set."""
        value = self.reveal(name)
        if not value:
            raise Misconfigured(f"{name} is not set. Set it in the environment, in .env, or as {name}{FILE_SUFFIX}.")
        return value

    def reveal(self, name: str) -> str:
        """The same; empty when it is not set."""
        value = getattr(self, name)
        return value.get_secret_value() if isinstance(value, SecretStr) else value or ""


def read_settings(**overrides: Any) -> Settings:
    """Reads the environment and `.env`. Misconfigured names every setting that is wrong, all at once."""
    found, faults = read_with_faults(**overrides)
    if faults:
        raise Misconfigured("\n".join(map(str, faults)))
    return found


def read_with_faults(**overrides: Any) -> tuple[Settings, list[Fault]]:
    """The settings, and what is wrong with single ones: those keep their defaults, so that the rest is looked at."""
    given, faults = _from_files()
    given |= overrides
    try:
        return Settings(**given), faults
    except ValidationError as error:
        found = {str(e["loc"][0]): _fault(str(e["loc"][0]), e["msg"], e["input"]) for e in error.errors()}
        defaults = {name: Settings.model_fields[name].default for name in found}
        return Settings(**{**given, **defaults}), [*faults, *found.values()]


def _fault(name: str, message: str, found: object) -> Fault:
    expected = message.removeprefix("Value error, ").replace("Input should be ", "").replace("String should ", "to ")
    return Fault(name, "(not shown)" if name in SECRETS else repr(found), expected, "Correct it.")


@lru_cache
def settings() -> Settings:
    """This process's settings, read once. Beside a `make run`, what that one chose counts where nothing else is set."""
    return read_settings(**of_running())


def note_running(surroundings: Mapping[str, str]) -> None:
    """For `make run`: leaves its settings where commands in another terminal find them, while this process lives."""
    kept = {name: value for name, value in surroundings.items() if name in Settings.model_fields}
    with os.fdopen(os.open(RUNNING_FILE, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        file.write(json.dumps({"pid": os.getpid(), "settings": kept}))


def forget_running() -> None:
    RUNNING_FILE.unlink(missing_ok=True)


def of_running() -> dict[str, str]:
    """What a `make run` that lives chose, except what is set here by other means.

    Empty without one, and for whoever names another database: that is another product.
    """
    try:
        noted = json.loads(RUNNING_FILE.read_text())
        os.kill(noted["pid"], 0)
    except (OSError, ValueError, KeyError):
        return {}
    surroundings = {**dotenv_values(ENV_FILE), **os.environ}
    its_own = noted["settings"].get("DATABASE_URL") or Settings.model_fields["DATABASE_URL"].default
    if (surroundings.get("DATABASE_URL") or its_own) != its_own:
        return {}
    return {name: value for name, value in noted["settings"].items() if not surroundings.get(name)}


def names_in_env_file() -> Iterator[str]:
    """Whatever is set in `.env`, known or not."""
    yield from dotenv_values(ENV_FILE)


def _from_files() -> tuple[dict[str, Any], list[Fault]]:
    """`NAME_FILE` for each secret: what container platforms mount. The value itself, where given, goes before it."""
    found, faults = dict[str, Any](), list[Fault]()
    surroundings = {**dotenv_values(ENV_FILE), **os.environ}
    for name in SECRETS:
        path = surroundings.get(name + FILE_SUFFIX)
        if path and not surroundings.get(name):
            try:
                found[name] = Path(path).read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                why = getattr(error, "strerror", None) or "it is no text"
                faults.append(
                    Fault(name + FILE_SUFFIX, f"{path} ({why})", "a file to read", "Mount it, or correct it.")
                )
    return found, faults
