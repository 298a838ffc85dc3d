// The room of reviewers: one image after the other.

import Alert from "@cloudscape-design/components/alert";
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";

import { Header } from "../shared/Header";
import { TEXTS } from "../shared/texts";
import { wordsOf } from "./answers";
import type { Answer, Api, SessionInfo } from "./api";
import type { Brush } from "./boxes/boxes";
import { KeysHelp } from "./keys/KeysHelp";
import { Nothing } from "./Nothing";
import { Pace, useSummary } from "./Pace";
import { Question } from "./Question";
import type { TaskQueue } from "./queue/queue";
import { Unsent } from "./Unsent";
import { useBrowser } from "./useBrowser";

const SHOWN_AT_ONCE = 2;

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
  const [brush] = useState<Brush>(() => ({ label: info.labels.length === 1 ? (info.labels[0] ?? "") : "" }));
  const showKeys = useCallback(() => setKeysShown(true), []);
  const { current, phase } = view;
  const labels = useMemo(
    () => [...info.labels, ...added.filter((label) => !info.labels.includes(label))],
    [info.labels, added],
  );
  const shownName = current?.task.file_name;
  const blocked = keysShown || unsent > 0 || view.undoing;
  const [summary, open] = useSummary(api, view);

  useEffect(() => {
    if (phase === "signed-out") onSignedOut();
  }, [phase, onSignedOut]);

  useBrowser(queue, view.waiting);

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
            last={view.last}
            blocked={blocked}
            onAnswer={answer}
            onSkip={() => {
              setSaid(TEXTS.skipped);
              queue.skip();
            }}
            onNewLabel={(label) => setAdded((before) => [...before, label])}
            onKeys={showKeys}
          />
        ) : (
          <Nothing
            kind={info.model_type}
            view={view}
            open={open}
            blocked={blocked}
            queue={queue}
            onKeys={showKeys}
          />
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
      {keysShown && <KeysHelp kind={info.model_type} onClose={() => setKeysShown(false)} />}
      {unsent > 0 && <Unsent count={unsent} onStay={() => setUnsent(0)} onSignOut={onSignOut} />}
    </>
  );
}
