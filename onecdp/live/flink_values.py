"""Values of events as expressions of Flink SQL, as `events.py` and `measure.py` have them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from onecdp.identity.normalise import LOWER_CASE_TYPES
from onecdp.live.features import ANY, MICROSECONDS, Feature
from onecdp.live.settings import Blocklist

NO_TIME = "TIMESTAMP '1970-01-01 00:00:00'"
"""What an event without a readable time has: a null would stop the job."""
TYPES = {
    "count": "BIGINT", "sum": "DECIMAL(38, 4)", "any": "BOOLEAN", "first_time": "STRING",
    "last_type": "STRING", "seconds_since_last": "DECIMAL(12, 3)",
}  # fmt: skip
"""The type of each measure."""
MOMENT = "DATE_FORMAT(`happened_at`, 'yyyy-MM-dd''T''HH:mm:ss.SSS''Z''')"
"""The time of an event as ISO 8601."""
LONGEST_GAP = (99 * 60 + 59) * 60 * MICROSECONDS
"""Hours of an interval have two digits."""
_MOMENT_LENGTH = 24
_TIME_FORMAT = "yyyy-MM-dd['T'][' ']HH:mm[:ss][.SSSSSS][.SSS][XXX]"
_BLANK = r"[\s\p{Z}\p{C}]"
# Also `.0` behind a whole number.
_AROUND = f"^{_BLANK}+|(?<=^{_BLANK}{{0,9}}-?[0-9]{{1,40}})[.]0+{_BLANK}*$|{_BLANK}+$"


def name(said: str) -> str:
    """An identifier of Flink SQL, quoted."""
    return "`" + said.replace("`", "``") + "`"


def text(said: str) -> str:
    """A text literal of Flink SQL, which knows no other escapes."""
    return "'" + said.replace("'", "''") + "'"


def interval(microseconds: int) -> str:
    """An interval of whole minutes."""
    hours, minutes = divmod(microseconds // (60 * MICROSECONDS), 60)
    return f"INTERVAL '{hours}:{minutes:02}' HOUR TO MINUTE"


def happened_at() -> str:
    """The time of an event, or of its arrival if its clock was ahead."""
    event = f"TIMESTAMPADD(MINUTE, -{_offset('`event_time`')}, {_local_time('`event_time`')})"
    return f"COALESCE(LEAST({event}, {_local_time('`received_at`')}), {event}, {NO_TIME})"


def _local_time(column: str) -> str:
    """A time in ISO 8601 whatever its offset is; null if it is none."""
    return f"TO_TIMESTAMP(TRIM({column}), {text(_TIME_FORMAT)})"


def _offset(column: str) -> str:
    """How many minutes a time is before UTC."""
    hours, sign, minutes = (
        f"REGEXP_EXTRACT(TRIM({column}), {text('[T ].*' + offset + '$')}, 1)"
        for offset in (
            "([+-][0-9]{2}):?[0-9]{2}", "([+-])[0-9]{2}:?[0-9]{2}", "[+-][0-9]{2}:?([0-9]{2})",
        )
    )  # fmt: skip
    return f"COALESCE(CAST({hours} AS INT) * 60 + CAST({sign} || {minutes} AS INT), 0)"


def spelled(column: str, id_type: str, blocklist: Blocklist | None = None) -> str:
    """An identifier in its one spelling; null if it is empty or blocked.

    In few calls, since the planner of Flink repeats them wherever the value is asked for.
    """
    trimmed = f"REGEXP_REPLACE({column}, {text(_AROUND)}, '')"
    if id_type in LOWER_CASE_TYPES:
        trimmed = f"LOWER({trimmed})"
    unblocked = ""
    if blocklist and (values := blocklist.values_of(id_type)):
        unblocked += f"(?!(?:{'|'.join(map(re.escape, values))})$)"
    if blocklist and (patterns := blocklist.patterns_of(id_type)):
        unblocked += "(?!.*(?:" + "|".join(f"(?:{java_pattern(each)})" for each in patterns) + "))"
    return f"REGEXP_EXTRACT({trimmed}, {text(f'(?isu)^{unblocked}.+$')}, 0)"


def java_pattern(pattern: str) -> str:
    """A regular expression as Java reads it, which has sets within sets."""
    found, is_in_set = [], False
    for token in re.findall(r"\\.|.", pattern, re.DOTALL):
        found.append(f"\\{token}" if is_in_set and token in "[&" else token)
        is_in_set = token == "[" or (is_in_set and token != "]")
    return "".join(found)


EVENT_TYPE = (
    "CASE LOWER(TRIM(`event_type`)) WHEN 'refund' THEN 'return' ELSE LOWER(TRIM(`event_type`)) END"
)
SESSION_ID = "NULLIF(TRIM(`session_id`), '')"
CHANNEL = "COALESCE(NULLIF(LOWER(TRIM(`channel`)), ''), 'app')"
_STATED = "COALESCE(TRIM(`item_price`), '')"
PRICE = f"TRY_CAST({_STATED} AS DECIMAL(16, 4))"
"""Null if it is no number, or 10^12 or more."""
IS_EVENT = (
    f"TRIM(`event_type`) <> '' AND `happened_at` > {NO_TIME}"
    f" AND ({_STATED} = '' OR {PRICE} IS NOT NULL)"
)
"""Whether `onecdp ingest` would load a line that has an event_id, too."""


def value(feature: Feature) -> str:
    """The value of a feature at the end of a window, of the events in it."""
    said = []
    if feature.event_type != ANY:
        said.append(f"`event_type` = {text(feature.event_type)}")
    if feature.window.kind == "since":
        said.append(f"`event_type` <> {text(feature.window.since)}")
    chosen = f" FILTER (WHERE {' AND '.join(said)})" if said else ""
    last = f"MAX(`moment` || CHR(1) || `event_type`){chosen}"
    last_at = f"MAX(CAST(`happened_at` AS TIMESTAMP(3))){chosen}"
    return {
        "count": f"COUNT(*){chosen}",
        "sum": f"COALESCE(SUM(`price`){chosen}, 0)",
        "any": f"COUNT(*){chosen} > 0",
        "first_time": f"SUBSTRING(MIN(`moment`){chosen}, 1, {_MOMENT_LENGTH})",
        "last_type": f"SPLIT_INDEX({last}, CHR(1), 1)",
        # There is no difference in milliseconds; windows end with a minute.
        "seconds_since_last": (
            f"TIMESTAMPDIFF(SECOND, FLOOR({last_at} TO SECOND), `window_end`)"
            f" - EXTRACT(MILLISECOND FROM {last_at}) / 1000.0"
        ),
    }[feature.measure]


def texts(names: Sequence[str]) -> str:
    """Names of columns, quoted, with commas."""
    return ", ".join(map(name, names))
