"use strict";
// Follows Airflow's theme and time zone, opens Airflow's own pages around this one, and asks for changes now and then.
(() => {
  const PAUSE = 10_000;
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  // What Airflow's UI keeps for its users; null if there is no such thing, as where storage is off.
  const kept = (name) => {
    try { return localStorage.getItem(name); } catch { return null; }
  };

  const followTheme = () => {
    const theme = kept("theme");
    root.dataset.theme = theme === "dark" || theme === "light" ? theme : dark.matches ? "dark" : "light";
  };
  followTheme(); // before anything is drawn
  dark.addEventListener("change", followTheme);

  // --- times ---------------------------------------------------------------------------------------------------------

  const formats = () => {
    let zone = kept("timezone") ?? undefined;
    try { zone = zone && JSON.parse(zone); } catch { /* it is not quoted */ }
    const make = (given) => {
      try { return new Intl.DateTimeFormat("en-GB", { ...given, timeZone: zone }); } catch { return new Intl.DateTimeFormat("en-GB", given); }
    };
    const time = { hour: "2-digit", minute: "2-digit" };
    return {
      day: make({ year: "numeric", month: "2-digit", day: "2-digit" }),
      time: make(time),
      second: make({ ...time, second: "2-digit" }),
      date: make({ ...time, day: "numeric", month: "short" }),
      year: make({ ...time, day: "numeric", month: "short", year: "numeric" }),
      full: make({ dateStyle: "full", timeStyle: "long" }),
    };
  };
  const away = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const UNITS = [["day", 86_400], ["hour", 3600], ["minute", 60]];

  const fromNow = (moment) => {
    const seconds = (moment - Date.now()) / 1000;
    const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? [];
    return unit ? away.format(Math.round(seconds / length), unit) : seconds < 0 ? "just now" : "in less than a minute";
  };

  const showTimes = () => {
    const format = formats();
    const today = format.day.format(new Date());
    for (const each of document.querySelectorAll("time[datetime]")) {
      const moment = new Date(each.dateTime);
      const isNear = Math.abs(moment - Date.now()) < 180 * 86_400_000;
      const isRelative = "relative" in each.dataset;
      const ofToday = isRelative ? format.time : format.second;
      const absolute = (format.day.format(moment) === today ? ofToday : isNear ? format.date : format.year).format(moment);
      const text = isRelative ? `${absolute} (${fromNow(moment)})` : absolute;
      if (each.textContent !== text) each.textContent = text;
      each.title = format.full.format(moment);
    }
  };

  addEventListener("storage", () => { followTheme(); showTimes(); });

  // --- links ---------------------------------------------------------------------------------------------------------

  // Airflow shows this page in a sandboxed frame, whose links may open nothing around it. Airflow's own page may.
  const openAround = (event) => {
    const link = event.target.closest?.('a[target="_top"]');
    if (!link || parent === window) return;
    event.preventDefault();
    const outside = parent.document.createElement("a");
    outside.href = link.href;
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button === 1) {
      outside.target = "_blank";
      outside.rel = "noopener";
    }
    outside.hidden = true;
    parent.document.body.append(outside);
    outside.click();
    outside.remove();
  };
  addEventListener("click", openAround);
  addEventListener("auxclick", (event) => { if (event.button === 1) openAround(event); });

  // --- changes -------------------------------------------------------------------------------------------------------

  addEventListener("DOMContentLoaded", () => {
    const content = document.getElementById("content");
    const trouble = document.getElementById("trouble");
    const shown = new Map([...content.querySelectorAll("section")].map((each) => [each.id, each.outerHTML]));
    let etag = "";
    let timer = 0;

    const say = (text) => {
      trouble.hidden = !text;
      if (trouble.textContent !== text) trouble.textContent = text;
    };

    const replace = (html) => {
      const fresh = new DOMParser().parseFromString(html, "text/html");
      const focused = document.activeElement?.getAttribute("href");
      for (const section of fresh.querySelectorAll("section")) {
        if (shown.get(section.id) === section.outerHTML) continue;
        shown.set(section.id, section.outerHTML);
        document.getElementById(section.id).replaceWith(section);
      }
      if (focused && document.activeElement === document.body) {
        content.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
      }
    };

    const look = async () => {
      clearTimeout(timer);
      if (!document.hidden) {
        try {
          const reply = await fetch(content.dataset.source + location.search, { headers: etag ? { "If-None-Match": etag } : {} });
          if (reply.status === 401) return say("You are no longer signed in to Airflow. Reload the page to sign in.");
          if (!reply.ok && reply.status !== 304) throw new Error(String(reply.status));
          if (reply.status !== 304) {
            etag = reply.headers.get("ETag") ?? "";
            replace(await reply.text());
          }
          say("");
        } catch {
          say("Airflow does not answer. What you see may be out of date; trying again.");
        }
        showTimes();
      }
      timer = setTimeout(look, PAUSE);
    };

    document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
    showTimes();
    timer = setTimeout(look, PAUSE / 5); // what was still being read when the page came
  });
})();
