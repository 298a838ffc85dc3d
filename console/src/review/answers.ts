// What a task and its answer say, in the terms of the page.

import { TEXTS } from "../shared/texts";
import type { Answer, Box, ModelType, SessionInfo, Task } from "./api";
import { fromModel, type Size } from "./boxes/boxes";

const NO_MODEL: ReadonlyMap<string, number> = new Map();

export function wordsOf(answer: Answer): string {
  if ("none" in answer) return TEXTS.none;
  if ("label" in answer) return answer.label;
  return "labels" in answer ? answer.labels.join(", ") : answer.boxes.map((box) => box.label).join(", ");
}

/** The labels that were chosen before, as when an answer was taken back. */
export function labelsOf(task: Task): readonly string[] {
  if (task.answer === null || "none" in task.answer || "boxes" in task.answer) return [];
  return "labels" in task.answer ? task.answer.labels : [task.answer.label];
}

/** The boxes to begin with. */
export function boxesOf(task: Task, info: SessionInfo, size: Size): Box[] {
  if (task.answer !== null) return "boxes" in task.answer ? task.answer.boxes : [];
  return info.show_model_answer ? fromModel(task.suggestion?.labels ?? [], size, info.most_boxes) : [];
}

/** The model's confidence in percent, by label. */
export function modelOf(task: Task, kind: ModelType): ReadonlyMap<string, number> {
  if (kind === "detection" || task.suggestion === null) return NO_MODEL;
  return new Map(task.suggestion.labels.map(({ name, confidence_pct }) => [name, confidence_pct]));
}
