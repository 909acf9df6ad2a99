"""A shop's data with known truth: who is who is written down beside the files, never in them.

`rates.py` says how often what happens, `people.py` draws the people and what they hold, `links.py`,
`app.py` and `retail.py` what the sources see of them, `writing.py` turns numbers into files.
"""

from onecdp.generate.rates import Rates
from onecdp.generate.shop import LEAST_CUSTOMERS, MOST_CUSTOMERS, Generated, generate

__all__ = ["LEAST_CUSTOMERS", "MOST_CUSTOMERS", "Generated", "Rates", "generate"]
