"""What a browser test measures on a page: axe findings, contrast, width, targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.browser.conftest import AXE

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]

CONTRAST = """
() => {
  const parse = (text) => {
    const m = text.match(/^rgba?\\(([^)]+)\\)$/);
    const s = text.match(/^color\\(srgb ([^)]+)\\)$/);
    if (!m && !s) throw new Error('unknown colour ' + text);
    const p = (m || s)[1].split(/[ ,/]+/).map(Number);
    const full = m ? 1 : 255;
    return [p[0] * full, p[1] * full, p[2] * full, p[3] === undefined ? 1 : p[3]];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat([1]);
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const canvas = dark ? [18, 18, 18, 1] : [255, 255, 255, 1];
  const ground = (el) => {
    const layers = [];
    for (let e = el; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((under, top) => over(top, under), canvas);
  };
  const light = (c) => {
    const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const f = c.slice(0, 3).map((v) => linear(v / 255));
    return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const el = walker.currentNode.parentElement;
    if (!text || el.closest('.vh, title, desc, script, style, option, .skip-to-content-link')) continue;
    if (!el.checkVisibility()) continue;
    const svg = el.closest('svg');
    const style = getComputedStyle(el);
    const back = ground(svg ? svg.parentElement : el);
    const front = over(parse(svg ? style.fill : style.color), back);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) found.push(ratio.toFixed(2) + ' ' + text.slice(0, 40));
  }
  return found;
}
"""

SMALL = """
() => [...document.querySelectorAll('button, .btn, input[type=submit], summary, .chip, .tabs a')]
  .filter((e) => e.checkVisibility())
  .map((e) => [e.getBoundingClientRect(), e.textContent.trim()])
  .filter(([r]) => r.width < 24 || r.height < 23.9)
  .map(([r, t]) => t + ' ' + r.width + 'x' + r.height)
"""


VIEWS = (("light", 1280, None), ("dark", 1280, "color-contrast"), ("light", 390, "target-size"))
"""How each page is looked at, and the one axe rule that the change of view can break (None: all rules)."""


def seen(page: Any, shot: Callable[[str], None] = lambda view: None) -> list[str]:
    """Everything that is wrong with the open page: light, dark and on a phone. `shot` may take a picture of each."""
    found = []
    for scheme, wide, rule in VIEWS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": wide, "height": 900})
        page.evaluate("document.getAnimations().forEach(each => each.finish())")
        wrong = [*axe(page, rule), *poor_contrast(page), *small_targets(page)]
        if width(page) > wide:
            wrong.append(f"page is {width(page)} wide")
        shot(f"{scheme}-{wide}")
        found += [f"{scheme} {wide}: {text}" for text in wrong]
    return [*found, *violations(page)]


def axe(page: Any, rule: str | None = None) -> list[str]:
    """WCAG 2.2 A and AA findings as rule and element; with `rule`, of that rule only."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    only = [rule] if rule else TAGS
    found = page.evaluate("only => axe.run(document, {runOnly: only})", only)
    return [f"{v['id']}: {n['html'][:110]}" for v in found["violations"] for n in v["nodes"]]


def poor_contrast(page: Any) -> list[str]:
    """Texts under 4.5:1 against the colour behind them; sees 1:1, which axe passes over."""
    return page.evaluate(CONTRAST)


def small_targets(page: Any) -> list[str]:
    """Buttons under 24 by 24 pixels."""
    return page.evaluate(SMALL)


def width(page: Any) -> int:
    return page.evaluate("document.documentElement.scrollWidth")


def violations(page: Any) -> list[str]:
    return page.evaluate("window.violations")


def submit(page: Any) -> None:
    """Presses the form's button and waits for the page that answers."""
    with page.expect_navigation():
        page.click("main button[type=submit]:visible")
