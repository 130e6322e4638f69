// SPDX-License-Identifier: Apache-2.0
// Requests of our own scripts to our own server: JSON both ways, with the token of the page.

/** What the server refused, or that it cannot be reached; `message` is for people. */
export class Refused extends Error {
  constructor(status, message, others = []) {
    super(message);
    this.status = status;
    this.others = others;
  }
}

/** Get JSON. `signal` ends the request early. */
export function get(url, { signal } = {}) {
  return ask(url, { method: "GET", signal });
}

/** Post a value as JSON and get one. */
export function post(url, value, { signal } = {}) {
  return ask(url, {
    method: "POST",
    signal,
    body: JSON.stringify(value),
    headers: { "Content-Type": "application/json" },
  });
}

async function ask(url, options) {
  const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
  let response;
  try {
    response = await fetch(url, {
      ...options,
      credentials: "same-origin",
      headers: { ...options.headers, Accept: "application/json", "X-CSRF-Token": token },
    });
  } catch (error) {
    throw isAborted(error)
      ? error
      : new Refused(0, "The server cannot be reached. Nothing is lost; try again.");
  }
  let value = null;
  try {
    value = await response.json();
  } catch (error) {
    if (isAborted(error)) {
      // It may end while the answer is read: `fetch` was done by then.
      throw error;
    }
    if (response.ok) {
      throw new Refused(0, "The server's answer was cut off. Try again.");
    }
  }
  if (!response.ok) {
    const told = value?.error ?? {};
    throw new Refused(response.status, told.message ?? "The server answered with an error.", told.others);
  }
  return value;
}

/** Whether we ended the request ourselves, by its signal. */
function isAborted(error) {
  return error.name === "AbortError";
}
