// SPDX-License-Identifier: Apache-2.0
// Events as they happen: asks for those that are new every second or two while somebody looks, and
// puts them on top of the table. Rows are copies of a template whose texts are set as text.

import { Refused, get } from "./asking.js";

const EVERY = 1500;
const LATER = 8000;
const MOST_ROWS = 200;
const SAID_EVERY = 5000;
// Nobody may have been there for long.
const ALONE = 15 * 60 * 1000;

/** Make the live button of the page's table work. */
export function mountTail(root) {
  const section = root.querySelector("[data-tail]");
  const button = section?.querySelector(".live-button");
  if (!button) {
    return;
  }
  button.hidden = false;
  if (section.dataset.first !== "yes") {
    // Events arrive on the first page of a time that goes on.
    button.addEventListener("click", () => {
      window.location.assign(liveAddress(section.dataset.live));
    });
    return;
  }
  new Tail(section, button);
}

/** The page that goes on from now, with live events: `#live` says so. */
function liveAddress(query) {
  const fields = new URLSearchParams(query);
  for (const name of ["since", "until", "before", "after"]) {
    fields.delete(name);
  }
  if (fields.get("span") === "exact") {
    fields.set("span", "1h");
  }
  return `${window.location.pathname}?${fields}#live`;
}

class Tail {
  constructor(section, button) {
    this.url = section.dataset.tail;
    this.after = Number(section.dataset.after);
    this.button = button;
    this.status = section.querySelector(".live-status");
    this.body = section.querySelector("tbody");
    this.empty = section.querySelector(".empty");
    this.row = section.querySelector("template.event-row").content.querySelector("tr");
    this.on = false;
    this.timer = 0;
    this.asking = null;
    this.counted = 0;
    this.skipped = false;
    this.saying = 0;
    this.saidAt = 0;
    this.seen = Date.now();
    button.addEventListener("click", () => (this.on ? this.stop("Paused.") : this.start()));
    document.addEventListener("visibilitychange", () => this.looked());
    for (const kind of ["pointermove", "keydown", "scroll"]) {
      document.addEventListener(kind, () => (this.seen = Date.now()), { passive: true });
    }
    if (window.location.hash === "#live") {
      this.start();
      section.scrollIntoView();
    }
  }

  start() {
    this.on = true;
    this.seen = Date.now();
    this.button.setAttribute("aria-pressed", "true");
    this.button.textContent = "Pause";
    this.say("Live: new events appear here.");
    this.next(0);
  }

  stop(why) {
    this.on = false;
    clearTimeout(this.timer);
    this.asking?.abort();
    this.button.setAttribute("aria-pressed", "false");
    this.button.textContent = "Resume";
    this.counted = 0;
    this.say(why);
  }

  looked() {
    if (!this.on) {
      return;
    }
    if (document.hidden) {
      clearTimeout(this.timer);
      this.asking?.abort();
      this.status.textContent = "Paused while the page is hidden.";
    } else {
      this.seen = Date.now();
      this.status.textContent = "Live: new events appear here.";
      this.next(0);
    }
  }

  next(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), wait);
  }

  async ask() {
    if (Date.now() - this.seen > ALONE) {
      this.stop("Paused: nobody has touched the page for 15 minutes.");
      return;
    }
    const asking = new AbortController();
    this.asking = asking;
    let wait = EVERY;
    try {
      const url = new URL(this.url, window.location.href);
      url.searchParams.set("after", String(this.after));
      const told = await get(url, { signal: asking.signal });
      this.after = told.after;
      this.add(told);
    } catch (error) {
      if (error.name === "AbortError") {
        return;
      }
      if (!(error instanceof Refused)) {
        throw error;
      }
      if (error.status >= 400 && error.status < 500 && error.status !== 429) {
        this.stop(error.status === 401 ? "Your session is over. Sign in again." : error.message);
        return;
      }
      this.status.textContent = "The server does not answer. Trying again.";
      wait = LATER;
    }
    if (this.on && !document.hidden) {
      this.next(wait);
    }
  }

  add(told) {
    const rows = told.events
      .filter((one) => this.body.querySelector(`[data-number="${Number(one.number)}"]`) === null)
      .map((one) => this.made(one));
    if (rows.length === 0 && !told.skipped) {
      return;
    }
    this.empty?.remove();
    this.body.prepend(...rows);
    while (this.body.rows.length > MOST_ROWS) {
      this.body.rows[this.body.rows.length - 1].remove();
    }
    this.counted += rows.length;
    this.skipped = this.skipped || told.skipped;
    // Not more often than somebody can listen to.
    this.saying ||= setTimeout(() => this.announce(), this.saidAt + SAID_EVERY - Date.now());
  }

  /** How many arrived since that was said last. */
  announce() {
    this.saying = 0;
    if (!this.on) {
      return;
    }
    const some = this.counted === 1 ? "1 new event." : `${this.counted} new events.`;
    this.say(
      this.skipped
        ? `Live: ${some} More arrive than can be shown here; the list has them all.`
        : `Live: ${some}`,
    );
    this.counted = 0;
    this.skipped = false;
  }

  say(text) {
    this.status.textContent = text;
    this.saidAt = Date.now();
  }

  made(one) {
    const row = this.row.cloneNode(true);
    row.dataset.number = String(one.number);
    row.classList.add("arrived");
    for (const slot of row.querySelectorAll("[data-slot]")) {
      slot.textContent = String(one[slot.dataset.slot]);
      slot.classList.toggle("empty-slot", slot.textContent === "");
    }
    for (const slot of row.querySelectorAll("[data-kind]")) {
      slot.classList.add(String(one[slot.dataset.kind]));
    }
    for (const link of row.querySelectorAll("[data-href]")) {
      // Addresses of our own, and nothing else.
      const url = String(one[link.dataset.href]);
      if (url.startsWith("/")) {
        link.href = url;
      }
    }
    row.querySelector("time").dateTime = one.at;
    return row;
  }
}
