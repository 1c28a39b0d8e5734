"""Settings of the controller and the webhook: what is read, what is refused, what is documented."""

import dataclasses
from pathlib import Path

import pytest

from bartizan.shell.settings import Address, ControllerSettings, SettingsError, controller_settings, read_address
from bartizan.shell.webhook import webhook_settings

ROOT = Path(__file__).parents[3]


def test_the_namespace_alone_is_enough(monkeypatch):
    """In a pod of the chart only the release's namespace has to be told; the identity is the pod's name."""
    monkeypatch.setattr("socket.gethostname", lambda: "bartizan-controller-0")
    found = controller_settings({"BARTIZAN_NAMESPACE": "bartizan-system", "HOME": "/"})
    assert found == ControllerSettings(namespace="bartizan-system", identity="bartizan-controller-0")


def test_every_setting_can_be_given(tmp_path):
    """Each variable reaches its field."""
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text("")
    environ = {
        "BARTIZAN_NAMESPACE": "a",
        "BARTIZAN_SERVICE_ACCOUNT": "b",
        "BARTIZAN_KUBECONFIG": str(kubeconfig),
        "BARTIZAN_LOG_LEVEL": "DEBUG",
        "BARTIZAN_METRICS_ADDRESS": "[::1]:0",
        "BARTIZAN_LEASE_NAME": "c",
        "BARTIZAN_IDENTITY": "d",
        "BARTIZAN_WEBHOOK_SERVICE": "e",
        "BARTIZAN_WORKERS": "9",
    }
    assert controller_settings(environ) == ControllerSettings(
        namespace="a",
        service_account="b",
        kubeconfig=kubeconfig,
        log_level="debug",
        metrics=Address(host="::1", port=0),
        lease_name="c",
        identity="d",
        webhook_service="e",
        workers=9,
    )


REFUSED = {
    "no namespace": (
        {"BARTIZAN_NAMESPACE": ""},
        "BARTIZAN_NAMESPACE is not set: it must name the namespace that bartizan is installed in",
    ),
    "a kubeconfig that is not there": (
        {"BARTIZAN_KUBECONFIG": "/nowhere"},
        "BARTIZAN_KUBECONFIG is '/nowhere': there is no such file; leave it out inside a cluster",
    ),
    "an unknown level": (
        {"BARTIZAN_LOG_LEVEL": "loud"},
        "BARTIZAN_LOG_LEVEL is 'loud': it must be one of debug, info, warning, error",
    ),
    "an address without a port": (
        {"BARTIZAN_METRICS_ADDRESS": "localhost"},
        "BARTIZAN_METRICS_ADDRESS is 'localhost': it must be host:port with a port from 0 to 65535, as in 0.0.0.0:9090",
    ),
    "an impossible port": (
        {"BARTIZAN_METRICS_ADDRESS": ":65536"},
        "BARTIZAN_METRICS_ADDRESS is ':65536': it must be host:port with a port from 0 to 65535, as in 0.0.0.0:9090",
    ),
    "no workers": ({"BARTIZAN_WORKERS": "0"}, "BARTIZAN_WORKERS is '0': it must be a number from 1 to 64"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_refused_by_name(case):
    """The message names the variable, the value seen and what is allowed."""
    environ, message = REFUSED[case]
    with pytest.raises(SettingsError) as refusal:
        controller_settings({"BARTIZAN_NAMESPACE": "a", **environ})
    assert str(refusal.value) == message


def test_a_port_alone_listens_everywhere():
    """`:9090` is every address."""
    assert read_address("X", ":9090") == Address(host="0.0.0.0", port=9090)


def test_the_webhook_has_two_settings_of_its_own():
    """Address and certificate folder are the webhook's; the rest is shared."""
    found = webhook_settings(
        {
            "BARTIZAN_NAMESPACE": "a",
            "BARTIZAN_WEBHOOK_ADDRESS": "127.0.0.1:9443",
            "BARTIZAN_WEBHOOK_CERT_DIR": "/certs",
            "BARTIZAN_METRICS_ADDRESS": "127.0.0.1:9090",
        }
    )
    assert (found.namespace, found.address, found.cert_dir, found.metrics_address) == (
        "a",
        "127.0.0.1:9443",
        Path("/certs"),
        "127.0.0.1:9090",
    )


def test_every_setting_is_in_the_reference():
    """docs/reference/settings.md has a row for each variable."""
    text = (ROOT / "docs" / "reference" / "settings.md").read_text()
    names = {f"BARTIZAN_{field.name.upper()}" for field in dataclasses.fields(ControllerSettings)} - {
        "BARTIZAN_METRICS"
    }
    names |= {"BARTIZAN_METRICS_ADDRESS", "BARTIZAN_WEBHOOK_ADDRESS", "BARTIZAN_WEBHOOK_CERT_DIR"}
    assert sorted(name for name in names if f"`{name}`" not in text) == []
