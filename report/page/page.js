let data = JSON.parse(document.getElementById('data').textContent), runs = data.runs;
let chosenRun = 0, chosenLayer = '';

const runChoice = () => runs.length < 2 ? [] : [make('select', {'aria-label': 'Run', onchange(event) { chosenRun = event.target.selectedIndex; draw(); }},
  ...runs.map((run, i) => make('option', {selected: i === chosenRun}, run.name)))];
const withChoice = box => { box.tools.prepend(...runChoice()); return box; };
const swatch = i => make('span', {class: 'swatch', style: `background:${colour(i)}`});
const last = list => [...(list || [])].reverse().find(v => v !== null);
const steps = run => run.steps.step || [];

// ---- views: each gives its cards, none where there is nothing to show ----------------------------

function overview() {
  if (!runs.length) return [];
  const score = (run, part, what) => run.summary[`${part}_${what}`] ?? last(run.epochs[`${part}_${what}`]);
  const isClass = runs.some(r => score(r, 'train', 'accuracy') != null), what = isClass ? 'accuracy' : 'r2', name = isClass ? 'accuracy' : 'R²';
  const text = (key, number) => ({name: key.replace('_', ' '), number, cell: r => r.config[key]});
  const parts = ['train', 'validation', 'test'].filter(part => runs.some(r => score(r, part, what) != null));
  const columns = [{name: 'run', cell: r => make('span', {}, swatch(runs.indexOf(r)), r.name)}, {name: 'status', cell: r => r.summary.status},
    ...parts.map(part => ({name: `${part} ${name}`, number: true, cell: r => { const v = score(r, part, what); return v == null ? '–' : v.toFixed(4); }})),
    {name: 'loss', number: true, cell: r => last(r.epochs.train_loss) ?? last(r.steps.loss)},
    {name: 'epochs', number: true, cell: r => r.summary.epochs ?? r.config.epochs}, text('batch', true), text('lr', true), text('optimizer'), text('seed', true),
    {name: 'parameters', number: true, cell: r => r.summary.parameters}, {name: 'seconds', number: true, cell: r => r.summary.seconds?.toFixed(1)},
    {name: 'findings', number: true, cell: r => r.findings.length}];
  const settings = [...new Set(runs.flatMap(r => Object.keys(r.config)))].filter(key => runs.some(r => ['string', 'number', 'boolean'].includes(typeof r.config[key])) && key !== 'gradus_run');
  const differ = runs.length < 2 ? settings : settings.filter(key => new Set(runs.map(r => JSON.stringify(r.config[key]))).size > 1);
  const cards = [card(runs.length > 1 ? 'Runs' : 'Run', runs.length > 1 ? `${runs.length} over one another` : runs[0].config.model || '', true, table(columns, runs, 'Runs'))];
  cards.push(...curves().slice(0, 2));
  if (differ.length) cards.push(card('Settings', runs.length > 1 ? 'those that differ' : 'of config.json', true, table(
    [{name: 'setting', cell: key => key.replaceAll('_', ' ')}, ...runs.map(r => ({name: r.name, text: true, cell: key => String(r.config[key] ?? '–')}))], differ, 'Settings')));
  return cards;
}

function curves() {
  const cards = [];
  const byEpoch = (title, what) => {
    const series = [];
    runs.forEach((run, i) => ['train', 'validation', 'test'].forEach((part, k) => {
      const y = run.epochs[`${part}_${what}`];
      if (known(y)) series.push({name: runs.length > 1 ? `${run.name} ${part}` : part, points: points(run.epochs.epoch, y), colour: colour(runs.length > 1 ? i : k), dash: kDashes[k]});
    }));
    if (series.length) cards.push(chartCard(title, 'by epoch', series, {x: 'epoch', log: false, choice: what === 'loss'}));
  };
  byEpoch('Loss', 'loss');
  byEpoch('Accuracy', 'accuracy');
  byEpoch('R²', 'r2');
  const byStep = (title, key, log, about = 'by step') => {
    const series = runs.map((run, i) => ({name: run.name, points: points(steps(run), run.steps[key]), colour: colour(i)})).filter(s => s.points.some(p => p.y !== null));
    if (series.length) cards.push(chartCard(title, about, series, {x: 'step', log, choice: true}));
  };
  byStep('Loss of batches', 'loss', false);
  byStep('Learning rate', 'lr', false);
  byStep('Gradient noise scale', 'noise_scale', true, 'rows; a batch of about as many is well chosen');
  return cards;
}

function layers() {
  const run = runs[chosenRun];
  if (!run || !Object.keys(run.steps.parameters || {}).length) return [];
  const names = Object.keys(run.steps.parameters), weights = names.filter(n => /(^|[._])weight/.test(n)), shown = weights.length ? weights : names;
  const series = f => shown.map((name, i) => ({name, points: points(steps(run), f(run.steps.parameters[name])), colour: colour(i), dash: kDashes[Math.floor(i / kLight.length) % kDashes.length]}));
  const ratio = p => (p.update || []).map((u, i) => u !== null && p.weight[i] > 0 ? u / p.weight[i] : null);
  const first = chartCard('Update by weight', 'a healthy ratio is near 1e-3', series(ratio), {x: 'step', log: true, choice: true});
  const cards = [withChoice(first), chartCard('Gradient', 'norm by parameter', series(p => p.gradient || []), {x: 'step', log: true, choice: true}),
    chartCard('Weight', 'norm by parameter', series(p => p.weight || []), {x: 'step', choice: true})];
  const seen = Object.entries(run.steps.activations || {});
  const ofSeen = (title, about, key) => {
    const list = seen.filter(([, a]) => known(a[key])).map(([name, a], i) => ({name, points: points(steps(run), a[key]), colour: colour(i), dash: kDashes[Math.floor(i / kLight.length) % kDashes.length]}));
    if (list.length) cards.push(chartCard(title, about, list, {x: 'step', share: key === 'dead' || key === 'saturated'}));
  };
  ofSeen('Activations', 'mean', 'mean');
  ofSeen('Activations', 'deviation', 'std');
  ofSeen('Dead units', 'share that is 0 for all rows', 'dead');
  ofSeen('Saturated units', 'share', 'saturated');
  for (const [name, list] of Object.entries(run.steps.histograms || {}))
    if (list.some(h => h.step !== null)) cards.push(card(name, 'share of values, by step', false, heatMap(name.trim(), list, last(steps(run)))));
  return cards;
}

function findings() {
  const all = runs.flatMap(run => run.findings.map(f => ({...f, run})));
  if (!all.length) return [];
  all.sort((a, b) => severities.indexOf(b.severity) - severities.indexOf(a.severity));
  const jump = f => () => { chosenRun = runs.indexOf(f.run); chosenLayer = f.layer; select('model'); };
  const columns = [{name: 'severity', cell: f => make('span', {class: `tag ${f.severity}`}, f.severity)}, {name: 'rule', cell: f => f.rule},
    {name: 'layer', cell: f => !f.layer ? 'model' : f.run.graph ? make('button', {type: 'button', class: 'link', onclick: jump(f)}, f.layer) : f.layer},
    {name: 'step', number: true, cell: f => f.step}, {name: 'what was seen, and what to do', text: true, cell: f => f.text}];
  if (runs.length > 1) columns.unshift({name: 'run', cell: f => f.run.name});
  return [card('Findings', `${all.length} of the babysitter`, true, table(columns, all, 'Findings', 'stack'))];
}

function model() {
  const run = runs[chosenRun];
  if (!run || !runs.some(r => r.graph)) return [];
  const cards = [];
  if (run.graph) {
    const about = make('p', {class: 'quiet', role: 'status', style: 'margin-top:10px;min-height:21px'});
    const tell = layer => {
      const mine = run.findings.filter(f => f.layer === layer && layer !== '');
      about.textContent = layer === '' ? 'Choose a layer. Those with findings are coloured.' : `${layer}: ${mine.length ? mine.map(f => f.text).join(' · ') : 'no findings'}`;
    };
    const picture = graphPicture(run.graph, run.findings, layer => { chosenLayer = layer; picture.mark(layer); tell(layer); });
    const box = card('Graph', 'ops by layer, of a batch of 32', true, picture.svg, about);
    const button = (text, label, onclick) => make('button', {type: 'button', 'aria-label': label, onclick}, text);
    box.tools.append(button('+', 'Zoom in', () => picture.zoom(1 / 1.25)), button('−', 'Zoom out', () => picture.zoom(1.25)), button('All', 'Show all', picture.all));
    cards.push(withChoice(box));
    picture.mark(chosenLayer);
    tell(chosenLayer);
  }
  if (run.weights) cards.push(card('First layer', `${run.weights.name}: what each unit answers to`, true, images(run.weights, null, run.weights.width < 12 ? 44 : 66)));
  for (const a of run.activations || []) {
    const middle = a.first.map((_, i) => a.low + (i + .5) * (a.high - a.low) / a.first.length), about = (run.graph?.layers[a.layer] || '').split(' ')[0];
    cards.push(chartCard(`Activations of ${a.layer} ${about}`, 'share of values', [{name: 'before training', points: points(middle, a.first), dash: [4, 3], colour: colour(6)}, {name: 'after', points: points(middle, a.last), colour: colour(0)}],
      {x: 'value', low: true, stepped: 'middle'}));
  }
  if (run.profile) {
    const total = run.profile.ops.reduce((a, r) => a + r.forward + r.backward, 0) || 1, ms = s => (s * 1e3).toFixed(3);
    cards.push(card('Profile', `a pass over ${run.profile.rows} rows, on the machine that wrote this report`, true, table([{name: 'op', cell: r => r.name}, {name: 'calls', number: true, cell: r => r.calls},
      {name: 'forward, ms', number: true, cell: r => ms(r.forward)}, {name: 'backward, ms', number: true, cell: r => ms(r.backward)},
      {name: 'share', number: true, cell: r => `${(100 * (r.forward + r.backward) / total).toFixed(1)} %`}, {name: 'MFLOP', number: true, cell: r => (r.flops / 1e6).toFixed(2)},
      {name: 'KiB', number: true, cell: r => (r.bytes / 1024).toFixed(1)}], run.profile.ops, 'Profile')));
  }
  return cards;
}

function rows() {
  const run = runs[chosenRun];
  if (!run || !runs.some(r => r.rows)) return [];
  if (!run.rows) return [withChoice(card('Rows', 'this run has none', true))];
  const right = run.rows.confusion.reduce((a, line, i) => a + line[i], 0), name = i => run.rows.names[i] ?? String(i);
  const cards = [withChoice(card('Confusion', `${right} of ${run.rows.count} test rows right; a line is a class, a column what it was taken for`, true, confusion(run.rows)))];
  const captions = run.rows.worst.map(w => `${name(w.class)}, taken for ${name(w.taken_for)}: ${spell(w.loss)}`);
  cards.push(card('Worst rows', 'by loss', true, run.rows.pictures ? images(run.rows.pictures, captions, 84) :
    table([{name: 'row', number: true, cell: w => w.row}, {name: 'class', cell: w => name(w.class)}, {name: 'taken for', cell: w => name(w.taken_for)}, {name: 'loss', number: true, cell: w => w.loss}], run.rows.worst, 'Worst rows')));
  return cards;
}

function search() {
  const cards = [];
  for (const one of data.searches) {
    const done = one.trials.filter(t => t.status === 'finished' && t.value !== null), values = done.map(t => t.value).sort((a, b) => a - b);
    const shade = v => { const s = values.length < 2 ? 1 : values.indexOf(v) / (values.length - 1); return one.maximize ? s : 1 - s; };
    const best = done.reduce((a, b) => !a || (one.maximize ? b.value > a.value : b.value < a.value) ? b : a, null);
    const stopped = one.trials.length - done.length;
    cards.push(card(one.name, `${one.trials.length} trials${stopped ? `, ${stopped} stopped early or failed` : ''}${best ? `; best ${spell(best.value, 4)} in trial ${best.trial}` : ''}`, true,
      ...(done.length ? [parallel(one, shade)] : [])));
    for (const p of one.parameters) {
      const at = t => p.words.length ? p.words.indexOf(t.values[p.name]) : t.values[p.name];
      const list = done.filter(t => t.values[p.name] !== undefined).map(t => ({x: at(t), y: t.value}));
      const importance = one.importances.find(i => i.name === p.name);
      const about = importance && importance.share !== null ? `explains ${(100 * importance.share).toFixed(0)} % of the ranks' variance` : '';
      if (list.length) cards.push(chartCard(p.name, about, [{name: 'trial', points: list, dots: true}], {x: p.name, y: 'value', logX: isLog(p), low: true, words: p.words.length ? p.words : undefined}));
    }
    const ranked = [...one.trials].sort((a, b) => (b.status === 'finished') - (a.status === 'finished') || (one.maximize ? b.value - a.value : a.value - b.value));
    cards.push(card('Trials', 'from the best to the worst', true, table([{name: 'trial', number: true, cell: t => t.trial}, {name: 'value', number: true, cell: t => t.value}, ...one.parameters.map(p => ({name: p.name, number: !p.words.length, cell: t => t.values[p.name]})),
      {name: 'status', cell: t => t.status}, {name: 'seconds', number: true, cell: t => t.seconds?.toFixed(2)}, {name: 'why not finished', text: true, cell: t => t.reason ?? ''}], ranked.slice(0, 100), 'Trials')));
  }
  return cards;
}

// ---- tabs, theme ---------------------------------------------------------------------------------

const kViews = {overview: ['Overview', overview], curves: ['Curves', curves], layers: ['Layers', layers], findings: ['Findings', findings], model: ['Model', model], rows: ['Rows', rows], search: ['Search', search]};
let shown = [];
const nav = document.querySelector('nav'), main = document.querySelector('main');
let current = '';

function draw() {
  Object.values(Chart.instances).forEach(c => c.destroy());
  drawn.length = 0;
  main.replaceChildren(make('section', {role: 'tabpanel', id: 'view', 'aria-label': kViews[current][0], 'data-view': current}, ...kViews[current][1]()));
  drawn.splice(0).forEach(f => f());
}
function select(id, focus) {
  current = id;
  for (const tab of nav.children) {
    const on = tab.dataset.view === id;
    tab.setAttribute('aria-selected', String(on));
    tab.tabIndex = on ? 0 : -1;
    if (on && focus) tab.focus();
    if (on) tab.scrollIntoView({block: 'nearest', inline: 'center'});
  }
  history.replaceState(null, '', '#' + id);
  draw();
}
// Tabs of the views that have something to show.
function makeTabs() {
  shown = Object.keys(kViews).filter(id => { const any = kViews[id][1]().length > 0; drawn.length = 0; return any; });
  nav.replaceChildren(...shown.map(id => make('button', {type: 'button', role: 'tab', 'data-view': id, 'aria-controls': 'view', onclick: () => select(id)}, kViews[id][0])));
}
nav.addEventListener('keydown', event => {
  const to = {ArrowRight: 1, ArrowLeft: -1}[event.key], at = shown.indexOf(current);
  const next = to ? (at + to + shown.length) % shown.length : {Home: 0, End: shown.length - 1}[event.key];
  if (next === undefined) return;
  select(shown[next], true);
  event.preventDefault();
});

const themeButton = document.getElementById('theme');
function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
  themeButton.textContent = dark ? 'Light' : 'Dark';
  if (current) draw();
}
themeButton.addEventListener('click', () => setTheme(!isDark()));
const prefers = matchMedia('(prefers-color-scheme: dark)');
prefers.addEventListener('change', event => setTheme(event.matches));
setTheme(prefers.matches);
makeTabs();
document.title = [...runs, ...data.searches].map(r => r.name).join(', ') + ' · Gradus';
select(shown.includes(location.hash.slice(1)) ? location.hash.slice(1) : shown[0]);

// While a run goes on: asks the server that gave this page, and draws anew what has changed.
let before = '';
async function refresh() {
  try {
    const answer = await fetch('data.json');
    const text = answer.ok ? await answer.text() : before;
    if (text !== before && before !== '') {
      data = JSON.parse(text);
      runs = data.runs;
      makeTabs();
      const {scrollX, scrollY} = window;
      select(shown.includes(current) ? current : shown[0]);
      scrollTo(scrollX, scrollY);
    }
    before = text;
  } catch {}  // the server has ended; the page stays as it is
  setTimeout(refresh, 2000);
}
if (document.body.dataset.live === 'yes') refresh();
