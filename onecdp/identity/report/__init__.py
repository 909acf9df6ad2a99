"""Reports on the ID map as a whole."""

from onecdp.identity.report.counts import IdCounts, count_ids
from onecdp.identity.report.summary import Report, report
from onecdp.identity.report.text import lines

__all__ = ["IdCounts", "Report", "count_ids", "lines", "report"]
