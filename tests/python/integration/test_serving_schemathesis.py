"""schemathesis asks the API what its OpenAPI document allows, and what it doesn't."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support.api import KEYS, serving
from support.api_worlds import make_tenants

COMMAND = os.environ.get("ONECDP_SCHEMATHESIS", "")
# An answer has a documented status, type and body; nothing is answered to who sends no key.
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,ignored_auth"
)


@pytest.mark.soak
@pytest.mark.skipif(
    not COMMAND,
    reason="schemathesis is not found: install it into an environment of its own,"
    " ONECDP_SCHEMATHESIS=DIR/bin/schemathesis",
)
def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    # Nobody reads the log here, so it would fill up its pipe.
    with serving(make_tenants(tmp_path, more="")) as api:
        found = subprocess.run(
            [
                COMMAND, "run", f"{api.url}/openapi.json", "--checks", CHECKS,
                "--header", f"Authorization: Bearer {KEYS['own']}", "--max-examples", "100",
                "--seed", "1", "--suppress-health-check", "all",
            ],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert found.returncode == 0, found.stdout[-5000:]
