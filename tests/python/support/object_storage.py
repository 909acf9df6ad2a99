"""A real S3 server on loopback: S3Proxy over a folder, out of the jars of tests/s3."""

from __future__ import annotations

import shutil
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from support.cli import REPOSITORY
from support.kafka import free_ports

JARS = REPOSITORY / "tests" / "s3" / "jars"
needs_s3 = pytest.mark.skipif(
    not (shutil.which("java") and JARS.is_dir()),
    reason="S3Proxy is not at hand: java, and `mvn -f tests/s3/pom.xml "
    "dependency:copy-dependencies`",
)
_JAVA = ["java", "-Xmx160m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
         f"-Dlogback.configurationFile={JARS.parent}/logback.xml", "-cp", f"{JARS}/*"]  # fmt: skip
KEY, SECRET = "a-key", "a-secret-of-the-test"
_PROPERTIES = f"""
s3proxy.endpoint=http://127.0.0.1:{{port}}
s3proxy.authorization=aws-v2-or-v4
s3proxy.identity={KEY}
s3proxy.credential={SECRET}
jclouds.provider=filesystem-nio2
jclouds.identity=unused
jclouds.credential=unused
jclouds.filesystem.basedir={{folder}}/data
"""


@dataclass
class S3Server:
    """A server that is running, or stopped in between."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        """The environment by which dlt finds it."""
        prefix = "SOURCES__FILESYSTEM__CREDENTIALS__"
        return {
            f"{prefix}AWS_ACCESS_KEY_ID": KEY,
            f"{prefix}AWS_SECRET_ACCESS_KEY": SECRET,
            f"{prefix}ENDPOINT_URL": self.endpoint,
        }

    @cached_property
    def files(self) -> Any:
        import s3fs

        # Checksums behind the content are newer than this server.
        required = dict.fromkeys(
            ("request_checksum_calculation", "response_checksum_validation"), "when_required"
        )
        return s3fs.S3FileSystem(
            key=KEY, secret=SECRET, endpoint_url=self.endpoint, config_kwargs=required,
            use_listings_cache=False,
        )  # fmt: skip

    def put(self, path: str, content: bytes) -> None:
        """Writes an object, `bucket/key`."""
        self.files.pipe(path, content)

    def start(self) -> None:
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_JAVA, "org.gaul.s3proxy.Main", "--properties", "server.properties"],
                stdout=log, stderr=log, cwd=self.folder,
            )  # fmt: skip
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(self.endpoint, timeout=5)
                return
            except urllib.error.HTTPError:
                return  # it asks for a signature
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((self.folder / "server.log").read_text()) from None
                time.sleep(0.1)

    def make_bucket(self, name: str) -> None:
        self.files.call_s3("create_bucket", Bucket=name)

    def stop(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


def make_s3(folder: Path) -> S3Server:
    """A server without a bucket."""
    (port,) = free_ports(1)
    (folder / "data").mkdir(parents=True)
    (folder / "server.properties").write_text(_PROPERTIES.format(port=port, folder=folder))
    server = S3Server(folder, port)
    try:
        server.start()
    except BaseException:
        server.stop()
        raise
    return server
