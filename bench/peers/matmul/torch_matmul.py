"""PyTorch's side of the products: for every line "m n k transposeA transposeB repeats" the seconds of one bfloat16 product, results in bfloat16."""
import sys
import time
from functools import lru_cache

import torch

torch.set_num_threads(int(sys.argv[1]))
print(f"PyTorch {torch.__version__}, oneDNN", flush=True)


@lru_cache(maxsize=1)
def operands(m, n, k, ta, tb):
    a, b = torch.randn((k, m) if ta else (m, k)).bfloat16(), torch.randn((n, k) if tb else (k, n)).bfloat16()
    return a.t() if ta else a, b.t() if tb else b, torch.empty(m, n, dtype=torch.bfloat16)


for line in sys.stdin:
    *sizes, repeats = map(int, line.split())
    a, b, c = operands(*sizes)
    torch.mm(a, b, out=c)
    start = time.perf_counter()
    for _ in range(repeats):
        torch.mm(a, b, out=c)
    print((time.perf_counter() - start) / repeats, flush=True)
