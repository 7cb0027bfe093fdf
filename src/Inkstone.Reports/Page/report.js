(() => {
  const {axisOf, color, configuration, duration, heldOutOf, last, machines, make, page, samples, sections, table, title} = Common;
  const data = JSON.parse(document.getElementById('data').textContent);
  const WORDS = {
    en: {title: 'Training report', smooth: 'smoothing', axis: 'over', log: 'log scale', step: 'steps', tokens: 'tokens', time: 'seconds', runs: 'Runs', loss: 'Loss', model: 'Routers and auxiliary losses',
      rewards: 'Rewards and policy', preference: 'Preferences', speed: 'Speed and memory', optimizer: 'Optimizer', other: 'Other curves', samples: 'Samples', evaluation: 'Evaluation', data: 'Data', config: 'Configuration', machine: 'Machine',
      steps: 'steps', last: 'last loss', best: 'best held-out loss', bpb: 'bits per byte', speedOf: 'tokens/s', seen: 'tokens seen', took: 'time of steps', peak: 'memory', differ: 'marked lines differ between runs',
      made: 'made', on: 'on', none: 'nothing to show', sampleOf: 'step'},
    zh: {title: '训练报告', smooth: '平滑', axis: '横轴', log: '对数', step: '步', tokens: '词元', time: '秒', runs: '运行', loss: '损失', model: '路由与辅助损失',
      rewards: '奖励与策略', preference: '偏好', speed: '速度与内存', optimizer: '优化器', other: '其他曲线', samples: '样本', evaluation: '评测', data: '数据', config: '配置', machine: '机器',
      steps: '步数', last: '最后损失', best: '最好的验证损失', bpb: '每字节比特', speedOf: '词元/秒', seen: '读过的词元', took: '训练用时', peak: '内存', differ: '标出的行在各次运行里不同',
      made: '生成于', on: '机器：', none: '没有内容', sampleOf: '步'},
  };
  let axis = 'step';
  const hidden = new Set();
  const byId = id => document.getElementById(id), t = key => page.word(WORDS, key);
  function drawChart(host, name) {
    const valid = heldOutOf(name);
    const series = data.runs.flatMap((run, i) => hidden.has(i) ? [] : [
      {name: run.name, color: color(i), points: run.series[name] || [], smooth: +byId('smooth').value},
      {name: run.name, color: color(i), points: run.series[valid] || [], dashed: true},
    ].map(s => ({...s, points: s.points.map(([x, y]) => [axisOf(run, axis)(x), y])})));
    Curves.draw(host, series, {log: byId('log').checked, xLabel: t(axis === 'seconds' ? 'time' : axis)});
  }

  function drawAll() { document.querySelectorAll('[data-curve]').forEach(host => drawChart(host, host.dataset.curve)); }

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

  function build() {
    document.title = t('title');
    document.querySelectorAll('[data-t]').forEach(e => { e.textContent = t(e.dataset.t); });
    byId('axis').replaceChildren(...['step', 'tokens', 'seconds'].map(a => Object.assign(make('option', '', t(a === 'seconds' ? 'time' : a)), {value: a, selected: a === axis})));
    const main = byId('main'), nav = byId('nav');
    main.replaceChildren(); nav.replaceChildren();
    const section = (key, content) => {
      const head = make('h2', '', t(key)), link = make('a', '', t(key));
      head.id = key; link.href = '#' + key;
      nav.append(link); main.append(head, content);
    };
    if (data.runs.length) section('runs', make('div', 'runs', ...data.runs.map(runCard)));
    for (const [key, names] of sections(data.runs)) {
      section(key, make('div', 'charts', ...names.map(name => {
        const host = make('div');
        host.dataset.curve = name;
        return make('div', 'card', make('h3', '', title(name, page.language)), host);
      })));
    }
    if (data.runs.some(r => r.samples.length)) section('samples', samples(data.runs, t('sampleOf')));
    for (const kind of ['evaluation', 'data']) {
      const tables = data.tables.filter(of => of.kind === kind);
      if (tables.length) section(kind, make('div', 'tables', ...tables.map(of => table(of, page.language))));
    }
    if (data.runs.some(r => r.recipe)) section('config', configuration(data.runs, t('differ')));
    const known = machines(data.runs);
    section('machine', known.childElementCount ? known : make('div', 'card', data.machine));
    byId('footer').textContent = `Inkstone · ${t('made')} ${data.made} · ${t('on')} ${data.machine}`;
    drawAll();
  }

  byId('smooth').oninput = drawAll;
  byId('log').onchange = drawAll;
  byId('axis').onchange = event => { axis = event.target.value; drawAll(); };
  page.start(build, drawAll);
})();
