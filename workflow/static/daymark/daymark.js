'use strict';
/* Everything works without this file: it adds keys, and moves focus to an error summary. */
{
  const typing = (e) => e.target.closest('input, select, textarea, [contenteditable]');
  const off = () => { try { return localStorage.getItem('keys') === 'off'; } catch { return false; } };
  const rows = () => [...document.querySelectorAll('[data-row]')];
  const go = { t: 'today', p: 'patients', d: 'desk', r: 'rules' };
  let prefix = false;

  function step(by) {
    const all = rows();
    const at = all.findIndex((row) => row.contains(document.activeElement));
    const next = all[Math.max(0, Math.min(all.length - 1, at + by))];
    next?.querySelector('a, button')?.focus();
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
    if (off() || typing(e) || e.ctrlKey || e.metaKey || e.altKey) return;
    if (prefix && go[e.key]) document.querySelector(`.tabs a[href$="/${go[e.key]}/"]`)?.click();
    prefix = e.key === 'g';
    if (e.key === '/') { e.preventDefault(); document.getElementById('find')?.focus(); }
    if (e.key === 'j') step(1);
    if (e.key === 'k') step(-1);
    if (e.key === 'e') document.querySelector('[data-key="e"]')?.click();
  });

  document.addEventListener('DOMContentLoaded', () => {
    document.querySelector('.problem')?.focus();
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
