// Rules about boxes: pixels of the upright image, whole numbers, inside of it.

import type { Box, Suggested } from "./api";

export interface Size {
  width: number;
  height: number;
}

/** A box that is being edited; without a label it has the empty one. */
export interface Item extends Box {
  id: string;
}

/** The box in whole pixels and inside the image; at least one pixel wide and high. */
export function inside(box: Box, size: Size): Box {
  const left = between(Math.round(box.left), 0, size.width - 1);
  const top = between(Math.round(box.top), 0, size.height - 1);
  const right = between(Math.round(box.left + box.width), left + 1, size.width);
  const bottom = between(Math.round(box.top + box.height), top + 1, size.height);
  return { label: box.label, left, top, width: right - left, height: bottom - top };
}

/** The box moved, and kept whole inside the image. */
export function moved(box: Box, right: number, down: number, size: Size): Box {
  return {
    ...box,
    left: between(box.left + right, 0, Math.max(0, size.width - box.width)),
    top: between(box.top + down, 0, Math.max(0, size.height - box.height)),
  };
}

/** The box with its lower right corner moved. */
export function resized(box: Box, right: number, down: number, size: Size): Box {
  return inside(
    { ...box, width: Math.max(1, box.width + right), height: Math.max(1, box.height + down) },
    size,
  );
}

/** The boxes that the model found. */
export function fromModel(labels: readonly Suggested[], size: Size, most: number): Box[] {
  return labels
    .flatMap(({ name, box }) =>
      box === undefined
        ? []
        : [
            inside(
              {
                label: name,
                left: box.left * size.width,
                top: box.top * size.height,
                width: box.width * size.width,
                height: box.height * size.height,
              },
              size,
            ),
          ],
    )
    .slice(0, most);
}

/** A new box in the middle of the image. */
export function inTheMiddle(label: string, size: Size): Box {
  const { width, height } = size;
  return inside({ label, left: width / 4, top: height / 4, width: width / 2, height: height / 2 }, size);
}

function between(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
