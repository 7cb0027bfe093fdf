"""PyTorch's side of train.py: training steps of a Llama with the sizes of a Hugging Face config.json, on random tokens.

Prints a JSON line about itself once warm; then, for every number read from stdin, makes so many steps (forward, backward, clipping, AdamW) and prints their seconds.

    echo 3 | /usr/bin/python3 bench/peers/torch_train.py --config configs/models/microlm-31m.json --precision bf16
"""
import argparse
import contextlib
import json
import math
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


class RmsNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x):
        if hasattr(F, "rms_norm"):
            return F.rms_norm(x, self.weight.shape, self.weight, self.eps)
        x32 = x.float()
        return (x32 * torch.rsqrt(x32.pow(2).mean(-1, keepdim=True) + self.eps)).type_as(x) * self.weight


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        width, hidden, self.dim = c["hidden_size"], c["intermediate_size"], c["head_dim"]
        heads, kv = c["num_attention_heads"], c["num_key_value_heads"]
        self.group = heads // kv
        self.norm1, self.norm2 = RmsNorm(width, c["rms_norm_eps"]), RmsNorm(width, c["rms_norm_eps"])
        self.q, self.o = nn.Linear(width, heads * self.dim, bias=False), nn.Linear(heads * self.dim, width, bias=False)
        self.k, self.v = (nn.Linear(width, kv * self.dim, bias=False) for _ in range(2))
        self.gate, self.up = (nn.Linear(width, hidden, bias=False) for _ in range(2))
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x, cos, sin, mask):
        b, t, _ = x.shape
        h = self.norm1(x)
        q, k, v = (f(h).view(b, t, -1, self.dim).transpose(1, 2) for f in (self.q, self.k, self.v))  # [B, H, T, D]
        cos, sin = cos.to(q.dtype), sin.to(q.dtype)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if self.group > 1:
            k, v = k.repeat_interleave(self.group, 1), v.repeat_interleave(self.group, 1)
        if hasattr(F, "scaled_dot_product_attention"):
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            y = ((q / math.sqrt(self.dim)) @ k.transpose(-1, -2) + mask.to(q.dtype)).softmax(-1) @ v
        x = x + self.o(y.transpose(1, 2).reshape(b, t, -1))
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Llama(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embed = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.blocks = nn.ModuleList(Block(c) for _ in range(c["num_hidden_layers"]))
        self.norm = RmsNorm(c["hidden_size"], c["rms_norm_eps"])
        self.head = nn.Linear(c["hidden_size"], c["vocab_size"], bias=False)
        nn.init.normal_(self.embed.weight, 0, c["initializer_range"])
        if c["tie_word_embeddings"]:
            self.head.weight = self.embed.weight

    def forward(self, ids, labels, cos, sin, mask):
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x, cos, sin, mask)
        return F.cross_entropy(self.head(self.norm(x)).float().flatten(0, 1), labels.flatten())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", required=True)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16-weights", action="store_true", help="parameters and optimizer in bfloat16 instead of autocast")
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    with open(options.config) as file:
        c = json.load(file)
    model = Llama(c)
    if options.bf16_weights:
        model.bfloat16()
    run = torch.compile(model) if options.compile else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4, betas=(0.9, 0.95), weight_decay=0.1)
    t, half = options.length, c["head_dim"] // 2
    angles = torch.arange(t)[:, None] * (c["rope_theta"] ** (-torch.arange(half) / half))[None]
    cos, sin = torch.cat((angles.cos(),) * 2, -1), torch.cat((angles.sin(),) * 2, -1)
    mask = torch.full((t, t), float("-inf")).triu(1)
    ids = torch.randint(0, c["vocab_size"], (options.batch, t + 1))
    autocast = options.precision == "bf16" and not options.bf16_weights

    def step():
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16) if autocast else contextlib.nullcontext():
            loss = run(ids[:, :-1], ids[:, 1:], cos, sin, mask)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return time.perf_counter() - start, loss.item()

    warm = [step() for _ in range(2)]
    print(json.dumps({"version": torch.__version__, "parameters": sum(p.numel() for p in model.parameters()), "threads": torch.get_num_threads(),
                      "first_loss": warm[0][1], "second_step": warm[1][0]}), flush=True)
    for line in sys.stdin:
        print(json.dumps({"seconds": [step()[0] for _ in range(int(line))]}), flush=True)


if __name__ == "__main__":
    main()
