// Times llama.cpp and Inkstone on the same .gguf files in one run, in turn: reading a prompt of 512 tokens and making 64 more, two threads each. Prints medians and ratios.
//   npm install --no-save --ignore-scripts node-llama-cpp@3          (in any folder; give that folder as the first argument)
//   dotnet build -c Release src/Inkstone.Cli
//   node bench/peers/llama-cpp-speed.mjs FOLDER [--rounds N] [--threads N] FILE.gguf...
// Each round is a fresh llama.cpp context and a fresh `ink bench generate` (its median of three after warming up). The machine must be idle: llama.cpp's threads wait for each other.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const [folder, ...rest] = process.argv.slice(2);
const flag = (name, value) => { const at = rest.indexOf(name); return at < 0 ? value : Number(rest.splice(at, 2)[1]); };
const rounds = flag('--rounds', 3), threads = flag('--threads', 2), length = 512, tokens = 64;
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const ink = path.join(root, 'artifacts/bin/Inkstone.Cli/release/ink');
const { getLlama } = await import(pathToFileURL(createRequire(path.join(path.resolve(folder), 'x.js')).resolve('node-llama-cpp')).href);
const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logLevel: 'error' });
const median = values => values.toSorted((a, b) => a - b)[values.length >> 1];
console.log(`llama.cpp: ${llama.systemInfo.trim()}`);
for (const file of rest) {
  const theirs = { prefill: [], decode: [] }, ours = { prefill: [], decode: [] };
  const model = await llama.loadModel({ modelPath: file });
  const vocabulary = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
  const prompt = [...Array(length).keys()].map(i => (1000 + i * 37) % vocabulary);
  for (let round = 0; round < rounds; round++) {
    const context = await model.createContext({ contextSize: 1024, batchSize: length, threads });
    const sequence = context.getSequence();
    for (let repeat = 0; repeat < 3; repeat++) {
      await sequence.clearHistory();
      let began = performance.now();
      await sequence.evaluateWithoutGeneratingNewTokens(prompt);
      if (repeat > 0) theirs.prefill.push(1e3 * length / (performance.now() - began));
      let count = 0;
      for await (const _ of sequence.evaluate([prompt[0]], { temperature: 0, yieldEogToken: true })) {
        if (count++ === 0) began = performance.now();
        if (count === tokens) break;
      }
      if (repeat > 0) theirs.decode.push(1e3 * (tokens - 1) / (performance.now() - began));
    }
    await context.dispose();
    const json = JSON.parse(execFileSync(ink, ['bench', 'generate', '--model', file, '--length', length, '--tokens', tokens, '--rounds', '3', '--threads', threads, '--json'],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
    for (const entry of json.entries) ours[entry.name].push(entry.rate);
  }
  await model.dispose();
  for (const phase of ['prefill', 'decode']) {
    const [a, b] = [median(theirs[phase]), median(ours[phase])];
    console.log(`${path.basename(file)} ${phase}: llama.cpp ${a.toFixed(1)}, Inkstone ${b.toFixed(1)} tokens/s, ratio ${(b / a).toFixed(2)} (${theirs[phase].map(v => v.toFixed(0))} | ${ours[phase].map(v => v.toFixed(0))})`);
  }
}
process.exit(0);
