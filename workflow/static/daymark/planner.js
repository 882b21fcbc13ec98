'use strict';
/* The planner works without this file; with it a date shows what follows while it is typed, stepped or dragged. */
{
  const DAY = 864e5;
  const form = document.querySelector('form[data-planner]');
  const input = document.getElementById('infusion_on');
  let asked = 0;

  const offset = (first, day) => Math.round((Date.parse(day) - Date.parse(first)) / DAY);
  const dayAt = (first, days) => new Date(Date.parse(first) + days * DAY).toISOString().slice(0, 10);

  function marker() {
    const place = document.querySelector('[data-slider]');
    if (!place || place.dataset.shown) return;
    const { left, right, first, last, on } = place.dataset;
    const slider = document.createElement('input');
    const word = document.createElement('label');
    slider.type = 'range';
    slider.id = 'marker';
    slider.min = 0;
    slider.max = offset(first, last);
    slider.value = offset(first, on);
    slider.setAttribute('aria-valuetext', on);
    slider.style.marginLeft = `${left - 8}px`;
    slider.style.width = `${right - left + 16}px`;
    word.htmlFor = 'marker';
    word.textContent = 'Drag, or use the arrow keys, to move the date';
    slider.addEventListener('input', () => {
      input.value = dayAt(first, slider.valueAsNumber);
      slider.setAttribute('aria-valuetext', input.value);
      show();
    });
    place.dataset.shown = 'yes';
    document.querySelector('#preview .scroll').append(slider);
    slider.before(word);
  }

  function put(page, id) {
    const open = [...document.querySelectorAll(`#${id} details[open]`)].map((d) => d.closest('section')?.getAttribute('aria-labelledby'));
    const old = document.getElementById(id);
    const made = document.importNode(page.getElementById(id), true);
    old.replaceWith(made);
    open.filter(Boolean).forEach((name) => {
      made.querySelectorAll(`section[aria-labelledby="${name}"] details`).forEach((d) => { d.open = true; });
    });
  }

  async function show() {
    if (!input.value) return;
    const mine = ++asked;
    const held = document.activeElement?.id === 'marker';
    const url = new URL(location.pathname, location.origin);
    url.searchParams.set('infusion_on', input.value);
    const answer = await fetch(url, { headers: { Accept: 'text/html' } }).catch(() => null);
    if (mine !== asked || !answer) return;
    if (!answer.ok) { form.querySelector('[data-show]').hidden = false; return; }
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    if (mine !== asked || !page.getElementById('preview')) return;
    const slider = document.getElementById('marker');
    put(page, 'problems');
    put(page, 'preview');
    marker();
    if (held && slider) {
      const made = document.getElementById('marker');
      made.replaceWith(slider);
      slider.max = made.max;
      slider.focus({ preventScroll: true });
    }
  }

  form.querySelector('[data-show]').hidden = true;
  input.addEventListener('input', show);
  marker();
}
