"""`python -m sandbox`: one line of JSON, the codes as they are mailed, and a clean end."""

import json
import signal
import subprocess
import sys

import httpx
import pytest

from relay.settings import ROOT


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sandbox", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ready(process: subprocess.Popen[str]) -> dict[str, object]:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_everything_is_and_ends_cleanly(number: signal.Signals) -> None:
    with start("--port-base", "0", "--only", "claude,stripe,mail,editor") as process:
        said = ready(process)
        for name in ("claude", "stripe", "mail", "editor"):
            assert httpx.get(str(said[name])).status_code == 200
        assert set(said["settings"]) == {
            *("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "STRIPE_API_BASE", "STRIPE_API_KEY"),
            *("STRIPE_WEBHOOK_SECRET", "STRIPE_PRICE_PLAN", "STRIPE_PRICE_OVERAGE", "STRIPE_METER_EVENT"),
            *("RESEND_API_URL", "RESEND_API_KEY", "RESEND_WEBHOOK_SECRET"),
        }
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


def test_mailed_codes_are_printed() -> None:
    with start("--port-base", "0", "--only", "mail") as process:
        said = ready(process)
        assert set(said) == {"mail", "settings"}
        settings = said["settings"]
        letter = {
            "from": "a@example.com",
            "to": "anna@example.com",
            "subject": "004213 is your code",
            "text": "x",
        }
        headers = {"authorization": f"Bearer {settings['RESEND_API_KEY']}"}
        httpx.post(f"{settings['RESEND_API_URL']}/emails", json=letter, headers=headers).raise_for_status()
        assert process.stdout is not None
        assert process.stdout.readline() == "CODE anna@example.com 004213\n"
        process.terminate()
        process.communicate(timeout=20)


def test_an_open_stream_does_not_hold_up_the_end() -> None:
    with start("--port-base", "0", "--only", "claude") as process:
        said = ready(process)
        turn = {"role": "user", "content": "[[sandbox: stall after=2]]"}
        body = {"model": "claude-opus-5", "max_tokens": 10, "stream": True, "messages": [turn]}
        headers = {"x-api-key": said["settings"]["ANTHROPIC_API_KEY"], "anthropic-version": "2023-06-01"}
        with httpx.stream("POST", f"{said['claude']}/v1/messages", json=body, headers=headers) as response:
            assert b"message_start" in next(response.iter_raw())
            process.terminate()
            _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")


def test_a_taken_port_and_an_unknown_service_are_told_plainly() -> None:
    with start("--port-base", "0", "--only", "claude") as process:
        port = str(ready(process)["claude"]).rsplit(":", 1)[1]
        with start("--port-base", port, "--only", "claude") as second:
            _, err = second.communicate(timeout=20)
            assert second.returncode == 1
            assert "another --port-base" in err
        process.terminate()
        process.communicate(timeout=20)
    with start("--only", "nonsense") as third:
        third.communicate(timeout=20)
        assert third.returncode == 2


def test_the_sandbox_knows_nothing_of_the_product() -> None:
    code = (
        "import sys, sandbox.__main__; foreign = {'relay', 'account_app', 'reflex', 'anthropic'}; "
        "print([name for name in sys.modules if name.split('.')[0] in foreign])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
