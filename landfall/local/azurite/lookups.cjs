// Loaded into Azurite before it starts: finds a blob by its name without looking at all others.
//
// Every request looks for its blob, most of them twice. Azurite's index knows names, but only the first part of a
// condition may use it, which is the account: the same for all blobs, so that each request took longer the more
// there were. Listing a folder went through all blobs as well.
"use strict";

const { createRequire } = require("node:module");
const Loki = createRequire(require("node:path").resolve(process.argv[1]))("lokijs");

// By these a collection has few or one of a value.
const TELLING = ["blobName", "name", "id"];

// Loki takes strings that look like numbers for such, by which "10" is before "1a", that before "9", and that before
// "10": nothing is found for certain in such an order.
Object.assign(Loki.Comparators, {
  aeq: (one, other) => one === other,
  lt: (one, other, orEqual) => one < other || (orEqual && one === other),
  gt: (one, other, orEqual) => one > other || (orEqual && one === other),
});

const { findAnd } = Loki.Resultset.prototype;

Loki.Resultset.prototype.findAnd = Loki.Resultset.prototype.$and = function findByName(parts) {
  if (this.filterInitialized) {
    return findAnd.call(this, parts);
  }
  const indices = this.collection.binaryIndices;
  for (const property of TELLING) {
    const telling = indices[property] && parts.find((part) => property in part);
    const first = telling && byIndex(property, telling[property]);
    if (first) {
      return findAnd.call(this, [first, ...parts]);
    }
  }
  return findAnd.call(this, parts);
};

/** Returns a condition that the index can answer and that holds for all that the given one holds for. */
function byIndex(property, wanted) {
  if (typeof wanted === "string") {
    return { [property]: wanted };
  }
  // How Azurite asks for a prefix: an expression of it that has every other sign escaped.
  if (typeof wanted?.$regex === "string" && wanted.$regex.startsWith("^")) {
    const prefix = wanted.$regex.slice(1).replace(/\\(.)/g, "$1");
    return { [property]: { $between: [prefix, `${prefix}\uffff`] } };
  }
  return undefined;
}
