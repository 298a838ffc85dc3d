import { expect, it } from "vitest";

import { KEYS, keyFor } from "./keys";

const KINDS = ["classification", "multi-label", "detection"] as const;
/** Places where one press is heard at once. */
const TOGETHER = [["image", "page", "anywhere"], ["field", "anywhere"], ["filter"], ["newLabel"]] as const;

const sources = import.meta.glob<string>(["../../**/*.{ts,tsx}", "!../../**/*.test.ts"], {
  query: "?raw",
  import: "default",
  eager: true,
});

it.each(KINDS)("no key means two things at once for %s", (kind) => {
  for (const places of TOGETHER) {
    for (const row of KEYS.filter(({ at, kinds }) => places.some((place) => place === at) && kinds.includes(kind))) {
      for (const sign of row.signs) expect(keyFor(sign, kind, places)).toBe(row);
    }
  }
});

it("no key is bound but by the table", () => {
  const allowed = ["../../shared/keys.ts", "./keys.ts", "./useKeys.ts"];
  const knowsKeys = /KeyboardEvent|KeyDetail|signOf|accessKey|\.(?:key|keyCode)\b|onKey(?:Up|Press)|onKeyDown=(?!\{pressedIn\()/;
  const found = Object.entries(sources).filter(([, text]) => knowsKeys.test(text));

  expect(Object.keys(sources).length).toBeGreaterThan(20);
  expect(found.map(([name]) => name).sort()).toEqual(allowed);
});
