// The page: tabs, the list of runs, live curves, samples, tables, configurations. look.js has what asks a tokenizer or a model.
const WORDS = {
  en: {title: 'Studio', dark: 'dark', light: 'light', language: '中文', curves: 'Curves', samples: 'Samples', tables: 'Tables', data: 'Data and masks', tokens: 'Tokenizer', look: 'Inside', chat: 'Chat', config: 'Configuration', machine: 'Machine',
    smooth: 'smoothing', axis: 'over', log: 'log scale', over: {step: 'steps', tokens: 'tokens', seconds: 'seconds'}, from: 'from step', to: 'to step', loss: 'Loss', model: 'Routers and auxiliary losses', rewards: 'Rewards and policy', preference: 'Preferences',
    speed: 'Speed and memory', optimizer: 'Optimizer', other: 'Other curves', none: 'Nothing here yet.', lost: 'the studio does not answer', skipped: 'lines that are no records were left out', run: 'run', file: 'file', first: 'first record', count: 'records',
    show: 'Show', before: 'Back', after: 'On', paste: 'or paste a text, a record or a conversation as JSON', learned: 'green is learned, grey is only read', of: 'of', tokensLearned: 'tokens learned', chosen: 'chosen', rejected: 'rejected', asRecord: 'the record', stepOf: 'step', differ: 'marked lines differ between runs',
    evaluation: 'Evaluation', counts: 'Data', write: 'write something', special: 'special tokens around the text', perToken: 'bytes per token', vocabulary: 'vocabulary', choose: 'Choose a word to see its merges.', start: 'begins as', rank: 'merge',
    why: {Merges: 'Merged pair by pair: of all pairs that the list of merges has, the one that was learned first comes first.', WholeWord: 'The vocabulary has the whole word, so nothing is merged (ignore_merges).', Added: 'An added token: it is found before the text is cut into words.', Around: 'The tokenizer puts it around every text.'},
    next: 'What comes next', layers: 'What each layer would say', lensNote: 'The output head reads the residual stream behind each layer (logit lens).', embedding: 'embedding', layer: 'layer', head: 'head', mean: 'mean of all', attention: 'Attention',
    attentionNote: 'Choose a token: the shades show how much it looks at those before it. Rows of the picture look at columns.', noAttention: 'This layer has no table of attention: it is linear, or chooses its keys.', likely: 'How likely each token was', likelyNote: 'Darker was likelier; hover or focus tells the figures.', ask: 'Look', opening: 'opening the model …',
    send: 'Send', stop: 'Stop', clear: 'Clear', message: 'Message', temperature: 'temperature', rate: 'tokens/s', ranked: 'likelier ones', points: 'each point stands for several lines; the faint line shows lowest and highest'},
  zh: {title: '工作室', dark: '深色', light: '浅色', language: 'English', curves: '曲线', samples: '样本', tables: '表格', data: '数据与掩码', tokens: '分词器', look: '模型内部', chat: '对话', config: '配置', machine: '机器',
    smooth: '平滑', axis: '横轴', log: '对数', over: {step: '步', tokens: '词元', seconds: '秒'}, from: '从第几步', to: '到第几步', loss: '损失', model: '路由与辅助损失', rewards: '奖励与策略', preference: '偏好',
    speed: '速度与内存', optimizer: '优化器', other: '其他曲线', none: '这里还没有内容。', lost: '工作室没有回应', skipped: '行不是记录，已略过', run: '运行', file: '文件', first: '起始记录', count: '条数',
    show: '显示', before: '上一页', after: '下一页', paste: '或粘贴一段文字、一条记录或 JSON 对话', learned: '绿色参与学习，灰色只读', of: '/', tokensLearned: '个词元参与学习', chosen: '选中', rejected: '拒绝', asRecord: '原始记录', stepOf: '步', differ: '标出的行在各次运行里不同',
    evaluation: '评测', counts: '数据', write: '写点什么', special: '在文本两端加特殊词元', perToken: '字节/词元', vocabulary: '词表', choose: '选一个词，看它如何合并。', start: '起始为', rank: '合并',
    why: {Merges: '逐对合并：在所有可合并的相邻对里，先学到的先合并。', WholeWord: '整词就在词表里，不必合并（ignore_merges）。', Added: '附加词元：在切词之前就被找出来。', Around: '分词器把它加在每段文本的两端。'},
    next: '接下来是什么', layers: '每一层会怎么说', lensNote: '用输出头读每一层之后的残差流（logit lens）。', embedding: '嵌入', layer: '层', head: '头', mean: '所有头的平均', attention: '注意力',
    attentionNote: '选一个词元：颜色深浅表示它看前面各词元的程度。图中每行看各列。', noAttention: '这一层没有注意力表：它是线性的，或自选键。', likely: '每个词元的可能性', likelyNote: '颜色越深越可能；悬停或聚焦可看数值。', ask: '查看', opening: '正在打开模型……',
    send: '发送', stop: '停止', clear: '清空', message: '消息', temperature: '温度', rate: '词元/秒', ranked: '个更可能', points: '每个点代表多行；浅线是最低值和最高值'},
};
const {axisOf, color, configuration, heldOutOf, machines, make, sections, samples, table, title} = Common;
const byId = id => document.getElementById(id), t = key => WORDS[state.language][key];
const stored = key => { try { return localStorage.getItem('ink-studio-' + key); } catch { return null; } };
const store = (key, value) => { try { localStorage.setItem('ink-studio-' + key, value); } catch { /* it works without */ } };
const query = new URLSearchParams(location.search);
const TABS = ['curves', 'samples', 'tables', 'data', 'tokens', 'look', 'chat', 'config'], LISTED = ['curves', 'samples', 'config'], MOST_SHOWN = 8, EVERY = 2000;
const state = {
  language: query.get('lang') || stored('language') || (navigator.language.startsWith('zh') ? 'zh' : 'en'),
  theme: query.get('theme') || stored('theme') || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'),
  tab: TABS.includes(location.hash.slice(1)) ? location.hash.slice(1) : 'curves',
  runs: [], shown: null, one: stored('run'), smooth: 0, log: false, axis: 'step', from: '', to: '', text: stored('text') || '床前明月光，疑是地上霜。Once upon a time', file: '', first: 0, pasted: '', special: true, messages: [], temperature: 0.7,
};

async function api(path, body, options = {}) {
  const answer = await fetch(path, {cache: 'no-store', ...(body ? {method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify(body)} : {}), ...options});
  if (answer.status === 304) return null;
  if (options.raw && answer.ok) return answer;
  const json = await answer.json();
  if (!answer.ok) throw new Error(json.error.message);
  if (options.tagged) json.tag = answer.headers.get('etag');
  return json;
}

const button = (text, act, kind = '') => Object.assign(make('button', kind, text), {type: 'button', onclick: act});
const labelled = (text, control) => make('label', '', make('span', '', text), control);
const option = (value, text, selected) => Object.assign(make('option', '', text), {value, selected});
function select(options, act) { const box = make('select', '', ...options); box.onchange = () => act(box.value); return box; }
const failed = error => make('p', 'error', error.message === 'Failed to fetch' ? t('lost') : error.message);

// One of the runs that can do what a tab needs.
function chooser(fits, act) {
  const runs = state.runs.filter(fits);
  if (!runs.some(r => r.name === state.one)) state.one = runs[0]?.name ?? null;
  return labelled(t('run'), select(runs.map(r => option(r.name, r.name, r.name === state.one)), name => { state.one = name; store('run', name); act(); }));
}

const shownRuns = () => state.runs.filter(r => state.shown.has(r.name));

async function refreshRuns() {
  const known = new Map(state.runs.map(r => [r.name, r])), list = (await api('/api/runs')).runs, before = state.runs.map(r => r.name).join();
  state.runs = list.map((run, i) => Object.assign(known.get(run.name) || {series: {}}, run, {color: color(i)}));
  state.shown ??= new Set(state.runs.filter(r => r.curves).slice(0, MOST_SHOWN).map(r => r.name));
  return state.runs.map(r => r.name).join() !== before;
}

async function refreshMetrics(run) {
  const points = innerWidth > 2000 ? 1200 : 600, window_ = `&from=${encodeURIComponent(state.from)}&to=${encodeURIComponent(state.to)}`;
  const json = await api(`/api/metrics?run=${encodeURIComponent(run.name)}&points=${points}${window_}`, null, {tagged: true, headers: run.tag ? {'if-none-match': run.tag} : {}});
  if (!json) return false;
  Object.assign(run, {tag: json.tag, axes: null, skipped: json.skipped, series: {}, bands: {}, facts: json.series});
  for (const [name, curve] of Object.entries(json.series)) {
    run.series[name] = curve.x.map((x, i) => [x, curve.y[i]]);
    if (curve.low) run.bands[name] = curve.x.flatMap((x, i) => [[x, curve.low[i]], [x, curve.high[i]]]);
  }
  return true;
}

function drawChart(host) {
  const name = host.dataset.curve, valid = heldOutOf(name);
  const series = shownRuns().flatMap(run => [[name, false], [valid, true]].map(([key, dashed]) => {
    const to = axisOf(run, state.axis), moved = points => points && points.map(([x, y]) => [to(x), y]);
    return {name: run.name, color: run.color, dashed, smooth: dashed ? 0 : state.smooth, points: moved(run.series[key]) || [], band: dashed ? null : moved(run.bands?.[key])};
  }));
  Curves.draw(host, series, {log: state.log, xLabel: t('over')[state.axis]});
}

function drawCharts(live) { document.querySelectorAll('[data-curve]').forEach(host => { if (!(live && host.matches(':hover'))) drawChart(host); }); }

function buildCharts() {
  const box = byId('charts'), groups = sections(shownRuns());
  box.dataset.names = curveNames();
  box.replaceChildren(...groups.flatMap(([key, names]) => [make('h2', '', t(key)), make('div', 'charts', ...names.map(name => {
    const host = make('div');
    host.dataset.curve = name;
    return make('div', 'card', make('h3', '', title(name, state.language)), host);
  }))]));
  if (!groups.length) box.append(make('p', 'note', t('none')));
  if (shownRuns().some(r => Object.keys(r.bands || {}).length)) box.append(make('p', 'note', t('points')));
  const skipped = shownRuns().filter(r => r.skipped);
  if (skipped.length) box.append(make('p', 'note', skipped.map(r => `${r.name}: ${r.skipped} ${t('skipped')}`).join('; ')));
  drawCharts();
}

const curveNames = () => sections(shownRuns()).flat(2).join();

// Each run is drawn as it comes; the diagrams are laid out anew when their names have changed.
async function refreshCurves(anew) {
  const redraw = () => {
    const box = state.tab === 'curves' && byId('charts');
    if (!box) return;
    if (box.dataset.names !== curveNames()) buildCharts();
    else drawCharts(true);
    listRuns();
  };
  if (anew) buildCharts();
  await Promise.all(shownRuns().filter(r => r.curves).map(async run => { if (await refreshMetrics(run)) redraw(); }));
}

const VIEWS = {
  curves(view) {
    const number = key => { const box = Object.assign(make('input'), {type: 'number', value: state[key], ariaLabel: t(key)}); box.onchange = () => { state[key] = box.value; shownRuns().forEach(r => { r.tag = null; }); refreshCurves(true).catch(report); }; return labelled(t(key), box); };
    const smooth = Object.assign(make('input'), {type: 'range', min: 0, max: 0.98, step: 0.02, value: state.smooth}), log = Object.assign(make('input'), {type: 'checkbox', checked: state.log});
    smooth.oninput = () => { state.smooth = +smooth.value; drawCharts(); };
    log.onchange = () => { state.log = log.checked; drawCharts(); };
    const axes = select(['step', 'tokens', 'seconds'].map(a => option(a, t('over')[a], a === state.axis)), a => { state.axis = a; drawCharts(); });
    view.append(make('div', 'row', labelled(t('smooth'), smooth), labelled(t('axis'), axes), labelled(t('log'), log), number('from'), number('to')), Object.assign(make('div'), {id: 'charts'}));
    refreshCurves(true).catch(report);
  },
  async samples(view) {
    const runs = await Promise.all(shownRuns().filter(r => r.samples).map(async r => ({...r, ...await api(`/api/samples?run=${encodeURIComponent(r.name)}`)})));
    view.append(runs.some(r => r.samples.length) ? samples(runs, t('stepOf')) : make('p', 'note', t('none')));
  },
  async tables(view) {
    const {tables, problems} = await api('/api/tables');
    for (const kind of ['evaluation', 'data']) {
      const of = tables.filter(x => x.kind === kind);
      if (of.length) view.append(make('h2', '', t(kind === 'data' ? 'counts' : kind)), make('div', 'tables', ...of.map(x => table(x, state.language))));
    }
    if (!tables.length) view.append(make('p', 'note', t('none')));
    view.append(...problems.map(p => make('p', 'error', p)));
  },
  async config(view) {
    const runs = await Promise.all(shownRuns().map(async r => ({...r, ...await api(`/api/recipe?run=${encodeURIComponent(r.name)}`)}))), box = configuration(runs, t('differ'));
    view.append(runs.some(r => r.recipe) ? box : make('p', 'note', t('none')));
    if (runs.some(r => r.machines.length)) view.append(make('h2', '', t('machine')), machines(runs));
    if (runs.filter(r => r.recipe).length <= 2) box.querySelectorAll('details').forEach(d => { d.open = true; });
  },
};

function listRuns() {
  const focused = document.activeElement?.dataset?.run, runs = state.runs.filter(r => r.curves || r.samples);
  byId('runs').replaceChildren(...runs.map(run => {
    const box = Object.assign(make('input'), {type: 'checkbox', checked: state.shown.has(run.name)}), loss = run.facts?.loss || run.facts?.['train/loss'];
    box.dataset.run = run.name;
    box.onchange = () => { box.checked ? state.shown.add(run.name) : state.shown.delete(run.name); state.tab === 'curves' ? refreshCurves(true).catch(report) : open(state.tab); };
    const label = make('label', '', box, make('span', '', run.name), make('small', '', loss ? `${Curves.format(loss.last)} · ${loss.lastStep.toLocaleString('en')}` : ''));
    label.style.setProperty('--run', run.color);
    label.title = run.path;
    return label;
  }), ...(runs.length ? [] : [make('p', 'note', t('none'))]));
  if (focused) document.querySelector(`[data-run="${CSS.escape(focused)}"]`)?.focus();
}

let opened = 0;
async function open(tab) {
  const turn = ++opened;
  state.tab = tab;
  history.replaceState(null, '', '#' + tab);
  document.querySelectorAll('#tabs button').forEach(b => { const on = b.dataset.tab === tab; b.setAttribute('aria-selected', on); b.tabIndex = on ? 0 : -1; });
  document.querySelector('main').classList.toggle('alone', !LISTED.includes(tab));
  const view = make('div', 'stack');
  byId('view').setAttribute('aria-label', t(tab));
  byId('view').replaceChildren(view);
  try { await VIEWS[tab](view); } catch (error) { if (turn === opened) view.append(failed(error)); }
}

function report(error) { byId('state').textContent = error ? failed(error).textContent : ''; }

function build() {
  document.documentElement.lang = state.language === 'zh' ? 'zh-CN' : 'en';
  document.documentElement.dataset.theme = state.theme;
  document.title = `Inkstone ${t('title')}`;
  document.querySelectorAll('[data-t]').forEach(e => { e.textContent = t(e.dataset.t); });
  byId('language').textContent = t('language');
  byId('theme').textContent = t(state.theme === 'dark' ? 'light' : 'dark');
  byId('tabs').replaceChildren(...TABS.map(tab => {
    const b = button(t(tab), () => open(tab));
    b.setAttribute('role', 'tab');
    b.dataset.tab = tab;
    return b;
  }));
  listRuns();
  open(state.tab);
}

byId('tabs').onkeydown = event => {
  const move = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  if (!move) return;
  const next = TABS[(TABS.indexOf(state.tab) + move + TABS.length) % TABS.length];
  open(next);
  document.querySelector(`[data-tab=${next}]`).focus();
};
byId('language').onclick = () => { state.language = state.language === 'zh' ? 'en' : 'zh'; store('language', state.language); build(); };
byId('theme').onclick = () => { state.theme = state.theme === 'dark' ? 'light' : 'dark'; store('theme', state.theme); build(); };
let waiting = 0;
addEventListener('resize', () => { clearTimeout(waiting); waiting = setTimeout(() => drawCharts(), 100); });

async function poll() {
  try {
    if (!document.hidden) {
      if (await refreshRuns()) listRuns();
      if (state.tab === 'curves') await refreshCurves(false);
    }
    report(null);
  } catch (error) { report(error); }
  setTimeout(poll, EVERY);
}

addEventListener('DOMContentLoaded', async () => {
  document.documentElement.dataset.theme = state.theme;
  try { await refreshRuns(); } catch (error) { state.shown ??= new Set(); report(error); }
  build();
  setTimeout(poll, EVERY);
});
