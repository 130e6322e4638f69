// SPDX-License-Identifier: Apache-2.0
// A file with certificates is read into the field that is sent: people see what they send. A file
// that has a private key in it is not: it would be on its way to where it must not be.

const MOST_BYTES = 256 * 1024;

const choosing = document.getElementById("choosing");
const file = document.getElementById("file");
const help = document.getElementById("file-help");
const field = document.getElementById("certificates");

file.addEventListener("change", async () => {
  const [chosen] = file.files;
  if (chosen === undefined) return;
  const text = chosen.size > MOST_BYTES ? "" : await chosen.text();
  if (text.includes("PRIVATE KEY-----")) {
    help.textContent = "There is a private key in this file. Choose one with certificates only.";
  } else if (!text.includes("-----BEGIN CERTIFICATE-----")) {
    help.textContent = "There is no certificate in PEM in this file.";
  } else {
    field.value = text;
    help.textContent = `${chosen.name} is read.`;
    return;
  }
  file.value = "";
});
choosing.hidden = false;
