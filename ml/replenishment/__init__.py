"""What to order: pure functions from what is known to how many units.

Belongs here: policies, the search for the cheapest order, constraints, replay. Does not belong here: reading and writing tables.
"""
