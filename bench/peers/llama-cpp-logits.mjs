// Compares llama.cpp's logits with Inkstone's, position by position: each model directory is written as GGUF (F32) and read by both.
//   npm install --no-save --ignore-scripts node-llama-cpp@3          (in any folder; give that folder as the first argument)
//   dotnet build -c Release src/Inkstone.Cli
//   node bench/peers/llama-cpp-logits.mjs FOLDER MODEL...            (model directories with a tokenizer, small ones: all probabilities of all positions are asked for)
// llama.cpp keeps keys and values as F32 and attends without flash attention here, so that only the order of sums differs: below 1e-4. Gemma's GELU is a table of half precision there: 3e-3.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const [folder, ...models] = process.argv.slice(2);
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const ink = path.join(root, 'artifacts/bin/Inkstone.Cli/release/ink');
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'llama-cpp-'));
const ids = Array.from({ length: 28 }, (_, i) => (i * 37 + 11) % 256);
const { getLlama } = await import(pathToFileURL(createRequire(path.join(path.resolve(folder), 'x.js')).resolve('node-llama-cpp')).href);
const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logLevel: 'error' });
for (const source of models) {
  const file = path.join(work, 'model.gguf');
  execFileSync(ink, ['convert', source, file, '--dtype', 'f32', '--force'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const model = await llama.loadModel({ modelPath: file });
  const context = await model.createContext({
    contextSize: 64, batchSize: 64, threads: 1, flashAttention: false, swaFullCache: true, experimentalKvCacheKeyType: 'F32', experimentalKvCacheValueType: 'F32',
  });
  const all = { generateNext: { probabilities: true, options: { temperature: 1, topK: 0, topP: 1, minP: 0 } } };
  const theirs = await context.getSequence().controlledEvaluate(ids.map(id => [id, all]));
  const args = ['logits', '--model', source, '--weights', 'fp32', '--precision', 'fp32', '--ids', ids.join(','), '--json'];
  const ours = JSON.parse(execFileSync(ink, args, { encoding: 'utf8', maxBuffer: 1 << 28 })).logits;
  let worst = 0;
  ours.forEach((row, i) => {
    const largest = Math.max(...row), sum = largest + Math.log(row.reduce((s, x) => s + Math.exp(x - largest), 0));
    row.forEach((x, id) => {
      const p = theirs[i].next.probabilities.get(id);
      if (p > 1e-9) worst = Math.max(worst, Math.abs(Math.log(p) - (x - sum)));
    });
  });
  console.log(`${path.basename(source)}: log-probabilities differ by at most ${worst.toExponential(2)}`);
  await context.dispose();
  await model.dispose();
}
fs.rmSync(work, { recursive: true });
process.exit(0);
