'use strict';
/* The form works without this file; with it gates, dose and tasks follow what is typed. */
{
  const form = document.querySelector('form[data-live]');
  const CHECKED = new Set(['started_at', 'ended_at', 'diluted_at', 'observed_until', 'weight_kg', 'volume_ml', 'rate_ml_h', 'outcome', 'percent_given', 'ndc', 'place_of_service']);
  let asked = 0;
  let wait = 0;

  function put(page, id) {
    const old = document.getElementById(id);
    const made = document.importNode(page.getElementById(id), true);
    const open = [...old.querySelectorAll('details')].map((d) => d.open);
    made.querySelectorAll('details').forEach((d, n) => { d.open = Boolean(open[n]); });
    old.replaceWith(made);
  }

  async function check() {
    const mine = ++asked;
    const body = new FormData(form);
    body.delete('override-password');
    body.append('do', 'check');
    const answer = await fetch(location.href, { method: 'POST', body }).catch(() => null);
    if (mine !== asked || !answer || !answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    if (mine !== asked || !page.getElementById('check')) return;
    put(page, 'check');
    const [old, made] = [document.getElementById('override'), page.getElementById('override')];
    if (Boolean(old.firstElementChild) !== Boolean(made.firstElementChild)) put(page, 'override');
  }

  form.addEventListener('input', (e) => {
    if (!CHECKED.has(e.target.name)) return;
    clearTimeout(wait);
    wait = setTimeout(check, 250);
  });
  form.addEventListener('submit', () => { asked += 1; clearTimeout(wait); });
}
