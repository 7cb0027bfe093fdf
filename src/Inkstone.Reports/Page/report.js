(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const WORDS = {
    en: {title: 'Training report', smooth: 'smoothing', axis: 'over', log: 'log scale', step: 'steps', tokens: 'tokens', time: 'seconds', runs: 'Runs', loss: 'Loss', model: 'Routers and auxiliary losses',
      rewards: 'Rewards and policy', preference: 'Preferences', speed: 'Speed and memory', optimizer: 'Optimizer', other: 'Other curves', samples: 'Samples', evaluation: 'Evaluation', data: 'Data', config: 'Configuration', machine: 'Machine',
      steps: 'steps', last: 'last loss', best: 'best held-out loss', bpb: 'bits per byte', speedOf: 'tokens/s', seen: 'tokens seen', took: 'time of steps', peak: 'memory', dark: 'dark', light: 'light', language: '中文', differ: 'marked lines differ between runs',
      made: 'made', on: 'on', none: 'nothing to show', sampleOf: 'step'},
    zh: {title: '训练报告', smooth: '平滑', axis: '横轴', log: '对数', step: '步', tokens: '词元', time: '秒', runs: '运行', loss: '损失', model: '路由与辅助损失',
      rewards: '奖励与策略', preference: '偏好', speed: '速度与内存', optimizer: '优化器', other: '其他曲线', samples: '样本', evaluation: '评测', data: '数据', config: '配置', machine: '机器',
      steps: '步数', last: '最后损失', best: '最好的验证损失', bpb: '每字节比特', speedOf: '词元/秒', seen: '读过的词元', took: '训练用时', peak: '内存', dark: '深色', light: '浅色', language: 'English', differ: '标出的行在各次运行里不同',
      made: '生成于', on: '机器：', none: '没有内容', sampleOf: '步'},
  };
  const NAMES = {
    en: {loss: 'loss (dashed: held out)', bits_per_byte: 'bits per byte (dashed: held out)', lr: 'learning rate', grad_norm: 'gradient norm', tokens_per_second: 'tokens per second', fraction_of_roof: 'fraction of the roof', memory_bytes: 'memory in bytes', seconds: 'seconds per step'},
    zh: {loss: '损失（虚线：验证集）', bits_per_byte: '每字节比特（虚线：验证集）', lr: '学习率', grad_norm: '梯度范数', tokens_per_second: '每秒词元', fraction_of_roof: '占上限的比例', memory_bytes: '内存（字节）', seconds: '每步秒数'},
  };
  const COLUMNS = {model: '模型', guided: '约束', parse: '可解析', missing: '缺字段', hallucination: '多字段', types: '类型对', enums: '取值对', strict: '严格', 'strict alias': '严格（认别名）', 'value match': '值相符',
    'latency seconds': '延迟（秒）', stage: '阶段', step: '步骤', of: '单位', in: '进', out: '出', loss: '损失', perplexity: '困惑度', 'bits per byte': '每字节比特', task: '任务', metric: '指标', value: '分数'};
  // Sections by the names of curves; the first that fits takes a curve.
  const SECTIONS = [
    ['loss', /^(train\/)?(loss|bits_per_byte|perplexity|eval_loss)$|mtp|cross_entropy|lm_loss/],
    ['model', /router|expert|balance|aux|load|bias|indexer|drop/],
    ['rewards', /reward|kl|advantage|clip_?frac|clipped|entropy|policy|value|critic|return|answer|length|ratio/],
    ['preference', /chosen|rejected|margin|accura|odds/],
    ['optimizer', /^(train\/)?(lr|learning_rate|grad_norm|gradient_norm)$|lr|grad/],
    ['speed', /tokens_per_second|fraction_of_roof|memory|seconds|speed|flops/],
    ['other', /./],
  ];
  const stored = key => { try { return localStorage.getItem('ink-report-' + key); } catch { return null; } };
  const store = (key, value) => { try { localStorage.setItem('ink-report-' + key, value); } catch { /* pages from disk may have no storage */ } };
  const asked = new URLSearchParams(location.search);
  let language = asked.get('lang') || stored('language') || (navigator.language.startsWith('zh') ? 'zh' : 'en');
  let theme = asked.get('theme') || stored('theme') || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  let axis = 'step';
  const hidden = new Set();
  const byId = id => document.getElementById(id), t = key => WORDS[language][key];
  const color = i => `var(--c${i % 8})`;

  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children);
    return element;
  }

  // Steps → tokens or seconds, by what the run logged at its steps.
  function axisOf(run) {
    const of = run.axes ||= {};
    if (axis === 'step' || of[axis]) return of[axis] || (x => x);
    const source = run.series[axis === 'tokens' ? 'tokens' : 'seconds'] || [];
    let sum = 0, before = 0;
    const points = axis === 'tokens' ? source : source.map(([x, s]) => { sum += s * (x - before); before = x; return [x, sum]; });
    return of[axis] = x => {
      if (!points.length) return x;
      let low = 0, high = points.length - 1;
      if (x <= points[0][0]) return points[0][1] * x / (points[0][0] || 1);
      while (high - low > 1) { const mid = (low + high) >> 1; if (points[mid][0] <= x) low = mid; else high = mid; }
      const [a, b] = [points[low], points[high]];
      return b[0] === a[0] ? a[1] : a[1] + (b[1] - a[1]) * (x - a[0]) / (b[0] - a[0]);
    };
  }

  const held = name => name.startsWith('valid/') ? 'train/' + name.slice(6) : name.startsWith('valid_') ? name.slice(6) : null;

  // Curves by section: a held-out curve lies in the diagram of its training curve where there is one.
  function sections() {
    const names = [...new Set(data.runs.flatMap(r => Object.keys(r.series)))], all = new Set(names), groups = {};
    for (const name of names) {
      if (name === 'tokens' || (held(name) && all.has(held(name)))) continue;
      const [section] = SECTIONS.find(([, fits]) => fits.test(held(name) || name));
      (groups[section] ||= []).push(name);
    }
    return SECTIONS.map(([s]) => [s, groups[s]]).filter(([, list]) => list);
  }

  function drawChart(host, name) {
    const valid = name.startsWith('train/') ? 'valid/' + name.slice(6) : 'valid_' + name;
    const series = data.runs.flatMap((run, i) => hidden.has(i) ? [] : [
      {name: run.name, color: color(i), points: run.series[name] || [], smooth: +byId('smooth').value},
      {name: run.name, color: color(i), points: run.series[valid] || [], dashed: true},
    ].map(s => ({...s, points: s.points.map(([x, y]) => [axisOf(run)(x), y])})));
    Curves.draw(host, series, {log: byId('log').checked, xLabel: t(axis === 'seconds' ? 'time' : axis)});
  }

  function drawAll() { document.querySelectorAll('[data-curve]').forEach(host => drawChart(host, host.dataset.curve)); }

  const last = points => points && points.length ? points[points.length - 1][1] : null;
  const duration = s => s < 90 ? `${s.toFixed(0)} s` : s < 5400 ? `${(s / 60).toFixed(1)} min` : `${(s / 3600).toFixed(1)} h`;

  function runCard(run, i) {
    const card = make('div', 'card run' + (hidden.has(i) ? ' off' : '')), list = make('dl');
    card.style.setProperty('--run', color(i));
    const s = run.series, any = Object.values(s).filter(p => p.length), steps = any.length ? Math.max(...any.map(p => p[p.length - 1][0])) : 0;
    const valid = s.valid_loss || s['valid/loss'], loss = s.loss || s['train/loss'];
    const seconds = s.seconds ? s.seconds.reduce(([sum, before], [x, v]) => [sum + v * (x - before), x], [0, s.seconds[0][0] - 1])[0] : null;
    const add = (key, value) => { if (value !== null && value !== undefined) list.append(make('dt', '', t(key)), make('dd', '', value)); };
    add('steps', steps.toLocaleString('en'));
    add('last', loss && Curves.format(last(loss)));
    add('best', valid && Curves.format(Math.min(...valid.map(p => p[1]))));
    add('bpb', s.valid_bits_per_byte && Curves.format(last(s.valid_bits_per_byte)));
    add('seen', s.tokens && Curves.format(last(s.tokens)));
    add('speedOf', s.tokens_per_second && Curves.format(s.tokens_per_second.reduce((a, p) => a + p[1], 0) / s.tokens_per_second.length));
    add('took', seconds && duration(seconds));
    add('peak', s.memory_bytes && Curves.format(Math.max(...s.memory_bytes.map(p => p[1]))));
    card.append(make('h3', '', run.name), make('p', 'path', run.path), list);
    card.tabIndex = 0;
    const toggle = () => { hidden.has(i) ? hidden.delete(i) : hidden.add(i); card.classList.toggle('off'); drawAll(); };
    card.onclick = toggle;
    card.onkeydown = event => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); toggle(); } };
    return card;
  }

  function samples() {
    const box = make('div', 'samples');
    data.runs.forEach((run, i) => {
      if (!run.samples.length) return;
      const steps = [...new Set(run.samples.map(s => s.step))], card = make('div', 'card run'), texts = make('div', 'samples');
      card.style.setProperty('--run', color(i)); card.style.cursor = 'auto';
      const slider = Object.assign(document.createElement('input'), {type: 'range', min: 0, max: steps.length - 1, value: steps.length - 1}), label = make('span');
      const show = () => {
        label.textContent = `${t('sampleOf')} ${steps[slider.value]}`;
        texts.replaceChildren(...run.samples.filter(s => s.step === steps[slider.value]).map(s => make('p', 'sample', make('b', '', s.prompt), s.text)));
      };
      slider.oninput = show;
      show();
      card.append(make('h3', '', run.name), make('div', 'stepper', label, slider), texts);
      box.append(card);
    });
    return box;
  }

  function table(of) {
    const head = make('tr', '', ...of.columns.map(c => c.replaceAll('_', ' ')).map(c => make('th', '', language === 'zh' && COLUMNS[c] || c)));
    return make('div', 'card', make('h3', '', of.title), make('div', 'scroll', make('table', '', make('thead', '', head), make('tbody', '', ...of.rows.map(r => make('tr', '', ...r.map(c => make('td', '', c))))))));
  }

  function configuration() {
    const box = make('div', 'tables'), with_ = data.runs.filter(r => r.recipe), counts = {};
    for (const run of with_) for (const line of new Set(run.recipe.split('\n'))) counts[line] = (counts[line] || 0) + 1;
    if (with_.length > 1) box.append(make('p', 'path', t('differ')));
    data.runs.forEach((run, i) => {
      if (!run.recipe) return;
      const card = make('details', 'card run'), pre = make('pre');
      card.style.setProperty('--run', color(i)); card.style.cursor = 'auto';
      for (const line of run.recipe.split('\n')) pre.append(with_.length > 1 && counts[line] < with_.length ? make('mark', '', line) : line, '\n');
      card.append(make('summary', '', run.name), pre);
      box.append(card);
    });
    return box;
  }

  function build() {
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
    document.documentElement.dataset.theme = theme;
    document.title = t('title');
    document.querySelectorAll('[data-t]').forEach(e => { e.textContent = t(e.dataset.t); });
    byId('language').textContent = t('language');
    byId('theme').textContent = t(theme === 'dark' ? 'light' : 'dark');
    byId('axis').replaceChildren(...['step', 'tokens', 'seconds'].map(a => Object.assign(make('option', '', t(a === 'seconds' ? 'time' : a)), {value: a, selected: a === axis})));
    const main = byId('main'), nav = byId('nav');
    main.replaceChildren(); nav.replaceChildren();
    const section = (key, content) => {
      const title = make('h2', '', t(key)), link = make('a', '', t(key));
      title.id = key; link.href = '#' + key;
      nav.append(link); main.append(title, content);
    };
    if (data.runs.length) section('runs', make('div', 'runs', ...data.runs.map(runCard)));
    for (const [key, names] of sections()) {
      section(key, make('div', 'charts', ...names.map(name => {
        const host = make('div');
        host.dataset.curve = name;
        return make('div', 'card', make('h3', '', NAMES[language][name.replace('train/', '')] || name.replaceAll('_', ' ')), host);
      })));
    }
    if (data.runs.some(r => r.samples.length)) section('samples', samples());
    for (const kind of ['evaluation', 'data']) {
      const tables = data.tables.filter(of => of.kind === kind);
      if (tables.length) section(kind, make('div', 'tables', ...tables.map(table)));
    }
    if (data.runs.some(r => r.recipe)) section('config', configuration());
    section('machine', make('div', 'card', data.machine));
    byId('footer').textContent = `Inkstone · ${t('made')} ${data.made}`;
    drawAll();
  }

  byId('language').onclick = () => { language = language === 'zh' ? 'en' : 'zh'; store('language', language); build(); };
  byId('theme').onclick = () => { theme = theme === 'dark' ? 'light' : 'dark'; store('theme', theme); build(); };
  byId('smooth').oninput = drawAll;
  byId('log').onchange = drawAll;
  byId('axis').onchange = event => { axis = event.target.value; drawAll(); };
  let waiting = 0;
  addEventListener('resize', () => { clearTimeout(waiting); waiting = setTimeout(drawAll, 100); });
  build();
})();
