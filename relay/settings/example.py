"""`.env.example`, generated from the settings, so that it cannot lie."""

from relay.settings import FILE_SUFFIX, ROOT, SECRETS, Settings

PATH = ROOT / ".env.example"
_HEAD = "# Every setting and its default, written by `account-app env-example`. Copy to .env, change what you need.\n"


def example() -> str:
    """The text of `.env.example`."""
    lines = [_HEAD]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else field.default
        secret = f" (or {name}{FILE_SUFFIX}, a path)" if name in SECRETS else ""
        lines.append(f"# {field.description}{secret}\n# {name}={default}\n")
    return "\n".join(lines)


def write_example() -> None:
    PATH.write_text(example())


def is_current() -> bool:
    return PATH.exists() and PATH.read_text() == example()
