"""Times `chainrule bench` and PyTorch in turns and prints a table of medians and ratios.

    cargo build --release
    pip install torch numpy            # the peer; without it only chainrule is timed
    python benches/compare.py [--rounds 3] [--seconds 2] [WORKLOAD...]

Both sides run one after the other on the same machine, again and again, with one thread and with two, so that what else the
machine does falls on both alike. Only ratios of one run are worth reading."""

import argparse
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
WORKLOADS = ["W1", "W1b", "W2", "W3", "W3b", "W4", "W5", "W6", "W7"]


def rate(command):
    """Steps per second of the line that the command prints; none where the peer is not installed."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 3:
        return None
    if done.returncode != 0:
        sys.exit(done.stderr)
    return float(done.stdout.split()[2])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("workloads", nargs="*", default=WORKLOADS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--program", default=str(HERE.parent / "target/release/chainrule"))
    asked = parser.parse_args()
    print("| workload | threads | chainrule, steps/s | PyTorch, steps/s | ratio |")
    print("|---|---|---|---|---|")
    for name in asked.workloads:
        for threads in (1, 2):
            ours, theirs = [], []
            for _ in range(asked.rounds):
                ours.append(rate([asked.program, "bench", name, "--threads", str(threads), "--seconds", str(asked.seconds)]))
                theirs.append(rate([sys.executable, str(HERE / "torch_steps.py"), name, str(threads), str(asked.seconds)]))
            own = statistics.median(ours)
            if None in theirs:
                print(f"| {name} | {threads} | {own:.0f} | – | – |", flush=True)
                continue
            ratio = statistics.median(a / b for a, b in zip(ours, theirs))
            print(f"| {name} | {threads} | {own:.0f} | {statistics.median(theirs):.0f} | {ratio:.2f} |", flush=True)


main()
