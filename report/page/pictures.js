// ---- images --------------------------------------------------------------------------------------

// all: {height, width, channels, pixels: [hex]}; captions: a text for each, or none
function images(all, captions, side) {
  const scale = Math.max(1, Math.floor(side / Math.max(all.height, all.width)));
  return make('div', {class: 'images'}, ...all.pixels.map((hex, k) => {
    const canvas = make('canvas', {width: all.width, height: all.height, role: 'img', 'aria-label': captions ? captions[k] : `unit ${k}`,
      style: `width:${all.width * scale}px;height:${all.height * scale}px`});
    const context = canvas.getContext('2d'), image = context.createImageData(all.width, all.height);
    const size = all.width * all.height, at = i => parseInt(hex.substr(2 * i, 2), 16);
    for (let i = 0; i < size; ++i)
      for (let c = 0; c < 4; ++c) image.data[4 * i + c] = c === 3 ? 255 : at((all.channels === 3 ? c * size : 0) + i);
    context.putImageData(image, 0, 0);
    return make('figure', {}, canvas, captions && make('figcaption', {}, captions[k]));
  }));
}
function confusion(rows) {
  const name = i => rows.names[i] ?? String(i);
  const most = Math.max(...rows.confusion.flatMap((line, i) => line.filter((_, j) => i !== j)), 1);
  const [hit, miss] = isDark() ? ['86,180,233', '230,159,0'] : ['0,114,178', '213,94,0'];
  const cell = (count, i, j) => {
    const total = Math.max(1, rows.confusion[i].reduce((a, b) => a + b));
    const strength = count === 0 ? 0 : i === j ? .08 + .42 * count / total : .1 + .5 * count / most;
    return make('td', {style: `background:rgba(${i === j ? hit : miss},${strength.toFixed(2)})`, title: `${name(i)} taken for ${name(j)}: ${count}`},
      count === 0 ? '' : String(count));
  };
  return make('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Confusion matrix'}, make('table', {class: 'confusion', style: 'width:auto'},
    make('thead', {}, make('tr', {}, make('th', {}), ...rows.confusion.map((_, j) => make('th', {scope: 'col', title: name(j)}, name(j))))),
    make('tbody', {}, ...rows.confusion.map((line, i) => make('tr', {}, make('th', {scope: 'row', title: name(i)}, name(i)), ...line.map((c, j) => cell(c, i, j)))))));
}

// ---- histograms by step --------------------------------------------------------------------------

const kHeatRows = 40, kHeatWidth = 480;
// The shares of a histogram's values in equal parts of low … high, which are not those of its own.
function heatColumn(h, low, high) {
  const rows = new Array(kHeatRows).fill(0), total = h.counts.reduce((a, b) => a + b, 0) || 1;
  const place = v => (v - low) / (high - low) * kHeatRows, wide = (h.high - h.low) / h.counts.length;
  h.counts.forEach((count, k) => {
    const from = place(h.low + k * wide), to = place(h.low + (k + 1) * wide), first = Math.min(Math.floor(from), kHeatRows - 1);
    if (!(to > from)) rows[first] += count / total;
    else for (let r = first; r < Math.min(to, kHeatRows); ++r) rows[r] += count / total * (Math.min(to, r + 1) - Math.max(from, r)) / (to - from);
  });
  return rows;
}
// Round numbers from low to high, at most 6 of them.
function roundNumbers(low, high) {
  const least = (high - low) / 5, power = 10 ** Math.floor(Math.log10(least)), by = [1, 2, 5, 10].find(m => m * power >= least) * power, all = [];
  for (let i = Math.ceil(low / by); i * by <= high; ++i) all.push(i * by);
  return all;
}
// Steps from first to stop with room between them, powers of ten before others; at(step) is from 0 to 1.
function roundSteps(first, stop, at) {
  const powers = [...Array(16)].map((_, k) => 10 ** k), chosen = [];
  for (const step of [...powers, ...powers.flatMap(p => [2 * p, 5 * p]), first, stop])
    if (step >= first && step <= stop && chosen.every(other => Math.abs(at(step) - at(other)) > .15)) chosen.push(step);
  return chosen;
}
// list: [{step, low, high, counts}]. A column reaches from its step to the next, on a logarithmic axis; the last to the run's end.
function heatMap(name, list, end) {
  list = list.filter(h => h.step !== null).map(h => ({...h, step: Math.max(1, h.step)})).sort((a, b) => a.step - b.step);
  let low = Math.min(...list.map(h => h.low)), high = Math.max(...list.map(h => h.high));
  if (!(low < high)) low -= .5, high += .5;
  const first = list[0].step, newest = list.at(-1), stop = Math.max(end, Math.ceil(1.3 * newest.step));
  const at = step => Math.log(step / first) / Math.log(stop / first), column = step => Math.round(kHeatWidth * at(step));
  const shares = list.map(h => heatColumn(h, low, high)), most = shares.reduce((a, rows) => Math.max(a, ...rows), 0) || 1;
  const about = h => `from ${spell(h.low)} to ${spell(h.high)} at step ${spell(h.step)}`;
  const canvas = make('canvas', {width: kHeatWidth, height: kHeatRows, role: 'img', 'aria-label': `Values of ${name} by step: ${about(list[0])}, ${about(newest)}`});
  const context = canvas.getContext('2d');
  context.fillStyle = css('--accent');
  shares.forEach((rows, k) => rows.forEach((share, r) => {
    const x = column(list[k].step);
    context.globalAlpha = Math.sqrt(share / most);
    context.fillRect(x, kHeatRows - 1 - r, column(list[k + 1]?.step ?? stop) - x, 1);
  }));
  canvas.addEventListener('pointermove', event => {
    const x = event.offsetX / canvas.clientWidth, r = Math.min(kHeatRows - 1, Math.max(0, Math.floor((1 - event.offsetY / canvas.clientHeight) * kHeatRows)));
    const k = Math.max(0, list.findLastIndex(h => at(h.step) <= x)), value = i => spell(low + i * (high - low) / kHeatRows);
    canvas.title = `step ${spell(list[k].step)}: ${spell(100 * shares[k][r])} % from ${value(r)} to ${value(r + 1)}`;
  });
  const percent = share => make('span', {}, make('i', {style: `opacity:${Math.sqrt(share)}`}), `${spell(100 * most * share, 2)} %`);
  return make('figure', {class: 'heat'},
    make('div', {class: 'values'}, ...roundNumbers(low, high).map(v => make('span', {style: `bottom:${100 * (v - low) / (high - low)}%`}, spell(v)))), canvas,
    make('div', {class: 'steps'}, ...roundSteps(first, stop, at).map(s => make('span', {style: `left:${100 * at(s)}%`}, spell(s)))),
    make('figcaption', {}, make('span', {}, 'step'), ...[1 / 9, 4 / 9, 1].map(percent)));
}

// ---- the graph -----------------------------------------------------------------------------------

const kWidth = 196, kGapX = 36, kGapY = 22, kLine = 17;
const severities = ['note', 'warning', 'error'];
const worst = list => severities[Math.max(...list.map(f => severities.indexOf(f.severity)))];

// Ops of one layer that follow one another are a box; boxes stand below what they use.
function boxesOf(graph) {
  const boxes = [], of = new Map();
  const into = graph.nodes.map(() => []);
  for (const [from, to] of graph.edges) into[to].push(from);
  graph.nodes.forEach((node, i) => {
    if (node.leaf && node.op !== 'input') return;
    const before = into[i].filter(j => of.has(j)).map(j => of.get(j));
    let box = before.find(b => b.layer === node.layer && node.layer !== '');
    if (!box) boxes.push(box = {layer: node.layer, ops: [], parents: new Set(), id: boxes.length});
    box.ops.push(node);
    before.forEach(b => b !== box && box.parents.add(b));
    of.set(i, box);
  });
  const rows = [];
  for (const box of boxes) {
    box.depth = Math.max(0, ...[...box.parents].filter(b => b.id < box.id).map(b => b.depth + 1));
    (rows[box.depth] ??= []).push(box);
  }
  let y = 16;
  for (const row of rows) {
    row.forEach((box, k) => {
      box.lines = box.ops.slice(0, 6).map(n => `${n.op} ${n.shape}`);
      if (box.ops.length > 6) box.lines.push(`and ${box.ops.length - 6} more`);
      Object.assign(box, {x: (k - (row.length - 1) / 2) * (kWidth + kGapX), y, height: 14 + kLine * (box.lines.length + (graph.layers[box.layer] ? 1 : 0))});
    });
    y += Math.max(...row.map(b => b.height)) + kGapY;
  }
  return boxes;
}

// Zoom: wheel, pinch, + and -; pan: drag, arrows; 0 shows all. `choose(layer)` on a click.
function graphPicture(graph, findings, choose) {
  const boxes = boxesOf(graph);
  const svg = makeSvg('svg', {class: 'graph', tabindex: 0, role: 'application', 'aria-label': 'Graph of the model: arrows move, plus and minus zoom, 0 shows all'});
  for (const box of boxes)
    for (const parent of box.parents) {
      const x1 = parent.x, y1 = parent.y + parent.height, x2 = box.x, y2 = box.y - 6, middle = (y1 + y2) / 2;
      svg.append(makeSvg('path', {class: 'edge', d: `M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}`}),
        makeSvg('path', {class: 'tip', d: `M${x2 - 4} ${y2 - 1}h8l-4 7z`}));
    }
  for (const box of boxes) {
    const mine = findings.filter(f => f.layer !== '' && f.layer === box.layer), left = box.x - kWidth / 2;
    const group = makeSvg('g', {'data-layer': box.layer});
    group.append(makeSvg('rect', {class: `layer ${mine.length ? worst(mine) : ''}`, x: left, y: box.y, width: kWidth, height: box.height, rx: 6}));
    let y = box.y + 18;
    const line = (text, kind) => group.append(makeSvg('text', {x: left + 12, y, class: kind}, text.length > 30 ? text.slice(0, 29) + '…' : text)), next = () => y += kLine;
    if (graph.layers[box.layer]) line(`${box.layer}  ${graph.layers[box.layer]}`, ''), next();
    for (const text of box.lines) line(text, 'about'), next();
    group.append(makeSvg('title', {}, mine.length ? mine.map(f => `${f.severity}: ${f.text}`).join('\n') : box.ops.map(n => `${n.op} ${n.shape}`).join('\n')));
    group.addEventListener('click', () => choose(box.layer));
    svg.append(group);
  }
  const bounds = {left: Math.min(...boxes.map(b => b.x)) - kWidth / 2 - 16, top: 0,
    width: Math.max(...boxes.map(b => b.x)) - Math.min(...boxes.map(b => b.x)) + kWidth + 32, height: Math.max(...boxes.map(b => b.y + b.height)) + 16};
  svg.style.setProperty('--tall', `${Math.min(700, Math.max(320, bounds.height))}px`);
  const view = {};
  const show = () => svg.setAttribute('viewBox', `${view.x} ${view.y} ${view.w} ${view.h}`);
  const all = () => { Object.assign(view, {x: bounds.left, y: bounds.top, w: bounds.width, h: bounds.height}); show(); };
  const zoom = (factor, fx = .5, fy = .5) => {
    const w = Math.min(Math.max(view.w * factor, 60), 20 * bounds.width), by = w / view.w;
    Object.assign(view, {x: view.x + view.w * fx * (1 - by), y: view.y + view.h * fy * (1 - by), w, h: view.h * by});
    show();
  };
  const move = (dx, dy) => { view.x += dx * view.w; view.y += dy * view.h; show(); };
  const place = event => { const r = svg.getBoundingClientRect(); return [(event.clientX - r.left) / r.width, (event.clientY - r.top) / r.height]; };
  svg.addEventListener('wheel', event => { event.preventDefault(); zoom(event.deltaY > 0 ? 1.15 : 1 / 1.15, ...place(event)); }, {passive: false});
  const touches = new Map();
  svg.addEventListener('pointerdown', event => touches.set(event.pointerId, place(event)));
  for (const end of ['pointerup', 'pointercancel', 'pointerleave']) svg.addEventListener(end, event => touches.delete(event.pointerId));
  svg.addEventListener('pointermove', event => {
    const before = touches.get(event.pointerId);
    if (!before) return;
    const now = place(event);
    if (touches.size === 2) {
      const other = [...touches].find(([id]) => id !== event.pointerId)[1], far = p => Math.hypot(p[0] - other[0], p[1] - other[1]);
      if (far(now) > .01) zoom(far(before) / far(now), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else {
      const scale = Math.max(view.w / svg.clientWidth, view.h / svg.clientHeight);
      view.x -= (now[0] - before[0]) * svg.clientWidth * scale;
      view.y -= (now[1] - before[1]) * svg.clientHeight * scale;
      show();
    }
    touches.set(event.pointerId, now);
  });
  const keys = {'+': () => zoom(1 / 1.25), '=': () => zoom(1 / 1.25), '-': () => zoom(1.25), 0: all, ArrowLeft: () => move(-.1, 0), ArrowRight: () => move(.1, 0), ArrowUp: () => move(0, -.1), ArrowDown: () => move(0, .1)};
  svg.addEventListener('keydown', event => { if (keys[event.key]) { keys[event.key](); event.preventDefault(); } });
  all();
  const mark = layer => {
    for (const group of svg.querySelectorAll('g')) group.firstChild.classList.toggle('chosen', group.dataset.layer === layer);
    const box = boxes.find(b => b.layer === layer);
    if (box && bounds.height > 900) { Object.assign(view, {h: 500, w: 500 * bounds.width / bounds.height, y: box.y - 200}); view.x = box.x - view.w / 2; show(); }
  };
  return {svg, mark, zoom, all};
}

// ---- searches ------------------------------------------------------------------------------------

const isLog = parameter => !parameter.words.length && parameter.low > 0 && parameter.high / parameter.low > 10;
function parallel(search, shade) {
  const width = 1000, height = 300, top = 34, bottom = 274;
  const svg = makeSvg('svg', {class: 'parallel', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': 'Parallel coordinates of the trials'});
  const done = search.trials.filter(t => t.status === 'finished' && t.value !== null);
  const values = done.map(t => t.value);
  const axes = [...search.parameters, {name: 'value', words: [], low: Math.min(...values), high: Math.max(...values)}];
  const share = (axis, v) => {
    if (axis.words.length) return axis.words.length < 2 ? .5 : axis.words.indexOf(v) / (axis.words.length - 1);
    const f = isLog(axis) ? Math.log : x => x;
    return axis.high > axis.low ? (f(v) - f(axis.low)) / (f(axis.high) - f(axis.low)) : .5;
  };
  const x = k => 60 + k * (width - 120) / (axes.length - 1), y = s => bottom - s * (bottom - top);
  for (const trial of [...done].sort((a, b) => shade(a.value) - shade(b.value))) {
    const path = axes.map((axis, k) => [k, axis.name === 'value' && k === axes.length - 1 ? trial.value : trial.values[axis.name]]).filter(([, v]) => v !== undefined)
      .map(([k, v], i) => `${i ? 'L' : 'M'}${x(k).toFixed(1)} ${y(share(axes[k], v)).toFixed(1)}`).join('');
    const line = makeSvg('path', {d: path, stroke: colour(0), opacity: (.12 + .88 * shade(trial.value) ** 3).toFixed(2)});
    line.append(makeSvg('title', {}, `trial ${trial.trial}: ${spell(trial.value, 4)}`));
    svg.append(line);
  }
  axes.forEach((axis, k) => {
    const middle = {'text-anchor': 'middle', x: x(k)};
    svg.append(makeSvg('path', {class: 'axis', d: `M${x(k)} ${top}V${bottom}`}), makeSvg('text', {...middle, y: 14, class: 'name'}, axis.name));
    if (axis.words.length) axis.words.forEach(w => svg.append(makeSvg('text', {x: x(k) + 6, y: y(share(axis, w)) + 4}, w.length > 22 ? w.slice(0, 21) + '…' : w)));
    else svg.append(makeSvg('text', {...middle, y: top - 6}, spell(axis.high)), makeSvg('text', {...middle, y: bottom + 16}, spell(axis.low)));
  });
  return make('div', {class: 'scroll'}, svg);
}
