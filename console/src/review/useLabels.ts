// The labels of an image: which are shown, which are chosen, and how one is chosen.

import { useEffect, useMemo, useState } from "react";

import { labelsOf } from "./answers";
import type { Task } from "./api";
import type { TaskQueue } from "./queue/queue";

/** The labels that the filter leaves. */
export function useFilter(labels: readonly string[]) {
  const [filter, setFilter] = useState("");
  const visible = useMemo(() => {
    const wanted = filter.trim().toLocaleLowerCase();
    return wanted === "" ? labels : labels.filter((label) => label.toLocaleLowerCase().includes(wanted));
  }, [labels, filter]);
  return { filter, setFilter, visible };
}

/** All labels that are chosen, where that may be many. */
export function useChosen(task: Task, isMany: boolean, queue: TaskQueue) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(() => new Set(labelsOf(task)));

  useEffect(() => {
    if (isMany) queue.keepDraft(task.task_id, { labels: [...chosen] });
  }, [isMany, queue, task.task_id, chosen]);

  const toggle = (label: string) =>
    setChosen((before) => {
      const after = new Set(before);
      if (!after.delete(label)) after.add(label);
      return after;
    });
  return { chosen, toggle };
}

/** The label that is meant by what somebody typed, if there is one. */
export function labelMeant(labels: readonly string[], typed: string): string | undefined {
  return labels.find((label) => folded(label) === folded(typed));
}

/** How labels are compared: one that differs by its case alone is a slip of the hand. */
function folded(label: string): string {
  return label.normalize("NFC").trim().toLocaleLowerCase();
}
