"""Training steps of Inkstone and PyTorch on the same shapes, in turn, in one run, pinned to the same processors.

PyTorch's settings are tried first; the rounds take it as it comes and at the fastest of them.

    apt-get install python3-torch
    dotnet build -c Release src/Inkstone.Cli
    python3 bench/peers/train.py [--python /path/to/another/python3] [--config microlm-31m] [--precision bf16] [--rounds 5] [--json]
"""
import argparse
import subprocess
import sys

from peers import HUGE, KEPT, ROOT, add_options, alternate, environment, pinned, show, threads

CASES = {"microlm-31m": (8, 512), "smollm2-135m": (2, 512)}  # rows, tokens of a row
QUIET = {"OMP_WAIT_POLICY": "passive", "OPENBLAS_THREAD_TIMEOUT": "4"}  # PyTorch's threads and OpenBLAS's own spin on the same processors


def settings(options, version, config, batch, length, precision):
    """PyTorch's, by name: command and environment; the first is PyTorch as it comes."""
    command = [options.python, ROOT / "bench/peers/torch_train.py", "--config", config, "--batch", batch, "--length", length, "--precision", precision, "--threads", threads(options)]
    kept = {"as it comes": (command, {}), "memory kept, huge pages": (command, KEPT | HUGE),
            "memory kept, huge pages, threads sleep": (command, KEPT | HUGE | QUIET)}
    if precision == "bf16":
        kept["memory kept, huge pages, weights in bf16"] = ([*command, "--bf16-weights"], KEPT | HUGE)
    if int(version.split(".")[0]) >= 2:
        kept["memory kept, huge pages, compiled"] = ([*command, "--compile"], KEPT | HUGE)
    return kept


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default="/usr/bin/python3", help="a Python that has torch (default /usr/bin/python3)")
    parser.add_argument("--config", action="append", choices=CASES, help="one of the shapes (default: all)")
    parser.add_argument("--precision", action="append", choices=["bf16", "fp32"], help="(default: both)")
    add_options(parser)
    options = parser.parse_args()
    version = subprocess.run(pinned(options, [options.python, "-c", "import torch; print(torch.__version__)"]), env=environment(), stdout=subprocess.PIPE, text=True).stdout.strip()
    if not version:
        sys.exit(f"{options.python} has no torch: apt-get install python3-torch, or --python PATH")
    results = []
    for name in options.config or CASES:
        batch, length = CASES[name]
        config = ROOT / f"configs/models/{name}.json"
        for precision in options.precision or ["bf16", "fp32"]:
            print(f"{name} {precision}", file=sys.stderr)
            results.append(alternate(options, config, batch, length, precision, settings(options, version, config, batch, length, precision)))
    show(options, f"PyTorch {version}", results)


if __name__ == "__main__":
    main()
