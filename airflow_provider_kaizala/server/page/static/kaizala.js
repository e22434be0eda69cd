// What a page of forms gains with script: it sends without reloading, shows what others do at once, and loses nothing.
// Everything also works without: each form posts and is answered with a page.

const feed = document.querySelector("[data-feed]");
const partial = { "X-Partial": "1", Accept: "text/html" };

// --- Times in the reader's zone: the server is told once, and writes them. ------------------------------------------------
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && zone !== document.documentElement.dataset.zone && !sessionStorage.getItem("zone")) {
  sessionStorage.setItem("zone", zone);
  document.cookie = `kaizala_zone=${zone}; path=/; max-age=31536000; samesite=lax`;
  if (document.cookie.includes("kaizala_zone=") && document.querySelector("time")) location.reload();
}

// --- Fragments -----------------------------------------------------------------------------------------------------------
function parse(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  return holder.content;
}

function shown(reference) {
  return document.getElementById(`post-${reference}`);
}

/** Put a post in place of its older self; what is being typed in it stays. */
function replace(article) {
  const old = shown(article.dataset.reference);
  if (!old) return false;
  if (Number(old.dataset.revision) > Number(article.dataset.revision)) return true;
  const inside = document.activeElement && old.contains(document.activeElement) ? document.activeElement : null;
  for (const form of old.querySelectorAll("form[data-touched]")) {
    const twin = [...article.querySelectorAll("form")].find(
      (one) => one.getAttribute("action") === form.getAttribute("action") && one.dataset.draft === form.dataset.draft);
    if (twin) {
      const details = form.closest("details"), its = twin.closest("details");
      if (details && its) its.open = details.open;
      twin.replaceWith(form);
    }
  }
  const mark = inside && inside.name ? [inside.name, inside.value, inside.closest("form")?.getAttribute("action")] : null;
  old.replaceWith(article);
  if (inside && document.contains(inside)) inside.focus();
  else if (mark) {
    const again = [...article.querySelectorAll("[name]")].find((one) =>
      one.name === mark[0] && one.closest("form")?.getAttribute("action") === mark[2] && (one.tagName !== "BUTTON" || one.value === mark[1]));
    (again && !again.disabled ? again : article).focus({ preventScroll: true });
  } else if (inside) article.focus({ preventScroll: true });
  return true;
}

function add(articles, place) {
  for (const article of articles) {
    if (article.dataset.reference && replace(article)) continue;
    place(article);
  }
}

async function ask(path) {
  const reply = await fetch(path, { headers: partial, credentials: "same-origin" });
  return { ok: reply.ok, status: reply.status, content: parse(await reply.text()) };
}

// --- Sending -------------------------------------------------------------------------------------------------------------
function complain(form, content) {
  form.querySelector(":scope > .problem")?.remove();
  const problem = content.querySelector?.(".problem") ?? null;
  if (problem) {
    form.prepend(problem);
    problem.tabIndex = -1;
    problem.focus();
  }
}

function offline() {
  const problem = document.createElement("p");
  problem.className = "problem";
  problem.setAttribute("role", "alert");
  problem.textContent = document.body.dataset.offline ?? "";
  const holder = document.createDocumentFragment();
  holder.append(problem);
  return holder;
}

function forget(form) {
  delete form.dataset.touched;
  sessionStorage.removeItem(draftName(form));
}

async function send(form, button) {
  if (form.getAttribute("aria-busy") === "true") return; // a double click is one answer
  form.setAttribute("aria-busy", "true");
  const body = new FormData(form, button);
  try {
    const reply = await fetch(form.getAttribute("action"), { method: "POST", body, headers: partial, credentials: "same-origin" });
    const content = parse(await reply.text());
    if (!reply.ok) {
      complain(form, content);
      return;
    }
    forget(form);
    form.querySelector(":scope > .problem")?.remove();
    const articles = [...content.querySelectorAll("article")];
    if (form.dataset.live === "new") {
      const last = articles[0];
      form.reset();
      form.elements.once.value = crypto.getRandomValues(new Uint32Array(3)).join("-");
      stopReplying(form);
      if (last && !replace(last)) feed.prepend(last);
    } else if (form.dataset.live === "comment") {
      form.reset();
      form.elements.once.value = crypto.getRandomValues(new Uint32Array(3)).join("-");
      add(articles, () => {});
      await refresh();
    } else {
      add(articles, () => {});
      if (feed?.dataset.only) await refresh();
    }
    await lookAtWaiting();
  } catch {
    complain(form, offline()); // the form stays as it is, its number too: sent again, it counts once
  } finally {
    form.removeAttribute("aria-busy");
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || event.defaultPrevented) return;
  if (!form.dataset.live) {
    if (form.getAttribute("aria-busy") === "true") event.preventDefault();
    form.setAttribute("aria-busy", "true");
    return;
  }
  event.preventDefault();
  send(form, event.submitter);
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[aria-busy]")) form.removeAttribute("aria-busy");
});

// --- What is typed outlives a reload, a lost session and the back button; in this tab only. -------------------------------
function draftName(form) {
  return `draft ${form.getAttribute("action")} ${form.dataset.draft ?? ""}`;
}

document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (!form?.dataset.live) return;
  form.dataset.touched = "1";
  const texts = [...new FormData(form)].filter(([name, value]) => typeof value === "string" && name !== "csrf" && name !== "once");
  sessionStorage.setItem(draftName(form), JSON.stringify(texts));
});

function restore(form) {
  const kept = sessionStorage.getItem(draftName(form));
  if (!kept || form.dataset.touched) return;
  const texts = JSON.parse(kept);
  for (const field of form.elements) {
    if (!field.name || ["hidden", "file", "submit"].includes(field.type)) continue;
    const values = texts.filter(([name]) => name === field.name).map(([, value]) => value);
    if (field.type === "radio" || field.type === "checkbox") field.checked = values.includes(field.value);
    else if (values.length) [field.value] = values;
  }
  form.dataset.touched = "1";
  form.closest("details")?.setAttribute("open", "");
}
for (const form of document.querySelectorAll("form[data-live]")) restore(form);

// --- Replying ------------------------------------------------------------------------------------------------------------
function reply(reference, name) {
  const form = document.getElementById("write");
  if (!form) return false;
  form.elements.reply_to.value = reference;
  const line = form.querySelector("[data-replying]");
  line.textContent = name;
  line.hidden = false;
  form.elements.text.focus();
  form.scrollIntoView({ block: "center" });
  return true;
}

function stopReplying(form) {
  form.elements.reply_to.value = "";
  form.querySelector("[data-replying]").hidden = true;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-reply]");
  if (link && reply(link.dataset.reply, link.dataset.name)) event.preventDefault();
});

// --- Where I am ----------------------------------------------------------------------------------------------------------
function offerPlaces(root) {
  if (!navigator.geolocation) return;
  for (const button of root.querySelectorAll("[data-here]")) button.hidden = false;
}
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-here]");
  if (!button) return;
  const [latitude, longitude] = button.closest("[data-place]").querySelectorAll(".row input");
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => {
      latitude.value = coords.latitude.toFixed(6);
      longitude.value = coords.longitude.toFixed(6);
      latitude.dispatchEvent(new Event("input", { bubbles: true }));
    },
    () => { button.textContent = button.dataset.failed; },
    { timeout: 10000, enableHighAccuracy: true });
});
offerPlaces(document);

// --- Older posts, when the reader comes near the end ----------------------------------------------------------------------
async function older(link) {
  if (link.dataset.busy) return;
  link.dataset.busy = "1";
  try {
    const { ok, content } = await ask(link.getAttribute("href"));
    if (!ok) throw new Error("refused");
    const end = link.closest("p");
    const focused = document.activeElement === link;
    const nodes = [...content.children];
    add(nodes, (node) => end.before(node));
    end.remove();
    if (focused) nodes.find((node) => node.matches("article"))?.focus();
    watchEnd();
  } catch {
    delete link.dataset.busy; // it stays a link
  }
}
function watchEnd() {
  const link = document.querySelector("[data-older]");
  if (!link) return;
  const watch = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) {
      watch.disconnect();
      older(link);
    }
  }, { rootMargin: "600px" });
  watch.observe(link);
}
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-older]");
  if (link) {
    event.preventDefault();
    older(link);
  }
});

// --- Live: the server rings, the page asks for what it does not have -------------------------------------------------------
let last = Number(feed?.dataset.liveFrom ?? 0);
let working = Promise.resolve();

async function lookAtWaiting() {
  const here = document.querySelector("[data-waiting]");
  if (!here || !feed || feed.dataset.only) return;
  const { ok, content } = await ask(`${feed.dataset.feed}?after=${last}`);
  if (ok) takeNewer(content);
}

function takeNewer(content) {
  const told = content.querySelector("[data-after]");
  const articles = [...content.querySelectorAll("article")].reverse();
  document.querySelector("[data-empty]")?.remove();
  add(articles, (article) => {
    article.classList.add("new");
    const anchor = feed.firstElementChild;
    const before = anchor?.getBoundingClientRect().top ?? 0;
    feed.prepend(article);
    // Whoever reads or types further down keeps their place.
    if (scrollY > 0 || feed.contains(document.activeElement)) scrollBy(0, (anchor?.getBoundingClientRect().top ?? 0) - before);
    offerPlaces(article);
  });
  const waiting = content.querySelector("[data-waiting]");
  if (waiting) document.querySelector("[data-waiting]")?.replaceWith(waiting);
  if (told) last = Math.max(last, Number(told.dataset.after));
  return told?.dataset.more === "1";
}

async function newer(upTo) {
  let more = upTo > last;
  while (more) {
    const { ok, content } = await ask(`${feed.dataset.feed}?after=${last}`);
    if (!ok) return;
    more = takeNewer(content);
  }
}

/** Load the parts of a post's own page again: who has answered, the comments. */
async function refresh() {
  const reply = await fetch(location.pathname, { credentials: "same-origin" });
  if (!reply.ok) return;
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  for (const part of ["[data-refresh]", "[data-comments]"]) {
    const now = page.querySelector(part), old = document.querySelector(part);
    if (now && old) old.replaceWith(document.adoptNode(now));
  }
}

async function changed(told) {
  const only = feed.dataset.only;
  for (const [reference, revision] of Object.entries(told.posts)) {
    const article = shown(reference);
    if (!article || (only && reference !== only)) continue;
    if (revision < 0) {
      article.remove();
    } else if (Number(article.dataset.revision) < revision) {
      const { ok, content } = await ask(`${feed.dataset.feed}/posts/${reference}`);
      const now = content.querySelector("article");
      if (ok && now) {
        replace(now);
        const placed = shown(reference);
        if (placed) offerPlaces(placed);
      }
      if (only) await refresh();
    }
  }
  if (!only) {
    if (told.seq > last) await newer(told.seq);
    else if (Object.keys(told.posts).length) await lookAtWaiting();
  }
}

function listen() {
  const lost = document.querySelector("[data-lost]");
  const source = new EventSource(`${feed.dataset.feed}/live`);
  source.onopen = () => { lost.hidden = true; };
  source.onmessage = (event) => {
    const told = JSON.parse(event.data);
    working = working.then(() => changed(told)).catch(() => {});
  };
  source.addEventListener("gone", () => {
    source.close();
    location.reload();
  });
  source.onerror = () => {
    lost.hidden = false;
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 3000); // an answer that is no stream: try again
  };
  addEventListener("pagehide", () => source.close(), { once: true });
}

if (feed && (feed.dataset.liveFrom !== undefined || feed.dataset.only)) {
  listen();
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
}
if (feed) watchEnd();
const asked = new URLSearchParams(location.search).get("reply");
if (asked) {
  const link = document.querySelector(`[data-reply="${CSS.escape(asked)}"]`);
  if (link) reply(asked, link.dataset.name);
}
