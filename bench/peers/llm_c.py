"""Training steps of llm.c's GPT-2 124M on the CPU and of a Llama of the same width, depth, heads and number of parameters here, in turn, in one run, pinned.

    git clone the project karpathy/llm.c into any folder
    dotnet build -c Release src/Inkstone.Cli
    python3 bench/peers/llm_c.py FOLDER [--rounds 5] [--json]

llm.c is compiled as its Makefile does, and with -O3 instead of -Ofast; weights and tokens are random, nothing is downloaded.
"""
import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from peers import HUGE, ROOT, add_options, alternate, show, threads


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="llm.c's")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--length", type=int, default=64)
    add_options(parser)
    options = parser.parse_args()
    if not (options.folder / "train_gpt2.c").exists():
        sys.exit(f"{options.folder} is not a copy of llm.c: it has no train_gpt2.c")
    with tempfile.TemporaryDirectory() as work:
        settings = {}
        for level in ("-Ofast", "-O3"):
            program = Path(work) / f"llm_c{level}"
            subprocess.run(["gcc", level, "-march=native", "-fopenmp", "-DOMP", "-w", f"-I{options.folder}", ROOT / "bench/peers/llm_c.c", "-lm", "-o", program], check=True)
            command = [program, options.batch, options.length]
            wanted = {"OMP_NUM_THREADS": str(threads(options))}
            settings |= {level: (command, wanted), f"{level}, huge pages": (command, wanted | HUGE), f"{level}, threads bound": (command, wanted | HUGE | {"OMP_PROC_BIND": "true"})}
        results = [alternate(options, ROOT / "bench/peers/gpt2-124m.json", options.batch, options.length, "fp32", settings)]
    compiler = subprocess.run(["gcc", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[0]
    show(options, f"llm.c by {compiler}", results)


if __name__ == "__main__":
    main()
