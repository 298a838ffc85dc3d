import { expect, it } from "vitest";

import { fromModel, inside, inTheMiddle, moved, resized } from "./boxes";

const SIZE = { width: 100, height: 50 };
const BOX = { label: "gear", left: 10, top: 10, width: 20, height: 10 };

it("rounds to whole pixels and cuts off what is outside", () => {
  expect(inside({ ...BOX, left: -3.2, top: 44.6, width: 20.4, height: 30 }, SIZE)).toEqual({
    label: "gear",
    left: 0,
    top: 45,
    width: 17,
    height: 5,
  });
});

it("never makes a box smaller than a pixel, or puts it outside", () => {
  expect(inside({ ...BOX, left: 100.4, top: 60, width: 0.1, height: 0 }, SIZE)).toEqual({
    label: "gear",
    left: 99,
    top: 49,
    width: 1,
    height: 1,
  });
});

it("moves a box up to the edge and keeps its size", () => {
  expect(moved(BOX, -50, 100, SIZE)).toEqual({ ...BOX, left: 0, top: 40 });
});

it("resizes a box up to the edge and down to a pixel", () => {
  expect(resized(BOX, 500, -500, SIZE)).toEqual({ ...BOX, width: 90, height: 1 });
});

it("takes the model's ratios as pixels, no more of them than an image can have", () => {
  const box = { left: 0.25, top: 0.5, width: 0.5, height: 0.5 };
  const found = [
    { name: "gear", confidence_pct: 90, box },
    { name: "bolt", confidence_pct: 80 },
    { name: "bolt", confidence_pct: 70, box },
  ];
  expect(fromModel(found, SIZE, 1)).toEqual([{ label: "gear", left: 25, top: 25, width: 50, height: 25 }]);
});

it("puts a new box into the middle", () => {
  expect(inTheMiddle("gear", SIZE)).toEqual({ label: "gear", left: 25, top: 13, width: 50, height: 25 });
});
