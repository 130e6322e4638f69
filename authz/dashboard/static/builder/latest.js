// SPDX-License-Identifier: Apache-2.0
// Requests that follow what somebody types: a little later, one at a time, and only the latest
// answer counts.

/** A request that is made again whenever what it asks about has changed. */
export class Latest {
  #work;
  #take;
  #fail;
  #wait;
  #timer = null;
  #controller = null;
  #number = 0;
  #running = null;

  /**
   * @param work makes the request: gets a signal, gives a promise of the answer.
   * @param take gets the answer, unless something has changed meanwhile.
   * @param fail gets the error; then the request is still to be made.
   */
  constructor({ work, take, fail, wait = 150 }) {
    this.#work = work;
    this.#take = take;
    this.#fail = fail;
    this.#wait = wait;
    this.pending = false;
  }

  /** Something has changed. */
  soon() {
    this.#number += 1;
    this.pending = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.now(), this.#wait);
  }

  /** Ask at once; resolves to whether the latest answer is there. */
  now() {
    clearTimeout(this.#timer);
    this.#controller?.abort();
    this.#controller = new AbortController();
    this.#number += 1;
    this.pending = true;
    this.#running = this.#ask(this.#number, this.#controller.signal);
    return this.#running;
  }

  /** Resolves to whether the answer to what there is now is there. */
  settled() {
    return this.pending ? this.now() : Promise.resolve(true);
  }

  /** What was asked does not matter any more. */
  forget() {
    clearTimeout(this.#timer);
    this.#controller?.abort();
    this.#number += 1;
    this.pending = false;
  }

  async #ask(number, signal) {
    let answer;
    try {
      answer = await this.#work(signal);
    } catch (error) {
      if (number === this.#number) {
        this.#fail(error);
      }
      return false;
    }
    if (number !== this.#number) {
      return false;
    }
    this.pending = false;
    this.#take(answer);
    return true;
  }
}
