"""The rule language of audiences: docs/audiences.md.

"At Risk" AND ("High Value" OR monetary >= 250) AND NOT channel_miniapp
"""

from onecdp.audiences.rules.errors import RuleError
from onecdp.audiences.rules.parser import MAX_DEPTH, parse
from onecdp.audiences.rules.syntax import (
    And,
    Compare,
    Expression,
    Not,
    Or,
    Tag,
    leaves,
    needs_universe,
    quoted,
    shown,
    tags,
    to_text,
)

__all__ = [
    "MAX_DEPTH",
    "And",
    "Compare",
    "Expression",
    "Not",
    "Or",
    "RuleError",
    "Tag",
    "leaves",
    "needs_universe",
    "parse",
    "quoted",
    "shown",
    "tags",
    "to_text",
]
