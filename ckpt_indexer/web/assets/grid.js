// The table of checkpoints: AG Grid's infinite model over /ui/data/rows. Cells are text, never markup.
"use strict";

ckpt.grid = (() => {
  const { $, inert, remember, here } = ckpt;
  const grid = { api: null, metrics: [], first: { metrics: [], sort: "hmean-" }, changed: new Map(), waits: false, stale: false, took: 0, again: null, newest: null };
  const NONE = "–";
  const number = (value) => Number(value).toLocaleString("en-US");

  function metric(value) {
    if (value == null) return NONE;
    return value === 0 || (Math.abs(value) >= 1e-4 && Math.abs(value) < 1e6) ? value.toFixed(4) : value.toExponential(3);
  }

  function size(value) {
    if (value == null) return NONE;
    const units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let unit = 0;
    while (value >= 999.5 && unit < units.length - 1) { value /= 1000; unit += 1; }
    return (value >= 100 || unit === 0 ? value.toFixed(0) : value.toPrecision(3).replace(/\.?0+$/, "")) + " " + units[unit];
  }

  const time = (value) => (value ? value.slice(0, 16).replace("T", " ") : NONE);
  const looks = {
    text: (p) => p.value ?? (p.data ? NONE : ""),
    metric: (p) => (p.data ? metric(p.value) : ""),
    count: (p) => (p.data ? (p.value == null ? NONE : number(p.value)) : ""),
    size: (p) => (p.data ? size(p.value) : ""),
    time: (p) => (p.data ? time(p.value ?? p.data.mtime) : ""),
    source: (p) => {
      if (!p.data) return "";
      const marks = [p.value ?? NONE];
      if (p.data.read_state !== "ok") marks.push(p.data.read_state);
      if (p.data.conflicts) marks.push("≠");
      if (p.data.problems) marks.push("!");
      return marks.join(" ");
    },
    tags: (p) => (p.data?.tags ?? []).join(", "),
  };
  const rightHand = new Set(["metric", "count", "size"]);

  // Row keys without a column of their own that an address may sort by; any other name is a metric.
  const unseen = new Set(["id", "seq", "mtime", "pinned", "run_id", "run_dir", "loss", "head", "split", "monitor", "max_epochs", "format", "presence", "sidecar_state", "wandb_run_id"]);

  // `first` says what the models are judged by: {metrics: names shown unless the address says others, sort: the usual order}.
  function columns(given, first) {
    const chosen = here().get("cols")?.split(",") ?? null;
    grid.usual = given;
    grid.first = first;
    const known = new Set(given.map((one) => one.field));
    const asked = sortOfAddress();
    const others = [...asked.keys()].filter((name) => !known.has(name));
    grid.metrics = [...new Set([...chosenMetrics(), ...others.filter((name) => !unseen.has(name))])];
    const made = given.map((one) => column(one, chosen, asked));
    for (const name of others.filter((one) => unseen.has(one))) made.push(column({ field: name, headerName: name, hide: true, kind: "text" }, null, asked));
    made.splice(made.findIndex((one) => one.colId === "size_bytes"), 0, ...grid.metrics.map((name) => metricColumn(name, asked)));
    return made;
  }

  const chosenMetrics = () => here().get("metrics")?.split("\n").filter(Boolean) ?? grid.first.metrics;

  // What the address says about the order: name -> direction and place, the usual order where it says nothing.
  function sortOfAddress() {
    const words = (here().get("sort") || grid.first.sort).split(",").filter(Boolean);
    return new Map(words.map((word, place) => [word.replace(/^[+-]|[+-]$/g, ""), { initialSort: /^-|-$/.test(word) ? "desc" : "asc", initialSortIndex: place }]));
  }

  function column({ kind, strong, initialSort, ...one }, chosen, asked) {
    const classes = [strong ? "ckpt-strong" : "", rightHand.has(kind) ? "ckpt-right" : ""].filter(Boolean);
    return {
      ...one, ...asked.get(one.field), colId: one.field, hide: chosen ? !chosen.includes(one.field) : isHidden(one.field, one.hide),
      width: (narrow.matches && few[one.field]) || one.width, minWidth: one.flex && !narrow.matches ? 190 : one.minWidth, valueFormatter: looks[kind],
      cellClass: classes, headerClass: rightHand.has(kind) ? "ckpt-right" : "", sortingOrder: ["desc", "asc"],
      cellClassRules: kind === "source" ? { "ckpt-warn": (p) => p.data && (p.data.problems > 0 || p.data.conflicts > 0 || p.data.read_state === "unreadable") } : undefined,
      tooltipValueGetter: kind === "text" ? (p) => p.value : undefined,
    };
  }

  function metricColumn(name, asked) {
    const place = grid.metrics.indexOf(name);
    return { ...asked?.get(name), colId: "metric:" + name, headerName: inert(name), width: 120, valueGetter: (p) => p.data?.metrics?.[place], valueFormatter: looks.metric, cellClass: ["ckpt-right"], headerClass: "ckpt-right", sortingOrder: ["desc", "asc"] };
  }

  function sortText(model) {
    return model.map((one) => one.colId.replace(/^metric:/, "") + (one.sort === "desc" ? "-" : "+")).join(",");
  }

  const datasource = {
    async getRows(params) {
      const q = here().get("q") ?? "", sort = sortText(params.sortModel);
      const ask = new URLSearchParams({ q, sort, start: params.startRow, end: params.endRow });
      if (grid.metrics.length) ask.set("metrics", grid.metrics.join("\n"));
      const began = performance.now();
      try {
        const answer = await fetch("/ui/data/rows?" + ask);
        const body = await answer.json();
        if (answer.status === 400) params.successCallback([], 0);
        else if (!answer.ok) params.failCallback();
        if (!answer.ok) { refuse(answer.status, body.detail); return; }
        grid.took = performance.now() - began;
        params.successCallback(body.rows, body.total);
        if (q === (here().get("q") ?? "")) arrived(body, q);
      } catch {
        ckpt.banner("The daemon does not answer. What you see is what was last known; trying again.");
        params.failCallback();
        retry();
      }
    },
  };

  function arrived(body, q) {
    refuse(0, "");
    if (ckpt.state.online) ckpt.banner("");
    $("ckpt-total").textContent = (body.total === 1 ? "1 checkpoint" : number(body.total) + " checkpoints") + ` · ${grid.took.toFixed(0)} ms`;
    $("ckpt-empty").hidden = body.total > 0;
    $("ckpt-no-rows").hidden = Boolean(q);
    $("ckpt-no-match").hidden = !q;
    const address = "/api/v1/export.csv?" + new URLSearchParams(q ? { q } : {});
    $("ckpt-export").setAttribute("href", address);
  }

  function refuse(status, text) {
    const line = $("ckpt-q-error"), field = $("ckpt-q");
    const ofQuery = status === 400;
    line.hidden = !ofQuery;
    line.textContent = ofQuery ? brief(text) : "";
    if (ofQuery) { $("ckpt-total").textContent = ""; $("ckpt-empty").hidden = true; }
    field.setAttribute("aria-invalid", String(ofQuery));
    if (status && !ofQuery) { ckpt.banner(`The catalog cannot be read now: ${inert(text ?? status)}. Trying again.`); retry(); }
  }

  // All known fields are more than anybody reads below a search field; the list of keys has them.
  const brief = (text) => inert(text).replace(/ Known fields: .*$/s, " Press ? for the fields and examples.");

  function retry() {
    clearTimeout(grid.again);
    grid.again = setTimeout(() => grid.api?.refreshInfiniteCache(), 3000);
  }

  // Changes come in storms while a scan runs: refresh at once, and leave a pause after it; where answers take long, three
  // times as long as they take.
  function refresh() {
    if (!grid.api) return;
    if (grid.waits) { grid.stale = true; return; }
    grid.waits = true;
    grid.api.refreshInfiniteCache();
    lookForNew();
    setTimeout(() => {
      grid.waits = false;
      if (grid.stale) { grid.stale = false; refresh(); }
    }, grid.took < 80 ? 100 : 3 * grid.took);
  }

  ckpt.on((kind, data) => {
    if (kind === "redrawn") press();
    if (kind === "catalog") data.changed.forEach(mark);
    if (["catalog", "reset", "online"].includes(kind)) refresh();
  });

  // What arrived since the page was opened, or since it was looked at: ids only grow.
  async function lookForNew() {
    const newest = grid.newest, q = here().get("q") ?? "";
    if (newest === null) {
      const body = await list({ sort: "id-", start: 0, end: 1 });
      if (body) grid.newest = body.rows[0]?.id ?? 0;
      return;
    }
    const body = await list({ q: `id>${newest} ${q}`, start: 0, end: 0 });
    if (body && newest === grid.newest) showNew(body.total);
  }

  function showNew(count) {
    const pill = $("ckpt-new"), first = grid.api.getColumnState().find((one) => one.sort && !one.sortIndex);
    const isOnTop = first?.colId === "created_at" && first.sort === "desc";
    pill.hidden = !count || isOnTop;
    pill.textContent = `${number(count)} new`;
    pill.title = "Show the newest first";
  }

  ckpt.does.newest = () => {
    grid.newest = null;
    $("ckpt-new").hidden = true;
    grid.api.applyColumnState({ state: [{ colId: "created_at", sort: "desc" }], defaultState: { sort: null } });
    grid.api.ensureIndexVisible(0);
    lookForNew();
  };

  async function list(wanted) {
    const answer = await fetch("/ui/data/rows?" + new URLSearchParams(wanted)).catch(() => null);
    return answer?.ok ? answer.json() : null;
  }

  function mark(row) {
    grid.changed.set(row.id, Date.now());
    if (grid.changed.size > 2000) grid.changed.clear();
    setTimeout(() => { grid.changed.delete(row.id); const node = grid.api?.getRowNode(String(row.id)); if (node) grid.api.redrawRows({ rowNodes: [node] }); }, 4000);
  }

  function ready(event) {
    grid.api = event.api;
    press();
    lookForNew();
  }

  function addMetric(name) {
    if (grid.metrics.includes(name)) return;
    grid.metrics.push(name);
    const defs = grid.api.getColumnDefs();
    grid.api.setGridOption("columnDefs", [...defs, metricColumn(name)]);
    remember({ metrics: grid.metrics.join("\n") });
    grid.api.purgeInfiniteCache();
  }

  function dropMetric(name) {
    grid.metrics = grid.metrics.filter((one) => one !== name);
    grid.api.setGridOption("columnDefs", grid.api.getColumnDefs().filter((one) => !String(one.colId).startsWith("metric:")).concat(grid.metrics.map((one) => metricColumn(one))));
    remember({ metrics: grid.metrics.join("\n") });
    grid.api.purgeInfiniteCache();
  }

  function sorted(event) {
    const text = sortText(event.api.getColumnState().filter((one) => one.sort).sort((a, b) => a.sortIndex - b.sortIndex));
    remember({ sort: text === grid.first.sort ? "" : text });
  }

  const selectedIds = () => grid.api.getSelectedRows().map((row) => row.id);

  function selected() {
    const ids = selectedIds(), button = $("ckpt-compare");
    button.disabled = ids.length < 2;
    button.textContent = ids.length ? `Compare ${ids.length}` : "Compare";
  }

  ckpt.does.compare = () => {
    if (!grid.api) return;
    const ids = selectedIds().slice(0, 12);
    if (ids.length < 2) ckpt.toast("Select two checkpoints or more: Space in the table.");
    else location.href = "/ui/compare?ids=" + ids.join(",");
  };
  ckpt.does.select = (button) => {
    const node = grid.api?.getRowNode(button.dataset.id);
    if (node) node.setSelected(!node.isSelected());
    else location.href = "/ui/compare?ids=" + [...new Set([...(here().get("ids") ?? "").split(","), button.dataset.id])].filter(Boolean).join(",");
  };
  ckpt.does.yank = async () => {
    const place = grid.api?.getFocusedCell(), drawer = $("ckpt-drawer");
    const shown = drawer.hidden ? null : drawer.querySelector("[data-do=copy]");
    if (shown) { ckpt.copy(shown.dataset.text); return; }
    const row = place && grid.api.getDisplayedRowAtIndex(place.rowIndex)?.data;
    if (!row) return;
    const answer = await fetch("/api/v1/checkpoints/" + row.id).catch(() => null);
    if (answer?.ok) ckpt.copy((await answer.json()).abs_path);
  };

  function clicked(event) {
    if (!event.data || String(getSelection())) return;
    const target = event.event?.target;
    if (target?.closest?.(".ag-selection-checkbox, .ag-checkbox-input-wrapper")) return;
    ckpt.open(event.data.id);
  }

  function key(event) {
    if (event.event.key === "Enter" && event.data) { ckpt.open(event.data.id); event.event.preventDefault(); }
  }

  // -- the query

  function ask(q) {
    remember({ q });
    $("ckpt-q").value = q;
    press();
    grid.api?.deselectAll();
    grid.api?.purgeInfiniteCache();
    grid.api?.ensureIndexVisible?.(0);
    if (grid.api) lookForNew();
  }

  let typing = null;
  document.addEventListener("input", (event) => {
    if (event.target.id !== "ckpt-q" || !grid.api) return;
    clearTimeout(typing);
    typing = setTimeout(() => ask(event.target.value.trim()), 350);
  });
  ckpt.forms.query = () => { clearTimeout(typing); ask($("ckpt-q").value.trim()); };
  ckpt.does.clear = () => ask("");
  ckpt.does.facet = (button) => {
    const q = here().get("q") ?? "", term = button.dataset.term;
    ask(hasTerm(q, term) ? dropTerm(q, term) : (q + " " + term).trim());
  };
  const hasTerm = (q, term) => (" " + q + " ").includes(" " + term + " ");
  const dropTerm = (q, term) => (" " + q + " ").replace(" " + term + " ", " ").trim();
  function press() {
    const q = here().get("q") ?? "";
    for (const button of document.querySelectorAll("[data-do=facet]")) button.setAttribute("aria-pressed", String(hasTerm(q, button.dataset.term)));
  }
  ckpt.does.rail = () => document.querySelector(".ckpt-rail").classList.toggle("is-open");

  // -- columns

  ckpt.does.columns = async (button) => {
    const box = $("ckpt-columns");
    box.hidden = !box.hidden;
    button.setAttribute("aria-expanded", String(!box.hidden));
    if (box.hidden) return;
    box.textContent = "";
    for (const one of grid.api.getColumns()) {
      const id = one.getColId();
      if (id.startsWith("ag-Grid") || id.startsWith("metric:")) continue;
      box.append(checkbox(one.getColDef().headerName, one.isVisible(), (on) => {
        grid.api.setColumnsVisible([id], on);
        remember({ cols: grid.api.getColumns().filter((other) => other.isVisible() && !/^(ag-Grid|metric:)/.test(other.getColId())).map((other) => other.getColId()).join(",") });
      }));
    }
    const answer = await fetch("/api/v1/stats").catch(() => null);
    const names = answer?.ok ? (await answer.json()).metrics : [];
    for (const name of names.filter((one) => !["hmean", "precision", "recall", "validation_loss"].includes(one)).slice(0, 100)) {
      box.append(checkbox(inert(name), grid.metrics.includes(name), (on) => (on ? addMetric(name) : dropMetric(name))));
    }
  };

  // Closed by Escape, and by a click anywhere else.
  function closeColumns() {
    const box = $("ckpt-columns"), button = document.querySelector("[data-do=columns]");
    if (!box || box.hidden) return false;
    if (box.contains(document.activeElement)) button.focus();
    box.hidden = true;
    button.setAttribute("aria-expanded", "false");
    return true;
  }
  document.addEventListener("pointerdown", (event) => { if (!event.target.closest("#ckpt-columns, [data-do=columns]")) closeColumns(); });
  ckpt.closes.push(closeColumns);

  function checkbox(label, checked, changed) {
    const box = document.createElement("label"), input = document.createElement("input");
    input.type = "checkbox";
    input.checked = checked;
    input.onchange = () => changed(input.checked);
    box.append(input, " " + label);
    return box;
  }

  // -- narrow screens: four columns say what matters

  const narrow = matchMedia("(max-width: 640px)");
  const few = { experiment: null, backbone: 80, epoch: 56, hmean: 84 };
  const isHidden = (field, usually) => Boolean(usually) || (narrow.matches && !(field in few) && field !== grid.first.sort.slice(0, -1));

  narrow.addEventListener("change", () => {
    if (!grid.api || here().get("cols")) return;
    for (const one of grid.usual) grid.api.setColumnsVisible([one.field], !isHidden(one.field, one.hide));
    grid.api.setColumnWidths(grid.usual.filter((one) => few[one.field]).map((one) => ({ key: one.field, newWidth: narrow.matches ? few[one.field] : one.width })));
  });

  return {
    columns, datasource, ready, selected, clicked, key, sorted, state: grid,
    rowId: (p) => String(p.data.id),
    rowClasses: {
      "ckpt-new": (p) => p.data && grid.changed.has(p.data.id),
      "ckpt-unread": (p) => p.data && p.data.read_state === "unreadable",
      "ckpt-dim-row": (p) => p.data && (p.data.presence !== "present" || p.data.alias_of != null),
    },
  };
})();
