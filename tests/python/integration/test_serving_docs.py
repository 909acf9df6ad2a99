"""What docs/serving.md tells a reader to type works, on the worked example."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from support.api import serving
from support.cli import REPOSITORY, BuiltProject, clean_environment, run_cli

DOCS = (REPOSITORY / "docs/serving.md").read_text()
BLOCKS = [
    (kind, body) for kind, body in re.findall(r"^```(\w+)\n(.*?)^```$", DOCS, re.DOTALL | re.M)
]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl isn't installed")
def test_the_three_questions_of_a_web_site(project: BuiltProject) -> None:
    settings = next(body for kind, body in BLOCKS if kind == "toml")
    with (project.folder / ".dlt/config.toml").open("a") as config:
        config.write("\n" + settings.partition("\n")[2])
    assert run_cli("publish", cwd=project.folder).code == 0
    (made,) = re.findall(r"^KEY=\$\(onecdp (.*)\)$", DOCS, re.M)
    done = subprocess.run(
        [sys.executable, "-m", "onecdp", *shlex.split(made)],
        cwd=project.folder, env=clean_environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    key = done.stdout.strip()
    commands = [body.strip() for kind, body in BLOCKS if kind == "sh" and body.startswith("curl")]
    assert len(commands) == 3

    answers = []
    with serving(project.folder) as api:
        for command in commands:
            words = [
                word.replace("$KEY", key).replace("http://127.0.0.1:8001", api.url)
                for word in shlex.split(command)
            ]
            asked = subprocess.run(words, capture_output=True, text=True, check=True)
            answers.append(json.loads(asked.stdout))

    who, what, which = answers
    assert {"id_type": "member_id", "id_value": "MBR001"}.items() <= next(
        each for each in who["identifiers"] if each["id_type"] == "member_id"
    ).items()
    assert what == {
        "one_id": who["one_id"],
        "profile": {"level": "gold", "rfm_segment": "Loyal Customers"},
        "audiences": ["PKG002"],
    }
    assert which == {
        "package_id": "PKG002", "one_id": who["one_id"], "is_member": True, "arm": "treatment",
    }  # fmt: skip
