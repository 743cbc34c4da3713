"""How fast files become arrays, beside polars and gunzip, in turns.

    pip install polars pyarrow numpy
    python benches/load.py [--rounds 5] [--program target/release/chainrule] [--folder FOLDER] [--threads 1,2] [--only WORD]

Writes tables of numbers and of words (CSV, packed CSV, Parquet) and an IDX file of 60 000 pictures (packed), reads each
with both programs as processes of their own, and prints the shortest and the median times, their ratios, and the largest
memory of each process (on Linux) beyond that of one which reads a small file. Numbers become arrays of single precision;
text stays text.
"""

import argparse
import gzip
import os
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile

import numpy as np
import pyarrow
import pyarrow.parquet

POLARS = """
import sys, time
import numpy as np
import polars as pl
begun = time.perf_counter()
array = pl.read_parquet(sys.argv[1]) if sys.argv[1].endswith(".parquet") else pl.read_csv(sys.argv[1])
if array.dtypes[0] != pl.String:
    array = array.cast(pl.Float32).to_numpy()
seconds = time.perf_counter() - begun
memory = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(seconds, "s, largest memory", int(memory[0]) * 1024 / 1e6, "MB", array.shape)
"""

GUNZIP = "import sys, time, subprocess; b = time.perf_counter(); subprocess.run(['gunzip', '-c', sys.argv[1]], stdout=subprocess.DEVNULL, check=True); print(time.perf_counter() - b, 's')"


def write_words(path, random):
    """Six columns of words, half of them in quotes: three are distinct in every row."""
    first = ["Anna", "Bea", "Carl", "Dana", "Emil", "Fritz", "Greta", "Hugo"]
    towns = ["Berlin", "Paris, Texas", "Rome", "Oslo", "Lima", "São Paulo", "Kyoto", "Bath"]
    picks = random.integers(0, 8, (1_000_000, 3))
    with open(path, "w") as file:
        file.write("key,name,town,remark,state,mail\n")
        for k, (a, b, c) in enumerate(picks):
            file.write(f'k{k * 7919 % 1_000_003:07x},"{first[a]} {first[b]}, No. {k}","{towns[c]}",'
                       f'"said ""{first[b].lower()}"" {b * c}",{"open" if a < 5 else "closed"},{first[a].lower()}.{k}@example.org\n')


def write_table(path, values, form):
    np.savetxt(path, values, fmt=form, delimiter=",", header=",".join(f"c{k}" for k in range(values.shape[1])), comments="")


def write_parquet(path, random):
    columns = {f"c{k}": random.normal(size=1_875_000) for k in range(20)}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


def pack(source, path):
    with open(source, "rb") as file, gzip.open(path, "wb", compresslevel=6) as packed:
        shutil.copyfileobj(file, packed)


def write_pictures(path, random):
    pixels = (random.integers(0, 256, (60_000, 28, 28)) * (random.random((60_000, 28, 28)) < 0.2)).astype("u1")
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(struct.pack(">BBBBIII", 0, 0, 8, 3, 60_000, 28, 28) + pixels.tobytes())
    with gzip.open(path.replace("images-idx3", "labels-idx1"), "wb") as file:
        file.write(struct.pack(">BBBBI", 0, 0, 8, 1, 60_000) + random.integers(0, 10, 60_000).astype("u1").tobytes())


def make(folder):
    """Tables by what they are, with their path and the count of numbers; the pictures; and a small file."""
    random = np.random.default_rng(1)
    pixels = lambda: random.integers(0, 256, (60_000, 785)) * (random.random((60_000, 785)) < 0.6)
    path = lambda name: os.path.join(folder, name)
    tables = [
        ("60 000 x 785 whole numbers", "ints.csv", 60_000 * 785, lambda p: write_table(p, pixels(), "%d")),
        ("1 000 000 x 10 decimals", "floats.csv", 10_000_000, lambda p: write_table(p, random.normal(size=(1_000_000, 10)), "%.15g")),
        ("the same decimals in gzip", "floats.csv.gz", 10_000_000, lambda p: pack(path("floats.csv"), p)),
        ("20 000 x 2 000 decimals", "wide.csv", 40_000_000, lambda p: write_table(p, random.normal(size=(20_000, 2000)), "%.4f")),
        ("300 MB of Parquet, 20 columns of decimals", "numbers.parquet", 37_500_000, lambda p: write_parquet(p, random)),
        ("1 000 000 x 6 words with quotes", "words.csv", 0, lambda p: write_words(p, random)),
    ]
    for _, name, _, write in tables:
        if not os.path.exists(path(name)):
            write(path(name))
    images = path("large-images-idx3-ubyte.gz")
    if not os.path.exists(images):
        write_pictures(images, random)
    small = path("small.csv")
    with open(small, "w") as file:
        file.write("a,b\n" + "1,2\n" * 100)
    return [(what, path(name), count) for what, name, count, _ in tables], images, small


def run(command, threads):
    """Seconds and the largest resident memory in MB, as the program says."""
    environment = {**os.environ, "POLARS_MAX_THREADS": str(threads), "RAYON_NUM_THREADS": str(threads)}
    text = subprocess.run(command, stdout=subprocess.PIPE, env=environment, text=True, check=True).stdout
    seconds = re.search(r"([\d.]+) s\b", text)
    memory = re.search(r"largest memory ([\d.]+)", text)
    return float(seconds.group(1)), float(memory.group(1)) if memory else float("nan")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--program", default="target/release/chainrule")
    parser.add_argument("--folder", default=os.path.join(tempfile.gettempdir(), "load-bench"))
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--only", default="", help="a word in the names of the tables to read")
    arguments = parser.parse_args()
    os.makedirs(arguments.folder, exist_ok=True)
    tables, images, small = make(arguments.folder)
    for threads in map(int, arguments.threads.split(",")):
        ours = lambda path: [arguments.program, "bench", "--load", path, "--threads", str(threads)]
        polars = lambda path: [sys.executable, "-c", POLARS, path]
        base = run(ours(small), threads)[1], run(polars(small), threads)[1]
        for what, path, count in tables:
            if arguments.only not in what:
                continue
            pairs = [(run(ours(path), threads), run(polars(path), threads)) for _ in range(arguments.rounds)]
            least, middle = ([of(p[k][0] for p in pairs) for k in (0, 1)] for of in (min, statistics.median))
            memory = [statistics.median(p[k][1] for p in pairs) - base[k] for k in (0, 1)]
            single = f" = {memory[0] / (count * 4e-6):.2f} times single precision" if count else ""
            print(f"{what}, {threads} threads: {least[0]:.3f} s, polars {least[1]:.3f} s, polars/chainrule {least[1] / least[0]:.2f} "
                  f"(medians {middle[1] / middle[0]:.2f}); memory {memory[0]:.0f} MB{single}, polars {memory[1]:.0f} MB", flush=True)
    if arguments.only in "pictures":
        pairs = [(run([arguments.program, "bench", "--load", images, "--threads", "1"], 1), run([sys.executable, "-c", GUNZIP, images], 1)) for _ in range(arguments.rounds)]
        mine, theirs = (statistics.median(p[k][0] for p in pairs) for k in (0, 1))
        print(f"60 000 pictures of IDX.gz with labels, 1 thread: {mine:.3f} s to arrays, gunzip {theirs:.3f} s, ratio {mine / theirs:.2f}")


main()
