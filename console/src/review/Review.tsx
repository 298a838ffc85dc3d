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
  type MouseEvent as ReactMouseEvent,
  type RefObject,
} from "react";
import type { ReactZoomPanPinchRef } from "react-zoom-pan-pinch";

import type { Answer, Api, Box, SessionInfo, Task } from "./api";
import { fromModel, inTheMiddle, moved, resized, Sheet, type Brush, type Size } from "./boxes";
import { BoxList } from "./BoxList";
import { Header } from "../shared/Header";
import { ImageView } from "./ImageView";
import { Keys } from "./Keys";
import { Bounces, signOf } from "../shared/keys";
import { Labels, onlyFirstClick, WITH_KEYS } from "./Labels";
import { Pace, useSummary } from "./Pace";
import type { Held, TaskQueue, View } from "./queue";
import { TEXTS } from "../shared/texts";
import { Unsent } from "./Unsent";

const BoxEditor = lazy(() => import("./BoxEditor"));

const STEP_PX = 10;
const SHOWN_AT_ONCE = 2;
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
  const [bounces] = useState(() => new Bounces());
  const showKeys = useCallback(() => setKeysShown(true), []);
  const { current, phase } = view;
  const labels = useMemo(
    () => [...info.labels, ...added.filter((label) => !info.labels.includes(label))],
    [info.labels, added],
  );
  const shownName = current?.task.file_name;
  const [summary, open] = useSummary(api, view);

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
    const leave = () => queue.leave();
    const returned = (event: PageTransitionEvent) => {
      if (event.persisted) queue.comeBackToPage();
    };
    window.addEventListener("online", queue.online);
    window.addEventListener("pagehide", leave);
    window.addEventListener("pageshow", returned);
    return () => {
      window.removeEventListener("online", queue.online);
      window.removeEventListener("pagehide", leave);
      window.removeEventListener("pageshow", returned);
    };
  }, [queue]);

  useEffect(() => holdBack(() => queue.say("info", TEXTS.backAgain)), [queue]);

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
          {view.notices.slice(-SHOWN_AT_ONCE).map((notice) => (
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
            bounces={bounces}
            last={view.last}
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
          <Nothing view={view} open={open} queue={queue} bounces={bounces} onKeys={showKeys} />
        )}
        <Pace open={open} summary={summary} view={view} />
        {!view.connected && (
          <p className="connection" role="alert">
            {TEXTS.offline} {view.waiting > 0 && TEXTS.waiting(view.waiting)}
          </p>
        )}
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
  view: View;
  open: number | null;
  queue: TaskQueue;
  bounces: Bounces;
  onKeys: () => void;
}

function Nothing({ view, open, queue, bounces, onKeys }: NothingProps) {
  const { phase, connected } = view;
  const section = useKeptFocus();

  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const again = bounces.hears(event);
      if (isOfMenu(event) || event.ctrlKey || event.metaKey || event.repeat || again) return;
      const sign = signOf(event);
      if (sign === "u") void queue.undo();
      if (sign === "?") onKeys();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [queue, bounces, onKeys]);

  return (
    <section className="nothing" ref={section} tabIndex={-1}>
      {phase === "away" && (
        <>
          <h1>{TEXTS.away}</h1>
          <Button variant="primary" onClick={queue.lookAgain}>{TEXTS.goOn}</Button>
        </>
      )}
      {phase === "empty" && (
        <>
          <h1>{TEXTS.empty}</h1>
          {open !== null && open > 0 && <p>{TEXTS.emptyOpen(open)}</p>}
          <p>{TEXTS.emptyWhy}</p>
          <div className="row">
            <Button onClick={queue.lookAgain}>{TEXTS.lookAgain}</Button>
            <Button iconName="undo" onClick={() => void queue.undo()}>{TEXTS.undo}</Button>
          </div>
          <Last last={view.last} />
        </>
      )}
      {(phase === "starting" || phase === "working") && connected && <p>{TEXTS.loading}</p>}
    </section>
  );
}

/** What was answered last, so that a wrong key is seen; it is what the undo takes back. */
function Last({ last }: { last: View["last"] }) {
  const text = last === null ? "" : TEXTS.last(wordsOf(last.answer), last.fileName);
  return <p className="last" title={text}>{text}</p>;
}

/** An element that has the focus where it would fall to nothing, as when an image goes with its buttons. */
function useKeptFocus(): RefObject<HTMLElement | null> {
  const element = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const { activeElement } = document;
    if (activeElement === null || activeElement === document.body) element.current?.focus({ preventScroll: true });
  }, []);
  return element;
}

// --- One image ------------------------------------------------------------------------------------

interface QuestionProps {
  info: SessionInfo;
  held: Held;
  labels: readonly string[];
  queue: TaskQueue;
  brush: Brush;
  bounces: Bounces;
  last: View["last"];
  blocked: boolean;
  onAnswer: (answer: Answer) => void;
  onSkip: () => void;
  onNewLabel: (label: string) => void;
  onKeys: () => void;
}

function Question(props: QuestionProps) {
  const { info, held, labels, queue, brush, bounces, blocked, onAnswer, onSkip } = props;
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
  const panel = useKeptFocus();
  const problemText = useRef<HTMLParagraphElement>(null);

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

  useEffect(() => {
    if (problem !== "") problemText.current?.scrollIntoView({ block: "nearest" });
  }, [problem]);

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

  /** Choose the first label that the filter leaves, and be ready to send. */
  const chooseFirst = () => {
    const [first] = visible;
    if (first === undefined) return;
    if (kind !== "multi-label" || !chosen.has(first)) choose(first);
    setFilter("");
    panel.current?.focus({ preventScroll: true });
  };

  const addLabel = (typed: string) => {
    const same = labels.find((label) => folded(label) === folded(typed));
    if (same === undefined) props.onNewLabel(typed);
    if (kind !== "multi-label" || same === undefined || !chosen.has(same)) choose(same ?? typed);
    panel.current?.focus({ preventScroll: true });
  };

  const press = (event: KeyboardEvent) => {
    // A key that is held down, or bounces, would answer images that nobody has seen.
    const again = bounces.hears(event);
    if (isOfMenu(event)) return;
    const sign = signOf(event);
    if (event.repeat && !(sign in ARROWS || "+=- ".includes(sign))) return;
    const field = isField(event.target);
    if (again && !field && ANSWERING[kind].test(sign)) return event.preventDefault();
    if (sign === "Escape") {
      if (field && event.target instanceof HTMLElement) event.target.blur();
      else if (sheet.busy) sheet.cancel();
      else sheet.pick(null);
      return;
    }
    if (field) {
      if (sign === "ArrowDown") focusLabel(panel.current, 1);
      return;
    }
    if (blocked || event.altKey || event.metaKey) return;
    const { selected: item } = sheet;
    const arrow = ARROWS[sign];
    if (arrow !== undefined && kind === "detection") {
      if (item === undefined || sheet.busy) return;
      event.preventDefault();
      const shown = image?.getBoundingClientRect().width ?? size.width;
      const step = Math.max(1, Math.round(((event.ctrlKey ? 1 : STEP_PX) * size.width) / shown));
      const change = event.shiftKey ? resized : moved;
      return sheet.change(item.id, change(item, arrow[0] * step, arrow[1] * step, size));
    }
    if (event.ctrlKey) {
      if (kind !== "detection" || sheet.busy || sign !== "z") return;
      event.preventDefault();
      return event.shiftKey ? sheet.redo() : sheet.undo();
    }
    if (arrow !== undefined && kind !== "detection") {
      event.preventDefault();
      return focusLabel(panel.current, arrow[0] + arrow[1]);
    }
    if (/^[1-9]$/.test(sign)) {
      const label = visible[Number(sign) - 1];
      if (label !== undefined) choose(label);
      return;
    }
    switch (sign) {
      case "0":
        return none();
      case "Enter":
        if (ofLabel(event.target) ? kind === "classification" : isPressable(event.target)) return;
        event.preventDefault();
        return kind === "classification" ? undefined : send();
      case "u":
        return void queue.undo();
      case "s":
        return onSkip();
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
    switch (sign) {
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
    // Who leaves the window with a key held lifts it elsewhere.
    const gone = () => setSpaceHeld(false);
    window.addEventListener("keydown", down);
    window.addEventListener("keyup", up);
    window.addEventListener("blur", gone);
    return () => {
      window.removeEventListener("keydown", down);
      window.removeEventListener("keyup", up);
      window.removeEventListener("blur", gone);
    };
  }, []);

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
    panel.current?.focus({ preventScroll: true });
  };

  const drawing = kind === "detection" && draws && !spaceHeld;
  const marked = useMemo(
    () => (kind === "classification" ? null : kind === "multi-label" ? chosen : asSet(boxLabel)),
    [kind, chosen, boxLabel],
  );

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
      <section className="panel" ref={panel} tabIndex={-1} aria-label={TEXTS.question[kind]}>
        <div className="panel-body">
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
            onFirst={chooseFirstStably}
            mayAdd={info.allow_new_labels}
            onAdd={addStably}
          />
        </div>
        <div className="actions" onClickCapture={onlyFirstClick}>
          <p className="problem" role="alert" ref={problemText}>{problem}</p>
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
            <Button fullWidth disabled={blocked} onClick={onSkip}>
              <span className="label-content"><kbd aria-hidden="true">s</kbd> {TEXTS.skip}</span>
            </Button>
          </div>
          <Last last={props.last} />
          <p className="hint keys-hint">{TEXTS.keysHint}</p>
        </div>
      </section>
    </div>
  );
}

/** The keys that end an image, by kind. */
const ANSWERING = {
  classification: /^(?:[0-9us]|Enter)$/,
  "multi-label": /^(?:[0us]|Enter)$/,
  detection: /^(?:[0us]|Enter)$/,
} as const;

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

/** How labels are compared: one that differs by its case alone is a slip of the hand. */
function folded(label: string): string {
  return label.normalize("NFC").trim().toLocaleLowerCase();
}

/** Let the browser's way back be asked for twice, since it leads out of the page. */
function holdBack(onBack: () => void): () => void {
  const there = () => (history.state as { here?: boolean } | null)?.here === true;
  const stay = () => {
    if (!there()) history.pushState({ here: true }, "");
  };
  const back = () => {
    if (!there()) onBack();
  };
  window.addEventListener("keydown", stay);
  window.addEventListener("pointerdown", stay);
  window.addEventListener("popstate", back);
  return () => {
    window.removeEventListener("keydown", stay);
    window.removeEventListener("pointerdown", stay);
    window.removeEventListener("popstate", back);
  };
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
