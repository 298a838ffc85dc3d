import { expect, it } from "vitest";

import { Bounces, signOf } from "./keys";

it.each([
  ["1", "Digit1", false, "1"],
  ["&", "Digit1", false, "1"], // French
  ["1", "Digit1", true, "1"],
  ["-", "Digit6", false, "6"],
  ["ě", "Digit2", false, "2"], // Czech
  ["١", "Digit1", false, "1"], // Arabic
  ["/", "Digit7", true, "/"], // German
  ["!", "Digit1", true, "!"],
  ["1", "Numpad1", false, "1"],
  ["End", "Numpad1", false, "End"],
  ["U", "KeyU", true, "u"],
  ["U", "KeyU", false, "u"], // capitals are locked
  ["u", "KeyF", false, "u"], // Dvorak
  ["г", "KeyU", false, "u"], // Russian
  ["Process", "KeyS", false, "s"], // Japanese
  ["?", "Slash", true, "?"],
  ["ñ", "Semicolon", false, "ñ"],
  ["Enter", "NumpadEnter", false, "Enter"],
  [" ", "Space", false, " "],
])("%s at %s means %s", (key, code, shiftKey, sign) => {
  expect(signOf({ key, code, shiftKey })).toBe(sign);
});

it("tells a key that bounces from one that is pressed again, and from another one", () => {
  const bounces = new Bounces();
  const heard = [
    ["Digit1", 0, false],
    ["Digit1", 12, true],
    ["Digit1", 55, true],
    ["Digit1", 155, false],
    ["Enter", 156, false],
    ["Digit1", 157, false],
  ] as const;
  for (const [code, timeStamp, again] of heard) expect(bounces.hears({ code, timeStamp })).toBe(again);
});
