"""Review by people: which pairs are worth a decision, what a pair shows, and what was answered.

In: pairs, members, what stands between persons, the inbox's decisions. Out: decisions, appended one act at a time.
"""
