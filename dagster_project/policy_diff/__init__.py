"""What a change of SQL or policy does to orders and money, before it is merged.

Belongs here: two versions of the project built beside each other over one warehouse, compared and told.
Does not belong here: the SQL and the estimates themselves, and anything that writes to the warehouse.
"""
