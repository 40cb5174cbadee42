"""The floor: one DuckDB scan that parses every column of every raw file, types given, and keeps nothing.

Dates are read as text, since one file writes them in two ways. Usage: python floor.py FOLDER.
"""

import sys
from pathlib import Path

import duckdb


def main(folder: Path) -> None:
    connection = duckdb.connect(config={"threads": 2})
    for path in sorted(folder.glob("*.csv")):
        look = f"describe select * from read_csv('{path}', sample_size = 20000, delim = ',', quote = '\"')"
        types = {name: "VARCHAR" if kind == "DATE" else kind for name, kind, *_ in connection.sql(look).fetchall()}
        maxima = ", ".join(f'max("{name}")' for name in types)
        connection.execute(
            f"select {maxima} from read_csv('{path}', header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', "
            f"null_padding = true, columns = {types})"
        ).fetchall()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
