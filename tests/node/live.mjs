// Runs document 5's client of the live channel as it prints it. Only where `localhost:9527` leads is the first argument's
// to say. Node.js has a WebSocket of its own from version 22 on; before it is `ws`'s.
import { readFileSync } from "node:fs";
import vm from "node:vm";
import { WebSocket as Socket } from "ws";

const base = globalThis.WebSocket ?? Socket;
globalThis.WebSocket = class extends base {
  constructor(url, ...more) {
    super(url.replace("localhost:9527", process.argv[2]), ...more);
  }
};
// One line for each call, and objects whole.
console.log = (...parts) => process.stdout.write(JSON.stringify(parts) + "\n");
console.error = (...parts) => process.stdout.write(JSON.stringify(parts.map(String)) + "\n");
vm.runInThisContext(readFileSync(new URL("document_5.js", import.meta.url), "utf8"));
