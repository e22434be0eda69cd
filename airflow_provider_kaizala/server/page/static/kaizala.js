// What a page of forms gains with script: it sends without reloading, shows what others do at once, and loses nothing.
// Everything also works without: each form posts and is answered with a page.

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
  return new DOMParser().parseFromString(await reply.text(), "text/html");
}

function shown(reference) {
  return document.getElementById(`post-${reference}`);
}

/** Offer what only script can, and bring back what was typed. */
function prepare(root) {
  if (navigator.geolocation) for (const button of root.querySelectorAll("[data-here]")) button.hidden = false;
  for (const form of root.querySelectorAll("form[data-live]")) restore(form);
}

/** Find what an element is in a newer fragment. */
function twin(element, fragment) {
  const marks = (one) => {
    const form = one.closest("form") ?? one.querySelector("form");
    const value = ["radio", "checkbox", "submit"].includes(one.type) ? one.value : "";
    const words = one.matches("summary") ? one.textContent : "";
    return [one.getAttribute("name"), value, words, one.getAttribute("href"), form?.getAttribute("action"), form?.dataset.draft].join();
  };
  return [...fragment.querySelectorAll(element.tagName)].find((one) => marks(one) === marks(element));
}

function keepOpen(old, now) {
  for (const details of old.querySelectorAll("details")) {
    const its = twin(details, now);
    if (its) its.open = details.open;
  }
}

/** Put a newer fragment in the place of an element; the focus stays where it was, or goes no further than it must. */
function swap(old, now) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const again = focused && twin(focused, now);
  old.replaceWith(now);
  if (!focused) return;
  now.tabIndex = -1;
  for (const one of [focused, again, now, document.getElementById("main")]) {
    one?.focus({ preventScroll: true });
    if (one && document.activeElement === one) return;
  }
}

/** Change the feed; whoever types in it, or reads further down, keeps their place. */
function keepPlace(change) {
  const focused = document.querySelector("[data-feed] :focus-visible");
  const isBelowTop = (feed.firstElementChild?.getBoundingClientRect().top ?? 0) < 0;
  const place = focused ?? (isBelowTop ? [...feed.children].find((one) => one.getBoundingClientRect().bottom > 0) : null);
  const before = place?.getBoundingClientRect().top;
  change();
  if (place?.isConnected) scrollBy(0, place.getBoundingClientRect().top - before);
}

// --- Posts ---------------------------------------------------------------------------------------------------------------
const held = new Map(); // posts that changed under their reader's fingers: shown once those have left; null for deleted ones
let pressed = null;

function isInUse(article) {
  return article.contains(pressed) || article.contains(document.activeElement?.closest("form[data-touched]") ?? null);
}

/** Put a post in the place of its older self; what is open, is being typed or plays in it stays so. */
function replace(article, isAnswer = false) {
  const reference = article.dataset.reference, old = reference && shown(reference);
  if (!old) return false;
  if (Number(old.dataset.revision) > Number(article.dataset.revision)) return true;
  if (!isAnswer && isInUse(old)) {
    held.set(reference, article);
    return true;
  }
  held.delete(reference);
  if (!isAnswer) keepOpen(old, article);
  for (const form of old.querySelectorAll("form")) {
    const its = twin(form, article);
    if (form.dataset.touched) its?.replaceWith(form);
    else its?.prepend(...form.querySelectorAll(":scope > .problem"));
  }
  const media = old.querySelector(".media"), same = article.querySelector(".media");
  if (media && media.innerHTML === same?.innerHTML) same.replaceWith(media);
  keepPlace(() => swap(old, article));
  prepare(article);
  return true;
}

function remove(reference) {
  const article = shown(reference);
  if (only) location.reload();
  else if (article && isInUse(article)) held.set(reference, null);
  else if (article) keepPlace(() => swap(article, document.createElement("div")));
}

function settle() {
  for (const [reference, article] of [...held]) {
    if (article) replace(article);
    else remove(reference);
  }
}
document.addEventListener("focusout", () => setTimeout(settle));
document.addEventListener("pointerdown", (event) => { pressed = event.target; });
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => setTimeout(() => { // after the click that it may become
    pressed = null;
    settle();
  }, 300));
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
  const page = await askWholePage();
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
  const isSecondClick = performance.now() - (answered.get(action) ?? -Infinity) < 700 && !form.dataset.touched;
  if (form.getAttribute("aria-busy") === "true" || (isSecondClick && button?.name !== "choice")) return;
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
      if (form === write) answer(null);
      showChosen(form);
      keep(form);
    }
    for (const article of articles) replace(article, true);
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
  const fleeting = ["csrf", "once", "from", "response_id"];
  const given = [...new FormData(form)].filter(([name]) => !fleeting.includes(name));
  if (form.dataset.live !== "post" && !given.some(([, value]) => value.size ?? value.length)) return forget(form);
  form.dataset.touched = "1";
  sessionStorage.setItem(draftName(form), JSON.stringify(given.filter(([, value]) => typeof value === "string")));
}

function forget(form) {
  delete form.dataset.touched;
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
  if (link) answer(link);
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
/** Let what is written reply to the post of a link, or to none. */
function answer(link) {
  write.elements.reply_to.value = link?.dataset.reply ?? "";
  const line = write.querySelector("[data-replying]");
  line.textContent = link?.dataset.name ?? "";
  line.hidden = !link;
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
  write.elements.text.focus();
  write.scrollIntoView({ block: "nearest" });
});

// --- Older posts, when the reader comes near the end ----------------------------------------------------------------------
async function older(link) {
  const { ok, content } = await ask(link.getAttribute("href"));
  if (!ok) return; // it stays a link
  const hadFocus = document.activeElement === link;
  const nodes = [...content.children].filter((node) => !replace(node));
  link.closest("p").replaceWith(...nodes);
  if (hadFocus) nodes[0]?.focus();
  prepare(feed);
  watchEnd();
}

function watchEnd() {
  const link = document.querySelector("[data-older]");
  if (!link) return;
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watch.disconnect();
    older(link).catch(() => setTimeout(watchEnd, 3000));
  }, { rootMargin: "600px" });
  watch.observe(link);
}

// --- Live: the server rings, the page asks for what it does not have -------------------------------------------------------
const SILENCE = 40000; // the server rings at least every 15 seconds
let last = Number(feed?.dataset.liveFrom ?? 0);
let source = null, pause = 1000, hasHeard = false, silence, again;
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
    keepOpen(before, waiting);
    swap(before, waiting);
    last = Math.max(last, Number(told.dataset.after));
    more = told.dataset.more === "1";
    if (last) document.querySelector("[data-empty]")?.remove();
  }
}

/** Load the parts of a page again that change: who has answered, the comments; on the first page what waits, and my groups. */
async function refresh() {
  const page = await askWholePage();
  if (!page.body.dataset.reader && !document.querySelector("form[data-touched]")) location.reload(); // signed out
  for (const part of ["[data-refresh]", "[data-comments]", "[data-waiting]", "[data-groups]"]) {
    const old = document.querySelector(part), now = page.querySelector(part);
    if (!old || !now) continue;
    keepOpen(old, now);
    swap(old, document.adoptNode(now));
  }
}

async function changed(told) {
  let isNews = !only && (told.seq > last || hasHeard);
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
  if (isNews) await (only ? refresh() : newer());
}

function listen() {
  clearTimeout(again);
  clearTimeout(silence);
  source?.close();
  if (document.hidden) return; // browsers allow a few connections only, for all tabs together
  const lost = document.querySelector("[data-lost]");
  const alive = () => {
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
    // What is being written stays on the page; sending it tells what is wrong.
    if (document.querySelector("form[data-touched]")) lost.hidden = false;
    else location.reload();
  });
  source.onerror = () => {
    lost.hidden = false;
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again
    pause = Math.min(pause * 2, 60000);
    again = setTimeout(listen, pause);
  };
}

if (feed && (feed.dataset.liveFrom !== undefined || only)) {
  listen();
  document.addEventListener("visibilitychange", listen);
  for (const change of ["online", "offline"]) addEventListener(change, listen);
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
  addEventListener("pagehide", () => source.close());
} else if (document.querySelector("[data-groups]")) {
  const look = () => { if (!document.hidden) refresh().catch(() => {}); };
  document.addEventListener("visibilitychange", look);
  setInterval(look, 30000);
}
watchEnd();
prepare(document);
