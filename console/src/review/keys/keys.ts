// The keys of the review. One row binds a key and describes it: useKeys obeys the table, the help and
// the buttons show it, and whoever adds a row has to say what its command does.

import type { ModelType } from "../api";

/**
 * Where a key is heard: over an image, over the page without one too, in any field, in one of them
 * alone, or anywhere, behind a dialog too.
 */
type Place = "image" | "page" | "field" | "filter" | "newLabel" | "anywhere";

export interface Key {
  /** As people read it. */
  readonly key: string;
  /** What signOf says of it; nothing where the words are about a pointer. */
  readonly signs: readonly string[];
  readonly at: Place;
  readonly kinds: readonly ModelType[];
  readonly words: string;
  /** What is called; null where the browser does it by itself. */
  readonly command: string | null;
  /** It ends the image: where it bounces, it would answer one that nobody has seen. */
  readonly ends?: true;
  /** It goes on while it is held down. */
  readonly repeats?: true;
  /** It does something until it is let go of. */
  readonly lasts?: true;
  /** Whether it is another key with Ctrl; else it does nothing then. */
  readonly ctrl?: "needed" | "allowed";
}

/** The keys of the first labels, in their order. */
export const NUMBERS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"] as const;

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
const ALL = ["classification", "multi-label", "detection"] as const;
const ONE = ["classification"] as const;
const MANY = ["multi-label"] as const;
const IMAGE_LEVEL = ["classification", "multi-label"] as const;
const BOXES = ["detection"] as const;
const SENT = ["multi-label", "detection"] as const;

const TABLE = [
  {
    key: "1 – 9", signs: NUMBERS, at: "image", kinds: ONE, command: "label", ends: true,
    words: "answer with that label",
  },
  {
    key: "1 – 9", signs: NUMBERS, at: "image", kinds: MANY, command: "label",
    words: "choose that label, or not",
  },
  {
    key: "1 – 9", signs: NUMBERS, at: "image", kinds: BOXES, command: "label",
    words: "label the selected box; without one, the boxes that are drawn next",
  },
  {
    key: "0", signs: ["0"], at: "image", kinds: ALL, command: "none", ends: true,
    words: "None of the above",
  },
  {
    key: "↑ ↓", signs: Object.keys(ARROWS), at: "image", kinds: IMAGE_LEVEL, command: "goThroughLabels", repeats: true,
    words: "go through the labels",
  },
  {
    key: "← ↑ → ↓", signs: Object.keys(ARROWS), at: "image", kinds: BOXES, command: "moveBox", repeats: true, ctrl: "allowed",
    words: "move the selected box; with Shift: its size; with Ctrl: by a pixel of the screen",
  },
  {
    key: "Enter", signs: ["Enter"], at: "image", kinds: ONE, command: null, ends: true,
    words: "answer with the marked label",
  },
  {
    key: "Enter", signs: ["Enter"], at: "image", kinds: SENT, command: "send", ends: true,
    words: "send",
  },
  {
    key: "Space", signs: [" "], at: "image", kinds: MANY, command: null,
    words: "choose the marked label, or not",
  },
  {
    key: "b", signs: ["b"], at: "image", kinds: BOXES, command: "addBox",
    words: "new box",
  },
  {
    key: "n", signs: ["n"], at: "image", kinds: BOXES, command: "nextBox",
    words: "select the next box",
  },
  {
    key: "Drag", signs: [], at: "image", kinds: BOXES, command: null,
    words: "draw a box, inside another one too; click a box first to move it or its sides",
  },
  {
    key: "Delete", signs: ["Delete", "Backspace"], at: "image", kinds: BOXES, command: "deleteBox",
    words: "delete the selected box",
  },
  {
    key: "Ctrl+Z", signs: ["z"], at: "image", kinds: BOXES, command: "changeBoxesBack", ctrl: "needed",
    words: "take the last change of the boxes back; with Shift: make it again",
  },
  {
    key: "m", signs: ["m"], at: "image", kinds: BOXES, command: "startFromModel",
    words: "start from the model's boxes",
  },
  {
    key: "Space", signs: [" "], at: "image", kinds: BOXES, command: "moveImage", repeats: true, lasts: true,
    words: "held: move the image instead of drawing",
  },
  {
    key: "/", signs: ["/"], at: "image", kinds: ALL, command: "filter",
    words: "filter the labels",
  },
  {
    key: "Enter", signs: ["Enter"], at: "filter", kinds: ALL, command: "chooseFirst",
    words: "in the filter: choose the first label",
  },
  {
    key: "Enter", signs: ["Enter"], at: "newLabel", kinds: ALL, command: "addLabel",
    words: "in a new label: add it",
  },
  {
    key: "↓", signs: ["ArrowDown"], at: "field", kinds: ALL, command: "goToLabels", repeats: true,
    words: "in a field: go to the labels",
  },
  {
    key: "u", signs: ["u"], at: "page", kinds: ALL, command: "undo", ends: true,
    words: "undo: take the last answer back, out of what trains too",
  },
  {
    key: "s", signs: ["s"], at: "image", kinds: ALL, command: "skip", ends: true,
    words: "skip: somebody else shall answer",
  },
  {
    key: "+", signs: ["+", "="], at: "image", kinds: ALL, command: "zoomIn", repeats: true,
    words: "zoom in",
  },
  {
    key: "-", signs: ["-"], at: "image", kinds: ALL, command: "zoomOut", repeats: true,
    words: "zoom out",
  },
  {
    key: "Esc", signs: ["Escape"], at: "anywhere", kinds: ALL, command: "leave",
    words: "leave a field; unselect the box",
  },
  {
    key: "?", signs: ["?"], at: "page", kinds: ALL, command: "showKeys",
    words: "show the keys",
  },
] as const satisfies readonly Key[];

export const KEYS: readonly Key[] = TABLE;

type Named<Row> = Row extends { command: infer Name extends string } ? Name : never;
type Row = (typeof TABLE)[number];
export type FieldOfItsOwn = "filter" | "newLabel";

/** The commands of one of the fields that have keys of their own. */
export type CommandOf<Field extends FieldOfItsOwn> = Named<Extract<Row, { at: Field }>>;
/** All others. */
export type Command = Named<Exclude<Row, { at: FieldOfItsOwn }>>;

/** The row of a key that is heard at one of these places. */
export function keyFor(sign: string, kind: ModelType, places: readonly Place[]): Key | undefined {
  return KEYS.find((row) => places.includes(row.at) && row.kinds.includes(kind) && row.signs.includes(sign));
}

/** How people read the key of a command. */
export function keyOf(command: Command): string {
  return KEYS.find((row) => row.command === command)?.key ?? "";
}

/** The place of the label that is meant. */
export function numberOf(sign: string): number {
  return NUMBERS.findIndex((one) => one === sign);
}

/** Where an arrow points: right and down. */
export function directionOf(sign: string): readonly [number, number] {
  return ARROWS[sign] ?? [0, 0];
}
