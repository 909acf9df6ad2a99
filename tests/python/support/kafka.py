"""A real Kafka broker on loopback: one process in KRaft mode, out of the jars of tests/kafka."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import confluent_kafka
import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
)

from support.cli import REPOSITORY

JARS = REPOSITORY / "tests" / "kafka" / "jars"
needs_kafka = pytest.mark.skipif(
    not (shutil.which("java") and JARS.is_dir()),
    reason="Kafka is not at hand: java, and `mvn -f tests/kafka/pom.xml "
    "dependency:copy-dependencies`",
)
_JAVA = ["java", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
         "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", f"{JARS}/*"]  # fmt: skip
_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},GUARDED://127.0.0.1:{guarded}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},GUARDED://127.0.0.1:{guarded}
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.guarded.plain.sasl.jaas.config=\
  org.apache.kafka.common.security.plain.PlainLoginModule required user_reader="a-password";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
log.dirs={folder}/log
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
auto.create.topics.enable=false
"""

Value = bytes | None


@dataclass
class KafkaBroker:
    """A broker that is running, or stopped in between."""

    folder: Path
    port: int
    guarded: int
    """The port where an account needs a password, and rights."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def servers(self) -> str:
        return f"127.0.0.1:{self.port}"

    @cached_property
    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.servers, "log_level": 0})

    def start(self) -> None:
        with (self.folder / "broker.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_JAVA, "kafka.Kafka", str(self.folder / "server.properties")],
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        deadline = time.monotonic() + 120
        while True:
            try:
                self.admin.list_topics(timeout=2)
                return
            except confluent_kafka.KafkaException:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((self.folder / "broker.log").read_text()) from None

    def stop(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It keeps its connections and answers nothing, until the block ends."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def create(self, topic: str, partitions: int = 1) -> None:
        self._wait(self.admin.create_topics([NewTopic(topic, partitions, 1)]))
        # A busy machine may know of it later than whoever made it.
        end = time.monotonic() + 30
        while self.admin.list_topics(topic, timeout=10).topics[topic].error is not None:
            assert time.monotonic() < end, f"topic {topic} isn't there"
            time.sleep(0.05)

    def add_partitions(self, topic: str, total: int) -> None:
        self._wait(self.admin.create_partitions([NewPartitions(topic, total)]))

    def delete(self, topic: str) -> None:
        self._wait(self.admin.delete_topics([topic], operation_timeout=20))

    def delete_before(self, topic: str, offset: int) -> None:
        """What retention does."""
        partition = confluent_kafka.TopicPartition(topic, 0, offset)
        self._wait(self.admin.delete_records([partition]))

    def allow_reading(self, topic: str) -> None:
        """Lets the account `reader` describe and read a topic, and nothing else."""
        self._wait(
            self.admin.create_acls(
                [
                    AclBinding(
                        ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, "User:reader",
                        "*", operation, AclPermissionType.ALLOW,
                    )
                    for operation in (AclOperation.DESCRIBE, AclOperation.READ)
                ]
            )
        )  # fmt: skip

    def end(self, topic: str, partition: int = 0) -> int:
        asked = confluent_kafka.TopicPartition(topic, partition)
        (future,) = self.admin.list_offsets({asked: OffsetSpec.latest()}).values()
        return int(future.result().offset)

    def send(
        self, topic: str, values: Sequence[Value], partition: int = 0, key: bytes | None = None,
        transaction: str | None = None, commit: bool = True,
    ) -> None:  # fmt: skip
        """Sends messages, in a transaction if it has a name."""
        settings = {"bootstrap.servers": self.servers, "linger.ms": 5, "log_level": 0,
                    "queue.buffering.max.messages": 2_000_000}  # fmt: skip
        if transaction:
            settings["transactional.id"] = transaction
        producer = confluent_kafka.Producer(settings)
        if transaction:
            producer.init_transactions(30)
            producer.begin_transaction()
        for number, value in enumerate(values):
            producer.produce(topic, value, key, partition)
            if number % 10_000 == 0:
                producer.poll(0)
        assert producer.flush(60) == 0
        if transaction:
            (producer.commit_transaction if commit else producer.abort_transaction)(30)

    def _wait(self, futures: dict[object, object]) -> None:
        for future in futures.values():
            future.result(30)  # type: ignore[attr-defined]
        time.sleep(0.2)


def make_broker(folder: Path) -> KafkaBroker:
    """A broker that is ready to take messages."""
    folder.mkdir(parents=True, exist_ok=True)
    port, controller, guarded = free_ports(3)
    properties = _PROPERTIES.format(
        port=port, controller=controller, guarded=guarded, folder=folder
    )
    (folder / "server.properties").write_text(properties)
    # As `kafka.tools.StorageTool format` writes it; another Java would take as long as the broker.
    (folder / "log").mkdir()
    (folder / "log/meta.properties").write_text(
        "version=1\ncluster.id=MkU3OEVBNTcwNTJENDM2Qk\nnode.id=1\n"
    )
    broker = KafkaBroker(folder, port, guarded)
    try:
        broker.start()
    except BaseException:
        broker.stop()
        raise
    return broker


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports
