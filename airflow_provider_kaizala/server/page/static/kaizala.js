// What a page of forms gains with script: it sends without reloading, shows what others do at once, and loses nothing.
// Everything also works without: each form posts and is answered with a page. Idiomorph (0BSD) is beside this file.
/* global Idiomorph */

const feed = document.querySelector("[data-feed]");
const only = feed?.dataset.only; // the page shows this one post
const write = document.getElementById("write");
const partial = { "X-Partial": "1", Accept: "text/html" };

// --- Times in the reader's zone: the server is told once, and writes them. ------------------------------------------------
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && zone !== document.documentElement.dataset.zone && sessionStorage.getItem("zone") !== zone) {
  sessionStorage.setItem("zone", zone);
  document.cookie = `kaizala_zone=${zone}; path=/; max-age=31536000; samesite=lax`;
  // A page that tells of a problem came as the answer to a form: loaded again it would send that once more.
  const isAnswer = document.querySelector(".problem");
  if (document.cookie.includes("kaizala_zone=") && document.querySelector("time") && !isAnswer) location.reload();
}

// --- Fragments -----------------------------------------------------------------------------------------------------------
function parse(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  return holder.content;
}

async function ask(path) {
  const reply = await fetch(path, { headers: partial, credentials: "same-origin" });
  if (reply.status >= 500) throw new Error("the server cannot tell now");
  return { ok: reply.ok, content: parse(await reply.text()) };
}

async function askWholePage() {
  const reply = await fetch(location.pathname, { credentials: "same-origin" });
  if (reply.status >= 500) throw new Error("the server cannot tell now");
  return { ok: reply.ok, page: new DOMParser().parseFromString(await reply.text(), "text/html") };
}

function shown(reference) {
  return document.getElementById(`post-${reference}`);
}

/** Offer what only script can, and bring back what was typed. */
function prepare(root) {
  if (navigator.geolocation) for (const button of root.querySelectorAll("[data-here]")) button.hidden = false;
  for (const form of root.querySelectorAll("form[data-live]")) restore(form);
}

const TOUCHED = "form[data-touched]", OURS = ["open", "aria-busy", "data-touched", "data-pending", "data-unsure"];

/** Turn an element into its newer self. What is typed or chosen, open, focused or playing in it stays so. */
function morph(old, now) {
  Idiomorph.morph(old, now, {
    callbacks: {
      beforeNodeMorphed: (one) => !(one.matches?.(TOUCHED) || one.matches?.("[data-pending] [type=radio]")),
      beforeNodeRemoved: (one) => !(one.matches?.(`${TOUCHED}, [data-pending] > .problem`) || one.querySelector?.(TOUCHED)),
      beforeAttributeUpdated: (name) => !OURS.includes(name),
    },
  });
  prepare(old);
}

/** Change the page; what the reader looks at stays where it is. */
function keepPlace(change, place = null) {
  place ??= document.querySelector("[data-feed] :focus-visible");
  const isBelowTop = (feed?.firstElementChild?.getBoundingClientRect().top ?? 0) < 0;
  if (!place && isBelowTop) place = [...feed.children].find((one) => one.getBoundingClientRect().bottom > 0);
  const before = place?.getBoundingClientRect().top;
  change();
  if (place?.isConnected) scrollBy({ top: place.getBoundingClientRect().top - before, behavior: "instant" });
}

// --- Posts ---------------------------------------------------------------------------------------------------------------
/** Show a post as it is now; tell whether it is on this page. */
function replace(article) {
  const old = article.dataset.reference && shown(article.dataset.reference);
  if (!old) return false;
  if (Number(old.dataset.revision) <= Number(article.dataset.revision)) keepPlace(() => morph(old, article));
  return true;
}

function remove(reference) {
  const article = shown(reference);
  if (article && !article.querySelector(TOUCHED)) keepPlace(() => article.remove()); // else sending tells
}

// --- Sending -------------------------------------------------------------------------------------------------------------
const answered = new Map(); // when each form was: the second click of two must not hit what the first one has changed

function complain(form, content) {
  form.querySelector(":scope > .problem")?.remove();
  const problem = content?.querySelector(".problem") ?? document.createElement("p");
  if (!problem.className) {
    problem.className = "problem";
    problem.setAttribute("role", "alert");
    problem.textContent = document.body.dataset.offline;
  }
  form.prepend(problem);
  problem.tabIndex = -1;
  problem.focus();
}

/** Number a form anew: what a number says is done once. */
function number(form) {
  form.elements.once.value = crypto.getRandomValues(new Uint32Array(3)).join("-");
}

/** Take over what forms must carry now, if this reader has signed in again in another tab. */
async function renew() {
  const { page } = await askWholePage();
  const csrf = page.querySelector("[name=csrf]")?.value;
  const old = document.querySelector("[name=csrf]").value;
  if (!csrf || csrf === old || page.body.dataset.reader !== document.body.dataset.reader) return false;
  for (const field of document.querySelectorAll("[name=csrf]")) field.value = csrf;
  return true;
}

async function post(form, button) {
  const body = new FormData(form);
  if (button?.name) body.append(button.name, button.value);
  const reply = await fetch(form.getAttribute("action"), { method: "POST", body, headers: partial, credentials: "same-origin" });
  return { ok: reply.ok, status: reply.status, content: parse(await reply.text()) };
}

async function send(form, button) {
  const action = form.getAttribute("action");
  const isSecondClick = performance.now() - (answered.get(action) ?? -Infinity) < 700;
  if (form.getAttribute("aria-busy") === "true") return;
  if (isSecondClick && !form.dataset.touched && !form.dataset.pending) return;
  form.setAttribute("aria-busy", "true");
  const typed = [...form.elements].map((field) => field.value);
  try {
    let reply = await post(form, button);
    if (reply.status === 403 && await renew()) reply = await post(form, button);
    const articles = [...reply.content.querySelectorAll("article")];
    if (!reply.ok || !articles.length) {
      complain(form, reply.content);
      return;
    }
    answered.set(action, performance.now());
    form.querySelector(":scope > .problem")?.remove();
    forget(form);
    if (form.dataset.live !== "post") {
      number(form);
      [...form.elements].forEach((field, at) => { // what was typed while this was sent stays
        if (field.matches("textarea, [type=file]") && field.value === typed[at]) field.value = "";
      });
      if (form === write) tellSent(articles[0]);
      showChosen(form);
      keep(form);
    }
    form.closest("details")?.removeAttribute("open");
    for (const article of articles) replace(article);
    if (source?.readyState === EventSource.CLOSED) listen();
    await inTurn(only ? refresh : newer);
  } catch {
    form.dataset.unsure = "1"; // as it stands it may be sent again: it counts once
    complain(form);
  } finally {
    form.removeAttribute("aria-busy");
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  const isBusy = form.getAttribute("aria-busy") === "true";
  if (form.dataset.live || isBusy) event.preventDefault();
  if (form.dataset.live) {
    send(form, event.submitter);
  } else if (!isBusy) {
    form.setAttribute("aria-busy", "true");
    setTimeout(() => form.removeAttribute("aria-busy"), 10000);
    if (form.getAttribute("action") === "/sign-out") sessionStorage.clear();
  }
});

// --- What is typed outlives a reload, a lost session and the back button; in this tab, and for its reader only. -----------
function draftName(form) {
  return `draft ${document.body.dataset.reader} ${form.getAttribute("action")} ${form.dataset.draft ?? ""}`;
}

function keep(form) {
  if (form.matches(".poll")) return; // a choice is sent at once
  const fleeting = ["csrf", "once", "from", "response_id"];
  const given = [...new FormData(form)].filter(([name]) => !fleeting.includes(name));
  if (form.dataset.live !== "post" && !given.some(([, value]) => value.size ?? value.length)) return forget(form);
  form.dataset.touched = "1";
  sessionStorage.setItem(draftName(form), JSON.stringify(given.filter(([, value]) => typeof value === "string")));
}

function forget(form) {
  delete form.dataset.touched;
  delete form.dataset.pending;
  sessionStorage.removeItem(draftName(form));
}

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
  const [, replyTo] = texts.find(([name]) => name === "reply_to") ?? [];
  const link = replyTo && document.querySelector(`[data-reply="${CSS.escape(replyTo)}"]`);
  if (link) answer(link, false);
}

document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (!form?.dataset.live) return;
  if (form.dataset.unsure) { // what may have arrived is something else than this
    delete form.dataset.unsure;
    number(form);
  }
  showChosen(form);
  keep(form);
});

addEventListener("pageshow", (event) => {
  for (const form of document.querySelectorAll("form[aria-busy]")) form.removeAttribute("aria-busy");
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-touched]")) {
    if (sessionStorage.getItem(draftName(form))) continue;
    form.reset(); // sent from another page in the meantime
    delete form.dataset.touched;
  }
});

// --- Replies, files, places ----------------------------------------------------------------------------------------------
const home = document.createComment("where the form for writing stands");
write?.before(home);

/** Let what is written reply to the post of a link, or to none. The form comes to the post, so that the reader stays there. */
function answer(link, isMoved = true) {
  write.elements.reply_to.value = link?.dataset.reply ?? "";
  const line = write.querySelector("[data-replying]");
  line.textContent = link?.dataset.name ?? "";
  line.hidden = !link;
  const before = write.previousElementSibling, article = link?.closest("article");
  if (article && isMoved) keepPlace(() => article.after(write), article);
  else if (!home.nextSibling?.isSameNode(write)) keepPlace(() => home.after(write), before);
}

/** Say at the post that was replied to where the reply is. */
function tellSent(article) {
  const replied = write.previousElementSibling, isElsewhere = !home.nextSibling?.isSameNode(write);
  answer(null);
  if (!isElsewhere || !article) return;
  const note = document.createElement("p"), link = document.createElement("a");
  [note.className, link.href, link.textContent] = ["sent card", `#${article.id}`, write.dataset.sent];
  note.setAttribute("role", "status");
  note.append(link);
  replied.after(note);
  setTimeout(() => note.remove(), 15000);
}

function showChosen(form) {
  for (const files of form.querySelectorAll("[data-files]")) {
    const names = [...files.querySelector("[type=file]").files].map((file) => file.name);
    files.querySelector("[data-chosen]").textContent = names.join(", ");
  }
}

function locate(button) {
  const field = (name) => button.closest("[data-place]").querySelector(`[name$=".${name}"]`);
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => {
      field("latitude").value = coords.latitude.toFixed(6);
      field("longitude").value = coords.longitude.toFixed(6);
      field("longitude").dispatchEvent(new Event("input", { bubbles: true }));
    },
    () => { button.textContent = button.dataset.failed; },
    { timeout: 10000, enableHighAccuracy: true });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-reply], [data-no-reply]"), here = event.target.closest("[data-here]");
  if (here) locate(here);
  if (!link || !write || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  answer(link.dataset.reply ? link : null);
  keep(write);
  if (!link.dataset.reply) return;
  write.elements.text.focus({ preventScroll: true });
  write.scrollIntoView({ block: "nearest" });
});

// A tap on a choice sends it. With the keyboard one moves over choices, and sends with Enter or the button that appears.
let pressed = null;
document.addEventListener("pointerdown", (event) => { pressed = event.target; });
document.addEventListener("keydown", () => { pressed = null; });
document.addEventListener("click", (event) => {
  const { target } = event;
  if (!target.matches(".poll [type=radio]") || (target.defaultChecked && !target.form.dataset.pending)) return;
  target.form.dataset.pending = "1";
  if (target.form.contains(pressed)) target.form.requestSubmit();
});

// --- Older posts, when the reader comes near the end ----------------------------------------------------------------------
let loading = null;

async function loadOlder(link) {
  const { ok, content } = await ask(link.getAttribute("href"));
  if (!ok) return; // it stays a link
  const hadFocus = document.activeElement === link;
  const nodes = [...content.children].filter((node) => !replace(node));
  link.closest("p").replaceWith(...nodes);
  if (hadFocus) nodes[0]?.focus();
  prepare(feed);
}

function older(link) {
  loading ??= loadOlder(link).finally(() => { loading = null; });
  return loading;
}

function watchEnd() {
  const link = document.querySelector("[data-older]");
  if (!link) return;
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watch.disconnect();
    older(link).then(watchEnd, () => setTimeout(watchEnd, 3000));
  }, { rootMargin: "600px" });
  watch.observe(link);
}

// --- Where the reader was in the group: there again with "back", with the arrow of a post's page, and after a reload ----------
const placeName = `place ${document.body.dataset.reader} ${location.pathname}`;

function rememberPlace() {
  const seen = [...feed.querySelectorAll("article")].find((one) => one.getBoundingClientRect().bottom > 72);
  const place = scrollY > 100 && seen ? { reference: seen.dataset.reference, top: seen.getBoundingClientRect().top } : null;
  sessionStorage.setItem(placeName, JSON.stringify(place));
}

async function returnToPlace() {
  const linked = location.hash.startsWith("#post-") ? location.hash.slice(6) : null;
  const isNew = performance.getEntriesByType("navigation")[0]?.type === "navigate";
  const stored = sessionStorage.getItem(placeName), kept = JSON.parse(stored ?? "null");
  if (isNew && !linked) return;
  if (stored && !kept) return scrollTo({ top: 0, behavior: "instant" }); // the reader was at the top
  const { reference, top } = kept ?? { reference: linked, top: 80 };
  for (let pages = 0; pages < 20 && reference && !shown(reference); pages++) {
    const link = document.querySelector("[data-older]");
    if (!link) return;
    await older(link);
  }
  const article = reference && shown(reference);
  if (article) scrollBy({ top: article.getBoundingClientRect().top - top, behavior: "instant" });
}

// --- Live: the server rings, the page asks for what it does not have -------------------------------------------------------
const SILENCE = 40000; // the server rings at least every 15 seconds
let last = Number(feed?.dataset.liveFrom ?? 0);
let source = null, pause = 1000, hasHeard = false, silence, again, doubt = null;
let turn = Promise.resolve();

/** Do one thing after the other; what fails is made up for by listening anew, since that tells everything. */
function inTurn(work) {
  turn = turn.then(work).catch(() => { again = setTimeout(listen, pause); });
  return turn;
}

/** Take what came after the last post that is shown. */
async function newer() {
  let more = feed?.dataset.liveFrom !== undefined;
  while (more) {
    const { ok, content } = await ask(`${feed.dataset.feed}?after=${last}`);
    const told = content.querySelector("[data-after]");
    if (!ok || !told) return;
    for (const article of [...content.querySelectorAll("article")].reverse()) {
      if (!replace(article)) {
        article.classList.add("new");
        keepPlace(() => feed.prepend(article));
        prepare(article);
      }
    }
    const waiting = content.querySelector("[data-waiting]"), before = document.querySelector("[data-waiting]");
    morph(before, waiting);
    last = Math.max(last, Number(told.dataset.after));
    more = told.dataset.more === "1";
    if (last) document.querySelector("[data-empty]")?.remove();
  }
}

function isLeft() {
  if (document.querySelector(TOUCHED)) document.querySelector("[data-ended]")?.removeAttribute("hidden");
  else location.reload(); // it asks to sign in, or tells that the post is gone
}

/** Show a page as it is now: my groups and what waits, or a post with its comments and who has answered. */
async function refresh() {
  const { ok, page } = await askWholePage();
  if (!ok || !page.body.dataset.reader) isLeft();
  else morph(document.querySelector("main"), page.querySelector("main"));
}

async function changed(told) {
  if (only) {
    const revision = told.posts[only] ?? 0;
    if (revision < 0 || revision > Number(shown(only)?.dataset.revision)) await refresh();
    return;
  }
  let isNews = told.seq > last || hasHeard;
  hasHeard = true;
  for (const [reference, revision] of Object.entries(told.posts)) {
    const article = shown(reference);
    if (!article) continue;
    if (revision < 0) {
      remove(reference);
    } else if (Number(article.dataset.revision) < revision) {
      const { content } = await ask(`${feed.dataset.feed}/posts/${reference}`);
      const now = content.querySelector("article");
      if (now) replace(now);
      isNews = true;
    }
  }
  if (isNews) await newer();
}

function listen() {
  clearTimeout(again);
  clearTimeout(silence);
  source?.close();
  if (document.hidden) return; // browsers allow a few connections only, for all tabs together
  const lost = document.querySelector("[data-lost]");
  const alive = () => {
    clearTimeout(doubt);
    doubt = null;
    lost.hidden = true;
    pause = 1000;
    clearTimeout(silence);
    silence = setTimeout(listen, SILENCE);
  };
  source = new EventSource(`${feed.dataset.feed}/live`);
  source.onopen = alive;
  source.addEventListener("beat", alive);
  source.onmessage = (event) => {
    alive();
    inTurn(() => changed(JSON.parse(event.data)));
  };
  source.addEventListener("gone", () => {
    source.close();
    isLeft();
  });
  source.onerror = async () => {
    // A connection that is back within seconds was not lost.
    doubt ??= setTimeout(() => { lost.hidden = false; }, navigator.onLine ? 4000 : 0);
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again
    pause = Math.min(pause * 2, 60000);
    again = setTimeout(listen, pause);
    const reply = await ask(location.pathname).catch(() => null);
    if (!reply || reply.ok) return;
    clearTimeout(again); // not the connection has ended, but the session, or a membership
    clearTimeout(doubt);
    lost.hidden = true;
    isLeft();
  };
}

if (feed && (feed.dataset.liveFrom !== undefined || only)) {
  listen();
  document.addEventListener("visibilitychange", listen);
  for (const change of ["online", "offline"]) addEventListener(change, listen);
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
  addEventListener("pagehide", () => source?.close());
} else if (document.querySelector("[data-groups]")) {
  const look = () => { if (!document.hidden) refresh().catch(() => {}); };
  document.addEventListener("visibilitychange", look);
  setInterval(look, 30000);
}
prepare(document);
if (feed && !only) {
  history.scrollRestoration = "manual";
  addEventListener("pagehide", rememberPlace);
  await returnToPlace().catch(() => {});
}
watchEnd();
