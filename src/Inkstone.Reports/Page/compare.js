// Families side by side: their table, bits per byte with the spread of seeds, and the curves of held-out loss.
(() => {
  const {color, make, page, table} = Common;
  const data = JSON.parse(document.getElementById('data').textContent), all = data.families;
  const WORDS = {
    en: {families: 'Families', bits: 'Bits per byte of held-out text', loss: 'Held-out loss over steps, mean of the seeds', step: 'steps', none: 'nothing to show',
      note: (n, seeds, machine) => `${n} parameters that work for a token, within 2 %; ${seeds} seed${seeds === 1 ? '' : 's'}; ${machine}. Lower bits per byte are better; in brackets, and as lines, the lowest and highest of all seeds.`},
    zh: {families: '架构', bits: '留出文本的每字节比特', loss: '留出损失随步数（各种子平均）', step: '步', none: '没有内容',
      note: (n, seeds, machine) => `每个词元用到 ${n} 个参数（误差 2 % 以内）；${seeds} 个种子；${machine}。每字节比特数越低越好，括号内与细线是各种子的最低与最高。`},
  };

  // One bar for each family, on one scale that begins at 0.
  function bars(families) {
    const most = Math.max(...families.map(f => f.high)), share = v => `${100 * v / most}%`;
    return make('div', 'card bars', ...families.flatMap(f => {
      const bar = make('div', 'bar', make('i'), make('b'));
      bar.style.setProperty('--run', f.color);
      bar.children[0].style.width = share(f.mean);
      bar.children[1].style.left = share(f.low); bar.children[1].style.width = share(f.high - f.low);
      return [make('span', '', f.name), bar, make('span', 'number', f.mean.toFixed(3))];
    }));
  }

  function curves(families) {
    const host = make('div'), key = make('div', 'key', ...families.map(f => {
      const mark = make('i');
      mark.style.background = f.dashed ? `repeating-linear-gradient(90deg, ${f.color} 0 4px, transparent 4px 6px)` : f.color;
      return make('span', '', mark, f.name);
    }));
    return [make('div', 'card', host, key), () => Curves.draw(host, families.map(f => ({name: f.name, color: f.color, points: f.curve, dashed: f.dashed})), {xLabel: page.word(WORDS, 'step')})];
  }

  all.forEach((f, i) => { f.color = color(i); f.dashed = i > 7; });
  let draw = () => {};
  page.start(() => {
    document.title = document.getElementById('title').textContent = data.title;
    const word = key => page.word(WORDS, key), measured = all.filter(f => f.mean !== null), drawn = all.filter(f => f.curve.length > 1);
    const [card, again] = curves(drawn);
    draw = drawn.length ? again : () => {};
    const figures = table({title: word('families'), ...data.table}, page.language);
    figures.classList.add('figures');
    document.getElementById('main').replaceChildren(
      make('p', 'path', word('note')(data.parameters, data.seeds, data.machine)),
      figures,
      make('h2', '', word('bits')), measured.length ? bars(measured) : make('p', '', word('none')),
      make('h2', '', word('loss')), drawn.length ? card : make('p', '', word('none')));
    draw();
  }, () => draw());
})();
