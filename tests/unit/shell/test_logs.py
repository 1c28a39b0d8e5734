"""Nothing secret leaves in a log line."""

import io
import json
import logging

import pytest
import structlog

from bartizan.shell.logs import REDACTED, configure_logs, redact

PEM = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----"
LINES = {
    "a private key in a message": ({"event": f"signed with {PEM}"}, {"event": None}),
    "a key by its name": ({"key_pem": "abc"}, {"key_pem": REDACTED}),
    "a token by its name": ({"vault_token": "abc"}, {"vault_token": REDACTED}),
    "a Secret's data at depth": (
        {"item": {"kind": "Secret", "data": {"tls.key": "YQ=="}}},
        {"item": {"kind": "Secret", "data": REDACTED}},
    ),
    "a bearer token in an error": (
        {"error": "401 for eyJhbGciOiJSUzI1NiIs.eyJpc3MiOiJrdWJlcm5l.c2ln"},
        {"error": f"401 for {REDACTED}"},
    ),
    "a key in base64": ({"note": "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t"}, {"note": REDACTED}),
    "a Vault token in a list": ({"args": ["hvs.CAESIJ0123456789"]}, {"args": [REDACTED]}),
    "what is harmless stays": (
        {"key": "policy shop/orders", "wait_seconds": 0.5, "event": "put off"},
        {"key": "policy shop/orders", "wait_seconds": 0.5, "event": "put off"},
    ),
}


@pytest.mark.parametrize("case", LINES)
def test_what_looks_like_a_secret_is_dropped(case):
    """By the name of the field or by the look of the value, at any depth; everything else is kept."""
    line, expected = LINES[case]
    found = redact(None, "info", line)
    if expected == {"event": None}:
        assert "PRIVATE KEY-----\nMIG" not in found["event"]
        assert found["event"].startswith(f"signed with {REDACTED}")
    else:
        assert found == expected


@pytest.fixture
def logs(monkeypatch):
    """Configured logging that writes to memory, undone afterwards."""
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    configure_logs("info")
    yield out
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def test_every_line_is_json_whoever_logs(logs):
    """Our own lines and those of libraries come out as JSON objects, redacted alike; what is below the level does not."""
    structlog.get_logger("bartizan.test").info("done", key="policy shop/orders")
    structlog.get_logger("bartizan.test").debug("not told")
    logging.getLogger("aiohttp.something").warning("stream failed with %s", PEM)
    logging.getLogger("aiohttp.something").info("not told")
    lines = [json.loads(line) for line in logs.getvalue().splitlines()]
    assert [(line["event"].split(REDACTED)[0], line["level"], line["logger"]) for line in lines] == [
        ("done", "info", "bartizan.test"),
        ("stream failed with ", "warning", "aiohttp.something"),
    ]
    assert "BEGIN PRIVATE" not in logs.getvalue()
