{{ config(severity="warn", meta={"dagster": {"ref": {"name": "rec_override_problems"}}}) }}
-- a word nobody can follow is left out: the others, and all other orders, need not wait until it is mended
from {{ ref("rec_override_problems") }}
