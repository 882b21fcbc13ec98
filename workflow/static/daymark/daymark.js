'use strict';
/* Everything works without this file: it adds keys, and moves focus to an error summary. */
{
  const typing = (e) => e.target.closest('input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]');
  const off = () => { try { return localStorage.getItem('keys') === 'off'; } catch { return false; } };
  const rows = () => [...document.querySelectorAll('[data-row]')];
  const go = {
    t: 'today', p: 'patients', l: 'lab-entry', c: 'cohort', m: 'milestones', e: 'exports', d: 'desk', r: 'rules',
  };
  const keys = document.getElementById('keys');
  let prefix = false;

  const current = () => rows().findIndex((row) => row.contains(document.activeElement));

  function step(by) {
    const all = rows();
    const at = current();
    const next = all[Math.max(0, Math.min(all.length - 1, at + by))];
    next?.querySelector('a, button')?.focus();
  }

  /* Selects the row, and stands on it, so that j and k go on from there. */
  function select() {
    const row = rows()[current()];
    const box = row?.querySelector('input[name=task]');
    if (box) box.checked = !box.checked;
  }

  /* The field of the form below the lists; a date that is still empty starts as tomorrow. */
  function fill(e, id) {
    const field = document.getElementById(id);
    if (!field?.closest('.bar')) return;
    e.preventDefault();
    if (field.type === 'date' && !field.value) field.value = field.min;
    field.focus();
  }

  /* A trial run comes back into the page, so that the chosen file stays chosen. */
  async function attempt(form, button) {
    const body = new FormData(form);
    body.append(button.name, button.value);
    const place = document.getElementById(form.dataset.try);
    button.textContent = 'Trying';
    try {
      const answer = await fetch(form.action || location.href, { method: 'POST', body });
      const found = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById(place.id);
      if (!found) throw new Error(answer.status);
      place.replaceChildren(...found.childNodes);
    } catch {
      place.textContent = 'The trial run did not answer. Try again.';
    }
    button.textContent = 'Try without saving';
    form.querySelectorAll('[type=submit]').forEach((b) => { b.disabled = false; });
    place.focus();
  }

  document.addEventListener('keydown', (e) => {
    if (e.key === 'Escape' && typing(e)) e.target.blur();
    if (e.key === 'Enter' && e.target.matches('.bar select, .fast select')) { e.preventDefault(); e.target.form.requestSubmit(); }
    if (off() || keys?.open || typing(e) || e.ctrlKey || e.metaKey || e.altKey) return;
    const there = prefix && go[e.key];
    prefix = e.key === 'g';
    if (there) { document.querySelector(`.tabs a[href$="/${there}/"]`)?.click(); return; }
    if (e.key === '/') { e.preventDefault(); document.getElementById('find')?.focus(); }
    if (e.key === 'j') step(1);
    if (e.key === 'k') step(-1);
    if (e.key === 'x') select();
    if (e.key === 'a') fill(e, 'assignee');
    if (e.key === 'z') fill(e, 'until');
    if (e.key === '?') keys?.showModal();
    if (e.key === 'e') document.querySelector('[data-key="e"]')?.click();
  });

  document.addEventListener('DOMContentLoaded', () => {
    document.querySelector('.problem, #asks')?.focus();
    document.querySelectorAll('[data-open-keys]').forEach((button) => {
      button.hidden = false;
      button.addEventListener('click', () => keys.showModal());
    });
    document.querySelectorAll('[data-copy]').forEach((button) => {
      button.hidden = !navigator.clipboard;
      button.addEventListener('click', async () => {
        const field = document.getElementById(button.dataset.copy);
        field.select();
        await navigator.clipboard.writeText(field.value);
        button.textContent = 'Copied';
      });
    });
    document.querySelectorAll('[data-keys-switch]').forEach((box) => {
      box.checked = !off();
      box.addEventListener('change', () => localStorage.setItem('keys', box.checked ? 'on' : 'off'));
    });
    document.querySelectorAll('form[data-try]').forEach((form) => form.addEventListener('submit', (e) => {
      if (e.submitter?.name === 'try') { e.preventDefault(); attempt(form, e.submitter); }
    }));
    document.querySelectorAll('form[method=post]').forEach((form) => form.addEventListener('submit', () => {
      form.querySelectorAll('[type=submit]').forEach((b) => setTimeout(() => { b.disabled = true; }));
    }));
  });
}
