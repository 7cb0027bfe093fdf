// Times llama.cpp and Inkstone on the same .gguf files in one run, in turn: reading a prompt of 512 tokens and making 64 more. Prints medians, and medians of the rounds' own ratios.
//   npm install --no-save --ignore-scripts node-llama-cpp@3          (in any folder; give that folder as the first argument)
//   dotnet build -c Release src/Inkstone.Cli
//   taskset -c 0,1 node bench/peers/llama-cpp-speed.mjs FOLDER [--rounds N] [--threads N] [--json] FILE.gguf...
// llama.cpp gets its best of several settings (fewer threads, flash attention), tried first, for reading and for making alone. A round is a fresh llama.cpp context and a fresh
// `ink bench generate` (its median of three after warming up). The machine must be idle: llama.cpp's threads wait for each other.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const [folder, ...rest] = process.argv.slice(2);
const flag = (name, value) => { const at = rest.indexOf(name); return at < 0 ? value : Number(rest.splice(at, 2)[1]); };
const rounds = flag('--rounds', 5), threads = flag('--threads', 2), length = 512, tokens = 64;
const json = rest.includes('--json') && rest.splice(rest.indexOf('--json'), 1).length > 0;
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const ink = path.join(root, 'artifacts/bin/Inkstone.Cli/release/ink');
const require = createRequire(path.join(path.resolve(folder), 'x.js'));
const { getLlama } = await import(pathToFileURL(require.resolve('node-llama-cpp')).href);
const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logLevel: 'error' });
const median = values => values.toSorted((a, b) => a - b)[values.length >> 1];
const settings = [...new Set([threads, 1])].flatMap(n => [{ threads: n, flashAttention: false }, { threads: n, flashAttention: true }]);
const cpu = fs.readFileSync('/proc/cpuinfo', 'utf8'), field = name => cpu.match(new RegExp(`^${name}\\s*: (.*)$`, 'm'))[1];
const about = {
  machine: `${field('model name')} (family ${field('cpu family')}, model ${field('model')}), ${os.cpus().length} CPUs, load ${os.loadavg()[0].toFixed(1)}`,
  llama: `node-llama-cpp ${JSON.parse(fs.readFileSync(path.join(folder, 'node_modules/node-llama-cpp/package.json'))).version}, ${llama.systemInfo.trim()}`,
};
if (!json) console.log(`${about.machine}\n${about.llama}\n${rounds} alternating rounds, ${length} tokens read, ${tokens} made, tokens/s`);
const results = [];
for (const file of rest) {
  const model = await llama.loadModel({ modelPath: file });
  const tried = [];
  for (const setting of settings) tried.push({ ...setting, ...await theirs(model, setting) });
  const best = Object.fromEntries(['prefill', 'decode'].map(phase => [phase, tried.reduce((a, b) => b[phase] > a[phase] ? b : a)]));
  const rates = { prefill: [], decode: [] };
  for (let round = 0; round < rounds; round++) {
    const sides = [async () => ({ prefill: (await theirs(model, best.prefill)).prefill, decode: (await theirs(model, best.decode)).decode }), async () => ours(file)];
    const [a, b] = round % 2 === 0 ? [await sides[0](), await sides[1]()] : [await sides[1](), await sides[0]()].reverse();
    for (const phase of ['prefill', 'decode']) rates[phase].push([a[phase], b[phase]]);
  }
  await model.dispose();
  for (const phase of ['prefill', 'decode']) {
    const ratios = rates[phase].map(([a, b]) => b / a), { threads, flashAttention } = best[phase];
    const result = { file: path.basename(file), phase, llama: median(rates[phase].map(r => r[0])), inkstone: median(rates[phase].map(r => r[1])), ratio: median(ratios), best: { threads, flashAttention }, tried, rates: rates[phase] };
    results.push(result);
    if (!json) console.log(`${result.file} ${phase}: llama.cpp ${result.llama.toFixed(1)} (${threads} threads${flashAttention ? ', flash attention' : ''}), Inkstone ${result.inkstone.toFixed(1)}, ratio ${result.ratio.toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`);
  }
}
if (json) console.log(JSON.stringify({ ...about, rounds, results }, null, 2));
process.exit(0);

/** Tokens per second of llama.cpp in a fresh context, the better of two after one that warms up. */
async function theirs(model, setting) {
  const vocabulary = model.fileInfo.metadata.tokenizer.ggml.tokens.length, prompt = [...Array(length).keys()].map(i => (1000 + i * 37) % vocabulary);
  const context = await model.createContext({ contextSize: 1024, batchSize: length, threads: setting.threads, flashAttention: setting.flashAttention });
  const sequence = context.getSequence(), rates = { prefill: 0, decode: 0 };
  for (let repeat = 0; repeat < 3; repeat++) {
    await sequence.clearHistory();
    let began = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(prompt);
    if (repeat > 0) rates.prefill = Math.max(rates.prefill, 1e3 * length / (performance.now() - began));
    let count = 0;
    for await (const _ of sequence.evaluate([prompt[0]], { temperature: 0, yieldEogToken: true })) {
      if (count++ === 0) began = performance.now();
      if (count === tokens) break;
    }
    if (repeat > 0) rates.decode = Math.max(rates.decode, 1e3 * (tokens - 1) / (performance.now() - began));
  }
  await context.dispose();
  return rates;
}

/** Tokens per second of `ink bench generate`. */
function ours(file) {
  const run = JSON.parse(execFileSync(ink, ['bench', 'generate', '--model', file, '--length', length, '--tokens', tokens, '--rounds', '3', '--threads', threads, '--json'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
  return Object.fromEntries(run.entries.map(e => [e.name, e.rate]));
}
