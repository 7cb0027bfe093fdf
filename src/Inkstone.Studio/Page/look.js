// What asks a tokenizer or a model: tokens and merges, data and masks, the inside of a model, chat.
const later = (act, wait = 250) => { let timer = 0; return () => { clearTimeout(timer); timer = setTimeout(act, wait); }; };
const visible = text => text.replaceAll('\n', '⏎\n').replaceAll('\t', '⇥\t');
const percent = p => p >= 0.0005 ? `${(100 * p).toFixed(p > 0.1 ? 0 : 1)} %` : '< 0.1 %';

function textBox(rows, act) {
  const box = Object.assign(make('textarea'), {rows, value: state.text, ariaLabel: t('write'), placeholder: t('write')});
  box.oninput = () => { state.text = box.value; store('text', box.value); act(); };
  return box;
}

function tokenSpan([id, text], i, kind = '') {
  const span = make('span', 'token ' + kind, visible(text) || '·');
  span.title = `${id}`;
  if (!kind) { span.style.setProperty('--hue', `var(--c${i % 6})`); span.style.setProperty('--share', '24%'); }
  return span;
}

VIEWS.tokens = view => {
  const result = make('div', 'stack'), refresh = later(show), special = Object.assign(make('input'), {type: 'checkbox', checked: state.special});
  special.onchange = () => { state.special = special.checked; show(); };
  view.append(make('div', 'row', chooser(r => r.tokenizer, show), labelled(t('special'), special)), textBox(4, refresh), result);
  async function show() {
    if (!state.one) { result.replaceChildren(make('p', 'note', t('none'))); return; }
    try {
      const json = await api('/api/tokens', {run: state.one, text: state.text, special: state.special});
      const text = make('div', 'card text'), merges = make('div', 'card', make('p', 'note', t('choose')));
      merges.setAttribute('aria-live', 'polite');
      let n = 0;
      for (const word of json.words) {
        const b = button('', () => { text.querySelectorAll('[aria-pressed=true]').forEach(o => o.setAttribute('aria-pressed', 'false')); b.setAttribute('aria-pressed', 'true'); merges.replaceChildren(...explain(word)); }, 'word');
        b.append(...word.tokens.map(token => tokenSpan(token, n++)));
        b.setAttribute('aria-pressed', 'false');
        text.append(b);
      }
      const figures = `${json.count} ${state.language === 'zh' ? '个词元' : 'tokens'} · ${json.characters} ${state.language === 'zh' ? '个字符' : 'characters'} · ${(json.bytes / Math.max(1, json.count)).toFixed(2)} ${t('perToken')} · ${t('vocabulary')} ${json.vocabulary.toLocaleString('en')}`;
      result.replaceChildren(make('p', 'note', figures), text, merges);
    } catch (error) { result.replaceChildren(failed(error)); }
  }
  return show();
};

function explain(word) {
  const row = (label, symbols, made) => make('li', '', make('span', 'n', label), ...symbols.map(([id, text], i) => Object.assign(make('span', 'sym' + (i === made ? ' new' : ''), visible(text).replace('⏎\n', '⏎') || '·'), {title: `${id}`})));
  const list = make('ol', 'merges', row(t('start'), word.start, -1), ...word.merges.map(m => row(`${t('rank')} ${m.rank.toLocaleString('en')}`, m.symbols, m.at)));
  return [make('h3', '', visible(word.text)), make('p', 'note', t('why')[word.why]), list];
}

VIEWS.data = async view => {
  const {files} = await api('/api/data'), result = make('div', 'stack'), COUNT = 5;
  if (!files.some(f => f.name === state.file)) state.file = files[0]?.name ?? '';
  const from = Object.assign(make('input'), {type: 'number', min: 0, value: state.first}), go = n => { state.first = Math.max(0, n); from.value = state.first; show(); };
  from.onchange = () => go(+from.value || 0);
  const pasted = Object.assign(make('textarea'), {rows: 2, value: state.pasted, placeholder: t('paste'), ariaLabel: t('paste')});
  pasted.oninput = later(() => { state.pasted = pasted.value; show(); }, 400);
  view.append(make('div', 'row', chooser(r => r.tokenizer, show), labelled(t('file'), select(files.map(f => option(f.name, `${f.name} (${Curves.format(f.bytes)}B)`, f.name === state.file)), name => { state.file = name; go(0); })),
    labelled(t('first'), from), button(t('before'), () => go(state.first - COUNT)), button(t('after'), () => go(state.first + COUNT))), pasted, make('p', 'note', t('learned')), result);
  async function show() {
    if (!state.one || !(state.file || state.pasted)) { result.replaceChildren(make('p', 'note', t('none'))); return; }
    try {
      const json = await api('/api/data', {run: state.one, count: COUNT, ...(state.pasted.trim() ? {text: state.pasted} : {file: state.file, from: state.first})});
      result.replaceChildren(...json.records.map(record => {
        const card = make('div', 'card', make('h3', '', record.place));
        if (record.problem) card.append(make('p', 'error', record.problem));
        for (const example of record.examples) {
          card.append(make('p', 'note', `${example.answer ? t(example.answer) + ': ' : ''}${example.learned} ${t('of')} ${example.count} ${t('tokensLearned')}`), make('div', 'text', ...example.tokens.map((token, i) => tokenSpan(token, i, (example.mask[i] === '1' ? 'learned' : 'read') + (i % 2 ? ' odd' : '')))));
        }
        if (record.record) card.append(make('details', '', make('summary', '', t('asRecord')), make('pre', '', record.record)));
        return card;
      }), ...(json.records.length ? [] : [make('p', 'note', t('none'))]));
    } catch (error) { result.replaceChildren(failed(error)); }
  }
  await show();
};

VIEWS.look = view => {
  const result = make('div', 'stack');
  view.append(make('div', 'row', chooser(r => r.model, () => {}), button(t('ask'), show)), textBox(3, () => {}), result);
  async function show() {
    if (!state.one) { result.replaceChildren(make('p', 'note', t('none'))); return; }
    result.replaceChildren(make('p', 'note', t('opening')));
    try {
      const json = await api('/api/next', {run: state.one, text: state.text});
      const next = make('div', 'card', make('h3', '', t('next')), ...json.next.map(([id, text, p]) => { const bar = make('i'); bar.style.width = `${100 * p}%`; const code = make('code', '', visible(text)); code.title = `${id}`; return make('div', 'bar', code, bar, make('b', '', percent(p))); }));
      const likely = make('div', 'card', make('h3', '', t('likely')), make('p', 'note', t('likelyNote')), make('div', 'text', ...json.tokens.map(([id, text], i) => {
        const of = json.text[i], span = tokenSpan([id, text], i, 'p');
        span.style.setProperty('--hue', 'var(--c2)'); span.style.setProperty('--share', `${of.probability === null ? 0 : Math.round(8 + 70 * Math.sqrt(of.probability))}%`);
        span.title = of.probability === null ? `${id}` : `${id} · ${percent(of.probability)} · ${of.rank} ${t('ranked')}`;
        span.tabIndex = 0;
        return span;
      })));
      const attention = make('div', 'stack');
      result.replaceChildren(make('div', 'two', next, likely), ...(json.layers ? [lens(json.layers)] : []), attention);
      await attend(attention, 0, -1);
    } catch (error) { result.replaceChildren(failed(error)); }
  }
  return state.one && view.isConnected ? undefined : result.append(make('p', 'note', t('none')));
};

function lens(layers) {
  const rows = layers.map((top, i) => make('tr', '', make('td', '', i === 0 ? t('embedding') : `${t('layer')} ${i - 1}`), ...top.map(([id, text, p]) => {
    const cell = make('td', '', `${visible(text)}  ${percent(p)}`);
    cell.style.setProperty('--share', `${Math.round(60 * p)}%`); cell.title = `${id}`;
    return cell;
  })));
  return make('div', 'card', make('h3', '', t('layers')), make('p', 'note', t('lensNote')), make('div', 'scroll', make('table', 'lens', make('tbody', '', ...rows))));
}

async function attend(host, layer, head) {
  const json = await api('/api/attention', {run: state.one, text: state.text, layer, head}), tokens = json.tokens;
  const range = (count, chosen, name, extra) => [...extra, ...Array.from({length: count}, (_, i) => option(i, `${name} ${i}`, i === chosen))];
  const layers = select(range(json.layers, layer, t('layer'), []), v => attend(host, +v, -1).catch(report)), heads = select(range(json.heads, head, t('head'), [option(-1, t('mean'), head < 0)]), v => attend(host, layer, +v).catch(report));
  layers.ariaLabel = t('layer'); heads.ariaLabel = t('head');
  const card = make('div', 'card', make('h3', '', t('attention')), make('div', 'row', layers, heads));
  if (json.weights.length) {
    const text = make('div', 'text'), picture = Object.assign(make('canvas'), {width: tokens.length, height: tokens.length}), choose = row => spans.forEach((s, i) => {
      s.style.setProperty('--share', `${i <= row ? Math.round(90 * Math.sqrt(json.weights[row][i])) : 0}%`);
      s.title = i <= row ? percent(json.weights[row][i]) : '';
      s.setAttribute('aria-pressed', i === row);
    });
    const spans = tokens.map(([, word], row) => { const b = button(visible(word) || '·', () => choose(row), 'word token'); b.style.setProperty('--hue', 'var(--c1)'); b.onfocus = () => choose(row); return b; });
    text.append(...spans);
    choose(tokens.length - 1);
    picture.setAttribute('role', 'img'); picture.setAttribute('aria-label', t('attention'));
    const pen = picture.getContext('2d');
    pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--c1');
    json.weights.forEach((row, y) => row.forEach((w, x) => { pen.globalAlpha = Math.sqrt(w); pen.fillRect(x, y, 1, 1); }));
    picture.onpointermove = event => { const box = picture.getBoundingClientRect(); choose(Math.min(tokens.length - 1, Math.max(0, Math.floor((event.clientY - box.top) / box.height * tokens.length)))); };
    card.append(make('p', 'note', t('attentionNote')), make('div', 'two', text, picture));
  } else card.append(make('p', 'note', t('noAttention')));
  host.replaceChildren(card);
}

VIEWS.chat = view => {
  const talk = Object.assign(make('div', 'talk'), {role: 'log', ariaLive: 'polite'}), box = Object.assign(make('textarea'), {rows: 2, ariaLabel: t('message'), placeholder: t('message')}), note = make('p', 'note');
  const heat = Object.assign(make('input'), {type: 'number', min: 0, max: 2, step: 0.1, value: state.temperature}), go = button(t('send'), () => running ? running.abort() : send());
  let running = null;
  heat.onchange = () => { state.temperature = +heat.value; };
  box.onkeydown = event => { if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); if (!running) send(); } };
  const draw = () => { talk.replaceChildren(...state.messages.map(m => make('div', 'said ' + m.role, m.content || '…'))); talk.lastChild?.scrollIntoView({block: 'nearest'}); };
  view.append(make('div', 'row', chooser(r => r.model, () => { state.messages = []; draw(); }), labelled(t('temperature'), heat), button(t('clear'), () => { running?.abort(); state.messages = []; draw(); })), talk, box, make('div', 'row', go, note));
  draw();
  async function send() {
    const said = box.value.trim();
    if (!said || !state.one) return;
    box.value = '';
    const answer = {role: 'assistant', content: ''};
    state.messages.push({role: 'user', content: said}, answer);
    running = new AbortController();
    go.textContent = t('stop'); note.textContent = t('opening');
    draw();
    try {
      const response = await api(`/api/chat?run=${encodeURIComponent(state.one)}`, {messages: state.messages.slice(0, -1), stream: true, temperature: state.temperature, max_tokens: 512}, {raw: true, signal: running.signal});
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = '', began = 0, count = 0;
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const events = (rest + part.value).split('\n\n');
        rest = events.pop();
        for (const event of events.filter(e => e.startsWith('data: {'))) {
          const json = JSON.parse(event.slice(6));
          if (json.error) throw new Error(json.error.message);
          answer.content += json.choices?.[0]?.delta?.content ?? json.choices?.[0]?.delta?.reasoning_content ?? '';
          began ||= performance.now(); count++;
        }
        note.textContent = count > 1 ? `${(1000 * count / (performance.now() - began)).toFixed(1)} ${t('rate')}` : '';
        draw();
      }
    } catch (error) { if (error.name !== 'AbortError') { state.messages.splice(-1); view.append(failed(error)); } }
    if (!answer.content && state.messages.at(-1) === answer) answer.content = '∅';
    running = null; go.textContent = t('send');
    draw();
    box.focus();
  }
};
