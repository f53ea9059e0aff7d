// Loaded into Azurite before it starts: writes its index to disk soon after every change.
//
// Azurite confirms a write as soon as the content is on disk, and saves the index that finds it every five
// seconds. Killed in between, it forgets files it has confirmed, among them commits of Delta tables. Saving
// costs time in proportion to the number of blobs, so the pause grows with what the last one took.
"use strict";

const { createRequire } = require("node:module");
const Loki = createRequire(require("node:path").resolve(process.argv[1]))("lokijs");

const SHORTEST_PAUSE_MS = 250;
// So it takes a twentieth of a core at most, however many blobs there are.
const PAUSES_PER_SAVE = 20;

Loki.prototype.autosaveEnable = function autosaveEnable() {
  this.autosave = true;
  const again = (pauseMs) => {
    // The name under which Loki cancels it when it closes; the timer alone keeps no process alive.
    this.autosaveHandle = setTimeout(saveIfChanged, pauseMs).unref();
  };
  const saveIfChanged = () => {
    if (!this.autosaveDirty()) {
      again(SHORTEST_PAUSE_MS);
      return;
    }
    const beganAt = performance.now();
    this.saveDatabase((error) => {
      if (error) {
        console.error(`Azurite's index could not be saved: ${error}`);
      }
      if (this.autosaveHandle !== null) {
        again(Math.max(SHORTEST_PAUSE_MS, PAUSES_PER_SAVE * (performance.now() - beganAt)));
      }
    });
  };
  again(SHORTEST_PAUSE_MS);
};
