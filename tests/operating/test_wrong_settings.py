"""Whatever is wrong with the settings is told at once, by name and with its fix, and nothing is started."""

import socket
import subprocess
from pathlib import Path

import pytest

from relay.errors import Misconfigured
from relay.serving.server import refuse_unless_free
from relay.settings import SECRETS, Settings, read_settings
from relay.settings.faults import faults_of, settings_to_serve, unknown
from tests.fixtures.product import BIN

GOOD = {
    "SECRET_KEY": "a secret key of the tests, 32 characters",
    "ANTHROPIC_API_KEY": "sk-ant-test",
    "STRIPE_API_KEY": "sk_test_1",
    "STRIPE_WEBHOOK_SECRET": "whsec_1",
    "RESEND_API_KEY": "re_1",
    "MAIL_FROM": "Account <sign-in@fonts.dev>",
}
PUBLIC = {"ACCOUNT_ORIGIN": "https://account.fonts.dev", "API_ORIGIN": "https://api.fonts.dev"}


def wrong(**changes: str) -> dict[str, str]:
    """What is told of these changes to good settings: by name, the whole line."""
    return {fault.name: str(fault) for fault in faults_of(Settings(**{**GOOD, **changes}))}


def test_good_settings_have_no_fault() -> None:
    assert wrong() == {}
    assert wrong(**PUBLIC, COOKIE_DOMAIN="fonts.dev", EDITOR_ORIGINS="https://editor.fonts.dev") == {}


@pytest.mark.parametrize(
    ("changes", "name", "told"),
    [
        ({"COOKIE_DOMAIN": "other.dev", **PUBLIC}, "COOKIE_DOMAIN", "covers account.fonts.dev and api.fonts.dev"),
        ({"COOKIE_DOMAIN": "nts.dev", **PUBLIC}, "COOKIE_DOMAIN", "covers"),
        ({"ACCOUNT_ORIGIN": "http://account.fonts.dev"}, "ACCOUNT_ORIGIN", "https for a public host"),
        ({"OPERATOR_EMAILS": "ops@fonts.dev, anna.fonts.dev"}, "OPERATOR_EMAILS", "an email address"),
        ({**PUBLIC, "API_ORIGIN": "http://api.localhost"}, "API_ORIGIN", "the scheme of ACCOUNT_ORIGIN"),
        ({**PUBLIC, "ACCOUNT_ORIGIN": "https://fonts.pages.dev"}, "ACCOUNT_ORIGIN", "custom sub-domain"),
        ({"STRIPE_API_KEY": "sk_live_1", "STRIPE_API_BASE": "http://127.0.0.1:9"}, "STRIPE_API_BASE", "live key"),
        (
            {"STRIPE_API_KEY": "rk_live_1", "STRIPE_WEBHOOK_SECRET": "whsec_sandbox_1"},
            "STRIPE_WEBHOOK_SECRET",
            "the sandbox's",
        ),
        ({"STRIPE_API_KEY": "pk_test_1"}, "STRIPE_API_KEY", "publishable"),
        ({"ANTHROPIC_BASE_URL": "http://claude.example.com"}, "ANTHROPIC_BASE_URL", "in the clear"),
        ({"MAIL_FROM": "Account <sign-in@localhost.test>"}, "MAIL_FROM", "verified with Resend"),
        ({"MAIL_FROM": "sign-in at fonts.dev", "RESEND_API_URL": "http://127.0.0.1:9"}, "MAIL_FROM", "one address"),
        ({"MAIL_FROM": "sign-in@fonts.dev\r\nBcc: a@b.dev"}, "MAIL_FROM", "one address"),
        ({"STRIPE_WEBHOOK_SECRET": " "}, "STRIPE_WEBHOOK_SECRET", "white space"),
        ({"ANTHROPIC_API_KEY": "sk-ant-1\nx-more: 1"}, "ANTHROPIC_API_KEY", "white space"),
        ({"PLAN_MONTHLY_CREDIT_USD": "ten"}, "PLAN_MONTHLY_CREDIT_USD", "found ten"),
        ({"PLAN_MONTHLY_CREDIT_USD": "-1"}, "PLAN_MONTHLY_CREDIT_USD", "less than nothing"),
        ({"DEFAULT_SPEND_CAP_USD": "-0.01"}, "DEFAULT_SPEND_CAP_USD", "less than nothing"),
        ({"TOPUP_MIN_USD": "20", "TOPUP_MAX_USD": "10"}, "TOPUP_MIN_USD", "at most TOPUP_MAX_USD, 10"),
        ({"CF_ACCESS_TEAM": "fonts"}, "CF_ACCESS_AUD", "not set"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY", "openssl rand -hex 32"),
        ({"SECRET_KEY": "change-me-change-me-change-me-change-me"}, "SECRET_KEY", "the example's value"),
        ({"RESEND_API_KEY": "re_change_me"}, "RESEND_API_KEY", "the example's value"),
    ],
)
def test_what_contradicts_itself_is_refused_with_its_fix(changes: dict[str, str], name: str, told: str) -> None:
    found = wrong(**changes)
    assert told in found[name]
    assert not any(value in line for line in found.values() for key, value in changes.items() if "SECRET_KEY" in key)


def test_every_secret_may_come_as_a_file() -> None:
    secret = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert len(secret) > 5
    assert secret <= set(SECRETS)


def test_several_workers_need_what_they_share() -> None:
    assert {fault.name for fault in faults_of(Settings(**GOOD), workers=2)} == {"DATABASE_URL", "REDIS_URL"}


def test_a_misspelt_name_is_told_with_the_nearest_known_one() -> None:
    told = [str(fault) for fault in unknown(["STRIPE_WEBHOOK_SECERT", "AWS_REGION", "REDIS_URL_FILE", "Q"])]
    assert told == [
        "STRIPE_WEBHOOK_SECERT: found in .env, expected the name of a setting. Did you mean STRIPE_WEBHOOK_SECRET?",
        "Q: found in .env, expected the name of a setting. Take it out; .env.example lists every name.",
    ]


@pytest.mark.parametrize(
    "value",
    [
        "*", "null", "editor.fonts.dev", "https://a.dev/path", "https://*.fonts.dev", "ftp://a.dev", "https://",
        "https://a b.dev", "https://schrift-ä.dev", "https://a.dev:99999", "http://[::1",
    ],
)  # fmt: skip
def test_an_editor_is_named_by_its_origin_and_nothing_else(value: str) -> None:
    with pytest.raises(Misconfigured, match=r"EDITOR_ORIGINS: found .*, expected an origin"):
        read_settings(EDITOR_ORIGINS=value)
    assert read_settings(EDITOR_ORIGINS=" https://Editor.Fonts.dev/ ,").editor_origins == ("https://editor.fonts.dev",)


def test_an_origin_is_what_a_browser_sends_of_it() -> None:
    assert read_settings(ACCOUNT_ORIGIN="https://Account.fonts.dev:443/").ACCOUNT_ORIGIN == "https://account.fonts.dev"
    assert read_settings(ACCOUNT_ORIGIN="http://[::1]:3000").ACCOUNT_ORIGIN == "http://[::1]:3000"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ANTHROPIC_BASE_URL", "http://127.0.0.1:99999"),
        ("ANTHROPIC_BASE_URL", "https://claude.dev/?version=1"),
        ("STRIPE_API_BASE", "http://[::1"),
        ("REDIS_URL", "redis://127.0.0.1:none/0"),
        ("REDIS_URL", "redis://127.0.0.1:6379/ours"),
        ("DATABASE_URL", "postgresql://us:hidden@[::1/account"),
        ("DATABASE_URL", "postgresql://us:hidden@db:65536/account"),
        ("DRAIN_SECONDS", "inf"),
        ("UPSTREAM_FIRST_SECONDS", "nan"),
    ],
)
def test_what_only_the_first_use_would_show_is_told_before_it(name: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=f"^{name}: found .*, expected ") as refusal:
        read_settings(**{name: value})
    assert "hidden" not in str(refusal.value)


def test_a_port_that_another_program_has_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(
            Misconfigured, match=f"port {port}: another program has it. Choose another --host or --port"
        ):
            refuse_unless_free("127.0.0.1", port)
        with pytest.raises(Misconfigured, match=r"Nobody can listen at 300\.1\.1\.1"):
            refuse_unless_free("300.1.1.1", port)
    refuse_unless_free("127.0.0.1", port)


def test_single_and_joint_faults_are_told_together() -> None:
    with pytest.raises(Misconfigured) as refusal:
        settings_to_serve(2, **(GOOD | {"RATE_CONCURRENT": "0", "SECRET_KEY": "short", "ACCOUNT_ORIGIN": "nowhere"}))
    named = [line.partition(":")[0] for line in str(refusal.value).splitlines()]
    assert sorted(named) == ["ACCOUNT_ORIGIN", "DATABASE_URL", "RATE_CONCURRENT", "REDIS_URL", "SECRET_KEY"]


def test_a_server_with_wrong_settings_starts_nothing_and_tells_no_secret(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("re_from_a_file\n")
    environment = GOOD | {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'account.db'}",
        "RESEND_API_KEY": "",
        "RESEND_API_KEY_FILE": str(tmp_path / "key"),
        "ANTHROPIC_API_KEY": "",
        "ANTHROPIC_API_KEY_FILE": str(tmp_path / "not-there"),
        "STRIPE_API_KEY": "sk_live_very_private",
        "STRIPE_WEBHOOK_SECRET": "whsec_change_me",
        "SYNC_INTERVAL_SECONDS": "often",
    }
    done = subprocess.run([BIN / "account-app", "serve"], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    named = {line.partition(":")[0] for line in done.stderr.splitlines() if ": found " in line}
    assert named == {
        "ANTHROPIC_API_KEY_FILE", "ANTHROPIC_API_KEY", "STRIPE_WEBHOOK_SECRET", "SYNC_INTERVAL_SECONDS",
    }  # fmt: skip
    assert "very_private" not in done.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "key"]


@pytest.mark.parametrize(
    "command", [["audit"], ["migrate"], ["prices", "--json"], ["grant", "a@b.dev", "5", "--reason=x"]]
)
@pytest.mark.parametrize("url", ["sqlite:////dev/null/account.db", "postgresql://someone:hidden@127.0.0.1:9/account"])
def test_a_database_that_is_out_of_reach_is_told_in_words_and_is_no_difference(url: str, command: list[str]) -> None:
    environment = GOOD | {"DATABASE_URL": url}
    done = subprocess.run([BIN / "account-app", *command], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "hidden" not in done.stderr
    assert "/dev/null" in done.stderr or "database" in done.stderr
