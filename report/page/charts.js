'use strict';
// Where Chart.js was not at hand when the library was built, curves are left out.
if (typeof Chart === 'undefined') {
  globalThis.Chart = class {
    constructor(canvas) { canvas.replaceWith('Curves are left out: built without Chart.js.'); }
    destroy() {}
    static getChart() {}
  };
  Object.assign(Chart, {instances: {}, defaults: {font: {}}});
}
// Okabe & Ito's colours, told apart with any colour vision; order by contrast with the background.
const kLight = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#5f6368'];
const kDark = ['#56b4e9', '#e69f00', '#009e73', '#cc79a7', '#f0e442', '#d55e00', '#c3c7cc'];
const isDark = () => document.documentElement.dataset.theme === 'dark';
const colour = i => (isDark() ? kDark : kLight)[i % kLight.length];
const kDashes = [[], [6, 3], [2, 3], [9, 3, 2, 3]];
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// make('td', {class: 'n'}, 'text' or elements…)
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes))
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(key, value === true ? '' : value);
  element.append(...children.filter(c => c !== undefined && c !== null));
  return element;
}
function makeSvg(tag, attributes = {}, text) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}
function card(title, about, wide, ...children) {
  const tools = make('div', {class: 'tools'});
  const head = make('div', {class: 'head'}, make('h2', {}, title + ' ', make('small', {}, about || '')), tools);
  const box = make('article', {class: wide ? 'card wide' : 'card'}, head, ...children);
  box.tools = tools;
  return box;
}

// 0.04213 as "0.0421", 12345 as "12,345", 1.2e-7 as "1.2e-7"
function spell(v, digits = 3) {
  if (v === null || v === undefined || !Number.isFinite(v)) return '–';
  if (v === 0) return '0';
  const size = Math.abs(v);
  if (Number.isInteger(v) && size < 1e9) return v.toLocaleString('en');
  if (size < 1e-3 || size >= 1e6) return v.toExponential(1).replace('.0e', 'e').replace('e+', 'e');
  return String(Number(v.toPrecision(digits)));
}
const known = list => Array.isArray(list) && list.some(v => v !== null);
const points = (x, y) => (y || []).map((v, i) => ({x: x[i], y: v})).filter(p => p.x !== null && p.x !== undefined);

const drawn = [];  // of the view that is shown
// series: {name, points, colour, dash, dots}; options: {x, y (names of the axes), log, bars, low}
function chart(series, options) {
  const canvas = make('canvas', {role: 'img', 'aria-label': options.label});
  const place = make('div', {class: options.low ? 'plot low' : 'plot'}, canvas);
  const axis = (title, log) => ({
    type: log ? 'logarithmic' : 'linear',
    title: {display: !!title, text: title, color: css('--quiet'), font: {size: 12}},
    grid: {color: css('--rule'), borderColor: css('--rule'), drawTicks: false},
    ticks: {color: css('--quiet'), padding: 6, precision: title === 'epoch' || title === 'step' ? 0 : undefined, maxTicksLimit: 7, maxRotation: 0, autoSkipPadding: 12,
      callback(v, i, all) {
        if (log && all.length > 7 && Math.abs(Math.log10(v) % 1) > 1e-6) return '';
        return spell(v);
      }},
  });
  const log = options.log;
  const config = {
    type: 'line',
    data: {datasets: series.map((s, i) => ({
      label: s.name,
      data: s.points.map(p => log && !(p.y > 0) ? {x: p.x, y: null} : p),
      borderColor: s.colour || colour(i), backgroundColor: s.colour || colour(i), borderDash: s.dash || [],
      borderWidth: 1.7, clip: 4, showLine: !s.dots, pointRadius: s.dots ? 3.5 : s.points.length < 2 ? 3 : 0, pointHitRadius: 8, tension: 0,
      stepped: options.stepped,
    }))},
    options: {
      animation: false, parsing: false, normalized: !series.some(s => s.dots), maintainAspectRatio: false, responsive: true,
      interaction: {mode: 'nearest', axis: series.some(s => s.dots) ? 'xy' : 'x', intersect: false},
      scales: {x: axis(options.x, options.logX), y: axis(options.y, log)},
      plugins: {
        legend: {display: series.length > 1, position: 'bottom', align: 'start',
          labels: {color: css('--ink'), boxWidth: 18, boxHeight: 0, padding: 10, font: {size: 12}}},
        tooltip: {callbacks: {title: items => `${options.x} ${spell(items[0].parsed.x)}`,
          label: item => `${item.dataset.label}: ${spell(item.parsed.y, 4)}`}},
      },
    },
  };
  if (options.share) Object.assign(config.options.scales.y, {min: 0, suggestedMax: .1});
  if (options.words) {
    Object.assign(config.options.scales.x, {min: -.5, max: options.words.length - .5});
    Object.assign(config.options.scales.x.ticks, {stepSize: .5, maxTicksLimit: 99, callback: v => options.words[v] ?? ''});
  }
  Chart.defaults.font.family = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
  drawn.push(() => canvas.isConnected && new Chart(canvas, config));
  return place;
}
// A card with a chart and a button between linear and logarithmic.
function chartCard(title, about, series, options, wide) {
  const box = card(title, about, wide);
  const label = `${title}: ${series.map(s => s.name).join(', ')}`;
  let place = chart(series, {...options, label});
  box.append(place);
  if (options.choice)
    box.tools.append(make('button', {type: 'button', 'aria-pressed': String(!!options.log), onclick(event) {
      options.log = !options.log;
      event.currentTarget.setAttribute('aria-pressed', String(options.log));
      event.currentTarget.textContent = options.log ? 'linear' : 'log';
      const fresh = chart(series, {...options, label});
      Chart.getChart(place.firstChild)?.destroy();
      place.replaceWith(fresh);
      place = fresh;
      drawn.pop()();
    }}, options.log ? 'linear' : 'log'));
  return box;
}
// columns: [{name, number, cell(row)}]
function table(columns, rows, caption, kind) {
  const cell = (column, row) => {
    const value = column.cell(row);
    return make('td', {class: column.number ? 'n' : column.text ? 'text' : undefined}, typeof value === 'number' ? spell(value, 4) : value ?? '–');
  };
  return make('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption}, make('table', {class: kind},
    make('thead', {}, make('tr', {}, ...columns.map(c => make('th', {scope: 'col', class: c.number ? 'n' : undefined}, c.name)))),
    make('tbody', {}, ...rows.map(row => make('tr', {}, ...columns.map(c => cell(c, row)))))));
}
