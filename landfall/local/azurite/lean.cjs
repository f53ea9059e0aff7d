// Loaded into Azurite before it starts: leaves out what it imports and a laptop does not use.
//
// Telemetry is switched off and the index is no SQL database, but the packages for them are two thirds of what Azurite
// loads before it answers.
"use strict";

const Module = require("node:module");

class NotLoaded {}

const unused = new Map([["applicationinsights", {}]]);
// Azurite keeps its index in SQL if this says where.
if (!process.env.AZURITE_DB) {
  // Of its classes some are derived from while Azurite loads.
  unused.set("sequelize", new Proxy({}, { get: () => NotLoaded }));
}

const load = Module._load;

Module._load = function loadWhatIsUsed(request, ...others) {
  return unused.get(request) ?? load.call(this, request, ...others);
};
