// The buttons below the labels, and what is in the way of an answer.

import Badge from "@cloudscape-design/components/badge";
import { useEffect, useRef } from "react";

import { TEXTS } from "../shared/texts";
import { KeyButton } from "./keys/KeyButton";
import { keyOf } from "./keys/keys";
import { onlyFirstClick } from "./Labels";
import { Last } from "./Last";
import type { View } from "./queue/queue";

interface Props {
  problem: string;
  last: View["last"];
  /** The model's confidence in percent that it is none of the labels. */
  modelNone: number | undefined;
  mayAct: boolean;
  blocked: boolean;
  onNone: () => void;
  /** Nothing where a label answers by itself. */
  onSend: (() => void) | null;
  onUndo: () => void;
  onSkip: () => void;
}

export function Actions({ problem, last, modelNone, mayAct, blocked, onNone, onSend, onUndo, onSkip }: Props) {
  const problemText = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    if (problem !== "") problemText.current?.scrollIntoView({ block: "nearest" });
  }, [problem]);

  return (
    <div className="actions" onClickCapture={onlyFirstClick}>
      <p className="problem" role="alert" ref={problemText}>{problem}</p>
      <div className="row">
        <KeyButton command="none" disabled={!mayAct} onClick={onNone}>
          {TEXTS.none}
          {modelNone !== undefined && <Badge color="blue">{TEXTS.modelSays(Math.round(modelNone))}</Badge>}
        </KeyButton>
        {onSend !== null && (
          <KeyButton command="send" variant="primary" disabled={!mayAct} onClick={onSend}>{TEXTS.send}</KeyButton>
        )}
      </div>
      <div className="row">
        <KeyButton command="undo" disabled={blocked} onClick={onUndo}>{TEXTS.undo}</KeyButton>
        <KeyButton command="skip" disabled={blocked} onClick={onSkip}>{TEXTS.skip}</KeyButton>
      </div>
      <Last last={last} />
      <p className="hint keys-hint">{TEXTS.keysHint(keyOf("showKeys"))}</p>
    </div>
  );
}
