"""Runs a file of Flink SQL in this process, to the end of its source: `python run_sql.py FILE`.

For an environment of its own, with apache-flink: it needs older libraries than onecdp.
"""

import re
import sys
from pathlib import Path

from pyflink.table import EnvironmentSettings, TableEnvironment

SETTING = re.compile(r"SET '(?P<key>[^']+)' = '(?P<value>[^']*)'")


def main(file: Path) -> None:
    environment = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    # One after the other, so that what is late is late in each run.
    environment.get_config().set("parallelism.default", "1")
    for part in file.read_text(encoding="utf-8").split(";\n\n"):
        statement = part.strip().removesuffix(";")
        if setting := SETTING.fullmatch(statement):
            environment.get_config().set(setting["key"], setting["value"])
        elif statement.startswith("EXECUTE"):
            environment.execute_sql(statement).wait()
        else:
            environment.execute_sql(statement)


main(Path(sys.argv[1]))
