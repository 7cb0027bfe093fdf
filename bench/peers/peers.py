"""What the drivers in this folder share: a clean environment, the machine in words, alternating rounds, paired ratios."""
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INK = ROOT / "artifacts/bin/Inkstone.Cli/release/ink"
# Left over in a shell, any of these makes one side slower than it is.
SPOILERS = ("OPENBLAS_", "OMP_", "GOMP_", "KMP_", "MKL_", "ONEDNN_", "DNNL_", "ATEN_", "MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD", "INK_")
# What the C library gives back to the system after every tensor has to be faulted in again, page by page, by the next one.
KEPT = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_TOP_PAD_": str(1 << 26)}
HUGE = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}  # glibc 2.35 and later


def add_options(parser):
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds (default 5)")
    parser.add_argument("--steps", type=int, default=2, help="steps of each side in a round (default 2)")
    parser.add_argument("--cores", default="0,1", help="processors that both sides are pinned to; as many threads (default 0,1)")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")


def threads(options):
    return len(options.cores.split(","))


def environment(extra=None):
    return {k: v for k, v in os.environ.items() if not k.startswith(SPOILERS)} | (extra or {})


def pinned(options, command):
    return ["taskset", "-c", options.cores, *map(str, command)]


def machine(options):
    about = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines())}
    return (f"{about['model name']} (family {about['cpu family']}, model {about['model']}), {os.cpu_count()} CPUs, pinned to {options.cores}, "
            f"{platform.system()} {platform.release()}")


class Worker:
    """A process that says one line of JSON when it is warm and then makes as many steps as it is asked for."""

    def __init__(self, options, command, extra):
        self.process = subprocess.Popen(pinned(options, command), env=environment(extra), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise ChildProcessError(f"{self.process.args[3:]} ended with code {self.process.wait()}")
        return json.loads(line)

    def seconds(self, steps):
        """The median step's."""
        print(steps, file=self.process.stdin, flush=True)
        return statistics.median(self.read()["seconds"])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def trials(options, settings):
    """Seconds of a step under each setting (name: (command, environment)); None where it does not run."""
    tried = {}
    for name, (command, extra) in settings.items():
        try:
            worker = Worker(options, command, extra)
            tried[name] = min(worker.seconds(1) for _ in range(2))
            worker.close()
        except ChildProcessError:
            tried[name] = None
        print(f"  trial: {name}: {tried[name]} s", file=sys.stderr)
    return tried


def ink_train(options, config, batch, length, precision):
    """One run of `ink bench train`: its JSON."""
    return json.loads(subprocess.run(pinned(options, [INK, "bench", "train", "--config", config, "--batch", batch, "--length", length, "--precision", precision,
                                                      "--steps", options.steps, "--threads", threads(options), "--json"]),
                                     env=environment(), check=True, stdout=subprocess.PIPE, text=True).stdout)


def alternate(options, config, batch, length, precision, settings):
    """Trials of the peer's settings, then rounds of Inkstone, the peer as it comes (its first setting) and the peer's fastest setting."""
    began, load = time.time(), os.getloadavg()[0]
    tried = trials(options, settings)
    first = next(iter(settings))
    best = min((name for name in tried if tried[name]), key=tried.get)
    workers = {name: Worker(options, *settings[name]) for name in dict.fromkeys((first, best)) if tried[name]}
    rates = {name: [] for name in ("Inkstone", *workers)}
    for number in range(options.rounds):
        for name in list(rates)[:: 1 if number % 2 == 0 else -1]:
            if name == "Inkstone":
                run = ink_train(options, config, batch, length, precision)
                rates[name].append(run["tokens_per_second"])
            else:
                rates[name].append(batch * length / workers[name].seconds(options.steps if name == best else 1))
            print(f"  round {number + 1}: {name}: {rates[name][-1]:.0f} tokens/s", file=sys.stderr)
    about = workers[best].about
    for worker in workers.values():
        worker.close()
    return {
        "config": str(config), "batch": batch, "length": length, "precision": precision, "load_before": load, "minutes": (time.time() - began) / 60,
        "inkstone": {"machine": run["machine"], "kernel": run["kernel"], "parameters": run["parameters"]}, "peer": about,
        "trials_seconds": tried, "best": best, "first": first, "tokens_per_second": rates,
        "medians": {name: statistics.median(r) for name, r in rates.items()},
        "ratios": {name: statistics.median(a / b for a, b in zip(rates["Inkstone"], r)) for name, r in rates.items() if name != "Inkstone"},
        "ratio_ranges": {name: [min(p), max(p)] for name, r in rates.items() if name != "Inkstone" for p in [[a / b for a, b in zip(rates["Inkstone"], r)]]},
    }


def show(options, peer, results):
    """Prints the results: tokens/s as medians of the rounds, ratios as medians of the rounds' own ratios."""
    if options.json:
        print(json.dumps({"machine": machine(options), "peer": peer, "rounds": options.rounds, "steps": options.steps, "results": results}, indent=2))
        return
    print(f"{machine(options)}\n{peer}; {threads(options)} threads each; {options.rounds} alternating rounds of {options.steps} steps (one of the slower setting); tokens/s\n")
    print("| work | Inkstone | as it comes | ratio | fastest setting | ratio (of rounds) |\n| --- | --- | --- | --- | --- | --- |")
    for r in results:
        m, (low, high) = r["medians"], r["ratio_ranges"][r["best"]]
        print(f"| {Path(r['config']).stem} {r['batch']} × {r['length']} {r['precision']} | {m['Inkstone']:.0f} | {m.get(r['first'], float('nan')):.0f} | "
              f"{r['ratios'].get(r['first'], float('nan')):.2f} | {m[r['best']]:.0f} ({r['best']}) | {r['ratios'][r['best']]:.2f} ({low:.2f} to {high:.2f}) |")
    for r in results:
        print(f"\n{Path(r['config']).stem} {r['precision']}: {r['inkstone']['machine']}, {r['inkstone']['kernel']}; parameters {r['inkstone']['parameters']} and {r['peer']['parameters']}; "
              "peer's seconds a step by setting: " + ", ".join(f"{name} " + (f"{s:.2f}" if s else "does not run") for name, s in r["trials_seconds"].items()))
