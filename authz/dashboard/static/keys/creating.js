// SPDX-License-Identifier: Apache-2.0
// The page where a certificate is created. The key is made here, the request is sent, and what
// comes back is put beside the key for its user to save. Without JavaScript, or where the browser
// makes no keys, the form takes a request that was made elsewhere.

import { post } from "../asking.js";
import { NameError, readNames } from "./alternative_names.js";
import { MAX_COMMON_NAME, makeCsr } from "./csr.js";
import { canMakeKeys, makeKeyPair, randomText } from "./key_pair.js";
import { readPem } from "./pem.js";
import { makePkcs12 } from "./pkcs12.js";
import { save, saveBy } from "./saving.js";

const element = (id) => document.getElementById(id);
const form = element("creation");
const failed = element("creation-failed");
const working = element("working");
const submit = form.querySelector("button[type=submit]");

/** What was made for the form as it was filled in: sent again, it is the same request. */
let attempt = null;
/** The key pair and certificate that were created. */
let made = null;
let isSaved = false;

function generates() {
  return form.elements.way.value === "generate";
}

function showWay() {
  element("generating").hidden = !generates();
  element("naming").hidden = !generates();
  element("pasting").hidden = generates();
  form.elements.label.required = generates();
}

function fail(message) {
  failed.textContent = message;
  failed.hidden = false;
  failed.focus();
}

/** What the key and the request are made of. */
function asked() {
  const label = form.elements.label.value.trim();
  return {
    kind: element("kind").value,
    label,
    commonName: element("common-name").value.trim() || label,
    names: element("names").value,
    days: form.elements.days.value.trim(),
    authority_id: form.elements.authority_id?.value ?? "",
  };
}

async function attemptFor(wanted) {
  const description = JSON.stringify(wanted);
  if (attempt?.description === description) return attempt;
  const pair = await makeKeyPair(wanted.kind);
  const csr = await makeCsr(pair, {
    commonName: wanted.commonName,
    names: readNames(wanted.names),
  });
  return { description, pair, csr, requestKey: randomText() };
}

async function create() {
  const wanted = asked();
  if ([...wanted.commonName].length > MAX_COMMON_NAME) {
    fail(`The common name has more than ${MAX_COMMON_NAME} characters: write a shorter one.`);
    return;
  }
  failed.hidden = true;
  submit.disabled = true;
  working.textContent = "Making the key…";
  try {
    attempt = await attemptFor(wanted);
    working.textContent = "Asking for the certificate…";
    const answer = await post(form.dataset.issue, {
      csr: attempt.csr,
      label: wanted.label,
      days: wanted.days,
      authority_id: wanted.authority_id,
      request_key: attempt.requestKey,
    });
    await show(attempt.pair, answer);
  } catch (error) {
    if (error instanceof NameError) fail(`Alternative names: ${error.message}`);
    else fail([error.message, ...(error.others ?? [])].join(" "));
  } finally {
    submit.disabled = false;
    working.textContent = "";
  }
}

async function show(pair, answer) {
  const key = await pair.privateKeyPem();
  made = { pair, answer };
  element("shown-key").value = key;
  element("shown-certificate").value = answer.bundle;
  saveBy(element("save-key"), key, `${answer.file}.key`);
  saveBy(element("save-certificate"), answer.bundle, `${answer.file}.pem`);
  element("created-link").href = answer.url;
  form.hidden = true;
  element("created").hidden = false;
  element("created-title").textContent = `“${answer.label}” is created`;
  element("created-title").focus();
}

async function pack() {
  const said = element("packed");
  said.textContent = "Encrypting…";
  const { pair, answer } = made;
  try {
    const file = await makePkcs12({
      privateKey: await pair.privateKey(),
      certificates: readPem(answer.bundle, "CERTIFICATE"),
      name: answer.label,
      password: element("password").value,
    });
    save(file, `${answer.file}.p12`, "application/x-pkcs12");
    isSaved = true;
    said.textContent = "Saved.";
  } catch (error) {
    said.textContent = `It could not be made: ${error.message}`;
  }
}

form.addEventListener("submit", (event) => {
  if (!generates()) return;
  event.preventDefault();
  create();
});
form.addEventListener("change", showWay);
element("packing").addEventListener("submit", (event) => {
  event.preventDefault();
  pack();
});
element("save-key").addEventListener("click", () => {
  isSaved = true;
});
addEventListener("beforeunload", (event) => {
  if (made !== null && !isSaved) event.preventDefault();
});

if (canMakeKeys()) {
  element("ways").hidden = false;
  // Whoever comes back with a request that was refused goes on with it.
  if (form.elements.csr.value === "") element("way-generate").checked = true;
} else {
  element("no-keys").hidden = false;
}
showWay();
