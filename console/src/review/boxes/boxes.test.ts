import { beforeEach, describe, expect, it } from "vitest";

import { boxAt, fromModel, handleNear, inside, inTheMiddle, moved, resized, Sheet, stretched } from "./boxes";

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
  expect(inTheMiddle(SIZE)).toEqual({ label: "", left: 25, top: 13, width: 50, height: 25 });
});

it("stretches a box by its handles, over to the other side too", () => {
  expect(stretched(BOX, [1, 0], 10, 99)).toEqual({ ...BOX, width: 30 });
  expect(stretched(BOX, [-1, -1], 5, -5)).toEqual({ ...BOX, left: 15, top: 5, width: 15, height: 15 });
  expect(stretched(BOX, [-1, 0], 30, 0)).toEqual({ ...BOX, left: 30, width: 10 });
});

it("means the nearest handle, and leaves the middle of a small box free of them", () => {
  expect(handleNear(BOX, { x: 8, y: 8 }, 11)).toEqual([-1, -1]);
  expect(handleNear(BOX, { x: 20, y: 15 }, 11)).toBeNull();
  expect(handleNear(BOX, { x: 80, y: 15 }, 11)).toBeNull();
});

it("finds the smallest box at a point, of equal ones the selected", () => {
  const large = { ...BOX, id: "large", left: 0, top: 0, width: 90, height: 40 };
  const small = { ...BOX, id: "small" };
  const twin = { ...BOX, id: "twin" };
  const boxes = [small, large, twin];
  expect(boxAt(boxes, { x: 15, y: 15 }, null)?.id).toBe("twin");
  expect(boxAt(boxes, { x: 15, y: 15 }, "small")?.id).toBe("small");
  expect(boxAt(boxes, { x: 60, y: 15 }, "small")?.id).toBe("large");
  expect(boxAt(boxes, { x: 95, y: 15 }, null)).toBeNull();
  expect(boxAt(boxes, { x: 93, y: 15 }, null, 4)?.id).toBe("large");
});

describe("a sheet", () => {
  let brush = { label: "" };
  const sheetOf = (...initial: string[]) => new Sheet(null, initial.map((label) => ({ ...BOX, label })), SIZE, brush);
  const labels = (sheet: Sheet) => sheet.items.map((item) => item.label);

  beforeEach(() => {
    brush = { label: "" };
  });

  it("has a box as soon as it is dropped, and the next key labels that one", () => {
    const sheet = sheetOf("bolt", "gear");
    sheet.pick(sheet.items[0]?.id ?? null);
    sheet.drag(null, { ...BOX, left: -5, width: 10 });
    sheet.drop();
    sheet.label("nut");
    expect(labels(sheet)).toEqual(["bolt", "gear", "nut"]);
    expect(sheet.items[2]).toMatchObject({ left: 0, width: 5 });
    expect(sheet.snapshot()).toMatchObject({ selected: sheet.items[2]?.id, picked: false });
  });

  it("labels a box while it is drawn, and no other", () => {
    const sheet = sheetOf("bolt", "");
    sheet.drag(null, BOX);
    sheet.label("nut");
    sheet.drag(null, { ...BOX, width: 30 });
    sheet.drop();
    expect(labels(sheet)).toEqual(["bolt", "", "nut"]);
    expect(sheet.items[2]?.width).toBe(30);
  });

  it("moves a box and keeps the label that it is given meanwhile", () => {
    const sheet = sheetOf("bolt");
    const id = sheet.items[0]?.id ?? "";
    sheet.pick(id);
    sheet.drag(id, { ...BOX, left: 95 });
    sheet.label("gear");
    sheet.drag(id, { ...BOX, left: 96 });
    sheet.drop();
    expect(sheet.items).toEqual([{ id, label: "gear", left: 96, top: 10, width: 4, height: 10 }]);
  });

  it("labels the last box without a label where none is selected, else those that come", () => {
    const sheet = sheetOf("", "");
    sheet.label("bolt");
    sheet.pick(null);
    sheet.label("gear");
    sheet.pick(null);
    expect(labels(sheet)).toEqual(["gear", "bolt"]);
    sheet.label("nut");
    expect(sheet.listed()).toMatchObject({ label: "nut", brush: "nut" });
    sheet.add(BOX);
    expect(labels(sheet)).toEqual(["gear", "bolt", "gear"]); // it had one
    sheet.add(inTheMiddle(SIZE));
    expect(labels(sheet).at(-1)).toBe("nut");
    sheet.pick(null);
    sheet.label("nut");
    expect(brush.label).toBe("");
  });

  it("takes changes back and makes them again, in order", () => {
    const sheet = sheetOf("bolt");
    sheet.setAll([]);
    sheet.add(BOX);
    sheet.label("nut");
    for (const expected of [["gear"], [], ["bolt"], ["bolt"]]) {
      sheet.undo();
      expect(labels(sheet)).toEqual(expected);
    }
    for (const expected of [[], ["gear"], ["nut"], ["nut"]]) {
      sheet.redo();
      expect(labels(sheet)).toEqual(expected);
    }
    sheet.undo();
    sheet.add(BOX);
    sheet.redo();
    expect(labels(sheet)).toEqual(["gear", "gear"]);
  });

  it("is as it was when a drag comes to nothing", () => {
    const sheet = sheetOf("bolt");
    const before = sheet.items;
    sheet.drag(null, BOX);
    expect(sheet.busy).toBe(true);
    sheet.cancel();
    sheet.drop();
    expect(sheet.items).toBe(before);
    expect(sheet.busy).toBe(false);
  });

  it("tells what stands beside the image nothing new while a box is dragged", () => {
    const sheet = sheetOf("bolt");
    sheet.drag(null, BOX);
    const before = sheet.listed();
    sheet.drag(null, { ...BOX, width: 30 });
    expect(sheet.listed()).toBe(before);
    sheet.drop();
    expect(sheet.listed()).not.toBe(before);
  });
});
