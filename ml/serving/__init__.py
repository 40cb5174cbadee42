"""The API: what is published, over HTTP, to whoever has a key. Read only.

Belongs here: the one place of `ml` that opens the published snapshot, and everything about requests. Does not belong here: numbers
of its own (the snapshot has them, `ml.replenishment` and `ml.vision` make them), and the command line.
"""
