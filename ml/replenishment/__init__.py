"""From what is known of demand, supply and costs to what to order.

Belongs here: pure functions over frames and arrays. Does not belong here: reading or writing tables, and forecasts of demand.
"""
