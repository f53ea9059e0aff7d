// Loaded into Azurite before it starts: its access log says what was written, and not only where.
//
// A storage event names version, length and type of what was written. With them in the log nobody has to ask for
// them, which took as long as the write itself. `storage_events/access_log.py` reads these lines.
"use strict";

const { createRequire } = require("node:module");
const morgan = createRequire(require("node:path").resolve(process.argv[1]))("morgan");

const written = [
  ":res[etag]",
  ":req[content-length]",
  ":req[x-ms-blob-type]",
  '":req[x-ms-blob-content-type]"',
  '":req[content-type]"',
];
morgan.format("common", `${morgan.common} ${written.join(" ")}`);
