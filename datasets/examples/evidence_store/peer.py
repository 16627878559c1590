"""Writes and reads the samples of a folder with plain PyArrow: ids.bin, times.bin, values.bin, labels.txt."""

import os
import sys
import time

import numpy
import pyarrow
import pyarrow.parquet

folder = sys.argv[1]
read = lambda name, kind: numpy.fromfile(os.path.join(folder, name), dtype=kind)
ids, times, values = read("ids.bin", "uint32"), read("times.bin", "int64"), read("values.bin", "float64")
with open(os.path.join(folder, "labels.txt"), encoding="utf-8") as file:
    labels = pyarrow.array(file.read().split("\n")[:-1])
names = pyarrow.DictionaryArray.from_arrays(pyarrow.array(numpy.zeros(len(ids), "int32")), pyarrow.array(["bench_total"]))
labels = pyarrow.DictionaryArray.from_arrays(pyarrow.array(ids.astype("int32")), labels)
table = pyarrow.table({"series": ids, "name": names, "labels": labels, "time_ms": times, "value": values})
path = os.path.join(folder, "peer.parquet")
same = {
    "use_dictionary": ["series", "name", "labels"],
    "column_encoding": {"time_ms": "DELTA_BINARY_PACKED", "value": "BYTE_STREAM_SPLIT"},
    "compression_level": 3,
}


def best(work):
    took = []
    for _ in range(3):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return min(took)


def write(options):
    pyarrow.parquet.write_table(table, path, compression="zstd", **options)
    file = os.open(path, os.O_RDONLY)
    os.fsync(file)
    os.close(file)


# One thread, as our reader and writer.
for name, options in [("plain", {}), ("our encodings", same)]:
    written = best(lambda: write(options))
    got = best(lambda: pyarrow.parquet.read_table(path, use_threads=False))
    print(name, len(ids) / written, len(ids) / got, os.path.getsize(path) / len(ids), sep="\t")
