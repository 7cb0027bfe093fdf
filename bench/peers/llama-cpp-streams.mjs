// Times llama.cpp's continuous batching and Inkstone's server on the same .gguf file in one run, in turn: many texts side by side, each a prompt of 128 tokens and 128 more.
//   npm install --no-save --ignore-scripts node-llama-cpp@3          (in any folder; give that folder as the first argument)
//   dotnet build -c Release src/Inkstone.Cli
//   node bench/peers/llama-cpp-streams.mjs FOLDER [--rounds N] [--threads N] [--streams N] FILE.gguf...
// llama.cpp runs inside this process, a sequence of one context for each text, with the best of several settings tried first; Inkstone runs behind HTTP (`ink bench serve`), which counts against it.
import { execFileSync, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

const [folder, ...rest] = process.argv.slice(2);
const flag = (name, value) => { const at = rest.indexOf(name); return at < 0 ? value : Number(rest.splice(at, 2)[1]); };
const rounds = flag('--rounds', 3), threads = flag('--threads', 2), most = flag('--streams', 16), port = flag('--port', 18555), length = 128, tokens = 128;
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const ink = path.join(root, 'artifacts/bin/Inkstone.Cli/release/ink');
const require = createRequire(path.join(path.resolve(folder), 'x.js'));
const { getLlama } = await import(pathToFileURL(require.resolve('node-llama-cpp')).href);
const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logLevel: 'error' });
const median = values => values.toSorted((a, b) => a - b)[values.length >> 1];
const settings = [false, true].flatMap(flashAttention => [512, 2048].map(batchSize => ({ threads, flashAttention, batchSize })));

for (const file of rest) {
  const model = await llama.loadModel({ modelPath: file });
  for (const streams of [...new Set([most, 1])]) {
    let best = null;
    for (const setting of settings) {
      const run = await theirs(model, setting, streams);
      if (best === null || run.rate > best.rate) best = { ...run, setting };
    }
    const runs = [];
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0, first = order ? await theirs(model, best.setting, streams) : await ours(file, streams);
      const second = order ? await ours(file, streams) : await theirs(model, best.setting, streams);
      runs.push(order ? [first, second] : [second, first]);
    }
    const of = (side, name) => median(runs.map(run => run[side][name])), ratios = runs.map(([a, b]) => b.rate / a.rate);
    console.log(`${path.basename(file)}, ${streams} streams of ${length} + ${tokens} tokens: llama.cpp ${of(0, 'rate').toFixed(0)} tokens/s together, last first token after ${of(0, 'ttft').toFixed(0)} ms`
      + ` (${JSON.stringify(best.setting)}); Inkstone ${of(1, 'rate').toFixed(0)}, ${of(1, 'ttft').toFixed(0)} ms; ratio ${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`);
  }
  await model.dispose();
}
process.exit(0);

/** Tokens made per second of all texts together, from the first request to the last token, and milliseconds to the last text's first token. */
async function theirs(model, setting, streams) {
  const vocabulary = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
  const context = await model.createContext({ sequences: streams, contextSize: 320, ...setting });
  const sequences = [...Array(streams).keys()].map(() => context.getSequence()), firsts = [];
  let began;
  for (let repeat = 0; repeat < 2; repeat++) { // the first one warms up
    for (const sequence of sequences) await sequence.clearHistory();
    firsts.length = 0;
    began = performance.now();
    await Promise.all(sequences.map(async (sequence, index) => {
      const prompt = [...Array(length).keys()].map(i => (1000 + index * 7919 + i * 37) % vocabulary);
      let count = 0;
      for await (const _ of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
        if (count++ === 0) firsts.push(performance.now() - began);
        if (count === tokens) break;
      }
    }));
  }
  const rate = 1e3 * streams * tokens / (performance.now() - began);
  await context.dispose();
  return { rate, ttft: Math.max(...firsts) };
}

/** The same by `ink serve` and `ink bench serve`: the second lot of requests, the first one warms up. */
async function ours(file, streams) {
  const server = spawn(ink, ['serve', '--model', file, '--port', port, '--threads', threads], { stdio: 'ignore' }), url = `http://127.0.0.1:${port}`;
  const ended = new Promise(resolve => server.once('exit', resolve));
  while (!await fetch(`${url}/health`).then(answer => answer.ok, () => false)) await sleep(100);
  let run;
  for (let repeat = 0; repeat < 2; repeat++) {
    // Other prompts each time, as none of the beginnings may be known.
    run = JSON.parse(execFileSync(ink, ['bench', 'serve', url, '--num-prompts', streams, '--max-concurrency', streams, '--prompt-tokens', length, '--max-tokens', tokens,
      '--ignore-eos', '--completions', '--seed', repeat, '--json'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  }
  server.kill('SIGTERM');
  await ended;
  return { rate: run.output_throughput, ttft: run.p99_ttft_ms };
}
