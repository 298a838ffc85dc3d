// How much is to do, how fast it goes, and how often this person agrees with the others.

import { useEffect, useRef, useState } from "react";

import { TEXTS } from "../shared/texts";
import type { Api, Summary } from "./api";
import type { View } from "./queue/queue";

const LOOK_EVERY_MS = 30_000;
const MOST_COUNTED = 10_000;

interface Props {
  open: number | null;
  summary: Summary | null;
  view: View;
}

export function Pace({ open, summary, view }: Props) {
  const agreement =
    summary !== null && summary.compared > 0
      ? TEXTS.agreementValue(summary.agreed, summary.compared)
      : TEXTS.none_yet;
  const pace = view.paceS === null ? TEXTS.none_yet : TEXTS.paceValue(view.paceS);
  const facts: [string, string][] = [
    [TEXTS.open, open === null ? TEXTS.none_yet : TEXTS.openValue(open)],
    [TEXTS.answered, String(view.answered)],
    [TEXTS.pace, pace],
    [TEXTS.agreement, agreement],
  ];
  return (
    <dl className="pace" aria-label={TEXTS.progress}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** The service's figures, and how many images are open by what has been answered since. */
export function useSummary(api: Api, { answered, held, phase }: View): [Summary | null, number | null] {
  const [seen, setSeen] = useState<{ summary: Summary; answered: number } | null>(null);
  const latest = useRef(answered);
  useEffect(() => {
    latest.current = answered;
  }, [answered]);
  const empty = phase === "empty";
  useEffect(() => {
    let over = false;
    const look = () => {
      if (document.hidden) return;
      const { current } = latest;
      // The queue says when there is no connection; these figures can wait for the next look.
      api.summary().then((summary) => !over && setSeen({ summary, answered: current }), () => undefined);
    };
    look();
    const timer = setInterval(look, LOOK_EVERY_MS);
    return () => {
      over = true;
      clearInterval(timer);
    };
  }, [api, empty]);
  if (seen === null) return [null, null];
  const { open } = seen.summary;
  // Counted no further than so many, of which nothing can be taken off.
  if (open >= MOST_COUNTED) return [seen.summary, open];
  return [seen.summary, Math.max(open - (answered - seen.answered), held)];
}
