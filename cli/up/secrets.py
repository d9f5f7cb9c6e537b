"""Keys that nobody configured: made once, kept under HUB_HOME, readable by their owner only."""

import os
import secrets
from pathlib import Path

from cli.environment import write_private


def jwt_key(home: Path) -> str:
    """The key of bearer tokens: API_JWT_KEY, else one of our own that survives restarts."""
    return os.environ.get("API_JWT_KEY") or kept(home / "secrets" / "api_jwt_key")


def webhook_secret(home: Path) -> str:
    """What WHMCS signs its webhooks with: API_WHMCS_WEBHOOK_SECRET, else one of our own."""
    return os.environ.get("API_WHMCS_WEBHOOK_SECRET") or kept(home / "secrets" / "api_whmcs_webhook_secret")


def gateway_token(home: Path) -> str:
    """What the read API shows the gateway: GATEWAY_TOKEN, else one of our own."""
    return os.environ.get("GATEWAY_TOKEN") or kept(home / "secrets" / "gateway_token")


def ui_key(home: Path) -> str:
    """The key of the Dagster UI's links and sessions: HUB_UI_KEY, else one of our own."""
    return os.environ.get("HUB_UI_KEY") or kept(home / "secrets" / "hub_ui_key")


def kept(path: Path) -> str:
    """The secret of that file; a new one where there is none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        write_private(path, secrets.token_hex(32))
    return path.read_text(encoding="utf-8")
