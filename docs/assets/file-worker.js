// SPDX-License-Identifier: Apache-2.0
// Lets the search work when the site is opened as files: browsers start no Worker from file:, so
// its script runs in a hidden frame instead. Does nothing when the site comes from a server.

if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      this.inside = this.frame.contentWindow;
      this.inside.postMessage = (data) => this.tell(data);
      this.inside.importScripts = () => {
        throw new Error("importScripts is not there in a frame");
      };
      const script = this.inside.document.createElement("script");
      this.ready = new Promise((resolve, reject) => {
        script.onload = resolve;
        script.onerror = reject;
      });
      script.src = new URL(url, location.href).href;
      this.inside.document.body.append(script);
    }

    tell(data) {
      const event = new MessageEvent("message", { data: structuredClone(data) });
      this.onmessage?.(event);
      this.dispatchEvent(event);
    }

    postMessage(data) {
      // As a Worker does: what is sent is what it was when it was sent.
      const copy = structuredClone(data);
      this.ready.then(() => {
        const event = new this.inside.MessageEvent("message", { data: copy });
        this.inside.dispatchEvent(event);
      });
    }

    terminate() {
      this.frame.remove();
    }
  };
}
