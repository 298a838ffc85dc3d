// How much is to do, how fast it goes, and how often this person agrees with the others.

import { useEffect, useState } from "react";

import type { Api, Summary } from "./api";
import type { View } from "./queue";
import { TEXTS } from "./texts";

const LOOK_EVERY_MS = 30_000;

export function Pace({ api, view }: { api: Api; view: View }) {
  const summary = useSummary(api);
  const open = summary === null ? TEXTS.none_yet : TEXTS.openValue(summary.open);
  const agreement =
    summary !== null && summary.compared > 0
      ? TEXTS.agreementValue(summary.agreed, summary.compared)
      : TEXTS.none_yet;
  const pace = view.paceS === null ? TEXTS.none_yet : TEXTS.paceValue(view.paceS);
  const facts: [string, string][] = [
    [TEXTS.open, open],
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

function useSummary(api: Api): Summary | null {
  const [summary, setSummary] = useState<Summary | null>(null);
  useEffect(() => {
    let over = false;
    const look = () => {
      if (document.hidden) return;
      // The queue says when there is no connection; these figures can wait for the next look.
      api.summary().then((found) => !over && setSummary(found), () => undefined);
    };
    look();
    const timer = setInterval(look, LOOK_EVERY_MS);
    return () => {
      over = true;
      clearInterval(timer);
    };
  }, [api]);
  return summary;
}
