"""Generates a shop with known truth: the owner of every identifier is written to `truth/`.

`rates.py` has the probabilities. `people.py` draws people and their identifiers; `members.py`,
`links.py`, `app.py` and `retail.py` draw the rows of each source; `writing.py` writes the files.
"""

from onecdp.generate.rates import Rates
from onecdp.generate.shop import LEAST_CUSTOMERS, MOST_CUSTOMERS, Generated, generate

__all__ = ["LEAST_CUSTOMERS", "MOST_CUSTOMERS", "Generated", "Rates", "generate"]
