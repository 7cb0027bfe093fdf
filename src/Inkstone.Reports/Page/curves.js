// One diagram of curves as SVG. It knows nothing of runs and reports:
//   Curves.draw(element, [{name, color, points: [[x, y], …], dashed, smooth, band}], {log, xLabel})
// band: further points drawn faintly behind the line, such as the lowest and highest of what each point stands for.
// color is any CSS colour. Drawing again replaces the diagram; it follows the element's width.
const Curves = (() => {
  const NS = 'http://www.w3.org/2000/svg', HEIGHT = 230, PAD = {left: 50, right: 16, top: 8, bottom: 22};

  function format(v) {
    const a = Math.abs(v);
    if (a === 0) return '0';
    if (a >= 1e9) return trim(v / 1e9) + 'G';
    if (a >= 1e6) return trim(v / 1e6) + 'M';
    if (a >= 1e4) return trim(v / 1e3) + 'k';
    if (a >= 1e-3) return String(+v.toPrecision(4));
    return v.toExponential(1).replace('e-', 'e−');
  }
  const least = v => v.reduce((a, b) => Math.min(a, b), Infinity), most = v => v.reduce((a, b) => Math.max(a, b), -Infinity);
  const trim = v => String(+v.toPrecision(3));

  // Round numbers within a range: 1, 2 or 5 times a power of ten apart.
  function ticks(low, high, count) {
    const span = high - low || 1, rough = span / Math.max(1, count), power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(m => m * power).find(s => s >= rough);
    const list = [];
    for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) list.push(Math.abs(v) < step * 1e-9 ? 0 : v);
    return list;
  }

  // Powers of ten, with 2 and 5 times them where there are few; round numbers where a range has hardly one. Bounds and results are logarithms.
  function logTicks(low, high, count) {
    const within = factors => { const list = []; for (let k = Math.floor(low); k <= high; k++) for (const m of factors) { const v = k + Math.log10(m); if (v >= low && v <= high) list.push(v); } return list; };
    const all = within([1, 2, 5]), tens = within([1]);
    if (all.length <= count + 2) return all.length > 2 ? all : ticks(10 ** low, 10 ** high, count).filter(v => v > 0).map(Math.log10);
    return tens.filter((_, i) => i % Math.ceil(tens.length / count) === 0);
  }

  // Exponential mean, freed of its start (Adam's correction), so that the first points are not drawn to 0.
  function smoothed(points, weight) {
    if (!weight) return points;
    let mean = 0, share = 0;
    return points.map(([x, y]) => { mean = weight * mean + (1 - weight) * y; share = weight * share + 1 - weight; return [x, mean / share]; });
  }

  function node(name, attributes, parent) {
    const element = document.createElementNS(NS, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (parent) parent.appendChild(element);
    return element;
  }

  function draw(host, series, options = {}) {
    series = series.filter(s => s.points.length > 0);
    host.classList.add('curve');
    host.replaceChildren();
    const width = Math.max(220, host.clientWidth || 420), inner = {w: width - PAD.left - PAD.right, h: HEIGHT - PAD.top - PAD.bottom};
    const lines = series.map(s => ({...s, raw: s.band || s.points, points: smoothed(s.points, s.points.length > 3 ? s.smooth || 0 : 0)}));
    const xs = lines.flatMap(s => s.points.map(p => p[0])), ys = lines.flatMap(s => (s.smooth ? s.points : s.raw).map(p => p[1]));
    const log = options.log && ys.every(y => y > 0), to = log ? Math.log10 : v => v;
    let [x0, x1] = [least(xs), most(xs)], [y0, y1] = [to(least(ys)), to(most(ys))];
    if (x0 === x1) { x0 -= 0.5; x1 += 0.5; }
    if (y1 - y0 <= 1e-9 * Math.abs(y0)) { const d = Math.abs(y0) * 0.1 || 1; y0 -= d; y1 += d; }
    const margin = (y1 - y0) * 0.04; y0 -= margin; y1 += margin;
    const px = x => PAD.left + (x - x0) / (x1 - x0) * inner.w, py = y => PAD.top + (y1 - to(y)) / (y1 - y0) * inner.h;

    const svg = node('svg', {viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'aria-label': series.map(s => s.name).join(', ')}, host);
    for (const t of (log ? logTicks : ticks)(y0, y1, 5)) {
      const y = PAD.top + (y1 - t) / (y1 - y0) * inner.h;
      node('line', {class: 'grid', x1: PAD.left, x2: width - PAD.right, y1: y, y2: y}, svg);
      node('text', {x: PAD.left - 6, y: y + 4, 'text-anchor': 'end'}, svg).textContent = format(log ? +(10 ** t).toPrecision(6) : t);
    }
    for (const t of ticks(x0, x1, Math.max(2, inner.w / 90))) {
      node('text', {x: px(t), y: HEIGHT - 6, 'text-anchor': 'middle'}, svg).textContent = format(t);
    }
    node('line', {class: 'axis', x1: PAD.left, x2: width - PAD.right, y1: HEIGHT - PAD.bottom, y2: HEIGHT - PAD.bottom}, svg);
    const path = points => points.map((p, i) => `${i ? 'L' : 'M'}${px(p[0]).toFixed(1)},${Math.min(HEIGHT - PAD.bottom, Math.max(PAD.top, py(p[1]))).toFixed(1)}`).join('');
    for (const s of lines) {
      if (s.points !== s.raw && (!log || s.raw.every(p => p[1] > 0))) node('path', {class: 'raw', d: path(s.raw), style: `stroke:${s.color}`}, svg);
      if (s.points.length === 1) node('circle', {cx: px(s.points[0][0]), cy: py(s.points[0][1]), r: 3, style: `fill:${s.color}`}, svg);
      else node('path', {class: s.dashed ? 'dashed' : '', d: path(s.points), style: `stroke:${s.color}`}, svg);
      if (s.dashed && s.points.length > 1 && s.points.length < 60) for (const p of s.points) node('circle', {cx: px(p[0]), cy: py(p[1]), r: 2.5, style: `fill:${s.color}`}, svg);
    }
    hover(host, svg, lines, {x0, x1, px, py, width, options});
  }

  function hover(host, svg, lines, {x0, x1, px, py, width, options}) {
    const cross = node('line', {class: 'cross', y1: PAD.top, y2: HEIGHT - PAD.bottom, visibility: 'hidden'}, svg);
    const tip = document.createElement('div');
    tip.className = 'tip'; tip.hidden = true; host.appendChild(tip);
    svg.addEventListener('pointerleave', () => { tip.hidden = true; cross.setAttribute('visibility', 'hidden'); });
    svg.addEventListener('pointermove', event => {
      const box = svg.getBoundingClientRect(), at = (event.clientX - box.left) / box.width * width;
      const x = x0 + (at - PAD.left) / (width - PAD.left - PAD.right) * (x1 - x0);
      const near = lines.map(s => [s, s.points.reduce((best, p) => Math.abs(p[0] - x) < Math.abs(best[0] - x) ? p : best)]);
      const first = near.reduce((a, b) => Math.abs(b[1][0] - x) < Math.abs(a[1][0] - x) ? b : a)[1];
      cross.setAttribute('x1', px(first[0])); cross.setAttribute('x2', px(first[0])); cross.setAttribute('visibility', 'visible');
      tip.replaceChildren(Object.assign(document.createElement('div'), {textContent: `${options.xLabel || ''} ${format(first[0])}`}));
      for (const [s, p] of near) {
        const row = document.createElement('div'), mark = document.createElement('i');
        mark.style.background = s.color;
        row.append(mark, `${s.name}  ${format(p[1])}`);
        tip.appendChild(row);
      }
      tip.hidden = false;
      const left = (px(first[0]) / width) * box.width;
      tip.style.left = `${Math.max(0, Math.min(box.width - tip.offsetWidth, left > box.width / 2 ? left - tip.offsetWidth - 12 : left + 12))}px`;
      tip.style.top = '10px';
    });
  }

  return {draw, format};
})();
