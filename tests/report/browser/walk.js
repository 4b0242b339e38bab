// Walks through a report as a reader does, and leaves what it finds wrong in the root element's data-wrong, one a line;
// data-done says that it came to its end. Stands before the page's own scripts, so that their errors are seen.
'use strict';
const wrong = [];
const note = text => wrong.push(text);
addEventListener('error', event => note(`error: ${event.message}`));
addEventListener('securitypolicyviolation', event => note(`refused request: ${event.blockedURI}`));
for (const kind of ['error', 'warn']) console[kind] = (...what) => note(`console.${kind}: ${what.join(' ')}`);

addEventListener('load', () => setTimeout(() => {
  try {
    walk();
  } catch (error) {
    note(`walk: ${error.stack}`);
  }
  document.documentElement.dataset.wrong = wrong.join('\n');
  document.documentElement.dataset.done = `${seenCharts} charts, ${seenMaps} heat maps, ${innerWidth} px`;
}, 300));

let seenCharts = 0, seenMaps = 0;
const tabs = () => [...document.querySelectorAll('nav [role=tab]')];
const press = (element, key) => element.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));

// A chart draws if enough of its pixels differ from the background, curves as well as axes.
function checkCharts(where) {
  for (const chart of Object.values(Chart.instances)) {
    const {width, height} = chart.canvas, label = chart.canvas.getAttribute('aria-label');
    ++seenCharts;
    if (!width || !height) return note(`${where}: ${label} is ${width} × ${height}`);
    const pixels = chart.ctx.getImageData(0, 0, width, height).data, colours = new Map();
    for (let i = 0; i < pixels.length; i += 4)
      if (pixels[i + 3] > 200) {
        const key = pixels[i] << 16 | pixels[i + 1] << 8 | pixels[i + 2];
        colours.set(key, (colours.get(key) || 0) + 1);
      }
    const hidden = set => chart.data.datasets.some(other => other !== set && other.data.length === set.data.length &&
      set.data.every((p, i) => Math.abs(chart.scales.y.getPixelForValue(p.y) - chart.scales.y.getPixelForValue(other.data[i].y)) < 2 || p.y === other.data[i].y));
    for (const set of chart.data.datasets) {
      const key = parseInt(set.borderColor.slice(1), 16);
      if (set.data.some(p => p.y !== null) && !((colours.get(key) || 0) > 3) && !hidden(set)) note(`${where}: ${label}: ${set.label} is not drawn`);
    }
  }
}
// A heat map draws if each of its columns does, in the accent's one hue and several strengths; numbers stand beside it.
function checkMaps(where) {
  for (const map of document.querySelectorAll('.heat')) {
    ++seenMaps;
    const canvas = map.querySelector('canvas'), label = canvas.getAttribute('aria-label'), {width, height} = canvas, box = canvas.getBoundingClientRect();
    if (!/^Values of .+ by step: from .+ at step 1, from .+ at step [\d,]+$/.test(label)) note(`${where}: a heat map is called ${label}`);
    if (!map.closest('.card').querySelector('h2').textContent.match(/\w+ \w+ share/)) note(`${where}: ${label} has no title`);
    if (box.width < 200 || box.height < 150) note(`${where}: ${label} is ${box.width} × ${box.height}`);
    const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data, empty = new Set(Array(width).keys()), strengths = new Set();
    for (let i = 0; i < pixels.length; i += 4) {
      if (pixels[i + 3] > 0) empty.delete(i / 4 % width);
      strengths.add(pixels[i + 3]);
      if (pixels[i + 3] === 255 && '#' + [0, 1, 2].map(c => pixels[i + c].toString(16).padStart(2, '0')).join('') !== css('--accent')) return note(`${where}: ${label} is of another colour`);
    }
    if (empty.size) note(`${where}: ${label} has ${empty.size} empty columns`);
    if (strengths.size < 5 || !strengths.has(255)) note(`${where}: ${label} has ${strengths.size} strengths`);
    for (const axis of map.querySelectorAll('.values, .steps')) {
      const numbers = [...axis.children].map(s => s.getBoundingClientRect());
      if (numbers.length < 2) note(`${where}: ${label} has ${numbers.length} ${axis.className}`);
      const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
      if (numbers.some((a, i) => numbers.some((b, j) => i < j && meet(a, b)))) note(`${where}: ${axis.className} of ${label} overlap`);
      if (numbers.some(a => a.right > innerWidth || a.left < 0)) note(`${where}: ${axis.className} of ${label} leave the window`);
    }
  }
}
function checkWidth(where) {
  if (document.documentElement.scrollWidth > innerWidth) note(`${where}: ${document.documentElement.scrollWidth} px wide in ${innerWidth}`);
  for (const box of document.querySelectorAll('.card'))
    if (box.getBoundingClientRect().right > innerWidth + 1) note(`${where}: a card leaves the window`);
}
function checkViews(where) {
  for (const tab of tabs()) {
    tab.click();
    if (tab.getAttribute('aria-selected') !== 'true') note(`${where}: ${tab.textContent} is not selected`);
    if (document.querySelectorAll('main .card').length === 0) note(`${where}: ${tab.textContent} is empty`);
    checkCharts(`${where}, ${tab.textContent}`);
    checkMaps(`${where}, ${tab.textContent}`);
    checkWidth(`${where}, ${tab.textContent}`);
    for (const canvas of document.querySelectorAll('.images canvas'))
      if (new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size < 3) note(`${where}: an image is blank`);
    for (const button of document.querySelectorAll('main button[aria-pressed]')) button.click();
    checkCharts(`${where}, ${tab.textContent}, other scale`);
  }
}
function checkKeys() {
  tabs()[0].click();
  tabs()[0].focus();
  press(tabs()[0], 'ArrowRight');
  if (document.activeElement !== tabs()[1] || tabs()[1].getAttribute('aria-selected') !== 'true') note('ArrowRight does not go to the next tab');
  press(tabs()[1], 'End');
  if (tabs().at(-1).getAttribute('aria-selected') !== 'true') note('End does not go to the last tab');
  press(tabs().at(-1), 'ArrowRight');
  if (tabs()[0].getAttribute('aria-selected') !== 'true') note('ArrowRight does not go round');
  if (tabs().filter(tab => tab.tabIndex === 0).length !== 1) note('more than one tab is in the order of Tab');
}
function checkGraph() {
  tabs().find(tab => tab.dataset.view === 'model').click();
  const svg = document.querySelector('.graph'), box = () => svg.getAttribute('viewBox').split(' ').map(Number), all = box();
  press(svg, '+');
  if (!(box()[2] < all[2])) note('+ does not zoom in');
  press(svg, 'ArrowRight');
  press(svg, '0');
  if (box().join() !== all.join()) note('0 does not show all');
  svg.dispatchEvent(new WheelEvent('wheel', {deltaY: 100, bubbles: true, cancelable: true}));
  if (!(box()[2] > all[2])) note('the wheel does not zoom out');
  const at = {pointerId: 1, bubbles: true}, x = box()[0];
  svg.dispatchEvent(new PointerEvent('pointerdown', {...at, clientX: 100, clientY: 100}));
  svg.dispatchEvent(new PointerEvent('pointermove', {...at, clientX: 140, clientY: 100}));
  svg.dispatchEvent(new PointerEvent('pointerup', {...at, clientX: 140, clientY: 100}));
  if (!(box()[0] < x)) note('dragging does not move the graph');
}
function checkFindings() {
  tabs().find(tab => tab.dataset.view === 'findings').click();
  const link = document.querySelector('main .link');
  if (!link) return note('no finding leads to its layer');
  const layer = link.textContent;
  link.click();
  const chosen = document.querySelector('.graph .chosen');
  if (!chosen || chosen.parentNode.dataset.layer !== layer) note('a finding does not lead to its layer');
}
function checkTheme() {
  const background = () => getComputedStyle(document.body.parentNode).backgroundColor, before = background();
  document.getElementById('theme').click();
  if (background() === before) note('the theme does not change');
  checkViews('other theme');
  document.getElementById('theme').click();
}
function walk() {
  checkViews('first');
  checkKeys();
  checkGraph();
  checkFindings();
  checkTheme();
  if (seenMaps === 0) note('no heat map');
  if (performance.getEntriesByType('resource').length > 0) note(`requests: ${performance.getEntriesByType('resource').map(e => e.name)}`);
}
