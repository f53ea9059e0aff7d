// Loaded into Azurite before it starts: its access log says what was written, not only where, and costs little.
//
// A storage event names version, length and type of what was written. With them in the log nobody has to ask for
// them, which took as long as the write itself. `storage_events/access_log.py` reads these lines.
//
// Each line wakes two readers, and a run of the example makes 2,000 requests. Nobody waits for the lines of requests
// that write nothing: they come with the next one that does, or a little later.
"use strict";

const { createRequire } = require("node:module");
const morgan = createRequire(require("node:path").resolve(process.argv[1]))("morgan");

const LONGEST_WAIT_MS = 1000;
const MOST_CHARACTERS = 65536;

const written = [
  ":res[etag]",
  ":req[content-length]",
  ":req[x-ms-blob-type]",
  '":req[x-ms-blob-content-type]"',
  '":req[content-type]"',
];
const lineOf = morgan.compile(`${morgan.common} ${written.join(" ")}`);

let waiting = "";
let timer = null;

function writeAll() {
  clearTimeout(timer);
  timer = null;
  if (waiting) {
    process.stdout.write(waiting);
    waiting = "";
  }
}

morgan.format("common", (tokens, request, response) => {
  waiting += `${lineOf(tokens, request, response)}\n`;
  if (request.method === "PUT" || waiting.length >= MOST_CHARACTERS) {
    writeAll();
  } else {
    timer ??= setTimeout(writeAll, LONGEST_WAIT_MS).unref();
  }
  // Morgan itself writes nothing then.
  return undefined;
});

process.on("exit", writeAll);
