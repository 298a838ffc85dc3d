// Boxes over an image, drawn, moved, resized and deleted with Annotorious.
//
// Annotorious has the boxes; whoever uses this gets them after each change, and changes them by the
// handle in `ref`. Annotorious writes no labels: they lie in a layer of their own over its boxes.

import "@annotorious/annotorious/annotorious.css";

import {
  createImageAnnotator,
  ShapeType,
  type ImageAnnotation,
  type ImageAnnotator,
  type RectangleGeometry,
} from "@annotorious/annotorious";
import { useEffect, useImperativeHandle, useRef, type Ref } from "react";

import type { Box } from "./api";
import { inside, type Item, type Size } from "./boxes";
import { TEXTS } from "./texts";

export interface BoxHandle {
  /** The boxes as they are now: what is shown of them may be a moment old. */
  items(): Item[];
  /** Put these boxes in the place of all that are there. */
  setAll(boxes: readonly Box[]): void;
  add(box: Box): void;
  change(id: string, box: Box): void;
  remove(id: string): void;
  select(id: string | null): void;
}

interface Props {
  image: HTMLImageElement;
  /** Read once. */
  initial: readonly Box[];
  items: readonly Item[];
  selected: string | null;
  draws: boolean;
  /** What a newly drawn box is labelled. */
  newLabel: () => string;
  onChange: (items: Item[], selected: string | null) => void;
  ref: Ref<BoxHandle>;
}

export default function BoxEditor({ ref, ...props }: Props) {
  const { image, items, selected, draws } = props;
  const annotator = useRef<ImageAnnotator | null>(null);
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });

  useEffect(() => {
    const size = sizeOf(image);
    const made = createImageAnnotator(image, { drawingMode: "drag", theme: "light" });
    annotator.current = made;
    const report = () => {
      const found = made.getAnnotations().map(toItem);
      const chosen = made.getSelected()[0]?.id ?? null;
      latest.current.onChange(found, chosen);
    };
    made.on("createAnnotation", ({ id }) => {
      // It is told a moment late: a quick hand has labelled the box by then, or deleted it.
      const drawn = made.getAnnotationById(id);
      if (drawn === undefined) return;
      const item = toItem(drawn);
      if (item.label === "") made.updateAnnotation(toAnnotation({ ...item, label: latest.current.newLabel() }));
      made.setSelected(id, true);
    });
    made.on("updateAnnotation", (changed) => {
      const item = toItem(changed);
      const kept = { ...inside(item, size), id: item.id };
      if (!same(item, kept)) made.updateAnnotation(toAnnotation(kept));
    });
    made.state.store.observe(report);
    const unsubscribe = (made.state.selection.subscribe as (told: () => void) => () => void)(report);
    const stopGuarding = guard(made);
    const stopNaming = nameHandles(made);
    made.setAnnotations(latest.current.initial.map((box) => toAnnotation({ ...box, id: crypto.randomUUID() })));
    report();
    return () => {
      stopGuarding();
      stopNaming();
      unsubscribe();
      annotator.current = null;
      made.destroy();
    };
  }, [image]);

  useEffect(() => {
    annotator.current?.setDrawingEnabled(draws);
    annotator.current?.element.classList.toggle("pans", !draws);
  }, [draws, image]);

  useImperativeHandle(ref, () => ({
    items() {
      return annotator.current?.getAnnotations().map(toItem) ?? [];
    },
    setAll(boxes) {
      annotator.current?.setAnnotations(boxes.map((box) => toAnnotation({ ...box, id: crypto.randomUUID() })), true);
    },
    add(box) {
      const id = crypto.randomUUID();
      annotator.current?.addAnnotation(toAnnotation({ ...box, id }));
      annotator.current?.setSelected(id, true);
    },
    change(id, box) {
      annotator.current?.updateAnnotation(toAnnotation({ ...box, id }));
      annotator.current?.setSelected(id, true);
    },
    remove(id) {
      annotator.current?.removeAnnotation(id);
    },
    select(id) {
      annotator.current?.setSelected(id ?? undefined, true);
    },
  }), []);

  const { width, height } = sizeOf(image);
  return (
    <div className="box-names" aria-hidden="true">
      {items.map((item, place) => (
        <span
          key={item.id}
          className={item.id === selected ? "box-name box-name-selected" : "box-name"}
          style={{ left: `${(100 * item.left) / width}%`, top: `${(100 * item.top) / height}%` }}
          dir="auto"
        >
          {place + 1} {item.label === "" ? "?" : item.label}
        </span>
      ))}
    </div>
  );
}

/**
 * Let one drag on free ground draw, though a box is selected (Annotorious wants a click before), and
 * neither the second finger of a pinch nor another button than the first.
 */
function guard(annotator: ImageAnnotator): () => void {
  const { element } = annotator;
  const fingers = new Set<number>();
  const down = (event: PointerEvent) => {
    if (event.pointerType === "touch") fingers.add(event.pointerId);
    if (fingers.size > 1) {
      annotator.cancelDrawing();
      event.stopPropagation();
    } else if (event.button !== 0) {
      event.stopPropagation();
    } else if (event.target instanceof SVGSVGElement) {
      annotator.setSelected();
    }
  };
  const up = (event: PointerEvent) => fingers.delete(event.pointerId);
  element.addEventListener("pointerdown", down, { capture: true });
  window.addEventListener("pointerup", up, { capture: true });
  window.addEventListener("pointercancel", up, { capture: true });
  return () => {
    element.removeEventListener("pointerdown", down, { capture: true });
    window.removeEventListener("pointerup", up, { capture: true });
    window.removeEventListener("pointercancel", up, { capture: true });
  };
}

/** Give names to what Annotorious calls buttons; keys do what they do, so that none is a stop. */
function nameHandles(annotator: ImageAnnotator): () => void {
  const { element } = annotator;
  element.querySelector("svg")?.setAttribute("aria-label", TEXTS.boxes);
  const name = () => {
    for (const handle of element.querySelectorAll(".a9s-handle-buffer:not([aria-label])")) {
      handle.setAttribute("aria-label", TEXTS.handle);
      handle.setAttribute("tabindex", "-1");
    }
  };
  const watch = new MutationObserver(name);
  watch.observe(element, { childList: true, subtree: true });
  return () => watch.disconnect();
}

function sizeOf(image: HTMLImageElement): Size {
  return { width: image.naturalWidth, height: image.naturalHeight };
}

function same(one: Box, other: Box): boolean {
  return (
    one.left === other.left && one.top === other.top && one.width === other.width && one.height === other.height
  );
}

function toItem(annotation: ImageAnnotation): Item {
  // Not its bounds: those are a step behind after a drag.
  const { x, y, w, h } = annotation.target.selector.geometry as RectangleGeometry;
  const label = annotation.bodies.find((body) => body.purpose === "tagging")?.value ?? "";
  return { id: annotation.id, label, left: x, top: y, width: w, height: h };
}

function toAnnotation({ id, label, left, top, width, height }: Item): ImageAnnotation {
  const bounds = { minX: left, minY: top, maxX: left + width, maxY: top + height };
  const geometry = { x: left, y: top, w: width, h: height, rot: 0, bounds };
  return {
    id,
    bodies: [{ id: `${id}-label`, annotation: id, purpose: "tagging", value: label }],
    target: { annotation: id, selector: { type: ShapeType.RECTANGLE, geometry } },
  };
}
