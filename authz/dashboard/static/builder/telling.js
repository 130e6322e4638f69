// SPDX-License-Identifier: Apache-2.0
// What a builder tells: a notice for all, and a quiet line for those who do not see the page.

import { h } from "./dom.js";

//: How long nobody types before screen readers are told, in milliseconds.
const QUIET = 900;
//: How often a server that could not be reached is asked again, in milliseconds.
const AGAIN = 4000;

/** The places where a builder tells something. */
export class Telling {
  #timer = null;
  #again = null;
  #isLost = false;

  constructor() {
    this.notice = h("p", { class: "b-notice", role: "status", hidden: true });
    this.live = h("p", { class: "visually-hidden", role: "status" });
  }

  /** Whether the server did not answer the last time. */
  get isLost() {
    return this.#isLost;
  }

  /** Tell screen readers; each text takes the place of the one before. */
  say(text, after = QUIET) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.live.textContent = text;
    }, after);
  }

  /** Show a notice. */
  show(text, kind = "info") {
    this.notice.hidden = false;
    this.notice.className = `notice b-notice ${kind}`;
    this.notice.textContent = text;
  }

  /** Take the notice away, unless the server is still not there. */
  clear() {
    this.notice.hidden = !this.#isLost;
  }

  /**
   * A request has failed.
   *
   * @param retry makes it again.
   */
  failed(error, retry) {
    this.#isLost = true;
    clearTimeout(this.#again);
    if (error.status === 0) {
      this.show("The server cannot be reached. Your expression is kept, and is checked as soon as it can be.", "warn");
    } else {
      this.show(`${error.message} Your expression is kept.`, "bad");
    }
    if (error.status === 0 || error.status >= 500) {
      this.#again = setTimeout(retry, AGAIN);
    }
  }

  /** The server has answered. */
  reached() {
    clearTimeout(this.#again);
    if (this.#isLost) {
      this.#isLost = false;
      this.clear();
    }
  }
}
