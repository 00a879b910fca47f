// Discord's own description of its API (as zod schemas), against what we send and what our fakes answer.
//
// Takes [[schema, value], …] on stdin; prints, for each, what is wrong with it: null where nothing is. A field that the
// description does not know is wrong too.
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import * as described from "discord-api-spec/zod";

const wrong = ([name, value]) => {
  const found = described[`${name}Schema`].safeParse(value);
  if (!found.success) return JSON.stringify(found.error.issues);
  return isDeepStrictEqual(found.data, value) ? null : `it has more than is described: ${JSON.stringify(found.data)}`;
};

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(wrong)));
