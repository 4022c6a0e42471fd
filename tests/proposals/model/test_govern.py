"""Where text may go, by name and by connection."""

from __future__ import annotations

import socket

import pytest

from tfcaf_forge.proposals.faults import ModelError
from tfcaf_forge.proposals.govern import host_of, is_loopback, leaves_machine, only_local, require_local
from tfcaf_forge.proposals.redact import MARK


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.10", "::1"])
def test_this_machine_is_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "endpoint",
    ["https://api.example/v1", "http://10.0.0.5:8000/v1", "http://localhost.example", "anthropic", "http://0.0.0.0:1"],
)
def test_everything_else_leaves_the_machine(endpoint):
    assert leaves_machine(endpoint)
    with pytest.raises(ModelError, match="--local-only"):
        require_local("some/model", endpoint)


@pytest.mark.parametrize("user", ["user:pass", f"{MARK}", "user:p@ss", "us[er:pa]ss"])
def test_a_user_and_a_password_are_no_part_of_the_host(user):
    assert host_of(f"http://{user}@Gpu-Box:8000/v1") == "gpu-box"
    assert host_of(f"http://{user}@[::1]:8000/v1?a=b@c") == "::1"


def test_what_is_no_address_is_said_without_its_password():
    with pytest.raises(ModelError, match=r"^\[no such is no address of a server; write http") as raised:
        host_of("http://user:pass@[no such/v1")
    assert "pass" not in str(raised.value)


def test_an_allowed_host_may_be_asked():
    require_local("some/model", "http://Gpu-Box:8000/v1", ["gpu-box"])


def test_no_connection_leaves_the_machine_whatever_the_client_was_told():
    with only_local(), socket.socket() as open_socket:
        with pytest.raises(PermissionError, match="--local-only"):
            open_socket.connect(("192.0.2.1", 80))
        with pytest.raises(PermissionError, match="--local-only"):
            socket.getaddrinfo("models.example", 443)


def test_loopback_still_works_and_the_gate_opens_again():
    with only_local(), socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
    with socket.socket() as open_socket:
        open_socket.settimeout(0.01)
        assert open_socket.connect_ex(("192.0.2.1", 80)) != 0  # no PermissionError of the gate


def test_a_proxy_of_the_environment_does_not_carry_text_away(serve, monkeypatch):
    from tests.proposals.model.conftest import Say, litellm_model
    from tests.proposals.model.test_litellm_client import ask

    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:3128")
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    server = serve([Say()])
    with only_local():
        outcome = ask(litellm_model(server), timeout_s=5.0)
    assert getattr(outcome, "text", "") or getattr(outcome, "code", "") == "forbidden"
