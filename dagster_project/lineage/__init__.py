"""Where a column comes from and what is made of it, from a raw file's column to a term of an order.

Belongs here: edges between columns, of SQL and of Python, and walks along them. Does not belong here: the SQL itself.
"""
