"""From estimates of demand to orders: textbook formulas, the search for the cheapest levels, and the proof by replay.

Belongs here: pure functions over arrays and frames. Does not belong here: forecasting, tables, SQL.
"""
