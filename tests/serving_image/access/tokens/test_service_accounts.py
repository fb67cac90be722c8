"""Tokens that a real API server gives to service accounts, and its keys, as docs/access.md takes them."""

import json
import subprocess
from pathlib import Path

import pytest
from paddlemodel_server.access.tokens.issuer import Issuer
from paddlemodel_server.access.tokens.key_set import TokenKeys
from paddlemodel_server.errors import UnauthorizedError

from devcluster.builders import programs

WEB = "system:serviceaccount:kube-system:web"


def kubectl(kubeconfig: Path, *words: str) -> str:
    command = [programs.program("kubernetes", "kubectl"), "--kubeconfig", str(kubeconfig), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.control_plane
def test_a_token_of_a_service_account_is_taken_for_its_audience(control_plane: Path) -> None:
    name = json.loads(kubectl(control_plane, "get", "--raw", "/.well-known/openid-configuration"))["issuer"]
    keys = TokenKeys(kubectl(control_plane, "get", "--raw", "/openid/v1/jwks").encode())
    kubectl(control_plane, "create", "serviceaccount", "web", "--namespace=kube-system")
    token = kubectl(
        control_plane, "create", "token", "web", "--namespace=kube-system", "--audience=resnet50"
    ).strip()
    issuer = Issuer(name=name, audiences=("resnet50",), clients=("system:serviceaccount:kube-system:*",))
    claims = keys.claims(token, issuer)
    assert claims["sub"] == WEB
    assert issuer.allows(WEB)
    assert not issuer.allows("system:serviceaccount:default:web")
    plain = kubectl(control_plane, "create", "token", "web", "--namespace=kube-system").strip()
    with pytest.raises(UnauthorizedError, match="another audience"):
        keys.claims(plain, issuer)
