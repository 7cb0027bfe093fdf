// Checks GGUF files written by `ink convert` with llama.cpp: it has to load them, cut texts into the same tokens, and continue them with the same greedy text.
//   npm install --no-save --ignore-scripts node-llama-cpp@3          (in any folder; give that folder as the first argument)
//   dotnet build -c Release src/Inkstone.Cli
//   node bench/peers/llama-cpp.mjs FOLDER MODEL...                   (model directories or .gguf files; --texts FILE: one text a line in place of the seven here)
// One thread: on a busy machine llama.cpp's threads wait for each other. Each model is written as F16 and as Q8_0 and read back by both.
// The control is llama.cpp beside itself: the same file, with and without flash attention, which is the same attention added up in another order and rounding.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values: { texts: textFile }, positionals: [folder, ...models] } = parseArgs({ options: { texts: { type: 'string' } }, allowPositionals: true });
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const ink = path.join(root, 'artifacts/bin/Inkstone.Cli/release/ink');
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'llama-cpp-'));
const texts = textFile ? fs.readFileSync(textFile, 'utf8').split('\n').filter(line => line) : [
  'The capital of France is', 'Once upon a time, there was a little girl who', 'def fibonacci(n):\n    if n < 2:\n', '1 + 1 = 2, 2 + 2 = 4, 12345 + 1 =',
  '春眠不觉晓，处处闻啼鸟。', 'naïve café — “quoted” 🙂👩‍👩‍👧  tabs\t\tand   spaces\r\n\r\nnew lines', "It's what they'd've SAID, isn't it?",
];
const tokens = 16;

const { getLlama } = await import(pathToFileURL(createRequire(path.join(path.resolve(folder), 'x.js')).resolve('node-llama-cpp')).href);
const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, logLevel: 'error' });
let failed = 0;
for (const source of models) {
  for (const flags of [['--dtype', 'f16'], ['--quantize', 'q8_0']]) {
    const file = path.join(work, `${path.basename(source, '.gguf')}-${flags[1]}.gguf`);
    execFileSync(ink, ['convert', source, file, ...flags], { stdio: ['ignore', 'ignore', 'inherit'] });
    const model = await llama.loadModel({ modelPath: file });
    const [context, control] = [await open(model, true), await open(model, false)];
    const sequence = context.getSequence(), other = control.getSequence();
    let sameTokens = 0, sameText = 0, sameControl = 0, agreed = 0, total = 0;
    for (const text of texts) {
      const theirs = [...model.tokenize(text)];
      const ours = run(['tokenizer', 'encode', '--tokenizer', file, '--text', text, '--no-special', '--json'])[0];
      sameTokens += String(theirs) === String(ours);
      if (String(theirs) !== String(ours)) console.log(`  tokens of ${JSON.stringify(text)}: llama.cpp ${theirs}, ink ${ours}`);
      const continued = await greedy(sequence, ours);
      sameControl += String(continued) === String(await greedy(other, ours));
      const own = run(['generate', '--model', file, '--ids', ours.join(','), '--temperature', '0', '--max-tokens', String(tokens), '--ignore-eos', '--json']).ids;
      const first = own.findIndex((id, i) => id !== continued[i]);
      sameText += first < 0;
      agreed += first < 0 ? tokens : first;
      total += tokens;
      if (first >= 0) await showGap(sequence, file, text, [...ours, ...own.slice(0, first)], continued[first], own[first]);
    }
    failed += sameTokens < texts.length || sameText < texts.length;
    console.log(`${path.basename(file)}: same tokens ${sameTokens} of ${texts.length} texts, same greedy text ${sameText} of ${texts.length} (${agreed} of ${total} tokens before the first difference); llama.cpp without flash attention: ${sameControl} of ${texts.length}`);
    await context.dispose();
    await control.dispose();
    await model.dispose();
  }
}
fs.rmSync(work, { recursive: true });
process.exit(failed ? 1 : 0);

function open(model, flashAttention) {
  return model.createContext({ contextSize: 256, batchSize: 256, threads: 1, flashAttention });
}

async function greedy(sequence, ids) {
  await sequence.clearHistory();
  const continued = [];
  for await (const token of sequence.evaluate(ids, { temperature: 0, yieldEogToken: true })) {
    continued.push(token);
    if (continued.length === tokens) break;
  }
  return continued;
}

/** How far apart the two candidates are where the texts part: llama.cpp's log-probabilities, and Inkstone's logits with 8-bit and with float32 activations. */
async function showGap(sequence, file, text, ids, theirs, ours) {
  await sequence.clearHistory();
  const [last] = (await sequence.controlledEvaluate([...ids.slice(0, -1), [ids.at(-1), { generateNext: { probabilities: true, options: { temperature: 1, topK: 0, topP: 1, minP: 0 } } }]])).slice(-1);
  const p = last.next.probabilities, gap = Math.log(p.get(theirs) / p.get(ours));
  const own = weights => { const row = run(['logits', '--model', file, '--weights', weights, '--ids', ids.join(','), '--json']).logits.at(-1); return row[ours] - row[theirs]; };
  console.log(`  ${JSON.stringify(text.slice(0, 20))} parts after ${ids.length} tokens: llama.cpp prefers ${theirs} by ${gap.toFixed(4)}, ink ${ours} by ${own('keep').toFixed(4)} (float32 activations: ${own('fp32').toFixed(4)})`);
}

function run(args) {
  return JSON.parse(execFileSync(ink, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 28 }));
}
