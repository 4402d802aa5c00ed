"""Reflex's configuration. Everything that differs between machines comes from relay.settings."""

import os

# Read by Reflex when it looks for its tools: npm from the virtual environment, and no calls home.
os.environ.setdefault("REFLEX_USE_NPM", "1")
os.environ.setdefault("REFLEX_CHECK_LATEST_VERSION", "false")

import reflex as rx
from reflex_base.constants import StateManagerMode
from reflex_base.plugins.sitemap import SitemapPlugin

from account_app.lean import PlainElements
from account_app.theme import TAILWIND
from relay.settings import settings

PLACEHOLDER_ORIGIN = "http://api-origin.invalid"
"""Stands in the exported front end for the address of the API; account_app.build replaces it."""

config = rx.Config(
    app_name="account_app",
    api_url=PLACEHOLDER_ORIGIN,
    deploy_url=settings().ACCOUNT_ORIGIN,
    telemetry_enabled=False,
    show_built_with_reflex=False,
    cors_allowed_origins=sorted({settings().ACCOUNT_ORIGIN, settings().api_origin}),
    state_manager_mode=StateManagerMode.REDIS if settings().REDIS_URL else StateManagerMode.MEMORY,
    redis_url=settings().REDIS_URL,
    # We compress after replacing the placeholder, in account_app.build.
    frontend_compression_formats=[],
    plugins=[rx.plugins.TailwindV4Plugin(TAILWIND), PlainElements()],
    disable_plugins=[SitemapPlugin],
)
