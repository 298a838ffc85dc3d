// One image, and what somebody says of it.

import type { InputProps } from "@cloudscape-design/components/input";
import ToggleButton from "@cloudscape-design/components/toggle-button";
import {
  lazy,
  Suspense,
  useCallback,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type MouseEvent as ReactMouseEvent,
} from "react";
import type { ReactZoomPanPinchRef } from "react-zoom-pan-pinch";

import { TEXTS } from "../shared/texts";
import { Actions } from "./Actions";
import { modelOf } from "./answers";
import type { Answer, SessionInfo } from "./api";
import type { Brush } from "./boxes/boxes";
import { BoxList } from "./boxes/BoxList";
import { useBoxes } from "./boxes/useBoxes";
import { focus, focusLabel, isLabel, isPressable, useKeptFocus } from "./focus";
import { ImageView } from "./ImageView";
import { KeyButton } from "./keys/KeyButton";
import { directionOf, numberOf, NUMBERS, type Command } from "./keys/keys";
import { useKeys, type Act } from "./keys/useKeys";
import { Labels } from "./Labels";
import type { Held } from "./queue/hand";
import type { TaskQueue, View } from "./queue/queue";
import { labelMeant, useChosen, useFilter } from "./useLabels";

const BoxEditor = lazy(() => import("./boxes/BoxEditor"));

interface Props {
  info: SessionInfo;
  held: Held;
  labels: readonly string[];
  queue: TaskQueue;
  brush: Brush;
  last: View["last"];
  blocked: boolean;
  onAnswer: (answer: Answer) => void;
  onSkip: () => void;
  onNewLabel: (label: string) => void;
  onKeys: () => void;
}

export function Question(props: Props) {
  const { info, held, labels, queue, brush, blocked, onAnswer, onSkip } = props;
  const { task, image } = held;
  const kind = info.model_type;
  const mayAct = !blocked && image !== null;
  const [problem, setProblem] = useState("");
  const { chosen, toggle } = useChosen(task, kind === "multi-label", queue);
  const { filter, setFilter, visible } = useFilter(labels);
  const boxes = useBoxes({ info, held, brush, queue, mayAct, onProblem: setProblem });
  const { sheet, listed, drawing } = boxes;
  const zoom = useRef<ReactZoomPanPinchRef>(null);
  const filterField = useRef<InputProps.Ref>(null);
  const panel = useKeptFocus();

  const model = useMemo(() => modelOf(task, kind), [task, kind]);
  const marked = useMemo(
    () => (kind === "classification" ? null : kind === "multi-label" ? chosen : asSet(listed.label)),
    [kind, chosen, listed.label],
  );

  const none = () => {
    if (!mayAct) return;
    const why = boxes.inTheWay();
    if (why === "") onAnswer({ none: true });
    else setProblem(why);
  };

  const send = () => {
    if (!mayAct) return;
    if (kind === "multi-label") {
      if (chosen.size === 0) return setProblem(TEXTS.nothingChosen);
      return onAnswer({ labels: labels.filter((label) => chosen.has(label)) });
    }
    const answer = boxes.answer();
    if (answer !== null) onAnswer(answer);
  };

  const choose = (label: string) => {
    setProblem("");
    if (!mayAct) return;
    if (kind === "classification") onAnswer({ label });
    else if (kind === "multi-label") toggle(label);
    else sheet.label(label);
  };

  /** Choose a label that may be chosen already, and be ready to send. */
  const take = (label: string) => {
    if (kind !== "multi-label" || !chosen.has(label)) choose(label);
    focus(panel.current);
  };

  const chooseFirst = () => {
    const [first] = visible;
    if (first === undefined) return;
    setFilter("");
    take(first);
  };

  const addLabel = (typed: string) => {
    const same = labelMeant(labels, typed);
    if (same === undefined) props.onNewLabel(typed);
    take(same ?? typed);
  };

  const commands: Record<Command, Act> = {
    ...boxes.commands,
    label: (_, sign) => {
      const label = visible[numberOf(sign)];
      if (label !== undefined) choose(label);
    },
    none,
    send: (event) => {
      if (isPressable(event.target) && !isLabel(event.target)) return;
      event.preventDefault();
      send();
    },
    goThroughLabels: (event, sign) => {
      event.preventDefault();
      const [right, down] = directionOf(sign);
      focusLabel(panel.current, right + down);
    },
    goToLabels: () => focusLabel(panel.current, 1),
    filter: (event) => {
      event.preventDefault();
      filterField.current?.focus();
    },
    leave: ({ target }) => {
      if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement) target.blur();
      else if (sheet.busy) sheet.cancel();
      else sheet.pick(null);
    },
    undo: () => void queue.undo(),
    skip: onSkip,
    zoomIn: () => void zoom.current?.zoomIn(),
    zoomOut: () => void zoom.current?.zoomOut(),
    showKeys: props.onKeys,
  };
  useKeys({ kind, at: "image", blocked, commands, onLetGo: boxes.letGo });

  const acting = useRef({ choose, chooseFirst, addLabel });
  useLayoutEffect(() => {
    acting.current = { choose, chooseFirst, addLabel };
  });
  const chooseStably = useCallback((label: string) => acting.current.choose(label), []);
  const chooseFirstStably = useCallback(() => acting.current.chooseFirst(), []);
  const addStably = useCallback((label: string) => acting.current.addLabel(label), []);

  /** A click leaves the focus where keys mean what they say: Enter sends, and presses no button again. */
  const keepFocus = (event: ReactMouseEvent) => {
    if (!(event.target instanceof Element) || event.target.closest("button, .view") === null) return;
    event.preventDefault();
    focus(panel.current);
  };

  return (
    <div className="question" onMouseDown={keepFocus}>
      <ImageView
        held={held}
        pans={!drawing}
        ref={zoom}
        onReload={queue.reloadImage}
        tools={
          kind === "detection" && (
            <span className="pan-button">
              <ToggleButton pressed={!boxes.draws} onChange={({ detail }) => boxes.setDraws(!detail.pressed)}>
                {TEXTS.move}
              </ToggleButton>
            </span>
          )
        }
        overlay={
          kind === "detection"
            ? (shown) => (
                <Suspense>
                  <BoxEditor sheet={sheet} image={shown} draws={drawing && mayAct} />
                </Suspense>
              )
            : undefined
        }
      />
      <section className="panel" ref={panel} tabIndex={-1} aria-label={TEXTS.question[kind]}>
        <div className="panel-body">
          <h1>{TEXTS.question[kind]}</h1>
          <p className="file-name" title={task.file_name}>{task.file_name}</p>
          {kind === "detection" && (
            <>
              <BoxList
                items={listed.items}
                selected={listed.selected}
                next={listed.brush}
                onSelect={(id) => sheet.pick(id)}
                onDelete={(id) => sheet.remove(id)}
              />
              <KeyButton command="startFromModel" disabled={!mayAct} onClick={boxes.startFromModel}>
                {TEXTS.modelBoxes}
              </KeyButton>
            </>
          )}
          <Labels
            visible={visible}
            filtered={labels.length > NUMBERS.length}
            filter={filter}
            onFilter={setFilter}
            filterRef={filterField}
            chosen={marked}
            model={model}
            onChoose={chooseStably}
            onFirst={chooseFirstStably}
            mayAdd={info.allow_new_labels}
            onAdd={addStably}
          />
        </div>
        <Actions
          problem={problem}
          last={props.last}
          modelNone={model.get(info.none)}
          mayAct={mayAct}
          blocked={blocked}
          onNone={none}
          onSend={kind === "classification" ? null : send}
          onUndo={() => void queue.undo()}
          onSkip={onSkip}
        />
      </section>
    </div>
  );
}

function asSet(label: string): ReadonlySet<string> {
  return new Set(label === "" ? [] : [label]);
}
