// Opens pages of the site, as `pages` names them, in a frame at two widths, and leaves what it finds wrong in the body's data-wrong, one a
// line; data-done says that it came to its end. A window can't be as narrow as a telephone, a frame can.
'use strict';
const wrong = [];
let opened = 0, found = 0;
const pause = ms => new Promise(done => setTimeout(done, ms));

async function open(page, width) {
  const frame = document.createElement('iframe');
  frame.style.cssText = `border:0;width:${width}px;height:900px`;
  const loaded = new Promise(done => frame.addEventListener('load', done));
  frame.src = site + page;
  document.body.replaceChildren(frame);
  await loaded;
  await pause(200);
  ++opened;
  return frame.contentWindow;
}

// Whether something around an element cuts it off, or lets it be scrolled by itself.
function isContained(view, element) {
  for (let e = element.parentElement; e && e !== view.document.body; e = e.parentElement)
    if (view.getComputedStyle(e).overflowX !== 'visible' && e.id !== 'doc-content') return true;
  return false;
}
function checkWidth(view, where, note) {
  const root = view.document.documentElement, content = view.document.getElementById('doc-content');
  if (root.scrollWidth > view.innerWidth) note(`${where}: ${root.scrollWidth} px wide`);
  if (content && content.scrollWidth > content.clientWidth)
    note(`${where}: contents of ${content.scrollWidth} px in ${content.clientWidth}`);
  for (const e of view.document.querySelectorAll('div.contents *')) {
    const box = e.getBoundingClientRect();
    if (box.width && box.right > view.innerWidth + 1 && !isContained(view, e) && view.getComputedStyle(e).visibility !== 'hidden')
      return note(`${where}: <${e.localName}> "${e.textContent.slice(0, 40)}" ends at ${Math.round(box.right)}`);
  }
}
function checkPage(view, where, note) {
  const main = view.document.querySelector('div.contents');
  if (!main || main.textContent.trim().length < 200) note(`${where}: no contents`);
  if (!view.document.querySelector('div.header .title')?.textContent.trim()) note(`${where}: no title`);
  for (const image of main.querySelectorAll('img'))
    if (!image.naturalWidth || !image.hasAttribute('alt')) note(`${where}: picture ${image.src} is ${image.naturalWidth} px wide`);
  const size = parseFloat(view.getComputedStyle(main.querySelector('p') || main).fontSize);
  if (!(size >= 14)) note(`${where}: text of ${size} px`);
}
const isDark = rule => rule.media?.mediaText.includes('prefers-color-scheme: dark');

// Types a name into the field; the results are in a frame or in the page, as Doxygen's version has it.
async function checkSearch(view, where, note) {
  const page = view.document, field = page.getElementById('MSearchField');
  if (!field.getBoundingClientRect().width) return note(`${where}: no field to search with`);
  field.focus();
  field.value = 'log_softmax';
  field.dispatchEvent(new view.KeyboardEvent('keyup', {key: 'x', bubbles: true}));
  let links = [];
  for (let i = 0; i < 12 && !links.length; ++i) {
    await pause(250);
    const frame = page.getElementById('MSearchResults'), results = frame.contentDocument || frame;
    links = [...results.querySelectorAll('a.SRSymbol, a.SRScope')].filter(a => a.getClientRects().length);
  }
  if (!links.some(a => a.textContent.includes('log_softmax'))) note(`${where}: the search finds ${links.map(a => a.textContent)}`);
  if (!links.some(a => a.href.includes('group__header__ops__norm.html#'))) note(`${where}: the search leads to ${links.map(a => a.href)}`);
  const box = page.getElementById('MSearchResultsWindow').getBoundingClientRect();
  if (!box.width || box.right > view.innerWidth || box.left < 0) note(`${where}: results lie from ${box.left} to ${box.right}`);
  ++found;
}

async function walk(note) {
  for (const width of [1280, 390])
    for (const page of pages) {
      const view = await open(page, width), where = `${page} at ${width} px`;
      checkWidth(view, where, note);
      checkPage(view, where, note);
      if (page === pages[0]) {
        await checkSearch(view, where, note);
        if (![...view.document.styleSheets].some(sheet => [...sheet.cssRules].some(isDark))) note('no dark colours');
      }
    }
}
addEventListener('load', async () => {
  try {
    await walk(text => wrong.push(text));
  } catch (error) {
    wrong.push(`walk: ${error.stack}`);
  }
  document.body.replaceChildren();
  document.body.dataset.wrong = wrong.join('\n');
  document.body.dataset.done = `${opened} pages, ${found} searches`;
});
