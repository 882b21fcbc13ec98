'use strict';
/* The lab grid. Without this file the form is sent as a whole; with it each row is checked and saved by itself.
   What a value means is never decided here: the server weighs every row by the rules. */
{
  const form = document.querySelector('form.labs');
  const grid = form.querySelector('[data-grid]');
  const rows = [...grid.querySelectorAll('[data-entry]')];
  const tally = form.querySelector('[data-tally]');
  const cells = (row) => [...row.querySelectorAll('.value')];
  const field = (row, name) => row.querySelector(`[name="${name}-${row.dataset.entry}"]`);
  const typed = (row) => cells(row).map((c) => c.value.trim()).join('\t');
  const kept = new Map(rows.map((row) => [row, typed(row)]));
  const asked = new Map();
  const number = (row, on) => asked.set(row, on).get(row);
  const dirty = (row) => typed(row) !== kept.get(row) && typed(row).trim() !== '';

  function say(row, tone, text, saved) {
    const place = row.querySelector('.say');
    place.className = `say ${tone}`;
    place.textContent = text;
    if (saved) {
      const when = document.createElement('span');
      when.className = 'quiet';
      when.textContent = ` Saved ${saved}`;
      place.append(when);
    }
  }

  function offer(row, word, act) {
    row.querySelector('.check .keep')?.remove();
    if (!word) return;
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'btn second keep';
    button.textContent = word;
    button.addEventListener('click', act);
    row.querySelector('.check').append(button);
  }

  function mark(row, faults) {
    row.querySelectorAll('input').forEach((input) => input.removeAttribute('aria-invalid'));
    Object.keys(faults).forEach((name) => field(row, name)?.setAttribute('aria-invalid', 'true'));
  }

  function body(row, save) {
    const sent = new FormData();
    const take = (input) => input.name && sent.append(input.name, input.value);
    take(form.querySelector('[name=csrfmiddlewaretoken]'));
    form.querySelectorAll('[data-limit] input, [data-limit] select').forEach(take);
    row.querySelectorAll('input:not([type=checkbox])').forEach(take);
    if (save) sent.append('save', 'yes');
    return sent;
  }

  async function send(row, save) {
    const answer = await fetch(form.dataset.rowUrl, { method: 'POST', body: body(row, save), redirect: 'manual' });
    if (answer.type === 'opaqueredirect' || answer.status === 403) throw new Error('signed out');
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  function tell(row, found, what) {
    mark(row, found.faults);
    row.dataset.state = found.state;
    say(row, found.tone, found.text, found.at);
    field(row, 'keep').value = '';
    if (found.state === 'saved') {
      kept.set(row, what);
      field(row, 'seen').value = found.seen.join(' ');
    }
    if (found.state === 'asks') {
      field(row, 'keep').dataset.token = found.token;
      offer(row, 'Keep', () => keep(row));
    } else offer(row, '');
  }

  function failed(row, error) {
    row.dataset.state = 'failed';
    const out = error.message === 'signed out';
    say(row, 'bad', out ? 'Not saved, you are signed out. Sign in again in another tab, then retry.' : 'Not saved, retry.');
    offer(row, 'Retry', () => save(row));
  }

  /* After a new sign-in the page's token is stale: take the one of a fresh page. */
  async function renew() {
    const answer = await fetch(location.href, { redirect: 'manual' });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const token = page.querySelector('form.labs [name=csrfmiddlewaretoken]');
    if (token) form.querySelector('[name=csrfmiddlewaretoken]').value = token.value;
  }

  async function check(row) {
    if (!dirty(row) || row.dataset.state === 'saving') return;
    const mine = number(row, (asked.get(row) ?? 0) + 1);
    const found = await send(row, false).catch(() => null);
    if (!found || asked.get(row) !== mine) return;
    mark(row, found.faults);
    row.dataset.state = 'typed';
    offer(row, '');
    say(row, found.tone, found.text);
  }

  async function save(row) {
    if (!dirty(row) && row.dataset.state !== 'asks') return;
    const what = typed(row);
    const mine = number(row, (asked.get(row) ?? 0) + 1);
    const again = row.dataset.state === 'failed';
    row.dataset.state = 'saving';
    say(row, '', 'Saving');
    try {
      if (again) await renew();
      const found = await send(row, true);
      if (asked.get(row) === mine) tell(row, found, what);
      else if (found.state === 'saved') kept.set(row, what);
    } catch (error) { failed(row, error); }
    count();
  }

  function keep(row) {
    field(row, 'keep').value = field(row, 'keep').dataset.token;
    save(row);
  }

  function count() {
    const open = rows.filter(dirty).length;
    tally.textContent = open ? `${open} row${open === 1 ? '' : 's'} not saved yet` : '';
  }

  function go(row, by, column) {
    const next = rows[rows.indexOf(row) + by];
    const cell = next && cells(next)[column];
    cell?.focus();
    cell?.select();
    return Boolean(cell);
  }

  function sideways(e) {
    const input = e.target;
    const line = cells(input.closest('[data-entry]'));
    const edge = e.key === 'ArrowLeft' ? input.selectionStart === 0 : input.selectionEnd === input.value.length;
    const next = line[line.indexOf(input) + (e.key === 'ArrowLeft' ? -1 : 1)];
    if (!next || !(edge || (input.selectionStart === 0 && input.selectionEnd === input.value.length))) return;
    e.preventDefault();
    next.focus();
    next.select();
  }

  grid.addEventListener('keydown', (e) => {
    const row = e.target.closest('[data-entry]');
    if (!row || e.target.tagName !== 'INPUT' || e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === '?') {
      e.preventDefault();
      const help = document.getElementById('grid-help');
      help.open = !help.open;
      return;
    }
    if (e.key === 'Enter') {
      e.preventDefault();
      if (row.dataset.state === 'asks') keep(row); else save(row);
      if (!go(row, 1, 0)) form.querySelector('[data-save-all]').focus();
      return;
    }
    if (!e.target.classList.contains('value')) return;
    const column = cells(row).indexOf(e.target);
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') { e.preventDefault(); go(row, e.key === 'ArrowDown' ? 1 : -1, column); }
    if (e.key === 'ArrowLeft' || e.key === 'ArrowRight') sideways(e);
  });

  grid.addEventListener('input', (e) => {
    const row = e.target.closest('[data-entry]');
    if (row.dataset.state === 'asks') { row.dataset.state = 'typed'; offer(row, ''); say(row, '', ''); }
    count();
  });
  grid.addEventListener('change', (e) => {
    const row = e.target.closest('[data-entry]');
    if (e.target.name.startsWith('lab-')) limit(row, e.target.value.trim());
    check(row);
  });
  form.querySelector('.limits').addEventListener('change', () => rows.filter(dirty).forEach(check));

  /* A laboratory that is new here gets a line of its own in the table of limits, empty until somebody fills it. */
  function limit(row, lab) {
    const lines = [...form.querySelectorAll('[data-limit]')];
    const of = (line, name) => line.querySelector(`[name^="limit-${name}-"]`);
    const same = (line) => of(line, 'lab').value === lab && of(line, 'sex').value === row.dataset.sex
      && of(line, 'site').value === row.dataset.site;
    if (lines.some(same)) return;
    const made = lines[0].cloneNode(true);
    made.querySelectorAll('[name]').forEach((input) => {
      input.name = input.name.replace(/-\d+$/, `-${lines.length}`);
      if (input.type === 'text') {
        input.value = '';
        input.setAttribute('aria-label', `Upper limit of ${input.name.split('-')[1]}, ${lab || 'no laboratory named'}, ${row.dataset.sex}`);
      }
    });
    of(made, 'site').value = row.dataset.site;
    of(made, 'lab').value = lab;
    of(made, 'sex').value = row.dataset.sex;
    made.querySelector('b').textContent = lab || 'No laboratory named';
    made.cells[1].textContent = row.dataset.sex;
    lines.at(-1).after(made);
  }

  /* A block from a sheet: from the focused value to the right and down, or by the patient code in the first column. */
  grid.addEventListener('paste', (e) => {
    const text = e.clipboardData.getData('text').replace(/[\r\n]+$/, '');
    const first = e.target.closest('[data-entry]');
    if (!first || !e.target.classList.contains('value') || !/[\t\n]/.test(text)) return;
    e.preventDefault();
    const lines = text.split(/\r?\n/).map((line) => line.split('\t').map((cell) => cell.trim()));
    const codes = new Map(rows.map((row) => [row.dataset.code.toLowerCase(), row]));
    const named = lines.some((line) => codes.has(line[0].toLowerCase()));
    const column = named ? 0 : cells(first).indexOf(e.target);
    const lost = [];
    const filled = lines.map((line, n) => {
      const row = named ? codes.get(line[0].toLowerCase()) : rows[rows.indexOf(first) + n];
      if (!row) { lost.push(named ? line[0] : `line ${n + 1}`); return null; }
      (named ? line.slice(1) : line).forEach((value, i) => { const cell = cells(row)[column + i]; if (cell) cell.value = value; });
      check(row);
      return row;
    });
    count();
    if (lost.length) tally.textContent += `. Not on this list, not pasted: ${lost.join(', ')}`;
    if (filled.filter(Boolean).length > 1) form.querySelector('[data-save-all]').focus();
  });

  form.addEventListener('submit', async (e) => {
    e.preventDefault();
    e.stopImmediatePropagation();
    for (const row of rows.filter(dirty)) await save(row);
    const left = rows.find(dirty);
    if (left) cells(left).find((c) => c.getAttribute('aria-invalid'))?.focus();
  }, true);

  window.addEventListener('beforeunload', (e) => { if (rows.some(dirty)) e.preventDefault(); });
  const start = grid.querySelector('[data-first] .value') ?? rows.filter((row) => row.dataset.state !== 'saved').map((row) => cells(row).find((c) => !c.value)).find(Boolean);
  if (!document.querySelector('.problem')) start?.focus();
}
