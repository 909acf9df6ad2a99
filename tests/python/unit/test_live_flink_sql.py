"""Flink SQL of live features: what is said, quoted, left out and refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.cli import make_project

from onecdp.cli.main import main
from onecdp.errors import UsageProblem
from onecdp.live.features import HEADER, SEED, Feature, Window
from onecdp.live.flink_sql import FlinkJob, flink_sql
from onecdp.live.flink_values import java_pattern
from onecdp.live.settings import Blocklist, read_blocklist

REPOSITORY = Path(__file__).resolve().parents[3]
MINUTE = 60_000_000
KAFKA = {"COLLECTOR__KAFKA__BOOTSTRAP_SERVERS": "broker:9092",
         "COLLECTOR__KAFKA__TOPICS__APP": "app's-events",
         "COLLECTOR__KAFKA__CLIENT__SASL_PASSWORD": "hidden"}  # fmt: skip


def call(*args: str, **environment: str) -> Result:
    command = ["live", "flink-sql", "--project-dir", str(REPOSITORY), *args]
    return CliRunner().invoke(main, command, env=environment)


def statements(*features: Feature, column: str = "device_id", blocked: str = "unknown") -> str:
    job = FlinkJob(
        features, {"connector": "x"}, {"connector": "y"}, [(column, "device_id")],
        Blocklist(((("*"), False, blocked),)), 90 * MINUTE,
    )  # fmt: skip
    return flink_sql(job)


def test_all_features_but_those_of_the_publication_are_computed_from_kafka(tmp_path: Path) -> None:
    result = call("--to", str(tmp_path / "live.sql"), **KAFKA)

    assert result.exit_code == 0
    assert re.findall(r"left out (\w+): it counts since the publication", result.stderr) == [
        "orders_since_batch", "revenue_since_batch",
    ]  # fmt: skip
    said = (tmp_path / "live.sql").read_text()
    assert "'topic' = 'app''s-events'" in said
    assert "'key.fields' = 'id_type;id_value;feature_window'" in said
    assert "hidden" not in said
    windows = re.findall(r"SELECT `id_type`, `id_value`, '([^']+)', `window_end`", said)
    assert windows == ["session", "all", "5m", "30m", "24h", "since purchase"]
    # The best identifier first, as seeds/id_types.csv has them.
    assert "COALESCE(`id_0`, `id_1`, `id_2`) AS `id_value`" in said
    assert said.index("'union_id'") < said.index("'open_id'") < said.index("'device_id'")


@pytest.mark.parametrize(
    ("args", "environment", "said"),
    [
        (["--feature", "orders_since_batch"], KAFKA,
         "seeds/live_features.csv: orders_since_batch can't be said in Flink SQL: it counts since"),
        (["--feature", "page_view_30m"], KAFKA, "has no feature 'page_view_30m'; there are"),
        ([], {}, "[collector.kafka] names no broker"),
        ([], {"COLLECTOR__KAFKA__BOOTSTRAP_SERVERS": "h:1"}, "[collector.kafka] has no topic of"),
        (["--data", "exports"], {}, "--data and --out go together"),
    ],
)  # fmt: skip
def test_what_can_not_be_made_is_one_line(
    args: list[str], environment: dict[str, str], said: str
) -> None:
    result = call(*args, **environment)

    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert not result.stdout


def test_options_before_the_subcommand_are_refused_not_ignored() -> None:
    result = CliRunner().invoke(main, ["live", "--data", "x", "flink-sql"])
    assert result.exit_code == 2
    assert "put the options behind flink-sql" in result.stderr


def test_names_and_values_are_quoted() -> None:
    said = statements(
        Feature("odd`name", "o'hara", "any", Window("last", 90 * MINUTE)),
        Feature("cart", "add", "sum", Window("since", since="it's; bought")),
        column="id`x", blocked="d'oh(",
    )  # fmt: skip
    assert "COUNT(*) FILTER (WHERE `event_type` = 'o''hara') > 0 AS `odd``name`" in said
    assert "`id``x` STRING" in said
    assert "CREATE TEMPORARY VIEW `events_since_it's; bought` AS" in said
    assert "`event_type` <> 'it''s; bought'" in said
    assert r"(?!(?:d''oh\()$)" in said
    assert "INTERVAL '1' MINUTE, INTERVAL '1:30' HOUR TO MINUTE" in said
    # Without their literals and names, nothing opens or closes what it did not.
    rest = re.sub(r"'(?:[^']|'')*'|`(?:[^`]|``)*`", "", said)
    assert rest.count("(") == rest.count(")")
    assert not set("'`") & set(rest)


def test_patterns_of_the_blocklist_are_read_by_java_as_by_duckdb() -> None:
    assert java_pattern(r"^[ -/:-@[-`{-~]+$") == r"^[ -/:-@\[-`{-~]+$"
    assert java_pattern(r"^\[a&&b\][^a&&b]") == r"^\[a&&b\][^a\&\&b]"
    blocklist = read_blocklist(REPOSITORY)
    assert {"null", "undefined", "02:00:00:00:00:00"} <= {*blocklist.values_of("device_id")}
    assert "02:00:00:00:00:00" not in blocklist.values_of("union_id")
    assert "^0[0-]*$" in blocklist.patterns_of("union_id")


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (b"id_type;match;id_value\n*;exact;x\n", "seeds/id_blocklist.csv: the first line must"),
        (b"id_type,match,id_value\n*,exact,\xfc\n", "seeds/id_blocklist.csv is no CSV in UTF-8"),
    ],
)  # fmt: skip
def test_blocklist_that_can_not_be_read_is_one_line(tmp_path: Path, held: bytes, said: str) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds/id_blocklist.csv").write_bytes(held)
    with pytest.raises(UsageProblem, match=re.escape(said)):
        read_blocklist(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "gap", "said"),
    [
        ("^[[:alpha:]]+$", 30, "seeds/id_blocklist.csv: Flink can't use the pattern "
         "'^[[:alpha:]]+$': [:alpha:] is known to DuckDB alone; write the letters"),
        ("^[^[:^digit:]]$", 30, "[:^digit:] is known to DuckDB alone"),
        ("^x$", 6_000, "dbt_project.yml: session_gap_minutes is longer than Flink's intervals,"
         " which end at 5999 minutes"),
    ],
)  # fmt: skip
def test_what_flink_would_read_otherwise_is_refused(
    tmp_path: Path, pattern: str, gap: int, said: str
) -> None:
    project = make_project(tmp_path / "project")
    (project / "seeds/id_blocklist.csv").write_text(
        f"id_type,match,id_value\nunion_id,pattern,{pattern}\n"
    )
    file = project / "dbt_project.yml"
    changed, count = re.subn(r"session_gap_minutes: \d+", f"session_gap_minutes: {gap}",
                             file.read_text())  # fmt: skip
    assert count == 1
    file.write_text(changed)
    result = CliRunner().invoke(
        main, ["live", "flink-sql", "--project-dir", str(project)], env=KAFKA
    )
    assert result.exit_code == 2
    assert said in result.stderr
    assert not result.stdout
    if gap > 30:
        more = ["--feature", "events_5m"]
        result = CliRunner().invoke(
            main, ["live", "flink-sql", "--project-dir", str(project), *more], env=KAFKA
        )
        assert result.exit_code == 0


def test_project_without_a_feature_for_flink_is_told(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / SEED).write_text(",".join(HEADER) + "\norders,purchase,count,batch\n")
    (tmp_path / "dbt_project.yml").write_text("name: onecdp\n")
    result = CliRunner().invoke(
        main, ["live", "flink-sql", "--project-dir", str(tmp_path)], env=KAFKA
    )
    assert result.exit_code == 2
    assert "seeds/live_features.csv has no feature that Flink can compute" in result.stderr
