// The table of checkpoints: AG Grid's infinite model over /ui/data/rows. Cells are text, never markup.
"use strict";

ckpt.grid = (() => {
  const { $, inert, remember, here } = ckpt;
  const grid = { api: null, total: null, known: 0, metrics: [], changed: new Map(), waits: false, took: 0, again: null };
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

  function columns(given) {
    const chosen = here().get("cols")?.split(",") ?? null;
    const made = given.map((one) => column(one, chosen));
    for (const name of grid.metrics) made.splice(made.length - 3, 0, metricColumn(name));
    return made;
  }

  function column({ kind, strong, ...one }, chosen) {
    const classes = [strong ? "ckpt-strong" : "", rightHand.has(kind) ? "ckpt-right" : ""].filter(Boolean);
    return {
      ...one, colId: one.field, hide: chosen ? !chosen.includes(one.field) : one.hide ?? false, valueFormatter: looks[kind],
      cellClass: classes, headerClass: rightHand.has(kind) ? "ckpt-right" : "", sortingOrder: ["desc", "asc"],
      cellClassRules: kind === "source" ? { "ckpt-warn": (p) => p.data && (p.data.problems > 0 || p.data.conflicts > 0 || p.data.read_state === "unreadable") } : undefined,
      tooltipValueGetter: kind === "text" ? (p) => p.value : undefined,
    };
  }

  function metricColumn(name) {
    const place = grid.metrics.indexOf(name);
    return { colId: "metric:" + name, headerName: inert(name), width: 120, valueGetter: (p) => p.data?.metrics?.[place], valueFormatter: looks.metric, cellClass: ["ckpt-right"], headerClass: "ckpt-right", sortingOrder: ["desc", "asc"] };
  }

  const quoted = (name) => (/^[\w./-]+$/.test(name) ? name : '"' + name.replace(/["\\]/g, "\\$&") + '"');

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
        if (!answer.ok) { refuse(answer.status, body.detail); params.failCallback(); return; }
        grid.took = performance.now() - began;
        params.successCallback(body.rows, body.total);
        arrived(body, q);
      } catch {
        ckpt.banner("The daemon does not answer. What you see is what was last known; trying again.");
        params.failCallback();
        retry();
      }
    },
  };

  function arrived(body, q) {
    grid.total = body.total;
    if (!q) grid.known = body.total;
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
    line.textContent = ofQuery ? inert(text) : "";
    field.setAttribute("aria-invalid", String(ofQuery));
    if (status && !ofQuery) { ckpt.banner(`The catalog cannot be read now: ${inert(text ?? status)}. Trying again.`); retry(); }
  }

  function retry() {
    clearTimeout(grid.again);
    grid.again = setTimeout(() => grid.api?.refreshInfiniteCache(), 3000);
  }

  // Changes come in storms while a scan runs: refresh soon, and leave three times as long as an answer takes between.
  function refresh() {
    if (grid.waits || !grid.api) return;
    grid.waits = true;
    setTimeout(() => { grid.api.refreshInfiniteCache(); setTimeout(() => { grid.waits = false; if (grid.stale) { grid.stale = false; refresh(); } }, Math.max(150, 3 * grid.took)); }, 30);
  }

  ckpt.on((kind, data) => {
    if (!grid.api) return;
    if (kind === "catalog") {
      for (const row of data.changed) mark(row);
      if (grid.waits) grid.stale = true; else refresh();
    } else if (kind === "reset" || kind === "online") refresh();
  });

  function mark(row) {
    if (!grid.seen) return;
    grid.changed.set(row.id, Date.now());
    if (grid.changed.size > 2000) grid.changed.clear();
    setTimeout(() => { grid.changed.delete(row.id); const node = grid.api?.getRowNode(String(row.id)); if (node) grid.api.redrawRows({ rowNodes: [node] }); }, 4000);
  }

  function ready(event) {
    grid.api = event.api;
    grid.seen = true;
    for (const name of chosenMetrics()) addMetric(name);
    const first = event.api.getColumns().find((one) => one.getColDef().sortable !== false && one.getSort());
    if (!first && here().get("sort")) sortByAddress();
    watchWidth();
    press();
  }

  const chosenMetrics = () => (here().get("metrics") ?? "").split("\n").filter(Boolean);

  function sortByAddress() {
    const name = here().get("sort").split(",")[0].replace(/^[+-]|[+-]$/g, "");
    const down = /^-|-(,|$)/.test(here().get("sort"));
    if (!grid.api.getColumn(name) && !grid.api.getColumn("metric:" + name)) addMetric(name);
    grid.api.applyColumnState({ state: [{ colId: grid.api.getColumn(name) ? name : "metric:" + name, sort: down ? "desc" : "asc" }], defaultState: { sort: null } });
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
    grid.api.setGridOption("columnDefs", grid.api.getColumnDefs().filter((one) => !String(one.colId).startsWith("metric:")).concat(grid.metrics.map(metricColumn)));
    remember({ metrics: grid.metrics.join("\n") });
    grid.api.purgeInfiniteCache();
  }

  function sorted(event) {
    const text = sortText(event.api.getColumnState().filter((one) => one.sort).sort((a, b) => a.sortIndex - b.sortIndex));
    remember({ sort: text === "hmean-" ? "" : text });
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

  ckpt.does.columns = async () => {
    const box = $("ckpt-columns");
    box.hidden = !box.hidden;
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

  function checkbox(label, checked, changed) {
    const box = document.createElement("label"), input = document.createElement("input");
    input.type = "checkbox";
    input.checked = checked;
    input.onchange = () => changed(input.checked);
    box.append(input, " " + label);
    return box;
  }

  // -- narrow screens: four columns say what matters

  const few = new Set(["experiment", "backbone", "epoch", "hmean"]);
  function watchWidth() {
    const narrow = matchMedia("(max-width: 640px)");
    const fit = () => {
      if (here().get("cols")) return;
      for (const one of grid.api.getColumns()) {
        const id = one.getColId();
        if (id.startsWith("ag-Grid") || id.startsWith("metric:")) continue;
        const usual = !one.getColDef().hide;
        if (narrow.matches) grid.api.setColumnsVisible([id], few.has(id));
        else grid.api.setColumnsVisible([id], usual);
      }
      if (narrow.matches) grid.api.setColumnWidths([{ key: "backbone", newWidth: 84 }, { key: "epoch", newWidth: 58 }, { key: "hmean", newWidth: 74 }]);
    };
    fit();
    narrow.addEventListener("change", fit);
  }

  return {
    columns, datasource, ready, selected, clicked, key, sorted, state: grid,
    rowId: (p) => String(p.data.id),
    rowClasses: {
      "ckpt-new": (p) => p.data && grid.changed.has(p.data.id),
      "ckpt-dim-row": (p) => p.data && (p.data.presence !== "present" || p.data.alias_of != null),
    },
  };
})();
