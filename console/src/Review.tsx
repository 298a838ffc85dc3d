// One image after the other, and the keys.

import Alert from "@cloudscape-design/components/alert";
import Badge from "@cloudscape-design/components/badge";
import Button from "@cloudscape-design/components/button";
import type { InputProps } from "@cloudscape-design/components/input";
import ToggleButton from "@cloudscape-design/components/toggle-button";
import {
  lazy,
  Suspense,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import type { ReactZoomPanPinchRef } from "react-zoom-pan-pinch";

import type { Answer, Api, Box, SessionInfo, Task } from "./api";
import { fromModel, inTheMiddle, moved, resized, Sheet, type Brush, type Size } from "./boxes";
import { BoxList } from "./BoxList";
import { Header } from "./Header";
import { ImageView } from "./ImageView";
import { Keys } from "./Keys";
import { Labels, onlyFirstClick, WITH_KEYS } from "./Labels";
import { Pace } from "./Pace";
import type { Held, TaskQueue } from "./queue";
import { TEXTS } from "./texts";
import { Unsent } from "./Unsent";

const BoxEditor = lazy(() => import("./BoxEditor"));

const STEP_PX = 10;
const NO_MODEL: ReadonlyMap<string, number> = new Map();

interface Props {
  api: Api;
  info: SessionInfo;
  queue: TaskQueue;
  onSignedOut: () => void;
  onSignOut: () => void;
}

export function Review({ api, info, queue, onSignedOut, onSignOut }: Props) {
  const view = useSyncExternalStore(queue.subscribe, queue.snapshot);
  const [keysShown, setKeysShown] = useState(false);
  const [unsent, setUnsent] = useState(0);
  const [said, setSaid] = useState("");
  const [added, setAdded] = useState<string[]>([]);
  const [brush] = useState<Brush>(() => ({ label: onlyOne(info.labels) }));
  const showKeys = useCallback(() => setKeysShown(true), []);
  const { current, phase } = view;
  const labels = useMemo(
    () => [...info.labels, ...added.filter((label) => !info.labels.includes(label))],
    [info.labels, added],
  );
  const shownName = current?.task.file_name;

  useEffect(() => {
    if (phase === "signed-out") onSignedOut();
  }, [phase, onSignedOut]);

  useEffect(() => {
    const events = ["pointerdown", "keydown", "wheel"] as const;
    for (const event of events) window.addEventListener(event, queue.touch, { passive: true });
    return () => {
      for (const event of events) window.removeEventListener(event, queue.touch);
    };
  }, [queue]);

  useEffect(() => {
    if (view.waiting === 0) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [view.waiting]);

  const answer = useCallback(
    (given: Answer) => {
      setSaid(TEXTS.sent(wordsOf(given)));
      queue.answer(given);
    },
    [queue],
  );

  const askToSignOut = async () => {
    const left = await queue.sendAll();
    if (left === 0) onSignOut();
    else setUnsent(left);
  };

  return (
    <>
      <Header name={info.name} onKeys={showKeys} onSignOut={() => void askToSignOut()} />
      <main className="review">
        <div className="messages">
          {!view.connected && (
            <Alert type="warning">
              {TEXTS.offline} {view.waiting > 0 && TEXTS.waiting(view.waiting)}
            </Alert>
          )}
          {view.notices.map((notice) => (
            <Alert
              key={notice.id}
              type={notice.kind}
              dismissible
              i18nStrings={{ dismissAriaLabel: TEXTS.dismiss }}
              onDismiss={() => queue.dismiss(notice.id)}
            >
              <span className="words">{notice.text}</span>
            </Alert>
          ))}
          {phase === "not-allowed" && <Alert type="error">{TEXTS.notAllowed}</Alert>}
        </div>
        {current !== null ? (
          <Question
            key={current.task.task_id}
            info={info}
            held={current}
            labels={labels}
            queue={queue}
            brush={brush}
            blocked={keysShown || unsent > 0 || view.undoing}
            onAnswer={answer}
            onSkip={() => {
              setSaid(TEXTS.skipped);
              queue.skip();
            }}
            onNewLabel={(label) => setAdded((before) => [...before, label])}
            onKeys={showKeys}
          />
        ) : (
          <Nothing phase={phase} connected={view.connected} queue={queue} onKeys={showKeys} />
        )}
        <Pace api={api} view={view} />
      </main>
      <div className="aside" role="status">
        {said} {shownName !== undefined && TEXTS.shown(shownName)}
      </div>
      {keysShown && <Keys kind={info.model_type} onClose={() => setKeysShown(false)} />}
      {unsent > 0 && <Unsent count={unsent} onStay={() => setUnsent(0)} onSignOut={onSignOut} />}
    </>
  );
}

interface NothingProps {
  phase: string;
  connected: boolean;
  queue: TaskQueue;
  onKeys: () => void;
}

function Nothing({ phase, connected, queue, onKeys }: NothingProps) {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (isOfMenu(event) || event.ctrlKey || event.metaKey || event.repeat) return;
      if (event.key === "u") void queue.undo();
      if (event.key === "?") onKeys();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [queue, onKeys]);

  return (
    <section className="nothing">
      {phase === "away" && (
        <>
          <h1>{TEXTS.away}</h1>
          <Button variant="primary" onClick={queue.lookAgain}>{TEXTS.goOn}</Button>
        </>
      )}
      {phase === "empty" && (
        <>
          <h1>{TEXTS.empty}</h1>
          <p>{TEXTS.emptyWhy}</p>
          <div className="row">
            <Button onClick={queue.lookAgain}>{TEXTS.lookAgain}</Button>
            <Button iconName="undo" onClick={() => void queue.undo()}>{TEXTS.undo}</Button>
          </div>
        </>
      )}
      {(phase === "starting" || phase === "working") && connected && <p>{TEXTS.loading}</p>}
    </section>
  );
}

// --- One image ------------------------------------------------------------------------------------

interface QuestionProps {
  info: SessionInfo;
  held: Held;
  labels: readonly string[];
  queue: TaskQueue;
  brush: Brush;
  blocked: boolean;
  onAnswer: (answer: Answer) => void;
  onSkip: () => void;
  onNewLabel: (label: string) => void;
  onKeys: () => void;
}

function Question(props: QuestionProps) {
  const { info, held, labels, queue, brush, blocked, onAnswer, onSkip } = props;
  const { task, image } = held;
  const kind = info.model_type;
  const [filter, setFilter] = useState("");
  const [problem, setProblem] = useState("");
  const [chosen, setChosen] = useState<ReadonlySet<string>>(() => new Set(labelsOf(task)));
  const newSheet = () => {
    const size = { width: image?.naturalWidth ?? 1, height: image?.naturalHeight ?? 1 };
    return new Sheet(image, kind === "detection" ? initialBoxes(task, info, size) : [], size, brush);
  };
  const [sheet, setSheet] = useState(newSheet);
  if (sheet.image !== image) setSheet(newSheet());
  const { size } = sheet;
  const { items, selected, label: boxLabel, brush: next } = useSyncExternalStore(sheet.subscribe, sheet.listed);
  const [draws, setDraws] = useState(true);
  const [spaceHeld, setSpaceHeld] = useState(false);
  const zoom = useRef<ReactZoomPanPinchRef>(null);
  const filterField = useRef<InputProps.Ref>(null);
  const panel = useRef<HTMLElement>(null);

  const filtered = labels.length > WITH_KEYS;
  const visible = useMemo(() => {
    const wanted = filter.trim().toLocaleLowerCase();
    return wanted === "" ? labels : labels.filter((label) => label.toLocaleLowerCase().includes(wanted));
  }, [labels, filter]);
  const model = useMemo(() => modelOf(task, kind), [task, kind]);
  const modelNone = model.get(info.none);
  const mayAct = !blocked && image !== null;

  useEffect(() => {
    if (kind === "multi-label") queue.keepDraft(task.task_id, { labels: [...chosen] });
  }, [kind, queue, task.task_id, chosen]);

  useEffect(() => {
    if (kind !== "detection") return;
    return sheet.subscribe(() => {
      setProblem("");
      queue.keepDraft(task.task_id, { boxes: [...sheet.items], size: sheet.size });
    });
  }, [kind, queue, task.task_id, sheet]);

  const none = () => {
    if (!mayAct) return;
    if (sheet.busy) setProblem(TEXTS.stillDragging);
    else if (sheet.items.length > 0) setProblem(TEXTS.boxesInTheWay);
    else onAnswer({ none: true });
  };

  const send = () => {
    if (!mayAct) return;
    if (kind === "multi-label") {
      if (chosen.size === 0) return setProblem(TEXTS.nothingChosen);
      return onAnswer({ labels: labels.filter((label) => chosen.has(label)) });
    }
    const drawn = sheet.items;
    const unlabelled = drawn.findIndex((item) => item.label === "");
    if (sheet.busy) return setProblem(TEXTS.stillDragging);
    if (drawn.length === 0) return setProblem(TEXTS.noBoxesToSend);
    if (drawn.length > info.most_boxes) return setProblem(TEXTS.tooManyBoxes(info.most_boxes));
    if (unlabelled >= 0) {
      sheet.pick(drawn[unlabelled]?.id ?? null);
      return setProblem(TEXTS.boxWithoutLabel(unlabelled + 1));
    }
    onAnswer({ boxes: drawn.map(withoutId), size });
  };

  const choose = (label: string) => {
    setProblem("");
    if (!mayAct) return;
    if (kind === "classification") return onAnswer({ label });
    if (kind === "multi-label") {
      return setChosen((before) => {
        const after = new Set(before);
        if (!after.delete(label)) after.add(label);
        return after;
      });
    }
    sheet.label(label);
  };

  const addBox = () => {
    if (sheet.items.length >= info.most_boxes) return setProblem(TEXTS.tooManyBoxes(info.most_boxes));
    sheet.add(inTheMiddle(size), true);
  };

  const startFromModel = () => {
    const found = fromModel(task.suggestion?.labels ?? [], size, info.most_boxes);
    if (found.length === 0) return setProblem(TEXTS.noModelBoxes);
    setProblem("");
    sheet.setAll(found);
  };

  const press = (event: KeyboardEvent) => {
    if (isOfMenu(event)) return;
    // A key that is held down would answer images that nobody has seen.
    if (event.repeat && !(event.key in ARROWS || "+=- ".includes(event.key))) return;
    const field = isField(event.target);
    if (event.key === "Escape") {
      if (field && event.target instanceof HTMLElement) event.target.blur();
      else if (sheet.busy) sheet.cancel();
      else sheet.pick(null);
      return;
    }
    if (field) {
      if (event.key === "ArrowDown") focusLabel(panel.current, 1);
      return;
    }
    if (blocked || event.altKey || event.metaKey) return;
    const { selected: item } = sheet;
    const arrow = ARROWS[event.key];
    if (arrow !== undefined && kind === "detection") {
      if (item === undefined || sheet.busy) return;
      event.preventDefault();
      const step = event.ctrlKey ? 1 : STEP_PX;
      const change = event.shiftKey ? resized : moved;
      return sheet.change(item.id, change(item, arrow[0] * step, arrow[1] * step, size));
    }
    if (event.ctrlKey) {
      if (kind !== "detection" || sheet.busy || event.key.toLowerCase() !== "z") return;
      event.preventDefault();
      return event.shiftKey ? sheet.redo() : sheet.undo();
    }
    if (arrow !== undefined && kind !== "detection") {
      event.preventDefault();
      return focusLabel(panel.current, arrow[0] + arrow[1]);
    }
    if (/^[1-9]$/.test(event.key)) {
      const label = visible[Number(event.key) - 1];
      if (label !== undefined) choose(label);
      return;
    }
    switch (event.key) {
      case "0":
        return none();
      case "Enter":
        if (ofLabel(event.target) ? kind === "classification" : isPressable(event.target)) return;
        event.preventDefault();
        return kind === "classification" ? undefined : send();
      case "u":
        return void queue.undo();
      case "s":
        return mayAct || held.imageState === "failed" ? onSkip() : undefined;
      case "?":
        return props.onKeys();
      case "+":
      case "=":
        return void zoom.current?.zoomIn();
      case "-":
        return void zoom.current?.zoomOut();
      case "/":
        event.preventDefault();
        return filterField.current?.focus();
    }
    if (kind !== "detection" || !mayAct || sheet.busy) return;
    switch (event.key) {
      case "b":
        return addBox();
      case "n": {
        const place = sheet.items.findIndex((one) => one.id === item?.id);
        return sheet.pick(sheet.items[(place + 1) % sheet.items.length]?.id ?? null);
      }
      case "m":
        return startFromModel();
      case "Delete":
      case "Backspace":
        return item === undefined ? undefined : sheet.remove(item.id);
      case " ":
        if (isPressable(event.target)) return;
        event.preventDefault();
        setSpaceHeld(true);
    }
  };

  const pressing = useRef(press);
  useLayoutEffect(() => {
    pressing.current = press;
  });
  useEffect(() => {
    const down = (event: KeyboardEvent) => pressing.current(event);
    const up = (event: KeyboardEvent) => {
      if (event.key === " ") setSpaceHeld(false);
    };
    window.addEventListener("keydown", down);
    window.addEventListener("keyup", up);
    return () => {
      window.removeEventListener("keydown", down);
      window.removeEventListener("keyup", up);
    };
  }, []);

  const choosing = useRef(choose);
  useLayoutEffect(() => {
    choosing.current = choose;
  });
  const chooseStably = useCallback((label: string) => choosing.current(label), []);

  const drawing = kind === "detection" && draws && !spaceHeld;
  const marked = kind === "classification" ? null : kind === "multi-label" ? chosen : asSet(boxLabel);
  const canSkip = mayAct || (!blocked && held.imageState === "failed");

  return (
    <div className="question">
      <ImageView
        held={held}
        pans={!drawing}
        ref={zoom}
        onReload={queue.reloadImage}
        tools={
          kind === "detection" && (
            <span className="pan-button">
              <ToggleButton pressed={!draws} onChange={({ detail }) => setDraws(!detail.pressed)}>
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
      <section className="panel" ref={panel} aria-label={TEXTS.question[kind]}>
        <h1>{TEXTS.question[kind]}</h1>
        <p className="file-name" title={task.file_name}>{task.file_name}</p>
        {kind === "detection" && (
          <>
            <BoxList
              items={items}
              selected={selected}
              next={next}
              onSelect={(id) => sheet.pick(id)}
              onDelete={(id) => sheet.remove(id)}
            />
            <Button fullWidth disabled={!mayAct} onClick={startFromModel}>
              <span className="label-content"><kbd aria-hidden="true">m</kbd> {TEXTS.modelBoxes}</span>
            </Button>
          </>
        )}
        <Labels
          visible={visible}
          filtered={filtered}
          filter={filter}
          onFilter={setFilter}
          filterRef={filterField}
          chosen={marked}
          model={model}
          onChoose={chooseStably}
          onFirst={() => {
            const [first] = visible;
            if (first !== undefined) choose(first);
          }}
          mayAdd={info.allow_new_labels}
          onAdd={(label) => {
            props.onNewLabel(label);
            choose(label);
          }}
        />
        <p className="problem" role="alert">{problem}</p>
        <div className="actions" onClickCapture={onlyFirstClick}>
          <div className="row">
            <Button fullWidth disabled={!mayAct} onClick={none}>
              <span className="label-content">
                <kbd aria-hidden="true">0</kbd> {TEXTS.none}
                {modelNone !== undefined && <Badge color="blue">{TEXTS.modelSays(Math.round(modelNone))}</Badge>}
              </span>
            </Button>
            {kind !== "classification" && (
              <Button fullWidth variant="primary" disabled={!mayAct} onClick={send}>
                <span className="label-content"><kbd aria-hidden="true">{TEXTS.sendHint}</kbd> {TEXTS.send}</span>
              </Button>
            )}
          </div>
          <div className="row">
            <Button fullWidth disabled={blocked} onClick={() => void queue.undo()}>
              <span className="label-content"><kbd aria-hidden="true">u</kbd> {TEXTS.undo}</span>
            </Button>
            <Button fullWidth disabled={!canSkip} onClick={onSkip}>
              <span className="label-content"><kbd aria-hidden="true">s</kbd> {TEXTS.skip}</span>
            </Button>
          </div>
          <p className="hint keys-hint">{TEXTS.keysHint}</p>
        </div>
      </section>
    </div>
  );
}

const ARROWS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

function labelsOf(task: Task): readonly string[] {
  if (task.answer === null || "none" in task.answer || "boxes" in task.answer) return [];
  return "labels" in task.answer ? task.answer.labels : [task.answer.label];
}

function initialBoxes(task: Task, info: SessionInfo, size: Size): Box[] {
  if (task.answer !== null) return "boxes" in task.answer ? task.answer.boxes : [];
  return info.show_model_answer ? fromModel(task.suggestion?.labels ?? [], size, info.most_boxes) : [];
}

function modelOf(task: Task, kind: string): ReadonlyMap<string, number> {
  if (kind === "detection" || task.suggestion === null) return NO_MODEL;
  return new Map(task.suggestion.labels.map(({ name, confidence_pct }) => [name, confidence_pct]));
}

function wordsOf(answer: Answer): string {
  if ("none" in answer) return TEXTS.none;
  if ("label" in answer) return answer.label;
  return "labels" in answer ? answer.labels.join(", ") : answer.boxes.map((box) => box.label).join(", ");
}

function withoutId({ label, left, top, width, height }: Box): Box {
  return { label, left, top, width, height };
}

function onlyOne(labels: readonly string[]): string {
  return labels.length === 1 ? (labels[0] ?? "") : "";
}

function asSet(label: string): ReadonlySet<string> {
  return new Set(label === "" ? [] : [label]);
}

/** Whether a menu has taken the key, or is open. */
function isOfMenu({ target, defaultPrevented }: KeyboardEvent): boolean {
  return defaultPrevented || (target instanceof Element && target.closest("[role=menu]") !== null);
}

function isField(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
}

function isPressable(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("button, a, [role=menuitem], [role=menuitemcheckbox]") !== null;
}

function ofLabel(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest(".label-list") !== null;
}

/** Move the focus among the labels, from the first or the last one when it is elsewhere. */
function focusLabel(panel: HTMLElement | null, by: number): void {
  const buttons = [...(panel?.querySelectorAll<HTMLElement>(".label-list button") ?? [])];
  const place = buttons.findIndex((button) => button === document.activeElement);
  const next = place < 0 ? (by > 0 ? 0 : buttons.length - 1) : (place + by + buttons.length) % buttons.length;
  buttons[next]?.focus();
}
