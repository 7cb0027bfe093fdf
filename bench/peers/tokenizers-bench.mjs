// Trains and encodes with Hugging Face tokenizers (npm package `tokenizers`) and with Inkstone, in turn, in one run, and prints the times.
//   npm install --no-save tokenizers@0.23.2 chinese-poetry@2.0.1      (in any folder; give that folder as the first argument)
//   dotnet build -c Release bench/peers/tokenizers-ours
//   node bench/peers/tokenizers-bench.mjs FOLDER [ROUNDS=3]
// Both get the same 20 MB of Tang and Song poems, GPT-2's split, vocabulary 30,000 (what the package's train() makes), no special tokens.
// Encoding is of 8 MB of later poems, which neither saw.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const [folder, rounds = "3"] = process.argv.slice(2);
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const program = path.join(root, 'artifacts/bin/tokenizers-ours/release/tokenizers-ours.dll');
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'tokenizers-bench-'));
const [train, unseen, hfFile, ours] = ['train.txt', 'unseen.txt', 'hf.json', 'ours'].map((name) => path.join(work, name));

if (process.argv[2] === '--hf') {
  await huggingFace(...process.argv.slice(3));
} else {
  writeCorpus();
  console.log(`${os.cpus()[0].model}, ${os.cpus().length} CPUs, load ${os.loadavg()[0].toFixed(1)}, node ${process.version}`);
  const times = { hf: [], ours: [], hfOne: [], hfBatch: [], oursEncode: [] };
  for (let round = 1; round <= Number(rounds); round++) {
    const hf = run(process.execPath, [fileURLToPath(import.meta.url), '--hf', path.resolve(folder), train, unseen, hfFile]);
    const mine = run('dotnet', [program, 'train', train, '30000', ours]);
    const encode = run('dotnet', [program, 'encode', ours, unseen, train]);
    times.hf.push(hf.train); times.ours.push(mine.seconds);
    times.hfOne.push(hf.one); times.hfBatch.push(hf.batch); times.oursEncode.push(encode.seconds);
    console.log(`round ${round}: train HF ${hf.train.toFixed(2)} s, ours ${mine.seconds.toFixed(2)} s (${mine.peak_megabytes.toFixed(0)} MB peak); `
      + `encode HF one text ${rate(hf.one)}, HF batch of lines on all threads ${rate(hf.batch)}, ours one thread ${rate(encode.seconds)} MB/s; load ${os.loadavg()[0].toFixed(1)}`);
    const same = JSON.stringify(merges(hfFile)) === JSON.stringify(merges(path.join(ours, 'tokenizer.json')));
    console.log(`merges ${same ? 'identical' : 'DIFFERENT'}; tokens HF ${hf.tokens}, ours ${encode.tokens}`);
  }
  const worst = run('dotnet', [program, 'worst', ours]);
  console.log(`best of ${rounds}: training ${(best(times.hf) / best(times.ours)).toFixed(1)} times as fast (${best(times.hf).toFixed(2)} s : ${best(times.ours).toFixed(2)} s); `
    + `encoding ${rate(best(times.oursEncode))} MB/s on one thread against ${rate(best(times.hfOne))} and ${rate(best(times.hfBatch))}; one word of 1 MB ${worst.seconds.toFixed(3)} s`);
}
fs.rmSync(work, { recursive: true });

function run(file, args) {
  return JSON.parse(execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 26 }).trim().split('\n').at(-1));
}

function best(seconds) { return Math.min(...seconds); }

function rate(seconds) { return (8 / seconds).toFixed(1); }

function merges(file) { return JSON.parse(fs.readFileSync(file, 'utf8')).model.merges.map((m) => (Array.isArray(m) ? m.join(' ') : m)); }

function writeCorpus() {
  const poems = path.join(folder, 'node_modules/chinese-poetry/dist/quantangshi');
  const parts = [[], []], sizes = [0, 0];
  for (const file of fs.readdirSync(poems).filter((name) => /^poet\.(song|tang)\.\d+\.json$/.test(name)).sort()) {
    for (const poem of JSON.parse(fs.readFileSync(path.join(poems, file), 'utf8'))) {
      const text = [poem.title, ...poem.paragraphs].join('\n') + '\n';
      const part = sizes[0] < 20e6 ? 0 : 1;
      if (sizes[1] >= 8e6) break;
      parts[part].push(text);
      sizes[part] += Buffer.byteLength(text);
    }
  }
  fs.writeFileSync(train, parts[0].join(''));
  fs.writeFileSync(unseen, parts[1].join(''));
}

async function huggingFace(modules, corpus, other, out) {
  const { Tokenizer, BPE, byteLevelPreTokenizer } = createRequire(path.join(modules, 'x.js'))('tokenizers');
  const tokenizer = new Tokenizer(BPE.empty());
  tokenizer.setPreTokenizer(byteLevelPreTokenizer(false));
  const seconds = async (work) => { const start = process.hrtime.bigint(); await work(); return Number(process.hrtime.bigint() - start) / 1e9; };
  const trainTime = await seconds(() => tokenizer.train([corpus]));
  tokenizer.save(out);
  const text = fs.readFileSync(other, 'utf8');
  const lines = text.split(/(?<=\n)/);
  let tokens = 0;
  const one = await seconds(async () => { tokens = (await Tokenizer.fromFile(out).encode(text)).getLength(); });
  const batch = await seconds(() => Tokenizer.fromFile(out).encodeBatch(lines));
  console.log(JSON.stringify({ train: trainTime, one, batch, tokens }));
}
