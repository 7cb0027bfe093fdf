"""Training steps of llm.c's GPT-2 124M on the CPU and of a Llama of the same width, depth, heads and number of parameters here, in turn, in one run, pinned.

    git clone the project karpathy/llm.c into any folder
    dotnet build -c Release src/Inkstone.Cli
    python3 bench/peers/llm_c.py FOLDER [--rounds 5] [--json]

llm.c is compiled as its Makefile does; weights and tokens are random, nothing is downloaded.
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
        program = Path(work) / "llm_c"
        subprocess.run(["gcc", "-Ofast", "-march=native", "-fopenmp", "-DOMP", "-w", f"-I{options.folder}", ROOT / "bench/peers/llm_c.c", "-lm", "-o", program], check=True)
        command, env = [program, options.batch, options.length], {"OMP_NUM_THREADS": str(threads(options))}
        settings = {"as it comes": (command, env), "huge pages": (command, env | HUGE), "huge pages, threads bound": (command, env | HUGE | {"OMP_PROC_BIND": "true"})}
        results = [alternate(options, ROOT / "bench/peers/gpt2-124m.json", options.batch, options.length, "fp32", settings)]
    compiler = subprocess.run(["gcc", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[0]
    show(options, f"llm.c by {compiler}", results)


if __name__ == "__main__":
    main()
