// What every page does in the browser: the freshness line, keys, the drawer, short messages, requests to the API.
// Texts of files and documents reach the page as text only: textContent, attributes, or markup escaped by the server.
"use strict";

window.ckpt = (() => {
  const $ = (id) => document.getElementById(id);
  const here = () => new URLSearchParams(location.search);
  const LATE_MS = 45 * 60 * 1000; // three times the usual time between two complete scans
  const state = { fresh: null, told: 0, online: true, listeners: [], opener: null, opening: null, lastKey: "", lastKeyAt: 0 };

  // -- addresses: everything that is shown stands in them

  function remember(changes) {
    const given = here();
    for (const [name, value] of Object.entries(changes)) value ? given.set(name, value) : given.delete(name);
    const text = given.toString();
    history.replaceState(history.state, "", location.pathname + (text ? "?" + text : ""));
  }

  // Control characters and marks that reorder text are written out, as everywhere in this program.
  function inert(text) {
    return String(text).replace(/(?! )[\p{C}\p{Z}]/gu, (one) => {
      const code = one.codePointAt(0).toString(16);
      return code.length <= 2 ? "\\x" + code.padStart(2, "0") : code.length <= 4 ? "\\u" + code.padStart(4, "0") : "\\U" + code.padStart(8, "0");
    });
  }

  // -- freshness

  function since(iso) {
    const seconds = Math.max(0, (Date.now() - Date.parse(iso)) / 1000);
    if (seconds < 90) return `${Math.round(seconds)} s ago`;
    if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
    if (seconds < 172800) return `${Math.round(seconds / 3600)} h ago`;
    return `${Math.round(seconds / 86400)} days ago`;
  }

  function showFreshness() {
    const line = $("ckpt-fresh"), box = $("ckpt-state");
    if (!line) return;
    const fresh = state.fresh;
    const away = fresh ? fresh.roots.filter((root) => root.state !== "present") : [];
    let text, mood = "live";
    if (!state.online) { text = "offline"; mood = "offline"; }
    else if (!fresh) { text = "the catalog cannot be read"; mood = "offline"; }
    else if (away.length) { text = `${away.map((root) => inert(root.name)).join(", ")} not reachable`; mood = "stale"; }
    else text = "live";
    if (mood === "live" && fresh.as_of && Date.now() - Date.parse(fresh.as_of) > LATE_MS) mood = "stale";
    if (fresh) {
      const names = fresh.roots.map((root) => inert(root.name));
      const where = names.length > 2 ? `${names.length} roots` : names.join(", ");
      text += (where ? ` · ${where}` : "") + (fresh.as_of ? ` · scanned ${since(fresh.as_of)}` : " · not scanned yet");
    }
    if (line.textContent !== text) line.textContent = text;
    box.dataset.mood = mood;
    if (fresh) box.title = `change ${fresh.seq} of catalog ${fresh.catalog}`;
  }

  function setOnline(online) {
    if (online === state.online) return;
    state.online = online;
    banner(online ? "" : "The daemon does not answer. What you see is what was last known; trying again.");
    document.body.classList.toggle("ckpt-offline", !online);
    showFreshness();
    if (online) tell("online", {});
  }

  function banner(text) {
    const box = $("ckpt-banner");
    if (!box) return;
    box.textContent = text;
    box.hidden = !text;
  }

  // -- news

  function hear(kind, data) {
    if (data.roots) state.fresh = { ...state.fresh, ...data };
    else if (kind === "catalog" && state.fresh) { state.fresh.seq = data.seq; state.fresh.as_of = data.as_of ?? state.fresh.as_of; }
    if (kind === "scan") scanning(data);
    if (kind === "new_best") announce(data);
    showFreshness();
    tell(kind, data);
  }

  function tell(kind, data) {
    for (const listener of state.listeners) listener(kind, data);
  }

  function scanning(data) {
    const box = $("ckpt-scan");
    if (!box) return;
    const done = data.phase === "done" || data.phase === undefined;
    box.hidden = done;
    if (done) return;
    const bar = box.firstElementChild, share = data.found ? (100 * data.done) / data.found : 0;
    bar.style.setProperty("--share", `${share}%`);
    const number = (value) => Number(value).toLocaleString("en-US");
    $("ckpt-scan-text").textContent = data.found == null
      ? `${number(data.pending)} files are being read`
      : `scanning ${inert(data.root ?? "")}: ${number(data.done)} of ${number(data.found)} read`;
  }

  function announce(data) {
    const row = data.row ?? data;
    const group = data.group ?? row.group ?? null;
    const value = data.value ?? row.value;
    if (typeof value !== "number") return;
    toast(`New best ${inert(data.metric ?? "hmean")} ${value.toFixed(4)}` + (group ? ` of ${inert(group)}` : ""), row.id ?? data.id);
  }

  function toast(text, id) {
    const box = document.createElement(id ? "button" : "div");
    box.className = "ckpt-toast";
    box.textContent = text;
    if (id) box.onclick = () => { open(id); box.remove(); };
    $("ckpt-toasts")?.append(box);
    setTimeout(() => box.remove(), 6000);
  }

  // -- requests

  async function post(path, body) {
    try {
      const answer = await fetch("/api/v1" + path, {
        method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
      });
      if (answer.ok) return await answer.json();
      const problem = await answer.json().catch(() => ({}));
      toast(answer.status === 401
        ? "Changing something needs the token: open the address with ?token= that `ckpt-indexer serve` prints."
        : inert(problem.detail ?? `the daemon answered ${answer.status}`));
    } catch {
      toast("The daemon does not answer.");
    }
    return null;
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "ckpt-hidden";
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    toast("Copied.");
  }

  // -- the drawer

  // What is on its way gives way to what was asked for after it, and to Escape.
  async function open(id) {
    const drawer = $("ckpt-drawer"), mine = state.opening = { id };
    if (drawer.hidden) state.opener = document.activeElement;
    try {
      const answer = await fetch(`/ui/data/detail?id=${encodeURIComponent(id)}`);
      if (!answer.ok && answer.status !== 404) throw new Error(String(answer.status));
      const text = await answer.text(), isSame = !drawer.hidden && drawer.dataset.id === String(id);
      if (state.opening !== mine) return;
      const scroll = isSame ? drawer.scrollTop : 0, before = [...drawer.childNodes];
      drawer.innerHTML = text;
      if (isSame) api.carry(before, [...drawer.childNodes]);
      drawer.dataset.id = id;
      drawer.hidden = false;
      drawer.scrollTop = scroll;
      document.body.classList.add("ckpt-drawn");
      remember({ id: String(id) });
      if (!drawer.contains(document.activeElement)) drawer.focus({ preventScroll: true });
      state.opening = null;
    } catch {
      if (state.opening !== mine) return;
      state.opening = null;
      toast("The daemon does not answer.");
    }
  }

  function close() {
    const drawer = $("ckpt-drawer"), isAwaited = Boolean(state.opening);
    state.opening = null;
    if (!drawer || drawer.hidden) return isAwaited;
    drawer.hidden = true;
    drawer.textContent = "";
    document.body.classList.remove("ckpt-drawn");
    remember({ id: "" });
    state.opener?.focus?.({ preventScroll: true });
    return true;
  }

  const reopen = () => { const drawer = $("ckpt-drawer"); if (drawer && !drawer.hidden) open(state.opening?.id ?? drawer.dataset.id); };

  // -- dark or light

  function setDark(dark) {
    window.Quasar?.Dark?.set(dark);
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
  }

  function dark() {
    const now = !document.body.classList.contains("body--dark");
    localStorage.setItem("ckpt-dark", now ? "1" : "0");
    setDark(now);
  }

  // -- what buttons do

  const does = {
    dark,
    keys: () => { $("ckpt-keys").showModal(); $("ckpt-keys").scrollTop = 0; },
    "close-keys": () => $("ckpt-keys").close(),
    "close-drawer": close,
    copy: (button) => copy(button.dataset.text),
    link: () => copy(location.href),
    async pin(button) {
      const answer = await post(`/checkpoints/${button.dataset.id}/pin`, { pinned: button.dataset.pinned !== "true" });
      if (answer) reopen();
    },
    async untag(button) {
      if (await post(`/checkpoints/${button.dataset.id}/tags`, { remove: [button.dataset.tag] })) reopen();
    },
    async rescan(button) {
      if (await post("/rescan", { full: button.dataset.full === "true" })) toast("Scanning.");
    },
    sort: (button) => {
      const head = button.closest("th");
      sortTable(head, head.getAttribute("aria-sort") === "descending" ? "ascending" : "descending");
    },
    only: (button) => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      document.querySelector(".ckpt-compare")?.classList.toggle("only-different", on);
      remember({ only: on ? "1" : "" });
    },
  };

  function sortTable(head, order) {
    const table = head.closest("table"), place = [...head.parentNode.children].indexOf(head);
    const down = order === "descending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", order);
    const numeric = head.classList.contains("num");
    const value = (row) => {
      const text = row.children[place].dataset.v;
      return text === undefined || text === "" ? null : numeric ? Number(text) : text;
    };
    const rows = [...table.tBodies[0].rows].sort((a, b) => {
      const x = value(a), y = value(b);
      if (x === null || y === null) return (x === null) - (y === null);
      const order = x < y ? -1 : x > y ? 1 : 0;
      return down ? -order : order;
    });
    table.tBodies[0].append(...rows);
  }

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]");
    if (opener && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      open(opener.dataset.open);
      return;
    }
    const button = event.target.closest("button[data-do]");
    if (button) does[button.dataset.do]?.(button);
  });

  document.addEventListener("change", (event) => {
    const choice = event.target.closest("select[data-do=choose]");
    if (!choice) return;
    const given = here();
    choice.value ? given.set(choice.name, choice.value) : given.delete(choice.name);
    location.search = given.toString();
  });

  const forms = {
    async tag(form) {
      const word = form.elements.tag.value.trim();
      if (word && (await post(`/checkpoints/${form.dataset.id}/tags`, { add: [word] }))) reopen();
    },
    async note(form) {
      if (await post(`/checkpoints/${form.dataset.id}/note`, { text: form.elements.note.value })) toast("Saved.");
    },
    over(form) {
      const given = here(), name = form.elements.over.value.trim();
      if (name) { given.append("over", name); location.search = given.toString(); }
    },
    search(form) {
      const given = here();
      for (const field of form.elements) if (field.name) field.value ? given.set(field.name, field.value) : given.delete(field.name);
      location.search = given.toString();
    },
  };

  document.addEventListener("submit", (event) => {
    const what = forms[event.target.dataset.form];
    if (!what) return;
    event.preventDefault();
    what(event.target);
  });

  // -- keys

  const closes = []; // what Escape closes before the drawer: functions that tell whether they closed something
  const places = { c: "/ui/", b: "/ui/best", e: "/ui/experiments", m: "/ui/compare", d: "/ui/disk", h: "/ui/health" };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && !event.target.closest?.("dialog")) {
      if (closes.some((one) => one()) || close()) event.preventDefault();
      else if (event.target.matches?.("input")) event.target.blur();
      return;
    }
    if (event.target.closest?.("input, textarea, select, dialog")) return;
    const followsG = state.lastKey === "g" && event.timeStamp - state.lastKeyAt < 1500;
    state.lastKey = event.key;
    state.lastKeyAt = event.timeStamp;
    if (followsG && places[event.key]) { location.href = places[event.key]; event.preventDefault(); return; }
    if (event.key === "/") { const field = $("ckpt-q"); if (field) { field.focus(); field.select(); event.preventDefault(); } }
    else if (event.key === "?") { does.keys(); event.preventDefault(); }
    else if (event.key === "c") does.compare?.();
    else if (event.key === "y") does.yank?.();
  });

  // -- start, when the header is there

  function begin() {
    const box = $("ckpt-state");
    if (!box || !window.Quasar?.Dark || !window.socket) { requestAnimationFrame(begin); return; }
    try { state.fresh = box.dataset.state ? JSON.parse(box.dataset.state) : null; } catch { state.fresh = null; }
    const chosen = localStorage.getItem("ckpt-dark");
    if (chosen !== null) setDark(chosen === "1");
    window.socket.on("disconnect", () => setOnline(false));
    window.socket.on("connect_error", () => setOnline(false));
    window.socket.on("connect", () => setOnline(true));
    if (!state.fresh) banner("The catalog cannot be read now. This page tries again by itself.");
    const head = document.querySelector(".ckpt-header");
    new ResizeObserver(() => document.documentElement.style.setProperty("--ckpt-head", head.offsetHeight + "px")).observe(head);
    box.setAttribute("aria-live", "off"); // it counts seconds; what matters is said by the banner
    showFreshness();
    setInterval(showFreshness, 1000);
    if (here().get("id")) open(here().get("id"));
    if (here().get("only")) document.querySelector("[data-do=only]")?.click();
    tell("begin", {});
  }
  requestAnimationFrame(begin);

  const api = { $, state, does, forms, closes, hear, here, remember, inert, open, close, reopen, toast, copy, banner, on: (listener) => state.listeners.push(listener), sortTable, redrawn: () => tell("redrawn", {}) };
  return api;
})();
