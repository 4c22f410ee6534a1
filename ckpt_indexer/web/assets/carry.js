// What a person did to a part of the page is carried over when that part is drawn anew: what was typed, what was opened,
// how a table was sorted and scrolled, where the focus was.
"use strict";

ckpt.carry = (() => {
  const FIELDS = "input, textarea, select", REACHED = `a, button, summary, ${FIELDS}`;
  const scrolls = new Map(); // label of a table -> how far it was scrolled
  let focused = null;

  document.addEventListener("focusin", (event) => { focused = event.target; });
  document.addEventListener("scroll", (event) => {
    const label = event.target.classList?.contains("ckpt-table") && event.target.getAttribute("aria-label");
    if (label && event.target.isConnected) scrolls.set(label, [event.target.scrollLeft, event.target.scrollTop]);
  }, true);

  const all = (nodes, selector) => nodes.filter((one) => one.nodeType === 1).flatMap((one) => [...(one.matches(selector) ? [one] : []), ...one.querySelectorAll(selector)]);
  const known = (one) => [one.tagName, one.dataset.term ?? one.getAttribute("href") ?? (one.name || one.textContent)].join(" ");

  // `before` and `after` are lists of nodes: what was there, and what stands there now.
  function carry(before, after) {
    opened(before, after);
    typed(before, after);
    sorted(before, after);
    for (const box of all(after, ".ckpt-table")) {
      const [left, top] = scrolls.get(box.getAttribute("aria-label")) ?? [0, 0];
      box.scrollTo(left, top);
    }
    refocus(before, after);
  }

  function opened(before, after) {
    const title = (one) => one.querySelector("summary")?.textContent;
    const were = new Map(all(before, "details").map((one) => [title(one), one.open]));
    for (const one of all(after, "details")) one.open = were.get(title(one)) ?? one.open;
  }

  function typed(before, after) {
    const key = (one) => `${one.form?.dataset.form} ${one.name || one.id}`;
    const were = new Map(all(before, "input, textarea").filter((one) => one.value !== one.defaultValue).map((one) => [key(one), one.value]));
    for (const one of all(after, "input, textarea")) one.value = were.get(key(one)) ?? one.value;
  }

  function sorted(before, after) {
    const title = (head) => head.closest("table").caption?.textContent + " " + head.textContent;
    const were = new Map(all(before, "th[aria-sort]").map((one) => [title(one), one.getAttribute("aria-sort")]));
    for (const head of all(after, "th")) if (were.has(title(head))) ckpt.sortTable(head, were.get(title(head)));
  }

  function refocus(before, after) {
    const olds = all(before, REACHED), place = olds.indexOf(focused);
    if (place < 0 || (document.activeElement && document.activeElement !== document.body)) return;
    const old = focused, now = all(after, REACHED);
    const next = now.find((one) => known(one) === known(old)) ?? now[Math.min(place, now.length - 1)];
    if (!next) return;
    next.focus({ preventScroll: true });
    if (/^(text|search)$|^textarea$/.test(next.type) && next.value === old.value) next.setSelectionRange(old.selectionStart, old.selectionEnd);
  }

  new MutationObserver((records) => {
    for (const { target, removedNodes, addedNodes } of records) {
      if (!removedNodes.length || !addedNodes.length || !target.closest?.(".ckpt-page") || target.closest("#ckpt-grid, #ckpt-columns, tbody")) continue;
      carry([...removedNodes], [...addedNodes]);
      ckpt.redrawn(target);
    }
  }).observe(document, { childList: true, subtree: true });

  return carry;
})();
