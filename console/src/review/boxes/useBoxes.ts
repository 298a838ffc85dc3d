// The sheet of an image's boxes, and what the keys do to it.

import { useEffect, useState, useSyncExternalStore } from "react";

import { TEXTS } from "../../shared/texts";
import { boxesOf } from "../answers";
import type { Answer, Box, SessionInfo } from "../api";
import { isPressable } from "../focus";
import { directionOf } from "../keys/keys";
import type { Act } from "../keys/useKeys";
import type { Held } from "../queue/hand";
import type { TaskQueue } from "../queue/queue";
import { fromModel, inTheMiddle, moved, resized, Sheet, type Brush } from "./boxes";

const STEP_PX = 10;

interface Needs {
  info: SessionInfo;
  held: Held;
  brush: Brush;
  queue: TaskQueue;
  mayAct: boolean;
  onProblem: (words: string) => void;
}

export function useBoxes({ info, held, brush, queue, mayAct, onProblem }: Needs) {
  const { task, image } = held;
  const kind = info.model_type;
  const newSheet = () => {
    const size = { width: image?.naturalWidth ?? 1, height: image?.naturalHeight ?? 1 };
    return new Sheet(image, kind === "detection" ? boxesOf(task, info, size) : [], size, brush);
  };
  const [sheet, setSheet] = useState(newSheet);
  if (sheet.image !== image) setSheet(newSheet());
  const { size } = sheet;
  const listed = useSyncExternalStore(sheet.subscribe, sheet.listed);
  const [draws, setDraws] = useState(true);
  const [movesImage, setMovesImage] = useState(false);

  useEffect(() => {
    if (kind !== "detection") return;
    return sheet.subscribe(() => {
      onProblem("");
      queue.keepDraft(task.task_id, { boxes: [...sheet.items], size: sheet.size });
    });
  }, [kind, queue, task.task_id, sheet, onProblem]);

  const startFromModel = () => {
    const found = fromModel(task.suggestion?.labels ?? [], size, info.most_boxes);
    if (found.length === 0) return onProblem(TEXTS.noModelBoxes);
    onProblem("");
    sheet.setAll(found);
  };

  /** The boxes as an answer; null where something is missing, which is told. */
  const answer = (): Answer | null => {
    const drawn = sheet.items;
    const unlabelled = drawn.findIndex((item) => item.label === "");
    if (sheet.busy) onProblem(TEXTS.stillDragging);
    else if (drawn.length === 0) onProblem(TEXTS.noBoxesToSend);
    else if (drawn.length > info.most_boxes) onProblem(TEXTS.tooManyBoxes(info.most_boxes));
    else if (unlabelled >= 0) {
      sheet.pick(drawn[unlabelled]?.id ?? null);
      onProblem(TEXTS.boxWithoutLabel(unlabelled + 1));
    } else return { boxes: drawn.map(withoutId), size };
    return null;
  };

  /** Why the image cannot be without boxes now; nothing where it can. */
  const inTheWay = (): string => {
    if (sheet.busy) return TEXTS.stillDragging;
    return sheet.items.length > 0 ? TEXTS.boxesInTheWay : "";
  };

  const atRest =
    (act: Act): Act =>
    (event, sign) => {
      if (mayAct && !sheet.busy) act(event, sign);
    };

  const commands = {
    moveBox: ((event, sign) => {
      const { selected: item } = sheet;
      if (item === undefined || sheet.busy) return;
      event.preventDefault();
      const [right, down] = directionOf(sign);
      const shown = image?.getBoundingClientRect().width ?? size.width;
      const step = Math.max(1, Math.round(((event.ctrlKey ? 1 : STEP_PX) * size.width) / shown));
      const change = event.shiftKey ? resized : moved;
      sheet.change(item.id, change(item, right * step, down * step, size));
    }) satisfies Act,
    changeBoxesBack: ((event) => {
      if (sheet.busy) return;
      event.preventDefault();
      if (event.shiftKey) sheet.redo();
      else sheet.undo();
    }) satisfies Act,
    addBox: atRest(() => {
      if (sheet.items.length >= info.most_boxes) onProblem(TEXTS.tooManyBoxes(info.most_boxes));
      else sheet.add(inTheMiddle(size), true);
    }),
    nextBox: atRest(() => {
      const place = sheet.items.findIndex((one) => one.id === sheet.selected?.id);
      sheet.pick(sheet.items[(place + 1) % sheet.items.length]?.id ?? null);
    }),
    startFromModel: atRest(startFromModel),
    deleteBox: atRest(() => {
      if (sheet.selected !== undefined) sheet.remove(sheet.selected.id);
    }),
    moveImage: atRest((event) => {
      if (isPressable(event.target)) return;
      event.preventDefault();
      setMovesImage(true);
    }),
  };

  return {
    sheet,
    listed,
    draws,
    setDraws,
    /** Whether a drag draws at this moment, rather than to move the image. */
    drawing: kind === "detection" && draws && !movesImage,
    letGo: () => setMovesImage(false),
    startFromModel,
    answer,
    inTheWay,
    commands,
  };
}

function withoutId({ label, left, top, width, height }: Box): Box {
  return { label, left, top, width, height };
}
