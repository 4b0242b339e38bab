"use strict";
(() => {
  const { runs } = JSON.parse(document.getElementById("data").textContent);
  // Okabe & Ito 2008: told apart by most colour-blind readers; validation and test also differ by their dashes.
  const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999"];
  const DASHES = { train: [], validation: [6, 3], test: [2, 3] };
  const shown = runs.map(() => true);
  let charts = [];
  let tab = 0;
  const picked = { run: 0, layer: null };

  const colour = (i) => COLOURS[i % COLOURS.length];
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const show = (v, digits = 4) =>
    v === null || v === undefined ? "–" : typeof v === "number" ? String(Number(v.toPrecision(digits))) : String(v);

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes))
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== null && value !== false) made.setAttribute(name, value);
    made.append(...children.filter((child) => child !== null));
    return made;
  }
  const card = (title, about, ...children) =>
    element("section", { class: "card" }, element("h2", {}, title), about ? element("p", { class: "about" }, about) : null, ...children);
  const grid = (...cards) => element("div", { class: "grid" }, ...cards.filter((c) => c));
  const empty = (text) => element("p", { class: "empty" }, text);
  function table(head, rows) {
    const cell = (value) =>
      element("td", { class: typeof value === "number" ? "number" : typeof value === "string" && value.length > 40 ? "text" : null }, value instanceof Node ? value : show(value));
    return element("div", { class: "scroll", tabindex: "0" },
      element("table", {},
        element("thead", {}, element("tr", {}, ...head.map((h, k) =>
          element("th", { scope: "col", class: rows.some((row) => typeof row[k] === "number") ? "number" : null }, h)))),
        element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell))))));
  }

  // ---- charts: drag to zoom along x, double click or Escape for all of it -------------------------------------------
  function chart(title, about, series, { log = false, x = "step" } = {}) {
    series = series.filter((s) => s.points.some((p) => p.y !== null && (!log || p.y > 0)));
    if (!series.length) return null;
    const canvas = element("canvas", { role: "img", tabindex: "0", "aria-label": `${title}: ${series.map((s) => s.label).join(", ")}` });
    if (typeof Chart === "undefined") return card(title, about, empty("Charts are left out: the page was built without Chart.js."));
    const axis = { color: css("--soft"), font: { size: 11 } };
    const made = new Chart(canvas, {
      type: "line",
      data: {
        datasets: series.map((s) => ({
          label: s.label, data: s.points.filter((p) => p.y !== null && (!log || p.y > 0)), borderColor: s.colour, backgroundColor: s.colour,
          borderDash: s.dash || [], borderWidth: 1.8, pointRadius: s.points.length > 40 ? 0 : 2.2, pointHitRadius: 8, tension: 0,
        })),
      },
      options: {
        animation: false, responsive: true, maintainAspectRatio: false, parsing: false, normalized: true,
        interaction: { mode: "nearest", axis: "x", intersect: false },
        plugins: { legend: { display: series.length > 1, position: "bottom", labels: { color: css("--text"), boxWidth: 22, boxHeight: 1, font: { size: 12 } } } },
        scales: {
          x: { type: "linear", title: { display: true, text: x, color: css("--soft") }, grid: { color: css("--line") }, ticks: { ...axis, precision: x === "epoch" ? 0 : undefined } },
          y: { type: log ? "logarithmic" : "linear", grid: { color: css("--line") }, ticks: { ...axis, callback: (v) => show(v, 3), maxTicksLimit: 7 } },
        },
      },
    });
    charts.push(made);
    const limit = (low, high) => {
      made.options.scales.x.min = low;
      made.options.scales.x.max = high;
      made.update();
    };
    let from = null;
    const place = (event) => made.scales.x.getValueForPixel(event.clientX - canvas.getBoundingClientRect().left);
    canvas.addEventListener("pointerdown", (event) => { from = place(event); });
    canvas.addEventListener("pointerup", (event) => {
      const to = place(event), { min, max } = made.scales.x;
      if (from !== null && Math.abs(to - from) > (max - min) / 50) limit(Math.min(from, to), Math.max(from, to));
      from = null;
    });
    canvas.addEventListener("dblclick", () => limit(undefined, undefined));
    canvas.addEventListener("keydown", (event) => {
      const { min, max } = made.scales.x, width = max - min;
      const steps = { "+": [min + width / 4, max - width / 4], "-": [min - width / 2, max + width / 2],
        ArrowLeft: [min - width / 4, max - width / 4], ArrowRight: [min + width / 4, max + width / 4] };
      if (event.key === "Escape") limit(undefined, undefined);
      else if (steps[event.key]) { limit(...steps[event.key]); event.preventDefault(); }
    });
    return card(title, about, element("div", { class: "chart" }, canvas));
  }

  const visible = () => runs.map((run, i) => ({ run, i })).filter(({ i }) => shown[i]);
  const named = (label, i) => (runs.length > 1 ? `${runs[i].name} ${label}`.trim() : label || runs[i].name);
  const by_step = (value) =>
    visible().map(({ run, i }) => ({ label: named("", i), colour: colour(i), points: run.steps.map((s) => ({ x: s.step, y: value(s) ?? null })) }));
  const by_epoch = (what) =>
    visible().flatMap(({ run, i }) =>
      ["train", "validation", "test"].map((part, k) => ({
        label: named(part, i), dash: DASHES[part], colour: runs.length > 1 ? colour(i) : colour(k),
        points: run.epochs.map((e) => ({ x: e.epoch, y: e[`${part}_${what}`] ?? null })),
      })));

  // ---- views ---------------------------------------------------------------------------------------------------------
  function overview() {
    const rows = visible().map(({ run, i }) => {
      const s = run.summary || {}, last = run.epochs[run.epochs.length - 1] || {};
      return [element("span", {}, element("span", { class: "swatch", style: `background:${colour(i)}` }), ` ${run.name}`),
        s.status || "under way", run.epochs.length, last.train_loss ?? null, s.validation_accuracy ?? s.validation_loss ?? null,
        s.test_accuracy ?? s.test_r2 ?? s.test_loss ?? null, s.seconds ?? null, run.findings.length];
    });
    const keys = [...new Set(visible().flatMap(({ run }) => Object.keys(run.config || {})))]
      .filter((key) => !["gradus_run", "options", "standardize_mean", "standardize_std", "impute_mean", "class_names"].includes(key));
    const value = (run, key) => { const v = (run.config || {})[key]; return v === undefined ? "–" : Array.isArray(v) ? v.join(" × ") : String(v); };
    return element("div", {},
      grid(chart("Loss", "each epoch", by_epoch("loss"), { x: "epoch" }), chart("Accuracy", "each epoch", by_epoch("accuracy"), { x: "epoch" }),
        chart("R²", "each epoch", by_epoch("r2"), { x: "epoch" })),
      element("p", {}),
      card("Results", null, table(["run", "status", "epochs", "train loss", "validation", "test", "seconds", "findings"], rows)),
      element("p", {}),
      card("Settings", null, table(["", ...visible().map(({ run }) => run.name)], keys.map((key) => [key, ...visible().map(({ run }) => value(run, key))]))));
  }

  function curves() {
    const cards = [chart("Loss", "sampled steps", by_step((s) => s.loss), { log: true }), chart("Learning rate", null, by_step((s) => s.lr))];
    return cards.some((c) => c) ? element("div", {}, element("p", { class: "tools" }, "Drag to zoom, double click for all; + − ← → Esc on a chart"), grid(...cards)) : empty("No steps.jsonl: the run was not watched.");
  }

  const of_layer = (name) => name.slice(0, Math.max(0, name.lastIndexOf(".")));
  function layers() {
    if (!runs[picked.run].steps.length) picked.run = Math.max(0, runs.findIndex((r) => r.steps.length));
    const run = runs[picked.run], steps = run.steps;
    if (!steps.length) return empty("No steps.jsonl: the run was not watched.");
    const all = Object.keys(steps[steps.length - 1].parameters || {});
    const list = [...new Set(all.map(of_layer))];
    if (picked.layer !== null && !list.includes(picked.layer)) picked.layer = null;
    const wanted = all.filter((p) => (picked.layer === null ? p.endsWith("weight") : of_layer(p) === picked.layer)).slice(0, 14);
    const lines = (value) => wanted.map((p, k) => ({ label: p, colour: colour(k), dash: k < COLOURS.length ? [] : [5, 3],
      points: steps.map((s) => ({ x: s.step, y: s.parameters[p] ? value(s.parameters[p]) : null })) }));
    const values = (key, want) => {
      const acts = [...new Set(steps.flatMap((s) => (s.activations || []).filter((a) => key in a).map((a) => `${a.layer} ${a.op}`)))]
        .filter((a) => want === null || a.startsWith(`${want} `)).slice(0, 14);
      return acts.map((name, k) => ({ label: name, colour: colour(k), dash: k < COLOURS.length ? [] : [5, 3],
        points: steps.map((s) => ({ x: s.step, y: (s.activations.find((a) => `${a.layer} ${a.op}` === name) || {})[key] ?? null })) }));
    };
    const pick = (label, options, current, change) =>
      element("label", {}, `${label} `, element("select", { onchange: (e) => { change(e.target.value); draw(); } },
        ...options.map(([v, text]) => element("option", { value: v, selected: v === String(current) ? "" : null }, text))));
    return element("div", {},
      element("p", { class: "tools" },
        runs.length > 1 ? pick("Run", runs.map((r, i) => [String(i), r.name]), picked.run, (v) => { picked.run = Number(v); }) : null,
        pick("Layer", [["*", "all weights"], ...list.map((l) => [l, l || "the model"])], picked.layer ?? "*", (v) => { picked.layer = v === "*" ? null : v; })),
      grid(
        chart("Updates by weights", "norm of the update by that of the weight; about 0.001 is usual", lines((p) => (p.weight > 0 ? p.update / p.weight : null)), { log: true }),
        chart("Gradients", "norm", lines((p) => p.gradient), { log: true }),
        chart("Weights", "norm", lines((p) => p.weight)),
        chart("Activations", "deviation", values("std", picked.layer), { log: true }),
        chart("Dead units", "share that is 0 in every row", values("dead", picked.layer)),
        chart("Saturated", "share of values where the nonlinearity is flat", values("saturated", picked.layer))));
  }

  function findings() {
    const order = { error: 0, warning: 1, note: 2 };
    const all = visible().flatMap(({ run, i }) => run.findings.map((f) => ({ f, i }))).sort((a, b) => order[a.f.severity] - order[b.f.severity]);
    if (!all.length) return empty("Nothing was found.");
    return card("Findings", "a layer leads to its curves", table(["severity", "rule", "layer", "step", "what, and what to do", "line", "run"],
      all.map(({ f, i }) => [
        element("span", { class: `severity ${f.severity}` }, f.severity), f.rule,
        f.layer ? element("button", { class: "link", type: "button", onclick: () => { picked.run = i; picked.layer = f.layer; select("Layers"); } }, f.layer) : "–",
        f.step, f.text, f.site || "–", runs[i].name])));
  }

  function picture(shape, bytes, signed, size) {
    const [channels, height, width] = shape;
    const canvas = element("canvas", { width, height, style: `width:${size}px;height:${Math.round((size * height) / width)}px` });
    const context = canvas.getContext("2d"), image = context.createImageData(width, height);
    for (let p = 0; p < width * height; ++p) {
      const at = (c) => bytes[(channels === 3 ? c : 0) * width * height + p];
      if (signed && channels !== 3) {  // blue below 0, orange above
        const v = (at(0) - 127) / 127, low = [0, 114, 178], high = [213, 94, 0], end = v < 0 ? low : high;
        for (let c = 0; c < 3; ++c) image.data[4 * p + c] = 245 + (end[c] - 245) * Math.abs(v);
      } else for (let c = 0; c < 3; ++c) image.data[4 * p + c] = at(c);
      image.data[4 * p + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    return canvas;
  }
  function weights() {
    const cards = visible().filter(({ run }) => run.weights).map(({ run }) =>
      card(`${run.name}: ${run.weights.name}`, `${run.weights.images.length} of ${run.weights.of}, each by its largest value; blue is below 0, orange above, colours are the channels`,
        element("div", { class: "images" }, ...run.weights.images.map((bytes) => picture(run.weights.shape, bytes, true, run.weights.shape[2] < 12 ? 40 : 56)))));
    return cards.length ? grid(...cards) : empty("No first layer whose weights are images.");
  }

  function confusion(run) {
    const { classes, confusion: counts } = run.evaluation, most = Math.max(...counts.flat(), 1);
    const name = (k) => classes[k] ?? String(k);
    const cell = (n, same) => element("td", {
      style: n ? `background:color-mix(in srgb, ${same ? "#009e73" : "#d55e00"} ${Math.round(15 + (70 * n) / (same ? most : Math.max(1, most / 8)))}%, transparent)` : null }, String(n));
    return card(`${run.name}: confusion`, "rows: the class, columns: what it was taken for", element("div", { class: "scroll", tabindex: "0" },
      element("table", { class: "confusion" },
        element("tr", {}, element("th", {}), ...counts.map((_, k) => element("th", { scope: "col" }, name(k)))),
        ...counts.map((row, c) => element("tr", {}, element("th", { scope: "row" }, name(c)), ...row.map((n, k) => cell(n, c === k)))))));
  }
  function worst(run) {
    const rows = run.evaluation.worst;
    if (!rows.length) return null;
    const image = (r) => r.shape.length === 3;
    return card(`${run.name}: surest mistakes`, `of the ${run.evaluation.part} rows`,
      image(rows[0])
        ? element("div", { class: "images" }, ...rows.map((r) => element("figure", {}, picture(r.shape, r.bytes, false, 84),
            element("figcaption", {}, element("b", {}, r.guess), ` ${(100 * r.probability).toFixed(0)} %`, element("br"), `is ${r.truth}, row ${r.row}`))))
        : table(["row", "is", "taken for", "probability"], rows.map((r) => [r.row, r.truth, r.guess, r.probability])));
  }
  function rows() {
    const cards = visible().filter(({ run }) => run.evaluation).flatMap(({ run }) => [confusion(run), worst(run)]);
    return cards.length ? grid(...cards) : empty("No rows were evaluated: gradus report does so where the run's data can be read.");
  }

  // ---- the frame -----------------------------------------------------------------------------------------------------
  const TABS = [["Overview", overview], ["Steps", curves], ["Layers", layers], ["Findings", findings], ["Weights", weights], ["Rows", rows]];
  const tabs = document.getElementById("tabs"), views = document.getElementById("views");

  function draw() {
    charts.forEach((c) => c.destroy());
    charts = [];
    const view = TABS[tab][1]();
    view.id = "view";
    view.setAttribute("role", "tabpanel");
    view.setAttribute("aria-label", TABS[tab][0]);
    views.replaceChildren(view);
    [...tabs.children].forEach((button, i) => {
      button.setAttribute("aria-selected", String(i === tab));
      button.tabIndex = i === tab ? 0 : -1;
    });
    document.body.dataset.charts = String(charts.length);
  }
  function select(name) {
    tab = TABS.findIndex(([known]) => known === name);
    draw();
    tabs.children[tab].focus();
  }
  TABS.forEach(([name]) => tabs.append(element("button", { type: "button", role: "tab", onclick: () => select(name) }, name)));
  tabs.addEventListener("keydown", (event) => {
    const to = { ArrowRight: tab + 1, ArrowLeft: tab + TABS.length - 1, Home: 0, End: TABS.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    select(TABS[to % TABS.length][0]);
  });
  const chips = document.getElementById("runs");
  runs.forEach((run, i) => chips.append(element("button", { type: "button", "aria-pressed": "true", onclick: (event) => {
    shown[i] = !shown[i];
    event.currentTarget.setAttribute("aria-pressed", String(shown[i]));
    draw();
  } }, element("span", { class: "swatch", style: `background:${colour(i)}` }), run.name)));
  const root = document.documentElement;
  root.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    draw();
  });
  draw();
})();
