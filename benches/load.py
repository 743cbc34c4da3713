"""How fast files become arrays, beside polars and gunzip, in turns.

    pip install polars numpy
    python benches/load.py [--rounds 5] [--program target/release/chainrule] [--folder FOLDER]

Writes a CSV of 60 000 x 785 whole numbers, one of 1 000 000 x 10 decimals and an IDX file of 60 000 pictures (packed),
reads each with both programs as processes of their own, and prints medians, ratios, and the largest memory of each
process (on Linux) beyond that of one which reads a small file.
"""

import argparse
import gzip
import os
import re
import statistics
import struct
import subprocess
import sys
import tempfile

import numpy as np

POLARS = """
import sys, time
import numpy as np
import polars as pl
begun = time.perf_counter()
array = pl.read_csv(sys.argv[1]).cast(pl.Float32).to_numpy()
seconds = time.perf_counter() - begun
memory = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(seconds, "s, largest memory", int(memory[0]) * 1024 / 1e6, "MB", array.dtype, array.shape)
"""

GUNZIP = "import sys, time, subprocess; b = time.perf_counter(); subprocess.run(['gunzip', '-c', sys.argv[1]], stdout=subprocess.DEVNULL, check=True); print(time.perf_counter() - b, 's')"


def make(folder):
    random = np.random.default_rng(1)
    ints = os.path.join(folder, "ints.csv")
    if not os.path.exists(ints):
        pixels = random.integers(0, 256, (60_000, 785)) * (random.random((60_000, 785)) < 0.6)
        np.savetxt(ints, pixels, fmt="%d", delimiter=",", header=",".join(f"p{k}" for k in range(785)), comments="")
    floats = os.path.join(folder, "floats.csv")
    if not os.path.exists(floats):
        values = random.normal(size=(1_000_000, 10))
        np.savetxt(floats, values, fmt="%.15g", delimiter=",", header=",".join("abcdefghij"), comments="")
    images = os.path.join(folder, "large-images-idx3-ubyte.gz")
    if not os.path.exists(images):
        pixels = (random.integers(0, 256, (60_000, 28, 28)) * (random.random((60_000, 28, 28)) < 0.2)).astype("u1")
        with gzip.open(images, "wb", compresslevel=9) as file:
            file.write(struct.pack(">BBBBIII", 0, 0, 8, 3, 60_000, 28, 28) + pixels.tobytes())
        with gzip.open(os.path.join(folder, "large-labels-idx1-ubyte.gz"), "wb") as file:
            file.write(struct.pack(">BBBBI", 0, 0, 8, 1, 60_000) + random.integers(0, 10, 60_000).astype("u1").tobytes())
    small = os.path.join(folder, "small.csv")
    with open(small, "w") as file:
        file.write("a,b\n" + "1,2\n" * 100)
    return ints, floats, images, small


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
    arguments = parser.parse_args()
    os.makedirs(arguments.folder, exist_ok=True)
    ints, floats, images, small = make(arguments.folder)
    for threads in [1, 2]:
        ours = lambda path: [arguments.program, "bench", "--load", path, "--threads", str(threads)]
        polars = lambda path: [sys.executable, "-c", POLARS, path]
        base_ours, base_polars = run(ours(small), threads)[1], run(polars(small), threads)[1]
        for name, path, count in [("60 000 x 785 whole numbers", ints, 60_000 * 785), ("1 000 000 x 10 decimals", floats, 10_000_000)]:
            pairs = [(run(ours(path), threads), run(polars(path), threads)) for _ in range(arguments.rounds)]
            mine, theirs = (statistics.median(p[k][0] for p in pairs) for k in (0, 1))
            memory = [statistics.median(p[k][1] for p in pairs) - base for k, base in ((0, base_ours), (1, base_polars))]
            single = count * 4 / 1e6
            print(f"{name}, {threads} threads: {mine:.3f} s, polars {theirs:.3f} s, polars/chainrule {theirs / mine:.2f}; "
                  f"memory {memory[0]:.0f} MB = {memory[0] / single:.2f} times single precision, polars {memory[1]:.0f} MB")
    pairs = [(run([arguments.program, "bench", "--load", images, "--threads", "1"], 1), run([sys.executable, "-c", GUNZIP, images], 1)) for _ in range(arguments.rounds)]
    mine, theirs = (statistics.median(p[k][0] for p in pairs) for k in (0, 1))
    print(f"60 000 pictures of IDX.gz with labels, 1 thread: {mine:.3f} s to arrays, gunzip {theirs:.3f} s, ratio {mine / theirs:.2f}")


main()
