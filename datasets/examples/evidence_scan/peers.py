"""The mean of one metric of one service in every evidence of a store, by Polars and by DuckDB."""

import sys
import time

import duckdb
import polars

folder, metric, job = sys.argv[1:]
tables = f"{folder}/sha256/*/*/samples-*.parquet"


def by_polars():
    chosen = (polars.col("name") == metric) & polars.col("labels").str.contains(f'job="{job}"', literal=True)
    lazy = polars.scan_parquet(tables, include_file_paths="file").filter(chosen)
    return lazy.group_by("file").agg(polars.col("value").mean()).collect()["value"].to_list()


def by_duckdb():
    rows = duckdb.execute(
        f"SELECT avg(value) FROM read_parquet('{tables}', filename=true)"
        " WHERE name = ? AND contains(labels, ?) GROUP BY filename",
        [metric, f'job="{job}"'],
    ).fetchall()
    return [row[0] for row in rows]


# All processors, as ours.
for name, work in [("Polars", by_polars), ("DuckDB", by_duckdb)]:
    took = []
    for _ in range(3):
        begun = time.perf_counter()
        levels = work()
        took.append(time.perf_counter() - begun)
    print(name, min(took), repr(sum(levels)), len(levels), sep="\t")
