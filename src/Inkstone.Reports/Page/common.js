// What pages about runs have in common: names of curves and sections, held-out curves, axes, tables, configurations.
const Common = (() => {
  const NAMES = {
    en: {loss: 'loss (dashed: held out)', bits_per_byte: 'bits per byte (dashed: held out)', lr: 'learning rate', grad_norm: 'gradient norm', tokens_per_second: 'tokens per second', fraction_of_roof: 'fraction of the roof', memory_bytes: 'memory in bytes', seconds: 'seconds per step'},
    zh: {loss: '损失（虚线：验证集）', bits_per_byte: '每字节比特（虚线：验证集）', lr: '学习率', grad_norm: '梯度范数', tokens_per_second: '每秒词元', fraction_of_roof: '占上限的比例', memory_bytes: '内存（字节）', seconds: '每步秒数'},
  };
  const COLUMNS = {model: '模型', guided: '约束', parse: '可解析', missing: '缺字段', hallucination: '多字段', types: '类型对', enums: '取值对', strict: '严格', 'strict alias': '严格（认别名）', 'value match': '值相符',
    'latency seconds': '延迟（秒）', stage: '阶段', step: '步骤', of: '单位', in: '进', out: '出', loss: '损失', perplexity: '困惑度', 'bits per byte': '每字节比特', task: '任务', metric: '指标', value: '分数',
    family: '架构', active: '激活参数', total: '总参数', 'training tok/s': '训练 词元/秒', '% of roof': '占峰值 %', 'decoding tok/s': '解码 词元/秒', 'cache bytes a token at 1k': '1k 处每词元缓存字节', 'at 32k': '32k 处'};
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
  const color = i => `var(--c${i % 8})`;

  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children);
    return element;
  }

  // Steps → tokens or seconds, by what the run logged at its steps.
  function axisOf(run, axis) {
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
  function sections(runs) {
    const names = [...new Set(runs.flatMap(r => Object.keys(r.series)))], all = new Set(names), groups = {};
    for (const name of names) {
      if (name === 'tokens' || (held(name) && all.has(held(name)))) continue;
      const [section] = SECTIONS.find(([, fits]) => fits.test(held(name) || name));
      (groups[section] ||= []).push(name);
    }
    return SECTIONS.map(([s]) => [s, groups[s]]).filter(([, list]) => list);
  }

  const heldOutOf = name => name.startsWith('train/') ? 'valid/' + name.slice(6) : 'valid_' + name;
  const title = (name, language) => NAMES[language][name.replace('train/', '')] || name.replaceAll('_', ' ');

  const last = points => points && points.length ? points[points.length - 1][1] : null;
  const duration = s => s < 90 ? `${s.toFixed(0)} s` : s < 5400 ? `${(s / 60).toFixed(1)} min` : `${(s / 3600).toFixed(1)} h`;

  // Texts of each run; the slider goes over steps.
  function samples(runs, word) {
    const box = make('div', 'samples');
    runs.forEach((run, i) => {
      if (!run.samples.length) return;
      const steps = [...new Set(run.samples.map(s => s.step))], card = make('div', 'card run'), texts = make('div', 'samples');
      card.style.setProperty('--run', run.color || color(i)); card.style.cursor = 'auto';
      const slider = Object.assign(document.createElement('input'), {type: 'range', min: 0, max: steps.length - 1, value: steps.length - 1, ariaLabel: word}), label = make('span');
      const show = () => {
        label.textContent = `${word} ${steps[slider.value]}`;
        texts.replaceChildren(...run.samples.filter(s => s.step === steps[slider.value]).map(s => make('p', 'sample', make('b', '', s.prompt), s.text)));
      };
      slider.oninput = show;
      show();
      card.append(make('h3', '', run.name), make('div', 'stepper', label, slider), texts);
      box.append(card);
    });
    return box;
  }

  function table(of, language) {
    const head = make('tr', '', ...of.columns.map(c => c.replaceAll('_', ' ')).map(c => make('th', '', language === 'zh' && COLUMNS[c] || c)));
    return make('div', 'card', make('h3', '', of.title), make('div', 'scroll', make('table', '', make('thead', '', head), make('tbody', '', ...of.rows.map(r => make('tr', '', ...r.map(c => make('td', '', c))))))));
  }

  function configuration(runs, note) {
    const box = make('div', 'tables'), with_ = runs.filter(r => r.recipe), counts = {};
    for (const run of with_) for (const line of new Set(run.recipe.split('\n'))) counts[line] = (counts[line] || 0) + 1;
    if (with_.length > 1) box.append(make('p', 'path', note));
    runs.forEach((run, i) => {
      if (!run.recipe) return;
      const card = make('details', 'card run'), pre = make('pre');
      card.style.setProperty('--run', run.color || color(i)); card.style.cursor = 'auto';
      for (const line of run.recipe.split('\n')) pre.append(with_.length > 1 && counts[line] < with_.length ? make('mark', '', line) : line, '\n');
      card.append(make('summary', '', run.name), pre);
      box.append(card);
    });
    return box;
  }

  // What runs were computed on, a card for each run that has written it down.
  function machines(runs) {
    return make('div', 'tables', ...runs.flatMap((run, i) => {
      if (!run.machines?.length) return [];
      const card = make('div', 'card run', make('h3', '', run.name), ...run.machines.map(m => make('p', 'path', m)));
      card.style.setProperty('--run', run.color || color(i)); card.style.cursor = 'auto';
      return [card];
    }));
  }

  // Language and theme of a page from disk: as asked for in its address, as chosen before, or as the browser has them.
  const page = (() => {
    const byId = id => document.getElementById(id), asked = new URLSearchParams(location.search);
    const stored = key => { try { return localStorage.getItem('ink-report-' + key); } catch { return null; } };
    const store = (key, value) => { try { localStorage.setItem('ink-report-' + key, value); } catch { /* pages from disk may have no storage */ } };
    const words = {en: {dark: 'dark', light: 'light', language: '中文'}, zh: {dark: '深色', light: '浅色', language: 'English'}};
    const it = {
      language: asked.get('lang') || stored('language') || (navigator.language.startsWith('zh') ? 'zh' : 'en'),
      theme: asked.get('theme') || stored('theme') || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'),
      word: (of, key) => of[it.language][key],
      // build makes the page in its language, draw its diagrams in its width.
      start(build, draw) {
        const all = () => {
          document.documentElement.lang = it.language === 'zh' ? 'zh-CN' : 'en';
          document.documentElement.dataset.theme = it.theme;
          byId('language').textContent = it.word(words, 'language');
          byId('theme').textContent = it.word(words, it.theme === 'dark' ? 'light' : 'dark');
          build();
        };
        byId('language').onclick = () => { it.language = it.language === 'zh' ? 'en' : 'zh'; store('language', it.language); all(); };
        byId('theme').onclick = () => { it.theme = it.theme === 'dark' ? 'light' : 'dark'; store('theme', it.theme); all(); };
        let waiting = 0;
        addEventListener('resize', () => { clearTimeout(waiting); waiting = setTimeout(draw, 100); });
        all();
      },
    };
    return it;
  })();

  return {axisOf, color, configuration, duration, heldOutOf, last, machines, make, page, samples, sections, table, title};
})();
