"""A certified OpenID Connect provider as a child process: `oidc-provider` (npm), set up by `provider.mjs`."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from natter.servers.ports import free_port
from natter_testing.servers import die_with_parent

HERE = Path(__file__).parent
START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 10.0


@dataclass
class OidcServer:
    """Sign-in for one client. Each start has new keys, and has forgotten who was signed in."""

    provider_id: str
    name: str
    redirect_uri: str
    client_secret: str | None
    claims_in_id_token: bool
    port: int
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def new(cls, provider_id: str, name: str, origin: str, *, is_public: bool) -> "OidcServer":
        """One with a secret keeps its claims for the userinfo endpoint, a public one has them in the ID token."""
        redirect_uri = f"{origin}/api/auth/callback/{provider_id}"
        secret = None if is_public else "a secret: with / and +"
        return cls(provider_id, name, redirect_uri, secret, is_public, free_port())

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def setting(self) -> dict[str, str | None]:
        """As NATTER_OIDC_PROVIDERS names it."""
        return {
            "id": self.provider_id,
            "name": self.name,
            "issuer": self.issuer,
            "client_id": "natter",
            "client_secret": self.client_secret,
        }

    def start(self) -> None:
        assert (HERE / "node_modules/oidc-provider").exists(), "it is not installed: run `make test-tools`"
        given = {
            "port": self.port,
            "redirect_uri": self.redirect_uri,
            "client_secret": self.client_secret,
            "claims_in_id_token": self.claims_in_id_token,
        }
        command = [*die_with_parent(), "node", str(HERE / "provider.mjs"), json.dumps(given)]
        environment = {"PATH": os.environ["PATH"]}
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._answers():
            assert self.process.poll() is None, "the provider did not start"
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        self.process.wait(STOP_SECONDS_MAX)
        self.process = None

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.issuer}/jwks", trust_env=False, timeout=2).is_success
        except httpx.TransportError:
            return False
