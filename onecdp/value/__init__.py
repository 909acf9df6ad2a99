"""Expected value of customers: purchases to come, money, and the probability of either."""

from onecdp.value.scores import no_scores, score_customers

__all__ = ["no_scores", "score_customers"]
