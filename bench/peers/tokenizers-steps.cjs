// Writes test/Inkstone.Text.Tests/huggingface-steps.json: every normalizer, pre-tokenizer, post-processor and decoder that BPE can have, and what Hugging Face makes of it.
//   npm install --no-save tokenizers@0.23.2 && node tokenizers-steps.cjs OUT.json      (in the folder of node_modules)
const fs = require('node:fs');
const path = require('node:path');
const t = require(path.resolve('node_modules/tokenizers'));

const alphabet = [];
{ let n = 0; for (let b = 0; b < 256; b++) alphabet[b] = String.fromCodePoint((b >= 33 && b < 127) || (b >= 161 && b < 173) || b >= 174 ? b : 256 + n++); }
const pairs = [['h', 'e'], ['l', 'l'], ['he', 'll'], ['hell', 'o'], ['t', 'he'], ['1', '2'], ['a', 'b'], ['ab', 'c']];
function vocabulary(tokens, merges, join = (a, b) => a + b) {
  const vocab = {}; for (const x of tokens) vocab[x] ??= Object.keys(vocab).length;
  for (const [a, b] of merges) vocab[join(a, b)] ??= Object.keys(vocab).length;
  return { vocab, merges };
}
const hex = b => '<0x' + b.toString(16).toUpperCase().padStart(2, '0') + '>';
const bytes = [...Array(256).keys()].map(hex);
const marked = [...pairs, ['▁', 'the'], ['▁', 'hello'], ['▁', '▁']];
const vocabularies = {
  bytes: vocabulary([...alphabet].sort(), [...pairs, ['Ġ', 'the'], ['Ġ', 'Ġ'], ['ä', '½']]),
  marks: vocabulary(['<unk>', '<s>', ...bytes, ...'▁helo twabc.,12'], marked),
  lacking: vocabulary(['<unk>', '<s>', ...bytes.filter(b => b !== hex(9) && b !== hex(0xC3)), ...'▁helo twabc.,12'], marked),
  characters: vocabulary(['<unk>', '<s>', ...'▁helo twabc.,12éÉſ你好!?-_#$'], [...pairs, ['▁', 'the']]),
  suffix: vocabulary(['<unk>', ...'helotwabc12', ...[...'helotwabc12'].map(c => c + '</w>')], [['h', 'e'], ['l', 'l'], ['he', 'll'], ['hell', 'o</w>'], ['h', 'e</w>'], ['t', 'he</w>'], ['t', 'h']]),
  prefix: vocabulary(['<unk>', ...'helotwabc12', ...[...'helotwabc12'].map(c => '##' + c)], [['h', '##e'], ['##l', '##l'], ['he', '##ll'], ['hell', '##o'], ['t', '##h'], ['th', '##e']], (a, b) => a + b.slice(2)),
};
const texts = ['hello the  abc', ' the<m> hello<m>the ', '<m>hello', '', ' ', '   ', 'the, hello! 12 the-12.', '\tthe\nhello\r\n\r\n  the', 'élève É ſtop K 你好，hello', 'e\u0301 ﬁ Ｈｅ ①②½ ㍿ \u1112\u1161\u11ab', 'a1b22c333 ٣٤ Ⅷ ½', "I'm you'LL it'ſ THE Hello", '▁the ▁▁hello', 'x_y-z$5+<3>^`|~', '😀the𝒳𠀀𠀁你 𐐀𐐁', 'หello ไทย カタカナひらがな한국어', '\u200dthe\u00a0the\u3000the', 'the...hello??12'];
const bl = (o = {}) => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false, ...o });
const rx = (r, behavior = 'Isolated', invert = false) => ({ type: 'Split', pattern: { Regex: r }, behavior, invert });
const seqP = (...p) => ({ type: 'Sequence', pretokenizers: p });
const seqN = (...n) => ({ type: 'Sequence', normalizers: n });
const seqD = (...d) => ({ type: 'Sequence', decoders: d });
const str = (type, from, to) => ({ type, pattern: { String: from }, content: to });
const meta = (o = {}) => ({ type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true, ...o });
const cases = [];
function C(name, vocabulary, patch) { cases.push({ name, vocabulary, patch }); }
const B = (name, pre, more = {}) => C(name, 'bytes', { pre_tokenizer: pre, decoder: bl(), ...more });
const M = (name, more) => C(name, 'marks', { decoder: seqD(str('Replace', '▁', ' '), { type: 'ByteFallback' }, { type: 'Fuse' }), ...more });

// normalizers
for (const n of [{ type: 'NFC' }, { type: 'NFD' }, { type: 'NFKC' }, { type: 'NFKD' }, { type: 'Lowercase' }, { type: 'Strip', strip_left: true, strip_right: false }, { type: 'Strip', strip_left: false, strip_right: true },
  { type: 'StripAccents' }, { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' }, { type: 'Replace', pattern: { Regex: '\\p{L}' }, content: 'a' }, str('Replace', 'the', '你'), { type: 'Prepend', prepend: '▁' },
  seqN({ type: 'NFD' }, { type: 'StripAccents' }, { type: 'Lowercase' }), { type: 'Replace', pattern: { Regex: '(?<=l)l|[^\\p{M}]\\p{M}' }, content: '2' }])
  B('normalizer ' + JSON.stringify(n), bl(), { normalizer: n });
C('normalizer ByteLevel', 'bytes', { normalizer: { type: 'ByteLevel' }, decoder: bl() });
// pre-tokenizers
for (const s of ['always', 'first', 'never']) for (const split of [true, false]) M(`metaspace ${s} ${split}`, { pre_tokenizer: meta({ prepend_scheme: s, split }) });
M('metaspace, older spelling', { pre_tokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: false } });
M('metaspace, older spelling, true', { pre_tokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: true } });
M('metaspace behind words', { pre_tokenizer: seqP({ type: 'WhitespaceSplit' }, meta({ prepend_scheme: 'first' })) });
M('metaspace, digits behind', { pre_tokenizer: seqP(meta(), { type: 'Digits', individual_digits: true }) });
M('metaspace of another mark', { pre_tokenizer: meta({ replacement: '_' }) });
for (const b of ['Isolated', 'Removed', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous']) B('punctuation ' + b, seqP({ type: 'Punctuation', behavior: b }, bl()));
B('punctuation', seqP({ type: 'Punctuation' }, bl()));
for (const i of [true, false]) B('digits ' + i, seqP({ type: 'Digits', individual_digits: i }, bl()));
B('whitespace', seqP({ type: 'Whitespace' }, bl()));
B('whitespace split', seqP({ type: 'WhitespaceSplit' }, bl()));
B('bert', seqP({ type: 'BertPreTokenizer' }, bl()));
B('delimiter', seqP({ type: 'CharDelimiterSplit', delimiter: 'l' }, bl()));
B('prefix space behind words', seqP({ type: 'Digits', individual_digits: true }, bl({ add_prefix_space: true, use_regex: true })));
B('prefix space alone', bl({ add_prefix_space: true }));
B('byte level first, then a split of its alphabet', seqP(bl(), rx('Ġ')));
B('byte level twice', seqP(bl(), bl()));
B('empty sequence', seqP());
C('no pre-tokenizer', 'bytes', { decoder: null });
// regular expressions
const contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const upper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]', lower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
const hanUpper = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]', hanLower = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]';
for (const r of [
  `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+${contraction}?|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*${contraction}?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
  `[\\p{Han}]+|[^\\r\\n\\p{L}\\p{N}]?${hanUpper}*${hanLower}+${contraction}?|[^\\r\\n\\p{L}\\p{N}]?${hanUpper}+${hanLower}*${contraction}?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
  '[一-龥぀-ゟ゠-ヿ]+', "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  '\\s?[A-Za-zµÀ-ÖØ-ö𐐀-𐑏]+', '[😀𠀀-𠀀]', '😀+', '[[:alpha:]]+', '[^[:space:][:punct:]]+', '[[a-f]&&[^bd]]+', '[a[0-9]l]', '[^a[0-9]l]+', '\\h+', '\\H', '\\w+|[^\\w\\s]+', "(?i)the|'S", "'(?i:[sdmt]|ll|ve|re)", '\\x{4F60}|\\u597D|\\x61',
  '^\\s', '\\s$', '(?<=h)e', '(?:the|hello)++\\b', '\\p{^L}+', '\\P{L}', '\\p{Hiragana}+|\\p{Katakana}+|\\p{Thai}+|\\p{Hangul}+', '\\d{,2}', '\\R', 'l{2}+', '(?<word>hel)lo', '[\\]\\[\\-]|[a\\-z]', '\\p{Letter}+', ''])
  B('split ' + r, seqP(rx(r), bl()));
for (const b of ['Removed', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous']) for (const inv of [true, false]) B(`split ${b} ${inv}`, seqP(rx('\\s|\\p{Han}', b, inv), bl()));
B('split string', seqP({ type: 'Split', pattern: { String: '😀' }, behavior: 'Removed', invert: false }, bl()));
// models
C('suffix', 'suffix', { pre_tokenizer: { type: 'WhitespaceSplit' }, decoder: { type: 'BPEDecoder', suffix: '</w>' }, model: { end_of_word_suffix: '</w>', unk_token: '<unk>' } });
C('suffix, fused unknown', 'suffix', { pre_tokenizer: { type: 'Whitespace' }, decoder: seqD({ type: 'Fuse' }, { type: 'BPEDecoder', suffix: '</w>' }), model: { end_of_word_suffix: '</w>', unk_token: '<unk>', fuse_unk: true } });
C('prefix', 'prefix', { pre_tokenizer: { type: 'BertPreTokenizer' }, decoder: { type: 'WordPiece', prefix: '##', cleanup: true }, model: { continuing_subword_prefix: '##', unk_token: '<unk>' } });
C('prefix, ignore merges', 'prefix', { pre_tokenizer: { type: 'Whitespace' }, decoder: { type: 'WordPiece', prefix: '##', cleanup: false }, model: { continuing_subword_prefix: '##', unk_token: '<unk>', ignore_merges: true } });
for (const fuse of [true, false]) C('lacking bytes ' + fuse, 'lacking', { normalizer: seqN({ type: 'Prepend', prepend: '▁' }, str('Replace', ' ', '▁')), decoder: seqD(str('Replace', '▁', ' '), { type: 'ByteFallback' }, { type: 'Fuse' }, { type: 'Strip', content: ' ', start: 1, stop: 0 }), model: { fuse_unk: fuse } });
C('byte fallback without bytes', 'characters', { pre_tokenizer: meta(), decoder: meta() });
C('characters, no unknown', 'characters', { decoder: { type: 'Fuse' }, model: { unk_token: null, byte_fallback: false } });
// post-processors
const around = { RobertaProcessing: { type: 'RobertaProcessing', sep: ['</s>', 3], cls: ['<s>', 2], trim_offsets: true, add_prefix_space: false }, BertProcessing: { type: 'BertProcessing', sep: ['</s>', 3], cls: ['<s>', 2] } };
for (const [n, p] of Object.entries(around)) B('post-processor ' + n, bl(), { post_processor: p });
B('post-processors in sequence', bl(), { post_processor: { type: 'Sequence', processors: [around.RobertaProcessing, around.BertProcessing, bl()] } });
// decoders
const sp = { type: 'ByteFallback' }, fuse = { type: 'Fuse' }, strip = (start, stop, content = ' ') => ({ type: 'Strip', content, start, stop }), rep = str('Replace', '▁', ' ');
for (const d of [null, fuse, sp, rep, meta(), meta({ prepend_scheme: 'first' }), meta({ prepend_scheme: 'never' }), strip(1, 0, 'l'), strip(0, 1, 'l'), bl(), { type: 'WordPiece', prefix: 'l', cleanup: true }, { type: 'BPEDecoder', suffix: 'e' },
  seqD(sp, fuse, rep), seqD(sp, fuse, rep, strip(1, 0)), seqD(fuse, rep, strip(0, 1)), seqD(strip(1, 0, '▁'), sp, fuse), seqD(rep, sp, strip(1, 0), fuse), seqD(sp, meta()), seqD(meta(), sp, fuse), seqD(fuse, meta()), seqD(fuse, sp), seqD(sp, bl()), seqD(bl(), strip(2, 0, 'h')),
  seqD(fuse, bl()), seqD(fuse, str('Replace', 'll', 'LL')), seqD(fuse, str('Replace', 'aba', 'x')), seqD(fuse, { type: 'Replace', pattern: { Regex: '[hl]+|▁' }, content: '_' }), seqD({ type: 'Replace', pattern: { Regex: '▁+' }, content: ' ' }, sp), seqD({ type: 'BPEDecoder', suffix: '▁' }, sp, fuse),
  seqD({ type: 'WordPiece', prefix: '▁', cleanup: true }, sp, fuse), seqD(fuse, { type: 'WordPiece', prefix: '##', cleanup: true }), seqD(fuse, { type: 'BPEDecoder', suffix: 'l' }), seqD(bl(), rep, { type: 'Metaspace', replacement: 'l', prepend_scheme: 'never', split: true }), seqD()])
  C('decoder ' + JSON.stringify(d), 'marks', { pre_tokenizer: meta({ prepend_scheme: 'first' }), decoder: d });

(async () => {
  const out = [];
  for (const { name, vocabulary, patch } of cases) {
    const v = vocabularies[vocabulary];
    const added = [{ id: 0, content: '<m>', single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }];
    added[0].id = Object.keys(v.vocab).length;
    const { model = {}, ...rest } = patch;
    const fallback = vocabulary === 'marks' || vocabulary === 'lacking' || name.startsWith('byte fallback');
    const body = { type: 'BPE', dropout: null, unk_token: vocabulary === 'bytes' ? null : '<unk>', continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: fallback, ignore_merges: false, ...model };
    const json = { version: '1.0', truncation: null, padding: null, added_tokens: added, normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...rest, model: body };
    let tok;
    try { tok = t.Tokenizer.fromString(JSON.stringify({ ...json, model: { ...body, ...v } })); } catch (e) { console.log(name, String(e)); continue; }
    const size = Object.keys(v.vocab).length + 1, random = [], ids = [], special = [], decoded = [];
    let seed = 12345; const R = n => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return Math.floor(seed / 0x7fffffff * n) % n; };
    const tail = vocabulary === 'bytes' ? 0 : Math.max(0, size - 30);
    for (let k = 0; k < 12; k++) random.push(Array.from({ length: 1 + R(8) }, () => R(3) ? tail + R(size - tail) : R(size)));
    try {
      for (const x of texts) { ids.push((await tok.encode(x, null, { addSpecialTokens: false })).getIds()); special.push((await tok.encode(x, null, { addSpecialTokens: true })).getIds()); }
      for (const r of [...ids, ...random]) decoded.push(r.length ? await tok.decode(r, false) : '');
    } catch (e) { console.log(name, String(e)); continue; }
    const changed = special.some((s, i) => s.join() !== ids[i].join());
    out.push({ name, vocabulary, tokenizer: json, ids, special: changed ? special : null, random, decoded });
  }
  const lines = out.map(c => JSON.stringify(c)).join(',\n');
  fs.writeFileSync(process.argv[2], `{"vocabularies":${JSON.stringify(vocabularies)},\n"texts":${JSON.stringify(texts)},\n"cases":[\n${lines}\n]}\n`);
  console.log(out.length, fs.statSync(process.argv[2]).size);
})();
