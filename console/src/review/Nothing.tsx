// In the place of an image while there is none.

import Button from "@cloudscape-design/components/button";

import { TEXTS } from "../shared/texts";
import type { ModelType } from "./api";
import { useKeptFocus } from "./focus";
import { useKeys } from "./keys/useKeys";
import { Last } from "./Last";
import type { TaskQueue, View } from "./queue/queue";

interface Props {
  kind: ModelType;
  view: View;
  open: number | null;
  blocked: boolean;
  queue: TaskQueue;
  onKeys: () => void;
}

export function Nothing({ kind, view, open, blocked, queue, onKeys }: Props) {
  const { phase, connected } = view;
  const section = useKeptFocus();

  useKeys({ kind, at: "page", blocked, commands: { undo: () => void queue.undo(), showKeys: onKeys } });

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
